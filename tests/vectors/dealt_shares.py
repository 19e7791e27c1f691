# SPDX-License-Identifier: Apache-2.0
"""Vectors of shares."""

from collections.abc import Iterator

from dealt import Epoch, Vector, bad, good, misrepaired, other_symbol, wrong_but_checks

from breakglass_shamir.formats import parity, text
from breakglass_shamir.formats.share import Share


def shares(epochs: list[Epoch]) -> Iterator[Vector]:
    """Shares as bytes, text and lines, whole and damaged."""
    for epoch, seat in ((epochs[0], (1, 1)), (epochs[2], (2, 2)), (epochs[6], (1, 3)), (epochs[7], (1, 1))):
        yield _written(epoch, epoch.share(*seat))
    share = epochs[0].share(1, 2)
    yield from _share_texts(share)
    yield from _share_lines(share)
    yield from _share_bytes(share)
    yield from _as_typed(share)
    yield from _not_a_share(share, epochs[0].share(1, 3))


def _written(epoch: Epoch, share: Share) -> Vector:
    given = {
        "kind": share.kind.word,
        "epoch_id": share.epoch_id.hex(),
        "group": share.group,
        "member": share.member,
        "value": share.value.reveal().hex(),
    }
    output = {
        "bytes": share.to_bytes().hex(),
        "text": share.to_text(),
        "lines": list(share.to_lines()),
        "commitment": share.commitment().hex(),
    }
    return good(f"share {share.group}.{share.member} of {epoch.name}", "write-share", given, output)


def _read(share: Share, repaired: list[int], spare: int) -> Vector:
    return {
        "bytes": share.to_bytes().hex(),
        "repaired": repaired,
        "spare_parity": spare,
        "provisional": spare < 2,
    }


def _share_texts(share: Share) -> Iterator[Vector]:
    code = share.to_text()
    kind = "read-share-text"
    yield good("text as printed", kind, {"text": code}, _read(share, [], 17))
    loose = f"  {code[:5].lower()} {text.group(code[5:]).replace('0', 'o').replace('1', 'l').lower()}\n"
    yield good("text as people type it", kind, {"text": loose}, _read(share, [], 17))
    around = " \t\r\n\v\f"
    yield good("every white space at both ends", kind, {"text": around + code + around}, _read(share, [], 17))
    positions = (7, 26, 52, 93)
    wrong = list(code)
    for position in positions:
        wrong[4 + position] = other_symbol(wrong[4 + position])
    yield good("four wrong characters", kind, {"text": "".join(wrong)}, _read(share, list(positions), 1))
    unread = code[:5] + "?" + code[6:]
    yield good("a character that cannot be read", kind, {"text": unread}, _read(share, [1], 16))
    for name, bad_text in (
        ("one character too few", code[:-1]),
        ("one character too many", code + "0"),
        ("no prefix", code[5:]),
        ("an envelope's prefix", "BGE1:" + code[5:]),
        ("a character outside the alphabet", code[:50] + "U" + code[51:]),
        ("a character that is not ASCII", code[:50] + "\u00e9" + code[51:]),
        ("a no-break space in front", "\u00a0" + code),
        ("a no-break space at the end", code + "\u00a0"),
        ("a byte order mark in front", "\ufeff" + code),
        ("a line separator at the end", code + "\u2028"),
        ("a control character that Unicode calls a space", "\x1c" + code),
        ("a long s in the prefix", code.replace("S", "\u017f", 1)),
        ("white space in the prefix", code[:2] + " " + code[2:]),
        ("a hyphen in front of the prefix", "-" + code),
        ("a hyphen in the prefix", code[:2] + "-" + code[2:]),
        ("sixteen wrong characters", code[:20] + "".join(map(other_symbol, code[20:36])) + code[36:]),
        ("more unreadable than the parity holds", code[:20] + "?" * 29 + code[49:]),
    ):
        yield bad(name, kind, {"text": bad_text}, "malformed-text")


def _share_lines(share: Share) -> Iterator[Vector]:
    whole: list[str | None] = list(share.to_lines())
    kind = "read-share-lines"
    yield good("lines as printed", kind, {"lines": whole}, _read(share, [], 17))
    for lost in range(4):
        given: list[str | None] = [None if i == lost else line for i, line in enumerate(whole)]
        repaired = list(range(24 * lost + 1, 24 * lost + 25))
        yield good(f"line {lost + 1} lost", kind, {"lines": given}, _read(share, repaired, 2))
    yield bad("two lines lost", kind, {"lines": [None, None, *whole[2:]]}, "malformed-text")
    rows = [text.read_line(line)[0] for line in share.to_lines()]
    row = rows[0][:9] + other_symbol(rows[0][9]) + rows[0][10:]
    typed = f"{text.group(row)}  {text.check_character(row, 1)}"
    damaged = {"lines": [typed, None, *whole[2:]], "commitment": share.commitment().hex()}
    yield good("a line lost and one wrong character", "find-share", damaged, {"bytes": share.to_bytes().hex()})
    yield from _lines_that_check(share)


