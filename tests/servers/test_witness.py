# SPDX-License-Identifier: Apache-2.0
"""Witnesses cosign a log: what holds is kept, what does not is named, and no answer stops more than its own witness."""

import base64
import gzip
import hashlib
import json
import re
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from http_receiver import Answer
from throwaway_ca import ThrowAwayCa
from witness_server import PROGRAM, Lie, StockWitness, Witness

from breakglass_shamir.cli import program
from breakglass_shamir.cli.screen import failure
from breakglass_shamir.crypto import cosignature, keys, sshsig
from breakglass_shamir.crypto.note import Checkpoint, sign_note
from breakglass_shamir.custody.records.ledger import LedgerStarted
from breakglass_shamir.custody.records.openings import Refused
from breakglass_shamir.errors import (
    BreakglassError,
    Forked,
    InvalidInput,
    InvalidProof,
    InvalidSignature,
    KeyMismatch,
    RecordMissing,
    WebError,
)
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger.cosigned import WitnessFiles
from breakglass_shamir.ledger.entry import origin
from breakglass_shamir.ledger.store import Ledger
from breakglass_shamir.operations.audit import verification
from breakglass_shamir.operations.monitoring import forks
from breakglass_shamir.operations.witnessing import add_checkpoint, pinning, standing, submitting
from breakglass_shamir.operations.witnessing.submitting import Submitted
from tests.attacks import dripping

SIZE = {"Content-Type": add_checkpoint.SIZE_TYPE}

OTHER_LOG = "other.example+ae8bb463+AQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"


def seed() -> Secret:
    """Return the terminal's key; a ledger that is closed wipes the one that it was given."""
    return Secret(b"north".ljust(32, b"."))


def grow(ledger: Ledger, records: int, why: str = "no quorum") -> None:
    for number in range(records):
        ledger.append(Refused(stage="open", error="insufficient-shares", message=f"{why} {number}"))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    (tmp_path / "home").mkdir()
    with Ledger.create(tmp_path / "home" / "ledger.db", seed()) as made:
        line = sshsig.public_line(keys.ed25519_public(seed()), "north")
        made.append(LedgerStarted(terminal="north", public_key=line, software="x"))
        grow(made, 4)
        yield made


@pytest.fixture
def witnesses() -> Iterator[list[Witness]]:
    made = [Witness(name) for name in ("w1", "w2", "w3")]
    yield made
    for one in made:
        one.stop()


@pytest.fixture
def one(ledger: Ledger, witnesses: list[Witness]) -> Witness:
    """The first of them, pinned alone, which knows the log."""
    pinned(ledger, witnesses[0].line(), "quorum w1")
    let_in(ledger, witnesses[0])
    return witnesses[0]


def let_in(ledger: Ledger, *witnesses: Witness) -> None:
    for witness in witnesses:
        witness.knows(origin(ledger.public_key), ledger.public_key)


def pinned(ledger: Ledger, *lines: str, replace: bool = False) -> Path:
    file = ledger.path.parent.parent / "witnesses.policy"
    file.write_text("".join(f"{line}\n" for line in lines))
    pinning.pin(ledger, file, replace=replace)
    return file


def submitted(ledger: Ledger, limit_s: float = 5) -> Submitted:
    return submitting.submit_newest(ledger, limit_s=limit_s)


def kept(ledger: Ledger) -> dict[str, bytes]:
    home = ledger.path.parent
    files = [*(home / "witnesses").iterdir(), *home.glob("witnessed.*")]
    return {str(path.relative_to(home)): path.read_bytes() for path in files}


def copied(ledger: Ledger, folder: Path) -> Ledger:
    """Set a terminal back: its home as it is now, to go on by itself."""
    home = ledger.path.parent
    shutil.copytree(home, folder, ignore=lambda _, names: [name for name in names if name.startswith("ledger")])
    ledger.copy_to(folder / "ledger.db")
    return Ledger.open(folder / "ledger.db", seed())


