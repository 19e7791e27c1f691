# SPDX-License-Identifier: Apache-2.0
"""Vectors of typed sheets and cores that repair makes into something else, which only the relaxed reading undoes.

Two codewords differ in 18 bytes or more. A line that was typed as that of the other codeword leaves 3 bytes between,
which repair takes for errors.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

from dealt import Epoch, Vector, bad, good, other_symbol
from dealt_typed import KIND, PLACES, below, given_of, lost, output_of, right

from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.custody.confirm import MAX_TRIES
from breakglass_shamir.errors import MalformedText, UnsupportedVersion
from breakglass_shamir.formats import core as cores
from breakglass_shamir.formats import parity, text
from breakglass_shamir.formats import share as shares
from breakglass_shamir.formats.core import FIRST_LINE, Core

KIND_AT = 4
"""Where the kind of a core stands in its typed bytes, behind the length."""

Rows = dict[int, str]


def typed_repairs(epochs: Sequence[Epoch]) -> Iterator[Vector]:
    """Openings where the strict reading gives something else than what was printed."""
    yield from _provisional_and_wrong(epochs[0])
    yield _repaired_into_no_core(epochs[0])
    yield _core_of_the_other_kind(epochs[1])
    yield _share_of_the_other_kind(epochs[0])


def line(row: str, number: int) -> str:
    """Return a typed line that checks."""
    return f"{text.group(row)}  {text.check_character(row, number)}"


def _provisional_and_wrong(epoch: Epoch) -> Iterator[Vector]:
    """A lost line and a wrong character that repair makes a share of the same seat, provisional, and another value."""
    printed = epoch.share(1, 2)
    rows = [text.read_line(each)[0] for each in printed.to_lines()]
    for number, place, symbol in itertools.product((2, 3), range(text.LINE_CHARACTERS), text.ALPHABET):
        row = rows[number - 1]
        changed = {1: rows[0], 2: rows[1], 3: rows[2]} | {number: row[:place] + symbol + row[place + 1 :]}
        try:
            read = shares.from_lines(changed)
        except (MalformedText, UnsupportedVersion):
            continue
        seat = (read.share.kind, read.share.epoch_id, read.share.group, read.share.member)
        if read.share != printed and seat == (printed.kind, printed.epoch_id, printed.group, printed.member):
            break
    assert read.provisional
    lines = [*(line(each, n) for n, each in changed.items()), None]
    typed = [list(epoch.share(1, 1).to_lines()), lines]
    name = "a share that repair makes another value of its seat, provisional"
    given: Vector = {"core_lines": list(epoch.core.to_lines()), "share_lines": typed}
    yield good(f"{name}, core", KIND, given, output_of(epoch))
    given = {"codes": epoch.codes, "share_lines": typed}
    yield good(f"{name}, envelope", KIND, given, output_of(epoch))


def _beside(core: Core, at: int, bits: int, row: int) -> Rows:
    """Return the rows of a core, one of them as in the codeword that differs in this byte, two others, and this row.

    Args:
        core: of one block or two.
        at: which byte of the codeword the other one has changed.
        bits: how.
        row: which row of the first block, from 0; not one with that byte.
    """
    rows = [text.read_line(each)[0] for each in core.to_lines()]
    printed = text.decode("".join(rows))
    data = len(core.to_bytes()) + 2
    blocks = -(-data // (255 - text.PARITY_BYTES))
    size = -(-data // blocks) + text.PARITY_BYTES
    inner = range(row * text.LINE_BYTES, (row + 1) * text.LINE_BYTES)
    free = [*inner, size - 1, size - 2]
    apart = parity.repair(bytes(bits if i == at else 0 for i in range(size)), free).codeword
    assert sum(map(bool, apart)) == text.PARITY_BYTES + 1
    typed = bytes(byte ^ (apart[i] if i in inner else 0) for i, byte in enumerate(printed))
    symbols = text.encode(typed)
    length = text.LINE_CHARACTERS
    return {FIRST_LINE + i: symbols[i * length : (i + 1) * length] for i in range(len(rows))}


def core_repairs(epoch: Epoch) -> Iterator[Vector]:
    """The strict reading of a core that repair gives a ciphertext of another length, and the relaxed one."""
    rows, lines = _of_another_length(epoch)
    name = "a core that repair gives a ciphertext of another length"
    yield bad(name, "read-core-lines", {"lines": lines}, "invalid-envelope")
    found = cores.relaxed_from_lines(rows)
    assert epoch.core in found
    output = {"cores": [core.to_bytes().hex() for core in found]}
    yield good(f"{name}, relaxed", "read-possible-cores", {"lines": lines}, output)


def _repaired_into_no_core(epoch: Epoch) -> Vector:
    _, lines = _of_another_length(epoch)
    sheets = right(epoch, (1, 1)), right(epoch, (1, 2))
    name = "a core that repair gives a ciphertext of another length"
    return good(name, KIND, given_of(epoch, *sheets, core_lines=lines), output_of(epoch))


def _of_another_length(epoch: Epoch) -> tuple[Rows, list[str]]:
    """Return rows and lines: one line is wrong although it checks, and of two the check character cannot be read."""
    at = 2 + len(epoch.core.header()) + 1
    rows = _beside(epoch.core, at, 16, 4)
    unread = {FIRST_LINE + at // text.LINE_BYTES, max(rows)}
    return rows, [f"{text.group(row)}  ?" if number in unread else line(row, number) for number, row in rows.items()]


def _core_of_the_other_kind(epoch: Epoch) -> Vector:
    """A drill core under the epoch id, which damaged lines may mean as well, takes nothing of the 2000 quorums."""
    rows = _beside(epoch.core, KIND_AT, Kind.LIVE ^ Kind.DRILL, 2)
    found = [core for core in cores.relaxed_from_lines(rows) if core.epoch_id == epoch.core.epoch_id]
    live = [core for core in found if core.kind is Kind.LIVE]
    assert live[0] == epoch.core, "the first that is tried"
    sheets = lost(epoch, (1, 1), PLACES[0]), lost(epoch, (1, 3), 57), right(epoch, (1, 4))
    sizes, place = [sheet.size for sheet in sheets], sum(sheet.place for sheet in sheets)
    assert MAX_TRIES // len(found) < below(place, *sizes) < below(place + 1, *sizes) < MAX_TRIES // len(live)
    name = "two damaged sheets, and a core of the other kind under the epoch id"
    lines = [line(row, number) for number, row in rows.items()]
    return good(name, KIND, given_of(epoch, *sheets, core_lines=lines), output_of(epoch))


def _share_of_the_other_kind(epoch: Epoch) -> Vector:
    """A share that is right but for its kind is left out beside a damaged one."""
    rows = [text.read_line(each)[0] for each in epoch.share(1, 1).to_lines()]
    rows[3] = "".join(other_symbol(symbol) if i < 12 else symbol for i, symbol in enumerate(rows[3]))
    posing = replace(epoch.share(1, 3), kind=Kind.DRILL)
    typed = [[line(row, n) for n, row in enumerate(rows, 1)], list(posing.to_lines())]
    given: Vector = {"core_lines": list(epoch.core.to_lines()), "share_lines": typed}
    name = "a damaged sheet, and one that is right but says drill"
    return bad(name, KIND, given, "insufficient-shares")
