# SPDX-License-Identifier: Apache-2.0
"""The paper of many sets from a printer: custodian after custodian, a cover on top of each one's pages.

Rules:

1. Each sheet, card and cover is a job of its own: no job is for two people, and no leaf carries a live and a drill
   code, as one could where a printer sets a longer job on both sides.
2. Nothing is printed before every document of all these sets was decoded; none of them counts before all are printed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from breakglass_shamir.custody import names
from breakglass_shamir.custody.policy.source import named
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.errors import PaperError
from breakglass_shamir.operations.desk import Desk
from breakglass_shamir.operations.fleet.piles import Row, drawn_cover
from breakglass_shamir.operations.printing import outlet
from breakglass_shamir.operations.printing.outlet import Document
from breakglass_shamir.paper.sizes import Paper

COVER = "cover"
"""What people call the page on top."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """The decoded documents of one set."""

    policy: Policy
    number: int
    """Of its epoch."""

    documents: tuple[Document, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Trays:
    """A printer, and what the covers say.

    Attributes:
        printer: the queue.
        paper: size of a page.
        terminal: name of this one.
        at: the day.
    """

    printer: str
    paper: Paper
    terminal: str
    at: datetime

    def put_out(self, sets: Sequence[Drawn], desk: Desk) -> None:
        """Print the documents of sets, custodian by custodian.

        Raises:
            PaperError: a job failed, and people did not want it tried again; with what is to be destroyed.
        """
        self._print(_by_custodian(sets), desk)

    def covers(self, rows: Sequence[tuple[Policy, int]], desk: Desk) -> None:
        """Print the covers alone, for sets whose pages came out set by set; one that fails is said."""
        if not rows:
            return
        sets = [Drawn(policy, number, ()) for policy, number in rows]
        try:
            self._print(_by_custodian(sets), desk)
        except PaperError as error:
            desk.warn(f"the covers were not printed: {error}; the sheets count without them")

    def _print(self, piles: Sequence[tuple[str, Sequence[Row], Sequence[Document]]], desk: Desk) -> None:
        to, done, number = outlet.queue(self.printer), list[str](), 0
        if warning := outlet.spool_warning():
            desk.warn(warning)
        count = sum(1 + len(documents) for _, _, documents in piles)
        for keeper, rows, documents in piles:
            pdf = drawn_cover(keeper, rows, self.terminal, self.at, self.paper)
            for document in (Document(names.cover(), COVER, pdf, frozenset()), *documents):
                number += 1
                outlet.print_one(to, document, f"document {number} of {count}", done, desk)
                if document.what != COVER:
                    done.append(document.what)
            desk.say(f"printed: the pile of {keeper or 'a custodian who is not named yet'} ({number} of {count} jobs)")


def _by_custodian(sets: Sequence[Drawn]) -> list[tuple[str, list[Row], list[Document]]]:
    """Sort documents by whom they are for: a sheet, then its card."""
    piles: dict[str, tuple[str, list[Row], list[Document]]] = {}
    for one in sorted(sets, key=lambda drawn: drawn.policy.name):
        name = one.policy.name
        for group, member in one.policy.structure.seats():
            seat, keeper = f"{group}.{member}", named(one.policy.custodian((group, member)))
            _, rows, documents = piles.setdefault(names.of_custodian(keeper, f"{name} {seat}"), (keeper, [], []))
            rows.append((name, one.number, seat))
            documents += [replace(d, what=f"{d.what} of {name}") for d in one.documents if d.seat == seat]
    return [piles[key] for key in sorted(piles)]
