# SPDX-License-Identifier: Apache-2.0
"""What a credential has besides its secret, in words (spec: docs/spec/5-plaintext.md).

Rules:

1. A kind or a field of a later release is shown as its exact bytes, in hexadecimal, and a warning says that this
   release does not know it. Neither stops a reveal.
2. A warning holds nothing secret: it names kinds and tags by their numbers.

Nothing is shown here; the screen does.
"""

import string

from breakglass_shamir.custody.credential import Credential, CredentialKind
from breakglass_shamir.formats.fields import FIRST_OPTIONAL_TAG

_GRAPHIC = frozenset(string.printable.encode()) - frozenset(b"\t\r\x0b\x0c")


def details(credential: Credential) -> tuple[tuple[str, str], ...]:
    """Return label and text of what only some kinds have; some of it is secret, none of it is cleaned of controls."""
    passkey = credential.passkey
    counter = str(passkey.counter) if credential.kind is CredentialKind.PASSKEY else ""
    rows = [
        *_exact_bytes(credential),
        ("RP id", passkey.rp_id),
        ("user", passkey.user_handle.hex(" ")),
        ("cred. id", passkey.credential_id.hex(" ")),
        ("counter", counter),
        *(("cert." if not number else "", line) for number, line in enumerate(_lines(credential.certificate))),
        *((f"tag {tag}", value.reveal().hex(" ")) for tag, value in credential.others),
    ]
    return tuple(row for row in rows if row[1])


def warnings(credential: Credential, *, whole: bool) -> tuple[str, ...]:
    """Return what people should know before this credential is used.

    Args:
        credential: what was opened.
        whole: whether everything in it is shown; else its secret alone is handed over.
    """
    said = []
    if not credential.kind.is_known:
        said.append(f"this release does not know the {credential.kind.word.replace('-', ' ')} of credential: its exact "
                    "bytes are what you get")  # fmt: skip
    strange = [tag for tag, _ in credential.others if tag < FIRST_OPTIONAL_TAG]
    if strange:
        said.append(f"the credential has fields that this release does not know: {', '.join(map(str, strange))}; "
                    "a later release may need them")  # fmt: skip
    if credential.totp_seed and not credential.totp_scheme.is_known:
        scheme = credential.totp_scheme
        said.append(f"this release cannot make its one-time codes: algorithm {scheme.algorithm}, "
                    f"{scheme.digits} digits, {scheme.period} s")  # fmt: skip
    given = {"cert.", ""} if credential.kind is CredentialKind.KEY_CERTIFICATE else set()
    if not whole and any(label not in given for label, _ in details(credential)):
        said.append("it has more than its secret, which the command does not get: --show shows all of it")
    return tuple(said)


def _exact_bytes(credential: Credential) -> list[tuple[str, str]]:
    """Return the secret in hexadecimal where nobody here knows what its bytes mean."""
    if credential.kind.is_known:
        return []
    return [("kind", f"{credential.kind.value}, of a later release"), ("exactly", credential.secret.reveal().hex(" "))]


def _lines(data: bytes) -> list[str]:
    """Return a certificate's own lines where it is text, else its bytes in hexadecimal."""
    if set(data) <= _GRAPHIC:
        return data.decode("ascii").splitlines()
    return [data.hex(" ")]
