# SPDX-License-Identifier: Apache-2.0
"""A home by the library, on a real set: the same records, gates and rotation as by the command line."""

import datetime
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from breakglass_shamir import (
    Credential,
    CredentialKind,
    EmptyDesk,
    Group,
    Home,
    HowNext,
    OpenUse,
    Overrides,
    Pool,
    Printing,
    Request,
    Secret,
    Sources,
    Structure,
    Use,
    errors,
    hazmat,
    read_pages,
    render_sheet,
    split,
)
from tests.end_to_end.life import CUSTODIANS, NAME, Life, assert_holds_no, live_sheets, passphrase

REQUEST = Request("emergency", "idp-outage", "INC-1234", "nobody can log in", ("Olga", "Oskar"), "show", 600)
EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "library"


class Front(EmptyDesk):
    """Hears everything; a screen that looks into the ledger while it shows."""

    def __init__(self, life: Life) -> None:
        self.life = life
        self.heard: list[str] = []
        self.shown: list[bytes] = []
        self.kinds_at_reveal: list[str] = []

    def say(self, line: str) -> None:
        self.heard.append(line)

    warn = say

    def has_sheet(self, sheet: str, custodian: str) -> bool:
        self.life.scan(2)
        self.life.ok("confirm", NAME, self.life.scans(2))
        return True

    def require_screen(self) -> None:
        """There is one."""

    def show(self, credential: Credential, seconds: int) -> None:
        self.kinds_at_reveal = self.life.kinds()
        self.shown.append(credential.secret.reveal())

    def how_next(self, use: OpenUse) -> HowNext:
        return HowNext(classification="emergency")


@pytest.fixture
def front(life: Life) -> Front:
    return Front(life)


@pytest.fixture
def home(life: Life, front: Front) -> Iterator[Home]:
    with Home(life.home, front) as opened:
        yield opened


def sheets(life: Life, count: int = 2) -> Sources:
    return Sources(scans=tuple(life.some_scans(1, count)))


def test_a_credential_is_shown_only_after_its_record_and_is_rotated(home: Home, life: Life, front: Front) -> None:
    found = home.recombine(NAME, REQUEST, sheets(life), Use(), Printing(life.sheets(2), timeout_s=60))
    assert front.shown == [life.secret.reveal()]
    assert front.kinds_at_reveal[-2:] == ["opened", "in-use"]
    assert (found.rotated, found.epoch, found.debts) == (True, 2, ())
    assert not life.opens(life.secret)
    assert all(file.is_file() for file in found.receipts)
    assert len(found.receipts) == 3
    assert home.audit.verify(receipts=found.receipts[:2]).witnesses[0].verdict == "consistent"
    assert life.status()["epoch"] == home.status(NAME)[0].epoch == 2
    assert_holds_no(life.secret, "what the desk heard", "\n".join(front.heard).encode())


def test_where_nothing_can_be_shown_nothing_is_declared(life: Life) -> None:
    before = life.kinds()
    with Home(life.home, EmptyDesk()) as home, pytest.raises(errors.IllegalState, match="no screen"):
        home.recombine(NAME, REQUEST, sheets(life), Use())
    assert life.kinds() == before


def test_a_gate_stops_an_opening_and_an_override_passes_it(home: Home, life: Life, tmp_path: Path) -> None:
    out = tmp_path / "used"
    request = Request("emergency", "idp-outage", "none", "nobody can log in", ("Olga", "Oskar"), "exec", 600)
    use = Use(("sh", "-c", f"cat > '{out}'"))
    with pytest.raises(errors.GateClosed) as caught:
        home.recombine(NAME, request, sheets(life), use)
    assert (caught.value.gate, out.exists()) == ("ticket", False)
    with pytest.raises(errors.RotationDue):
        home.recombine(
            NAME, request, sheets(life), use, overrides=Overrides(frozenset({"ticket"}), "there is no ticket system")
        )
    assert out.read_bytes() == life.secret.reveal()
    debts = {debt.kind: debt.id for debt in home.status(NAME)[0].debts}
    home.settle(NAME, debts["ticket"], reason="looked at", officers=["Otto"])
    with pytest.raises(errors.IllegalState):
        home.settle(NAME, debts["rotation"], reason="looked at", officers=["Olga"])
    with pytest.raises(errors.IllegalState):
        home.end_use(NAME, "emergency")


