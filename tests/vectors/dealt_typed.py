# SPDX-License-Identifier: Apache-2.0
"""Vectors of the relaxed opening at the edges: its order, its bound, and what counts beside damaged lines.

Of equal sums the order is free, so a vector keeps away from the bound: what must open opens wherever it stands among
its equals, and what must not open is behind more quorums than are tried.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dealt import Epoch, Vector, bad, good, misrepaired, other_symbol, wrong_but_checks

from breakglass_shamir.custody.confirm import MAX_TRIES
from breakglass_shamir.formats import share as shares
from breakglass_shamir.formats import text
from breakglass_shamir.formats.core import FIRST_LINE, relaxed_from_lines

KIND = "open-typed"
FAR = 68
"""A wrong character, beside a lost last line, with which the right share stands late in its list."""
PLACES = (28, 36, 44, 52, 60, FAR)
"""Others, with which it stands earlier."""
Lines = list[str | None]


@dataclass(frozen=True)
class Sheet:
    """One sheet as it is typed, and where the right share stands in what it may be."""

    lines: Lines
    size: int = 1
    place: int = 0


def typed_edges(epochs: Sequence[Epoch]) -> Iterator[Vector]:
    """Openings of damaged lines that tell readers apart."""
    yield from _order(epochs[0])
    yield from _order_over_groups(epochs[3])
    yield _strict_first(epochs[0])
    yield from _bound(epochs[1])
    yield _bound_of_an_epoch(epochs[1])
    yield from _of_another_version(epochs[0])
    yield from _beside(epochs)
    yield from _known_key(epochs[0])


def right(epoch: Epoch, seat: tuple[int, int]) -> Sheet:
    """Return a sheet that was typed as it is printed."""
    return Sheet(list(epoch.share(*seat).to_lines()))


def wrong(epoch: Epoch, seat: tuple[int, int], *indexes: int) -> Sheet:
    """Return a sheet with these of its lines wrong, although they check."""
    printed = epoch.share(*seat).to_lines()
    return _placed(
        epoch,
        seat,
        [wrong_but_checks(line, i + 1) if i in indexes else line for i, line in enumerate(printed)],
    )


def lost(epoch: Epoch, seat: tuple[int, int], character: int) -> Sheet:
    """Return a sheet with its last line lost and one character of the others wrong, from 0."""
    printed = epoch.share(*seat).to_lines()
    number, place = divmod(character, text.LINE_CHARACTERS)
    row = text.read_line(printed[number])[0]
    row = row[:place] + other_symbol(row[place]) + row[place + 1 :]
    line = f"{text.group(row)}  {text.check_character(row, number + 1)}"
    return _placed(epoch, seat, [*printed[:number], line, *printed[number + 1 : 3], None])


def _placed(epoch: Epoch, seat: tuple[int, int], lines: Lines) -> Sheet:
    """Return a sheet with the place of the right share among what may stand at its seat."""
    rows = {number: text.read_line(line)[0] for number, line in enumerate(lines, 1) if line is not None}
    found = [read.share for read in shares.relaxed_from_lines(rows)]
    mine = [one for one in found if (one.epoch_id, one.group, one.member) == (epoch.core.epoch_id, *seat)]
    printed = epoch.share(*seat)
    return Sheet(lines, len(mine), mine.index(printed) if printed in mine else len(mine))


def below(total: int, *sizes: int) -> int:
    """Count the quorums of one set of seats whose places add up to less than a total."""
    ways = [1] + [0] * (total - 1)
    for size in sizes:
        ways = [sum(ways[max(0, n - size + 1) : n + 1]) for n in range(total)]
    return sum(ways)


def given_of(epoch: Epoch, *sheets: Sheet, core_lines: Sequence[str] = ()) -> Vector:
    """Return the input of an opening with a core alone."""
    lines = list(core_lines or epoch.core.to_lines())
    return {"core_lines": lines, "share_lines": [sheet.lines for sheet in sheets]}


def output_of(epoch: Epoch) -> Vector:
    return {"plaintext": epoch.credential.to_bytes().reveal().hex()}


def _order(epoch: Epoch) -> Iterator[Vector]:
    """More sheets than are needed, two of them damaged: all sets of seats are tried together, by the sum of places."""
    output = output_of(epoch)
    for name, hopeless, damaged, whole in (("lowest", 1, 2, 3), ("first and last", 3, 1, 2), ("highest", 3, 2, 1)):
        sheets = wrong(epoch, (1, hopeless), 1, 2), lost(epoch, (1, damaged), FAR), right(epoch, (1, whole))
        sizes, place = (sheets[0].size, sheets[1].size), sheets[1].place
        assert sizes[0] * sizes[1] > MAX_TRIES, "one set of seats alone uses up the bound"
        assert below(place, *sizes) > 100
        assert below(place + 1, *sizes) + 2 * (place + 1) < MAX_TRIES
        yield good(f"three sheets for two, damaged are the {name}", KIND, given_of(epoch, *sheets), output)


def _order_over_groups(epoch: Epoch) -> Iterator[Vector]:
    """A group that cannot open does not use up what another one needs."""
    first = wrong(epoch, (1, 1), 1, 2), wrong(epoch, (1, 2), 1, 2)
    second = right(epoch, (2, 1)), right(epoch, (2, 2)), lost(epoch, (2, 3), FAR)
    sizes = first[0].size, first[1].size
    assert sizes[0] * sizes[1] > MAX_TRIES, "one set of seats alone uses up the bound"
    assert below(second[2].place + 1, *sizes) < MAX_TRIES - second[2].size
    given = given_of(epoch, *first, *second)
    yield good("a group of damaged sheets, and one of good ones", KIND, given, output_of(epoch))


def _strict_first(epoch: Epoch) -> Vector:
    """A sheet that was read strictly stands before a damaged one of its seat that was typed earlier."""
    sheets = wrong(epoch, (1, 1), 1, 2), lost(epoch, (1, 2), FAR), right(epoch, (1, 1))
    sizes, place = (sheets[0].size + 1, sheets[1].size), sheets[1].place
    assert sheets[0].place == sheets[0].size, "the damaged sheet cannot be read as what it is"
    assert below(place + 1, *sizes) < MAX_TRIES <= below(place + sheets[0].size, *sizes)
    name = "a damaged sheet, and then the same one as it is printed"
    return good(name, KIND, given_of(epoch, *sheets), output_of(epoch))


def _bound_of_an_epoch(epoch: Epoch) -> Vector:
    """Cores of other epoch ids, which damaged lines may mean as well, take nothing of an epoch's 2000 quorums."""
    core_lines = [_wrong_epoch_id(epoch), *epoch.core.to_lines()[1:]]
    rows = {number: text.read_line(line)[0] for number, line in enumerate(core_lines, FIRST_LINE)}
    cores = relaxed_from_lines(rows)
    assert [core.epoch_id for core in cores].count(epoch.core.epoch_id) == 1
    sheets = lost(epoch, (1, 1), FAR), lost(epoch, (1, 3), FAR), right(epoch, (1, 4))
    sizes, place = [sheet.size for sheet in sheets], sum(sheet.place for sheet in sheets)
    assert MAX_TRIES // len(cores) <= below(place, *sizes) < below(place + 1, *sizes) < MAX_TRIES
    given = given_of(epoch, *sheets, core_lines=core_lines)
    return good("two damaged sheets, and cores of other epoch ids", KIND, given, output_of(epoch))


