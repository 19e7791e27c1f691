# SPDX-License-Identifier: Apache-2.0
"""A small target with one account: a TCP server that can lag, honour old passwords, reject new ones, lock out.

It stands where a real server would be too slow or too well-behaved: in the tests of the engine's own decisions.
One JSON object per line; a connection logs in, and may then ask, change its password, or end sessions.
"""

import json
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import urlsplit

from breakglass_shamir.connectors.port.answers import Check, CheckResult, Login, Preflight
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.port.options import NO_OPTIONS
from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.hygiene import Secret

LEAVING_S = 0.1
"""How long a connection that was closed just now may take to be seen as closed, through a proxy too."""


@dataclass(slots=True)
class ToyServer:
    """The server; its knobs may be turned at any time.

    Attributes:
        password: what opens it.
        lag_s: how long a change needs to arrive; until then the old password opens, and the new one does not.
        grace_s: how long the old password opens as well after a change.
        min_length: new passwords that are shorter are rejected at the change.
        needs: characters of which a new password must hold one, told beforehand.
        min_age_until: no change before.
        lock_after: failed logins in a row that lock the account; 0 for never.
        attempts: every login that was tried, and whether it was let in.
        knocks: how many logins were asked for, those at a locked account too.
        sessions: connections that are logged in.
        leader: another server whose password this one copies, ``lag_s`` after each change.
    """

    password: str
    leader: "ToyServer | None" = None
    lag_s: float = 0.0
    grace_s: float = 0.0
    min_length: int = 0
    needs: str = ""
    min_age_until: datetime | None = None
    lock_after: int = 0
    attempts: list[tuple[datetime, bool]] = field(default_factory=list)
    knocks: int = 0
    sessions: set[socket.socket] = field(default_factory=set)
    changed_at: datetime | None = None
    port: int = 0
    _old: str = ""
    _changed: float = 0.0
    _failed: int = 0
    _listener: socket.socket | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        """Listen, at the same port as before."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def stop(self) -> None:
        """Close everything."""
        if self._listener:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        for one in list(self.sessions):
            one.close()

    def become(self, password: str) -> None:
        """Set a password as an administrator does: at once, every failure forgotten, every knob turned back."""
        with self._lock:
            self.password, self._old, self._failed = password, "", 0
            self.lag_s = self.grace_s = 0.0
            self.min_length, self.needs, self.min_age_until, self.lock_after = 0, "", None, 0
            self.attempts.clear()

    def opens(self, password: str) -> bool:
        """Say whether a password opens it now, without an attempt."""
        source = self.leader or self
        recent = time.monotonic() - source._changed if source._old else float("inf")
        if recent < self.lag_s:
            return password == source._old
        return password == source.password or (recent < self.grace_s and password == source._old)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                one, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(one,), daemon=True).start()

    def _serve(self, one: socket.socket) -> None:
        try:
            with one, one.makefile("rwb") as file:
                for line in file:
                    file.write(json.dumps(self._answer(one, json.loads(line))).encode() + b"\n")
                    file.flush()
        except (OSError, ValueError):
            pass
        finally:
            self.sessions.discard(one)

    def _answer(self, one: socket.socket, asked: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            if asked["op"] == "rules":
                until = self.min_age_until.isoformat() if self.min_age_until else ""
                return {"needs": self.needs, "min_age_until": until}
            if asked["op"] == "login":
                return self._log_in(one, asked["password"])
            if one not in self.sessions:
                return {"error": "not logged in"}
            return {"change": self._change, "open": self._open, "end": self._end, "log": self._log}[asked["op"]](
                one, asked
            )

    def _log_in(self, one: socket.socket, password: str) -> dict[str, Any]:
        self.knocks += 1
        if self.lock_after and self._failed >= self.lock_after:
            return {"error": "locked"}
        good = self.opens(password)
        self.attempts.append((datetime.now(UTC), good))
        self._failed = 0 if good else self._failed + 1
        if good:
            self.sessions.add(one)
        return {} if good else {"error": "wrong password"}

    def _change(self, _one: socket.socket, asked: dict[str, Any]) -> dict[str, Any]:
        if len(asked["password"]) < self.min_length:
            return {"error": f"the password is shorter than {self.min_length}"}
        self._old, self.password = self.password, asked["password"]
        self._changed, self.changed_at = time.monotonic(), datetime.now(UTC)
        return {}

    def _open(self, one: socket.socket, _asked: dict[str, Any]) -> dict[str, Any]:
        return {"count": len(self._others(one))}

    def _others(self, one: socket.socket) -> list[socket.socket]:
        time.sleep(LEAVING_S)
        return [other for other in list(self.sessions) if other is not one and not _left(other)]

    def _end(self, one: socket.socket, _asked: dict[str, Any]) -> dict[str, Any]:
        others = self._others(one)
        for other in others:
            other.shutdown(socket.SHUT_RDWR)
            self.sessions.discard(other)
        return {"count": len(others)}

    def _log(self, _one: socket.socket, _asked: dict[str, Any]) -> dict[str, Any]:
        changed = self.changed_at.isoformat() if self.changed_at else ""
        return {"changed": changed, "attempts": [(at.isoformat(), good) for at, good in self.attempts]}


def _left(one: socket.socket) -> bool:
    """Tell whether a client has gone whose connection was not taken off the list yet."""
    try:
        return one.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


class ToyConnector(Connector):
    """``toy://127.0.0.1:PORT``; made for tests."""

    scheme: ClassVar[str] = "toy"
    grace_window_s: ClassVar[int] = 0
    settle_s: ClassVar[int] = 0
    probe_pause_s: ClassVar[float] = 0
    scope: ClassVar[str] = "this account"
    abilities: ClassVar[frozenset[str]] = frozenset({"password_changed_at", "open_sessions", "end_sessions"})

    def __init__(self, target: str, account: str = "", *, options: Mapping[str, str] = NO_OPTIONS) -> None:
        super().__init__(target, account, options=options)
        parts = urlsplit(target)
        self._address = (parts.hostname or "", parts.port or 0)

    def _preflight(self, new: Secret | None) -> Preflight:
        with _Call(self._address, self.time_limit_s) as call:
            rules = call.ask(op="rules")
        until = datetime.fromisoformat(rules["min_age_until"]) if rules["min_age_until"] else None
        needs = rules["needs"]
        lacking = bool(new and needs and not set(needs) & set(new.reveal().decode()))
        unfit = (f"expected one of {needs}",) if lacking else ()
        return Preflight((), (), until, self.scope, unfit)

    def _check(self, credential: Secret) -> Check:
        try:
            with _Call(self._address, self.time_limit_s) as call:
                said = call.ask(op="login", password=credential.reveal().decode())
        except OSError as error:
            return Check(CheckResult.UNKNOWN, f"no answer: {error}")
        match said.get("error"):
            case None:
                return Check(CheckResult.ACCEPTED, "logged in")
            case "wrong password":
                return Check(CheckResult.REFUSED, "wrong password")
            case other:
                return Check(CheckResult.UNKNOWN, str(other), blocked=True)

    def _rotate(self, old: Secret, new: Secret) -> None:
        with _Call(self._address, self.time_limit_s) as call:
            call.need(op="login", password=old.reveal().decode())
            said = call.ask(op="change", password=new.reveal().decode())
        if "error" in said:
            raise ConnectorError(said["error"], rejected=True)

    def _password_changed_at(self, credential: Secret | None) -> datetime | None:
        changed = str(self._log(credential)["changed"])
        return datetime.fromisoformat(changed) if changed else None

    def _open_sessions(self, credential: Secret) -> int:
        with _Call(self._address, self.time_limit_s) as call:
            call.need(op="login", password=credential.reveal().decode())
            return int(call.need(op="open")["count"])

    def _end_sessions(self, credential: Secret) -> int:
        with _Call(self._address, self.time_limit_s) as call:
            call.need(op="login", password=credential.reveal().decode())
            return int(call.need(op="end")["count"])

    def _log(self, credential: Secret | None) -> dict[str, Any]:
        if credential is None:
            raise ConnectorError("toy tells only who logs in")
        with _Call(self._address, self.time_limit_s) as call:
            call.need(op="login", password=credential.reveal().decode())
            return call.need(op="log")


