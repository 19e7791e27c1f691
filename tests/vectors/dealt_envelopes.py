# SPDX-License-Identifier: Apache-2.0
"""Vectors of envelopes, of typed cores, and of shares against their commitments."""

from collections.abc import Iterator
from dataclasses import replace

from dealt import Epoch, Vector, bad, facts_of, good, other_symbol, wrong_but_checks
from dealt_cores import core_edges
from dealt_repairs import core_repairs
from dealt_signed import signed
from dealt_streams import names, streams, structures
from msgspec import structs

from breakglass_shamir.crypto import keys
from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.formats import text
from breakglass_shamir.formats.core import FIRST_LINE, MAX_LINES, relaxed_from_lines
from breakglass_shamir.formats.envelope import Envelope
from breakglass_shamir.formats.share import Share
from breakglass_shamir.hygiene import Secret

ENVELOPE_LABEL = b"breakglass-shamir envelope\x00"
"""What stands before the signed bytes of an envelope (spec 4)."""


def envelopes(epochs: list[Epoch]) -> Iterator[Vector]:
    """Envelopes in codes, cores in typed lines, shares against commitments."""
    for epoch in epochs:
        yield good(epoch.name, "read-envelope", {"codes": epoch.codes}, facts_of(epoch.sealed.envelope))
    yield from _several_codes(epochs[4])
    yield from _extensions(epochs[0])
    yield from _truncated(epochs[0])
    yield from _batches(epochs)
    yield from _envelope_bytes(epochs[0], epochs[1])
    yield from _core_lines(epochs)
    yield from _commitments(epochs)
    yield from signed(epochs[0])
    yield from streams(epochs)
    yield from structures(epochs[0])
    yield from names(epochs[0])
    yield from core_edges(epochs)
    yield from core_repairs(epochs[0])


def _several_codes(epoch: Epoch) -> Iterator[Vector]:
    codes, kind = epoch.codes, "read-envelope"
    output = facts_of(epoch.sealed.envelope)
    yield good("codes in any order, one twice", kind, {"codes": [codes[2], *codes[:2], codes[1]][:4]}, output)
    yield bad("a code is missing", kind, {"codes": codes[1:]}, "missing-envelope")
    tag = codes[0].split(":")[2]
    for name, old, new in (
        ("number with a leading zero", "1/", "01/"),
        ("number 0", "1/", "0/"),
        ("number above the count", "1/", "9/"),
        ("a hash of three characters", tag, tag[:3]),
        ("no hash", f":{tag}:", ":"),
        ("a hash outside the alphabet", tag, "U" + tag[1:]),
    ):
        changed = codes[0].replace(old, new, 1) if old != "1/" else codes[0].replace(":1/", f":{new}", 1)
        yield bad(name, kind, {"codes": [changed, *codes[1:]]}, "malformed-text")
    others = [code.replace(tag, other_symbol(tag[0]) + tag[1:]) for code in codes]
    yield bad("another hash on every code", kind, {"codes": others}, "invalid-envelope")


def _envelope_bytes(epoch: Epoch, other: Epoch) -> Iterator[Vector]:
    data = epoch.sealed.envelope.to_bytes()
    part, signature = data[:-64], data[-64:]

    def given(changed: bytes) -> Vector:
        return {"codes": ["BGE1:" + text.encode(changed)]}

    def signed(changed: bytes, seed: Secret = epoch.seed) -> Vector:
        return given(changed + keys.ed25519_sign(seed, ENVELOPE_LABEL + changed))

    def patched(position: int, new: bytes) -> bytes:
        return part[:position] + new + part[position + len(new) :]

    kind = "read-envelope"
    tail = len(epoch.facts.extensions.to_bytes())
    block, name_at = part[len(part) - tail :], len(part) - tail - 8
    public_at = name_at - 48 - 32 - 8 - 32
    yield bad("version 2", kind, signed(patched(0, b"\x02")), "unsupported-version")
    yield bad("suite 2", kind, signed(patched(1, b"\x02")), "unsupported-version")
    yield bad("kind 3", kind, signed(patched(2, b"\x03")), "unsupported-version")
    for name, changed in (
        ("epoch 0", patched(11, bytes(4))),
        ("threshold above the members", patched(17, b"\x04")),
        ("threshold 0", patched(17, b"\x00")),
        ("group threshold above the groups", patched(15, b"\x02")),
        ("group threshold 0", patched(15, b"\x00")),
        ("one person opens", part[:17] + b"\x01\x03" + bytes(96) + part[19:]),
        ("no group", part[:15] + b"\x01\x00" + part[19:]),
        ("another epoch id", patched(3, other.core.epoch_id)),
        ("an empty set name", part[:name_at] + b"\x00" + block),
        ("a set name of 65 bytes", part[:name_at] + b"\x41" + b"x" * 65 + block),
        ("a set name that is not UTF-8", part[:name_at] + b"\x02\xc3\x28" + block),
        ("a surrogate in the set name", part[:name_at] + b"\x03\xed\xa0\x80" + block),
        ("an overlong zero in the set name", part[:name_at] + b"\x02\xc0\x80" + block),
        ("a line break in the set name", patched(name_at + 1, b"\n")),
        ("a bidirectional control in the set name", part[:name_at] + b"\x05a\xe2\x80\xaeb" + block),
    ):
        yield bad(name, kind, signed(changed), "invalid-envelope")
    for name, text_of in (
        ("a byte order mark at the front of the set name", "\ufeffdb"),
        ("spaces at the ends of the set name", " db\u00a0"),
        ("a set name of one character beyond the basic plane", "\U0001f511"),
        ("a set name of 64 bytes", "x" * 64),
    ):
        raw = text_of.encode()
        changed = part[:name_at] + bytes([len(raw)]) + raw + block
        yield _read_back(name, changed + keys.ed25519_sign(epoch.seed, ENVELOPE_LABEL + changed))
    forged = patched(public_at, keys.ed25519_public(other.seed))
    yield bad("another set key that signs well", kind, signed(forged, other.seed), "invalid-envelope")
    yield bad("signed by another key", kind, signed(part, other.seed), "invalid-envelope")
    unlabelled = keys.ed25519_sign(epoch.seed, part)
    yield bad("signed without the label", kind, given(part + unlabelled), "invalid-envelope")
    yield bad("last bit of the signature", kind, given(data[:-1] + bytes([data[-1] ^ 1])), "invalid-envelope")
    yield bad("first commitment changed", kind, given(patched(101, b"????") + signature), "invalid-envelope")
    yield bad("one byte short", kind, given(data[:-1]), "invalid-envelope")
    yield bad("one byte too many", kind, given(data + b"\x00"), "invalid-envelope")
    for name, framed in (
        ("a no-break space in front of a code", "\u00a0" + epoch.codes[0]),
        ("a byte order mark in front of a code", "\ufeff" + epoch.codes[0]),
        ("white space in the prefix of a code", "BGE 1:" + epoch.codes[0][5:]),
    ):
        yield bad(name, kind, {"codes": [framed]}, "malformed-text")
    around = f" \t\r\n\v\f{epoch.codes[0]}\f\v\n\r\t "
    yield good("white space at both ends of a code", kind, {"codes": [around]}, facts_of(epoch.sealed.envelope))
    yield bad("a share's prefix", kind, {"codes": ["BGS1:" + text.encode(data)]}, "malformed-text")
    yield bad("not ASCII", kind, {"codes": [epoch.codes[0] + "\u00e9"]}, "malformed-text")
    yield bad("an unreadable character", kind, {"codes": [epoch.codes[0][:-1] + "?"]}, "malformed-text")


def _read_back(name: str, data: bytes) -> Vector:
    """A vector of an envelope that holds: every field of it."""
    return good(name, "read-envelope", {"codes": ["BGE1:" + text.encode(data)]}, facts_of(Envelope.from_bytes(data)))


