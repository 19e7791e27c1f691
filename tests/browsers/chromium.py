# SPDX-License-Identifier: Apache-2.0
"""Drive a real Chromium without a library: the DevTools protocol over two pipes, a JSON text and a zero byte each.

Rules:

1. Every wait has an end, and every process that was begun is ended.
2. ``value`` runs in the page itself and returns what it gives as JSON. The page needs nothing for it.
3. Keys and files come as from people: as events of the browser, not of a script.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from breakglass_shamir.standalone import recover

PAGE = Path(recover.__file__).with_suffix(".html")
"""The page, beside the program that it answers like."""

WAIT_S = 120
"""For one answer of the browser, however busy the machine is."""

ON_3_AND_4 = """
import fcntl, os, sys
apart = [fcntl.fcntl(int(each), fcntl.F_DUPFD, 10) for each in sys.argv[1:3]]
for number, each in enumerate(apart, 3):
    os.dup2(each, number)
    os.close(each)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Puts two pipes where the browser looks for them, and becomes the browser."""

Message = dict[str, Any]


class Chromium:
    """One browser with one page, its profile in a folder."""

    def __init__(self, program: str, folder: Path, *, size: tuple[int, int] = (1280, 900)) -> None:
        self.folder, self.downloads = folder / "profile", folder / "downloads"
        self.downloads.mkdir(parents=True)
        ours_in, theirs_out = os.pipe()
        theirs_in, ours_out = os.pipe()
        command = [
            program, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-pipe",
            f"--window-size={size[0]},{size[1]}", f"--user-data-dir={self.folder}", "about:blank",
        ]  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", ON_3_AND_4, str(theirs_in), str(theirs_out), *command],
            pass_fds=(theirs_in, theirs_out), start_new_session=True, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(theirs_in)
        os.close(theirs_out)
        self.reader, self.writer = ours_in, ours_out
        self.rest, self.number, self.session = b"", 0, ""
        self.console: list[str] = []
        """Every complaint of the page: exceptions, errors, and what its policy refused."""

        self.requests: list[str] = []
        """Every address that was asked for."""

        self.questions: list[str] = []
        """Every question that the browser asked people; each is answered with yes."""

        try:
            self._attach()
        except BaseException:
            self.kill()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill()

    def _attach(self) -> None:
        (target,) = [each for each in self.call("Target.getTargets")["targetInfos"] if each["type"] == "page"]
        attached = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "DOM"):
            self.call(f"{domain}.enable")
        self.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(self.downloads))

    def kill(self) -> None:
        """End every process of it at once, as a power cut would."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=WAIT_S)
        for descriptor in (self.reader, self.writer):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self.reader = self.writer = -1

    # The protocol

    def call(self, method: str, **parameters: Any) -> Message:
        """Ask the browser, and wait for its answer."""
        number = self._ask(method, "" if method.startswith(("Browser.", "Target.")) else self.session, parameters)
        while True:
            answer = self._receive()
            if answer.get("id") == number:
                assert "error" not in answer, (method, answer["error"])
                result: Message = answer["result"]
                return result

    def _ask(self, method: str, session: str, parameters: Message) -> int:
        """Ask, and do not wait; return the number under which the answer comes."""
        self.number += 1
        message: Message = {"id": self.number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.writer, data) :]
        return self.number

    def _receive(self) -> Message:
        end = time.monotonic() + WAIT_S
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.reader], [], [], max(0.0, end - time.monotonic()))
            assert ready, "the browser does not answer"
            data = os.read(self.reader, 1 << 20)
            assert data, "the browser has ended"
            self.rest += data
        whole, self.rest = self.rest.split(b"\0", 1)
        message: Message = json.loads(whole)
        self._note(message)
        return message

    def _note(self, message: Message) -> None:
        """Keep what a page complains of, and what it asks for; answer its question before it is left."""
        method, told = message.get("method"), message.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.console.append(json.dumps(told["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled":
            self.console.append(json.dumps(told["args"]))
        elif method == "Log.entryAdded":
            self.console.append(told["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])
        elif method == "Page.javascriptDialogOpening":
            self.questions.append(told["type"])
            self._ask("Page.handleJavaScriptDialog", self.session, {"accept": True})

    # The page

    def open(self, page: Path) -> None:
        """Open a file as a double click does, and wait until it is there."""
        self.call("Page.navigate", url=page.as_uri())
        self.until(f"document.readyState === 'complete' && location.href === {json.dumps(page.as_uri())}")

    def value(self, expression: str) -> Any:
        """Return what an expression gives in the page."""
        done = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def until(self, expression: str) -> None:
        """Wait until an expression holds in the page."""
        end = time.monotonic() + WAIT_S
        while not self.value(expression):
            assert time.monotonic() < end, f"never true: {expression}"
            time.sleep(0.05)

    def text(self, name: str) -> str:
        """Return what people read in a part of the page."""
        found: str = self.value(f"document.getElementById({json.dumps(name)}).innerText")
        return found

    def is_shown(self, name: str) -> bool:
        return bool(self.value(f"document.getElementById({json.dumps(name)}).getClientRects().length"))

    def type(self, text: str, *, enter: bool = True) -> None:
        """Type where the cursor is, as a scanner does."""
        self.call("Input.insertText", text=text)
        if enter:
            for kind in ("rawKeyDown", "keyUp"):
                key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
                self.call("Input.dispatchKeyEvent", type=kind, **key)

    def focus(self, name: str) -> None:
        self.value(f"document.getElementById({json.dumps(name)}).focus()")

    def click(self, name: str) -> None:
        """Click in the middle of a part, as a hand with a mouse does."""
        found = self.value(
            f"(() => {{ const e = document.getElementById({json.dumps(name)}); e.scrollIntoView({{block: 'center'}});"
            "const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2, e.disabled]; })()"
        )
        assert not found[2], f"{name} cannot be clicked"
        for kind in ("mousePressed", "mouseReleased"):
            place = {"x": found[0], "y": found[1], "button": "left", "clickCount": 1}
            self.call("Input.dispatchMouseEvent", type=kind, **place)

    def choose(self, name: str, file: Path) -> None:
        """Give a file to a field, as the dialogue of the browser does."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=f"#{name}")["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(file)])

    def downloaded(self, wanted: Callable[[Path], bool] = lambda file: True) -> Path:
        """Wait for a file in the folder of downloads."""
        end = time.monotonic() + WAIT_S
        while True:
            found = [file for file in self.downloads.iterdir() if file.suffix != ".crdownload" and wanted(file)]
            if found:
                return max(found, key=lambda file: file.stat().st_mtime_ns)
            assert time.monotonic() < end, "nothing was downloaded"
            time.sleep(0.05)

    def picture(self, *, whole: bool = True) -> bytes:
        """Return what the page looks like, as a PNG."""
        return b64decode(self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"])
