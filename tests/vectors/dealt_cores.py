# SPDX-License-Identifier: Apache-2.0
"""Vectors of typed cores at the edges: padding, absent lines, cores that are refused, lists that are full."""

import itertools
from collections.abc import Iterator, Sequence

from dealt import Epoch, Vector, bad, good, wrong_but_checks
from msgspec.structs import replace

from breakglass_shamir.formats import parity, text
from breakglass_shamir.formats.core import FIRST_LINE, MAX_LINES, MOST_READINGS, Core, relaxed_from_lines

STRICT, RELAXED = "read-core-lines", "read-possible-cores"
Lines = list[str | None]


def core_edges(epochs: Sequence[Epoch]) -> Iterator[Vector]:
    """Typed cores that few readers meet."""
    one = epochs[0]
    yield from _absent(one.core)
    yield from _padding(one.core)
    yield from _refused(one.core)
    yield _full(epochs[10].core)


def row_of(line: str) -> str:
    """Return the 24 symbols of a typed line."""
    return text.read_line(line)[0]


def line_of(row: str, number: int, *, checks: bool = True) -> str:
    """Return a typed line; its check character proves the number, or another one."""
    return f"{text.group(row)}  {text.check_character(row, number if checks else number ^ 1)}"


def _absent(core: Core) -> Iterator[Vector]:
    """Lines that are not there, and lines that are too many."""
    whole: Lines = list(core.to_lines())
    output = {"core": core.to_bytes().hex()}
    given: Lines = [*whole[:2], None, *whole[3:], None, None]
    yield good("lines that are not there above the highest typed are no rows", STRICT, {"lines": given}, output)
    yield good("the same, relaxed", RELAXED, {"lines": given}, _cores(given))
    blank, number = "?" * text.LINE_CHARACTERS, FIRST_LINE + len(whole) + 1
    typed: Lines = [*given[:-2], _typed(blank), f"{text.group(blank)}  {text.ALPHABET[number]}"]
    yield good("lines typed as 24 ? above the highest are no rows", STRICT, {"lines": typed}, output)
    yield good("lines typed as 24 ?, relaxed", RELAXED, {"lines": typed}, _cores(typed))
    wrong = [*whole[:3], line_of(row_of(str(whole[3])), FIRST_LINE + 3, checks=False), *whole[4:]]
    yield good("a check character of another number, and a line that is right", STRICT, {"lines": wrong}, output)
    yield bad("no line at all", STRICT, {"lines": []}, "malformed-text")
    yield bad("lines of which none is there", STRICT, {"lines": [None, None]}, "malformed-text")
    many: Lines = [
        line_of("0" * text.LINE_CHARACTERS, min(n, 31)) for n in range(FIRST_LINE, FIRST_LINE + MAX_LINES + 1)
    ]
    yield bad("28 lines", STRICT, {"lines": many}, "malformed-text")
    yield good("28 lines, relaxed", RELAXED, {"lines": many}, {"cores": []})
    yield from _beyond(core)


def _beyond(core: Core) -> Iterator[Vector]:
    """27 lines of a core of 28, the last of them lost: no reading has so many."""
    made = _sized(core, 384)
    data = len(made.to_bytes()).to_bytes(2, "big") + made.to_bytes()
    half = len(data) // 2
    whole = parity.protect(data[:half]) + parity.protect(data[half:])
    assert len(whole) == text.LINE_BYTES * (MAX_LINES + 1)
    lines: Lines = list(text.to_lines(whole[: text.LINE_BYTES * MAX_LINES], FIRST_LINE))
    yield bad("27 lines, and the one more that would make them a core", STRICT, {"lines": lines}, "malformed-text")
    yield good("27 lines, and the one more, relaxed", RELAXED, {"lines": lines}, {"cores": []})


def _padding(core: Core) -> Iterator[Vector]:
    """What stands behind the last block."""
    made = next(each for each in (_sized(core, length) for length in range(101, 200)) if _padding_of(each) == 14)
    lines: Lines = list(made.to_lines())
    output = {"core": made.to_bytes().hex()}
    yield good("14 bytes of padding", STRICT, {"lines": lines}, output)
    yield good("14 bytes of padding, a line lost", STRICT, {"lines": [lines[0], None, *lines[2:]]}, output)
    last, number = row_of(str(lines[-1])), FIRST_LINE + len(lines) - 1
    yield good("padding that cannot be read", STRICT, {"lines": [*lines[:-1], _typed(last[:-3] + "???")]}, output)
    for name, line in (
        ("padding that is not zero, in a line that does not check", line_of(last[:-1] + "1", number, checks=False)),
        ("padding that cannot be read but for a bit that is not zero", _typed(last[:-2] + "1?")),
    ):
        yield bad(name, STRICT, {"lines": [*lines[:-1], line]}, "malformed-text")


def _typed(row: str) -> str:
    return f"{text.group(row)}  ?"


def _sized(core: Core, length: int) -> Core:
    return replace(core, ciphertext=bytes(number % 255 + 1 for number in range(length - len(core.header()) - 2)))


def _padding_of(core: Core) -> int:
    return -(len(core.to_bytes()) + 2 + text.PARITY_BYTES) % text.LINE_BYTES


def _refused(core: Core) -> Iterator[Vector]:
    """A repaired core that is none ends the reading."""
    data = core.to_bytes()
    for name, body, error in (
        ("a core of another version", b"\x02" + data[1:], "unsupported-version"),
        ("a core of epoch 0", data[:11] + bytes(4) + data[15:], "invalid-envelope"),
        ("a core with a byte too many", data + b"\x00", "invalid-envelope"),
        ("a core of no byte", b"", "invalid-envelope"),
    ):
        word = parity.protect(len(body).to_bytes(2, "big") + body)
        lines = list(text.to_lines(word + bytes(-len(word) % text.LINE_BYTES), FIRST_LINE))
        yield bad(name, STRICT, {"lines": lines}, error)
        yield good(f"{name}, relaxed", RELAXED, {"lines": lines}, _cores(lines))


def _full(core: Core) -> Vector:
    """Lines that may mean more cores than are kept."""
    whole = list(core.to_lines())
    for first, second in itertools.product(range(2, 12), range(14, 26)):
        lines: Lines = list(whole)
        for index in (first, second):
            lines[index] = wrong_but_checks(whole[index], index + FIRST_LINE)
        output = _cores(lines)
        if len(output["cores"]) == MOST_READINGS:
            return good("more cores than a list holds: the first 64", RELAXED, {"lines": lines}, output)
    raise AssertionError("no two lines may mean so many")


def _cores(lines: Sequence[str | None]) -> Vector:
    rows = {number: row_of(line) for number, line in enumerate(lines, FIRST_LINE) if line is not None}
    return {"cores": [each.to_bytes().hex() for each in relaxed_from_lines(rows)]}
