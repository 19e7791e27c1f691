# SPDX-License-Identifier: Apache-2.0
"""Which Chromium is run here, what keeps one from running, and to which pages it goes.

What it does not do: it starts none, and looks at no window.
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from breakglass_shamir.errors import InvalidInput

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""Names under which a Chromium is looked for."""

INSTALL = "install it: apt install chromium; or name it with the option browser"
"""What to do where there is none."""

LOCAL = ("localhost", "127.0.0.1", "::1")
"""Hosts whose pages a browser trusts without TLS."""

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where programs are looked for, whatever the environment says."""

MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it
"""A file system in memory."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Which browser, and how it is run.

    Attributes:
        program: its absolute path; empty: the first of :data:`PROGRAMS` on the system's path.
        sandbox: whether it keeps its sandbox.
        shown: whether people see it; else it has no display.
    """

    program: str = ""
    sandbox: bool = True
    shown: bool = True


def find(settings: Settings) -> str:
    """Return the browser's path; empty: there is none."""
    return settings.program or next(filter(None, (shutil.which(name, path=SYSTEM_PATH) for name in PROGRAMS)), "")


def problems(settings: Settings) -> list[tuple[str, str]]:
    """Say what keeps the browser from running here: each a sentence, and what to do."""
    found: list[tuple[str, str]] = []
    if not find(settings):
        found.append(("no Chromium is installed here, and a passkey needs one", INSTALL))
    if settings.sandbox and os.geteuid() == 0:
        found.append((
            "Chromium does not run as root with its sandbox",
            "run breakglass as an ordinary account; or, on a machine that is used for nothing else, without the "
            "sandbox: options = { sandbox = \"off\" }, recipe:chromium --no-sandbox",
        ))  # fmt: skip
    if settings.shown and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        found.append((
            "people have to see the browser, and there is no display here",
            "use a graphical session (DISPLAY or WAYLAND_DISPLAY has to be set)",
        ))  # fmt: skip
    if not _is_memory(MEMORY):
        found.append((f"{MEMORY} is no file system in memory, and the profile is kept nowhere else", "mount a tmpfs"))
    return found


def _is_memory(place: Path) -> bool:
    """Tell whether a folder is on a file system in memory, as the kernel lists it (proc(5), mounts)."""
    try:
        mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    except OSError:
        return False
    return any(len(one) > 2 and one[1] == str(place) and one[2] in ("tmpfs", "ramfs") for one in mounts)


def page_of(url: str) -> SplitResult:
    """Return the parts of a page's address.

    Raises:
        InvalidInput: no browser would let a passkey be used there.
    """
    page = address("passkey target", url)
    if page.scheme != "https" and page.hostname not in LOCAL:
        raise InvalidInput("passkey target: expected https, since no browser lets a passkey be used without it")
    return page


def address(what: str, url: str) -> SplitResult:
    """Return the parts of an address.

    Args:
        what: what it is, for the error.
        url: the address.

    Raises:
        InvalidInput: it is none of http or https, or carries a name or a password.
    """
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("https", "http") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        fits = False
    if not fits or "@" in parts.netloc or not url.isascii() or not url.isprintable() or " " in url:
        raise InvalidInput(f"{what}: expected an address such as https://login.example/path")
    return parts
