# SPDX-License-Identifier: Apache-2.0
"""Drills as people hold them: a rehearsal from scanned drill cards, roll-calls, an access drill.

The promise of a rehearsal is tried from outside: with everything that was scanned in it, ``ssss-combine`` and our
own library both look for the live credential.
"""

import itertools
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from PIL import Image, ImageDraw

from breakglass_shamir.crypto import cipher, keys
from breakglass_shamir.crypto.keys import Kind, ed25519_public, epoch_id_of, set_key_seed
from breakglass_shamir.custody.records.body import Body
from breakglass_shamir.custody.records.drills import DrillEnded, Rehearsed, RollCall
from breakglass_shamir.custody.records.openings import Closed, Declared, Opened, Refused
from breakglass_shamir.errors import BreakglassError
from breakglass_shamir.formats import seal
from breakglass_shamir.formats.core import Core
from breakglass_shamir.formats.envelope import Envelope
from breakglass_shamir.formats.share import Share, from_text
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import home
from breakglass_shamir.paper.reading.scan import Scanner
from breakglass_shamir.paper.simulate import scanned
from tests.end_to_end.life import CUSTODIANS, DECLARATION, DPI, NAME, Life, assert_holds_no, groups_text, texts_on_paper

THREE_OF_FIVE = groups_text((3, CUSTODIANS[:5]))


@pytest.fixture(scope="module")
def five_once(tmp_path_factory: pytest.TempPathFactory) -> Life:
    """A sealed set of 3 of 5, with scans of its drill cards in ``cards``."""
    life = Life(tmp_path_factory.mktemp("five") / "life", quorum=THREE_OF_FIVE)
    life.begin()
    life.seal()
    scan_cards(life)
    life.keep()
    return life


def scan_cards(life: Life) -> None:
    """Lay every drill card on a scanner."""
    (life.folder / "cards").mkdir()
    for number, card in enumerate(drill_files(life)):
        target = life.folder / "cards" / f"{card.stem}.jpg"
        target.write_bytes(scanned(card.read_bytes(), dpi=DPI, seed=number))


@pytest.fixture
def five(five_once: Life) -> Life:
    five_once.restore()
    return five_once


def drill_files(life: Life) -> list[Path]:
    return sorted(life.sheets(1).glob("*-drill.pdf"))


def cards(life: Life, count: int) -> list[str]:
    """Return the options that scan the first few cards."""
    chosen = sorted((life.folder / "cards").iterdir())[:count]
    return [word for card in chosen for word in ("--scan", str(card))]


def rehearse(life: Life, *args: str | Path) -> list[str | Path]:
    return ["drill", "rehearsal", NAME, *DECLARATION, *args]


def bodies(life: Life, kind: type[Body]) -> list[Body]:
    return [entry.record.body for entry in life.entries() if isinstance(entry.record.body, kind)]


def texts(files: list[Path]) -> list[str]:
    with Scanner() as scanner:
        return [
            code.text
            for file in files
            for page in scanner.read_drawn(file.read_bytes(), file.name)
            for code in page.codes
        ]


def test_a_rehearsal_of_3_of_5_from_scanned_drill_cards(five: Life) -> None:
    done = five.run("--json", *rehearse(five, *cards(five, 3)))
    assert done.exit == 0, done.err
    shown = done.document
    assert (shown["result"], shown["compliance_status_id"], shown["live"]) == ("pass", 1, [])
    assert shown["sheets"] == ["1.1", "1.2", "1.3"]
    assert 0 <= shown["steps_ms"]["first-scan"] <= shown["steps_ms"]["quorum"] <= shown["steps_ms"]["confirmed"]
    assert five.kinds()[-2:] == ["declared", "rehearsed"]
    assert five.status()["debts"] == []
    assert five.opens(five.secret)


