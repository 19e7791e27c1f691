# SPDX-License-Identifier: Apache-2.0
"""A target that is given a key with its certificate, or a passkey's JSON, and repeats the key alone."""

import base64

import pytest
from Crypto.PublicKey import ECC

from breakglass_shamir.connectors.port.answers import Check, CheckResult
from breakglass_shamir.connectors.port.guard import WITHHELD, plain, presentable
from breakglass_shamir.crypto import key_and_certificate
from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.formats.passkey import PasskeyText
from breakglass_shamir.hygiene import Secret

KEY = ECC.generate(curve="p256")
PEM = KEY.export_key(format="PEM", use_pkcs8=True)
DER = KEY.export_key(format="DER", use_pkcs8=True)
PAIR = key_and_certificate.joined(Secret(f"{PEM}\n".encode()), b"-----BEGIN CERTIFICATE-----\nMA==\n")
PASSKEY = PasskeyText("login.example", bytes(16), Secret(DER), b"user-1").write()


@pytest.mark.parametrize(
    ("given", "said"),
    [(PAIR, PEM), (PAIR, repr(PEM)), (PASSKEY, base64.b64encode(DER).decode()), (PASSKEY, DER.hex())],
    ids=["a key", "a key, escaped", "a passkey's key", "a passkey's key in hexadecimal"],
)
def test_the_key_alone_is_withheld(given: Secret, said: str) -> None:
    answer = plain(Check(CheckResult.UNKNOWN, f"cannot load {said}"), [given])
    assert answer.detail == WITHHELD
    assert "withheld" in str(presentable("x509 check", ConnectorError(f"cannot load {said}"), [given]))
    assert plain(Check(CheckResult.UNKNOWN, "no such role"), [given]).detail == "no such role"
