# SPDX-License-Identifier: Apache-2.0
"""A sheet held in memory straight to a CUPS queue (spec section 4, "The sheet").

Rules:

1. This program writes no file: the PDF goes to ``lp`` on its standard input. Command lines, titles and errors
   hold no secret; a title is the caller's to choose, and should say nothing.
2. One sheet at a time: ``print_pdf`` returns once CUPS calls the job completed. Whatever else happens to it
   (aborted, cancelled, held, stopped, time over, interrupted) ends in an error, and in no job.
3. However it ended, the job is purged: CUPS forgets it and deletes its copy of the document, which it would
   otherwise keep for a day. That the job is gone is looked up, not assumed.
4. A stopped queue is given nothing at all: a document that waits for a printer is a share on a disk.
5. The size stays: no scaling, one page on a side, the paper that the PDF was made for. The user's own printing
   defaults (``lpoptions``) are not read.
6. Only queues of the CUPS server count. A printer merely announced on the network proves nothing about where
   a share would go.

``lp`` and ``lpstat`` find the server and submit. A job's state and its purging are asked for in IPP itself (RFC
8010 and 8011), because before CUPS 2.4.8 ``lpstat -l`` calls every job that is over, printed or not,
``processing-to-stop-point``, and ``cancel -x JOB`` leaves the document where it is.

What it cannot guarantee. CUPS keeps the document in its spool folder while the job lasts (``RequestRoot``, by
default on a disk), and its filters make temporary copies (``TempDir``) which they leave there when they are cut
off, until CUPS is started anew. Deleted is not overwritten either: keep both on a memory file system. A server
on another machine, a shared queue and the printer itself keep what they want in memory and on disk, and the
network to them may be open: nothing here encrypts it, and the server has to take an owner's word for a purge. A
driverless printer may scale by itself (before 2.4.8 CUPS does not pass it the option). Completed means that
CUPS handed all of it over, not that paper came out: that is what reading the sheets back is for. Whether
``PreserveJobFiles`` is set cannot be seen without an administrator's rights, so every job is purged; with
``PreserveJobHistory No`` a finished job is gone before it can be asked about, and that is an error.
"""

import http.client
import os
import pwd
import re
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from breakglass_shamir.errors import PaperError

__all__ = ["Printer", "printers"]

SYSTEM_PATH = "/usr/bin:/bin"
"""Where lp and lpstat are looked for; the caller's PATH is not trusted."""

CALL_LIMIT_S = 20.0
"""Longest time for one call of a program or one answer of the server."""

FILTERS_END_S = 5.0
"""Longest time for the filters of a cancelled job to end by themselves."""

POLL_S = 0.2
"""Time between two looks at a job."""

COMPLAINT_MAX_CHARS = 200
"""Longest part of a message of CUPS that is repeated to people."""

SAME_SIZE_POINTS = 2.0
"""Difference up to which a page counts as being of a paper size."""

_MEDIA = {"a4": "iso_a4_210x297mm", "letter": "na_letter_8.5x11in"}
"""Names of paper sizes, PWG 5101.1."""

_AS_IT_IS = (
    "print-scaling=none",
    "number-up=1",
    "mirror=false",
    "sides=two-sided-long-edge",
    "job-sheets=none",
    "job-hold-until=no-hold",
)
"""What no default of a queue may change: size, pages on a side, direction, banner, delay."""

_INTERRUPTED = "printing was interrupted"

_CUT_OFF_HINT = (
    "restart CUPS before the next try: that empties its temporary folder, where filters may have left copies"
)

_ACCEPTING = re.compile(r"^(\S+) (?:not )?accepting requests", re.MULTILINE)
_REQUEST_ID = re.compile(r"request id is \S+-(\d+) ")

