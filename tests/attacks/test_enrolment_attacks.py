# SPDX-License-Identifier: Apache-2.0
"""Attacks on what one terminal tells another: altered, signed by strangers, replayed, forked, of another lineage.

Whoever carries the file is the attacker: it can be changed on the way, exchanged, kept back and brought again.
"""

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from breakglass_shamir.crypto import keys, sshsig
from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.custody.life import enrolment_file, lifecycle, statement
from breakglass_shamir.custody.life.enrolment_file import EnrolmentFile
from breakglass_shamir.custody.life.statement import NAMESPACE, Statement
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records.enrolment import Enrolled
from breakglass_shamir.custody.records.ledger import PolicyAdopted
from breakglass_shamir.custody.records.monitoring import Heartbeat
from breakglass_shamir.custody.records.openings import Cancelled, Declared, Refused, UseEnded
from breakglass_shamir.custody.records.retirement import RetiredAttested, TerminalRetired
from breakglass_shamir.custody.records.rotations import Applying, Countersigned
from breakglass_shamir.custody.records.sheets import Acknowledged, ReadBack, SheetVoided
from breakglass_shamir.errors import (
    BreakglassError,
    FingerprintMismatch,
    IllegalState,
    InvalidInput,
    InvalidProof,
    InvalidRecord,
    InvalidSignature,
)
from breakglass_shamir.formats import text
from breakglass_shamir.formats.envelope import NO_PREDECESSOR, Checkpoint
from breakglass_shamir.formats.seal import Facts, Sealed, seal
from breakglass_shamir.formats.structure import Group, Structure
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import home
from breakglass_shamir.ledger.store import Ledger
from breakglass_shamir.ledger.verify import verify
from breakglass_shamir.operations.enrolment import exporting, importing, package
from breakglass_shamir.operations.recorder import Recorder
from tests.attacks import test_ledger_quorum_signature as quorum_signature
from tests.attacks.test_every_gate import Quiet, replace_body
from tests.attacks.test_ledger_quorum_signature import issued

SOURCE = """
name = "NAME"
target = {uri = "ssh-key:///srv/key"}
quorum = {groups = [{threshold = 2, custodians = ["North", "South", "East"]}]}
declaration = {classes = ["idp-outage"]}
"""


@dataclass
class Terminal:
    """A terminal with a ledger of its own."""

    folder: Path
    ledger: Ledger

    @property
    def recorder(self) -> Recorder:
        return Recorder(self.ledger, Quiet())  # type: ignore[arg-type]

    def custody(self, name: str = "prod-db", source: str = SOURCE) -> None:
        """Issue a first epoch under a policy."""
        written = source.replace("NAME", name)
        digest = policies.digest(written).hex()
        self.ledger.append(PolicyAdopted(source=written, digest=digest), set_name=name)
        made = deal(name, written)
        self.ledger.append(replace_body(issued(made), policy_digest=digest), set_name=name)

    def adopt(self, source: str, name: str = "prod-db") -> None:
        written = source.replace("NAME", name)
        self.ledger.append(PolicyAdopted(source=written, digest=policies.digest(written).hex()), set_name=name)

    def export(self, out: str = "export.json", *names: str, since: tuple[int, ...] = ()) -> tuple[Path, str]:
        path = self.folder / out
        path.unlink(missing_ok=True)
        found = exporting.export(self.recorder, names or ("prod-db",), path, since)
        return path, found.fingerprint

    def take(self, path: Path, fingerprint: str) -> importing.Taken:
        return importing.take(self.recorder, path, fingerprint=fingerprint)

    def kinds(self) -> list[str]:
        return [str(entry.record.body.__struct_config__.tag) for entry in self.ledger.entries()]


def deal(name: str, source: str) -> Sealed:
    salted = policies.salted_digest(bytes(16), source)
    facts = Facts(
        Kind.LIVE, name, 1, Structure(1, (Group(2, 3),)), salted, Checkpoint(bytes(8), 0, bytes(32)), NO_PREDECESSOR
    )
    return seal(facts, Secret(b"tinned beans"))


@pytest.fixture
def terminals(tmp_path: Path) -> Iterator[Callable[[str], Terminal]]:
    """Opens terminals by name; the same name again is the same terminal."""
    with ExitStack() as stack:
        found: dict[str, Terminal] = {}

        def terminal(name: str) -> Terminal:
            if name not in found:
                folder = tmp_path / name
                there = (folder / home.KEY_NAME).exists()
                ledger = home.open_home(folder) if there else home.create(folder, f"terminal {name}")
                found[name] = Terminal(tmp_path, stack.enter_context(ledger))
            return found[name]

        yield terminal


@pytest.fixture
def one(terminals: Callable[[str], Terminal]) -> Terminal:
    found = terminals("one")
    found.custody()
    return found


@pytest.fixture
def two(terminals: Callable[[str], Terminal]) -> Terminal:
    return terminals("two")


def nothing_was_taken(terminal: Terminal) -> bool:
    return not terminal.ledger.state.terminals and not terminal.ledger.state.sets


# --- the file on its way ------------------------------------------------------------------------------------


def test_a_byte_changed_anywhere_is_never_taken(one: Terminal, two: Terminal) -> None:
    path, fingerprint = one.export()
    whole = path.read_bytes()
    chance = random.Random(7)
    places = sorted({*range(0, len(whole), 61), *chance.sample(range(len(whole)), 60), len(whole) - 1})
    for place in places:
        changed = bytearray(whole)
        changed[place] ^= 1 << chance.randrange(7)
        path.write_bytes(bytes(changed))
        with pytest.raises(BreakglassError) as refused:
            two.take(path, fingerprint)
        assert refused.value.exit_code in (2, 3, 4, 5), (place, refused.value)
    for shorter in (whole[:-1], whole[: len(whole) // 2], whole + b"\n", b" " + whole, b""):
        path.write_bytes(shorter)
        with pytest.raises(BreakglassError):
            two.take(path, fingerprint)
    assert nothing_was_taken(two)
    path.write_bytes(whole)
    assert two.take(path, fingerprint).sets[0].changed


def test_a_strangers_export_is_refused_whatever_shape_its_fingerprint_has(
    one: Terminal, two: Terminal, terminals: Callable[[str], Terminal]
) -> None:
    stranger = terminals("stranger")
    stranger.custody()
    path, _ = one.export("theirs.json")
    _, expected = one.export()
    strange, _ = stranger.export("strange.json")
    for typed in (expected, package.read(path).fingerprint):
        with pytest.raises(FingerprintMismatch):
            two.take(strange, typed)
    assert nothing_was_taken(two)


@given(st.text(alphabet=text.ALPHABET + "ILO -?é", max_size=40))
def test_nothing_but_the_fingerprint_passes_for_it(typed: str) -> None:
    found = package.Package((), (_bare_statement(),), (), (), b"a file")
    if text.normalise(typed) if typed.isascii() else "":
        assert text.normalise(typed) != text.normalise(found.fingerprint)
    with pytest.raises((InvalidInput, FingerprintMismatch)):
        found.compare(typed)
    found.compare(found.fingerprint)


def test_the_line_of_a_sheet_is_no_fingerprint_and_is_not_said_again() -> None:
    found = package.Package((), (_bare_statement(),), (), (), b"a file")
    for number in range(1, 25):
        (line,) = text.to_lines(bytes(range(number, number + 15)), number)
        with pytest.raises(InvalidInput) as refused:
            found.compare(line)
        assert line[:9] not in str(refused.value) + refused.value.hint


def test_the_fingerprint_covers_the_key_and_every_byte() -> None:
    said = _bare_statement()
    other = msgspec.structs.replace(said, public_key=sshsig.public_line(keys.ed25519_public(Secret(bytes(32))), ""))
    shown = {
        package.Package((), (which,), (), (), data).fingerprint
        for which in (said, other)
        for data in (b"a file", b"a filf", b"")
    }
    assert len(shown) == 6


def test_a_statement_that_another_terminal_signed_is_refused(
    one: Terminal, two: Terminal, terminals: Callable[[str], Terminal]
) -> None:
    stranger = terminals("stranger")
    path, _ = one.export()

    def resigned(file: EnrolmentFile) -> EnrolmentFile:
        signature = stranger.ledger.sign_statement(file.parts[0].statement)
        return _with_part(file, signature=signature)

    with pytest.raises(InvalidSignature, match="expected a signature by"):
        _take_forged(two, path, resigned)


def test_a_signature_of_a_record_does_not_sign_a_statement(one: Terminal, two: Terminal) -> None:
    path, _ = one.export()
    seed = keys.seed_from_pem((path.parent / "one" / home.KEY_NAME).read_bytes())

    def resigned(file: EnrolmentFile) -> EnrolmentFile:
        signature = sshsig.sign(seed, file.parts[0].statement.encode(), sshsig.RECORD_NAMESPACE)
        return _with_part(file, signature=signature)

    with pytest.raises(InvalidSignature, match="expected namespace"):
        _take_forged(two, path, resigned)


STRANGE = Secret(b"s" * 32)


def _claims(said: Statement, **changes: Any) -> Statement:
    return msgspec.structs.replace(said, **changes)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda said: _claims(said, size=said.size + 1), InvalidProof),
        (lambda said: _claims(said, root="00" * 32), InvalidProof),
        (lambda said: _claims(said, set="other-db"), InvalidRecord),
        (lambda said: _claims(said, current="00" * 8), InvalidRecord),
        (lambda said: _claims(said, epochs=(*said.epochs, *said.epochs)), InvalidRecord),
        (lambda said: _claims(said, lineage=(*said.lineage, *said.lineage)), InvalidRecord),
        (lambda said: _claims(said, terminal="one\u202e"), InvalidRecord),
        (lambda said: _with_epoch(said, custodians={"9.9": "Nobody"}), InvalidRecord),
        (lambda said: _with_epoch(said, voided={"1.1": "gone"}), InvalidRecord),
        (lambda said: _with_carried(said, terminal_key=sshsig.public_line(keys.ed25519_public(STRANGE), "")), None),
        (lambda said: _with_carried(said, record=said.epochs[0].brought_by.record.replace(b"North", b"Nurse")), None),
        (lambda said: _with_carried(said, record=said.policy.adopted_by.record), None),
        (lambda said: _with_carried(said, proof=said.policy.adopted_by.proof), InvalidProof),
    ],
)
def test_a_terminal_that_lies_in_its_own_name_is_found_out(
    change: Callable[[Statement], Statement], error: type[BreakglassError] | None, one: Terminal, two: Terminal
) -> None:
    """The signature and the fingerprint are right: what was signed contradicts the log or itself."""
    path, _ = one.export()

    def lied(file: EnrolmentFile) -> EnrolmentFile:
        said = change(statement.parse(file.parts[0].statement))
        written = rfc8785.dumps(msgspec.to_builtins(said)).decode()
        return _with_part(file, statement=written, signature=one.ledger.sign_statement(written))

    with pytest.raises(error or (InvalidProof, InvalidRecord, InvalidSignature)):
        _take_forged(two, path, lied)
    assert nothing_was_taken(two)


