# SPDX-License-Identifier: Apache-2.0
"""TLS as every sink uses it: verified, 1.2 or later, the policy's authority or the system's."""

import ssl

from breakglass_shamir.errors import SinkFailure


def context(ca: str | None, cert: str | None = None, key: str | None = None) -> ssl.SSLContext:
    """Return a client's context.

    Args:
        ca: file of certificates to trust; None for the system's.
        cert: file of the client's own certificate, where the server asks for one.
        key: file of its key, where it is not in the same file.

    Raises:
        SinkFailure: a file cannot be read or is not what it should be.
    """
    what = f"the certificate authority {ca}"
    try:
        made = ssl.create_default_context(cafile=ca)
        what = f"the client certificate {cert}"
        if cert:
            made.load_cert_chain(cert, key, password=_no_password)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise SinkFailure(f"{what} cannot be used: {reason}") from None
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    return made


def _no_password() -> str:
    raise ValueError("its key is protected by a passphrase, which nobody is there to type")