# IPP: operations, tags and values (RFC 8010 section 3.5, RFC 8011 sections 4 and 5).
_CANCEL_JOB, _GET_JOB, _GET_JOBS, _GET_PRINTER = 0x08, 0x09, 0x0A, 0x0B
_GROUP_OPERATION, _GROUP_END, _LAST_GROUP = 0x01, 0x03, 0x0F
_INTEGER, _BOOLEAN, _NAME, _KEYWORD, _URI, _CHARSET, _LANGUAGE = 0x21, 0x22, 0x42, 0x44, 0x45, 0x47, 0x48
_JOB_HELD, _JOB_PROCESSING, _JOB_COMPLETED = 4, 5, 9
_PRINTER_PROCESSING, _PRINTER_STOPPED = 4, 5
_NOT_FOUND = 0x0406
_LAST_SUCCESS = 0x00FF
_JOB_ENDS = {_JOB_HELD: "is held", 6: "was stopped", 7: "was cancelled", 8: "was aborted"}

Values = dict[str, tuple[bytes, ...]]
"""Attributes of one group of an IPP answer."""


def printers() -> tuple[str, ...]:
    """Return the names of the queues of the CUPS server, sorted.

    Raises:
        PaperError: the CUPS commands are missing, or the server does not answer.
    """
    code, output, complaint = _run("lpstat", ("-a",))
    if code != 0 and "No destinations added" not in complaint:
        raise PaperError(f"the print server does not answer: {complaint}", hint="start CUPS, or print from files")
    return tuple(sorted(_ACCEPTING.findall(output)))


class Printer:
    """One queue of the CUPS server that this machine uses.

    Args:
        name: the queue's name, exactly as ``lpstat -a`` shows it.
        timeout_s: longest time for one sheet, seconds; cleaning up after it may take ``CALL_LIMIT_S`` more.

    Raises:
        PaperError: the CUPS commands or this queue are missing, or the server does not answer.
    """

    def __init__(self, name: str, *, timeout_s: float = 120.0) -> None:
        known = printers()
        if name not in known:
            there = f"there are: {', '.join(known)}" if known else "CUPS has none"
            raise PaperError(f"no printer is called {name!r}; {there}", hint="lpstat -a lists them")
        _find_program("lp")
        self.name: Final = name
        self._timeout_s = timeout_s
        self._server = _Server(name)

    def print_pdf(self, pdf: bytes, title: str) -> None:
        """Print one PDF at its own size and wait until CUPS calls it completed; leave no job behind.

        Args:
            pdf: pages of one size, A4 or Letter.
            title: what queue listings and logs may show: neutral, no set's name.

        Raises:
            PaperError: it was not printed; or it was, but its copy in the spool may still be there.
        """
        deadline = time.monotonic() + self._timeout_s
        media = _media(pdf)
        self._refuse_stopped()
        job = self._submit(pdf, title, media, deadline)
        trouble = ""
        try:
            self._wait(job, deadline)
        except BaseException as error:
            trouble = str(error) or _INTERRUPTED
            raise
        finally:
            self._purge([job], trouble or "the sheet was printed")

    def _refuse_stopped(self) -> None:
        state, reasons = self._server.printer_state()
        if state == _PRINTER_STOPPED:
            raise PaperError(
                f"the printer {self.name} is stopped{reasons}", hint=f"start it with: cupsenable {self.name}"
            )

    def _submit(self, pdf: bytes, title: str, media: str, deadline: float) -> int:
        """Hand the document to CUPS and return the job's number; when that fails, leave no job either."""
        before = self._server.own_jobs(title)
        try:
            return self._hand_over(pdf, title, media, deadline)
        except BaseException as error:
            # Without a number: what is new under this title is what lp left when it was ended.
            outcome = str(error) or _INTERRUPTED
            try:
                left = self._server.own_jobs(title) - before
            except PaperError as silent:
                raise PaperError(f"{outcome}; whether CUPS holds the document is not known: {silent}") from error
            self._purge(sorted(left), outcome)
            raise

    def _hand_over(self, pdf: bytes, title: str, media: str, deadline: float) -> int:
        options = [part for option in (f"media={media}", *_AS_IT_IS) for part in ("-o", option)]
        command = ("-d", self.name, "-t", title, "-n", "1", *options, "-")
        code, output, complaint = _run("lp", command, given=pdf, limit_s=max(deadline - time.monotonic(), 0.1))
        accepted = _REQUEST_ID.search(output)
        if code != 0 or accepted is None:
            raise PaperError(f"the printer {self.name} does not take the sheet: {complaint}")
        return int(accepted[1])

    def _wait(self, job: int, deadline: float) -> None:
        """Return when a job is completed.

        Raises:
            PaperError: it ended otherwise, or not in time.
        """
        while True:
            state, told = self._server.job_state(job)
            if state == _JOB_COMPLETED:
                return
            if state in _JOB_ENDS:
                raise PaperError(f"job {self.name}-{job} {_JOB_ENDS[state]}{told}", hint=_CUT_OFF_HINT)
            stopped, reasons = self._server.printer_state()
            if stopped == _PRINTER_STOPPED:
                raise PaperError(f"the printer {self.name} stopped{reasons}", hint=_CUT_OFF_HINT)
            if time.monotonic() + POLL_S > deadline:
                late = f"{self.name} did not print the sheet within {self._timeout_s:g} s{reasons or told}"
                raise PaperError(late, hint=_CUT_OFF_HINT)
            time.sleep(POLL_S)

    def _purge(self, jobs: Sequence[int], outcome: str) -> None:
        """Delete jobs and their documents.

        Raises:
            PaperError: one may still be there; ``outcome`` says what else happened.
        """
        for job in jobs:
            try:
                self._server.purge(job)
            except PaperError as error:
                raise PaperError(
                    f"{outcome}; the document of job {self.name}-{job} may still be in the spool folder: {error}",
                    hint=f"remove it: cancel -x {self.name}-{job}, then look into /var/spool/cups as root",
                ) from error