def test_statements_of_two_terminals_or_of_two_moments_are_no_file(one: Terminal, two: Terminal) -> None:
    one.custody("second-db")
    first, _ = one.export("first.json", "prod-db")
    second, _ = one.export("second.json", "second-db")
    parts = [enrolment_file.from_bytes(path.read_bytes()).parts[0] for path in (first, second)]
    data = enrolment_file.to_bytes(tuple(parts), ())
    first.write_bytes(data)
    with pytest.raises(InvalidRecord, match="one terminal at one moment"):
        two.take(first, "")


# --- replayed and forked ------------------------------------------------------------------------------------


def test_an_older_export_is_not_taken_after_a_newer_one(one: Terminal, two: Terminal) -> None:
    old = one.export("old.json")
    two.take(*one.export("new.json"))
    with pytest.raises(IllegalState, match="older than what is known"):
        two.take(*old)
    assert two.kinds().count("enrolled") == 1


def test_a_sheet_that_was_voided_does_not_come_back_with_an_older_export(one: Terminal, two: Terminal) -> None:
    old = one.export("old.json")
    epoch = one.ledger.state.of("prod-db").current
    one.ledger.append(SheetVoided(epoch_id=epoch, sheet="1.1", reason="seen"), set_name="prod-db")
    two.take(*one.export("new.json"))
    with pytest.raises(IllegalState):
        two.take(*old)
    assert two.ledger.state.of("prod-db").current_epoch.voided == {"1.1": "seen"}