def test_a_witness_cosigns_as_the_log_grows(ledger: Ledger, one: Witness) -> None:
    for size, old in ((5, 0), (6, 5), (6, 6), (77, 6)):
        grow(ledger, size - ledger.size)
        found = submitted(ledger)
        assert (found.records, found.quorum, found.witnesses[0].size) == (size, True, size)
        assert (one.asked[-1].old, one.state[0]) == (old, size)
    assert found.file is not None
    text = found.file.read_text()
    assert text.startswith(one.asked[-1].note)
    assert abs(cosignature.cosigned_at(text, one.cosigner) - one.clock()) < 60
    assert verification.verify(ledger, against=[found.file]).report.records == 77


def test_what_is_sent_is_the_logs_own_note_and_nothing_of_others(ledger: Ledger, witnesses: list[Witness]) -> None:
    pinned(ledger, *(w.line() for w in witnesses), "group all3 all w1 w2 w3", "quorum all3")
    let_in(ledger, *witnesses)
    submitted(ledger)
    submitted(ledger)
    assert {asked.note for witness in witnesses for asked in witness.asked} == {ledger.row(4)[4]}


def test_a_size_that_the_witness_names_is_proven_from(ledger: Ledger, one: Witness) -> None:
    one.state = (3, ledger.root_at(3))
    assert submitted(ledger).witnesses[0].outcome == "cosigned"
    assert [asked.old for asked in one.asked] == [0, 3]


def test_a_witness_that_was_set_back_is_told_and_proven_to(ledger: Ledger, one: Witness) -> None:
    submitted(ledger)
    one.state = (2, ledger.root_at(2))
    grow(ledger, 1)
    found = submitted(ledger).witnesses[0]
    assert (found.outcome, found.size, found.set_back) == ("cosigned", 6, True)


@pytest.mark.parametrize(("more", "error", "size"), [(0, RecordMissing, 9), (4, Forked, 9), (7, Forked, 9)])
def test_a_ledger_that_was_set_back_shows_at_the_witness(
    ledger: Ledger, one: Witness, tmp_path: Path, more: int, error: type[BreakglassError], size: int
) -> None:
    submitted(ledger)
    with copied(ledger, tmp_path / "backup") as back:
        grow(ledger, 4)
        submitted(ledger)
        grow(back, more, "another history")
        before = kept(back)
        with pytest.raises(error, match=rf"w1 .*{size} records") as raised:
            submitted(back)
        assert "not signed" in f"{raised.value}" and "--against" in raised.value.hint
        assert one.state == (9, ledger.root_at(9))
        after = kept(back)
        assert {name: data for name, data in after.items() if not name.endswith(".finding")} == before
        assert any("w1" in sign for sign in forks.signs(back))
        assert not forks.signs(ledger)
        for path in (ledger.path.parent / "witnesses").glob("*.checkpoint"):
            shutil.copy(path, back.path.parent / "witnesses")
        with pytest.raises(error, match=f"witnesses cosigned .*{size} records"):
            verification.verify(back)


@pytest.mark.parametrize("more", [0, 4])
def test_a_witness_that_forgot_writes_over_nothing_that_this_ledger_lacks(
    ledger: Ledger, one: Witness, tmp_path: Path, more: int
) -> None:
    with copied(ledger, tmp_path / "backup") as back:
        grow(ledger, 4)
        submitted(ledger)
        shutil.copytree(ledger.path.parent / "witnesses", back.path.parent / "witnesses", dirs_exist_ok=True)
        grow(back, more, "another history")
        before = kept(back)
        for _ in range(2):
            one.state = (0, b"")
            with pytest.raises((RecordMissing, Forked), match=r"w1 cosigned .*9 records"):
                submitted(back)
        assert kept(back) == before and forks.signs(back)