def test_the_live_credential_cannot_be_computed_from_what_a_rehearsal_scans(
    five: Life, need: Callable[[str], str]
) -> None:
    program = need("ssss-combine")
    scans = sorted((five.folder / "cards").iterdir())
    shares = [from_text(text).share for text in sorted(set(texts(scans)))]
    assert len(shares) == 5
    with home.open_home(five.home) as ledger:
        live = ledger.state.of(NAME).current_epoch.envelope
    assert isinstance(live, Envelope)
    for quorum in itertools.combinations(shares, 3):
        master = Secret(b"".join(ssss_combine(program, half) for half in halves(quorum)))
        for kind in Kind:
            assert epoch_id_of(ed25519_public(set_key_seed(master, kind))) != live.core.epoch_id or kind is Kind.DRILL
        assert not opens_live(master, live.core)
        with pytest.raises(BreakglassError):
            seal.unseal(live.core, quorum)
        forged = [Share(Kind.LIVE, live.core.epoch_id, s.group, s.member, s.value) for s in quorum]
        with pytest.raises(BreakglassError):
            seal.unseal(live.core, forged)
        for share in forged:
            with pytest.raises(BreakglassError):
                live.check_share(share)


def opens_live(master: Secret, core: Core) -> bool:
    """Try a master on the live ciphertext, with the labels of either kind."""
    for kind in Kind:
        key, nonce = keys.credential_key(master, kind)
        try:
            cipher.decrypt(key, nonce, core.header(), core.ciphertext)
        except BreakglassError:
            continue
        return True
    return False


def halves(shares: tuple[Share, ...]) -> list[list[tuple[int, bytes]]]:
    points = [(share.member, share.value.reveal()) for share in shares]
    return [[(x, value[start : start + 16]) for x, value in points] for start in (0, 16)]


def ssss_combine(program: str, points: list[tuple[int, bytes]]) -> bytes:
    typed = "".join(f"{x}-{value.hex()}\n" for x, value in points)
    command = [program, "-D", "-x", "-q", "-t", "3"]
    done = subprocess.run(command, input=typed, capture_output=True, text=True, check=True)
    return bytes.fromhex(done.stderr.strip())


def test_no_live_code_is_on_any_page_of_a_drill(five: Life) -> None:
    files = drill_files(five)
    assert len(files) == 5
    found = texts(files)
    assert [found.count(text) for text in found] == [2] * 2 * len(files)
    assert {from_text(text).share.kind for text in found} == {Kind.DRILL}
    for file in files:
        assert_holds_no(five.secret, file.name, file.read_bytes())


def test_a_live_sheet_in_a_rehearsal_is_named_not_used_and_makes_it_a_warning(five: Life) -> None:
    live = five.some_scans(1, 1)[0]
    short = five.run(*rehearse(five, *cards(five, 2), "--scan", live))
    assert short.exit == 4
    assert f"{live.name}: a live code in a drill: put sheet 1.1 into a new bag, it was exposed" in short.err
    done = five.run("--json", *rehearse(five, *cards(five, 3), "--scan", live))
    assert (done.exit, done.document["result"], done.document["live"]) == (0, "warning", ["1.1"])
    assert done.document["sheets"] == ["1.1", "1.2", "1.3"]


def test_a_quorum_of_live_sheets_in_a_rehearsal_is_a_failure_that_is_due(five: Life) -> None:
    done = five.run(*rehearse(five, *cards(five, 3), "--scan", five.scans(1)))
    assert done.exit == 7
    assert "a quorum of live sheets was scanned in a drill: 1.1, 1.2, 1.3, 1.4, 1.5" in done.err
    (body,) = bodies(five, Rehearsed)
    assert isinstance(body, Rehearsed)
    assert (body.result, body.live) == ("fail", ("1.1", "1.2", "1.3", "1.4", "1.5"))
    assert any("rehearsal: the last one failed" in what for what in five.status()["due"])