def _field(tag: int, value: bytes) -> bytes:
    return bytes([tag]) + len(value).to_bytes(2, "big") + value


def _extensions(epoch: Epoch) -> Iterator[Vector]:
    """Blocks that every reader takes, and blocks that none does."""
    front = epoch.sealed.envelope.to_bytes()[: -64 - len(epoch.facts.extensions.to_bytes())]

    def signed(block: bytes, length: int | None = None) -> bytes:
        whole = front + (len(block) if length is None else length).to_bytes(2, "big") + block
        return whole + keys.ed25519_sign(epoch.seed, ENVELOPE_LABEL + whole)

    created, release, second = _field(1, bytes(7) + b"\x01"), _field(2, b"1.0"), _field(3, bytes(range(32)))
    for name, block in (
        ("an empty extension block", b""),
        ("only a creation time", created),
        ("a creation time of 0", _field(1, bytes(8))),
        ("only a release", release),
        ("a release of 32 characters", _field(2, b"~ " * 16)),
        ("the hash of a second key", created + release + second),
        ("an unknown extension", release + _field(4, b"\x00")),
        ("the last extension that makes proofs unknown", _field(127, b"x")),
        ("the first extension that changes nothing", _field(128, b"x")),
        ("the last extension", _field(255, b"x")),
        ("an extension block of 1024 bytes", _field(64, bytes(1021))),
    ):
        yield _read_back(name, signed(block))
    for name, block in (
        ("extensions that descend", release + created),
        ("an extension twice", created + created),
        ("an unknown extension twice", _field(200, b"x") + _field(200, b"x")),
        ("extension 0", _field(0, b"x")),
        ("an empty extension", _field(9, b"")),
        ("an extension cut short", _field(9, b"later")[:-1]),
        ("an extension without a length", b"\x09\x00"),
        ("an extension that is a tag alone", b"\x09"),
        ("a creation time of 7 bytes", _field(1, bytes(7))),
        ("a creation time of 9 bytes", _field(1, bytes(9))),
        ("a release of 33 characters", _field(2, b"x" * 33)),
        ("a release with a control character", _field(2, b"1\n0")),
        ("a release that is not ASCII", _field(2, b"\xc3\xa9")),
        ("a release with U+001F", _field(2, b"1\x1f0")),
        ("a release with U+007F", _field(2, b"1\x7f0")),
        ("the hash of a second key of 31 bytes", _field(3, bytes(31))),
        ("an extension block of 1025 bytes", _field(64, bytes(1022))),
    ):
        yield bad(name, "read-envelope", {"codes": ["BGE1:" + text.encode(signed(block))]}, "invalid-envelope")
    for name, length in (("one byte short", len(release) - 1), ("one byte long", len(release) + 1)):
        codes = ["BGE1:" + text.encode(signed(release, length))]
        yield bad(f"the length of the extension block is {name}", "read-envelope", {"codes": codes}, "invalid-envelope")


def _truncated(epoch: Epoch) -> Iterator[Vector]:
    """An envelope that ends too early, at the front and at the end of each field."""
    data = epoch.sealed.envelope.to_bytes()
    kind = "read-envelope"
    for length in (0, 1, 2, 3, 11, 15, 16, 17, 19, 20, 21, 101, 117, 149, 181, 189, 221, 229, 237, 269, 270, 277, 279):
        codes = ["BGE1:" + text.encode(data[:length])]
        yield bad(f"the first {length} bytes of an envelope", kind, {"codes": codes}, "invalid-envelope")
    for head in (b"\x02", b"\x02\x01"):
        codes = ["BGE1:" + text.encode(head)]
        yield bad(f"{len(head)} bytes of another version", kind, {"codes": codes}, "invalid-envelope")
    codes = ["BGE1:" + text.encode(b"\x02\x01\x01")]
    yield bad("three bytes of another version and nothing more", kind, {"codes": codes}, "unsupported-version")