def test_an_accusation_is_forgotten_once_the_witness_cosigns(ledger: Ledger, one: Witness) -> None:
    one.answers = [Answer(409, b"99\n", SIZE)]
    with pytest.raises(RecordMissing, match="99 records"):
        submitted(ledger)
    assert forks.signs(ledger)
    submitted(ledger)
    assert not forks.signs(ledger)
    assert not [name for name in kept(ledger) if name.endswith(".finding")]


def test_what_another_program_recorded_meanwhile_accuses_nobody(ledger: Ledger, one: Witness) -> None:
    def beside() -> None:
        with Ledger.open(ledger.path, seed()) as other:
            grow(other, 3)
            one.state = (other.size, other.root_at(other.size))
        one.before = lambda: None

    one.before = beside
    assert submitted(ledger).witnesses[0].size == 8
    assert [asked.old for asked in one.asked] == [0, 8]


LIES: dict[str, Lie] = {
    "nothing": lambda answer: Answer(200, b""),
    "another key's": lambda answer: Answer(200, answer.body.replace(b"w1.example", b"wX.example")),
    "a broken one": lambda answer: Answer(200, answer.body[:-8] + b"AAAA" + answer.body[-4:]),
    "cut off": lambda answer: Answer(200, answer.body[:-1]),
    "another text": lambda answer: Answer(200, b"x\n\n" + answer.body),
    "a text between": lambda answer: Answer(200, answer.body + b"x\n\n" + answer.body),
    "no text": lambda answer: Answer(200, b"\xff\xfe" + answer.body),
    "a line of another form": lambda answer: Answer(200, answer.body + b"- w1.example/w AAAAAAAA\n"),
    "too many": lambda answer: Answer(200, answer.body * 70),
    "too long": lambda answer: Answer(200, answer.body * 1000),
    "packed": lambda answer: Answer(200, gzip.compress(bytes(20 << 20), 9), {"Content-Encoding": "gzip"}),
    "made, not answered": lambda answer: Answer(201, answer.body),
    "a note of its own": lambda answer: Answer(
        200, sign_note("x\n", "w1.example/w", Secret(bytes(32))).partition("\n\n")[2].encode()
    ),
}


@pytest.mark.parametrize("lie", LIES, ids=str)
def test_a_yes_that_does_not_hold_is_no_yes(ledger: Ledger, one: Witness, lie: str) -> None:
    submitted(ledger)
    before = kept(ledger)
    one.lie = LIES[lie]
    grow(ledger, 1)
    with pytest.raises(WebError, match="0 of 1 witness cosigned, and w1 is needed: w1: "):
        submitted(ledger)
    assert kept(ledger) == before
    one.lie = lambda answer: answer
    assert submitted(ledger).witnesses[0].size == 6


@pytest.mark.parametrize(("shift", "said"), [(700, "from now"), (-3600, "set back")])
def test_a_cosignature_of_another_time_is_refused(ledger: Ledger, one: Witness, shift: int, said: str) -> None:
    submitted(ledger)
    before, honest = kept(ledger), one.clock
    one.clock = lambda: honest() + shift
    grow(ledger, 1)
    with pytest.raises(WebError, match=said):
        submitted(ledger)
    assert kept(ledger) == before


def test_a_cosignature_without_a_time_is_refused(ledger: Ledger, one: Witness) -> None:
    one.clock = lambda: 0
    with pytest.raises(WebError, match="does not say when"):
        submitted(ledger)


def test_lines_by_other_keys_are_left_out_and_one_of_ours_is_kept(
    ledger: Ledger, one: Witness, witnesses: list[Witness]
) -> None:
    note = ledger.row(4)[4]
    stranger = witnesses[1].cosigned(note).encode()
    one.lie = lambda answer: Answer(200, stranger + answer.body * 3)
    found = submitted(ledger)
    assert found.file is not None
    lines = found.file.read_text().removeprefix(note).splitlines()
    assert len(lines) == 1 and "w1.example/w" in lines[0]


