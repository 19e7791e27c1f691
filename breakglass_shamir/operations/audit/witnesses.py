# SPDX-License-Identifier: Apache-2.0
"""What others remember of a ledger, each with its verdict.

What is of another log is said and is no error: a receipt of another terminal, a sheet printed there.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from breakglass_shamir.errors import IntegrityError

CONSISTENT, UNWITNESSED, UNKNOWN, WITHHELD = "consistent", "unwitnessed", "unknown", "withheld"


@dataclass(frozen=True, slots=True)
class Witness:
    """A receipt, a sheet, a copy of the ledger: and what it says of this one (docs/guide-auditor.md).

    Attributes:
        source: the file it was read from.
        log_id: 8 bytes: which log it is of.
    """

    source: str
    kind: str
    """``receipt``, ``sheet``, ``ledger``, ``checkpoint`` or ``alerts``."""

    verdict: str
    """``consistent``; ``unwitnessed``: of another log; ``unknown``: consistent, but the envelope carries what this
    release does not know; ``withheld``: the bundle does not have the tree that it saw; else what does not agree, in
    words."""

    size: int
    """Records it remembers."""

    log_id: bytes


Asked = tuple[Witness, IntegrityError | None]
"""A witness, and what it exposes."""


def ask(witness: Witness, log_id: bytes, check: Callable[[], object]) -> Asked:
    """Hold a witness against the ledger of an id, if it is of that log."""
    if witness.log_id != log_id:
        return replace(witness, verdict=UNWITNESSED), None
    try:
        check()
    except IntegrityError as error:
        return replace(witness, verdict=str(error)), error
    return replace(witness, verdict=CONSISTENT), None


def expose(asked: Iterable[Asked]) -> None:
    """Raise what the witnesses expose, all of it in one message.

    Raises:
        IntegrityError: the first of it, by its kind.
    """
    exposed = [(witness, problem) for witness, problem in asked if problem is not None]
    if exposed:
        text = "; ".join(f"{witness.source}: {problem}" for witness, problem in exposed)
        _, first = exposed[0]
        raise type(first)(text, hint=first.hint) from first
