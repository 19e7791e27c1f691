# SPDX-License-Identifier: Apache-2.0
"""A session at a Redfish service, and questions in it.

Sources: DSP0266, "Redfish specification" (sessions, ETag and If-Match, error responses); the schemas ServiceRoot,
AccountService, ManagerAccount, SessionService, Session.

Rules:

1. A service names its resources by links. A link is followed on this host alone, below ``/redfish/v1``.
2. The password is in the body of the login and of the change, never in a path or a header.
3. Every session that is made here is deleted as soon as its question is answered.

What it does not do: it judges no password.
"""

import contextlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.errors import WebError
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.web import client

ROOT = "/redfish/v1/"
ANSWER_MAX_BYTES = 1 << 20
"""Longest answer that is read."""

MEMBERS_MAX = 256
"""Members of a collection that are looked at; each is a question."""

CHANGE_REQUIRED = "PasswordChangeRequired"
"""Name of the message to a login that may do nothing but change its password."""

UNAUTHORIZED, FORBIDDEN, PRECONDITION = 401, 403, 412

_LINK = re.compile(r"/redfish/v1(?:/[A-Za-z0-9._~@:()'%+-]{1,200}){0,20}/?")


class NoAnswer(Exception):
    """The service did not answer, or not as one that can be believed."""


class NotLetIn(Exception):
    """A login that made no session.

    Attributes:
        status: of HTTP.
    """

    def __init__(self, said: "Reply") -> None:
        super().__init__(said.why)
        self.status = said.status


@dataclass(frozen=True, slots=True)
class Place:
    """A service, and how it is spoken to.

    Attributes:
        url: ``https://HOST:PORT``, or ``http``.
        ca: PEM file of the only authorities that are believed; empty for those of the system.
        limit_s: longest time one question may take, in seconds.
    """

    url: str
    ca: str
    limit_s: float


@dataclass(frozen=True, slots=True)
class Reply:
    """What the service said.

    Attributes:
        status: of HTTP.
        headers: by name in small letters.
        body: the JSON object; empty where there was none.
    """

    status: int
    headers: Mapping[str, str]
    body: Mapping[str, Any] = field(repr=False)

    @property
    def is_yes(self) -> bool:
        """Whether it did what was asked."""
        return 200 <= self.status < 300

    @property
    def messages(self) -> tuple[Mapping[str, Any], ...]:
        """The messages of the answer, of an error or beside a yes."""
        error = self.body.get("error")
        holder = error if isinstance(error, dict) else self.body
        found = holder.get("@Message.ExtendedInfo")
        return tuple(one for one in found if isinstance(one, dict)) if isinstance(found, list) else ()

    @property
    def why(self) -> str:
        """A no in one line, for people."""
        said = "; ".join(str(one.get("Message") or one.get("MessageId") or "") for one in self.messages)
        return f"HTTP {self.status}: {said}" if said else f"HTTP {self.status}"

    def says(self, name: str) -> bool:
        """Tell whether a message of this name is in it, of whatever version of its registry."""
        return any(str(one.get("MessageId", "")).rpartition(".")[2] == name for one in self.messages)

    def link(self, *names: str) -> str:
        """Return where a resource is that this one names; empty where it names none that is followed.

        Args:
            names: of the properties that lead to it.
        """
        found: Any = self.body
        for name in (*names, "@odata.id"):
            found = found.get(name) if isinstance(found, dict) else None
        return _checked(found)

    @property
    def etag(self) -> str:
        """What tells this state of the resource from others; empty where the service tells none."""
        found = self.headers.get("etag") or self.body.get("@odata.etag")
        return found if isinstance(found, str) and found.isascii() and found.isprintable() else ""


