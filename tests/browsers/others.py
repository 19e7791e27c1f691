# SPDX-License-Identifier: Apache-2.0
"""Run ``recover.html`` in Firefox and in WebKit: all vectors, and the whole way from sheets to secret.

    python -m tests.browsers.others [firefox] [webkit]

Rules:

1. The vectors are asked of a copy of the page that has one more script, with its hash in the policy: no protocol of
   these browsers reaches into the scripts of a page. The whole way is gone on the page that people get.
2. A browser that is not installed is named, and is a failure: ``make browsers`` installs it.
3. Firefox is also killed with a share half typed and with the secret on the screen, and its profile searched.
"""

import base64
import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from tests.attacks.test_page_keeps_nothing import whispers
from tests.browsers.asked import FILES, MOMENT, epochs, of_program, operations, vectors_of
from tests.browsers.chromium import PAGE
from tests.browsers.test_page_vectors import NOT_READ, lines_of

WAIT_S = 300
"""All vectors are asked in one go."""

ENTER = "\ue007"
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""The key under which WebDriver names an element."""

PLAIN = epochs()["2-of-3"]
SECRET = bytes.fromhex(PLAIN["credential"]["secret"]).decode()
SESSION_STORE_S = 20
"""Longer than Firefox takes to write what it would restore (15 s)."""


class Driver(Protocol):
    """A browser: asked by WebDriver's commands, whatever carries them."""

    @property
    def downloads(self) -> Path | None: ...
    def go(self, page: Path) -> None: ...
    def script(self, text: str) -> Any: ...
    def element(self, name: str) -> str: ...
    def keys(self, element: str, text: str) -> None: ...
    def click(self, element: str) -> None: ...


class Firefox:
    """Firefox, by Marionette: a length, a colon and a JSON list over TCP."""

    def __init__(self, folder: Path) -> None:
        self.profile, self.downloads = folder / "profile", folder / "downloads"
        self.profile.mkdir()
        self.downloads.mkdir()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        settings = {
            "marionette.port": port, "browser.download.folderList": 2, "browser.download.dir": str(self.downloads),
            "browser.download.useDownloadDir": True, "browser.download.always_ask_before_handling_new_types": False,
            "browser.shell.checkDefaultBrowser": False, "datareporting.policy.dataSubmissionEnabled": False,
            "dom.disable_beforeunload": True,
        }  # fmt: skip
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in settings.items()]
        (self.profile / "user.js").write_text("\n".join(lines), encoding="utf-8")
        self.process = subprocess.Popen(
            ["firefox-esr", "--headless", "--marionette", "--no-remote", "--profile", str(self.profile)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            env={**os.environ, "HOME": str(folder)},
        )  # fmt: skip
        self.line = connected(port)
        self.number = 0
        self.receive()
        self.ask("WebDriver:NewSession", {"capabilities": {"alwaysMatch": {}}})

    def receive(self) -> Any:
        head = b""
        while not head.endswith(b":"):
            head += self.line.recv(1) or stop("firefox has ended")
        data, size = b"", int(head[:-1])
        while len(data) < size:
            data += self.line.recv(size - len(data)) or stop("firefox has ended")
        return json.loads(data)

    def ask(self, command: str, given: dict[str, Any]) -> Any:
        self.number += 1
        data = json.dumps([0, self.number, command, given]).encode()
        self.line.sendall(str(len(data)).encode() + b":" + data)
        _, _, error, result = self.receive()
        if error:
            stop(f"{command}: {error}")
        return result.get("value", result) if isinstance(result, dict) else result

    def go(self, page: Path) -> None:
        self.ask("WebDriver:Navigate", {"url": page.as_uri()})

    def script(self, text: str) -> Any:
        return self.ask("WebDriver:ExecuteScript", {"script": text, "args": []})

    def element(self, name: str) -> str:
        found: str = self.ask("WebDriver:FindElement", {"using": "css selector", "value": f"#{name}"})[ELEMENT]
        return found

    def keys(self, element: str, text: str) -> None:
        self.ask("WebDriver:ElementSendKeys", {"id": element, "text": text})

    def click(self, element: str) -> None:
        self.ask("WebDriver:ElementClick", {"id": element})

    def kill(self) -> None:
        self.line.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=WAIT_S)


