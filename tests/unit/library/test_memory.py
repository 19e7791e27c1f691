# SPDX-License-Identifier: Apache-2.0
"""In memory: whatever is split opens again, from texts of any source, and touches nothing beside."""

import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breakglass_shamir import (
    Credential,
    CredentialKind,
    Group,
    Kind,
    Pool,
    Secret,
    Structure,
    Verdict,
    errors,
    hazmat,
    read_envelope,
    read_share,
    read_share_lines,
    split,
    split_drill,
)
from breakglass_shamir.standalone import recover

TWO_OF_THREE = Structure(1, (Group(2, 3),))
GROUPED = Structure(2, (Group(2, 3), Group(1, 2)))

secrets = st.binary(min_size=1, max_size=200).map(Secret)
structures = st.sampled_from(
    [TWO_OF_THREE, GROUPED, Structure(1, (Group(3, 5),)), Structure(1, (Group(2, 2), Group(3, 3)))]
)


@settings(max_examples=15)
@given(secret=secrets, structure=structures, kind=st.sampled_from(CredentialKind), shuffle=st.randoms())
def test_every_quorum_of_texts_in_any_order_gives_the_credential(
    secret: Secret, structure: Structure, kind: CredentialKind, shuffle: random.Random
) -> None:
    credential = Credential(secret, kind, "root", "ssh-key:///srv/key")
    sealed = split(credential, structure, set_name="a-set")
    texts = [*sealed.envelope.to_codes(), *(share.to_text() for share in sealed.shares)]
    shuffle.shuffle(texts)
    pool = Pool()
    for text in texts:
        pool.add(text)
    assert hazmat.open_without_record(pool) == credential
    assert pool.quorum().sheets == tuple(sorted(f"{group}.{member}" for group, member in structure.seats()))


def test_fewer_than_a_quorum_open_nothing_and_say_what_is_missing() -> None:
    sealed = split(Credential(Secret(b"x")), GROUPED, set_name="a-set")
    pool = Pool(pinned=[sealed.envelope])
    for share in sealed.shares[:3]:
        assert pool.add(share.to_text()).verdict is Verdict.ACCEPTED
    assert not pool.complete
    for call in (pool.quorum, lambda: hazmat.open_without_record(pool)):
        with pytest.raises(errors.InsufficientShares, match="0 of 1 in group 2"):
            call()


def test_text_and_back_for_shares_lines_and_envelopes() -> None:
    sealed = split(Credential(Secret(b"x" * 4000)), Structure(1, (Group(2, 200),)), set_name="a-set")
    codes = sealed.envelope.to_codes()
    assert len(codes) > 1
    assert read_envelope(codes[::-1]) == sealed.envelope
    share = sealed.shares[7]
    assert read_share(share.to_text().lower()).share == share
    lines = list(share.to_lines())
    assert read_share_lines(lines).share == share
    lines[2] = ""
    lost = read_share_lines(lines)
    assert (lost.share, lost.provisional, len(lost.repaired) > 0) == (share, False, True)
    with pytest.raises(errors.MissingEnvelope, match="missing"):
        read_envelope(codes[1:])


def test_typed_lines_alone_open_and_are_called_unverified() -> None:
    credential = Credential(Secret(b"typed"))
    sealed = split(credential, TWO_OF_THREE, set_name="a-set")
    pool = Pool()
    for share in sealed.shares[1:]:
        for line in share.to_lines():
            pool.type_line(line)
    for line in sealed.envelope.core.to_lines():
        pool.type_line(line)
    pool.end_typing()
    found = pool.quorum()
    assert (found.verified, found.set_name, found.epoch_id) == (False, "", sealed.envelope.core.epoch_id.hex())
    assert hazmat.open_without_record(pool, epoch_id=found.epoch_id) == credential


def test_lines_that_end_early_are_answered_and_typing_goes_on() -> None:
    sealed = split(Credential(Secret(b"typed")), TWO_OF_THREE, set_name="a-set")
    pool = Pool(pinned=[sealed.envelope])
    assert pool.prompt == "share 1, line 1"
    for line in sealed.shares[0].to_lines()[:3]:
        pool.type_line(line)
    assert pool.end_typing()[0].verdict is Verdict.ACCEPTED
    for line in sealed.shares[1].to_lines():
        pool.type_line(line)
    assert pool.complete


def test_a_drill_share_never_counts_as_a_live_one_nor_a_live_one_as_a_drill() -> None:
    live = split(Credential(Secret(b"x")), TWO_OF_THREE, set_name="a-set")
    drill = split_drill(TWO_OF_THREE, set_name="a-set")
    pool, cards = Pool(pinned=[live.envelope]), Pool(pinned=[drill.envelope], kind=Kind.DRILL)
    assert {pool.add(share.to_text()).verdict for share in drill.shares} == {Verdict.DRILL}
    assert {cards.add(share.to_text()).verdict for share in live.shares} == {Verdict.LIVE}
    assert not pool.complete
    assert not cards.complete


