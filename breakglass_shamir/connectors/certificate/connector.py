# SPDX-License-Identifier: Apache-2.0
"""A private key with its X.509 certificate as a break-glass credential, one scheme for each kind of server.

Rules:

1. The secret that passes here is one text: the private key in PEM, and its certificate behind it.
2. A certificate is live from its signature on. So it is on record, by serial number and fingerprint, before this
   process lets go of it; what an earlier run made and no sheet opens is revoked before another one is made.
3. The new certificate has to be let in before the old one is revoked. As long as both are let in, the change is not
   finished: ``overlaps`` tells the engine to ask about the old one first, and ``rotate`` does the rest.
4. The old certificate is dead when the server itself refuses it, not when it stands on a list.

What it does not do: it changes no account, and no rule of the server that says which certificate is whose.
"""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.connectors.certificate import asking, authority
from breakglass_shamir.connectors.certificate import pair as pairs
from breakglass_shamir.connectors.certificate.pair import Pair
from breakglass_shamir.connectors.database_target import require_account, require_different, stop_at
from breakglass_shamir.connectors.port.answers import Check, CheckResult, Lifetime, Preflight
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.port.cost import Costs
from breakglass_shamir.connectors.port.options import NO_OPTIONS, TLS_OPTIONS, tls
from breakglass_shamir.connectors.port.words import is_host
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.plural import counted

ACCOUNT_MAX_BYTES = 256

SETTLE_S = 30
"""How long a server may take until it refuses a certificate that was revoked, in seconds."""

HEADER_MAX_CHARS = 60

NAMED_MOST = 5
"""Certificates on no sheet that are named; all are on record."""

_PAUSE_S = 0.5