class ToyWithLogins(ToyConnector):
    """As ``toy``, and it tells of logins and honours old passwords for a while."""

    scheme: ClassVar[str] = "toy-lasting"
    grace_window_s: ClassVar[int] = 4
    abilities: ClassVar[frozenset[str]] = ToyConnector.abilities | {"logins_since"}

    def _logins_since(self, since: datetime) -> tuple[Login, ...]:
        credential = Secret(str(self.options["reader"]).encode()) if "reader" in self.options else None
        times = ((datetime.fromisoformat(at), good) for at, good in self._log(credential)["attempts"])
        return tuple(Login(at, self.account, "127.0.0.1", good) for at, good in times if at >= since)


class _Call:
    """One connection."""

    def __init__(self, address: tuple[str, int], limit_s: float) -> None:
        self._socket = socket.create_connection(address, timeout=limit_s)
        self._file = self._socket.makefile("rwb")

    def __enter__(self) -> "_Call":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def ask(self, **words: str) -> dict[str, Any]:
        self._file.write(json.dumps(words).encode() + b"\n")
        self._file.flush()
        line = self._file.readline()
        if not line:
            raise ConnectionError("the connection ended before the answer")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def need(self, **words: str) -> dict[str, Any]:
        said = self.ask(**words)
        if "error" in said:
            raise ConnectorError(said["error"])
        return said


def soon(seconds: float) -> datetime:
    """Return an instant after this one."""
    return datetime.now(UTC) + timedelta(seconds=seconds)