def test_too_few_sheets_leave_a_record_and_a_declaration_to_cancel(home: Home, life: Life) -> None:
    with pytest.raises(errors.InsufficientShares):
        home.recombine(NAME, REQUEST, sheets(life, 1), Use())
    assert life.kinds()[-1] == "refused"
    home.note(NAME, "we bring the other sheet tomorrow", by="Olga")
    assert home.sign(NAME).signed == ()
    assert len(home.cancel(NAME, reason="a false alarm")) == 64


def test_a_planned_rotation_shows_nothing(home: Home, life: Life, front: Front) -> None:
    found = home.rotate(
        NAME, sheets(life), Printing(life.sheets(2), timeout_s=60), reason="a year is over", officers=["Olga"]
    )
    assert (found.epoch, front.shown) == (2, [])
    done = home.sheets.witness_destruction(NAME, ["1", "2", "3"], ["Olga", "Oskar"])
    assert done.epoch == 1


def test_sheets_change_hands_are_lost_and_looked_at(home: Home, life: Life) -> None:
    assert home.sheets.acknowledge(NAME, "1", bag="B-1") == CUSTODIANS[0]
    assert home.sheets.reassign(NAME, "2", "Egon", reason="moved").before == CUSTODIANS[1]
    assert home.drills.inspect_seal(NAME, "1", bag="B-1").result == "pass"
    with pytest.raises(errors.Exposed):
        home.drills.inspect_seal(NAME, "1", bag="B-9")
    assert home.drills.verify_sheet(NAME, "3", [life.some_scans(1, 3)[2]], bag="B-3").sheet == "1.3"
    assert home.sheets.void(NAME, "2", reason="left on a train").voided == 1
    assert home.sheets.confirm(NAME, [life.scans(1)]).read_back == 3


def test_a_rehearsal_is_played_on_drill_cards(home: Home, life: Life) -> None:
    request = Request("drill", "idp-outage", "INC-1234", "twice a year", ("Olga", "Oskar"), "no-reveal", 600)
    cards = tuple(sorted(life.sheets(1).glob("*-drill.pdf")))[:2]
    assert home.drills.rehearse(NAME, request, Sources(scans=cards)).sheets == ("1.1", "1.2")
    with pytest.raises(errors.InvalidInput, match="purpose drill"):
        home.drills.rehearse(NAME, REQUEST, Sources(scans=cards))


def test_a_policy_is_checked_and_one_that_weakens_is_refused(home: Home, life: Life) -> None:
    weaker = life.policy.read_text().replace('use_for = "1h"', 'use_for = "9h"')
    assert home.check_policy(weaker).warnings
    with pytest.raises(errors.PolicyWeakens):
        home.adopt_policy(weaker)
    assert home.adopt_policy(life.policy.read_text()).changed is False


def test_auditors_carry_away_what_others_verify(
    home: Home, life: Life, tmp_path: Path, need: Callable[[str], str]
) -> None:
    found = home.audit.verify(full=True, sheets=[life.scans(1)])
    assert (found.in_full, {one.verdict for one in found.witnesses}) == (True, {"consistent"})
    exported = home.audit.export("all", tmp_path / "out")
    need("openssl")
    done = subprocess.run(["sh", str(exported.out / "verify.sh")], capture_output=True, text=True, check=True)
    assert f"all {found.records} records hold" in done.stdout
    home.audit.write_receipt("1", tmp_path / "one.tlog-proof")
    assert home.audit.verify(receipts=[tmp_path / "one.tlog-proof"]).witnesses[0].size == found.records
    assert home.heartbeat(3600).late is False


