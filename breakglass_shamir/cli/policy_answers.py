# SPDX-License-Identifier: Apache-2.0
"""How ``policy`` says what it found: of one file, across many, and of what was adopted."""

import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from breakglass_shamir.cli.screen.terminal import Terminal
from breakglass_shamir.plural import counted
from breakglass_shamir.shell import breakglass

if TYPE_CHECKING:
    from breakglass_shamir.custody.policy.across import Across, PersonAcross
    from breakglass_shamir.operations.policy.adopt import Adoption
    from breakglass_shamir.operations.policy.adopt_several import FileAdoption
    from breakglass_shamir.operations.policy.checking import FileAnswers
    from breakglass_shamir.operations.policy.many import ManyAnswers, SharedFile

MOST_ROWS = 20
"""Rows of a table of people; those who matter to most sets come first, and the JSON document has all."""

MOST_NAMED = 4
"""Sets that a sentence names."""

_TAKEN_WIDTH = 60
"""Columns for what is taken of a shared file."""

STANDING = {
    "adopted": "this text",
    "reworded": "the same rules in another text",
    "differs": "another policy",
    "not here": "no policy of this set",
}
"""What a ledger has of a set, in words."""

_SHORT = {"adopted": "yes", "reworded": "same rules", "differs": "differs", "not here": "no"}

_SINGLE = {
    "way": "go to {} alone",
    "host": "all end at one host, {}",
    "domain": "all end in one domain, {}",
}


def of_one(found: "FileAnswers") -> list[str]:
    """Say what one file means."""
    from breakglass_shamir.custody.policy.availability import percent

    fewer = found.fewest_people is not None and found.fewest_people < found.smallest_coalition
    people = f", held by {counted(found.fewest_people or 0, 'person', 'people')}" if fewer else ""
    stops = ", ".join((*found.people_that_stop, *found.sites_that_stop)) or "nobody and no site"
    lines = [
        f"set                 {found.name}",
        f"opened by           {found.opens_with}",
        f"smallest coalition  {counted(found.smallest_coalition, 'sheet')}{people}",
        f"may be lost         {found.most_losses} of {found.sheets} sheets, whichever they are",
        f"alone can stop it   {stops}",
        f"alone can open it   {', '.join(found.sites_that_open) or 'nobody and no site'}",
    ]
    if found.chance:
        lines.append(f"quorum comes        {percent(found.chance.quorum)}")
        if found.chance.one_site_down is not None:
            lines.append(f"  with a site down  {percent(found.chance.one_site_down)} ({found.chance.worst_site})")
    lines.append(f"reviewed by         {found.reviewed_by}")
    characters, bits = counted(found.generated_characters, "character"), counted(found.generated_bits, "bit")
    lines.append(f"generated           {characters}, {bits}")
    for taken in found.included:
        lines.append(f"includes            {taken.file}")
        lines += [f"  takes             {row}" for row in textwrap.wrap(", ".join(taken.parts), _TAKEN_WIDTH)]
    lines += [f"own instead         {one}" for one in found.instead]
    if found.in_force:
        lines.append(f"in force here       {STANDING[found.in_force]}")
        lines += [f"  this one says     {one}" for one in found.differs]
    return [*lines, f"digest              {found.digest}"]


def remarks(found: "ManyAnswers") -> Iterator[str]:
    """Yield what nobody should miss among many files."""
    if alone := [one for one in found.across.people if one.opens_alone]:
        for one in alone:
            yield f"{_called(one)} alone opens {_sets(one.opens_alone)}"
    for site in found.across.sites:
        if site.opened:
            yield f"whoever has the sheets at {site.name} opens {_sets(site.opened)}"
    for key in found.across.keys_of_two:
        yield f"one key under several names, counted as one person: {', '.join(key.names)} ({key.fingerprint})"
    for file in found.shared:
        if found.sets and not file.included_by:
            yield f"{file.file} is a shared file, and none of these sets includes it"


def show(terminal: Terminal, found: "ManyAnswers") -> None:
    """Show what many files mean: tables for people, or one document."""
    if terminal.as_json:
        terminal.result(found, ())
        return
    for file in found.shared:
        terminal.result(None, [_shared(file, several=bool(found.sets))])
    if not found.sets:
        return
    terminal.table(None, *_table_of_sets(found))
    terminal.table(None, *_table_of_people(found.across))
    if len(found.across.people) > MOST_ROWS:
        more = len(found.across.people) - MOST_ROWS
        terminal.result(None, [f"and {more} more, who matter to fewer sets: --json has all", ""])
    if found.across.sites:
        terminal.table(None, *_table_of_sites(found.across))
    terminal.result(None, [*_sentences(found)], wraps=True)


def adopted(found: "Adoption") -> list[str]:
    """Say what became of one file."""
    if not found.changed:
        return [f"in force already: nothing was recorded for {found.set_name}"]
    lines = [f"adopted: the policy of {found.set_name} is {found.digest}"]
    if found.rotated:
        lines.append(f"rotated: epoch {found.epoch} of {found.set_name} is in force, every earlier sheet is void")
    return [*lines, *(f"owed: {debt}" for debt in found.debts)]


def adoptions(found: "Sequence[FileAdoption]") -> list[str]:
    """Say what became of several files."""
    lines = []
    for one in found:
        if one.adoption:
            lines += adopted(one.adoption)
        if one.refused:
            first, *more = str(one.refused).split("\n")
            lines += [f"not adopted: {one.set_name}: {first}", *more]
            options = "--scan PATH... --out DIR"
            lines.append(f"  with its quorum: {breakglass('policy', 'adopt', one.file, options=options)}")
    refused = sum(one.refused is not None for one in found)
    if refused:
        lines.append(f"{len(found) - refused} of {len(found)} sets have these policies; {refused} keep what they had")
    return lines


