# SPDX-License-Identifier: Apache-2.0
"""Vectors of whole epochs, and of their openings."""

from collections.abc import Iterator
from dataclasses import replace

from dealt import Epoch, Vector, bad, credential_of, facts_of, good, mask_of, other_symbol, wrong_but_checks
from dealt_repairs import typed_repairs
from dealt_typed import typed_edges
from msgspec import structs

from breakglass_shamir.crypto import shamir
from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.formats import parity, text
from breakglass_shamir.formats.core import FIRST_LINE, Core
from breakglass_shamir.formats.share import Share
from breakglass_shamir.formats.structure import Group, Structure
from breakglass_shamir.hygiene import Secret


def whole_epochs(epochs: list[Epoch]) -> Iterator[Vector]:
    """Everything that belongs to one epoch, the secrets too."""
    for epoch in epochs:
        envelope = epoch.sealed.envelope
        given = {
            "master": epoch.master.reveal().hex(),
            "plaintext": epoch.credential.to_bytes().reveal().hex(),
        }
        output = {
            **facts_of(envelope),
            "header": epoch.core.header().hex(),
            "core": epoch.core.to_bytes().hex(),
            "group_secrets": [_group_secret(epoch, number) for number in _numbers(epoch)],
            "codes": epoch.codes,
            "core_lines": list(epoch.core.to_lines()),
            "shares": [_printed(share) for share in epoch.sealed.shares],
            "credential": credential_of(epoch.credential),
        }
        yield good(epoch.name, "epoch", given, output)


def _numbers(epoch: Epoch) -> range:
    return range(1, len(epoch.facts.structure.groups) + 1)


def _printed(share: Share) -> Vector:
    return {
        "group": share.group,
        "member": share.member,
        "value": share.value.reveal().hex(),
        "commitment": share.commitment().hex(),
        "text": share.to_text(),
        "lines": list(share.to_lines()),
    }


def _group_secret(epoch: Epoch, number: int) -> str:
    threshold = epoch.facts.structure.groups[number - 1].threshold
    if threshold > 1:
        points = [(member, epoch.share(number, member).value) for member in range(1, threshold + 1)]
        return shamir.combine(points, threshold).reveal().hex()
    secret: str = mask_of(epoch, epoch.share(number, 1))["output"]["group_secret"]
    return secret


def openings(epochs: list[Epoch]) -> Iterator[Vector]:
    """From paper to plaintext, with the envelope's codes or with the core's typed lines only."""
    for epoch in epochs:
        yield from _opened(epoch)
    yield from _refused_with_envelope(epochs)
    yield from _refused_with_core(epochs)
    yield from _typed(epochs)
    yield from _with_a_surplus(epochs)
    yield from typed_edges(epochs)
    yield from typed_repairs(epochs)


def _opened(epoch: Epoch) -> Iterator[Vector]:
    output = {"plaintext": epoch.credential.to_bytes().reveal().hex()}
    quorums = list(epoch.facts.structure.minimal_quorums())
    everything = tuple(epoch.facts.structure.seats())
    for seats in (quorums[0], tuple(reversed(quorums[-1])), everything):
        name = f"{epoch.name} with {', '.join(f'{g}.{m}' for g, m in seats)}"
        texts = epoch.texts(*seats)
        yield good(f"{name}, envelope", "open", {"codes": epoch.codes, "shares": texts}, output)
        core_lines = list(epoch.core.to_lines())
        if core_lines:
            yield good(f"{name}, typed core", "open", {"core_lines": core_lines, "shares": texts}, output)
    short = epoch.texts(*quorums[0][:-1])
    name = f"{epoch.name}, one sheet short"
    yield bad(name, "open", {"codes": epoch.codes, "shares": short}, "insufficient-shares")