def test_what_was_split_in_memory_opens_at_a_home_that_never_saw_it(tmp_path: Path) -> None:
    secret = passphrase()
    sealed = split(Credential(Secret(secret.reveal())), Structure(1, (Group(2, 3),)), set_name="from-memory")
    scans = []
    for number, share in enumerate(sealed.shares[:2]):
        pdf = render_sheet(sealed.envelope, share, printed_on=datetime.date(2026, 1, 31), belongs_to="Example Ltd")
        scans.append(tmp_path / f"{number}.pdf")
        scans[-1].write_bytes(pdf)
    used = tmp_path / "used"
    request = Request("emergency", "outage", "T-1", "nothing else is left", ("Olga", "Oskar"), "exec", 600)
    with Home.create(tmp_path / "home", "blank machine", EmptyDesk()) as home:
        with pytest.raises(errors.RotationDue):
            home.recombine("", request, Sources(scans=tuple(scans)), Use(("sh", "-c", f"cat > '{used}'")))
        assert used.read_bytes() == secret.reveal()
        assert home.status()[0].name == "from-memory"
        home.audit.verify()


def test_two_homes_on_one_folder_see_each_others_records(home: Home, life: Life) -> None:
    with Home(life.home, EmptyDesk()) as other:
        other.sheets.acknowledge(NAME, "1")
        assert home.status(NAME)[0].acknowledged == 1
    assert home.folder == life.home


def test_a_folder_without_a_ledger_and_one_with_it_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(errors.NoHome):
        Home(tmp_path, EmptyDesk())
    Home.create(tmp_path, "first", EmptyDesk()).close()
    with pytest.raises(errors.FileExists):
        Home.create(tmp_path, "second", EmptyDesk())
    with Home(tmp_path, EmptyDesk()) as home, pytest.raises(errors.UnknownSet):
        home.status("nothing")


def test_a_home_that_was_closed_or_belongs_to_another_thread_says_so(life: Life) -> None:
    home = Home(life.home, EmptyDesk())
    said: list[Exception] = []

    def elsewhere() -> None:
        for call in (home.status, home.close):
            try:
                call()
            except errors.BreakglassError as error:
                said.append(error)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert [type(error) for error in said] == [errors.IllegalState] * 2
    home.close()
    home.close()
    for call in (home.status, home.audit.verify, lambda: home.cancel(NAME, reason="none")):
        with pytest.raises(errors.IllegalState, match="closed"):
            call()


def test_the_kind_of_a_credential_is_put_on_paper(fresh: Life) -> None:
    with Home(fresh.home, EmptyDesk()) as home:
        home.split(fresh.policy.read_text(), fresh.secret, Printing(fresh.sheets(1)), kind=CredentialKind.OPAQUE)
    pool = Pool()
    for page in read_pages([path.read_bytes() for path in live_sheets(fresh.sheets(1))]):
        for code in page.codes:
            pool.add(code.text)
    assert hazmat.open_without_record(pool).kind is CredentialKind.OPAQUE


EXPECTED = {
    "split_and_open": ("refused: no quorum: expected any 3 of these 5 sheets, got 2 of 3", "the same credential: True"),
    "sheets_and_back": ("the same credential: True", "drill cards 1.1, 1.2 make a quorum that opens nothing"),
    "own_desk": (
        "the record is durable; now the credential of 21 bytes is shown for 2 s",
        "rotated: True, epoch 2 is in force, 3 receipt files",
        "refused: epoch 1 of recovery-key is superseded: epoch 2",
        "chain of custody of recovery-key: whole, epochs 1 to 2",
    ),
}


@pytest.mark.parametrize("name", sorted(path.stem for path in EXAMPLES.glob("*.py")))
def test_an_example_runs_and_does_what_it_shows(name: str, tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLES / f"{name}.py")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert [words for words in EXPECTED[name] if words not in done.stdout] == []
    assert "correct horse" not in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []
