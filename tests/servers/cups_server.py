# SPDX-License-Identifier: Apache-2.0
"""A CUPS server of its own for one test run: settings, spool, queues and output in one folder, on one socket file.

Rules:

1. ``cupsd``, its filters and the PDF printer are Debian's. As root the printer is cups-pdf (PDF to PostScript to
   PDF); it refuses everybody else, so that others get a printer that keeps the PDF as CUPS hands it over.
2. The worst case for secrets is set: ``PreserveJobFiles Yes``, so that only a purge removes a document. Cancelling
   needs an authenticated owner.
3. cups-pdf reads its settings from /etc/cups and nowhere else. Its copy here reads them from its working folder:
   that one constant is changed, no other byte.
"""

import contextlib
import os
import re
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

DEBIAN_CUPS = Path("/usr/lib/cups")
DEBIAN_CUPS_PDF = DEBIAN_CUPS / "backend/cups-pdf"
DEBIAN_PPD = Path("/usr/share/ppd/cups-pdf/CUPS-PDF_noopt.ppd")

START_LIMIT_S = 60.0

PROGRAMS = ("lp", "lpstat", "/usr/sbin/cupsd", "/usr/sbin/lpadmin", "/usr/lib/cups/filter/pdftopdf", "gs")
"""What Debian's printer-driver-cups-pdf brings or needs."""

SETTINGS = """\
{sockets}
LogLevel debug
Browsing No
WebInterface No
DefaultAuthType Basic
PreserveJobFiles Yes
PreserveJobHistory {history}
<Location />
  Order allow,deny
  Allow all
</Location>
<Policy default>
  <Limit Cancel-Job>
    AuthType {owner}
    Require user @OWNER
    Order deny,allow
  </Limit>
  <Limit All>
    Order allow,deny
    Allow all
  </Limit>
</Policy>
"""

PLACES = """\
ServerRoot {folder}/settings
ServerBin {folder}/programs
RequestRoot {folder}/spool
CacheDir {folder}/cache
StateDir {folder}/state
TempDir {folder}/spool/tmp
AccessLog {folder}/log/access
ErrorLog {folder}/log/error
PageLog {folder}/log/page
SystemGroup root
"""

CUPS_PDF_SETTINGS = """\
Out {folder}/printed
AnonDirName {folder}/printed
Spool {folder}/temporary/cups-pdf
Log {folder}/log
GSTmp {folder}/temporary
Label 1
"""

TAKES_PDF = '*cupsFilter: "application/vnd.cups-pdf 0 -"\n'
"""Line of a printer description: the printer wants what the page layout filter makes, not PostScript."""

SIMULATED = """\
#!/bin/sh
# A printer that does as its address says: simulated:/keep, simulated:/stall or simulated:/exit/STATUS.
case $DEVICE_URI in
  */keep) cat "${{6:--}}" >"{folder}/printed/job_$1.pdf" ;;
  */stall) echo "STATE: +media-empty-error" >&2; exec sleep 60 ;;
  */exit/*) cat "${{6:--}}" >/dev/null; exit "${{DEVICE_URI##*/}}" ;;
esac
"""