class WebKit:
    """WebKitGTK's small browser, by WebDriver over HTTP, on a display of its own."""

    downloads = None

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.process = subprocess.Popen(
            ["xvfb-run", "-a", "WebKitWebDriver", f"--port={port}", "--host=127.0.0.1"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            env={**os.environ, "HOME": str(folder), "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1"},
        )  # fmt: skip
        connected(port).close()
        self.base = f"http://127.0.0.1:{port}/session"
        session = self.ask("POST", "", {"capabilities": {"alwaysMatch": {}}})
        self.base += f"/{session['sessionId']}"

    def ask(self, method: str, path: str, given: dict[str, Any] | None = None) -> Any:
        data = None if given is None else json.dumps(given).encode()
        whole, form = f"{self.base}{path}", {"Content-Type": "application/json"}
        request = urllib.request.Request(whole, data, form, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=WAIT_S) as answer:  # noqa: S310
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            return stop(f"{path}: {error.read().decode()}")

    def go(self, page: Path) -> None:
        self.ask("POST", "/url", {"url": page.as_uri()})

    def script(self, text: str) -> Any:
        return self.ask("POST", "/execute/sync", {"script": text, "args": []})

    def element(self, name: str) -> str:
        found: str = self.ask("POST", "/element", {"using": "css selector", "value": f"#{name}"})[ELEMENT]
        return found

    def keys(self, element: str, text: str) -> None:
        self.ask("POST", f"/element/{element}/value", {"text": text})

    def click(self, element: str) -> None:
        self.ask("POST", f"/element/{element}/click", {})

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=WAIT_S)


def stop(words: str) -> Any:
    raise SystemExit(words)


def connected(port: int) -> socket.socket:
    """Connect to what is starting."""
    end = time.monotonic() + WAIT_S
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=WAIT_S)
        except OSError:
            if time.monotonic() > end:
                stop("the browser does not start")
            time.sleep(0.2)


def until(driver: Driver, expression: str) -> None:
    end = time.monotonic() + WAIT_S
    while not driver.script(f"return {expression}"):
        if time.monotonic() > end:
            stop(f"never true: {expression}")
        time.sleep(0.1)


# What is tried


def cases() -> Iterator[tuple[str, list[Any], Callable[[dict[str, Any]], bool]]]:
    """Yield each case: its name, what is asked, and whether an answer is right."""
    for vector in (v for file in FILES for v in vectors_of(file) if v["operation"] not in NOT_READ):
        expected = {"error": vector["error"]} if "error" in vector else {"output": vector["output"]}
        yield (
            vector["name"],
            [vector["operation"], vector["input"]],
            lambda answer, expected=expected: all(  # type: ignore[misc]
                answer == expected or (part in expected.get("output", {}) and expected["output"][part] == value)
                for part, value in answer.get("output", answer).items()
            ),
        )
    for vector in (v for v in vectors_of("openings") if "set_public_key" not in v["input"]):
        lines = lines_of(vector["input"])
        expected = of_program(lines)
        yield (
            vector["name"],
            ["session", {"lines": lines, "time": MOMENT}],
            lambda answer, expected=expected: (  # type: ignore[misc]
                answer.get("output") == expected
            ),
        )


def vectors(driver: Driver, folder: Path) -> int:
    """Ask a copy of the page every vector; return how many there are."""
    every = list(cases())
    script = f"{operations()};\nwindow.answers = JSON.stringify(run({json.dumps([case for _, case, _ in every])}));"
    script += "\ndocument.body.dataset.answers = window.answers;"
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = PAGE.read_text(encoding="utf-8").replace("script-src ", f"script-src 'sha256-{digest}' ", 1)
    copy = folder / "copy.html"
    copy.write_text(page.replace("</body>", f"<script>{script}</script>\n</body>"), encoding="utf-8")
    driver.go(copy)
    until(driver, "document.body.dataset.answers !== undefined")
    answers = json.loads(driver.script("return document.body.dataset.answers"))
    wrong = [name for (name, _, right), answer in zip(every, answers, strict=True) if not right(answer)]
    if wrong:
        stop(f"{len(wrong)} vectors are answered otherwise: {wrong[:5]}")
    return len(every)