@dataclass(frozen=True, slots=True)
class Session:
    """What a login gave.

    Attributes:
        place: the service.
        root: the service's root.
        token: that speaks for the user.
        link: of the session itself; empty where the service tells none.
        must_change: whether the user may do nothing but change its password.
    """

    place: Place
    root: Reply
    token: str = field(repr=False)
    link: str
    must_change: bool

    def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        secret: Secret | None = None,
        etag: str = "",
    ) -> Reply:
        """Ask one thing as the user.

        Raises:
            NoAnswer: there is none.
        """
        headers = {"X-Auth-Token": self.token} | ({"If-Match": etag} if etag else {})
        return ask(self.place, method, path, body, headers, [secret] if secret else [])

    def members(self, collection: str) -> list[str]:
        """Return the links of a collection's members.

        Raises:
            NoAnswer: the service does not list them, or more than are looked at.
        """
        said = self.ask("GET", collection)
        found = said.body.get("Members")
        if not said.is_yes or not isinstance(found, list):
            raise NoAnswer(f"the service does not list what is in {collection}: {said.why}")
        links = [_checked(one.get("@odata.id")) for one in found if isinstance(one, dict)]
        if len(links) > MEMBERS_MAX or "Members@odata.nextLink" in said.body or not all(links):
            raise NoAnswer(f"the service lists more in {collection} than is looked at, or what is no link")
        return links


@contextmanager
def session(place: Place, user: str, password: Secret) -> Iterator[Session]:
    """Log in, and delete the session at the end.

    Raises:
        NotLetIn: the service made none.
        NoAnswer: it did not answer, or is no Redfish service.
    """
    root = service(place)
    path = root.link("Links", "Sessions") or f"{ROOT}SessionService/Sessions"
    body = {"UserName": user, "Password": password.reveal().decode()}
    said = ask(place, "POST", path, body, {}, [password])
    token = said.headers.get("x-auth-token", "")
    if not said.is_yes:
        raise NotLetIn(said)
    if not token or not token.isascii() or not token.isprintable():
        raise NoAnswer("what came of the login holds no session")
    link = _checked(urlsplit(said.headers.get("location", "")).path) or said.link()
    opened = Session(place, root, token, link, said.says(CHANGE_REQUIRED))
    try:
        yield opened
    finally:
        if link:
            # It ends by itself where it cannot be deleted; nothing else is lost by that.
            with contextlib.suppress(NoAnswer):
                opened.ask("DELETE", link)


def service(place: Place) -> Reply:
    """Return the root of a service, which it shows anybody.

    Raises:
        NoAnswer: there is none.
    """
    said = ask(place, "GET", ROOT, None, {}, [])
    if not said.is_yes or "RedfishVersion" not in said.body:
        raise NoAnswer(f"{place.url.partition('://')[2]}: no Redfish service answers: {said.why}")
    return said


def ask(
    place: Place, method: str, path: str, body: Mapping[str, Any] | None, headers: Mapping[str, str],
    secrets: Sequence[Secret],
) -> Reply:  # fmt: skip
    """Ask one thing.

    Raises:
        NoAnswer: there is no answer in time, or none that can be read.
    """
    sent = {"Content-Type": "application/json", "Accept": "application/json", "OData-Version": "4.0", **headers}
    request = client.Request(
        method, f"{place.url}{path}", json.dumps(body).encode() if body is not None else None, sent,
        ca=place.ca or None, answer_max=ANSWER_MAX_BYTES, secrets=tuple(one.reveal().decode() for one in secrets),
    )  # fmt: skip
    try:
        answer = client.send(request, Deadline(place.limit_s))
    except WebError as error:
        raise NoAnswer(f"{place.url.partition('://')[2]}: {error}") from error
    try:
        found = json.loads(answer.body) if answer.body else {}
    except (ValueError, RecursionError):
        found = {}
    return Reply(answer.status, answer.headers, found if isinstance(found, dict) else {})


def _checked(link: object) -> str:
    """Return a link that is followed; empty for any other."""
    good = isinstance(link, str) and _LINK.fullmatch(link) and ".." not in link
    return str(link) if good else ""
