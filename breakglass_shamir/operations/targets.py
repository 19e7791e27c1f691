# SPDX-License-Identifier: Apache-2.0
"""From a policy to the connectors of a set.

Rules:

1. The policy says where the credential opens, as whom, with which options, and where a rotation is proven. Nothing
   that a sheet says is taken for any of it: there is no way from a credential to a connector here.
2. Where no policy is adopted, people name target and account (:class:`Named`). A target that is a program of this
   machine is not theirs to name: a policy is.
3. What the next credential carries for a blank machine is what the policy says now; where that says nothing, and
   nobody named a target, what stood on the sheets before stays there.
"""

import hashlib
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from breakglass_shamir.bounded.reading import open_plain
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.registry import connector_for
from breakglass_shamir.crypto import key_and_certificate
from breakglass_shamir.crypto.totp import COMMON, TotpScheme
from breakglass_shamir.custody.credential import Credential, CredentialKind
from breakglass_shamir.custody.policy.source import BY_PEOPLE
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.errors import ConnectorError, IllegalState, InvalidInput
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations.exact import PASSKEY_TARGET
from breakglass_shamir.operations.recorder import Recorder

_KINDS = {
    "password": CredentialKind.PASSWORD,
    "key-pair": CredentialKind.KEY_PAIR,
    "key-certificate": CredentialKind.KEY_CERTIFICATE,
    "token": CredentialKind.TOKEN,
    "opaque": CredentialKind.OPAQUE,
    "file": CredentialKind.FILE,
    "list": CredentialKind.LIST,
    "passkey": CredentialKind.PASSKEY,
}
"""The policy's words for what the secret bytes are."""

_CA_MAX_BYTES = 1 << 20
"""How much of a file of authorities is looked at for the first one."""

ACCOUNTS = ("", "breakglass", "cn=breakglass")
"""Accounts by which a target's URI is tried as long as nobody named one: none, a name, and a name of a directory."""


@dataclass(frozen=True, slots=True)
class Named:
    """A target that people name where no policy does; what a sheet names is one too, to be compared."""

    uri: str = ""
    account: str = ""

    @property
    def in_words(self) -> str:
        """Both, for people."""
        return f"{self.uri or 'no target'} (account {self.account or 'not named'})"


def connector_of(policy: Policy, asker: Recorder | None = None) -> Connector:
    """Return the connector that the credential is changed through.

    Args:
        policy: of the set.
        asker: records this program's logins; needed wherever the connector is asked about a credential.

    Raises:
        InvalidInput: no connector takes this target.
        ConnectorError: it could not be loaded.
    """
    return _noting(policy, connector_for(policy.target.uri, policy.target.account, policy.target.options), asker)


def endpoints_of(policy: Policy, asker: Recorder | None = None) -> tuple[Connector, ...]:
    """Return where a rotation is proven: where it is changed first, then every endpoint the policy lists.

    Args:
        policy: of the set.
        asker: as for :func:`connector_of`.

    Raises:
        InvalidInput: no connector takes one of them.
        ConnectorError: one could not be loaded.
    """
    first = connector_of(policy, asker)
    others = (uri for uri in dict.fromkeys(policy.rotation.endpoints) if uri != first.target)
    made = (connector_for(uri, policy.target.account, policy.target.options) for uri in others)
    return (first, *(_noting(policy, one, asker) for one in made))


def _noting(policy: Policy, connector: Connector, asker: Recorder | None) -> Connector:
    if asker is not None:
        connector.on_login = partial(asker.own_login, connector.target)
        if policy.arming is not None:
            # Imported here: few sets have it.
            from breakglass_shamir.operations.arming import keeping

            keeping.attach(asker, policy, connector)
    return connector


