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

import re
import time
from collections.abc import Sequence
from typing import Final

from breakglass_shamir.errors import PaperError
from breakglass_shamir.paper.printing import ipp
from breakglass_shamir.paper.printing.cups_programs import find_program, run
from breakglass_shamir.shell import operand

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


def printers() -> tuple[str, ...]:
    """Return the names of the queues of the CUPS server, sorted.

    Raises:
        PaperError: the CUPS commands are missing, or the server does not answer.
    """
    code, output, complaint = run("lpstat", ("-a",))
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
        find_program("lp")
        self.name: Final = name
        self._timeout_s = timeout_s
        self._server = ipp.Server(name)

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
        if state == ipp.PRINTER_STOPPED:
            raise PaperError(
                f"the printer {self.name} is stopped{reasons}",
                hint=f"start it with: cupsenable {operand(self.name)}",
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
        code, output, complaint = run("lp", command, given=pdf, limit_s=max(deadline - time.monotonic(), 0.1))
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
            if state == ipp.JOB_COMPLETED:
                return
            if state in ipp.JOB_ENDS:
                raise PaperError(f"job {self.name}-{job} {ipp.JOB_ENDS[state]}{told}", hint=_CUT_OFF_HINT)
            stopped, reasons = self._server.printer_state()
            if stopped == ipp.PRINTER_STOPPED:
                raise PaperError(f"the printer {self.name} stopped{reasons}", hint=_CUT_OFF_HINT)
            if time.monotonic() + ipp.POLL_S > deadline:
                late = f"{self.name} did not print the sheet within {self._timeout_s:g} s{reasons or told}"
                raise PaperError(late, hint=_CUT_OFF_HINT)
            time.sleep(ipp.POLL_S)

    def _purge(self, jobs: Sequence[int], outcome: str) -> None:
        """Delete jobs and their documents.

        Raises:
            PaperError: one may still be there; ``outcome`` says what else happened.
        """
        for job in jobs:
            try:
                self._server.purge(job)
            except PaperError as error:
                what = f"{self.name}-{job}"
                raise PaperError(
                    f"{outcome}; the document of job {self.name}-{job} may still be in the spool folder: {error}",
                    hint=f"remove it: cancel -x {operand(what)}, then look into /var/spool/cups as root",
                ) from error


def _media(pdf: bytes) -> str:
    """Return the name of the paper that a PDF's pages were made for."""
    import pypdfium2

    from breakglass_shamir.paper.sizes import PAPER_SIZES_MM, POINTS_PER_MM

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