def test_too_few_cards_fail_and_are_recorded(five: Life) -> None:
    done = five.run(*rehearse(five, *cards(five, 2)))
    assert done.exit == 4
    (body,) = bodies(five, DrillEnded)
    assert isinstance(body, DrillEnded)
    assert (body.drill, body.result) == ("rehearsal", "fail")
    assert "first-scan" in body.steps_ms
    assert "quorum" not in body.steps_ms
    assert five.status()["opening"] == ""


@pytest.mark.parametrize(
    ("option", "value", "gate"),
    [("--class", "holiday", "class"), ("--ticket", "none", "ticket"), ("--officer", "Olga", "officers")],
)
def test_a_rehearsal_passes_no_closed_gate(five: Life, option: str, value: str, gate: str) -> None:
    words = list(DECLARATION)
    if option == "--officer":
        words += [option, value]
    else:
        words[words.index(option) + 1] = value
    done = five.run("drill", "rehearsal", NAME, *words, *cards(five, 3))
    assert done.exit == 3
    assert five.kinds()[-1] == "refused"
    refused = five.entries()[-1].record.body
    assert isinstance(refused, Refused)
    assert refused.stage == gate


def test_an_emergency_goes_before_a_rehearsal_that_is_under_way(five: Life) -> None:
    with home.open_home(five.home) as ledger:
        drill = Declared(
            purpose="drill", incident_class="idp-outage", ticket="INC-1", reason="quarterly", officers=("A", "B"),
            valid_for_s=1800, use_for_s=3600, debts=(), supersedes="",
            policy_digest=ledger.state.of(NAME).policy_digest,
        )  # fmt: skip
        entry = ledger.append(drill, set_name=NAME)
    done = five.recombine("--no-reveal")
    assert done.exit == 7
    assert f"the drill that was under way ({entry.digest[:12]}) is over: this is an emergency" in done.err
    declared = bodies(five, Declared)[-1]
    assert isinstance(declared, Declared)
    assert (declared.purpose, declared.supersedes) == ("emergency", entry.digest)


def test_a_roll_call_takes_one_sheet_after_the_other_and_no_quorum_is_ever_there(five: Life) -> None:
    for number, scan in enumerate(sorted(five.scans(1).iterdir()), 1):
        done = five.run("--json", "drill", "roll-call", NAME, str(number), "--scan", scan, "--bag", f"B-{number}")
        assert (done.exit, done.document["result"], done.document["health"]) == (0, "pass", "fresh"), done.err
    calls = bodies(five, RollCall)
    assert [getattr(call, "sheet", "") for call in calls] == ["1.1", "1.2", "1.3", "1.4", "1.5"]
    assert "opened" not in five.kinds()
    status = five.status()
    assert (status["verified"], [one.partition(":")[0] for one in status["due"]]) == (5, ["acknowledge"])


def test_a_roll_call_notices_that_one_of_the_two_prints_is_dead(five: Life) -> None:
    (scan,) = five.some_scans(1, 1)
    page = Image.open(scan).convert("L")
    in_pixels = page.height / 297
    corner = (150 * in_pixels, 240 * in_pixels)
    ImageDraw.Draw(page).ellipse((*corner, 200 * in_pixels, 290 * in_pixels), fill=20)
    blotted = five.folder / "blotted.png"
    page.save(blotted)
    done = five.run("--json", "drill", "roll-call", NAME, "1", "--scan", blotted, "--bag", "B-1")
    assert (done.exit, done.document["result"], done.document["health"]) == (0, "warning", "worn"), done.err
    (body,) = bodies(five, RollCall)
    assert isinstance(body, RollCall)
    assert (body.health, body.result) == ("worn", "warning")
    assert "1 of its 2 share codes was read" in body.reasons[0]
    assert "1 of its 2 share codes was read" in done.err


def test_a_roll_call_of_several_sheets_is_refused_and_recorded(five: Life) -> None:
    done = five.run("drill", "roll-call", NAME, "1", "--scan", five.scans(1))
    assert done.exit == 3
    assert "got several at once" in done.err
    assert five.kinds()[-1] == "refused"
    assert bodies(five, RollCall) == []


