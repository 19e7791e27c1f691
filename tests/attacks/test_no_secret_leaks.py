# SPDX-License-Identifier: Apache-2.0
"""Attack: read a secret in an error message, a repr, a traceback or a log.

Every way to fail is taken, and what a person or a log would get to see is searched for every secret of the
epoch in every spelling a program might choose.
"""

import base64
import copy
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

import pytest
from msgspec import structs

from breakglass_shamir.crypto import cipher, keys, shamir
from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.custody.credential import Credential, CredentialKind
from breakglass_shamir.errors import BreakglassError
from breakglass_shamir.formats import core, parity, share, text
from breakglass_shamir.formats import seal as sealing
from breakglass_shamir.formats.core import Core
from breakglass_shamir.formats.envelope import Checkpoint, Envelope, EnvelopeReader
from breakglass_shamir.formats.seal import Facts, Sealed, seal, unseal
from breakglass_shamir.formats.share import Share
from breakglass_shamir.formats.structure import Group, Structure
from breakglass_shamir.hygiene import Secret

WINDOW = 12
"""So many consecutive characters of a secret count as a leak: 40 bits or more."""

LOOSE_WINDOW = 32
"""The same for spellings that take about four characters a byte."""

TWO_OF_THREE = Structure(1, (Group(2, 3),))


@dataclass(frozen=True)
class Epoch:
    """An epoch whose master the test caught."""

    master: Secret
    sealed: Sealed
    credential: Credential
    secrets: tuple[bytes, ...] = field(repr=False)


@pytest.fixture(scope="module")
def epoch() -> Epoch:
    with pytest.MonkeyPatch.context() as patch:
        drawn: list[bytes] = []
        honest = keys.random_bytes

        def watched(length: int) -> bytes:
            drawn.append(honest(length))
            return drawn[-1]

        patch.setattr(keys, "random_bytes", watched)
        password, totp = honest(24).hex().encode(), honest(20)
        credential = Credential(Secret(password), CredentialKind.PASSWORD, "root", "ssh://host", totp_seed=Secret(totp))
        facts = Facts(Kind.LIVE, "prod-db", 1, TWO_OF_THREE, bytes(32), Checkpoint(bytes(8), 0, bytes(32)))
        sealed = seal(facts, credential.to_bytes())
    master = Secret(drawn[0])
    derived = [keys.set_key_seed(master, Kind.LIVE).reveal(), *keys.credential_key(master, Kind.LIVE)]
    values = [one.value.reveal() for one in sealed.shares]
    return Epoch(master, sealed, credential, (drawn[0], password, totp, *derived, *values))