def _wrong_epoch_id(epoch: Epoch) -> str:
    """Return the first line of a core with all of its epoch id wrong, although it checks."""
    line = epoch.core.to_lines()[0]
    row, printed = text.read_line(line)[0], line[-1]
    front = row[:8] + "".join(map(other_symbol, row[8:19]))
    rows = [front + last + row[20:] for last in text.ALPHABET]
    changed = next(each for each in rows if text.check_character(each, FIRST_LINE) == printed)
    return f"{text.group(changed)}  {printed}"


def _bound(epoch: Epoch) -> Iterator[Vector]:
    """What is behind more quorums than are tried is not found."""
    seats = (1, 1), (1, 3), (1, 4)

    def needed(sheets: Sequence[Sheet], *, whole: bool) -> int:
        return below(sum(sheet.place for sheet in sheets) + whole, *(sheet.size for sheet in sheets))

    damaged = [[lost(epoch, seat, character) for character in PLACES] for seat in seats]
    triples = [*itertools.product(*damaged)]
    beyond = min(triples, key=lambda triple: (needed(triple, whole=False) < MAX_TRIES, needed(triple, whole=False)))
    within = max(triples, key=lambda triple: (needed(triple, whole=True) <= MAX_TRIES, needed(triple, whole=True)))
    assert needed(within, whole=True) <= MAX_TRIES <= needed(beyond, whole=False)
    name = "three damaged sheets: 2000 quorums and a few come first"
    yield bad(name, KIND, given_of(epoch, *beyond), "unconfirmed-master")
    name = "three damaged sheets: almost 2000 quorums come first"
    yield good(name, KIND, given_of(epoch, *within), output_of(epoch))
    far = [lost(epoch, seat, FAR) for seat in seats]
    assert needed(far[:2], whole=True) < MAX_TRIES < needed([*far[:2], Sheet([], 40, 0)], whole=False)
    given = given_of(epoch, *far[:2], *[right(epoch, seats[2])] * 40)
    yield good("the same sheet forty times stands once at its seat", KIND, given, output_of(epoch))
    core_lines = list(epoch.core.to_lines())
    core_lines[3] = wrong_but_checks(core_lines[3], FIRST_LINE + 3)
    rows = {number: text.read_line(line)[0] for number, line in enumerate(core_lines, FIRST_LINE)}
    mine = [core for core in relaxed_from_lines(rows) if core.epoch_id == epoch.core.epoch_id]
    near = [*far[:2], right(epoch, seats[2])]
    assert MAX_TRIES // len(mine) <= needed(near, whole=False) < needed(near, whole=True) < MAX_TRIES
    yield good("two damaged sheets and a core that holds", KIND, given_of(epoch, *near), output_of(epoch))
    given = given_of(epoch, *near, core_lines=core_lines)
    yield bad("two damaged sheets, and cores that divide the 2000", KIND, given, "unconfirmed-master")
    nearer = [lost(epoch, seats[0], 28), lost(epoch, seats[1], 28), right(epoch, seats[2])]
    assert needed(nearer, whole=True) < MAX_TRIES // len(mine)
    given = given_of(epoch, *nearer, core_lines=core_lines)
    yield good("two damaged sheets within their part of the 2000", KIND, given, output_of(epoch))