class _X509Connector(Connector):
    """What every scheme of a key with its certificate shares."""

    grace_window_s: ClassVar[int] = 0
    settle_s: ClassVar[int] = SETTLE_S
    scope: ClassVar[str] = "this certificate; other certificates of the same name still open"
    overlaps: ClassVar[bool] = True
    abilities: ClassVar[frozenset[str]] = frozenset({"issue", "lifetime"})
    option_names: ClassVar[frozenset[str]] = TLS_OPTIONS | authority.OPTIONS | {"key"}
    costs: ClassVar[Costs] = Costs(check=1, preflight=1, rotate=2)

    def __init__(self, target: str, account: str = "", *, options: Mapping[str, str] = NO_OPTIONS) -> None:
        super().__init__(target, account, options=options)
        require_account(self.scheme, account, ACCOUNT_MAX_BYTES)
        self._server = self._server_of(target, options)
        self._kind = options.get("key", "")
        if self._kind and self._kind not in pairs.KEY_TYPES:
            raise InvalidInput(f"option key: expected one of {', '.join(pairs.KEY_TYPES)}")
        # What knows a set from its sheets alone has no authority: it can ask and not rotate.
        named = authority.OPTIONS & set(options)
        self._authority = authority.authority_of(options, target, account, self.time_limit_s) if named else None

    def missing(self) -> tuple[str, ...]:
        """Return whether the library is not there."""
        try:
            pairs.require_library()
        except InvalidInput as error:
            return (f"{error}; {error.hint}",)
        return ()

    def _server_of(self, target: str, options: Mapping[str, str]) -> asking.Server:
        """Read target and options.

        Raises:
            InvalidInput: they name no server.
        """
        host, port, path = _place(target, self._port)
        believed = tls(options)
        if not believed.verify:
            raise InvalidInput("option tls: a certificate is shown over TLS only")
        return asking.Server(host, port, path, believed, self.time_limit_s, self._header(options))

    _port: ClassVar[int]
    _ask: ClassVar[asking.Ask]

    def _header(self, _options: Mapping[str, str]) -> str:
        return ""

    def _preflight(self, new: Secret | None) -> Preflight:
        return self._preflight_as(new, None)

    def _preflight_as(self, new: Secret | None, current: Secret | None) -> Preflight:
        problems: list[str] = []
        notes = ["other certificates of the same name, and sessions that are open, are not reached"]
        login, pair = None, None
        bare = asking.check(self._server, self.account, None, type(self)._ask, self.on_login)
        if bare.result is CheckResult.ACCEPTED:
            problems.append("the server lets in who shows no certificate: what it says of one proves nothing")
        if current is None:
            problems += [bare.detail] if not _answers(bare) else []
        else:
            pair = pairs.pair_of(current)
            login = self._asked(pair)
            if login.result is not CheckResult.ACCEPTED:
                problems.append(f"the certificate in force could not be asked about: {login.detail}")
        if self._authority is None:
            problems.append("no option says who signs the next certificate")
        else:
            problems += self._authority.problems(pair.certificate if pair else None)
            notes += _ending(self._authority.ends_at(), "the authority's revocation list")
        notes += self._left_notes(pair)
        if new is not None:
            pairs.pair_of(new)
        lives = self._authority.lifetime() if self._authority else None
        return Preflight(
            tuple(problems), tuple(notes), None, self.scope, (), login, None, self._list_ends(),
            None if lives is None else int(lives.total_seconds()),
        )  # fmt: skip

    def _check(self, credential: Secret) -> Check:
        return self._asked(pairs.pair_of(credential))

    def _asked(self, pair: Pair) -> Check:
        return asking.check(self._server, self.account, pair, type(self)._ask, self.on_login)

    def _issue(self, current: Secret) -> Secret:
        signs, making = self._signs(), self.making
        if making is None:
            raise ConnectorError(
                "a certificate is made in a rotation only, where it is on record before anybody has it",
                hint="put the one in force on paper (split --credential-from), then rotate",
            )
        like = pairs.pair_of(current)
        left = [one for one in making.left if one != like.public_id]
        new = signs.sign(self._kind or _renewable(like), like.certificate, making)
        made = pairs.pair_of(new)
        self._take_back([one for one in left if one != made.public_id], pairs.issuer_mark(made.certificate))
        return new

    def _take_back(self, left: list[str], issuer: str) -> None:
        """Revoke what earlier runs made and no sheet opens, as far as the authority of now issued it.

        Raises:
            ConnectorError: that failed; the new certificate is on record, and is revoked by the next run.
        """
        own = {one: serial for one in left if (serial := pairs.serial_of(one, issuer)) is not None}
        if own and self._signs().revoke(tuple(own.values())) and self.making is not None:
            for one in own:
                self.making.taken_back(one)

    def _left_notes(self, current: Pair | None) -> list[str]:
        """Say which certificates of earlier runs are live and on no sheet."""
        in_force = current.public_id if current else ""
        left = [one for one in (self.making.left if self.making else ()) if one != in_force]
        if not left:
            return []
        return [
            f"{counted(len(left), 'certificate')} that earlier runs had made and no sheet has, live until revoked (a "
            f"rotation does that where its authority issued them): {'; '.join(left[:NAMED_MOST])}"
        ]

    def _rotate(self, old: Secret, new: Secret) -> None:
        require_different(old, new)
        signs, was, will_be = self._signs(), pairs.pair_of(old), pairs.pair_of(new)
        if was.certificate.serial_number == will_be.certificate.serial_number:
            raise ConnectorError("unchanged: both certificates have the same serial number")
        old_check = self._asked(was)
        if old_check.result is not CheckResult.ACCEPTED:
            raise ConnectorError(f"unchanged: the old credential was not accepted: {old_check.detail}")
        new_check = self._asked(will_be)
        if new_check.result is not CheckResult.ACCEPTED:
            raise ConnectorError(f"unchanged: the new certificate was not accepted: {new_check.detail}")
        stop_at(signs.problems(was.certificate))
        is_another_authoritys = was.certificate.issuer != will_be.certificate.issuer
        if is_another_authoritys or not signs.revoke((was.certificate.serial_number,)):
            # Serial numbers are one issuer's: another authority would revoke somebody else's.
            # The new sheets are in custody: what waits under the key of the old ones would outlive them.
            signs.done()
            self._left_to_people(was)
        self._wait_until_refused(was)
        signs.done()

    def _left_to_people(self, was: Pair) -> None:
        """Say what people do, where the server does not refuse the old certificate already.

        Raises:
            ConnectorError: it does not.
        """
        serial = f"{was.certificate.serial_number:x}"
        raise ConnectorError(
            f"the new certificate is let in; the old one, serial number {serial}, is to be revoked by people",
            hint="have it revoked, let the server take the new list, then rotate again with both sets of sheets",
        )

    def _wait_until_refused(self, was: Pair) -> None:
        """Wait until the server took the list.

        Raises:
            ConnectorError: it did not in time.
        """
        deadline = Deadline(SETTLE_S)
        while (found := self._asked(was)).result is not CheckResult.REFUSED:
            if deadline.over:
                raise ConnectorError(
                    f"the old certificate is on the list, and the server does not refuse it: {found.detail}",
                    hint="see that the server reads the file of option crl, and that option reload has it read anew",
                )
            time.sleep(_PAUSE_S)

    def _lifetime(self, credential: Secret | None) -> tuple[Lifetime, ...]:
        found: list[Lifetime] = []
        if credential is not None:
            pair = pairs.pair_of(credential)
            found.append(Lifetime("certificate", pair.certificate.not_valid_after_utc, pair.public_id))
        return (*found, *self._list_ends())

    def _list_ends(self) -> tuple[Lifetime, ...]:
        """Return when the authority's list runs out, after which the server refuses every certificate."""
        ends = self._authority.ends_at() if self._authority else None
        return () if ends is None else (Lifetime("revocation list", ends),)

    def _signs(self) -> authority.Authority:
        if self._authority is None:
            raise ConnectorError(
                "unchanged: no option says who signs the next certificate",
                hint="options ca_key and ca_certificate, or ca_command, or requests, in an adopted policy",
            )
        return self._authority


