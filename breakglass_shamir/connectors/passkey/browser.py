# SPDX-License-Identifier: Apache-2.0
"""One Chromium with a profile of its own in memory, driven over a pipe (Chrome DevTools Protocol).

Rules:

1. ``--remote-debugging-pipe``: two descriptors that only the browser and this program have. No port is opened, so that
   no other process of this machine can ask the browser for anything.
2. The profile is a new folder on a file system in memory, and is removed when the browser ends, by a process that
   outlives this one (``keeper.py``). What even that left, the next browser of this user removes.
3. No secret is in its arguments, its environment or its profile: a passkey goes through the pipe.
4. Nothing of a person's own browser is used: no extensions, no sync, no saved passwords, no downloads, no crash dumps,
   no proxy of the environment.
5. It keeps its sandbox. As root Chromium does not run with one: then it runs only where people say so.
6. Each answer has a deadline, each message a bound.

What it does not do: it decides nothing about pages and passkeys.
"""

import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from breakglass_shamir.bounded import chromium
from breakglass_shamir.bounded.chromium import MEMORY, Settings
from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.connectors.port import memory_folder
from breakglass_shamir.connectors.port.trusted_file import file_problems
from breakglass_shamir.errors import ConnectorError

PREFIX = "breakglass-browser-"
"""What a profile's name begins with."""

MESSAGE_MAX_BYTES = 64 << 20
"""Longest message of the browser."""

MOST_WAITING = 10_000
"""Events that wait to be looked at; a page that makes more is ended with its browser."""

START_LIMIT_S = 30.0
ANSWER_LIMIT_S = 20.0
END_LIMIT_S = 10.0
_FLAGS = (
    "--remote-debugging-pipe", "--no-first-run", "--no-default-browser-check", "--no-service-autorun",
    "--disable-extensions", "--disable-component-extensions-with-background-pages", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-domain-reliability",
    "--disable-breakpad", "--disable-crash-reporter", "--disable-default-apps", "--no-pings", "--no-proxy-server",
    "--password-store=basic", "--disable-save-password-bubble", "--metrics-recording-only", "--disable-logging",
    "--disk-cache-size=16777216", "--disable-features=Translate,OptimizationHints,MediaRouter",
)  # fmt: skip
_PREFERENCES = {
    "credentials_enable_service": False,
    "credentials_enable_autosignin": False,
    "profile": {"password_manager_enabled": False, "password_manager_leak_detection": False},
    "autofill": {"profile_enabled": False, "credit_card_enabled": False},
    "signin": {"allowed": False, "allowed_on_next_startup": False},
    "savefile": {"default_directory": "/nonexistent"},
    "search": {"suggest_enabled": False},
    "safebrowsing": {"enabled": False},
}
_PASSED_ON = ("LANG", "LC_ALL", "TZ", "DISPLAY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR", "XAUTHORITY")
_READ_BYTES = 1 << 20

Message = dict[str, Any]


def require(settings: Settings) -> str:
    """Return the browser's path where nothing keeps it from running here.

    Raises:
        ConnectorError: something does, the first thing; or others could replace it.
    """
    for words, todo in chromium.problems(settings):
        raise ConnectorError(words, hint=todo)
    program = chromium.find(settings)
    if stands := file_problems(Path(program)):
        raise ConnectorError(f"the browser is not run: {'; '.join(stands)}", hint=chromium.INSTALL)
    return program


class Gone(ConnectorError):
    """The browser has ended, by itself or because people closed it."""


