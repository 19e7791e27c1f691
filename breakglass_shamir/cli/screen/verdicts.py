# SPDX-License-Identifier: Apache-2.0
"""What came of things that were scanned or typed: which verdicts are good, which of several counts, what JSON says."""

from collections.abc import Iterator, Sequence
from typing import Any

from breakglass_shamir.custody.quorum.answer import Answer, Verdict

GOOD = frozenset(
    {Verdict.ACCEPTED, Verdict.ENVELOPE, Verdict.SEEN, Verdict.UNKNOWN, Verdict.UNVERIFIED, Verdict.LINE,
     Verdict.WAITING}
)  # fmt: skip
"""What brings people nearer to a quorum."""

OF_A_LINE = frozenset({Verdict.LINE, Verdict.UNSURE, Verdict.ASKED})
"""What is said of a line that is typed."""


def rank(answer: Answer) -> int:
    """Order the answers about one file: a sheet that is in comes first, then what is wrong with one."""
    return 2 * bool(answer.sheet) + (answer.verdict in GOOD)


def once(answers: Sequence[tuple[str, Answer]]) -> Iterator[tuple[str, Answer]]:
    """Yield what came of each thing that was given at a board: the best of it, once."""
    best: dict[str, Answer] = {}
    for source, answer in answers:
        if source not in best or (rank(answer) >= rank(best[source]) and answer.verdict is not Verdict.SEEN):
            best[source] = answer
    yield from best.items()


def print_of(source: str, answer: Answer) -> dict[str, Any]:
    """Return what JSON says of a code that was scanned."""
    return {
        "source": source, "verdict": str(answer.verdict), "sheet": answer.sheet, "epoch_id": answer.epoch_id.hex(),
        "health": answer.health, "used_percent": answer.used_percent,
    }  # fmt: skip