def _of_another_version(epoch: Epoch) -> Iterator[Vector]:
    """A misrepair is a refusal like any other."""
    sheet, other = Sheet(misrepaired(epoch.share(1, 2))), right(epoch, (1, 1))
    name = "a share that repair makes one of another version"
    yield good(f"{name}, core", KIND, given_of(epoch, sheet, other), output_of(epoch))
    given = {"codes": epoch.codes, "share_lines": [sheet.lines, other.lines]}
    yield good(f"{name}, envelope", KIND, given, output_of(epoch))


def _beside(epochs: Sequence[Epoch]) -> Iterator[Vector]:
    """What else is typed beside a damaged sheet."""
    epoch, output = epochs[0], output_of(epochs[0])
    damaged, other = wrong(epoch, (1, 1), 2), right(epoch, (1, 3))
    given = given_of(epoch, damaged, right(epochs[1], (1, 2)), other)
    yield good("a good sheet of another epoch is left out", KIND, given, output)
    given = {"codes": epoch.codes, "share_lines": [damaged.lines, right(epochs[1], (1, 2)).lines, other.lines]}
    yield good("a good sheet of another epoch is left out, envelope", KIND, given, output)
    given = {
        "codes": epoch.codes,
        "share_lines": [other.lines, wrong(epoch, (1, 1), 1, 2).lines, right(epoch, (1, 2)).lines],
    }
    yield good("a sheet of which the envelope accepts no reading is left out", KIND, given, output)
    yield bad("one damaged sheet and no other", KIND, given_of(epoch, damaged), "insufficient-shares")
    lines = list(epoch.core.to_lines())
    for index in range(0, len(lines), 2):
        lines[index] = wrong_but_checks(lines[index], index + FIRST_LINE)
    rows = {number: text.read_line(line)[0] for number, line in enumerate(lines, FIRST_LINE)}
    assert not relaxed_from_lines(rows)
    given = given_of(epoch, damaged, other, core_lines=lines)
    yield bad("lines that may mean no core", KIND, given, "missing-envelope")
    printed = epoch.core.to_lines()
    given = given_of(epoch, damaged, other, core_lines=[printed[0]])
    yield bad("one line of a core", KIND, given, "missing-envelope")


def _known_key(epoch: Epoch) -> Iterator[Vector]:
    """A set public key that is known besides: 8 bytes of a hash do not confirm what it contradicts."""
    public = epoch.sealed.envelope.set_public_key
    given = given_of(epoch, wrong(epoch, (1, 1), 2), right(epoch, (1, 3)))
    known = {**given, "set_public_key": public.hex()}
    yield good("a damaged sheet, and a set public key that is known besides", KIND, known, output_of(epoch))
    other = {**given, "set_public_key": (public[:-1] + bytes([public[-1] ^ 1])).hex()}
    yield bad("a damaged sheet, and another set public key under the same epoch id", KIND, other, "unconfirmed-master")
