# SPDX-License-Identifier: Apache-2.0
"""The terminals of a collection: what of each is kept and cosigned, and how much was kept apart.

Nothing but the head of each log is verified. One that does not hold is said, and keeps none of the others from being
listed.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from breakglass_shamir.collection import reading
from breakglass_shamir.crypto import sshsig
from breakglass_shamir.crypto.cosignature import Cosigner
from breakglass_shamir.errors import IntegrityError
from breakglass_shamir.operations.audit import collected


@dataclass(frozen=True, slots=True)
class TerminalLine:
    """One terminal of a collection (docs/json.md).

    Attributes:
        terminal: its name, as its first record is there; not verified.
        log: id of its log.
        fingerprint: of its key.
        records: how many of its log the collector cosigned.
        cosigned: when it cosigned the last of them; empty: never.
        evidence: rows that were pushed for this log and are kept apart.
        problem: why its head does not hold; empty: it does, or there is none.
    """

    terminal: str
    log: str
    fingerprint: str
    records: int
    cosigned: str
    evidence: int
    problem: str


def terminals(place: str, collector: Cosigner) -> Iterator[TerminalLine]:
    """Yield every terminal that is enrolled, by the id of its log.

    Raises:
        InvalidInput: it is no collection.
        ConnectorError: the server does not answer.
        InvalidProof: a key is not that of its log.
    """
    with collected.connected(place) as connection:
        counts = reading.evidence_counts(connection)
        for log, key in reading.terminals(connection):
            problem, head = "", None
            try:
                with reading.snapshot(connection):
                    head = reading.head(connection, key, collector)
            except IntegrityError as error:
                problem = str(error)
            yield TerminalLine(
                collected.name_of(connection, log), log.hex(), sshsig.fingerprint(key),
                head.checkpoint.size if head else 0, collected.when(head.time) if head else "", counts.get(log, 0),
                problem,
            )  # fmt: skip
