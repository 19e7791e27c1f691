# SPDX-License-Identifier: Apache-2.0
"""What is made here for MySQL's servers is what openssl makes, and what MySQL publishes."""

import secrets
import subprocess
from collections.abc import Callable

import pytest

from breakglass_shamir.connectors.mysql import password_hash
from breakglass_shamir.hygiene import Secret


@pytest.mark.parametrize("length", [1, 15, 16, 31, 32, 33, 63, 64, 65, 127])
def test_sha_crypt_is_that_of_openssl(need: Callable[[str], str], length: int) -> None:
    """With 16 bytes of salt, where both agree; MySQL only lengthens it."""
    password, salt = secrets.token_hex(length)[:length], secrets.token_hex(8)
    command = [need("openssl"), "passwd", "-5", "-salt", salt, "-stdin"]
    told = subprocess.run(command, input=password, text=True, capture_output=True, check=True).stdout
    assert told.strip() == f"$5${salt}${password_hash.sha_crypt(password.encode(), salt.encode())}"


def test_the_native_hash_is_the_one_in_mysqls_manual() -> None:
    """MySQL reference manual, PASSWORD('password')."""
    assert password_hash.native(Secret(b"password")) == "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19"