def whole_way(driver: Driver, folder: Path) -> None:
    """Go from sheets to secret, and leave the secret on the screen."""
    driver.go(PAGE)
    for line in [*PLAIN["shares"][0]["lines"], PLAIN["shares"][2]["text"], *PLAIN["codes"]]:
        driver.keys(driver.element("line"), line + ENTER)
    driver.click(driver.element("open"))
    until(driver, "!document.getElementById('use').hidden")
    for field, text in (("officer", "Olga"), ("officer", "Oskar"), ("ticket", "INC-7"), ("reason", "down")):
        driver.keys(driver.element(field), text + ENTER)
    until(driver, "!document.getElementById('keep').hidden")
    record = saved(driver, folder)
    wrong = folder / "wrong"
    wrong.write_bytes(b"x" * record.stat().st_size)
    driver.keys(driver.element("back"), str(wrong))
    until(driver, "!document.getElementById('compared').hidden")
    driver.keys(driver.element("back"), str(record))
    until(driver, "!document.getElementById('shown').hidden")
    assert SECRET not in driver.script("return document.documentElement.outerHTML")
    driver.click(driver.element("reveal"))
    until(driver, f"document.getElementById('text').textContent.includes({json.dumps(SECRET)})")


def saved(driver: Driver, folder: Path) -> Path:
    """Save the record by the browser; where it has no folder of downloads, take it as the page has it."""
    if driver.downloads is None:
        file = folder / "record.txt"
        file.write_bytes(bytes(driver.script("return Array.from(state.kept.data)")))
        return file
    driver.click(driver.element("save"))
    end = time.monotonic() + WAIT_S
    while not (files := [each for each in driver.downloads.iterdir() if each.suffix == ".txt" and each.stat().st_size]):
        if time.monotonic() > end:
            stop("nothing was downloaded")
        time.sleep(0.1)
    return files[0]


def keeps_nothing(browser: Firefox) -> int:
    """Kill it with the secret on the screen; return how many files of its profile were searched."""
    time.sleep(SESSION_STORE_S)
    browser.kill()
    every = set(whispers())
    files = [file for file in browser.profile.rglob("*") if file.is_file() and not file.is_symlink()]
    found = [file.name for file in files if any(each in file.read_bytes() for each in every)]
    if found:
        stop(f"found in the profile: {found}")
    return len(files)


def firefox() -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        browser = Firefox(folder)
        try:
            print(f"firefox: {vectors(browser, folder)} vectors")
            whole_way(browser, folder)
            print("firefox: from sheets to secret")
            print(f"firefox: killed, nothing in the {keeps_nothing(browser)} files of its profile")
        finally:
            browser.kill()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        browser = Firefox(Path(name))
        try:
            browser.go(PAGE)
            for line in PLAIN["shares"][0]["lines"]:
                browser.keys(browser.element("line"), line + ENTER)
            browser.keys(browser.element("line"), PLAIN["shares"][1]["text"])
            print(f"firefox: killed while typing, nothing in the {keeps_nothing(browser)} files of its profile")
        finally:
            browser.kill()


def webkit() -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        browser = WebKit(folder)
        try:
            print(f"webkit: {vectors(browser, folder)} vectors")
            whole_way(browser, folder)
            print("webkit: from sheets to secret, the record taken from the page, which this browser cannot save here")
        finally:
            browser.kill()


def main(names: list[str]) -> int:
    for name, program, run in (("firefox", "firefox-esr", firefox), ("webkit", "WebKitWebDriver", webkit)):
        if names and name not in names:
            continue
        if shutil.which(program) is None:
            print(f"{program} is not installed", file=sys.stderr)
            return 2
        run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
