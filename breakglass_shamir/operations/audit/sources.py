# SPDX-License-Identifier: Apache-2.0
"""Bundles as an auditor has them: several files, of several terminals, read without a home.

Rules:

1. Files of one log are put together: what they share must be the same, and what is in none of them is named. The same
   file twice is one.
2. A key in a bundle is a claim. A terminal is *pinned* by its fingerprint, which the auditor has from elsewhere;
   *known* by a log that is pinned and that was enrolled with it, where people compared fingerprints; else it is
   UNPINNED.
3. Where fingerprints were given, a bundle of a terminal that is neither pinned nor known is refused.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from breakglass_shamir.crypto import sshsig
from breakglass_shamir.custody.life.state import LedgerState
from breakglass_shamir.errors import BreakglassError, InvalidInput, KeyMismatch
from breakglass_shamir.ledger import bundled
from breakglass_shamir.ledger.bundled import BundledLog
from breakglass_shamir.ledger.entry import log_id
from breakglass_shamir.operations.audit import evidence
from breakglass_shamir.plural import counted

PINNED, KNOWN, UNPINNED = "pinned", "known", "UNPINNED"


@dataclass(frozen=True, slots=True)
class Source:
    """One terminal's log, of one bundle or several."""

    log: BundledLog
    trust: str
    """``pinned``, ``known`` or ``UNPINNED``."""

    known_by: str = ""
    """The terminal that vouches for it, where it is known."""

    gaps: tuple[str, ...] = ()
    """What of the log is in no bundle, and what could not be held against each other, a sentence each."""

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
def opened(paths: Sequence[Path], pins: Sequence[str] = ()) -> Iterator[tuple[Source, ...]]:
    """Read bundles and put those of one log together; terminals in the order in which they were named.

    Args:
        paths: the files.
        pins: fingerprints of terminal keys, ``SHA256:...``, which the auditor has from elsewhere.

    Raises:
        InvalidInput: a file is no bundle, or a pin is no fingerprint.
        IntegrityError: a bundle does not hold, or two of one log are of two histories.
        KeyMismatch: pins were given, and a bundle is of a terminal that is neither pinned nor known.
    """
    wanted = {_pin(pin) for pin in pins}
    with ExitStack() as stack:
        logs: dict[bytes, BundledLog] = {}
        for path in paths:
            log = bundled.read(path)
            if log.log_id in logs:
                try:
                    logs[log.log_id].unite(log)
                finally:
                    log.close()
            else:
                stack.callback(log.close)
                logs[log.log_id] = log
        found = _trusted(list(logs.values()), wanted)
        strangers = [one for one in found if one.trust == UNPINNED]
        if wanted and strangers:
            first = strangers[0]
            raise KeyMismatch(
                f"{first.log.newest.source} is of the terminal {first.terminal} with the key {first.fingerprint}, "
                "which is neither pinned nor known to a terminal that is",
                hint="ask its people for the fingerprint of their terminal, and name it with --pin",
            )
        yield found


def _pin(text: str) -> str:
    if not text.startswith("SHA256:") or len(text) != len("SHA256:") + 43:
        raise InvalidInput(
            f"expected a fingerprint such as SHA256: and 43 characters for --pin, got {text[:60]!a}",
            hint="init showed it, and so does: breakglass audit verify --from FILE",
        )
    return text


def _trusted(logs: list[BundledLog], pins: set[str]) -> tuple[Source, ...]:
    """Say of each log how sure it is whose it is."""
    found = {}
    for log in logs:
        trust = PINNED if evidence.terminal_key(log).fingerprint in pins else UNPINNED
        found[log.log_id] = Source(log, trust, gaps=_gaps(log))
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