class X509PostgresqlConnector(_X509Connector):
    """A client certificate of a PostgreSQL role; target ``x509-postgresql://HOST[:5432][/DATABASE]``.

    ``target.kind`` is ``key-certificate``: the private key in PEM with its certificate behind it. The account is the
    role. The server's ``pg_hba.conf`` has the method ``cert`` for it.

    What it changes: a new key is made here, and an authority signs its certificate (docs/targets.md, *Certificates*).
    When the new one was let in, the old one is revoked, and has to be refused by the server.

    What it needs: the extra ``breakglass-shamir[x509]``. ``ssl_ca_file`` and ``ssl_crl_file`` at the server, and a way
    by which it reads the list anew (option ``reload``).

    What it does not reach: other certificates of the same name; sessions that are open.

    What it cannot tell: a server without a list of the authority says that it does not know the authority.
    """

    scheme: ClassVar[str] = "x509-postgresql"
    _port: ClassVar[int] = 5432
    _ask: ClassVar[asking.Ask] = staticmethod(asking.postgresql)


class X509HttpsConnector(_X509Connector):
    """A client certificate that an HTTPS server asks for; target ``x509-https://HOST[:443][/PATH]``.

    ``target.kind`` is ``key-certificate``. The account is a label, such as the certificate's common name.

    What it changes: as ``x509-postgresql``. What it needs: the extra ``breakglass-shamir[x509]``; a page that answers
    2xx or 3xx to who shows a good certificate. A server that judges certificates in TLS (Apache httpd, HAProxy, Envoy)
    says why. nginx answers with one page for every reason: there option ``header`` names the response header in which
    it says ``$ssl_client_verify``.

    What it does not reach: other certificates of the same name; TLS sessions that are resumed until they end.

    What it cannot tell: whether the page would have been shown to who has no certificate; preflight asks that.
    """

    scheme: ClassVar[str] = "x509-https"
    option_names: ClassVar[frozenset[str]] = _X509Connector.option_names | {"header"}
    _port: ClassVar[int] = 443
    _ask: ClassVar[asking.Ask] = staticmethod(asking.https)

    def _header(self, options: Mapping[str, str]) -> str:
        name = options.get("header", "")
        if name and not (len(name) <= HEADER_MAX_CHARS and name.isascii() and name.replace("-", "").isalnum()):
            raise InvalidInput("option header: expected the name of a response header")
        return name


def _place(uri: str, usual_port: int) -> tuple[str, int, str]:
    """Return host, port and path of a target.

    Raises:
        InvalidInput: it names none.
    """
    scheme = uri.partition(":")[0].lower()
    try:
        parts = urlsplit(uri)
        host, port = unquote(parts.hostname or ""), parts.port or usual_port
    except ValueError:
        parts, host, port = urlsplit(""), "", 0
    path = unquote(parts.path)
    if (
        not is_host(host)
        or parts.query
        or parts.fragment
        or "@" in parts.netloc
        or not path.isprintable()
        or " " in path
    ):
        raise InvalidInput(
            f"{scheme} target is malformed: expected {scheme}://HOST[:PORT][/PATH]",
            hint="the account is target.account, everything else is target.options",
        )
    return host, port, path if scheme.endswith("https") else path[1:]


def _renewable(pair: Pair) -> str:
    """Return the type of the next key: that of the one in force, where one of it can be made."""
    kind = pairs.key_type(pair.key)
    return kind if kind in pairs.KEY_TYPES else "p256"


def _answers(bare: Check) -> bool:
    """Tell whether a server answered who showed no certificate."""
    return not bare.detail.startswith(("no answer", "what answers", "the server could not"))


def _ending(ends: datetime | None, what: str) -> list[str]:
    if ends is None:
        return []
    over = ends <= datetime.now(UTC)
    return [f"{what} {'ended' if over else 'ends'} at {pairs.in_words(ends)}"]
