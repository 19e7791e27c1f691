# SPDX-License-Identifier: Apache-2.0
"""What every call of custody shares: the open ledger, the desk, the scanner, and arguments that no type tells.

It is this room's own; other programs meet it as ``Home``.
"""

import threading
from pathlib import Path
from typing import get_args

from breakglass_shamir.alerts.outbox import BESIDE
from breakglass_shamir.custody.life.gates import Request
from breakglass_shamir.custody.policy.tables import RevealMode
from breakglass_shamir.custody.records.words import check_human_text
from breakglass_shamir.errors import BreakglassError, IllegalState, InvalidInput
from breakglass_shamir.ledger import home
from breakglass_shamir.operations.credential.using import CLASSIFICATIONS, Use
from breakglass_shamir.operations.desk import Desk
from breakglass_shamir.operations.monitoring import queues, status
from breakglass_shamir.operations.monitoring.status import SetStatus
from breakglass_shamir.operations.opening import receipts
from breakglass_shamir.operations.printing.custodians import seat
from breakglass_shamir.operations.printing.sheets import Printing
from breakglass_shamir.operations.reading.sources import Sources
from breakglass_shamir.operations.recorder import Recorder, warn_of_others
from breakglass_shamir.paper.reading.scan import Scanner


class Terminal:
    """One open ledger and whoever sits before it."""

    def __init__(self, folder: Path, desk: Desk, record_to: Path | None) -> None:
        self.desk = desk
        self._thread = threading.get_ident()
        self._closed = False
        self.recorder = Recorder(home.open_home(folder, BESIDE), desk, record_to=record_to)
        warn_of_others(desk, self.recorder.guard())
        self._scanner: Scanner | None = None

    @property
    def scanner(self) -> Scanner:
        """The process that decodes; started when it is first needed."""
        if self._scanner is None:
            self._scanner = Scanner()
        return self._scanner

    def at(self, name: str) -> Recorder:
        """Return the recorder, at a set and at no opening, with what other processes recorded meanwhile.

        Raises:
            IllegalState: the home was closed, or was opened in another thread.
        """
        if self._closed:
            raise IllegalState("this home was closed", hint="open it again: Home(folder, desk)")
        self._refuse_other_threads()
        self.recorder.set_name, self.recorder.opening = name, ""
        self.recorder.ledger.catch_up()
        return self.recorder

    def status(self, name: str) -> tuple[SetStatus, ...]:
        """Return how one set is, or all of them."""
        state, folder = self.at(name).state, self.recorder.ledger.path.parent
        return tuple(status.status(state, (name,) if name else (), undelivered=queues.undelivered(folder)))

    def give_receipts(self) -> tuple[Path, ...]:
        """Write the officers' receipts of the opening at hand; what keeps them from it is said and hides nothing."""
        if not self.recorder.opening:
            return ()
        try:
            given = receipts.give(self.recorder)
        except BreakglassError as error:
            self.desk.warn(f"no receipt was written: {error}")
            return ()
        return given.files if given else ()

    def close(self) -> None:
        """End the scanner and close the ledger; a second time does nothing.

        Raises:
            IllegalState: the home was opened in another thread.
        """
        if self._closed:
            return
        self._refuse_other_threads()
        self._closed = True
        if self._scanner is not None:
            self._scanner.close()
        self.recorder.close()

    def _refuse_other_threads(self) -> None:
        if threading.get_ident() != self._thread:
            raise IllegalState("this home was opened in another thread", hint="open one of its own in each thread")


def check_request(request: Request, purpose: str) -> None:
    """Refuse a request of another purpose, or of a mode or duration that there is not.

    Raises:
        InvalidInput: with what was expected.
    """
    if request.purpose != purpose:
        raise InvalidInput(f"expected a request with the purpose {purpose}, got {request.purpose[:20]!r}")
    if request.mode not in get_args(RevealMode):
        raise InvalidInput(f"expected a mode of {', '.join(get_args(RevealMode))}, got {request.mode[:20]!r}")
    if request.use_for_s < 0:
        raise InvalidInput(f"expected a use of 0 seconds or more, got {request.use_for_s}")


def check_use(use: Use) -> None:
    """Refuse a use that cannot be closed or put off.

    Raises:
        InvalidInput: no such classification, or a rotation that is put off for no time or no reason.
    """
    if use.classification not in {"", *CLASSIFICATIONS}:
        raise InvalidInput(f"expected a classification of {', '.join(CLASSIFICATIONS)}, or none")
    if use.defer_s < 0:
        raise InvalidInput(f"expected a rotation put off for 0 seconds or more, got {use.defer_s}")
    if use.defer_s:
        check_human_text("reason why the rotation is put off", use.defer_reason)


def check_sources(sources: Sources) -> None:
    """Refuse sources that give nothing.

    Raises:
        InvalidInput: none is named, the watched folder is not there, or nobody could wait so long.
    """
    if not (sources.scans or sources.typed or sources.asks or sources.watched or sources.camera is not None):
        raise InvalidInput("expected scans, typed lines, a watched folder or a camera, got none of them")
    if sources.watched is not None and not sources.watched.is_dir():
        raise InvalidInput(f"expected a folder that a scanner fills at {sources.watched}")
    if not sources.patience_s >= 0:
        raise InvalidInput(f"expected a patience of 0 seconds or more, got {sources.patience_s}")


def check_printing(printing: Printing) -> None:
    """Refuse a place for sheets that is none, or two.

    Raises:
        InvalidInput: neither a folder nor a printer, or both; or a readback folder that is not there, or the same.
    """
    if (printing.out is None) == (not printing.printer):
        raise InvalidInput("expected either a folder or a printer for the sheets")
    for sheet in printing.acknowledged:
        seat(sheet)
    back = printing.readback
    if back is not None and not back.is_dir():
        raise InvalidInput(f"expected a folder that a scanner fills at {back}")
    if back is not None and printing.out is not None and printing.out.resolve() == back.resolve():
        raise InvalidInput("expected scans in another folder than the sheets: what lands there is deleted")
