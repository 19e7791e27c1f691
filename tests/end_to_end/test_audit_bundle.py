# SPDX-License-Identifier: Apache-2.0
"""An auditor alone: bundles of two terminals, listed, shown, verified and reported on a machine without a home."""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from breakglass_shamir.ledger import clock
from tests.end_to_end.life import DECLARATION, NAME, Done, Life, assert_holds_no, wait_until
from tests.unit.operations.audit.pages import check


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    """A sealed set that was opened at one terminal, and learned from its sheets at another one."""
    life = Life(tmp_path_factory.mktemp("two") / "life")
    life.begin()
    life.policy.write_text(life.policy.read_text() + '\n[audit]\nstandards = ["ism", "soc-2"]\n')
    life.seal()
    life.ok("ack", NAME, "1", "--bag", "=B-1")
    before = life.entries()[-1].record.time
    wait_until(lambda: clock.now().time > before, "the next second, in which a range begins")
    assert life.recombine("--no-reveal").exit == 7
    south = life.folder / "south"
    life.ok("--home", south, "init", "--terminal", "south")
    scans = life.scans(1)
    done = life.run("--home", south, "recombine", NAME, *DECLARATION, "--scan", scans, "--exec", "true")
    assert "UNPINNED" in done.err
    life.ok("audit", "bundle", "--out", life.folder / "one.bundle")
    life.ok("--home", south, "audit", "bundle", "--out", life.folder / "south.bundle")
    yield life


@pytest.fixture
def audits(two: Life, tmp_path: Path) -> Iterator[Life]:
    yield two


def alone(life: Life, *words: str | Path) -> Done:
    """Run a command of the auditor, who has no home."""
    return life.run("--home", life.folder / "nowhere", *words)


def both(life: Life) -> tuple[str, str, str, str]:
    return "--from", str(life.folder / "one.bundle"), "--from", str(life.folder / "south.bundle")


def test_what_an_auditor_reads_is_what_the_terminal_shows(audits: Life) -> None:
    one = ("--from", str(audits.folder / "one.bundle"))
    here = audits.ok("--json", "audit", "list").document
    assert alone(audits, "--json", "audit", "list", *one).document == here
    opened = next(line["opening"] for line in here["records"] if line["type"] == "opened")
    there = alone(audits, "--json", "audit", "show", opened[:12], *one).document
    assert there == audits.ok("--json", "audit", "show", opened[:12]).document
    for register in ("openings", "debts", "drills", "holders"):
        assert alone(audits, "--json", "audit", register, *one).document == (
            audits.ok("--json", "audit", register).document
        )


def test_two_terminals_stand_side_by_side(audits: Life) -> None:
    listed = alone(audits, "--json", "audit", "list", *both(audits)).document["records"]
    assert {line["terminal"] for line in listed} == {"terminal one", "south"}
    assert [line["time"] for line in listed] == sorted(line["time"] for line in listed)
    done = alone(audits, "--json", "audit", "verify", *both(audits))
    assert done.exit == 0, done.err
    found = done.document
    assert [one["trust"] for one in found["terminals"]] == ["UNPINNED", "UNPINNED"]
    (epoch,) = found["sets"][0]["epochs"]
    assert epoch["known_at"] == ["terminal one", "south"]
    pin = found["terminals"][0]["fingerprint"]
    refused = alone(audits, "audit", "verify", *both(audits), "--pin", pin)
    assert refused.exit == 5
    assert "neither pinned nor known" in refused.err
    pinned = alone(audits, "--json", "audit", "verify", *both(audits)[:2], "--pin", pin).document
    assert (pinned["terminals"][0]["trust"], pinned["open"]) == ("pinned", [])


def test_a_number_in_two_logs_is_asked_about(audits: Life) -> None:
    done = alone(audits, "audit", "show", "0", *both(audits))
    assert done.exit == 2
    assert "in the logs of 2 terminals" in done.err


def test_csv_is_no_formula_and_json_is_not_csv(audits: Life) -> None:
    done = alone(audits, "audit", "holders", "--csv", *both(audits)[:2])
    head, *rows = list(csv.reader(io.StringIO(done.out, newline="")))
    bag = head.index("bag")
    assert [row[bag] for row in rows if row[bag]] == ["'=B-1"]
    assert alone(audits, "--json", "audit", "holders", "--csv", *both(audits)).exit == 2
    assert alone(audits, "audit", "list", "--pin", "SHA256:" + "x" * 43).exit == 2