def spellings(secret: bytes) -> Iterator[str]:
    """The secret as text in every common encoding, at every alignment inside a longer text."""
    yield secret.decode("latin-1")
    yield str(int.from_bytes(secret, "big"))
    yield secret.hex()
    yield secret.hex(" ")
    for before in range(5):
        padded = bytes(before) + secret
        yield text.encode(padded)[-(-before * 8 // 5) + 1 : -2]
        yield base64.b32encode(padded).decode()[-(-before * 8 // 5) + 1 : -10]
        yield base64.b64encode(padded).decode()[-(-before * 8 // 6) + 1 : -6]
        yield base64.urlsafe_b64encode(padded).decode()[-(-before * 8 // 6) + 1 : -6]


def loose_spellings(secret: bytes) -> Iterator[str]:
    """The secret as Python writes bytes and lists of numbers."""
    yield repr(secret)[2:-1]
    yield repr(list(secret))[1:-1]


def windows(spelling: str, length: int) -> Iterator[str]:
    """Every run of so many characters."""
    return (spelling[i : i + length].lower() for i in range(len(spelling) - length + 1))


def leaks(shown: str, secrets: tuple[bytes, ...]) -> bool:
    folded = shown.lower() + "\n" + "".join(shown.lower().split()).replace("-", "")
    for secret in secrets:
        found = [run for spelling in spellings(secret) for run in windows(spelling, WINDOW)]
        found += [run for spelling in loose_spellings(secret) for run in windows(spelling, LOOSE_WINDOW)]
        if any(run in folded for run in found):
            return True
    return False


def ways_to_fail(epoch: Epoch) -> Iterator[Callable[[], object]]:
    yield from _failing_texts(epoch)
    yield from _failing_shares(epoch)
    yield from _failing_sharing(epoch)
    yield from _failing_openings(epoch)
    yield from _failing_credentials(epoch)


def _failing_texts(epoch: Epoch) -> Iterator[Callable[[], object]]:
    code = epoch.sealed.shares[0].to_text()
    line = epoch.sealed.shares[0].to_lines()[2]
    for typed in (code[:-1], code + "0", code[5:], code[:40] + "U" + code[41:], code + "é", code[:30] + "?" * 71, ""):
        yield partial(share.from_text, typed)
    for typed in (code[:20] + "0" * 20 + code[40:], code[:9] + code[10:50] + "0" + code[50:]):
        yield partial(share.from_text, typed)
    for typed in (line[:-1], line + line, "U" + line[1:], "é" + line):
        yield partial(text.read_line, typed)
    symbols = text.normalise(line)[:-1]
    for rows in ({3: symbols}, {1: symbols, 2: symbols, 3: symbols[:-1], 4: symbols}):
        yield partial(share.from_lines, rows)
        yield partial(core.from_lines, {number + 4: row for number, row in rows.items()})
    codes = EnvelopeReader()
    for typed in (code, "BGE1:" + code[5:], "BGE1:1/2:" + code[5:], "BGE1:1/2:ABCD:" + code[5:-2]):
        yield partial(codes.add, typed)
    yield partial(text.decode, code[5:-2])


def _failing_shares(epoch: Epoch) -> Iterator[Callable[[], object]]:
    good = epoch.sealed.shares[0]
    data = good.to_bytes()
    for changed in (data[:-1], data + b"0", b"\x21" + data[1:], b"\x13" + data[1:], data[:9] + b"\x00" + data[10:]):
        yield partial(Share.from_bytes, changed)
    yield lambda: parity.repair(parity.protect(data)[:20] + parity.protect(data)[30:])
    yield lambda: parity.repair(parity.protect(data), range(18))
    for wrong in (
        replace(good, member=2),
        replace(good, member=9),
        replace(good, kind=Kind.DRILL),
        replace(good, epoch_id=bytes(8)),
    ):
        yield partial(epoch.sealed.envelope.check_share, wrong)
    yield lambda: Envelope.from_bytes(data + epoch.master.reveal())
    yield lambda: Core.from_bytes(b"\x01\x01\x01" + data + epoch.master.reveal())


def _failing_sharing(epoch: Epoch) -> Iterator[Callable[[], object]]:
    first, second, third = (one.value for one in epoch.sealed.shares)
    for points, threshold in (
        ([(0, first), (1, second)], 2),
        ([(1, first), (1, second)], 2),
        ([(1, first)], 2),
        ([(1, first), (2, second), (3, third)], 2),
        ([(1, first)], 1),
        ([(1, first), (2, Secret(second.reveal()[:31]))], 2),
    ):
        yield partial(shamir.combine, points, threshold)
    for threshold, members in ((1, 3), (4, 3), (2, 256)):
        yield partial(shamir.split, epoch.master, threshold, members)
    yield lambda: shamir.split(Secret(epoch.master.reveal()[:31]), 2, 3)
    seed = keys.set_key_seed(epoch.master, Kind.LIVE)
    yield lambda: keys.ed25519_verify(keys.ed25519_public(seed), b"", seed.reveal() * 2)
    yield lambda: keys.ed25519_verify(seed.reveal(), b"", seed.reveal())


def _failing_openings(epoch: Epoch) -> Iterator[Callable[[], object]]:
    sealed, made = epoch.sealed, epoch.sealed.envelope.core
    first, second, _ = sealed.shares
    for wrong in (
        [first],
        [first, first],
        [first, second, replace(second, value=first.value)],
        [first, replace(second, value=first.value)],
        [first, replace(second, member=9)],
        [first, replace(second, kind=Kind.DRILL)],
    ):
        yield partial(unseal, made, wrong)
    for altered in (
        structs.replace(made, epoch=2),
        structs.replace(made, ciphertext=made.ciphertext[:-1]),
        structs.replace(made, ciphertext=bytes(80)),
    ):
        yield partial(unseal, altered, sealed.shares)
    key, nonce = keys.credential_key(epoch.master, Kind.LIVE)
    unpadded = cipher.encrypt(key, nonce, b"", Secret(bytes(63)))
    yield lambda: cipher.decrypt(key, nonce, b"other", unpadded)
    facts = Facts(Kind.LIVE, "x", 1, TWO_OF_THREE, bytes(32), Checkpoint(bytes(8), 0, bytes(32)))
    yield lambda: seal(facts, Secret(epoch.credential.secret.reveal() * 200))
    yield lambda: _prove_a_liar(epoch)


def _prove_a_liar(epoch: Epoch) -> None:
    sealing._prove(epoch.sealed, Secret(b"not what was sealed"))


def _failing_credentials(epoch: Epoch) -> Iterator[Callable[[], object]]:
    data, secret = epoch.credential.to_bytes().reveal(), epoch.credential.secret
    for changed in (
        data[:-1],
        b"\x02" + data[1:],
        data[:1] + data[5:],
    ):
        yield partial(Credential.from_bytes, Secret(changed))
    not_utf8 = b"\x01\x01\x00\x01\x01\x02\x00\x01x\x03\x00\x02\xff\xff"
    yield lambda: Credential.from_bytes(Secret(not_utf8))
    yield lambda: Credential(Secret(secret.reveal() * 100))
    yield lambda: Credential(secret, account="x" * 513)
    yield lambda: Credential(secret, totp_seed=Secret(secret.reveal() * 20))


def test_the_search_finds_what_is_planted(epoch: Epoch) -> None:
    secret = epoch.secrets[0]
    for planted in (
        secret.hex().upper(),
        text.encode(b"ab" + secret + b"c"),
        epoch.sealed.shares[0].to_text(),
        epoch.sealed.shares[0].to_lines()[2],
        base64.b32encode(b"abc" + secret).decode(),
        base64.b64encode(b"a" + secret).decode(),
        f"value {secret!r}",
        f"value {bytearray(secret)!r}",
        f"value {list(secret)}",
        f"value {int.from_bytes(secret, 'big')}",
        secret.decode("latin-1"),
    ):
        assert leaks(f"some text {planted} around", epoch.secrets), planted
    assert not leaks(epoch.sealed.envelope.to_codes()[0], epoch.secrets)


def test_no_failure_shows_a_secret(epoch: Epoch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    shown: list[str] = []
    for number, fail in enumerate(ways_to_fail(epoch)):
        with pytest.raises(BreakglassError) as caught:
            fail()
        error: BaseException | None = caught.value
        shown += [f"way {number}", caught.value.hint, "".join(traceback.format_exception(caught.value))]
        while error is not None:
            shown += [str(error), repr(error), repr(error.args), repr(vars(error))]
            error = error.__context__
        logging.getLogger("test").error("it failed", exc_info=caught.value)
    assert sum(one.startswith("way ") for one in shown) > 60
    for one in (*shown, caplog.text):
        assert not leaks(one, epoch.secrets), one


def test_no_repr_shows_a_secret(epoch: Epoch) -> None:
    sealed = epoch.sealed
    read = share.from_text(sealed.shares[0].to_text())
    things: list[object] = [
        epoch.master,
        sealed,
        sealed.envelope,
        sealed.envelope.core,
        *sealed.shares,
        read,
        parity.repair(parity.protect(sealed.shares[0].to_bytes())),
        unseal(sealed.envelope.core, sealed.shares),
        epoch.credential,
        epoch.credential.to_bytes(),
        [sealed.shares, {"credential": epoch.credential}],
    ]
    for thing in things:
        for one in (repr(thing), str(thing), f"{thing}", f"{thing!r:>10}", "%s" % (thing,)):  # noqa: UP031
            assert not leaks(one, epoch.secrets), one


def test_a_secret_is_neither_copied_nor_pickled(epoch: Epoch) -> None:
    for thing in (epoch.master, epoch.sealed.shares[0], epoch.credential):
        for copier in (pickle.dumps, copy.copy, copy.deepcopy):
            if thing is not epoch.master and copier is copy.copy:
                continue
            with pytest.raises(TypeError, match="never serialised"):
                copier(thing)


def test_opening_wipes_what_it_combined(epoch: Epoch, monkeypatch: pytest.MonkeyPatch) -> None:
    combined: list[Secret] = []
    honest = shamir.combine

    def watched(points: list[tuple[int, Secret]], threshold: int) -> Secret:
        combined.append(honest(points, threshold))
        return combined[-1]

    monkeypatch.setattr(shamir, "combine", watched)
    opened = unseal(epoch.sealed.envelope.core, epoch.sealed.shares)
    assert [len(one) for one in combined] == [0]
    opened.wipe()
    assert (len(opened.plaintext), len(opened.set_key)) == (0, 0)
