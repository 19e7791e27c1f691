# SPDX-License-Identifier: Apache-2.0
"""One thing is told as one: no message says ``1 sheets``."""

import ast
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import breakglass_shamir
from breakglass_shamir.plural import counted

PACKAGE = Path(breakglass_shamir.__file__).parent

THINGS = re.compile(
    r" (?:(?:more|other|different|new|typed) )?"
    r"(?:alerts|bits|bytes|characters|days|debts|documents|entries|files|groups|hours|lines|logins|minutes|officers"
    r"|openings|pages|people|processes|receipts|recordings|records|reviews|runs|seconds|segments|sessions|sets|sheets"
    r"|signatures|symbols|terminals|times|witnesses)\b"
)
"""What is counted in messages."""

NEVER_ONE = {
    # what a quorum, an epoch or a policy has two of at the least
    "found.smallest_coalition", "found.sheets", "structure.sheets", "after.smallest_coalition", "count",
    "len(epoch.seats)", "len(epoch.sheets)", "len(body.custodians)", "counting", "self.groups[0].members",
    "len(parts)", "len(shares)", "needed", "rules.people", "threshold",
    # a branch is taken for one
    "len(entries)", "read", "len(empty)", "len(found)", "level", "end", "several", "report.records",
    "len(told)", "records",
    # what the specification spells so, whatever the number
    "people_after", "after.group_threshold", "after.generator.bits()",
    # a bound, or a length that a rule gives
    "most", "limit", "longest", "shortest", "history", "rules.history", "rules.min_length", "len(text)", "length",
    "self._output_max", "self._most", "len(set(erased))", "len(ciphertext)", "len(signature)", "len(new)",
    "len(self._buffer)", "LONGEST_S // 86400", "scheme.digits", "_TIME.size + SIGNATURE_BYTES",
    # said of several alone
    "len(found.people)",
    # the word after it is no plural: who or what records, reviews, is next
    "breakglass('ack', recorder.set_name, seat)", "one.name", "word",
}  # fmt: skip
"""Numbers of which there are always several where they are told, as they stand in the code."""


@pytest.mark.parametrize(
    ("number", "one", "several", "said"),
    [
        (1, "sheet", "", "1 sheet"), (0, "sheet", "", "0 sheets"), (2, "entry", "", "2 entries"),
        (2, "day", "", "2 days"),
        (3, "witness", "", "3 witnesses"), (1, "person", "people", "1 person"), (2, "person", "people", "2 people"),
        (2, "box", "", "2 boxes"), (2, "match", "", "2 matches"),
    ],
)  # fmt: skip
def test_numbers_of_things(number: int, one: str, several: str, said: str) -> None:
    assert counted(number, one, several) == said


def test_nothing_is_told_as_several_that_may_be_one() -> None:
    wrong = [one for path in sorted(PACKAGE.rglob("*.py")) if "standalone" not in path.parts for one in _bare(path)]
    assert not wrong, "told with a plural whatever the number; counted() of plural.py writes it:\n" + "\n".join(wrong)


def _bare(path: Path) -> Iterator[str]:
    """Yield the f-strings in which a number stands before a word in the plural."""
    for text in ast.walk(ast.parse(path.read_text())):
        if not isinstance(text, ast.JoinedStr):
            continue
        for number, after in itertools.pairwise(text.values):
            if not isinstance(number, ast.FormattedValue) or not isinstance(after, ast.Constant):
                continue
            said = ast.unparse(number.value)
            bound = said.rpartition(".")[2].lstrip("_").isupper()
            if THINGS.match(str(after.value)) and not bound and said not in NEVER_ONE:
                yield f"{path.relative_to(PACKAGE)}:{text.lineno}: {{{said}}}{str(after.value)[:30]}"