@pytest.mark.parametrize(
    ("sheet", "scan", "words"),
    [
        ("2", "scans-1/*m1.jpg", "expected sheet 1.2, got sheet 1.1"),
        ("1", "cards/*m1-drill.jpg", "a drill code, not the live one"),
        ("1", "policy.toml", "not a picture"),
    ],
)
def test_a_sheet_that_is_not_what_it_should_be_is_a_recorded_failure(
    five: Life, sheet: str, scan: str, words: str
) -> None:
    (found,) = five.folder.glob(scan)
    done = five.run("drill", "roll-call", NAME, sheet, "--scan", found)
    assert done.exit == 4
    assert words in done.err
    (body,) = bodies(five, RollCall)
    assert isinstance(body, RollCall)
    assert (body.sheet, body.level, body.result) == (f"1.{sheet}", "live", "fail")
    assert any(words in reason for reason in body.reasons)


def test_a_void_sheet_fails_its_roll_call(five: Life) -> None:
    five.ok("void", NAME, "1", "--reason", "left on a train")
    (scan,) = five.some_scans(1, 1)
    for words, option in (("this sheet was voided", ["--scan", scan]), ("sheet 1.1 was voided", ["--bag", "B-1"])):
        done = five.run("drill", "roll-call", NAME, "1", *option)
        assert done.exit in {4, 7}
        assert words in done.err
    assert [getattr(call, "result", "") for call in bodies(five, RollCall)] == ["fail", "fail"]


def test_a_bag_with_another_serial_or_a_broken_seal_is_a_finding(life: Life) -> None:
    life.ok("ack", NAME, "1", "--bag", "B-1")
    for args in (["--bag", "B-2"], ["--bag", "B-1", "--finding", "the seal has been cut"]):
        done = life.run("drill", "roll-call", NAME, "1", *args)
        assert done.exit == 7
        assert f"breakglass void {NAME} 1.1" in done.err
    assert life.run("status").exit == 7
    assert life.run("drill", "roll-call", NAME, "1", "--bag", "b-1").exit == 0
    assert life.nothing_due()


def test_an_access_drill_logs_in_unseen_and_ends_in_a_rotation(life: Life) -> None:
    done = life.rotated("--json", "drill", "access", NAME, *DECLARATION, "--scan", life.scans(1))
    assert done.exit == 0, done.err
    assert (done.document["result"], done.document["login"], done.document["epoch"]) == ("pass", "accepted", 2)
    assert set(done.document["steps_ms"]) == {"opened", "use-ended", "old-dead", "closed"}
    assert not life.opens(life.secret)
    closed = bodies(life, Closed)[-1]
    assert isinstance(closed, Closed)
    assert closed.classification == "drill"
    assert life.kinds()[-1] == "drill-ended"
    assert (life.status()["debts"], life.status()["phase"]) == ([], "sealed")


def test_an_access_drill_that_cannot_rotate_failed_and_owes_it(life: Life) -> None:
    nobody_scans = life.rotating(2, timeout_s=1)
    done = life.run("drill", "access", NAME, *DECLARATION, "--scan", life.scans(1), *nobody_scans)
    assert done.exit == 7, done.err
    (body,) = bodies(life, DrillEnded)
    assert isinstance(body, DrillEnded)
    assert (body.drill, body.result, body.login) == ("access", "fail", "accepted")
    assert life.status()["debts"][0]["kind"] == "rotation"
    assert life.opens(life.secret)


def test_an_access_drill_without_a_place_for_new_sheets_does_not_begin(life: Life) -> None:
    before = life.kinds()
    done = life.run("drill", "access", NAME, *DECLARATION, "--scan", life.scans(1))
    assert done.exit == 2
    assert life.kinds() == before


def test_an_emergency_is_not_closed_as_a_drill(life: Life) -> None:
    before = life.kinds()
    done = life.recombine("--no-reveal", "--as", "drill")
    assert done.exit == 2
    assert life.kinds() == before


