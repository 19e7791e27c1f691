# SPDX-License-Identifier: Apache-2.0
"""A private key and its certificate in one text: where the one ends and the other begins.

Source: RFC 7468, section 3: a private key in PEM ends with its END line. What follows is the certificate, or several.

What it does not do: it reads neither.
"""

from breakglass_shamir.hygiene import Secret

_KEY_ENDS = b"PRIVATE KEY-----"
_END = b"-----END "


def parted(text: Secret) -> tuple[Secret, bytes]:
    """Return the private key with the line feed of its last line, and what follows it; all is key where nothing ends.

    Never raises.
    """
    data = text.reveal()
    begin = data.find(_END)
    while begin >= 0:
        line = data.find(b"\n", begin)
        end = len(data) if line < 0 else line + 1
        if data[begin:end].rstrip().endswith(_KEY_ENDS):
            return Secret(data[:end]), data[end:]
        begin = data.find(_END, end)
    return Secret(data), b""


def joined(key: Secret, certificate: bytes) -> Secret:
    """Return both in one text, as :func:`parted` takes it apart. Never raises."""
    data = key.reveal()
    return Secret(data + (b"" if data.endswith(b"\n") or not certificate else b"\n") + certificate)
