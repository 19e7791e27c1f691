# SPDX-License-Identifier: Apache-2.0
"""``sync``: this terminal's records go to the collection, and what others proved comes back."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from breakglass_shamir.cli.screen.terminal import Terminal
from breakglass_shamir.cli.session import PATH, pass_terminal, recorder
from breakglass_shamir.plural import counted

if TYPE_CHECKING:
    from breakglass_shamir.operations.collecting.bringing import Brought
    from breakglass_shamir.operations.collecting.syncing import Synced
    from breakglass_shamir.operations.lineage.telling import Told

FULL = 6
"""Exit code where the collection takes no more of this login now."""


@click.command()
@click.option("--to", "place", required=True, metavar="ADDRESS", help="Such as postgresql:///?service=collection.")
@click.option("--collector", type=PATH, metavar="FILE", help="The collector's public key; once, it is pinned.")
@click.option(
    "--replace-collector", "reason", metavar="REASON",
    help="Pin the collector's key of --collector in the place of the one that is pinned; REASON goes on record.",
)  # fmt: skip
@pass_terminal
def sync(terminal: Terminal, place: str, collector: Path | None, reason: str | None) -> int:
    """Push new records to a collection, keep the checkpoint that it cosigned, and take what other terminals proved.

    What terminals that are enrolled here proved of sets that are known here is recorded: which epoch followed which,
    and which sheets are void. Exit code 6: the collection takes no more of this login now, and nothing is lost; 5:
    something that came back does not hold, or a log was forked.
    """
    from breakglass_shamir.errors import InvalidInput
    from breakglass_shamir.operations.collecting import bringing, syncing
    from breakglass_shamir.operations.lineage import telling

    if reason is not None and collector is None:
        raise InvalidInput("expected --collector FILE with --replace-collector", hint="name the new collector's key")
    with recorder(terminal) as opened:
        if reason is not None and collector is not None:
            replaced = syncing.replace_collector(opened, collector, reason)
            terminal.warn(f"another collector is pinned, and that is on record: {replaced.new}")
        found = syncing.sync(opened.ledger, place, collector)
        brought = bringing.bring(opened, place)
        told = telling.tell(opened, brought.taken)
    if found.set_back:
        terminal.warn("the collection has less than it cosigned before: it was set back; it is filled again from here")
    for line in bringing.notes(brought):
        terminal.warn(line)
    for one in told.refused:
        terminal.warn(f"not taken: {one.words}" + (f"; {one.hint}" if one.hint else ""))
    full = found.full or brought.full
    if full:
        terminal.warn(f"the collection takes no more of this login now: {full}; nothing is lost, sync again later")
    terminal.result(_document(found, brought, told), list(_lines(found, brought, told)))
    return _exit_code(brought, full)


def _document(found: "Synced", brought: "Brought", told: "Told") -> dict[str, object]:
    return {
        "pushed": found.pushed, "records": found.records, "cosigned": found.cosigned, "witness": found.witness,
        "set_back": found.set_back, "full": found.full or brought.full, "told": brought.told,
        "recorded": told.recorded, "voided": brought.voided, "known": told.known, "refused": told.refused,
        "problems": [
            {"terminal": one.terminal, "error": one.error.id, "words": str(one.error), "hint": one.error.hint}
            for one in brought.problems
        ],
        "forked": brought.forked, "sets": told.sets,
    }  # fmt: skip


def _lines(found: "Synced", brought: "Brought", told: "Told") -> Iterator[str]:
    from breakglass_shamir.operations.lineage import telling

    yield f"pushed: {counted(found.pushed, 'record')}; cosigned so far: {found.cosigned} of {found.records}"
    if found.witness:
        yield f"witness kept: {found.witness}"
    if brought.told:
        yield f"told others of: {counted(brought.told, 'epoch', 'epochs')}"
    if told.recorded:
        yield from telling.lines(told)
    for one in brought.voided:
        yield f"{one.set}: sheet {one.sheet} of epoch {one.epoch} is void, as the terminal of log {one.terminal} says"


def _exit_code(brought: "Brought", full: str) -> int:
    from breakglass_shamir.errors import UnprovenSuccession

    codes = [one.error.exit_code for one in brought.problems]
    codes += [one.error.exit_code for one in brought.taken.refused if not isinstance(one.error, UnprovenSuccession)]
    return max(codes, default=FULL if full else 0)