def test_nor_from_another_window(life: Life) -> None:
    codes = {code for found in texts_on_paper(life.sheets(1)).values() for code in found if code.startswith("BGS1:")}
    with home.open_home(life.home) as ledger:
        emergency = Declared(
            purpose="emergency", incident_class="idp-outage", ticket="INC-1", reason="down", officers=("A", "B"),
            valid_for_s=1800, use_for_s=3600, debts=(), supersedes="",
            policy_digest=ledger.state.of(NAME).policy_digest,
        )  # fmt: skip
        digest = ledger.state.of(NAME).policy_digest
        ledger.append(msgspec.structs.replace(emergency, policy_digest=digest), set_name=NAME)
        state = ledger.state.of(NAME)
        unsealed = seal.unseal(state.current_epoch.envelope.core, [from_text(code).share for code in codes])
        body = Opened(
            epoch_id=state.current, sheets=("1.1", "1.2"), mode="show", program="", witnessed="consistent", pinned=True
        )
        ledger.append(body, set_name=NAME, opening=state.active_opening.id, set_key=unsealed.set_key)
    done = life.run("close", NAME, "--as", "drill")
    assert done.exit == 3
    assert "was declared as an emergency and is not closed as a drill" in done.err
    assert life.run("close", NAME, "--as", "emergency").exit == 0