def test_a_cosignature_of_a_longer_text_is_no_yes(ledger: Ledger, one: Witness, witnesses: list[Witness]) -> None:
    note = ledger.row(4)[4]
    stranger = witnesses[1].cosigned(note)
    longer = f"{note}{stranger}more\n\n{stranger}"
    one.lie = lambda _: Answer(200, (longer + one.cosigned(longer)).removeprefix(note).encode())
    with pytest.raises(WebError, match="more than them"):
        submitted(ledger)


REFUSED = {
    "unknown": (Answer(404, b"who are you"), "does not know this log, .*: who are you"),
    "forbidden": (Answer(403), "does not know this log's key"),
    "moved": (Answer(301, b"", {"Location": "http://127.0.0.1:1/"}), "a redirect is not followed"),
    "broken": (Answer(500, b"<html>no</html>"), "answers with 500"),
    "busy": (Answer(429, b'{"error":"slow down"}'), "429: slow down"),
    "no size": (Answer(409, b"many\n", SIZE), "gives none"),
    "a size with a zero in front": (Answer(409, b"05\n", SIZE), "gives none"),
    "a size without an end": (Answer(409, b"3", SIZE), "gives none"),
    "a size that no tree has": (Answer(409, b"9223372036854775808\n", SIZE), "gives none"),
    "a size beyond any": (Answer(409, b"9" * 4000 + b"\n", SIZE), "gives none"),
    "a conflict about nothing": (Answer(409, b"0\n", SIZE), "asks for a proof from 0, and got one"),
    "a conflict in words": (Answer(409, b"no"), "takes no proof from nothing"),
    "no proof from nothing": (Answer(422, b"no"), "takes no proof from nothing"),
    "cut off": (Answer(fault="reset"), "w1: "),
}


@pytest.mark.parametrize("answer", REFUSED, ids=str)
def test_a_no_is_named_and_accuses_nobody(ledger: Ledger, one: Witness, answer: str) -> None:
    one.answers, before = [REFUSED[answer][0]] * submitting.TRIES, kept(ledger)
    with pytest.raises(WebError, match=REFUSED[answer][1]):
        submitted(ledger)
    assert kept(ledger) == before and not forks.signs(ledger)


def test_a_witness_that_names_ever_new_sizes_is_left(ledger: Ledger, one: Witness) -> None:
    one.answers = [Answer(409, f"{size}\n".encode(), SIZE) for size in (1, 2, 3, 4, 1, 2)]
    with pytest.raises(WebError, match="3 times"):
        submitted(ledger)
    assert len(one.asked) == submitting.TRIES


ENDLESS: dict[str, dripping.Behaviour] = {
    **{name: dripping.HTTP_WITHOUT_ANSWER[name] for name in ("silence", "headers in drips", "headers without end")},
    "a body in drips": dripping.after(dripping.HTTP_ENDLESS_BODIES["a body in drips"], b"\xe2"),
    "a body without end": dripping.flood_after(dripping.HTTP_ENDLESS_BODIES["a body in drips"], b"x" * 60000),
    "a bomb": dripping.once(dripping.packed()),
}


@pytest.mark.parametrize("behaviour", ENDLESS, ids=str)
def test_a_witness_without_an_end_keeps_no_other_from_cosigning(
    ledger: Ledger, witnesses: list[Witness], behaviour: str
) -> None:
    let_in(ledger, witnesses[0])
    with dripping.dripping(ENDLESS[behaviour]) as slow:
        lines = [witnesses[1].line(f"http://127.0.0.1:{slow.port}"), witnesses[0].line()]
        pinned(ledger, *lines, "group one any w1 w2", "quorum one")
        found = submitted(ledger, limit_s=0.4)
    assert [told.outcome for told in found.witnesses] == ["unreachable", "cosigned"]
    assert found.quorum and found.file is not None


def test_dead_witnesses_cost_a_delay_and_nothing_else(ledger: Ledger, one: Witness) -> None:
    one.stop()
    before = kept(ledger)
    with pytest.raises(WebError, match="Connection refused") as raised:
        submitted(ledger)
    assert "nothing is lost" in raised.value.hint and kept(ledger) == before
    again = Witness("w1")
    try:
        let_in(ledger, again)
        pinned(ledger, again.line(), "quorum w1", replace=True)
        grow(ledger, 30)
        assert submitted(ledger).witnesses[0].size == 35
    finally:
        again.stop()


