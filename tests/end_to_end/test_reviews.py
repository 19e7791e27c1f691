# SPDX-License-Identifier: Apache-2.0
"""A use ends with a review, on the command line: owed, shown, signed here or elsewhere, and refused to who may not."""

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from breakglass_shamir.custody.records.reviews import Reviewed
from breakglass_shamir.ledger import clock, home
from tests.attacks.strangers import People
from tests.end_to_end.life import DECLARATION, NAME, Life

KEYS = ("olga", "oskar", "rosa", "rudi", "stranger")

PEOPLE = """
[[officers]]
name = "Olga"
keys = ["{olga}"]
[[officers]]
name = "Oskar"
keys = ["{oskar}"]

[review]
deadline = "3d"

[[review.reviewers]]
name = "Rosa"
keys = ["{rosa}"]
[[review.reviewers]]
name = "Rudi"
keys = ["{rudi}"]
[[review.reviewers]]
name = "Neutral"
keys = ["{olga}"]
[[review.reviewers]]
name = "South"
keys = ["{oskar}"]
"""

FOUND = ("--verdict", "as declared", "--reason", "the log shows one restore and nothing else")
PASSING = ("--override", "ticket", "--override-reason", "the ticket system is down too")


class Office(Life):
    """A sealed set whose policy names reviewers."""

    def own(self, name: str) -> Path:
        """Somebody's key."""
        return self.folder / "own" / name

    def owed(self, kind: str = "review") -> list[str]:
        """Return the ids of debts of a kind."""
        return [debt["id"] for debt in self.status()["debts"] if debt["kind"] == kind]

    def over(self) -> str:
        """Have an opening that passed a gate and was withdrawn; returns its id."""
        words = [word if word != "INC-1234" else "none" for word in DECLARATION]
        one = self.some_scans(1, 1)[0]
        assert self.run("recombine", NAME, *words, *PASSING, "--scan", one, "--no-reveal").exit == 4
        self.ok("cancel", NAME, "--reason", "it works again")
        return next(e.digest for e in reversed(self.entries()) if e.record.body.__struct_config__.tag == "declared")

    def review(self, identifier: str, key: str, *more: str) -> Any:
        """Review by a key."""
        return self.run("review", identifier, *FOUND, *more, "--sign", self.own(key))

    def reviews(self) -> list[Reviewed]:
        """Return every review on record, in a log that holds."""
        return [entry.record.body for entry in self.entries() if isinstance(entry.record.body, Reviewed)]


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Office:
    office = Office(tmp_path_factory.mktemp("reviews") / "life")
    office.begin()
    (office.folder / "own").mkdir()
    for name in KEYS:
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-a", "1", "-N", "", "-C", name, "-f", str(office.own(name))]
        subprocess.run(command, check=True)
    lines = {name: office.own(name).with_suffix(".pub").read_text().strip() for name in KEYS}
    office.policy.write_text(office.policy.read_text() + PEOPLE.format(**lines))
    office.seal()
    office.keep()
    return office


@pytest.fixture
def office(sealed: Office) -> Office:
    sealed.restore()
    return sealed


def test_a_use_is_reviewed_from_declaration_to_rotation(office: Office) -> None:
    done = office.rotated("recombine", NAME, *DECLARATION, "--scan", office.scans(1), last=("--exec", "true"))
    assert done.exit == 0, done.err
    (owed,) = office.owed()
    opening = office.entries()[-1].record.opening
    status = office.run("status")
    assert status.exit == 7
    assert f" review {opening[:12]}" in status.out
    assert owed in status.out
    shown = office.ok("review", opening[:8]).out
    for words in ("declared", "opened", "/true;", "use ended", "proven dead", "none of this use is on record",
                  "closed", "reviews        0 of 1", owed):  # fmt: skip
        assert words in shown, words
    assert max(map(len, shown.splitlines())) <= 80
    document = office.ok("--json", "review", owed).document
    assert (document["subject"], document["owed"], document["needed"]) == (opening, [owed], 1)
    assert {"declared", "opened", "use ended", "rotation", "closed"} <= {fact["what"] for fact in document["facts"]}

    reviewed = office.review(owed, "rosa")
    assert reviewed.exit == 0, reviewed.err
    assert f"closed: {owed}" in reviewed.out
    assert office.owed() == []
    (body,) = office.reviews()
    assert (body.reviewer, body.verdict, body.subject) == ("Rosa", "as declared", opening)
    assert "reviewed" in office.ok("audit", "show", opening[:12]).out


