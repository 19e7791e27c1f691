# SPDX-License-Identifier: Apache-2.0
"""A login with an account's secret, and the token that the server gives for it: kept as long as it is needed.

What a login says:

- *accepted*: the server gave a token;
- *refused*: HTTP 400 in the server's own words for a wrong secret;
- *unknown*: everything else. HTTP 403 is what a locked account gets, right secret or not, and ``blocked``.
"""

import contextlib
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from breakglass_shamir.connectors.openbao import api
from breakglass_shamir.connectors.openbao.api import NoAnswer, Reply, Site
from breakglass_shamir.connectors.port import marks
from breakglass_shamir.connectors.port.answers import Allowance, Check, CheckResult
from breakglass_shamir.hygiene import Secret

LET_IN = "the server took the secret and gave a token"
_FORBIDDEN = 403
_BAD_REQUEST = 400

OnLogin = Callable[[tuple[str, ...]], None]
"""Gets the marks by which the server's audit file will tell a login."""


class NotLetIn(Exception):
    """A login that gave no token.

    Attributes:
        check: what it means.
    """

    def __init__(self, check: Check) -> None:
        super().__init__(check.detail)
        self.check = check


@dataclass(frozen=True, slots=True)
class Session:
    """What a login gave.

    Attributes:
        site: the server.
        token: that speaks for the account.
        is_batch: whether it is a batch token: the server keeps none of these, so that none can be counted or ended.
        metadata: what the server says of who logged in, by name.
    """

    site: Site
    token: str = field(repr=False)
    is_batch: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: Mapping[str, object] | None = None, *secrets: Secret) -> Reply:
        """Ask one thing as the account.

        Raises:
            NoAnswer: there is none.
        """
        return api.ask(self.site, method, path, body, token=self.token, secrets=secrets)

    def may(self, path: str, capability: str) -> bool | None:
        """Tell whether the account may do something; None where the server does not tell it that.

        Raises:
            NoAnswer: there is no answer.
        """
        said = self.ask("POST", "sys/capabilities-self", {"paths": [path]})
        told = said.part("data").get(path)
        if not said.is_yes or not isinstance(told, list):
            return None
        return capability in told or "root" in told


def noting(on_login: OnLogin) -> Callable[[socket.socket], None]:
    """Return what tells the port a connection comes from, before anything is sent on it."""
    return lambda one: on_login(marks.of_socket(one))


@contextmanager
def session(
    site: Site, path: str, body: Mapping[str, object], refusals: frozenset[str], on_login: OnLogin, secret: Secret
) -> Iterator[Session]:
    """Log in, and revoke the token at the end.

    Args:
        site: the server.
        path: of the login.
        body: with the secret.
        refusals: the server's words for a wrong secret.
        on_login: gets the login's marks.
        secret: that no message may hold.

    Raises:
        NotLetIn: the server gave no token.
        NoAnswer: it did not answer.
    """
    said = api.ask(site, "POST", path, body, secrets=[secret], connected=noting(on_login))
    auth = said.part("auth")
    token = auth.get("client_token")
    if not (said.is_yes and isinstance(token, str) and token):
        raise NotLetIn(_judged(said, refusals))
    told = auth.get("metadata")
    facts = {name: str(value) for name, value in told.items()} if isinstance(told, dict) else {}
    opened = Session(site, token, auth.get("token_type") == "batch", facts)
    try:
        yield opened
    finally:
        if not opened.is_batch:
            # It ends by itself where the account may not end it; nothing else is lost by that.
            with contextlib.suppress(NoAnswer):
                opened.ask("POST", "auth/token/revoke-self")


def lockout(one: Session, mount: str) -> Allowance:
    """Read the lock-out of a mount; what the server's own configuration says of it no account is told.

    Raises:
        NoAnswer: there is no answer.
    """
    found = one.ask("GET", f"sys/mounts/auth/{mount}/tune").part("data")
    most = found.get("user_lockout_threshold")
    if found.get("user_lockout_disable") is True or not isinstance(most, int) or most < 1:
        return Allowance()
    return Allowance(wrong=most - 1, why=f"the mount is set to lock a user after {most} refused logins")


def _judged(said: Reply, refusals: frozenset[str]) -> Check:
    """Say what a login without a token means."""
    if said.status == _BAD_REQUEST and any(refusal in one for one in said.errors for refusal in refusals):
        return Check(CheckResult.REFUSED, f"the server refused the secret ({said.why})")
    if said.is_yes and said.part("auth").get("mfa_requirement"):
        return Check(CheckResult.UNKNOWN, "the server asks for a second factor, so that no login can be made here")
    if said.status == _FORBIDDEN and said.errors:
        why = (
            "no verdict about the secret: the account is locked, or may not log in from here, or there is no such path"
        )
        return Check(CheckResult.UNKNOWN, f"{why} ({said.why})", blocked=True)
    return Check(CheckResult.UNKNOWN, f"no verdict about the secret: {said.why}", blocked=said.status == api.THROTTLED)