def test_the_report_of_both_says_what_is_unpinned_under_open(audits: Life, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    found = alone(audits, "--json", "audit", "report", "--out", out, *both(audits)).document
    assert found["beside"] == str(out.with_suffix(".json"))
    unpinned = [words for words in found["open"] if "UNPINNED" in words]
    assert any(words.startswith("terminal one: UNPINNED") for words in unpinned)
    assert any(words.startswith("south: UNPINNED") for words in unpinned)
    assert any(re.search(r"south: opening [0-9a-f]{12} was UNPINNED", words) for words in unpinned)
    text = check(out.read_text()).text
    assert f"Set {NAME} across 2 terminals" in text
    assert "pinned by a receipt" not in text
    document = json.loads(out.with_suffix(".json").read_text())
    assert [one["unpinned"] for one in document["terminals"]] == [True, True]
    assert {one["custody"] for one in document["sets"]} == {"whole", "UNPINNED"}
    assert [one["words"] for one in document["open"]] == found["open"]
    assert len(document["across"][0]["timeline"]) > 3
    assert_holds_no(audits.secret, "the report", out.read_bytes() + out.with_suffix(".json").read_bytes())
    again = alone(audits, "audit", "report", "--out", tmp_path / "other.html", *both(audits), "--set", "none")
    assert again.exit == 3
    assert not (tmp_path / "other.html").exists() and not (tmp_path / "other.json").exists()
    assert alone(audits, "audit", "report", "--out", out, *both(audits)).exit == 2


def test_no_secret_and_no_key_is_in_a_bundle(audits: Life) -> None:
    for name in ("one.bundle", "south.bundle"):
        assert_holds_no(audits.secret, name, (audits.folder / name).read_bytes())


def test_a_bundle_that_was_altered_gives_no_page(audits: Life, tmp_path: Path) -> None:
    data = (audits.folder / "one.bundle").read_bytes()
    bad = tmp_path / "bad.bundle"
    bad.write_bytes(data.replace(b"INC-1234", b"INC-1235"))
    for words in (("list",), ("verify",), ("show", "0"), ("openings",), ("report", "--out", tmp_path / "r.html")):
        done = alone(audits, "audit", *words, "--from", bad)
        assert done.exit == 5, words
        assert str(bad) in done.err
    assert not (tmp_path / "r.html").exists()


def controls(page: Path) -> dict[str, Any]:
    """What a report says of each control: its verdict, the records it rests on, and what is open."""
    made = json.loads(page.with_suffix(".json").read_text())["controls"]
    return {
        f"{standard['key']} {control['number']}": (one["verdict"], [each["seq"] for each in one["rests"]], one["lacks"])
        for standard in made
        for control in standard["controls"]
        for one in control["sets"]
    }


def test_controls_are_the_same_of_a_bundle_and_of_its_home(audits: Life, tmp_path: Path) -> None:
    home, away, between = tmp_path / "home.html", tmp_path / "away.html", tmp_path / "both.html"
    audits.ok("audit", "report", "--out", home)
    assert alone(audits, "audit", "report", "--out", away, "--from", audits.folder / "one.bundle").exit == 0
    assert alone(audits, "audit", "report", "--out", between, *both(audits)).exit == 0
    found = controls(home)
    assert set(found) == {f"ism ISM-{number}" for number in range(1610, 1616)} | {
        f"soc-2 CC{number}" for number in ("6.1", "6.2", "7.2")
    }
    assert controls(away) == found
    verdict, rests, lacks = found["ism ISM-1614"]
    assert (verdict, len(rests)) == ("open", 2)
    assert [words.partition(": ")[2] for words in lacks] == ["its credential is not known to be dead"]
    assert found["ism ISM-1610"][0] == "no evidence"
    assert len(controls(between)["ism ISM-1614"][2]) == 2, "the other terminal opened it, too"
    audits.ok("audit", "report", "--out", tmp_path / "later.html", "--since", "2100-01-01")
    assert {one[0] for one in controls(tmp_path / "later.html").values()} == {"open", "no evidence"}
    audits.ok("audit", "report", "--out", tmp_path / "before.html", "--until", "2001-01-01")
    assert controls(tmp_path / "before.html") == {}, "no policy was in force"


def test_a_range_has_no_report_and_says_what_to_ask_for(audits: Life, tmp_path: Path) -> None:
    last = audits.ok("--json", "audit", "list").document["records"][-1]["time"]
    some = tmp_path / "some.bundle"
    audits.ok("audit", "bundle", "--out", some, "--since", last)
    assert alone(audits, "audit", "verify", "--from", some).exit == 0
    done = alone(audits, "audit", "report", "--out", tmp_path / "r.html", "--from", some)
    assert done.exit == 2
    assert "audit bundle --until TIME" in done.err