def check_reach(policy: Policy) -> None:
    """Hold that every connector of a policy can be made and used here, and that a file it names for paper can be read.

    Raises:
        InvalidInput: no connector takes a target, or the file of authorities cannot be read.
        ConnectorError: one could not be loaded, or this machine lacks what it needs.
    """
    for connector in endpoints_of(policy):
        if lacking := connector.missing():
            raise ConnectorError(f"{connector.target} cannot be reached from here: {'; '.join(lacking)}")
    _ca_fingerprint(policy)


def named_connector(named: Named, *, account_follows: bool = False) -> Connector:
    """Return the connector of a target that people name; nothing is asked there.

    Args:
        named: what they said.
        account_follows: whether the account may still come from elsewhere, so that any will do for now.

    Raises:
        InvalidInput: no connector takes it.
        IllegalState: it names a program; only an adopted policy may.
        ConnectorError: its connector could not be loaded.
    """
    accounts = ACCOUNTS if account_follows and not named.account else (named.account,)
    refused: InvalidInput | None = None
    for account in accounts:
        try:
            connector = connector_for(named.uri, account)
        except InvalidInput as error:
            refused = error
            continue
        if connector.policy_only:
            raise IllegalState(
                f"a target of {connector.scheme} names a program, and only an adopted policy may name one",
                hint="adopt a policy of the set that names it",
            )
        return connector
    assert refused is not None  # noqa: S101 - there is an account to try
    raise refused


def kind_of(policy: Policy | None, kind: str | None = None) -> CredentialKind:
    """Return what the secret bytes are: as people say, else as the policy does, else a password.

    At a page at which one logs in by passkey it is one, whoever says otherwise.
    """
    if policy is not None and policy.target.uri.startswith(PASSKEY_TARGET):
        return CredentialKind.PASSKEY
    return _KINDS[kind or (policy.target.kind if policy else "password")]


def describe(
    policy: Policy, secret: Secret, *, kind: str | None = None, totp_seed: Secret | None = None,
    totp_scheme: TotpScheme = COMMON,
) -> Credential:  # fmt: skip
    """Put the secret together with all that a blank machine needs.

    Args:
        policy: of the set.
        secret: the exact bytes; of a key with its certificate, both; of a passkey its JSON.
        kind: what they are; None: as the policy says.
        totp_seed: of the account's second factor.
        totp_scheme: how its codes are made.

    Raises:
        InvalidInput: too large, or the file of authorities cannot be read.
    """
    target, what, certificate = policy.target, kind_of(policy, kind), b""
    if what is CredentialKind.KEY_CERTIFICATE:
        secret, certificate = key_and_certificate.parted(secret)
    made = Credential(
        secret,
        what,
        account=target.account,
        target=target.uri,
        ca_fingerprint=_ca_fingerprint(policy),
        hint=target.second_account,
        totp_seed=totp_seed,
        totp_scheme=totp_scheme,
        certificate=certificate,
    )
    return made.renewed(secret) if made.kind is CredentialKind.PASSKEY else made


def carried(policy: Policy, credential: Credential) -> Credential:
    """Return the next credential with what the policy says now, where it says anything: a blank machine reads it there.

    Raises:
        InvalidInput: too large, or the file of authorities cannot be read.
    """
    target = policy.target
    nobody_said = target.uri == BY_PEOPLE
    return replace(
        credential,
        account=target.account or credential.account,
        target=credential.target if nobody_said else target.uri,
        ca_fingerprint=_ca_fingerprint(policy) or credential.ca_fingerprint,
        hint=target.second_account or credential.hint,
    )


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
        with open_plain(Path(path)) as file:
            text = file.read(_CA_MAX_BYTES).decode("ascii")
        end = ssl.PEM_FOOTER
        first = text[text.index(ssl.PEM_HEADER) : text.index(end) + len(end)]
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(first)).hexdigest()
    except OSError as error:
        raise InvalidInput(f"option ca: {path} cannot be read: {error.strerror}") from None
    except ValueError:
        raise InvalidInput(f"option ca: expected a certificate in PEM form in {path}") from None