def test_a_forged_share_is_named_and_left_out() -> None:
    sealed = split(Credential(Secret(b"x")), TWO_OF_THREE, set_name="a-set")
    other = split(Credential(Secret(b"y")), TWO_OF_THREE, set_name="a-set")
    forged = type(sealed.shares[0])(Kind.LIVE, sealed.envelope.core.epoch_id, 1, 1, other.shares[0].value)
    pool = Pool(pinned=[sealed.envelope])
    assert pool.add(forged.to_text()).verdict is Verdict.WRONG
    assert [pool.add(share.to_text()).verdict for share in sealed.shares] == [Verdict.ACCEPTED] * 3


def test_a_successor_counts_on_and_names_its_predecessor() -> None:
    first = split(Credential(Secret(b"x")), TWO_OF_THREE, set_name="a-set")
    second = split(Credential(Secret(b"y")), GROUPED, set_name="a-set", predecessor=first.envelope)
    assert (second.envelope.core.epoch, second.envelope.predecessor) == (2, first.envelope.core.epoch_id)
    assert first.envelope.core.epoch_id != second.envelope.core.epoch_id


def test_the_same_credential_split_twice_has_nothing_in_common() -> None:
    credential = Credential(Secret(b"x"))
    one, two = (split(credential, TWO_OF_THREE, set_name="a-set") for _ in range(2))
    assert one.envelope.core.ciphertext != two.envelope.core.ciphertext
    assert not {share.value.reveal() for share in one.shares} & {share.value.reveal() for share in two.shares}


def test_an_answer_and_a_quorum_cannot_be_changed() -> None:
    sealed = split(Credential(Secret(b"x")), TWO_OF_THREE, set_name="a-set")
    pool = Pool()
    answer = pool.add(sealed.envelope.to_codes()[0])
    for share in sealed.shares:
        pool.add(share.to_text())
    for value, name in ((answer, "message"), (pool.quorum(), "sheets"), (sealed, "shares")):
        with pytest.raises(AttributeError):
            setattr(value, name, "other")


def test_a_pinned_envelope_wins_over_a_second_valid_one() -> None:
    sealed = split(Credential(Secret(b"x")), TWO_OF_THREE, set_name="a-set")
    pool = Pool()
    pool.add(sealed.envelope.to_codes()[0])
    pool.add(sealed.shares[0].to_text())
    pool.add(sealed.shares[1].to_text())
    assert pool.quorum().pinned is False
    pinned = Pool(pinned=[sealed.envelope], set_name="a-set")
    assert pinned.add(sealed.shares[0].to_text()).verdict is Verdict.ACCEPTED
    assert Pool(pinned=[sealed.envelope], set_name="b-set").add(sealed.shares[0].to_text()).verdict is Verdict.OTHER_SET


def test_the_second_implementation_opens_what_was_split_here(tmp_path: Path) -> None:
    sealed = split(Credential(Secret(b"outside"), account="root"), TWO_OF_THREE, set_name="a-set")
    texts = [*sealed.envelope.to_codes(), *(share.to_text() for share in sealed.shares[:2])]
    command = [sys.executable, "-I", "-S", recover.__file__, "--officer", "one", "--officer", "two", "--ticket", "T"]
    command += ["--reason", "nothing else is left", "--stdout", "--record", str(tmp_path / "recovery.json")]
    done = subprocess.run(command, input="\n".join(texts).encode(), capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b"outside"), done.stderr.decode()


WATCHED = """
import sys
from breakglass_shamir import *
from breakglass_shamir import hazmat
def life():
    sealed = split(Credential(Secret(b"x")), Structure(1, (Group(2, 3),)), set_name="a-set")
    pool = Pool(pinned=[sealed.envelope])
    for share in sealed.shares[:1]:
        pool.add(share.to_text())
    for line in sealed.shares[1].to_lines():
        pool.type_line(line)
    read_envelope(sealed.envelope.to_codes())
    return hazmat.open_without_record(pool)
life()
touched = []
def watch(event, args):
    if event.split(".")[0] in {"open", "os", "socket", "subprocess", "shutil", "tempfile", "sqlite3", "time", "fcntl"}:
        touched.append((event, str(args)[:60]))
sys.addaudithook(watch)
import time, datetime
for name in ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter"):
    setattr(time, name, lambda *_, name=name: touched.append(name))
life()
print(touched)
"""
"""Lives once so that everything is imported, then under watch."""


def test_it_touches_no_file_network_process_or_clock() -> None:
    done = subprocess.run([sys.executable, "-c", WATCHED], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
