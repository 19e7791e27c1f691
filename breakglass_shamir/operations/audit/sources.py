# SPDX-License-Identifier: Apache-2.0
"""Bundles and collections as an auditor has them: logs of several terminals, read without a home.

Rules:

1. Files of one log are put together: what they share must be the same, and what is in none of them is named. The same
   file twice is one.
2. A key in a bundle is a claim. A terminal is *pinned* by its fingerprint, which the auditor has from elsewhere;
   *known* by a log that is pinned and that was enrolled with it, where people compared fingerprints; *cosigned* by a
   collector whose key the auditor has from elsewhere, and whose people enrolled it; else it is UNPINNED.
3. Where fingerprints were given, a bundle of a terminal that is UNPINNED is refused. So is a collection that lacks one
   of them, unless terminals of it were chosen: what nobody misses can be left out.
4. A bundle and a collection may have the same log: it is put together as two bundles are.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from breakglass_shamir.collection.address import SCHEMES
from breakglass_shamir.crypto import sshsig
from breakglass_shamir.crypto.cosignature import Cosigner
from breakglass_shamir.custody.life.state import LedgerState
from breakglass_shamir.errors import BreakglassError, InvalidInput, KeyMismatch
from breakglass_shamir.ledger import bundled
from breakglass_shamir.ledger.bundled import BundledLog
from breakglass_shamir.ledger.entry import log_id
from breakglass_shamir.ledger.verify import Progress
from breakglass_shamir.operations.audit import collected, evidence
from breakglass_shamir.operations.audit.collected import Collected, Wanted
from breakglass_shamir.plural import counted

PINNED, KNOWN, COSIGNED, UNPINNED = "pinned", "known", "cosigned", "UNPINNED"

Place = Path | str
"""A bundle's file, or a collection's address."""


@dataclass(frozen=True, slots=True)
class Source:
    """One terminal's log, of one bundle or several, or of a collection."""

    log: BundledLog
    trust: str
    """``pinned``, ``known``, ``cosigned`` or ``UNPINNED``."""

    known_by: str = ""
    """The terminal that vouches for it, where it is known; the collector, where it is cosigned."""

    gaps: tuple[str, ...] = ()
    """What of the log is in no bundle, and what could not be held against each other, a sentence each."""

    collected: Collected | None = None
    """What a collection has of it; None: it is of bundles alone."""

    @property
    def terminal(self) -> str:
        """The terminal's name, by its own word."""
        return self.log.terminal

    @property
    def log_id(self) -> str:
        """Id of the log, hexadecimal."""
        return self.log.log_id.hex()

    @property
    def fingerprint(self) -> str:
        """Of the terminal's key."""
        return evidence.terminal_key(self.log).fingerprint

    @property
    def trust_in_words(self) -> str:
        """Say how sure it is that this is the terminal that people mean."""
        if self.trust == PINNED:
            return f"pinned: {self.fingerprint}"
        if self.trust == KNOWN:
            return f"known to the terminal {self.known_by}, where it is enrolled: {self.fingerprint}"
        if self.trust == COSIGNED:
            return f"cosigned by {self.known_by}, where its key was enrolled: {self.fingerprint}"
        return f"UNPINNED: nothing but the bundle says that {self.fingerprint} is its key"


FEW = 20
"""Gaps that are named one by one."""


def _gaps(log: BundledLog) -> tuple[str, ...]:
    runs = [
        f"record {first} is" if first == last else f"records {first} to {last} are" for first, last in log.missing()
    ]
    return (*(f"{run} in no bundle of it" for run in _few(runs)), *log.unproven)


def _few(runs: Sequence[str]) -> list[str]:
    """Return the first of many, and how many more there are."""
    more = len(runs) - FEW
    left = f"{counted(more, 'more run')} of records {'is' if more == 1 else 'are'}"
    return [*runs[:FEW], *([left] if more > 0 else [])]


