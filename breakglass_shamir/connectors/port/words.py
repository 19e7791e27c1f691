# SPDX-License-Identifier: Apache-2.0
"""Words of a policy, of people or of paper that reach a program's arguments, a protocol or a file: hosts and accounts.

Rules:

1. An account is one printable line that no program takes for an option.
2. A host is one name or one address. Drivers read more into other characters: a comma makes a list of hosts, a slash
   or an at sign a local socket.

What it does not do: it resolves nothing. What a kind of target asks of an account beyond this is its connector's.
"""

import re

from breakglass_shamir.errors import InvalidInput

ACCOUNT_MAX_CHARS = 512
"""Longest account of any target."""

_NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9_])?\.?"
_ADDRESS = r"[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*(?:%[A-Za-z0-9._-]+)?"
_HOST = re.compile(rf"{_NAME}|{_ADDRESS}")


def check_account(account: str) -> None:
    """Refuse an account that is no word for a program or protocol; an empty one is none.

    Raises:
        InvalidInput: it begins with a hyphen, is too long, or holds what cannot be printed.
    """
    if account.startswith("-") or not account.isprintable() or len(account) > ACCOUNT_MAX_CHARS:
        raise InvalidInput(
            f"expected an account of at most {ACCOUNT_MAX_CHARS} printable characters without a hyphen in front",
            hint="name it in the policy as target.account; where there is no policy, with --account",
        )


def is_host(host: str) -> bool:
    """Tell whether a text is one host name, or one address without brackets."""
    return _HOST.fullmatch(host) is not None