class Browser:
    """A running browser; a context manager that ends it.

    Raises:
        ConnectorError: it could not be started.
    """

    def __init__(self, settings: Settings) -> None:
        program = require(settings)
        memory_folder.remove_stale(PREFIX)
        self.events: deque[Message] = deque()
        """What it said without being asked, oldest first."""

        self.is_gone = False
        self._buffer, self._number = bytearray(), 0
        self._profile, lock = _new_profile()
        try:
            self._begin(program, settings, lock)
        except OSError as error:
            shutil.rmtree(self._profile, ignore_errors=True)
            raise ConnectorError(f"the browser could not be started: {error.strerror}") from None
        finally:
            os.close(lock)
        try:
            self.call("Browser.getVersion", limit_s=START_LIMIT_S)
        except ConnectorError as error:
            self.close()
            raise ConnectorError(
                f"the browser does not start ({program}): {error}", hint="try it by hand in this session"
            ) from None

    def _begin(self, program: str, settings: Settings, lock: int) -> None:
        theirs_in, self._writing = os.pipe()
        self._reading, theirs_out = os.pipe()
        keeper = [sys.executable, "-I", "-S", str(Path(__file__).with_name("keeper.py"))]
        numbers = [str(number) for number in (theirs_in, theirs_out, lock)]
        try:
            self._keeper = subprocess.Popen(
                [*keeper, *numbers, str(self._profile), program, *_arguments(settings, self._profile)],
                pass_fds=(theirs_in, theirs_out, lock), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, env=_environment(self._profile), start_new_session=True, cwd="/",
            )  # fmt: skip
        except BaseException:
            os.close(self._writing)
            os.close(self._reading)
            raise
        finally:
            os.close(theirs_in)
            os.close(theirs_out)
        os.set_blocking(self._writing, False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def call(self, method: str, session: str = "", *, limit_s: float = ANSWER_LIMIT_S, **params: Any) -> Message:
        """Ask the browser for something; what it says meanwhile waits in ``events``.

        Raises:
            Gone: it has ended.
            ConnectorError: it refused, or did not answer in time.
        """
        deadline = Deadline(limit_s)
        self._number += 1
        asked: Message = {"id": self._number, "method": method, "params": params}
        self._send(json.dumps(asked | ({"sessionId": session} if session else {})).encode() + b"\0", deadline)
        while True:
            said = self._next(deadline)
            if said is None:
                raise ConnectorError(f"the browser did not answer to {method} within {limit_s:g} s")
            if said.get("id") == asked["id"]:
                break
            self._keep(said)
        if "error" in said:
            raise ConnectorError(f"the browser refused {method}: {said['error'].get('message', 'no reason')}")
        result: Message = said.get("result", {})
        return result

    def listen(self, limit_s: float) -> bool:
        """Wait until the browser says something; returns whether it did.

        Raises:
            Gone: it has ended.
        """
        if self.events:
            return True
        said = self._next(Deadline(limit_s))
        if said is not None:
            self._keep(said)
        return said is not None

    def close(self) -> None:
        """End it; its profile is gone when this returns. Never raises."""
        if not self.is_gone:
            with contextlib.suppress(ConnectorError):
                self.call("Browser.close", limit_s=END_LIMIT_S)
        self._let_go()
        if self._keeper.stdin:
            self._keeper.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._keeper.wait(2 * END_LIMIT_S)

    def _let_go(self) -> None:
        self.is_gone = True
        for number in (self._writing, self._reading):
            if number >= 0:
                os.close(number)
        self._writing = self._reading = -1
        self._buffer[:] = bytes(len(self._buffer))

    def _keep(self, said: Message) -> None:
        if len(self.events) >= MOST_WAITING:
            raise ConnectorError("the page makes more events than can be looked at")
        self.events.append(said)

    def _send(self, data: bytes, deadline: Deadline) -> None:
        left = memoryview(data)
        while left:
            if self.is_gone:
                raise Gone("the browser was closed")
            try:
                left = left[os.write(self._writing, left) :]
            except BlockingIOError:
                if deadline.over:
                    raise ConnectorError("the browser does not read what it is told") from None
                select.select([], [self._writing], [], deadline.left_s)
            except OSError:
                self._let_go()

    def _next(self, deadline: Deadline) -> Message | None:
        """Return the next message; None when none came in time."""
        searched = 0
        while True:
            end = self._buffer.find(b"\0", searched)
            if end >= 0:
                one = bytes(self._buffer[:end])
                del self._buffer[: end + 1]
                try:
                    said = json.loads(one)
                except (ValueError, RecursionError):
                    raise ConnectorError("the browser said something that is no JSON") from None
                return said if isinstance(said, dict) else {}
            searched = len(self._buffer)
            if searched > MESSAGE_MAX_BYTES:
                raise ConnectorError("the browser said more than is listened to")
            if self.is_gone:
                raise Gone("the browser was closed")
            if not select.select([self._reading], [], [], deadline.left_s)[0]:
                return None
            data = os.read(self._reading, _READ_BYTES)
            if not data:
                self._let_go()
                raise Gone("the browser was closed")
            self._buffer += data


def _new_profile() -> tuple[Path, int]:
    """Make a folder for one browser, and lock it."""
    place = Path(tempfile.mkdtemp(prefix=PREFIX, dir=MEMORY))
    lock = memory_folder.locked(place)
    for part in ("profile/Default", "home", "tmp"):
        (place / part).mkdir(parents=True, mode=0o700)
    (place / "profile/Default/Preferences").write_text(json.dumps(_PREFERENCES))
    return place, lock


def _arguments(settings: Settings, place: Path) -> list[str]:
    own = [] if settings.sandbox else ["--no-sandbox"]
    if not settings.shown:
        own.append("--headless=new")
    elif not os.environ.get("DISPLAY"):
        own.append("--ozone-platform=wayland")
    return [*_FLAGS, *own, f"--user-data-dir={place / 'profile'}", "--no-startup-window"]


def _environment(place: Path) -> Mapping[str, str]:
    made = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    authority = Path.home() / ".Xauthority"
    if "DISPLAY" in made and "XAUTHORITY" not in made and authority.is_file():
        made["XAUTHORITY"] = str(authority)
    return made | {"PATH": chromium.SYSTEM_PATH, "HOME": str(place / "home"), "TMPDIR": str(place / "tmp")}