@pytest.mark.parametrize("more", [0, 1, 5])
def test_two_exports_of_a_fork_are_told_apart(more: int, tmp_path: Path, terminals: Callable[[str], Terminal]) -> None:
    """An old copy of the ledger is put back and goes on: whoever saw the first one sees that."""
    with home.create(tmp_path / "one", "terminal one") as ledger:
        Terminal(tmp_path, ledger).custody()
    shutil.copytree(tmp_path / "one", tmp_path / "copy")
    one, copy, two = terminals("one"), terminals("copy"), terminals("two")
    one.ledger.append(Heartbeat(every_s=60))
    two.take(*one.export("seen.json"))
    seen = two.ledger.state.terminals[one.ledger.log_id.hex()].size
    for number in range(1 + more):
        copy.ledger.append(Heartbeat(every_s=100 + number))
    forked = copy.export("forked.json")
    with pytest.raises(InvalidProof, match="a fork" if not more else "does not prove"):
        two.take(*forked)
    if more:
        with pytest.raises(InvalidProof, match="a fork"):
            two.take(*copy.export("forked.json", since=(seen,)))
    assert two.kinds().count("enrolled") == 1
    assert two.kinds()[-1] == "refused"


def test_a_log_that_went_on_is_taken_however_many_exports_lie_between(one: Terminal, two: Terminal) -> None:
    two.take(*one.export())
    seen = two.ledger.state.terminals[one.ledger.log_id.hex()].size
    for _ in range(statement.MAX_EARLIER + 1):
        one.export("other.json")
    late = one.export("late.json")
    with pytest.raises(InvalidProof, match="does not prove") as refused:
        two.take(*late)
    assert f"--since {seen}" in refused.value.hint
    assert two.take(*one.export("later.json", since=(seen,))).sets[0].changed


def test_a_copy_of_this_very_ledger_tells_it_nothing(tmp_path: Path, terminals: Callable[[str], Terminal]) -> None:
    with home.create(tmp_path / "one", "terminal one") as ledger:
        Terminal(tmp_path, ledger).custody()
    shutil.copytree(tmp_path / "one", tmp_path / "copy")
    with pytest.raises(IllegalState, match="or a copy of its ledger did"):
        terminals("one").take(*terminals("copy").export())


# --- another lineage, another policy ------------------------------------------------------------------------


def test_a_set_of_the_same_name_and_another_lineage_is_refused_by_name(one: Terminal, two: Terminal) -> None:
    two.custody()
    before = two.ledger.state.of("prod-db")
    with pytest.raises(IllegalState, match="the set prod-db of terminal one is another one than the set prod-db here"):
        two.take(*one.export())
    assert two.ledger.state.of("prod-db") == before


def test_one_set_of_another_lineage_keeps_the_whole_file_from_being_taken(one: Terminal, two: Terminal) -> None:
    one.custody("second-db")
    two.custody("second-db")
    with pytest.raises(IllegalState, match="second-db"):
        two.take(*one.export("both.json", "prod-db", "second-db"))
    assert sorted(two.ledger.state.sets) == ["second-db"]


STRICT = SOURCE + 'rotation = {deadline = "1h"}\n'
LAX = SOURCE + 'rotation = {deadline = "9d"}\n'


def test_a_weaker_policy_that_no_quorum_signed_stays_out(one: Terminal, two: Terminal) -> None:
    two.take(*one.export())
    two.adopt(STRICT)
    one.adopt(SOURCE + 'rotation = {deadline = "12h"}\n')
    found = two.take(*one.export("again.json"))
    assert found.sets[0].policy == "kept"
    assert '"1h"' in two.ledger.state.of("prod-db").policy_source


def test_a_policy_that_was_offered_before_does_not_undo_a_stricter_one(one: Terminal, two: Terminal) -> None:
    one.adopt(SOURCE + 'rotation = {deadline = "12h"}\n')
    two.take(*one.export())
    two.adopt(STRICT)
    one.ledger.append(Heartbeat(every_s=60))
    assert two.take(*one.export("again.json")).sets[0].policy == "kept"
    assert '"1h"' in two.ledger.state.of("prod-db").policy_source


def test_a_policy_that_was_offered_before_undoes_nothing_that_is_neither_stricter_nor_weaker(
    one: Terminal, two: Terminal
) -> None:
    two.take(*one.export())
    two.adopt('belongs_to = "site two"\n' + SOURCE)
    assert two.take(*one.export("again.json")).sets[0].policy == "kept"
    assert "site two" in two.ledger.state.of("prod-db").policy_source