def test_who_took_part_or_is_a_stranger_may_not_and_that_is_on_record(office: Office) -> None:
    """An officer under another name with the same key; a custodian; somebody whom no policy names."""
    opening = office.over()
    for key, message in (
        ("olga", "Neutral may not review"), ("stranger", "the policy lists no reviewer with the key"),
    ):  # fmt: skip
        before = len(office.entries())
        done = office.review(opening[:12], key)
        assert (done.exit, message in done.err) == (3, True), done.err
        assert [e.record.body.__struct_config__.tag for e in office.entries()[before:]] == ["refused"]
    assert office.review(opening[:12], "oskar").exit == 3, "Oskar's key is listed for the custodian South, too"
    assert office.reviews() == []


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        (("--reason", "ok"), 2, "expected a reason that says what was found"),
        (("--reason", "  "), 2, "expected a reason in words"),
        (("--verdict", "fine"), 2, "expected a verdict of as declared, with findings, misuse, got 'fine'"),
    ],
)
def test_a_review_that_says_nothing_is_refused(office: Office, more: tuple[str, ...], code: int, message: str) -> None:
    done = office.review(office.over()[:12], "rosa", *more)
    assert (done.exit, message in done.err) == (code, True), done.err


def test_a_review_before_the_end_is_refused(office: Office) -> None:
    assert office.recombine("--no-reveal").exit == 7
    (owed,) = office.owed()
    assert "it is reviewed when it is over" in office.run("status").out
    done = office.review(owed, "rosa")
    assert done.exit == 3
    assert "it is reviewed when it is over" in done.err


def handed_over(office: Office, form: str, opening: str) -> Path:
    """Hand records over in one of the forms that a reviewer takes, moved from where it was written."""
    which = ("export", opening[:12]) if form == "export" else ("bundle",)
    office.ok("audit", *which, "--out", office.folder / "handed")
    return Path(shutil.move(office.folder / "handed", office.folder / "away"))


@pytest.mark.parametrize("form", ["export", "bundle"])
def test_a_reviewer_elsewhere_needs_what_was_handed_over_and_no_home(office: Office, form: str) -> None:
    opening = office.over()
    away = handed_over(office, form, opening)
    nowhere = office.beside("nowhere")
    shown = nowhere.ok("review", opening[:12], "--from", away).out
    assert "gate passed" in shown
    assert "compare it with the terminal's own" in shown
    assert ("all of it; each may follow" if form == "bundle" else "of the others nothing is shown") in shown
    (owed,) = office.owed()
    here = office.ok("--json", "review", opening[:12]).document
    for identifier in (owed, opening[:8]):
        there = nowhere.ok("--json", "review", identifier, "--from", away).document
        same = ("set", "log", "subject", "last", "last_seq", "facts")
        assert {name: there[name] for name in same} == {name: here[name] for name in same}
    review = office.folder / "review.json"
    made = nowhere.run("review", opening[:12], "--from", away, "--out", review, *FOUND, "--sign", office.own("rosa"))
    assert made.exit == 0, made.err
    assert not nowhere.home.exists()
    taken = office.run("review", "--import", review)
    assert taken.exit == 0, taken.err
    assert office.owed() == []
    assert len(office.reviews()) == 1
    assert office.run("review", "--import", review).exit == 3, "one person counts once"

    changed = office.folder / "changed.json"
    changed.write_text(review.read_text().replace('"as declared"', '"misuse"'))
    assert office.run("review", "--import", changed).exit == 5
    nowhere.ok("init")
    assert "is of log" in nowhere.run("review", "--import", review).err


def test_a_stranger_elsewhere_is_told_so_before_a_file_goes_on_its_way(office: Office) -> None:
    opening = office.over()
    away, nowhere, out = handed_over(office, "bundle", opening), office.beside("nowhere"), office.folder / "no.json"
    assert "reviewers      Rosa" in nowhere.ok("review", opening[:12], "--from", away).out
    key = office.own("stranger")
    refused = nowhere.run("review", opening[:12], "--from", away, "--out", out, *FOUND, "--sign", key)
    assert refused.exit == 3
    for words in ("the policy lists no reviewer with the key SHA256:", "nothing was written", "listed are: Rosa"):
        assert words in refused.err, words
    assert not out.exists()


def test_a_review_of_a_thinned_export_is_refused_when_it_is_taken(office: Office) -> None:
    """The last record of the opening is withheld: what was signed does not cover it."""
    opening = office.over()
    away = office.folder / "away"
    office.ok("audit", "export", opening[:12], "--out", away)
    numbers = (away / "records").read_text().split()
    (away / "records").write_text("".join(f"{number}\n" for number in numbers[:-1]))
    review = office.folder / "review.json"
    office.ok("review", opening[:12], "--from", away, "--out", review, *FOUND, "--sign", office.own("rosa"))
    done = office.run("review", "--import", review)
    assert done.exit == 3
    assert "more has happened in" in done.err


def test_a_review_of_a_bundle_that_leaves_the_last_record_out_is_refused_when_it_is_taken(office: Office) -> None:
    """A range that ends before the opening does: what was signed does not cover how it ended."""
    words = [word if word != "INC-1234" else "none" for word in DECLARATION]
    one = office.some_scans(1, 1)[0]
    assert office.run("recombine", NAME, *words, *PASSING, "--scan", one, "--no-reveal").exit == 4
    until = office.entries()[-1].record
    while clock.now().time <= until.time:
        time.sleep(0.1)
    office.ok("heartbeat")
    office.ok("cancel", NAME, "--reason", "it works again")
    away = office.folder / "some.bundle"
    office.ok("audit", "bundle", "--out", away, "--until", until.time)
    nowhere = office.beside("nowhere")
    shown = nowhere.ok("--json", "review", "--from", away).document
    assert "withdrawn" not in [fact["what"] for fact in shown["facts"]]
    assert "the others by their hashes" in shown["scope"]
    review = office.folder / "review.json"
    nowhere.ok("review", "--from", away, "--out", review, *FOUND, "--sign", office.own("rosa"))
    done = office.run("review", "--import", review)
    assert (done.exit, "more has happened in" in done.err) == (3, True), done.err
    assert office.owed() != []


@pytest.mark.parametrize("attack", ["altered", "thinned", "foreign", "no bundle", "missing"])
def test_a_bundle_that_does_not_hold_is_not_looked_at(office: Office, attack: str) -> None:
    opening = office.over()
    away = office.folder / "away"
    office.ok("audit", "bundle", "--out", away)
    lines = away.read_bytes().splitlines(keepends=True)
    if attack == "altered":
        away.write_bytes(b"".join(lines).replace(b"nobody can log in", b"nobody can log on"))
    elif attack == "thinned":
        away.write_bytes(b"".join(lines[:-3] + lines[-2:]))
    elif attack == "foreign":
        other = office.beside("other")
        other.ok("init")
        away.unlink()
        other.ok("audit", "bundle", "--out", away)
    elif attack == "no bundle":
        away.write_text("{}")
    else:
        away.unlink()
    code, message = {
        "altered": (5, "the bundle was altered"), "thinned": (5, "the bundle was altered"),
        "foreign": (2, "expected one of the openings in it (none)"), "no bundle": (2, "no bundle"),
        "missing": (2, "could not be read"),
    }[attack]  # fmt: skip
    review = office.folder / "review.json"
    done = office.run("review", opening[:12], "--from", away, "--out", review, *FOUND, "--sign", office.own("rosa"))
    assert (done.exit, message in done.err) == (code, True), done.err
    assert not review.exists()


def test_an_altered_export_is_not_looked_at(office: Office) -> None:
    opening = office.over()
    away = office.folder / "away"
    office.ok("audit", "export", opening[:12], "--out", away)
    record = away / f"{(away / 'records').read_text().split()[0]}.json"
    record.write_bytes(record.read_bytes().replace(b"nobody can log in", b"nobody can log on"))
    done = office.run("review", opening[:12], "--from", away)
    assert (done.exit, "record" in done.err) == (5, True), done.err


