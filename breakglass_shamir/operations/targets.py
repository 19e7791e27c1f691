# SPDX-License-Identifier: Apache-2.0
"""From a policy, or from the credential alone, to the connectors of a set.

The policy says where the credential opens, as whom, with which options, and where a rotation is proven. A
terminal without a policy takes target and account from the credential itself.
"""

import hashlib
from dataclasses import replace
from pathlib import Path

from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.registry import connector_for
from breakglass_shamir.custody.credential import Credential, CredentialKind
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.hygiene import Secret

_KINDS = {
    "password": CredentialKind.PASSWORD,
    "key-pair": CredentialKind.KEY_PAIR,
    "token": CredentialKind.TOKEN,
    "opaque": CredentialKind.OPAQUE,
    "file": CredentialKind.FILE,
}
"""The policy's words for what the secret bytes are."""


def connector_of(policy: Policy, credential: Credential | None = None) -> Connector:
    """Return the connector that the credential is changed through.

    Raises:
        InvalidInput: no connector takes this target.
        ConnectorError: it could not be loaded.
    """
    return _at(policy, credential, policy.target.uri or (credential.target if credential else ""))


def endpoints_of(policy: Policy, credential: Credential | None = None) -> tuple[Connector, ...]:
    """Return where a rotation is proven: where it is changed first, then every endpoint the policy lists.

    Raises:
        InvalidInput: no connector takes one of them.
        ConnectorError: one could not be loaded.
    """
    first = connector_of(policy, credential)
    others = (uri for uri in dict.fromkeys(policy.rotation.endpoints) if uri != first.target)
    return (first, *(_at(policy, credential, uri) for uri in others))


def describe(policy: Policy, secret: Secret, *, kind: str | None = None, totp_seed: Secret | None = None) -> Credential:
    """Put the secret together with all that a blank machine needs.

    Args:
        policy: of the set.
        secret: the exact bytes.
        kind: what they are; None: as the policy says.
        totp_seed: of the account's second factor.

    Raises:
        InvalidInput: too large, or the file of authorities cannot be read.
    """
    target = policy.target
    return Credential(
        secret,
        _KINDS[kind or target.kind],
        account=target.account,
        target=target.uri,
        ca_fingerprint=_ca_fingerprint(policy),
        hint=target.second_account,
        totp_seed=totp_seed,
    )


def carried(policy: Policy, credential: Credential) -> Credential:
    """Return the next credential with what the policy says now, where it says anything: a blank machine reads it there.

    Raises:
        InvalidInput: too large, or the file of authorities cannot be read.
    """
    target = policy.target
    return replace(
        credential,
        account=target.account or credential.account,
        target=target.uri or credential.target,
        ca_fingerprint=_ca_fingerprint(policy) or credential.ca_fingerprint,
        hint=target.second_account or credential.hint,
    )


def _at(policy: Policy, credential: Credential | None, uri: str) -> Connector:
    account = policy.target.account or (credential.account if credential else "")
    return connector_for(uri, account, policy.target.options)


def _ca_fingerprint(policy: Policy) -> str:
    """Return the SHA-256 of the first certificate in the file of option ``ca``, hexadecimal; empty without one.

    Raises:
        InvalidInput: it cannot be read, or holds no certificate.
    """
    path = policy.target.options.get("ca")
    if not path:
        return ""
    # Imported here: slow, and needed only with a private authority.
    import ssl

    try:
        text = Path(path).read_text(encoding="ascii")
        end = ssl.PEM_FOOTER
        first = text[text.index(ssl.PEM_HEADER) : text.index(end) + len(end)]
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(first)).hexdigest()
    except OSError as error:
        raise InvalidInput(f"option ca: {path} cannot be read: {error.strerror}") from None
    except ValueError:
        raise InvalidInput(f"option ca: expected a certificate in PEM form in {path}") from None