@dataclass(frozen=True, slots=True)
class _Answer:
    """An IPP response: its status, and the attributes of each group after the operation's."""

    status: int
    message: str
    groups: tuple[Values, ...]


class _Server:
    """The few IPP operations that are needed, on the server that ``lp`` uses, about one queue."""

    def __init__(self, queue: str) -> None:
        code, place, complaint = _run("lpstat", ("-H",))
        if code != 0 or not place.strip():
            raise PaperError(f"the print server is not known: {complaint}")
        self._place = place.strip()
        self._user = _user_name()
        self._printer = f"ipp://localhost/printers/{quote(queue, safe='')}"

    def job_state(self, job: int) -> tuple[int, str]:
        """Return a job's state, and what CUPS tells about it."""
        answer = self._ask(_GET_JOB, job, ("job-state", "job-printer-state-message"))
        if answer.status == _NOT_FOUND:
            raise PaperError(
                f"the print server has forgotten job {job}, so that nobody knows whether it was printed",
                hint="set PreserveJobHistory in cupsd.conf to Yes; finished jobs are purged anyway",
            )
        values = _only(answer)
        return _number(values, "job-state"), _told(values.get("job-printer-state-message", ()))

    def printer_state(self) -> tuple[int, str]:
        """Return the queue's state, and the reasons it gives."""
        wanted = ("printer-state", "printer-state-reasons", "printer-state-message")
        values = _only(self._ask(_GET_PRINTER, None, wanted))
        reasons = [reason for reason in values.get("printer-state-reasons", ()) if reason not in {b"none", b"paused"}]
        return _number(values, "printer-state"), _told((*reasons, *values.get("printer-state-message", ())))

    def own_jobs(self, title: str) -> set[int]:
        """Return this user's jobs with a title, finished or not."""
        mine = ((_BOOLEAN, "my-jobs", b"\x01"), (_KEYWORD, "which-jobs", b"all"))
        answer = self._ask(_GET_JOBS, None, ("job-id", "job-name"), *mine)
        named = (group for group in answer.groups if group.get("job-name") == (title.encode(errors="replace"),))
        return {_number(group, "job-id") for group in named}

    def purge(self, job: int) -> None:
        """Cancel a job if it is not over, delete it with its document, and see that it is gone."""
        self._end(job)
        limit = time.monotonic() + CALL_LIMIT_S
        while (answer := self._ask(_CANCEL_JOB, job, (), (_BOOLEAN, "purge-job", b"\x01"))).status != _NOT_FOUND:
            if answer.status > _LAST_SUCCESS:
                raise _refusal(answer)
            if time.monotonic() > limit:
                raise PaperError("the print server still lists it")
            time.sleep(POLL_S)

    def _end(self, job: int) -> None:
        """Let a job that runs end by itself: purging at once kills its filters, which then leave all their files."""
        (values, *_) = self._ask(_GET_JOB, job, ("job-state",)).groups or ({},)
        if _number(values, "job-state") != _JOB_PROCESSING or self._ask(_CANCEL_JOB, job, ()).status > _LAST_SUCCESS:
            return
        limit = time.monotonic() + FILTERS_END_S
        while self.printer_state()[0] == _PRINTER_PROCESSING and time.monotonic() < limit:
            time.sleep(POLL_S)

    def _ask(self, operation: int, job: int | None, wanted: Sequence[str], *more: tuple[int, str, bytes]) -> _Answer:
        """Send one request and decode its answer."""
        attributes = [
            (_CHARSET, "attributes-charset", b"utf-8"),
            (_LANGUAGE, "attributes-natural-language", b"en"),
            (_URI, "printer-uri", self._printer.encode()),
            *([] if job is None else [(_INTEGER, "job-id", struct.pack(">i", job))]),
            (_NAME, "requesting-user-name", self._user.encode()),
            *more,
            *((_KEYWORD, "" if at else "requested-attributes", name.encode()) for at, name in enumerate(wanted)),
        ]
        path = "/jobs/" if operation == _CANCEL_JOB else "/"
        try:
            return _decode(self._post(path, _encode(operation, attributes)))
        except (OSError, http.client.HTTPException, struct.error, LookupError, ValueError) as error:
            raise PaperError(f"the print server at {self._place} does not answer as it should: {error}") from error

    def _post(self, path: str, body: bytes) -> bytes:
        headers = {"Content-Type": "application/ipp"}
        connection: http.client.HTTPConnection
        if self._place.startswith("/"):
            connection = _LocalConnection(self._place)
            # The server compares this name with the socket's peer; over a network it would prove nothing.
            headers["Authorization"] = f"PeerCred {self._user}"
        else:
            host, _, port = self._place.rpartition(":")
            connection = http.client.HTTPConnection(host, int(port), timeout=CALL_LIMIT_S)
        try:
            connection.request("POST", path, body, headers)
            with connection.getresponse() as response:
                if response.status != http.client.OK:
                    raise http.client.HTTPException(f"{response.status} {_shown(response.reason)}")
                return response.read()
        finally:
            connection.close()


