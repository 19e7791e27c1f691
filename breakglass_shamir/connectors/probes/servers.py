# SPDX-License-Identifier: Apache-2.0
"""Probes of servers that are only asked: TCP, HTTP, OpenID Connect, a name, a program.

Sources: OpenID Connect Discovery 1.0, sections 4.1 to 4.3; RFC 6749, sections 2.3.1 and 4.4.

Rules:

1. HTTP goes through the one client there is: no redirect is followed, and an answer is read as far as it may be long.
2. No secret goes where an answer says: a token is asked for at the issuer's own host and port, or at the address that
   the policy names.
"""

import base64
import json
import socket
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from breakglass_shamir.bounded import program as programs
from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.connectors.port.trusted_file import file_problems
from breakglass_shamir.connectors.probes.found import secret_of, silent, unknown, wrong
from breakglass_shamir.custody.policy.when import Probe, parts_of
from breakglass_shamir.errors import WebError
from breakglass_shamir.web import client
from breakglass_shamir.web.connection import Bounds, dial

BODY_MAX_BYTES = 256 << 10
"""Longest page or document that is read."""

NAMES_MAX = 64
"""Addresses of a name that are looked at."""

ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}

_LOOK_UP = """\
import socket, sys
try:
    found = socket.getaddrinfo(sys.argv[1], None, type=socket.SOCK_STREAM)
except socket.gaierror as error:
    sys.exit(3 if error.errno == socket.EAI_AGAIN else 4)
print(*sorted({one[4][0] for one in found}), sep="\\n")
"""
"""Asks the system's resolver in a process of its own, which can be ended."""

_NO_RESOLVER, _NO_NAME = 3, 4


def tcp(probe: Probe, deadline: Deadline) -> None:
    """Connect, and go away.

    Raises:
        NotWellError: nobody took the connection.
    """
    parts = parts_of(probe.uri)
    try:
        dial(parts.host, parts.port, Bounds(deadline)).close()
    except OSError as error:
        raise silent(error.strerror or type(error).__name__) from None


def http(probe: Probe, deadline: Deadline) -> None:
    """Get a page: its status is one of ``status`` (default: 2xx), and it has the text ``contains``.

    Raises:
        NotWellError: another status, another page, or none.
    """
    wanted = {one.strip() for one in probe.options.get("status", "").split(",") if one.strip()}
    contains = probe.options.get("contains", "")
    most = BODY_MAX_BYTES if contains else 0
    answer = _send(client.Request("GET", probe.uri, ca=probe.options.get("ca"), answer_max=most), deadline)
    if str(answer.status) not in wanted if wanted else not answer.is_yes:
        raise wrong(f"expected the status {', '.join(sorted(wanted)) or '2xx'}, got {answer.status}")
    if contains and contains.encode() not in answer.body:
        raise wrong("the page does not have the text that it should")


def oidc(probe: Probe, deadline: Deadline) -> None:
    """Read an issuer's discovery document; with an account, get a token by client credentials.

    Raises:
        NotWellError: there is none, it is another issuer's, or no token is given.
    """
    issuer, ca = probe.uri.removeprefix("oidc+"), probe.options.get("ca")
    where = f"{issuer.removesuffix('/')}/.well-known/openid-configuration"
    said = _document(client.Request("GET", where, ca=ca, answer_max=BODY_MAX_BYTES), deadline, "discovery")
    if said.get("issuer") != issuer:
        raise wrong("the discovery document is of another issuer")
    if not probe.account:
        return
    named = probe.options.get("token", "")
    address = named or said.get("token_endpoint")
    if not isinstance(address, str) or not (named or _same_place(address, issuer)):
        raise wrong("the token endpoint is none of the issuer's host and port; name it in options.token")
    secret = secret_of(probe).reveal().decode("utf-8", errors="replace")
    given = base64.b64encode(f"{quote(probe.account, safe='')}:{quote(secret, safe='')}".encode()).decode()
    form = {"grant_type": "client_credentials"} | (
        {"scope": probe.options["scope"]} if "scope" in probe.options else {}
    )
    request = client.Request(
        "POST", address, urlencode(form).encode(),
        {
            "Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json",
            "Authorization": f"Basic {given}",
        },
        ca, answer_max=BODY_MAX_BYTES, secrets=(secret, given),
    )  # fmt: skip
    token = _document(request, deadline, "token")
    if not (isinstance(token.get("access_token"), str) and token["access_token"]):
        raise wrong("the answer to a request for a token has none")


def dns(probe: Probe, deadline: Deadline) -> None:
    """Look a name up; each address found is one of ``expect``, where that is named.

    Raises:
        NotWellError: there is none, another one, or no answer.
    """
    name = parts_of(probe.uri).path
    command = [sys.executable, "-I", "-S", "-c", _LOOK_UP, name]
    done = programs.run(command, limit_s=deadline.require_s(), env=ENVIRONMENT, complaints=False)
    if done.status is None:
        raise silent(f"no answer within {deadline.limit_s:g} s")
    if done.status == _NO_RESOLVER:
        raise silent("no resolver answers")
    if done.status == _NO_NAME:
        raise wrong("the name has no address")
    if done.status:
        raise unknown("the resolver could not be asked")
    found = done.output.decode("ascii", errors="replace").split("\n")[:NAMES_MAX]
    wanted = {one.strip() for one in probe.options.get("expect", "").split(",") if one.strip()}
    others = [one for one in found if one and one not in wanted]
    if wanted and others:
        raise wrong(f"the name leads elsewhere, to {others[0]}")


def program(probe: Probe, deadline: Deadline) -> None:
    """Run a program of the operator's: it ends with 0 where all is well.

    Raises:
        NotWellError: another status, or no end in time; unknown: it cannot be run, or others could replace it.
    """
    path = parts_of(probe.uri).path
    if stands := file_problems(Path(path)):
        raise unknown(f"it was not run: {'; '.join(stands)}")
    done = programs.run([path], limit_s=deadline.require_s(), env=ENVIRONMENT, listen=False)
    if done.status is None:
        raise silent(f"it did not end within {deadline.limit_s:g} s")
    if done.status:
        said = f": {programs.last_line(done.errors)}" if done.errors.strip() else ""
        raise wrong(f"it ended with {done.status}{said}")


def _send(request: client.Request, deadline: Deadline) -> client.Answer:
    """Send a request; an error before anybody took the connection, or for want of time, is silence."""
    taken: list[bool] = []

    def connected(_: socket.socket) -> None:
        taken.append(True)

    asked = client.Request(
        request.method, request.url, request.body, request.headers, request.ca, answer_max=request.answer_max,
        secrets=request.secrets, connected=connected,
    )  # fmt: skip
    try:
        return client.send(asked, deadline)
    except WebError as error:
        if not taken or deadline.over:
            raise silent(str(error)) from None
        raise wrong(str(error)) from None


def _document(request: client.Request, deadline: Deadline, what: str) -> dict[str, Any]:
    answer = _send(request, deadline)
    if not answer.is_yes:
        raise wrong(f"{what}: expected an answer 2xx, got {answer.status}")
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise wrong(f"{what}: the answer is no JSON object")
    return found


def _same_place(address: str, issuer: str) -> bool:
    """Tell whether an address has the scheme, host and port of the issuer."""
    try:
        places = [(one.scheme, one.hostname, one.port) for one in map(urlsplit, (address, issuer))]
    except ValueError:
        return False
    return places[0] == places[1]