def test_some_of_several_are_enough_and_all_are_kept(ledger: Ledger, witnesses: list[Witness]) -> None:
    first, second, third = witnesses
    file = pinned(ledger, *(w.line() for w in witnesses), "group most 2 w1 w2 w3", "quorum most")
    let_in(ledger, first)
    with pytest.raises(WebError, match="1 of 3 witnesses cosigned, and 2 of 3 are needed: w1, w2, w3: w2: ") as raised:
        submitted(ledger)
    assert "witness list" in raised.value.hint
    assert WitnessFiles(ledger.path.parent, ledger.public_key).witnessed.exists() is False
    with pytest.raises(InvalidSignature, match="2 of 3 are needed"):
        verification.verify(ledger, trust_policy=file)
    let_in(ledger, second)
    found = submitted(ledger)
    assert [told.outcome for told in found.witnesses] == ["cosigned", "cosigned", "unknown-log"]
    assert found.file is not None
    assert found.file.read_text().count(".example/w ") == 2
    let_in(ledger, third)
    submitted(ledger)
    assert found.file.read_text().count(".example/w ") == 3
    witnessed = verification.verify(ledger, trust_policy=file).witnessed
    assert witnessed is not None
    assert (witnessed.records, witnessed.of, witnessed.by) == (5, 5, ("w1", "w2", "w3"))


def test_an_older_quorum_stays_until_a_newer_one_is_whole(ledger: Ledger, witnesses: list[Witness]) -> None:
    pinned(ledger, *(w.line() for w in witnesses[:2]), "group both all w1 w2", "quorum both")
    let_in(ledger, *witnesses)
    file = submitted(ledger).file
    assert file is not None
    before = file.read_bytes()
    grow(ledger, 2)
    witnesses[1].answers = [Answer(500)]
    with pytest.raises(WebError):
        submitted(ledger)
    assert file.read_bytes() == before
    found = standing.standing(ledger)
    assert found is not None
    assert (found.records, found.of, [each.size for each in found.witnesses]) == (5, 7, [7, 5])


def test_an_accuser_keeps_no_other_from_cosigning(ledger: Ledger, witnesses: list[Witness]) -> None:
    pinned(ledger, *(w.line() for w in witnesses[:2]), "group one any w1 w2", "quorum one")
    let_in(ledger, *witnesses)
    witnesses[0].answers = [Answer(409, b"9223372036854775807\n", SIZE)]
    with pytest.raises(RecordMissing):
        submitted(ledger)
    found = standing.standing(ledger)
    assert found is not None and (found.records, found.by) == (5, ("w2",))


def test_an_auditor_brings_policy_and_checkpoint_along(ledger: Ledger, one: Witness, tmp_path: Path) -> None:
    file = submitted(ledger).file
    assert file is not None
    policy, brought = tmp_path / "own.policy", tmp_path / "brought.checkpoint"
    policy.write_text(f"{one.line('')}\nquorum w1\n")
    shutil.move(file, brought)
    shutil.rmtree(ledger.path.parent / "witnesses")
    with pytest.raises(InvalidSignature, match="w1 is needed"):
        verification.verify(ledger, trust_policy=policy)
    found = verification.verify(ledger, trust_policy=policy, against=[brought]).witnessed
    assert found is not None and found.records == 5
    brought.write_text(brought.read_text()[:-12] + "AAAAAAAAAA=\n")
    with pytest.raises(BreakglassError, match="brought"):
        verification.verify(ledger, trust_policy=policy, against=[brought])