def _lines_that_check(share: Share) -> Iterator[Vector]:
    """Lines with several errors whose check character holds all the same: the relaxed reading finds the share."""
    whole, output = list(share.to_lines()), {"bytes": share.to_bytes().hex()}
    commitment = share.commitment().hex()

    def given(lines: list[str]) -> Vector:
        return {"lines": lines, "commitment": commitment}

    for index in range(4):
        lines = [*whole[:index], wrong_but_checks(whole[index], index + 1), *whole[index + 1 :]]
        yield good(f"line {index + 1} wrong although it checks", "find-share", given(lines), output)
    one = whole[3][:7] + other_symbol(whole[3][7]) + whole[3][8:]
    lines = [whole[0], wrong_but_checks(whole[1], 2), whole[2], one]
    yield good(
        "one line wrong although it checks, and a wrong character in another", "find-share", given(lines), output
    )
    far = whole[0]
    for place in (0, 5, 10, 15, 20):
        far = far[:place] + other_symbol(far[place]) + far[place + 1 :]
    lines = [far, *whole[1:]]
    yield good("five wrong characters far apart", "find-share", given(lines), output)
    rows = [text.read_line(line)[0] for line in whole]
    for row, place in ((0, 1), (0, 12), (1, 3), (2, 6), (3, 0)):
        rows[row] = rows[row][:place] + other_symbol(rows[row][place]) + rows[row][place + 1 :]
    lines = [f"{text.group(row)}  {text.check_character(row, number)}" for number, row in enumerate(rows, 1)]
    yield good(
        "nine wrong bytes in four lines, of which one character makes up two", "find-share", given(lines), output
    )
    lines = [wrong_but_checks(whole[0], 1), wrong_but_checks(whole[1], 2), *whole[2:]]
    yield bad("two lines wrong although they check", "find-share", given(lines), "malformed-text")


def _share_bytes(share: Share) -> Iterator[Vector]:
    def given(data: bytes) -> Vector:
        return {"text": "BGS1:" + text.encode(parity.protect(data))}

    data = share.to_bytes()
    kind = "read-share-text"
    yield bad("version 0", kind, given(b"\x01" + data[1:]), "unsupported-version")
    yield bad("version 2", kind, given(b"\x21" + data[1:]), "unsupported-version")
    yield bad("kind 0", kind, given(b"\x10" + data[1:]), "unsupported-version")
    yield bad("kind 3", kind, given(b"\x13" + data[1:]), "unsupported-version")
    yield bad("group 0", kind, given(data[:9] + b"\x00" + data[10:]), "malformed-text")
    yield bad("member 0", kind, given(data[:10] + b"\x00" + data[11:]), "malformed-text")
    nowhere = b"\x21" + data[1:9] + bytes(2) + data[11:]
    yield bad("version 2 and no place: the version comes first", kind, given(nowhere), "unsupported-version")


def _as_typed(share: Share) -> Iterator[Vector]:
    """What a check character says has no part in the reading of a share's lines."""
    whole, kind = list(share.to_lines()), "read-share-lines"
    rows = [text.read_line(line)[0] for line in whole]
    wrong = [f"{text.group(row)}  {text.check_character(row, number ^ 1)}" for number, row in enumerate(rows, 1)]
    yield good("check characters of other numbers", kind, {"lines": wrong}, _read(share, [], 17))
    unread = [f"{text.group(row)}  ?" for row in rows]
    yield good("check characters that cannot be read", kind, {"lines": unread}, _read(share, [], 17))
    swapped = [whole[1], whole[0], *whole[2:]]
    yield bad("lines 1 and 2 in each other's place, which they disprove", kind, {"lines": swapped}, "malformed-text")
    four = [row[:9] + other_symbol(row[9]) + row[10:] for row in rows]
    lines = [f"{text.group(row)}  {text.check_character(row, number)}" for number, row in enumerate(four, 1)]
    yield good("a wrong character in each line", kind, {"lines": lines}, _read(share, [10, 34, 58, 82], 1))


def _not_a_share(share: Share, other: Share) -> Iterator[Vector]:
    """Damage that repair makes a share of another version: a refusal like any other, and no end of the reading."""
    lines = misrepaired(share)
    yield bad(
        "a line lost and one wrong character: no share", "read-share-lines", {"lines": lines}, "unsupported-version"
    )
    given = {"lines": lines, "commitment": share.commitment().hex()}
    output = {"bytes": share.to_bytes().hex()}
    yield good("repaired into a share of another version", "find-share", given, output)
    given = {"lines": lines, "commitment": other.commitment().hex()}
    yield bad("readings, and none that matches the commitment", "find-share", given, "malformed-text")
