# SPDX-License-Identifier: Apache-2.0
"""Vectors of envelopes, of typed cores, and of shares against their commitments."""

from collections.abc import Iterator
from dataclasses import replace

from dealt import Epoch, Vector, bad, facts_of, good, other_symbol

from breakglass_shamir.crypto import keys
from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.formats import text
from breakglass_shamir.formats.share import Share
from breakglass_shamir.hygiene import Secret

ENVELOPE_LABEL = b"breakglass-shamir envelope\x00"
"""What stands before the signed bytes of an envelope (spec 4)."""


def envelopes(epochs: list[Epoch]) -> Iterator[Vector]:
    """Envelopes in codes, cores in typed lines, shares against commitments."""
    for epoch in epochs:
        yield good(epoch.name, "read-envelope", {"codes": epoch.codes}, facts_of(epoch.sealed.envelope))
    yield from _several_codes(epochs[4])
    yield from _envelope_bytes(epochs[0], epochs[1])
    yield from _core_lines(epochs)
    yield from _commitments(epochs)


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
    public_at, name_at = len(part) - 8 - 48 - 32 - 8 - 32, len(part) - 8
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
        ("an empty set name", part[:name_at] + b"\x00"),
        ("a set name of 65 bytes", part[:name_at] + b"\x41" + b"x" * 65),
        ("a set name that is not UTF-8", part[:name_at] + b"\x02\xc3\x28"),
        ("a line break in the set name", patched(name_at + 1, b"\n")),
        ("a bidirectional control in the set name", part[:name_at] + b"\x05a\xe2\x80\xaeb"),
    ):
        yield bad(name, kind, signed(changed), "invalid-envelope")
    forged = patched(public_at, keys.ed25519_public(other.seed))
    yield bad("another set key that signs well", kind, signed(forged, other.seed), "invalid-envelope")
    yield bad("signed by another key", kind, signed(part, other.seed), "invalid-envelope")
    unlabelled = keys.ed25519_sign(epoch.seed, part)
    yield bad("signed without the label", kind, given(part + unlabelled), "invalid-envelope")
    yield bad("last bit of the signature", kind, given(data[:-1] + bytes([data[-1] ^ 1])), "invalid-envelope")
    yield bad("first commitment changed", kind, given(patched(101, b"????") + signature), "invalid-envelope")
    yield bad("one byte short", kind, given(data[:-1]), "invalid-envelope")
    yield bad("one byte too many", kind, given(data + b"\x00"), "invalid-envelope")
    yield bad("a share's prefix", kind, {"codes": ["BGS1:" + text.encode(data)]}, "malformed-text")
    yield bad("not ASCII", kind, {"codes": [epoch.codes[0] + "\u00e9"]}, "malformed-text")
    yield bad("an unreadable character", kind, {"codes": [epoch.codes[0][:-1] + "?"]}, "malformed-text")


def _core_lines(epochs: list[Epoch]) -> Iterator[Vector]:
    kind = "read-core-lines"
    for epoch in (epochs[0], epochs[2], epochs[5]):
        whole: list[str | None] = list(epoch.core.to_lines())
        output = {"core": epoch.core.to_bytes().hex()}
        yield good(f"{len(whole)} lines of {epoch.name}", kind, {"lines": whole}, output)
        for lost in (0, len(whole) // 2, len(whole) - 1):
            kept = [None if i == lost else line for i, line in enumerate(whole)]
            while kept[-1] is None:
                del kept[-1]
            yield good(f"line {lost + 5} of {epoch.name} lost", kind, {"lines": kept}, output)
    whole = list(epochs[0].core.to_lines())
    yield bad("two lines lost", kind, {"lines": [None, None, *whole[2:]]}, "malformed-text")
    extra = f"{text.group('0' * 24)}  {text.check_character('0' * 24, 5 + len(whole))}"
    yield bad("a line too many", kind, {"lines": [*whole, extra]}, "malformed-text")
    padded = list(epochs[2].core.to_lines())
    row = text.read_line(padded[-1])[0][:-1] + "1"
    padded[-1] = f"{text.group(row)}  {text.check_character(row, 4 + len(padded))}"
    yield bad("padding that is not zero", kind, {"lines": padded}, "malformed-text")
    yield from _changed_lines(epochs[0], kind)


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
