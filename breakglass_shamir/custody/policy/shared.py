# SPDX-License-Identifier: Apache-2.0
"""A file whose parts several sets share: an organisation's people, places, sinks and intervals.

Rules:

1. It is no policy: what belongs to one set, its name, target and quorum, does not stand in it, and it includes no
   other file, so that no chain of files can go round.
2. It is looked at as a whole, whoever includes it, also what a set does not take: each key by itself, names that stand
   twice, sites that nobody lists, keys that are none.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Annotated, Any

import msgspec
from msgspec.structs import replace

from breakglass_shamir.custody.policy import lines
from breakglass_shamir.custody.policy.problem import PolicyProblem, invalid
from breakglass_shamir.custody.policy.rules import signing_people, stated_places
from breakglass_shamir.custody.policy.source import (
    decode_duration,
    refuse_share_lines,
    refuse_share_values,
    tree_of,
    unclean,
)
from breakglass_shamir.custody.policy.table import INCLUDE, Table
from breakglass_shamir.custody.policy.tables import (
    Alerts,
    Audit,
    Custodian,
    Declaration,
    Drills,
    Officer,
    Reveal,
    Review,
    Rotation,
    Site,
    UseRules,
)
from breakglass_shamir.custody.policy.walk import shape_problems
from breakglass_shamir.custody.policy.when import Outage, TicketSystem
from breakglass_shamir.errors import InvalidPolicy

OF_ONE_SET = ("name", "target", "quorum")
"""What stands in a set's own file."""

MAX_LISTED = 2000
"""People or sites that a shared file may list; a set takes fewer."""

MOST_PROBLEMS = 30
"""Problems of one shared file that are told at once: each looks for what was meant among all the names."""


class SharedDeclaration(Declaration, frozen=True):
    """When and how an emergency may be declared, as far as sets share it."""

    classes: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)] = ()
    """The closed list of incident classes; none: each set has its own."""


class Shared(Table, frozen=True):
    """What sets may share."""

    belongs_to: Annotated[str, msgspec.Meta(max_length=120)] = ""
    report_to: Annotated[str, msgspec.Meta(max_length=60)] = ""
    kit: Annotated[str, msgspec.Meta(max_length=80)] = ""
    custodians: Annotated[tuple[Custodian, ...], msgspec.Meta(max_length=MAX_LISTED)] = ()
    """Each set takes those whom its groups name."""

    sites: Annotated[tuple[Site, ...], msgspec.Meta(max_length=MAX_LISTED)] = ()
    """Each set takes those where its custodians keep their sheets."""

    officers: Annotated[tuple[Officer, ...], msgspec.Meta(max_length=MAX_LISTED)] = ()
    """A set takes all of them, or those that it names."""

    declaration: SharedDeclaration = msgspec.field(default_factory=SharedDeclaration)
    reveal: Reveal = msgspec.field(default_factory=Reveal)
    use: UseRules = msgspec.field(default_factory=UseRules)
    rotation: Rotation = msgspec.field(default_factory=Rotation)
    drills: Drills = msgspec.field(default_factory=Drills)
    alerts: Alerts = msgspec.field(default_factory=Alerts)
    review: Review | None = None
    audit: Audit = msgspec.field(default_factory=Audit)
    outage: Outage | None = None
    ticket: TicketSystem | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """One file of a policy, decoded."""

    file: str
    """As the people who read messages know it."""

    text: str
    tree: Any

    def line(self, key: str) -> int:
        """Return the line on which a key stands, or what holds it; 0: not known."""
        return lines.line_of(_lines(self.text), key)

    def placed(self, problem: PolicyProblem) -> PolicyProblem:
        """Return a problem with the file's name, and the line where that is known."""
        if problem.file:
            return problem
        return replace(problem, file=self.file, line=self.line(problem.key) if problem.key else 0)


def decoded(file: str, text: str) -> Document:
    """Decode a file that is included.

    Raises:
        InvalidPolicy: it is no TOML, or lines of it may not stand in a policy.
        LooksLikeShare: a share may stand in it; nothing of it is repeated.
    """
    refuse_share_lines(text, file)
    try:
        tree = tree_of(text)
    except InvalidPolicy as error:
        raise invalid([PolicyProblem("", str(error), file=file)]) from None
    refuse_share_values(tree, file)
    return Document(file, text, tree)


def is_shared(document: Document) -> bool:
    """Tell whether a file holds nothing that only a set has, and something that sets share."""
    keys = set(document.tree)
    return not keys & {*OF_ONE_SET, INCLUDE} and bool(keys & {*Shared.__struct_fields__})


def check(document: Document) -> None:
    """Refuse a file that sets cannot share.

    Raises:
        InvalidPolicy: with every problem, its file and its line.
    """
    if found := [*islice(_problems(document.tree), MOST_PROBLEMS)]:
        raise invalid([document.placed(one) for one in found], document.file)


def _problems(tree: dict[str, Any]) -> Iterator[PolicyProblem]:
    for key in OF_ONE_SET:
        if key in tree:
            yield PolicyProblem(
                key, "it belongs to one set and stands in the set's own file, not in one that is shared"
            )
    if INCLUDE in tree:
        yield PolicyProblem(INCLUDE, "a file that is included includes no other: name both in the set's file")
    left = {key: value for key, value in tree.items() if key not in OF_ONE_SET and key != INCLUDE}
    shape = [*shape_problems(left, Shared)]
    yield from shape
    yield from unclean(left)
    if not shape:
        made = msgspec.convert(left, Shared, dec_hook=decode_duration)
        yield from stated_places(made.custodians, made.sites)
        yield from signing_people("officers", made.officers)
        yield from signing_people("review.reviewers", made.review.reviewers if made.review else ())


@lru_cache(maxsize=8)
def _lines(text: str) -> Any:
    return lines.lines_of(text)