@pytest.fixture(scope="module")
def signed_once(tmp_path_factory: pytest.TempPathFactory, need: Callable[[str], str]) -> Life:
    """A sealed set whose policy asks for two officers' signatures, with cards and keys."""
    life = Life(tmp_path_factory.mktemp("signed") / "life")
    life.begin()
    source = life.policy.read_text().replace('use_for = "1h"', 'use_for = "1h"\nsignatures = 2')
    for name in ("olga", "oskar"):
        key = life.folder / name
        subprocess.run([need("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(key)], check=True)
        source += f'[[officers]]\nname = "{name.title()}"\nkeys = ["{key.with_suffix(".pub").read_text().strip()}"]\n'
    life.policy.write_text(source)
    life.seal()
    scan_cards(life)
    life.keep()
    return life


def test_a_rehearsal_is_signed_by_officers_where_the_policy_asks(signed_once: Life) -> None:
    life = signed_once
    life.restore()
    alone = life.run(*rehearse(life, *cards(life, 2), "--sign", life.folder / "olga"))
    assert alone.exit == 3
    assert "expected signatures of 2 officers under the declaration, got 1" in alone.err
    assert "first-scan" not in alone.out + alone.err
    both = life.run("--json", *rehearse(life, *cards(life, 2), "--sign", life.folder / "oskar"))
    assert both.exit == 0, both.err
    assert both.document["opening"] == digest_of(life, Declared)
    assert 0 < both.document["steps_ms"]["signed"] <= both.document["steps_ms"]["first-scan"]
    assert life.kinds()[-4:-1] == ["officer-signed", "refused", "officer-signed"]


def digest_of(life: Life, kind: type[Body]) -> str:
    return next(entry.digest for entry in life.entries() if isinstance(entry.record.body, kind))


def test_a_rehearsal_is_verified_with_ssh_keygen_alone(five: Life, need: Callable[[str], str]) -> None:
    need("ssh-keygen")
    five.ok(*rehearse(five, *cards(five, 3)))
    opening = digest_of(five, Declared)
    five.ok("audit", "export", opening[:12], "--out", five.folder / "evidence")
    done = subprocess.run(
        ["sh", str(five.folder / "evidence" / "verify.sh")], capture_output=True, text=True, check=True
    )
    assert 'Good "drill@breakglass-shamir" signature for drill-' in done.stdout
    assert "all 2 records hold, with 2 signatures and checkpoints of the terminal and 1 of others" in done.stdout


def test_a_declaration_that_went_stale_is_no_rehearsal(life: Life) -> None:
    scan_cards(life)
    life.ok("audit", "verify")
    slow = life.folder / "slow.py"
    slow.write_text(
        "import sys\n"
        "from msgspec.structs import replace\n"
        "from breakglass_shamir.ledger import clock\n"
        "from breakglass_shamir.operations.drills import rehearsal\n"
        "from breakglass_shamir.cli.program import main\n"
        "read = rehearsal.read_sources\n"
        "def later(*args, **named):\n"
        "    read(*args, **named)\n"
        "    real = clock.now\n"
        "    clock.now = lambda: replace(real(), uptime_ms=real().uptime_ms + 3_600_000)\n"
        "rehearsal.read_sources = later\n"
        "sys.argv[0] = 'breakglass'\n"
        "main()\n"
    )
    done = life.script(slow, "drill", "rehearsal", NAME, *DECLARATION, *cards(life, 2))
    assert done.exit == 3
    assert "the declaration is 36" in done.err
    (body,) = bodies(life, DrillEnded)
    assert isinstance(body, DrillEnded)
    assert body.result == "fail"


def with_alerts(folder: Path, alerts: str) -> Life:
    """Seal a set whose policy tells somebody, with its cards scanned."""
    life = Life(folder, rotation=alerts)
    life.begin()
    life.seal()
    scan_cards(life)
    return life


def test_a_rehearsal_measures_how_long_its_alert_took(tmp_path: Path) -> None:
    sink = tmp_path / "told.json"
    life = with_alerts(tmp_path / "life", f'[alerts]\n[[alerts.sinks]]\nname = "c"\ntype = "file"\npath = "{sink}"\n')
    done = life.run("--json", *rehearse(life, *cards(life, 2)))
    assert (done.exit, done.document["result"]) == (0, "pass"), done.err
    assert 0 <= done.document["steps_ms"]["alert-acknowledged"] < 60_000


@pytest.mark.parametrize(("more", "exit_code", "result"), [("", 0, "warning"), ("require_ack = true", 3, "fail")])
def test_an_alert_that_nobody_takes_is_a_reason(tmp_path: Path, more: str, exit_code: int, result: str) -> None:
    nowhere = tmp_path / "no folder" / "told.json"
    alerts = f'[alerts]\nbudget = "1s"\n{more}\n[[alerts.sinks]]\nname = "c"\ntype = "file"\npath = "{nowhere}"\n'
    life = with_alerts(tmp_path / "life", alerts)
    done = life.run(*rehearse(life, *cards(life, 2)))
    assert done.exit == exit_code, done.err
    ended = [*bodies(life, Rehearsed), *bodies(life, DrillEnded)]
    assert [getattr(one, "result", "") for one in ended] == [result]
    assert "no sink took the alert of this declaration within 1s" in getattr(ended[0], "reasons", ())


def test_live_sheets_alone_in_a_rehearsal_are_a_quorum_too(five: Life) -> None:
    done = five.run(*rehearse(five, "--scan", five.scans(1)))
    assert done.exit == 4
    (body,) = bodies(five, DrillEnded)
    assert isinstance(body, DrillEnded)
    assert any("a quorum of live sheets was scanned in a drill" in reason for reason in body.reasons)


def test_a_policy_without_no_reveal_can_be_rehearsed_but_not_drilled_for_real(tmp_path: Path) -> None:
    life = Life(tmp_path / "life")
    life.begin()
    life.policy.write_text(life.policy.read_text().replace('modes = ["exec", "show", "no-reveal"]', 'modes = ["show"]'))
    life.seal()
    scan_cards(life)
    done = life.run(*rehearse(life, *cards(life, 2)))
    assert done.exit == 0, done.err
    assert "drill card 1.1 of recovery-key, epoch 1: accepted (1 of 2)" in done.err
    real = life.run("drill", "access", NAME, *DECLARATION, "--scan", life.scans(1), "--out", life.folder / "new")
    assert (real.exit, life.kinds()[-1]) == (3, "refused")