class CupsServer:
    """A running server; ``folder`` must be short, since the socket's name may have 107 characters.

    Args:
        history: ``PreserveJobHistory``.
        port: of the loopback address; there an owner is believed. 0 is for none.

    Attributes:
        address: what ``CUPS_SERVER`` names.
        spool: where CUPS keeps jobs and documents.
        printed: where the PDF printer leaves its output.
    """

    def __init__(self, folder: Path, *, history: str = "Yes", port: int = 0) -> None:
        self._folder = folder
        self._socket = folder / "socket"
        self.address = f"localhost:{port}" if port else str(self._socket)
        self.spool = folder / "spool"
        self.printed = folder / "printed"
        self._process: subprocess.Popen[bytes] | None = None
        self._is_root = os.geteuid() == 0
        self._lay_out()
        owner = "None" if port else "Default"
        sockets = "\n".join(f"Listen {address}" for address in {str(self._socket), self.address})
        settings = SETTINGS.format(sockets=sockets, history=history, owner=owner)
        (folder / "settings/cupsd.conf").write_text(settings)
        # Filters run under another account.
        folder.chmod(0o755)

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        self._socket.unlink(missing_ok=True)
        settings = self._folder / "settings"
        self._process = subprocess.Popen(
            ["/usr/sbin/cupsd", "-f", "-c", str(settings / "cupsd.conf"), "-s", str(settings / "cups-files.conf")],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._await_start()

    def stop(self) -> None:
        """End the server."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(START_LIMIT_S)
            self._process = None

    def add_pdf_printer(self, name: str, *more: str, area: str = "0 0 595 842") -> None:
        """Add a queue that prints into a file; ``area`` is what it can print on A4, in points."""
        text = DEBIAN_PPD.read_text()
        whole = '*ImageableArea A4/A4: "0 0 595 842"'
        assert whole in text
        text = text.replace(whole, f'*ImageableArea A4/A4: "{area}"')
        if not self._is_root:
            text += TAKES_PDF
        ppd = self._folder / f"{name}.ppd"
        ppd.write_text(text)
        self._admin("lpadmin", "-p", name, "-E", "-v", self._pdf_device(), "-P", str(ppd), *more)

    def add_printer(self, name: str, does: str, *more: str) -> None:
        """Add a queue for a simulated printer."""
        self._admin("lpadmin", "-p", name, "-E", "-v", f"simulated:/{does}", "-P", str(DEBIAN_PPD), *more)

    def disable(self, name: str) -> None:
        """Stop a queue; jobs are still accepted."""
        self._admin("cupsdisable", name)

    def reject(self, name: str) -> None:
        """Let a queue accept no jobs."""
        self._admin("cupsreject", name)

    def outputs(self) -> list[Path]:
        """Return what was printed, in order of the jobs."""
        return sorted(self.printed.iterdir(), key=lambda file: int(re.findall(r"\d+", file.name)[0]))

    def leftovers(self) -> dict[str, bytes]:
        """Return every file in the folders where CUPS and its filters keep documents."""
        kept = (self.spool, self._folder / "temporary", self._folder / "cache")
        files = (file for place in kept for file in place.rglob("*") if file.is_file())
        return {str(file.relative_to(self._folder)): file.read_bytes() for file in files}

    def log(self) -> str:
        """Return the server's own log."""
        return (self._folder / "log/error").read_text(errors="replace")

    def _pdf_device(self) -> str:
        return "cups-pdf:/here" if self._is_root else "simulated:/keep"

    def _lay_out(self) -> None:
        for name in (
            "settings",
            "spool",
            "cache",
            "state",
            "log",
            "printed",
            "temporary",
            "programs/backend",
            "spool/tmp",
        ):
            (self._folder / name).mkdir(parents=True)
        for name in ("temporary", "printed", "spool/tmp"):
            (self._folder / name).chmod(0o1777)
        (self._folder / "settings/cups-files.conf").write_text(PLACES.format(folder=self._folder))
        for place in DEBIAN_CUPS.iterdir():
            if place.name != "backend":
                (self._folder / "programs" / place.name).symlink_to(place)
        self._add_backend("simulated", SIMULATED.format(folder=self._folder).encode())
        if self._is_root:
            self._add_cups_pdf()

    def _add_cups_pdf(self) -> None:
        (self._folder / "cups-pdf-here.conf").write_text(CUPS_PDF_SETTINGS.format(folder=self._folder))
        program, place = DEBIAN_CUPS_PDF.read_bytes(), b"/etc/cups\0"
        assert program.count(place) == 1
        self._add_backend("cups-pdf", program.replace(place, b".".ljust(len(place), b"\0")))

    def _add_backend(self, name: str, program: bytes) -> None:
        file = self._folder / "programs/backend" / name
        file.write_bytes(program)
        # Without a right for others, CUPS runs it as root.
        file.chmod(stat.S_IRWXU)

    def _await_start(self) -> None:
        limit = time.monotonic() + START_LIMIT_S
        while not self._socket.exists():
            assert self._process is not None and self._process.poll() is None, (
                "cupsd does not like its settings: cupsd -t tells"
            )
            assert time.monotonic() < limit, "cupsd does not start"
            time.sleep(0.05)

    def _admin(self, program: str, *arguments: str) -> None:
        command = [shutil.which(program, path="/usr/sbin:/usr/bin") or program, *arguments]
        environment = {"CUPS_SERVER": str(self._socket), "LC_ALL": "C", "PATH": "/usr/bin:/bin"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr


@contextlib.contextmanager
def starting(need: Callable[[str], str]) -> Iterator[Callable[..., CupsServer]]:
    """Yield a function that starts a server; all of them are stopped and removed at the end."""
    for program in PROGRAMS:
        need(program)
    if not DEBIAN_PPD.exists():
        need("printer-driver-cups-pdf")
    with contextlib.ExitStack() as ends:

        def begin(**settings: Any) -> CupsServer:
            folder = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="cups-")))
            server = CupsServer(folder, **settings)
            ends.callback(server.stop)
            server.start()
            return server

        yield begin