def _batches(epochs: list[Epoch]) -> Iterator[Vector]:
    """Codes of more than one envelope in one stream."""
    kind, one, several, certified = "read-envelopes", epochs[0], epochs[4], epochs[5]

    def told(*found: Epoch) -> Vector:
        return {"sha256": [epoch.sealed.envelope.digest.hex() for epoch in found]}

    first, *rest = several.codes
    stream = [first, *one.codes, *rest]
    yield good("an envelope among the codes of another", kind, {"codes": stream}, told(one, several))
    stream = [*several.codes, *certified.codes, *several.codes]
    yield good("an envelope twice, with another between", kind, {"codes": stream}, told(several, certified, several))
    yield good("codes that make no envelope yet", kind, {"codes": rest}, told())
    misread = first[:40] + other_symbol(first[40]) + first[41:]
    stream = [misread, *rest[:-1], first, rest[-1]]
    yield good("the last reading of a code counts", kind, {"codes": stream}, told(several))
    yield bad("a code that was misread", kind, {"codes": [misread, *rest]}, "invalid-envelope")
    rival = structs.replace(one.sealed.envelope, policy_digest=bytes(32)).signed_by(one.seed)
    both = [*one.codes, *rival.to_codes()]
    yield bad("two valid envelopes of one epoch", kind, {"codes": both}, "envelope-conflict")


def _written_lines(epoch: Epoch) -> Iterator[Vector]:
    """Which cores are printed for typing: those that fit in 27 lines."""
    kind = "write-core-lines"
    for length in (101, 229, 236, 237, 369, 370, 600):
        made = structs.replace(epoch.core, ciphertext=bytes(length - len(epoch.core.header()) - 2))
        lines = list(made.to_lines())
        name = f"a core of {length} bytes, {len(lines) or 'no'} lines"
        yield good(name, kind, {"core": made.to_bytes().hex()}, {"lines": lines})


