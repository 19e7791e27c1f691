# SPDX-License-Identifier: Apache-2.0
"""Logs as a collection has them: chosen by their terminals, read each in one state, and proven to be what was cosigned.

Rules:

1. The collector's key is the auditor's, from its people. What it did not cosign for a log is not read.
2. Each log is read by itself, in a state of the database of its own: one that is long keeps no other from being added
   to, and what comes meanwhile is not seen.
3. Memory does not grow with records: each log lies in a temporary file, and all share one measure of memory for pages.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from breakglass_shamir.collection import address, reading
from breakglass_shamir.collection.door import Cosigned
from breakglass_shamir.crypto.cosignature import Cosigner
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.ledger import LedgerStarted
from breakglass_shamir.errors import BreakglassError, Forked, IntegrityError, InvalidInput
from breakglass_shamir.ledger import clock, gathered
from breakglass_shamir.ledger.bundled import BundledLog
from breakglass_shamir.ledger.entry import log_id
from breakglass_shamir.ledger.gathered import Kept
from breakglass_shamir.ledger.verify import Progress
from breakglass_shamir.nearest import did_you_mean
from breakglass_shamir.plural import counted
from breakglass_shamir.shell import breakglass, word

if TYPE_CHECKING:
    from breakglass_shamir.collection.address import Login

MOST_LOGS = 500
"""Logs that are read at a time: each may take an open file."""

MEMORY_KIB = 64 * 1024
"""For pages of all temporary databases together."""

LEAST_KIB = 256
"""For pages of one."""

READ_AGAIN = "nothing was written; look at the server, and ask again"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is read of a collection.

    Attributes:
        address: where it is.
        collector: who cosigns it.
        terminals: names of terminals or ids of their logs; none: all.
    """

    address: str
    collector: Cosigner
    terminals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Collected:
    """One log as a collection has it."""

    log: BundledLog
    wanted: Wanted
    cosigned: Cosigned
    evidence: int
    """Rows that were pushed for this log and are kept apart."""

    @property
    def gaps(self) -> tuple[str, ...]:
        """What an auditor should look at, a sentence each."""
        if not self.evidence:
            return ()
        where = breakglass("collect evidence", options=f"--from {word(self.wanted.address)}")
        return (f"{counted(self.evidence, 'pushed row')} kept apart; see: {where}",)


@contextmanager
def connected(place: str) -> "Iterator[Login]":
    """Log in to read.

    Raises:
        InvalidInput, UnsupportedVersion: it is no collection that this release knows.
        ConnectorError: the server does not answer.
    """
    with address.connected(place, None, hint=READ_AGAIN) as connection:
        reading.require(connection)
        yield connection


def read(
    wanted: Wanted, *, say: Callable[[str], None] = lambda line: None, progress: Progress = lambda done, of: None
) -> list[Collected]:
    """Read logs of a collection; close each of them.

    Args:
        wanted: which.
        say: hears of logs of which nothing is kept.
        progress: hears how many records of how many are read.

    Raises:
        InvalidInput: it is no collection, nothing is in it, there is no such terminal, or there are too many.
        ConnectorError: the server does not answer.
        IntegrityError: what does not hold, and of which log.
    """
    with connected(wanted.address) as connection, ExitStack() as stack:
        chosen = _chosen(connection, wanted.terminals)
        if len(chosen) > MOST_LOGS:
            raise InvalidInput(
                f"the collection has {counted(len(chosen), 'terminal')}, and at most {MOST_LOGS} are read at a time",
                hint="choose some with --terminal; they are listed by: breakglass collect terminals",
            )
        counts = reading.evidence_counts(connection)
        cache_kib = max(LEAST_KIB, min(gathered.CACHE_KIB, MEMORY_KIB // max(1, len(chosen))))
        found = []
        for name, key in chosen:
            try:
                one = _one(connection, wanted, key, counts.get(name, 0), cache_kib, progress)
            except IntegrityError as error:
                raise type(error)(f"{_source(wanted, name)}: {error}", hint=error.hint) from error
            if one is None:
                say(f"log {name.hex()} is enrolled, and the collection has nothing of it")
                continue
            stack.callback(one.log.close)
            found.append(one)
        if not found:
            raise InvalidInput(
                "the collection has no records of these terminals", hint="they come with: breakglass sync"
            )
        stack.pop_all()
        return found


def cosignatures(one: Collected, log: BundledLog) -> int:
    """Verify every checkpoint of a log that was cosigned; returns how many there are.

    Args:
        one: the log as it was read.
        log: what is known of it, bundles included.

    Raises:
        Forked: the collector cosigned another history.
        InvalidProof, InvalidSignature: one is not signed by both.
    """
    count = 0
    with connected(one.wanted.address) as connection:
        for found in reading.notes(connection, log.public_key, one.wanted.collector, one.cosigned.checkpoint.size):
            if log.root_at(found.checkpoint.size) != found.checkpoint.root:
                raise Forked(f"the collector cosigned another history of {counted(found.checkpoint.size, 'record')}")
            count += 1
    return count


def name_of(connection: "Login", log: bytes) -> str:
    """Return the name that a log's first record gives its terminal; empty: there is none that can be read."""
    first = reading.row(connection, log, 0)
    try:
        body = records.parse(first[1]).body if first else None
    except BreakglassError:
        return ""
    return body.terminal if isinstance(body, LedgerStarted) else ""


def when(seconds: int) -> str:
    """Write a time in seconds since 1970; one that no calendar has as the number."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
    except (OverflowError, OSError, ValueError):
        return f"{seconds} s after 1970"


def _chosen(connection: "Login", terminals: Sequence[str]) -> list[tuple[bytes, bytes]]:
    """Return log id and key of the terminals that are meant.

    Raises:
        InvalidInput: there is no such terminal.
    """
    every = list(reading.terminals(connection))
    if not terminals:
        return every
    names = {log: name_of(connection, log) for log, _ in every}
    known = {*names.values(), *(log.hex() for log in names)} - {""}
    for wanted in terminals:
        if wanted not in known:
            raise InvalidInput(f"the collection has no terminal {wanted[:80]!a}", hint=did_you_mean(wanted, known))
    return [(log, key) for log, key in every if names[log] in terminals or log.hex() in terminals]


def _one(
    connection: "Login", wanted: Wanted, key: bytes, evidence: int, cache_kib: int, progress: Progress
) -> Collected | None:
    """Read one log; None: nothing of it is kept."""
    with reading.snapshot(connection):
        head = reading.head(connection, key, wanted.collector)
        if head is None:
            return None
        size, name = head.checkpoint.size, log_id(key)
        who = f"{when(head.time)} by {wanted.collector.name}"
        kept = Kept(_source(wanted, name), key, head.checkpoint, head.note, who, clock.now().time)
        rows = _told(reading.rows(connection, name, size), size, progress)
        return Collected(gathered.gather(kept, rows, cache_kib=cache_kib), wanted, head, evidence)


def _told(rows: Iterator[Any], size: int, progress: Progress) -> Iterator[Any]:
    for row in rows:
        if row[0] % reading.ROWS_AT_ONCE == 0:
            progress(row[0], size)
        yield row


def _source(wanted: Wanted, log: bytes) -> str:
    return f"{wanted.address} (log {log.hex()})"