def test_a_stricter_policy_is_taken(one: Terminal, two: Terminal) -> None:
    two.take(*one.export())
    one.adopt(STRICT)
    assert two.take(*one.export("again.json")).sets[0].policy == "taken"
    assert '"1h"' in two.ledger.state.of("prod-db").policy_source


def test_a_record_that_says_more_than_its_statement_may_not_follow(one: Terminal, two: Terminal) -> None:
    two.take(*one.export())
    entry = next(entry for entry in two.ledger.entries() if isinstance(entry.record.body, Enrolled))
    body = entry.record.body
    assert isinstance(body, Enrolled)
    with pytest.raises(IllegalState, match="in the ledger already"):
        two.ledger.append(body, set_name="prod-db")
    for changes in (
        {"size": body.size + 1}, {"terminal": "terminal three"}, {"log": "00" * 8}, {"policy": "kept"},
        {"policy": "weaker"}, {"statement": body.statement[:-1]},
    ):  # fmt: skip
        fields = {name: getattr(body, name) for name in body.__struct_fields__} | changes
        blank = replace(two.ledger.state, sets={}, terminals={})
        record = msgspec.structs.replace(entry.record, body=Enrolled(**fields))
        with pytest.raises(InvalidRecord):
            lifecycle.apply(blank, b"", record)


def test_a_log_whose_statement_was_not_signed_by_the_other_terminal_does_not_hold(one: Terminal, two: Terminal) -> None:
    """Whoever holds a terminal's key can append a statement of another one; it verifies nowhere."""
    found = package.read(one.export()[0])
    part = found.parts[0]
    _append_told(two, found.first, part.statement, sshsig.sign(STRANGE, part.statement.encode(), NAMESPACE))
    for full in (True, False):
        with pytest.raises(InvalidSignature, match="record 1: expected a signature by"):
            verify(two.ledger, full=full)


def test_a_statement_that_is_signed_in_another_spelling_does_not_hold(one: Terminal, two: Terminal) -> None:
    found = package.read(one.export()[0])
    spaced = found.parts[0].statement.replace(",", ", ", 1)
    _append_told(two, found.first, spaced, one.ledger.sign_statement(spaced))
    for full in (True, False):
        with pytest.raises(InvalidRecord, match="record 1: the statement is not in canonical form"):
            verify(two.ledger, full=full)


def _append_told(terminal: Terminal, said: Statement, written: str, signature: str) -> None:
    """Append what a program that checks nothing would."""
    body = Enrolled(
        terminal=said.terminal, log=said.log, size=said.size, statement=written, signature=signature, sha256="00" * 32,
        policy="taken", sinks_tested=(), sinks_declined=(),
    )  # fmt: skip
    terminal.ledger.append(body, set_name=said.set)


def _being_changed(terminal: Terminal) -> tuple[str, str]:
    """Bring a terminal to where either of two credentials may be the living one."""
    ledger = terminal.ledger
    digest = policies.digest(quorum_signature.SOURCE).hex()
    ledger.append(PolicyAdopted(source=quorum_signature.SOURCE, digest=digest), set_name="prod-db")
    first = quorum_signature.deal()
    second = quorum_signature.deal(2, first.envelope.core.epoch_id)
    key, new = quorum_signature.key_of(first), quorum_signature.id_of(second)
    ledger.append(issued(first), set_name="prod-db")
    opening = ledger.append(quorum_signature.declared(), set_name="prod-db").digest
    for body, by in (
        (quorum_signature.opened(first), key), (issued(second), None),
        (Countersigned(epoch_id=new, envelope_sha256=second.envelope.digest.hex()), key),
        (ReadBack(epoch_id=new, sheets=("1.1", "1.2", "1.3")), None),
        (Acknowledged(epoch_id=new, sheet="1.1", custodian="North", bag=""), None),
        (Acknowledged(epoch_id=new, sheet="1.2", custodian="South", bag=""), None),
        (UseEnded(outcome="done", classification="emergency"), None),
        (Applying(old_epoch_id=quorum_signature.id_of(first), new_epoch_id=new), None),
    ):  # fmt: skip
        ledger.append(body, set_name="prod-db", opening=opening, set_key=by)
    return quorum_signature.id_of(first), new


