# SPDX-License-Identifier: Apache-2.0
"""Requests from the audit file of an OpenBao or Vault server, one JSON object a line.

Sources: OpenBao's documentation, "Audit devices" and "Audit device: file". Each request has two lines, of ``type``
*request* and *response*; what came of it stands in the second one. Secrets in it are keyed hashes; paths, addresses,
policies and metadata are plain.

Rules:

1. Only lines of type *response* count. What stands in front of the object, as behind a log service or with the
   option ``prefix``, is passed over.
2. A line that may be about a wanted request and cannot be read is told.

What it does not do: it keeps no place in the file; rotate the log, and what was rotated away is not read.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from breakglass_shamir.connectors.port import log_files, marks, stamps
from breakglass_shamir.connectors.port.answers import Login, Logins
from breakglass_shamir.connectors.port.log_files import Reading
from breakglass_shamir.errors import ConnectorError

KIND = "an OpenBao or Vault audit file in JSON"

HEAD_MAX = 400
"""Characters in front of an object."""

_TIME = re.compile(r'"time":"([^"]{1,40})"')

Wanted = Callable[[Mapping[str, Any], Mapping[str, Any]], bool]
"""Tells of ``auth`` and ``request`` of an entry whether it counts."""


def logins(pattern: str, account: str, since: datetime, word: str, wanted: Wanted) -> Logins:
    """Return the requests that count, oldest first, and what could not be read.

    Args:
        pattern: the audit files.
        account: how a login calls the account.
        since: the first instant that counts.
        word: a line without it is about no request that counts.
        wanted: tells whether a request counts.

    Raises:
        ConnectorError: there is no such file, or it cannot be read.
    """
    if not pattern:
        raise ConnectorError(
            "logins cannot be told: no option audit_log", hint="set target.options.audit_log to the server's audit file"
        )
    files = log_files.require_files(pattern, "logins")
    reading = Reading(since, (word,), lambda head: _concerns(head, since), KIND)
    try:
        found = [login for line in reading.lines(files) if (login := _login(line, account, word, wanted, reading))]
    except OSError as error:
        raise ConnectorError(f"the audit file cannot be read: {error.strerror or type(error).__name__}") from error
    return Logins((login for login in found if login.at >= since), reading.unread)


def _concerns(head: str, since: datetime) -> bool:
    """Tell whether a line that is too long may be about a request since then: its time stands at its beginning."""
    written = _TIME.search(head[: 2 * HEAD_MAX])
    at = stamps.instant(written[1]) if written else None
    return at is None or at >= since


def _login(line: str, account: str, word: str, wanted: Wanted, reading: Reading) -> Login | None:
    """Return the login in one line; None where there is none, which is told where one may be."""
    if not line.endswith("\n"):
        return None
    begin = line.find("{", 0, HEAD_MAX)
    if begin >= 0 and '"type":"re' in line:
        reading.known()
    if word not in line:
        return None
    entry = _object(line[max(begin, 0) :])
    request, told = entry.get("request"), entry.get("auth")
    auth = told if isinstance(told, dict) else {}
    if not isinstance(request, dict):
        reading.miss("it is not as the server writes it")
        return None
    if entry.get("type") != "response" or not wanted(auth, request):
        return None
    at = stamps.instant(str(entry.get("time", "")))
    if at is None:
        reading.miss("its time has no zone or cannot be read")
        return None
    source, port = str(request.get("remote_address", "")), request.get("remote_port")
    mark = marks.of_port(source, port) if source and isinstance(port, int) else ""
    detail = f"{request.get('operation', '')} {request.get('path', '')}".strip()
    # A login of an account that does not exist has no error in it, and no token either.
    accepted = not entry.get("error") and any(auth.get(name) for name in ("client_token", "accessor"))
    return Login(at, account, source[:100], accepted, detail[:200], mark)


def in_namespace(request: Mapping[str, Any], namespace: str) -> bool:
    """Tell whether a request was made in a namespace; the root one is empty."""
    told = request.get("namespace")
    return (str(told.get("path", "")) if isinstance(told, dict) else "") == namespace


def paths(request: Mapping[str, Any]) -> Iterator[str]:
    """Yield the request's path, as it was asked and without its namespace in front, in small letters."""
    told = request.get("namespace")
    path = str(request.get("path", "")).lower()
    yield path
    if isinstance(told, dict) and told.get("path"):
        yield path.removeprefix(str(told["path"]).lower())


def _object(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