class _LocalConnection(http.client.HTTPConnection):
    """HTTP over the server's own socket file."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=CALL_LIMIT_S)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket file."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(CALL_LIMIT_S)
        self.sock.connect(self._path)


def _encode(operation: int, attributes: Sequence[tuple[int, str, bytes]]) -> bytes:
    """Build an IPP 1.1 request; an attribute without a name is a further value of the one before it."""
    parts = [struct.pack(">BBHIB", 1, 1, operation, 1, _GROUP_OPERATION)]
    for tag, name, value in attributes:
        parts.append(struct.pack(">BH", tag, len(name)) + name.encode() + struct.pack(">H", len(value)) + value)
    return b"".join([*parts, bytes([_GROUP_END])])


def _decode(body: bytes) -> _Answer:
    """Read an IPP response: groups of attributes, each a name with one or more values."""
    _, status, _ = struct.unpack_from(">HHI", body)
    groups: list[Values] = []
    name, at = "", 8
    while body[at] != _GROUP_END:
        tag, at = body[at], at + 1
        if tag <= _LAST_GROUP:
            groups.append({})
            continue
        label, at = _field(body, at)
        value, at = _field(body, at)
        name = label.decode() or name
        groups[-1][name] = (*groups[-1].get(name, ()), value)
    message = groups[0].get("status-message", (b"",))[0]
    return _Answer(status, _shown(message.decode(errors="replace")), tuple(groups[1:]))


def _field(body: bytes, at: int) -> tuple[bytes, int]:
    """Return a field that its length precedes, and where the next one begins."""
    (length,) = struct.unpack_from(">H", body, at)
    start = at + 2
    return body[start : start + length], start + length


def _only(answer: _Answer) -> Values:
    if answer.status > _LAST_SUCCESS or not answer.groups:
        raise _refusal(answer)
    return answer.groups[0]


def _refusal(answer: _Answer) -> PaperError:
    return PaperError(f"the print server refuses: {answer.message or hex(answer.status)}")


def _number(values: Values, name: str) -> int:
    return int.from_bytes(values[name][0], "big") if name in values else 0


def _told(texts: Sequence[bytes]) -> str:
    """Return what CUPS tells as the tail of a sentence, or nothing."""
    told = ", ".join(dict.fromkeys(filter(None, (_shown(text.decode(errors="replace")) for text in texts))))
    return f": {told}" if told else ""


def _shown(text: str) -> str:
    """Return foreign text that is safe to show: one line, printable, not endless."""
    return "".join(filter(str.isprintable, text)).strip()[:COMPLAINT_MAX_CHARS]


def _media(pdf: bytes) -> str:
    """Return the name of the paper that a PDF's pages were made for."""
    import pypdfium2

    from breakglass_shamir.paper.layout import PAPER_SIZES_MM, POINTS_PER_MM

    try:
        document = pypdfium2.PdfDocument(pdf)
        sizes = [document.get_page_size(index) for index in range(len(document))]
        document.close()
    except pypdfium2.PdfiumError as error:
        raise PaperError("expected a PDF to print, got something else") from error
    for paper, (width, height) in PAPER_SIZES_MM.items():
        wanted = (width * POINTS_PER_MM, height * POINTS_PER_MM)
        if sizes and all(abs(a - b) < SAME_SIZE_POINTS for size in sizes for a, b in zip(size, wanted, strict=True)):
            return _MEDIA[paper]
    raise PaperError("expected every page in A4 or in Letter, upright")