def _typed(epochs: list[Epoch]) -> Iterator[Vector]:
    """Openings of typed lines, some of them wrong although they check."""
    first, both = epochs[0], epochs[2]
    kind = "open-typed"

    def share_lines(epoch: Epoch, *seats: tuple[int, int]) -> list[list[str]]:
        return [list(epoch.share(*seat).to_lines()) for seat in seats]

    def wrong(lines: list[str], index: int, first_number: int = 1) -> list[str]:
        return [*lines[:index], wrong_but_checks(lines[index], index + first_number), *lines[index + 1 :]]

    output = {"plaintext": first.credential.to_bytes().reveal().hex()}
    core_lines = list(first.core.to_lines())
    a, b = share_lines(first, (1, 1), (1, 3))
    for name, given in (
        ("nothing is wrong", {"core_lines": core_lines, "share_lines": [a, b]}),
        ("nothing is wrong, with an envelope", {"codes": first.codes, "share_lines": [a, b]}),
        ("a line of a share wrong although it checks", {"core_lines": core_lines, "share_lines": [wrong(a, 2), b]}),
        ("a line of each share wrong", {"core_lines": core_lines, "share_lines": [wrong(a, 1), wrong(b, 3)]}),
        ("a line of a share wrong, with an envelope", {"codes": first.codes, "share_lines": [a, wrong(b, 0)]}),
        ("a line of the core wrong", {"core_lines": wrong(core_lines, 2, 5), "share_lines": [a, b]}),
        (
            "a line of the core and one of a share wrong",
            {"core_lines": wrong(core_lines, 4, 5), "share_lines": [wrong(a, 1), b]},
        ),
    ):
        yield good(name, kind, given, output)
    output = {"plaintext": both.credential.to_bytes().reveal().hex()}
    lines = share_lines(both, (1, 1), (1, 2), (2, 1))
    masked = {"core_lines": wrong(list(both.core.to_lines()), 3, 5), "share_lines": lines}
    yield good("a masked value in a line that is wrong", kind, masked, output)
    twice = wrong(wrong(a, 1), 2)
    given = {"core_lines": core_lines, "share_lines": [twice, b]}
    yield bad("two lines of a share wrong", kind, given, "unconfirmed-master")
    given = {"codes": first.codes, "share_lines": [twice, b]}
    yield bad("two lines of a share wrong, with an envelope", kind, given, "insufficient-shares")
    changed = structs.replace(first.core, ciphertext=bytes([first.core.ciphertext[0] ^ 1]) + first.core.ciphertext[1:])
    given = {"core_lines": wrong(list(changed.to_lines()), 2, 5), "share_lines": [a, b]}
    yield bad("a changed ciphertext, and a line of it wrong", kind, given, "decryption-failed")


def changed_end(code: str) -> str:
    """Return a code of an envelope with another signature."""
    return code[:-8] + other_symbol(code[-8]) + code[-7:]


def core_of_version_two(core: Core) -> list[str]:
    """Return typed lines that hold, of a core of another version."""
    data = len(core.to_bytes()).to_bytes(2, "big") + b"\x02" + core.to_bytes()[1:]
    word = parity.protect(data)
    return list(text.to_lines(word + bytes(-len(word) % text.LINE_BYTES), FIRST_LINE))


def _refused_with_envelope(epochs: list[Epoch]) -> Iterator[Vector]:
    first, both, drill = epochs[0], epochs[2], epochs[6]

    def given(epoch: Epoch, *texts: str) -> Vector:
        return {"codes": epoch.codes, "shares": list(texts)}

    a, b = first.texts((1, 1), (1, 2))
    yield bad("the same sheet twice", "open", given(first, a, a), "insufficient-shares")
    yield bad("a sheet of another epoch", "open", given(first, a, *epochs[1].texts((1, 2))), "mixed-shares")
    yield bad("a drill share", "open", given(first, a, *drill.texts((1, 2))), "mixed-shares")
    whole_group = both.texts((1, 1), (1, 2), (1, 3))
    yield bad("one group only", "open", given(both, *whole_group), "insufficient-shares")
    relabelled = replace(both.share(2, 1), member=2).to_text()
    texts = both.texts((1, 1), (1, 2))
    yield bad("a voided sheet relabelled", "open", given(both, *texts, relabelled), "share-mismatch")
    swapped = [replace(first.share(1, x), member=3 - x).to_text() for x in (1, 2)]
    yield bad("two sheets with swapped numbers", "open", given(first, *swapped), "share-mismatch")
    yield bad("a damaged text", "open", given(first, a, b[:-1]), "malformed-text")
    posing = replace(first.share(1, 2), kind=Kind.DRILL).to_text()
    yield bad("a share that is right but says drill", "open", given(first, a, posing), "mixed-shares")
    outside = replace(first.share(1, 2), group=2).to_text()
    yield bad("a share of a group that does not exist", "open", given(first, a, outside), "mixed-shares")
    forged = {"codes": [changed_end(code) for code in first.codes], "shares": [a, b[:-1]]}
    yield bad("a damaged share and a forged envelope: the share comes first", "open", forged, "malformed-text")
    later = {"core_lines": core_of_version_two(first.core), "shares": [a, b[:-1]]}
    yield bad("a damaged share and a core of another version: the share comes first", "open", later, "malformed-text")