def test_an_exported_review_is_checked_with_ssh_keygen_alone(office: Office) -> None:
    opening = office.over()
    assert office.review(opening[:12], "rosa", "--reason", 'he said "it was \\ me", Zoë').exit == 0
    away = office.folder / "away"
    office.ok("audit", "export", "all", "--out", away)
    script = ["sh", str(away / "verify.sh")]
    done = subprocess.run(script, capture_output=True, text=True, env=os.environ, check=False)
    assert done.returncode == 0, done.stderr
    assert "reviewer:Rosa" in done.stdout
    (statement,) = away.glob("*.review.json")
    altered = statement.read_bytes().replace(b"as declared", b"misuse")
    statement.write_bytes(altered)
    assert subprocess.run(script, capture_output=True, env=os.environ, check=False).returncode == 1


def test_a_record_of_a_review_that_was_altered_does_not_hold(office: Office) -> None:
    opening = office.over()
    assert office.review(opening[:12], "rosa").exit == 0
    office.ok("audit", "verify")
    assert office.ok("audit", "verify", "--full").exit == 0


def test_debts_are_settled_by_who_the_policy_lets(office: Office) -> None:
    opening = office.over()
    gate = office.owed("ticket")[0]
    done = office.run("settle", NAME, gate, "--officer", "Rosa", "--reason", "it was down all night")
    assert (done.exit, f"breakglass review {opening[:12]}" in done.err) == (3, True), done.err
    with home.open_home(office.home) as ledger:
        assert gate in [debt.id for debt in ledger.state.of(NAME).debts]


def test_without_reviewers_status_says_so_and_a_different_officer_is_the_least(office: Office) -> None:
    office.write_policy()
    office.policy.write_text(office.policy.read_text().replace(NAME, "other-key"))
    other = office.beside("plain")
    other.ok("init")
    sheets = office.folder / "other-sheets"
    other.ok("split", office.policy, "--credential-from", "-", "--out", sheets, stdin=office.secret.reveal())
    assert "nobody: the policy has no [review]" in other.run("status").out
    words = [word if word != "INC-1234" else "none" for word in DECLARATION]
    one = office.some_scans(1, 1)[0]
    assert other.run("recombine", "other-key", *words, *PASSING, "--scan", one, "--no-reveal").exit == 4
    other.ok("cancel", "other-key", "--reason", "it works again")
    (debt,) = [d["id"] for d in other.run("--json", "status").document["sets"][0]["debts"]]
    said = ("--reason", "the ticket system was down")
    done = other.run("settle", "other-key", debt, "--officer", "Olga", "--officer", "oskar", *said)
    assert (done.exit, "expected somebody who took no part" in done.err) == (3, True), done.err
    assert other.run("settle", "other-key", debt, "--officer", "Otto", "--reason", "ok").exit == 2
    assert f"settled: {debt}" in other.ok("settle", "other-key", debt, "--officer", "Otto", *said).out


def test_a_reviewer_is_asked_for_what_is_missing_and_shown_what_happened(office: Office) -> None:
    opening = office.over()
    for words, missing in (((), "ID"), ((opening[:12], "--verdict", "misuse"), "--reason"),
                           ((opening[:12], *FOUND), "--sign")):  # fmt: skip
        done = office.run("review", *words)
        assert (done.exit, f"expected {missing}, got none" in done.err) == (2, True), done.err
    people = People(
        [str(word) for word in office.command("review", opening[:12], "--verdict", "with-findings")],
        office.environment(), office.folder,
    )  # fmt: skip
    people.until("gate passed")
    people.answer("What was found?", "ok")
    people.until("expected a reason that says what was found")
    people.answer("What was found?", "nobody wrote the incident down")
    people.answer("File of your own SSH key", str(office.own("nobody")))
    people.until("found none at")
    people.answer("File of your own SSH key", str(office.own("rosa")))
    people.until("closed: review-")
    assert people.end() == 0
    (body,) = office.reviews()
    assert (body.verdict, body.reason) == ("with findings", "nobody wrote the incident down")