def test_while_a_target_is_being_changed_both_credentials_open_at_the_other_terminal(
    terminals: Callable[[str], Terminal], two: Terminal
) -> None:
    one = terminals("one")
    first, second = _being_changed(one)
    two.take(*one.export())
    s = two.ledger.state.of("prod-db")
    assert s.current == first
    assert s.openable(first)
    assert s.openable(second)


def test_a_prepared_epoch_that_may_never_be_applied_is_not_told(
    terminals: Callable[[str], Terminal], two: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = terminals("one")
    monkeypatch.setattr(Ledger, "append", _until(Applying, Ledger.append))
    with pytest.raises(_Stopped):
        _being_changed(one)
    assert one.ledger.state.of("prod-db").prepared
    two.take(*one.export())
    assert len(two.ledger.state.of("prod-db").epochs) == 1


class _Stopped(Exception):
    """A run ended here."""


def _until(kind: type, append: Callable[..., Any]) -> Callable[..., Any]:
    def stop(ledger: Ledger, body: Any, **place: Any) -> Any:
        if isinstance(body, kind):
            raise _Stopped
        return append(ledger, body, **place)

    return stop


# --- what is not such a file --------------------------------------------------------------------------------

NOT_FILES = (
    b"", b"\xff\xfe\x00", b"null", b"[]", b"{}", b"7", b'"text"', b'{"type":"enrolment"}', b"[" * 100_000,
    b'{"a":' * 100_000, b'{"type":"enrolment","v":' + b"9" * 5000 + b',"parts":[],"successions":[]}',
    b'{"parts":[],"successions":[],"type":"enrolment","v":1}', b'{"parts":[],"parts":[]}',
)  # fmt: skip


@pytest.mark.parametrize("data", NOT_FILES, ids=range(len(NOT_FILES)))
def test_what_is_no_file_is_named_as_that(data: bytes, two: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises((InvalidInput, InvalidRecord)):
        two.take(path, "")
    assert two.kinds() in (["ledger-started", "refused"], ["ledger-started"])


def test_nothing_is_read_or_waited_for_without_an_end(two: Terminal, tmp_path: Path) -> None:
    pipe, endless = tmp_path / "pipe", tmp_path / "endless"
    os.mkfifo(pipe)
    with endless.open("wb") as file:
        file.truncate(enrolment_file.MAX_BYTES * 1000)
    for path in (pipe, Path("/dev/zero")):
        with pytest.raises(InvalidInput, match="found something else"):
            two.take(path, "")
    with pytest.raises(InvalidInput, match="could not be read"):
        two.take(tmp_path, "")
    with pytest.raises(InvalidInput, match="at most"):
        two.take(endless, "")


FIELDS = st.sampled_from(["parts", "type", "v", "successions", "statement", "signature", "receipt"])


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4),
        max_leaves=12,
    )
)
def test_no_json_is_a_traceback(tree: Any) -> None:
    with pytest.raises(BreakglassError):
        package.parse(json.dumps(tree).encode())


# --- the end of a terminal ----------------------------------------------------------------------------------


def test_nothing_follows_the_end_of_a_terminal(one: Terminal) -> None:
    one.ledger.append(RetiredAttested(reason="gone", credential="gone", attested_by=("a", "b")), set_name="prod-db")
    over = TerminalRetired(reason="the machine is old", handed_on={}, retired=(), passed=("prod-db",))
    one.ledger.append(over)
    epoch = one.ledger.state.of("prod-db").current
    for body, name in (
        (Refused(stage="open", error="x", message="y"), ""), (Heartbeat(every_s=0), ""), (over, ""),
        (SheetVoided(epoch_id=epoch, sheet="1.1", reason="seen"), "prod-db"),
    ):  # fmt: skip
        with pytest.raises(IllegalState, match="its log has ended"):
            one.ledger.append(body, set_name=name)
    assert one.kinds()[-1] == "terminal-retired"
    assert verify(one.ledger).state.ended is not None