def _refused_with_core(epochs: list[Epoch]) -> Iterator[Vector]:
    first, both = epochs[0], epochs[2]

    def given(core: Core, *texts: str) -> Vector:
        return {"core_lines": list(core.to_lines()), "shares": list(texts)}

    a, b = first.texts((1, 1), (1, 2))
    altered = Secret(bytes([first.share(1, 2).value.reveal()[0] ^ 1]) + first.share(1, 2).value.reveal()[1:])
    wrong = replace(first.share(1, 2), value=altered).to_text()
    yield bad("one bit of a value", "open", given(first.core, a, wrong), "unconfirmed-master")
    public = first.sealed.envelope.set_public_key
    pinned = {**given(first.core, a, b), "set_public_key": public.hex()}
    output = {"plaintext": first.credential.to_bytes().reveal().hex()}
    yield good("a set public key that is known besides", "open", pinned, output)
    pinned = {**given(first.core, a, b), "set_public_key": (public[:-1] + bytes([public[-1] ^ 1])).hex()}
    yield bad("another set public key under the same epoch id", "open", pinned, "unconfirmed-master")
    yield bad("two values of one sheet", "open", given(first.core, a, b, wrong), "duplicate-share")
    posing = replace(first.share(1, 2), kind=Kind.DRILL).to_text()
    yield bad("a share that is right but says drill, core", "open", given(first.core, a, posing), "mixed-shares")
    outside = replace(first.share(1, 2), group=2).to_text()
    yield bad("a share of a group that does not exist, core", "open", given(first.core, a, outside), "mixed-shares")
    swapped = [replace(first.share(1, x), member=3 - x).to_text() for x in (1, 2)]
    yield bad("swapped numbers", "open", given(first.core, *swapped), "unconfirmed-master")
    relabelled = replace(both.share(2, 1), member=2).to_text()
    texts = both.texts((1, 1), (1, 2))
    yield bad("a voided sheet relabelled, core", "open", given(both.core, *texts, relabelled), "unconfirmed-master")
    body = first.core.ciphertext
    changed = structs.replace(first.core, ciphertext=bytes([body[0] ^ 1]) + body[1:])
    yield bad("a changed ciphertext", "open", given(changed, a, b), "decryption-failed")
    yield bad("a changed epoch number", "open", given(structs.replace(first.core, epoch=2), a, b), "decryption-failed")
    fewer = structs.replace(first.core, structure=Structure(1, (Group(2, 2),)))
    yield bad("fewer members", "open", given(fewer, a, b), "decryption-failed")
    masked = (bytes([both.core.masked[0][0] ^ 1]) + both.core.masked[0][1:], both.core.masked[1])
    texts = both.texts((1, 1), (1, 2), (2, 1))
    yield bad(
        "a changed masked value",
        "open",
        given(structs.replace(both.core, masked=masked), *texts),
        "unconfirmed-master",
    )


def _with_a_surplus(epochs: list[Epoch]) -> Iterator[Vector]:
    """More sheets than are needed: the lowest members of the first groups count."""
    first, either = epochs[0], epochs[3]

    def altered(share: Share) -> str:
        value = share.value.reveal()
        return replace(share, value=Secret(value[:-1] + bytes([value[-1] ^ 1]))).to_text()

    output = {"plaintext": first.credential.to_bytes().reveal().hex()}
    core_lines = list(first.core.to_lines())
    a, b = first.texts((1, 1), (1, 2))
    given = {"core_lines": core_lines, "shares": [altered(first.share(1, 3)), b, a]}
    yield good("a surplus sheet that is wrong: the lowest members count", "open", given, output)
    given = {"core_lines": core_lines, "shares": [b, *epochs[1].texts((1, 1)), a]}
    yield bad("a sheet of another epoch, core", "open", given, "mixed-shares")
    code = list(a)
    for place in (7, 26, 52, 93):
        code[4 + place] = other_symbol(code[4 + place])
    for name, medium in (("core", {"core_lines": core_lines}), ("envelope", {"codes": first.codes})):
        given = {**medium, "shares": ["".join(code), b]}
        yield good(f"a share with no parity to spare counts, {name}", "open", given, output)
    output = {"plaintext": either.credential.to_bytes().reveal().hex()}
    lower, upper = either.texts((1, 1), (1, 2)), either.texts((2, 2), (2, 3))
    given = {"core_lines": list(either.core.to_lines()), "shares": [altered(either.share(2, 1)), *upper, *lower]}
    yield good("a second complete group that is wrong: the first groups count", "open", given, output)