def _core_lines(epochs: list[Epoch]) -> Iterator[Vector]:
    kind = "read-core-lines"
    yield from _written_lines(epochs[0])
    for epoch in (epochs[0], epochs[2], epochs[5], epochs[10]):
        whole: list[str | None] = list(epoch.core.to_lines())
        output = {"core": epoch.core.to_bytes().hex()}
        yield good(f"{len(whole)} lines of {epoch.name}", kind, {"lines": whole}, output)
        for lost in (0, len(whole) // 2, len(whole) - 1):
            kept = [None if i == lost else line for i, line in enumerate(whole)]
            while kept[-1] is None:
                del kept[-1]
            yield good(f"line {lost + 5} of {epoch.name} lost", kind, {"lines": kept}, output)
    assert len(epochs[10].core.to_lines()) == MAX_LINES
    whole = list(epochs[0].core.to_lines())
    yield bad("two lines lost", kind, {"lines": [None, None, *whole[2:]]}, "malformed-text")
    extra = f"{text.group('0' * 24)}  {text.check_character('0' * 24, 5 + len(whole))}"
    yield bad("a line too many", kind, {"lines": [*whole, extra]}, "malformed-text")
    padded = list(epochs[2].core.to_lines())
    row = text.read_line(padded[-1])[0][:-1] + "1"
    padded[-1] = f"{text.group(row)}  {text.check_character(row, 4 + len(padded))}"
    yield bad("padding that is not zero", kind, {"lines": padded}, "malformed-text")
    yield from _changed_lines(epochs[0], kind)
    yield from _possible_cores(epochs)


def _changed_lines(epoch: Epoch, kind: str) -> Iterator[Vector]:
    """Five wrong characters are repaired in a line that does not check; one that checks is never changed."""
    whole, output = list(epoch.core.to_lines()), {"core": epoch.core.to_bytes().hex()}
    for index in (0, 3):
        row, check = text.read_line(whole[index])[0], whole[index][-1]
        number = index + 5
        wrong = "".join(text.ALPHABET[31 - text.ALPHABET.index(symbol)] for symbol in row[8:13])
        changed = row[:8] + wrong + row[13:]
        assert text.check_character(changed, number) != check
        for name, last in (("do not check", check), ("check", text.check_character(changed, number))):
            lines = [*whole[:index], f"{text.group(changed)}  {last}", *whole[index + 1 :]]
            what = f"five wrong characters in line {number} that {name}"
            if last == check:
                yield good(what, kind, {"lines": lines}, output)
            else:
                yield bad(what, kind, {"lines": lines}, "malformed-text")


def _possible_cores(epochs: list[Epoch]) -> Iterator[Vector]:
    """What typed lines may mean when one is wrong although it checks."""
    kind = "read-possible-cores"

    def told(name: str, lines: list[str | None], core: bytes | None) -> Vector:
        rows = {n: text.read_line(line)[0] for n, line in enumerate(lines, FIRST_LINE) if line is not None}
        found = [each.to_bytes() for each in relaxed_from_lines(rows)]
        assert core is None or core in found, name
        return good(name, kind, {"lines": [*lines]}, {"cores": [each.hex() for each in found]})

    for epoch in (epochs[0], epochs[2], epochs[10]):
        whole: list[str | None] = list(epoch.core.to_lines())
        core = epoch.core.to_bytes()
        for index in sorted({0, 1, len(whole) // 2, len(whole) - 2}):
            line = wrong_but_checks(epoch.core.to_lines()[index], index + FIRST_LINE)
            lines = [*whole[:index], line, *whole[index + 1 :]]
            yield told(f"line {index + FIRST_LINE} of {epoch.name} wrong although it checks", lines, core)
    whole = list(epochs[10].core.to_lines())
    printed = epochs[10].core.to_lines()
    lines = list(whole)
    lines[3], lines[20] = wrong_but_checks(printed[3], 8), wrong_but_checks(printed[20], 25)
    yield told("a line of each block wrong although it checks", lines, epochs[10].core.to_bytes())
    lines[3] = None
    yield told("a line of one block lost, one of the other wrong", lines, epochs[10].core.to_bytes())
    lines = list(epochs[0].core.to_lines())
    lines[2:4] = [wrong_but_checks(epochs[0].core.to_lines()[n], n + FIRST_LINE) for n in (2, 3)]
    yield told("two lines of one block wrong although they check", lines, None)
    yield told("no line at all", [], None)
    yield told("lines that hold", list(epochs[0].core.to_lines()), epochs[0].core.to_bytes())


def _commitments(epochs: list[Epoch]) -> Iterator[Vector]:
    epoch, kind = epochs[0], "check-share"
    share = epoch.share(1, 2)

    def given(candidate: Share) -> Vector:
        return {"codes": epoch.codes, "share": candidate.to_text()}

    yield good("the share that was dealt", kind, given(share), {"commitment": share.commitment().hex()})
    changed = bytes([share.value.reveal()[0] ^ 1]) + share.value.reveal()[1:]
    yield bad("one bit of the value", kind, given(replace(share, value=Secret(changed))), "share-mismatch")
    yield bad("its neighbour's number", kind, given(replace(share, member=3)), "share-mismatch")
    yield bad("a member that does not exist", kind, given(replace(share, member=4)), "mixed-shares")
    yield bad("a group that does not exist", kind, given(replace(share, group=2)), "mixed-shares")
    yield bad("another kind", kind, given(replace(share, kind=Kind.DRILL)), "mixed-shares")
    yield bad("another epoch", kind, given(epochs[1].share(1, 2)), "mixed-shares")
    drill = epochs[6].share(1, 2)
    yield bad("a drill share", kind, given(drill), "mixed-shares")
    posing = replace(drill, kind=Kind.LIVE, epoch_id=share.epoch_id)
    yield bad("a drill share that poses as live", kind, given(posing), "share-mismatch")
    code = epoch.codes[0]
    forged = {"codes": [code[:-8] + other_symbol(code[-8]) + code[-7:]], "share": share.to_text()[:-1]}
    yield bad("a damaged share and a forged envelope: the share comes first", kind, forged, "malformed-text")