@contextmanager
def opened(
    places: Sequence[Place], pins: Sequence[str] = (), *, collector: Cosigner | None = None,
    terminals: Sequence[str] = (), say: Callable[[str], None] = lambda line: None,
    progress: Progress = lambda done, of: None,
) -> Iterator[tuple[Source, ...]]:  # fmt: skip
    """Read bundles and collections, and put what is of one log together; terminals in the order they were named in.

    Args:
        places: files, and addresses of collections.
        pins: fingerprints of terminal keys, ``SHA256:...``, which the auditor has from elsewhere.
        collector: who cosigns the collections; needed where there is one.
        terminals: of a collection only these, by name or id of the log.
        say: hears of logs of which a collection has nothing.
        progress: hears how many records of a collection's log are read.

    Raises:
        InvalidInput: a file is no bundle, a pin is no fingerprint, or a collection cannot be asked for that.
        ConnectorError: a collection does not answer.
        IntegrityError: a bundle or a collection does not hold, or two of one log are of two histories.
        KeyMismatch: pins were given, and a bundle is of a terminal that is UNPINNED, or a collection lacks one.
    """
    wanted = {_pin(pin) for pin in pins}
    with ExitStack() as stack:
        logs: dict[bytes, BundledLog] = {}
        kept: dict[bytes, Collected] = {}
        for place in places:
            if isinstance(place, Path):
                _add(stack, logs, bundled.read(place))
                continue
            if collector is None:
                raise InvalidInput(
                    "expected the key of the collector beside a collection, got none",
                    hint="name the file that its people gave you with --collector",
                )
            for one in collected.read(Wanted(place, collector, tuple(terminals)), say=say, progress=progress):
                kept[one.log.log_id] = one
                _add(stack, logs, one.log)
        found = _trusted(list(logs.values()), wanted, kept)
        if kept and not terminals:
            _require_all(wanted, found)
        strangers = [one for one in found if one.trust == UNPINNED]
        if wanted and strangers:
            first = strangers[0]
            raise KeyMismatch(
                f"{first.log.newest.source} is of the terminal {first.terminal} with the key {first.fingerprint}, "
                "which is neither pinned nor known to a terminal that is",
                hint="ask its people for the fingerprint of their terminal, and name it with --pin",
            )
        yield found


def _add(stack: ExitStack, logs: dict[bytes, BundledLog], log: BundledLog) -> None:
    """Add a log, or put it together with what there is of it."""
    if log.log_id not in logs:
        stack.callback(log.close)
        logs[log.log_id] = log
        return
    try:
        logs[log.log_id].unite(log)
    finally:
        log.close()


def _require_all(pins: set[str], found: Sequence[Source]) -> None:
    """Refuse logs among which one is missing that the auditor knows of."""
    missing = sorted(pins - {one.fingerprint for one in found})
    if missing:
        raise KeyMismatch(
            f"nothing is there of the terminal with the key {missing[0]}",
            hint="it was never collected, or was left out: ask its people, and the collector's",
        )


def is_address(text: str) -> bool:
    """Tell an address of a collection from a file's name."""
    return text.startswith(SCHEMES)


def _pin(text: str) -> str:
    if not text.startswith("SHA256:") or len(text) != len("SHA256:") + 43:
        raise InvalidInput(
            f"expected a fingerprint such as SHA256: and 43 characters for --pin, got {text[:60]!a}",
            hint="init showed it, and so does: breakglass audit verify --from FILE",
        )
    return text


def _trusted(logs: list[BundledLog], pins: set[str], kept: Mapping[bytes, Collected]) -> tuple[Source, ...]:
    """Say of each log how sure it is whose it is."""
    found = {}
    for log in logs:
        one = kept.get(log.log_id)
        trust, by = (COSIGNED, one.wanted.collector.name) if one else (UNPINNED, "")
        if evidence.terminal_key(log).fingerprint in pins:
            trust, by = PINNED, ""
        found[log.log_id] = Source(log, trust, by, (*_gaps(log), *(one.gaps if one else ())), one)
    for source in [one for one in found.values() if one.trust == PINNED]:
        for other in _told(source.log.state):
            if other in found and found[other].trust == UNPINNED:
                found[other] = replace(found[other], trust=KNOWN, known_by=source.terminal)
    return tuple(found.values())


def _told(state: LedgerState) -> Iterator[bytes]:
    for terminal in state.terminals.values():
        try:
            yield log_id(sshsig.public_of_line(terminal.public_key))
        except BreakglassError:
            continue