def test_an_auditors_policy_for_another_log_is_not_satisfied_by_this_one(
    ledger: Ledger, one: Witness, tmp_path: Path
) -> None:
    submitted(ledger)
    policy = tmp_path / "own.policy"
    for key, holds in ((pinning.log_key(ledger), True), (OTHER_LOG, False)):
        policy.write_text(f"log {key}\n{one.line()}\nquorum w1\n")
        if holds:
            assert verification.verify(ledger, trust_policy=policy).witnessed is not None
            continue
        with pytest.raises(KeyMismatch, match="other logs"):
            verification.verify(ledger, trust_policy=policy)


@pytest.mark.parametrize("damage", ["cut", "empty", "bytes", "stranger", "finding"])
def test_what_is_kept_and_does_not_hold_is_named(
    ledger: Ledger, one: Witness, witnesses: list[Witness], damage: str
) -> None:
    submitted(ledger)
    (path,) = (ledger.path.parent / "witnesses").glob("*.checkpoint")
    note = ledger.row(4)[4]
    data = {
        "cut": path.read_bytes()[:-9], "empty": b"", "bytes": b"\xff\xfe", "finding": b"{}",
        "stranger": (note + witnesses[1].cosigned(note)).encode(),
    }[damage]  # fmt: skip
    path = path.with_suffix(".finding") if damage == "finding" else path
    path.write_bytes(data)
    assert any(str(path) in sign for sign in forks.signs(ledger))
    if damage == "finding":
        submitted(ledger)
        assert not forks.signs(ledger)
        return
    for act in (submitted, verification.verify):
        with pytest.raises(InvalidProof, match=re.escape(str(path))) as raised:
            act(ledger)
        assert "backup" in raised.value.hint


def test_a_policy_is_replaced_by_a_word_only(ledger: Ledger, one: Witness, witnesses: list[Witness]) -> None:
    file = pinned(ledger, one.line(), "quorum w1")
    file.write_text(f"{witnesses[1].line()}\nquorum w2\n")
    with pytest.raises(KeyMismatch, match="another policy"):
        pinning.pin(ledger, file, replace=False)
    pinning.pin(ledger, file, replace=True)
    let_in(ledger, witnesses[1])
    assert [told.name for told in submitted(ledger).witnesses] == ["w2"]


def test_a_policy_for_other_logs_or_without_a_witness_is_not_pinned(ledger: Ledger, witnesses: list[Witness]) -> None:
    with pytest.raises(InvalidInput, match="other logs"):
        pinned(
            ledger,
            f"log {OTHER_LOG}",
            witnesses[0].line(),
            "quorum w1",
        )
    with pytest.raises(InvalidInput, match="no witness"):
        pinned(ledger, "quorum none")
    with pytest.raises(InvalidInput, match="no witness is pinned yet"):
        submitted(ledger)
    key = pinning.log_key(ledger)
    pinned(ledger, f"log {key}", witnesses[0].line(), "quorum w1")


def test_two_runs_at_once_take_turns(ledger: Ledger, one: Witness) -> None:
    problems: list[BaseException] = []

    def run() -> None:
        try:
            with Ledger.open(ledger.path, seed()) as mine:
                submitted(mine)
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not problems
    assert [asked.old for asked in one.asked] == [0, 5, 5, 5]


def test_tls_is_verified(ledger: Ledger, throwaway_ca: ThrowAwayCa) -> None:
    witness = Witness("w1", throwaway_ca.issue("witness", "127.0.0.1"))
    try:
        let_in(ledger, witness)
        pinned(ledger, witness.line(), "quorum w1")
        with pytest.raises(WebError, match="certificate verify failed"):
            submitted(ledger)
        assert not witness.asked
        assert submitting.submit_newest(ledger, limit_s=5, ca=throwaway_ca.certificate).quorum
    finally:
        witness.stop()