def adoptions_document(found: "Sequence[FileAdoption]") -> dict[str, Any]:
    """Return the same for machines."""
    return {
        "sets": [
            {
                "file": one.file,
                "set_name": one.set_name,
                "adoption": one.adoption,
                "refused": {"id": one.refused.id, "message": str(one.refused)} if one.refused else None,
            }
            for one in found
        ]
    }


def _shared(file: "SharedFile", *, several: bool) -> str:
    lists = (("custodians", file.custodians), ("sites", file.sites), ("officers", file.officers))
    holds = ", ".join(f"{count} {what}" for what, count in lists if count) or "no people"
    if not several:
        return f"{file.file} is a file that sets share, and no policy of one: {holds}"
    return f"shared file {file.file}: {holds}; included by {len(file.included_by)} of these sets"


def _table_of_sets(found: "ManyAnswers") -> tuple[list[str], list[list[str]]]:
    has_ledger = any(one.answers.in_force for one in found.sets)
    head = ["set", "opens with", "sheets", "may be lost", *(["in force here"] if has_ledger else []), "warnings"]
    rows = []
    for one in found.sets:
        said = one.answers
        people = said.smallest_coalition if said.fewest_people is None else said.fewest_people
        here = [_SHORT[said.in_force]] if said.in_force else []
        counts = (str(said.sheets), str(said.most_losses))
        rows.append([said.name, counted(people, "person", "people"), *counts, *here, str(len(said.warnings))])
    return head, rows


def _table_of_people(across: "Across") -> tuple[list[str], list[list[str]]]:
    head = ["person", "keeps", "opens with", "stops", "officer", "reviews"]
    rows = []
    for one in across.people[:MOST_ROWS]:
        fewest = one.opens_with[0] if one.opens_with else None
        opens = f"{fewest.others} other{'s' * (fewest.others > 1)}: {len(fewest.sets)}" if fewest else ""
        numbers = (len(one.stops_alone), len(one.officer_of), len(one.reviewer_of))
        rows.append([_called(one), _number(len(one.keeps)), opens, *map(_number, numbers)])
    return head, rows


def _table_of_sites(across: "Across") -> tuple[list[str], list[list[str]]]:
    rows = [
        [site.name, str(site.sheets), str(len(site.sets)), _number(len(site.stopped)), _number(len(site.opened))]
        for site in across.sites
    ]
    return ["site", "sheets", "of sets", "its loss stops", "it alone opens"], rows


def _sentences(found: "ManyAnswers") -> Iterator[str]:
    """Yield what many files mean in words."""
    across = found.across
    stopping = [one for one in across.people if one.stops_alone]
    for one in stopping[:MOST_ROWS]:
        yield f"without {_called(one)} nobody opens {_sets(one.stops_alone)}"
    if len(stopping) > MOST_ROWS:
        more = counted(len(stopping) - MOST_ROWS, "more person stops", "more people stop")
        yield f"{more} a set alone: --json has all"
    for site in across.sites:
        if site.stopped:
            yield f"without {site.name} nobody opens {_sets(site.stopped)}"
    if not stopping and not any(site.stopped for site in across.sites):
        yield "nobody and no site alone stops a set"
    if not any(one.opens_alone for one in across.people) and not any(site.opened for site in across.sites):
        yield "nobody and no site alone opens a set"
    for way in across.single_ways:
        yield f"alerts of {_sets(way.sets)} {_SINGLE[way.by].format(way.where)}"
    if across.told_nobody:
        yield f"nobody is told of an opening of {_sets(across.told_nobody)}"
    if across.not_reviewed:
        yield f"no use owes a review with {_sets(across.not_reviewed)}"
    if across.reviewed_by_officers:
        yield f"officers review one another with {_sets(across.reviewed_by_officers)}"
    yield from _not_in_force(found)
    warned = [one.file for one in found.sets if one.answers.warnings]
    if warned:
        yield f"warnings of one set: {breakglass('policy', 'check', warned[0])}"


def _not_in_force(found: "ManyAnswers") -> Iterator[str]:
    """Yield which sets go on under another policy than their files say: a changed file alone changes nothing."""
    alike: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    differing = [one for one in found.sets if one.answers.in_force == "differs"]
    for one in differing:
        alike.setdefault((one.answers.differs, one.answers.weakens), []).append(one.answers.name)
    for (differs, weakens), names in alike.items():
        yield f"not in force: the file of {', '.join(names)} says"
        yield from (f"  {line}" for line in differs)
        yield from (f"  takes a quorum: {line}" for line in weakens)
    if absent := [one.answers.name for one in found.sets if one.answers.in_force == "not here"]:
        yield f"this terminal has no policy of {_sets(absent)}"
    if differing:
        files = [one.file for one in differing]
        command = breakglass("policy", "adopt", *files if len(files) <= MOST_NAMED else ())
        yield f"each set adopts for itself: {command}{'' if len(files) <= MOST_NAMED else ' FILE...'}"


def _called(one: "PersonAcross") -> str:
    return f"{one.name} (also {', '.join(one.also)})" if one.also else one.name


def _number(count: int) -> str:
    return str(count) if count else ""


def _sets(names: Sequence[str]) -> str:
    """Name some sets, and say how many more there are."""
    shown = ", ".join(names[:MOST_NAMED])
    more = counted(len(names) - MOST_NAMED, "more set")
    return f"{shown} and {more}" if len(names) > MOST_NAMED else shown