def test_a_record_after_the_end_is_found_by_whoever_verifies(one: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever holds the key of a retired terminal can sign on; the log does not hold then, in full and by sample."""
    one.ledger.append(TerminalRetired(reason="old", handed_on={}, retired=(), passed=("prod-db",)))
    with monkeypatch.context() as patch:
        patch.setattr(lifecycle, "refuse_ended", lambda _state: None)
        for number in range(40):
            one.ledger.append(Heartbeat(every_s=0) if number % 2 else Refused(stage="open", error="x", message="y"))
    for full in (True, False):
        with pytest.raises(InvalidRecord, match="record 4: an illegal step: this terminal is retired"):
            verify(one.ledger, full=full)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"passed": ()}, "of each set, once"),
        ({"passed": ("prod-db", "prod-db")}, "of each set, once"),
        ({"passed": (), "retired": ("prod-db",)}, "is not retired"),
        ({"passed": (), "handed_on": {"prod-db": "00" * 8}}, "no terminal that is pinned here"),
        ({"passed": ("prod-db", "other-db")}, "of each set, once"),
    ],
)
def test_a_terminal_does_not_end_while_a_set_is_nowhere(fields: dict[str, Any], said: str, one: Terminal) -> None:
    whole: dict[str, Any] = {"reason": "old", "handed_on": {}, "retired": (), "passed": (), **fields}
    with pytest.raises((IllegalState, InvalidRecord), match=said):
        one.ledger.append(TerminalRetired(**whole))


def test_a_terminal_that_was_only_told_a_set_is_nobody_who_keeps_it(one: Terminal, two: Terminal) -> None:
    """That it was exported says nothing; that the other terminal says so itself does."""
    two.take(*one.export())
    handed = {"prod-db": two.ledger.log_id.hex()}
    over = TerminalRetired(reason="old", handed_on=handed, retired=(), passed=())
    with pytest.raises(IllegalState, match="no terminal that is pinned here"):
        one.ledger.append(over)
    one.take(*two.export("back.json"))
    one.ledger.append(over)
    assert one.kinds()[-1] == "terminal-retired"


def test_what_still_owes_something_is_not_handed_on(one: Terminal, two: Terminal) -> None:
    two.take(*one.export())
    one.take(*two.export("back.json"))
    s = one.ledger.state.of("prod-db")
    declared = Declared(
        purpose="emergency", incident_class="idp-outage", ticket="INC-1", reason="it is down", officers=("a", "b"),
        valid_for_s=60, use_for_s=60, debts=(), supersedes="", policy_digest=s.policy_digest,
    )  # fmt: skip
    opening = one.ledger.append(declared, set_name="prod-db").digest
    over = TerminalRetired(reason="old", handed_on={"prod-db": two.ledger.log_id.hex()}, retired=(), passed=())
    with pytest.raises(IllegalState, match="is under way"):
        one.ledger.append(over)
    one.ledger.append(Cancelled(reason="it came back"), set_name="prod-db", opening=opening)
    one.ledger.append(over)


# --- tools --------------------------------------------------------------------------------------------------


def _bare_statement() -> Statement:
    public = keys.ed25519_public(Secret(b"k" * 32))
    return Statement(
        v=1, type=statement.TYPE, terminal="one", public_key=sshsig.public_line(public, ""), checkpoint="", size=1,
        root="00" * 32, time="2026-01-01T00:00:00Z", earlier=(), set="prod-db", lineage=("00" * 8,), current="00" * 8,
        epochs=(), policy=None, retired=None,
    )  # fmt: skip


def _with_part(file: EnrolmentFile, **changes: str) -> EnrolmentFile:
    return msgspec.structs.replace(file, parts=(msgspec.structs.replace(file.parts[0], **changes),))


def _with_epoch(said: Statement, **changes: Any) -> Statement:
    return _claims(said, epochs=(msgspec.structs.replace(said.epochs[0], **changes),))


def _with_carried(said: Statement, **changes: Any) -> Statement:
    return _with_epoch(said, brought_by=msgspec.structs.replace(said.epochs[0].brought_by, **changes))


def _take_forged(terminal: Terminal, path: Path, change: Callable[[EnrolmentFile], EnrolmentFile]) -> None:
    """Bring a file that was made anew, with the fingerprint that it has."""
    forged = change(enrolment_file.from_bytes(path.read_bytes()))
    data = rfc8785.dumps(msgspec.to_builtins(forged))
    path.write_bytes(data)
    said = json.loads(forged.parts[0].statement)
    key = sshsig.public_of_line(said["public_key"])
    fingerprint = text.to_lines(package._digest(key, data), package.FINGERPRINT_LINE)[0]
    terminal.take(path, fingerprint)