def _user_name() -> str:
    """Return the name under which lp submits when the environment names none."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return "unknown"


def _find_program(name: str) -> str:
    found = shutil.which(name, path=SYSTEM_PATH)
    if found is None:
        raise PaperError(f"{name} not found in {SYSTEM_PATH}", hint="install the CUPS client commands (cups-client)")
    return found


def _run(
    name: str, arguments: Sequence[str], *, given: bytes = b"", limit_s: float = CALL_LIMIT_S
) -> tuple[int, str, str]:
    """Run a CUPS command in a clean environment.

    Returns:
        Exit code, standard output, and the last line of its standard error.

    Raises:
        PaperError: it is missing, could not be started, or did not end in time.
    """
    environment = {"PATH": SYSTEM_PATH, "LC_ALL": "C"}
    if "CUPS_SERVER" in os.environ:
        environment["CUPS_SERVER"] = os.environ["CUPS_SERVER"]
    try:
        done = subprocess.run(
            [_find_program(name), *arguments],
            input=given,
            capture_output=True,
            timeout=limit_s,
            check=False,
            env=environment,
            cwd="/",
            start_new_session=True,
        )
    except subprocess.TimeoutExpired as error:
        raise PaperError(f"{name} did not end within {limit_s:.0f} s") from error
    except (OSError, ValueError) as error:
        raise PaperError(f"{name} could not be run: {error}") from error
    complaint = _shown(done.stderr.decode(errors="replace").strip().rpartition("\n")[2])
    return done.returncode, done.stdout.decode(errors="replace"), complaint or "no message"