class Program:
    """The program, in this process: starting it anew for each command costs too much here."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        self.home, self._capture, self._patch = folder / "typed", capture, patch
        patch.chdir(folder)

    def typed(self, *words: str, code: int = 0) -> str:
        self._patch.setattr(sys, "argv", ["breakglass", "--home", str(self.home), *words])
        found = failure.guarded(program.breakglass)
        said = self._capture.readouterr()
        assert found == code, said
        return said.out + said.err


def test_the_commands_pin_submit_and_list(
    tmp_path: Path, witnesses: list[Witness], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    typing, one = Program(tmp_path, capsys, monkeypatch), witnesses[0]
    typing.typed("init", "--terminal", "north")
    (tmp_path / "witnesses.policy").write_text(f"{one.line()}\nquorum w1\n")
    assert "pinned: 1 witness; w1 is needed" in typing.typed("witness", "pin", "witnesses.policy")
    assert "does not know this log" in typing.typed("witness", "submit", code=6)
    assert "not enough witnesses cosigned any" in typing.typed("witness", "list")
    listed = json.loads(typing.typed("--json", "witness", "list"))
    name, _, key = listed["log"].partition("+")
    one.knows(name, base64.b64decode(key.partition("+")[2])[1:])
    assert "cosigned: 1 record, by 1 of 1 witness" in typing.typed("witness", "submit")
    shutil.copytree(typing.home, tmp_path / "back")
    typing.typed("heartbeat")
    document = json.loads(typing.typed("--json", "witness", "submit"))
    assert (document["records"], document["quorum"], document["witnesses"][0]["outcome"]) == (2, True, "cosigned")
    assert "2 of 2 records cosigned by w1" in typing.typed("audit", "verify", "--witnesses", "witnesses.policy")
    assert "witness  2 of 2 records cosigned by w1" in typing.typed("status")
    metrics = typing.typed("status", "--format", "prometheus")
    assert 'breakglass_witnessed_waiting_records{terminal="north"} 0' in metrics
    assert 'breakglass_witnessed_age_seconds{terminal="north"} ' in metrics
    typing.home = tmp_path / "back"
    assert "w1 says that it cosigned 2 records of this log, and there were 1 here" in typing.typed(
        "witness", "submit", code=5
    )
    assert "COPIED?  this ledger: w1 says" in typing.typed("status", code=7)
    assert "ACCUSED w1 says" in typing.typed("audit", "verify")


@pytest.fixture
def stock(tmp_path: Path) -> Iterator[StockWitness]:
    if not PROGRAM.exists():
        pytest.skip("no witness that others wrote was fetched; make witness does")
    (tmp_path / "stock").mkdir()
    made = StockWitness(tmp_path / "stock")
    yield made
    made.stop()


def test_a_stock_witness_cosigns_a_log_and_finds_its_forks(ledger: Ledger, stock: StockWitness, tmp_path: Path) -> None:
    stock.start()
    pinned(ledger, f"witness stock {stock.vkey} {stock.url}", "quorum stock")
    with pytest.raises(WebError, match="does not know this log"):
        submitted(ledger)
    stock.stop()
    stock.knows(pinning.log_key(ledger))
    stock.start()
    pinned(ledger, f"witness stock {stock.vkey} {stock.url}", "quorum stock", replace=True)
    for size in (5, 6, 8, 8, 23, 64, 65):
        grow(ledger, size - ledger.size)
        found = submitted(ledger)
        assert (found.quorum, found.witnesses[0].size) == (True, size)
    assert found.file is not None
    latest = stock.latest(hashlib.sha256(origin(ledger.public_key).encode()).hexdigest())
    assert Checkpoint.from_text(latest.partition("\n\n")[0] + "\n").root == ledger.root_at(65)
    with copied(ledger, tmp_path / "backup") as back:
        grow(ledger, 3)
        submitted(ledger)
        with pytest.raises(RecordMissing, match="68 records of this log, and there were 65 here"):
            submitted(back)
        for more in (3, 1):
            grow(back, more, "another history")
            with pytest.raises(Forked, match="takes no proof from the 68 records"):
                submitted(back)
    for path in (ledger.path.parent / "witnesses").glob("*.checkpoint"):
        path.unlink()
    assert submitted(ledger).witnesses[0].size == 68
