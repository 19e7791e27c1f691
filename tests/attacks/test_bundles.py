# SPDX-License-Identifier: Apache-2.0
"""Attacks on bundles: by somebody on the way, who has no key, and by whoever runs the terminal, who has its key.

Whoever has the key signs whatever they write. What finds them is the tree of a checkpoint that they signed before.
"""

import base64
import gzip
import hashlib
import io
import json
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import rfc8785

from breakglass_shamir.crypto import merkle, sshsig
from breakglass_shamir.custody.life import bundle_file
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records.ledger import PolicyAdopted
from breakglass_shamir.custody.records.monitoring import Heartbeat
from breakglass_shamir.custody.records.openings import Cancelled, Overridden, Refused
from breakglass_shamir.custody.records.reviews import DebtsSettled, Reviewed, review_statement, settlement_statement
from breakglass_shamir.errors import (
    FileExists,
    Forked,
    IntegrityError,
    InvalidInput,
    InvalidProof,
    InvalidRecord,
    InvalidSignature,
    KeyMismatch,
    RecordMissing,
    UnknownSet,
    UnsupportedVersion,
)
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import clock, home
from breakglass_shamir.ledger.store import Ledger
from breakglass_shamir.operations.audit import bundle_verifying, bundling, evidence, history, listing, showing, sources
from breakglass_shamir.operations.audit.bundle_verifying import VerifiedBundles
from breakglass_shamir.operations.audit.period import Period
from tests.attacks.test_ledger_tampering import LAST, OPENED, SOURCE, fill
from tests.unit.custody.life import test_lifecycle as lives
from tests.unit.custody.life import test_review_rules as reviewing

Lines = list[dict[str, Any]]
NOTE = Refused(stage="open", error="insufficient-shares", message="no quorum")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("filled") / "home"
    with home.create(place, "north") as ledger:
        fill(ledger)
    return place


@pytest.fixture
def ledger(filled: Path, tmp_path: Path) -> Iterator[Ledger]:
    shutil.copytree(filled, tmp_path / "home")
    with home.open_home(tmp_path / "home") as opened:
        yield opened


@pytest.fixture
def whole(ledger: Ledger, tmp_path: Path) -> Path:
    return bundled(ledger, tmp_path / "whole")


def bundled(ledger: Ledger, path: Path, **options: Any) -> Path:
    bundling.write(ledger, path, **options)
    return path


def verified(*paths: Path, pins: tuple[str, ...] = ()) -> VerifiedBundles:
    with sources.opened(paths, pins) as found:
        return bundle_verifying.verify(found)


def parsed(path: Path) -> Lines:
    return [json.loads(line) for line in path.read_text().splitlines()]


def resigned(ledger: Ledger, path: Path, lines: Lines) -> Path:
    """Write lines as whoever has the terminal's key can: counted, hashed and signed anew."""
    body, end = lines[:-1], lines[-1]
    data = b"".join(rfc8785.dumps(line) + b"\n" for line in body)
    sha256 = hashlib.sha256(data).hexdigest()
    records = sum(line["type"] == "record" for line in body)
    end = {**end, "sha256": sha256, "records": records, "withheld": body[0]["size"] - records}
    end["signature"] = ledger.sign_bundle(sha256)
    out = path.with_name(f"{path.name}-resigned")
    out.write_bytes(data + rfc8785.dumps(end) + b"\n")
    return out


def thinned(lines: Lines) -> Lines:
    return [line for number, line in enumerate(lines) if number != OPENED + 1]


def reordered(lines: Lines) -> Lines:
    return [*lines[:6], lines[7], lines[6], *lines[8:]]


def extended(lines: Lines) -> Lines:
    return [*lines[: LAST + 2], lines[LAST + 1], *lines[LAST + 2 :]]


def in_place_of_another(lines: Lines) -> Lines:
    """A record withheld by its own hash, in a bundle that says that it has all of them."""
    leaf = merkle.leaf_hash(lines[7]["record"].encode()).hex()
    return [*lines[:7], {"type": "withheld", "nodes": [[0, leaf]]}, *lines[8:]]


def twice(lines: Lines) -> Lines:
    return [*lines[:5], lines[4], *lines[5:]]


def test_a_whole_log_is_verified_as_in_its_home(ledger: Ledger, whole: Path) -> None:
    found = verified(whole)
    (one,) = found.terminals
    assert (one.whole, one.rules, one.records, one.size) == (True, True, LAST + 1, LAST + 1)
    assert one.root == ledger.root_at(ledger.size).hex()
    assert one.report is not None and one.report.checked.quorum_signatures == 1
    assert found.sets[0].epochs[0].in_force_at == ("north",)
    with sources.opened([whole]) as (source,):
        here, there = listing.lines(ledger), listing.lines(source.log)
        assert list(there) == list(here)
        assert showing.show(source.log, str(OPENED)) == showing.show(ledger, str(OPENED))
        assert history.of(source.log) == history.of(ledger)


def test_no_private_key_and_no_path_of_the_home_is_in_it(ledger: Ledger, whole: Path) -> None:
    data = whole.read_bytes()
    seed = ledger._key.reveal()
    for form in (seed, seed.hex().encode(), base64.b64encode(seed), b"PRIVATE", str(ledger.path.parent).encode()):
        assert form not in data


@pytest.mark.parametrize("attack", [thinned, reordered, extended, in_place_of_another, twice])
def test_on_the_way_nothing_is_taken_out_added_or_moved(whole: Path, attack: Callable[[Lines], Lines]) -> None:
    lines = attack(parsed(whole))
    whole.write_bytes(b"".join(rfc8785.dumps(line) + b"\n" for line in lines))
    with pytest.raises(IntegrityError):
        verified(whole)


@pytest.mark.parametrize(
    ("attack", "kind"),
    [(thinned, InvalidRecord), (reordered, InvalidRecord), (extended, InvalidRecord), (twice, InvalidRecord),
     (in_place_of_another, RecordMissing)],
)  # fmt: skip
def test_nor_by_whoever_has_the_key(
    ledger: Ledger, whole: Path, attack: Callable[[Lines], Lines], kind: type[IntegrityError]
) -> None:
    with pytest.raises(kind):
        verified(resigned(ledger, whole, attack(parsed(whole))))


def test_a_thinned_log_that_is_renumbered_has_another_root(ledger: Ledger, whole: Path) -> None:
    lines = parsed(whole)
    fewer = [*lines[: LAST + 1], *lines[LAST + 2 :]]
    with pytest.raises(InvalidProof, match="thinned, extended or put in another order"):
        verified(resigned(ledger, whole, fewer))


def test_every_byte_counts(whole: Path) -> None:
    data = whole.read_bytes()
    for place in range(0, len(data), 97):
        changed = bytearray(data)
        changed[place] ^= 1
        whole.write_bytes(changed)
        with pytest.raises((IntegrityError, InvalidInput, UnsupportedVersion)):
            verified(whole)


def test_a_cut_file_says_so(whole: Path) -> None:
    data = whole.read_bytes()
    lines = data.splitlines(keepends=True)
    for short in (b"".join(lines[:-1]), b"".join(lines[:4]), data[:-1], data[: len(data) // 2]):
        whole.write_bytes(short)
        with pytest.raises(InvalidRecord, match="cut off"):
            verified(whole)
    whole.write_bytes(data + b"\n")
    with pytest.raises(InvalidRecord, match="behind its last line"):
        verified(whole)


def test_what_is_no_bundle_is_not_unpacked(tmp_path: Path) -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("records", bytes(1 << 24))
    path = tmp_path / "bomb"
    long_line = b'{"checkpoint":"' + b"a" * (bundle_file.MAX_LINE_BYTES + 10)
    deep = b'{"checkpoint":' + b"[" * 100_000 + b"\n"
    for data in (bomb.getvalue(), gzip.compress(bytes(1 << 24)), b"", b"{}\n", b"\0" * 100):
        path.write_bytes(data)
        with pytest.raises(InvalidInput, match="no bundle"):
            verified(path)
    for data in (long_line, deep):
        path.write_bytes(data)
        with pytest.raises(InvalidRecord):
            verified(path)
    with pytest.raises(InvalidInput, match="could not be read"):
        verified(tmp_path)


def test_a_later_version_is_named(ledger: Ledger, whole: Path) -> None:
    lines = parsed(whole)
    lines[0]["v"] = 2
    with pytest.raises(UnsupportedVersion):
        verified(resigned(ledger, whole, lines))


def test_a_policy_that_is_not_that_of_its_digest_is_found(tmp_path: Path) -> None:
    with home.create(tmp_path / "home", "north") as ledger:
        fill(ledger)
        wrong = PolicyAdopted(source=SOURCE + "# another\n", digest="0" * 64)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("breakglass_shamir.custody.life.lifecycle.apply", lambda state, data, record: state)
            ledger.append(wrong, set_name="prod-db")
        path = bundled(ledger, tmp_path / "out")
    with pytest.raises(InvalidRecord, match="digest"):
        verified(path)


def test_the_same_bundle_twice_is_one(whole: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copyfile(whole, copy)
    (one,) = verified(whole, copy, whole).terminals
    assert (one.records, one.receipts) == (LAST + 1, 1)
    with sources.opened([whole, copy]) as (source,):
        assert len(list(listing.lines(source.log))) == LAST + 1


def test_two_bundles_of_a_fork_are_named(filled: Path, tmp_path: Path) -> None:
    paths = []
    for name, message in (("one", "here"), ("two", "there")):
        shutil.copytree(filled, tmp_path / name)
        with home.open_home(tmp_path / name) as ledger:
            ledger.append(NOTE)
            ledger.append(Refused(stage="open", error="insufficient-shares", message=message))
            ledger.append(NOTE)
            paths.append(bundled(ledger, tmp_path / f"{name}.bundle"))
    with pytest.raises(Forked, match=f"record {LAST + 1} .*one terminal key signed both"):
        verified(*paths)


def test_a_fork_shows_in_what_is_withheld(filled: Path, tmp_path: Path) -> None:
    paths = []
    for name, message in (("one", "here"), ("two", "there")):
        shutil.copytree(filled, tmp_path / name)
        with home.open_home(tmp_path / name) as ledger:
            ledger.append(Refused(stage="open", error="insufficient-shares", message=message))
            for _ in range(20):
                ledger.append(NOTE)
            size = ledger.size
            chosen = bundling._Chosen(size, size - 1, size - 1)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(bundling, "_choose", lambda *_, chosen=chosen: chosen)
                paths.append(bundled(ledger, tmp_path / f"{name}.bundle"))
    with pytest.raises(Forked):
        verified(*paths)


def test_an_older_bundle_is_the_beginning_of_a_newer_one(ledger: Ledger, tmp_path: Path) -> None:
    older = bundled(ledger, tmp_path / "older")
    for _ in range(9):
        ledger.append(NOTE)
    newer = bundled(ledger, tmp_path / "newer")
    for order in ((older, newer), (newer, older)):
        (one,) = verified(*order).terminals
        assert (one.records, one.size, one.source.gaps) == (ledger.size, ledger.size, ())


def days(ledger: Ledger, monkeypatch: pytest.MonkeyPatch, *dates: str) -> None:
    """Append a record a day."""
    for date in dates:
        now = clock.now()
        moment = type(now)(f"{date}T12:00:00Z", now.boot, now.uptime_ms)
        with monkeypatch.context() as patch:
            patch.setattr(clock, "now", lambda moment=moment: moment)
            ledger.append(Heartbeat(every_s=86_400))


def test_a_range_is_proven_complete_and_what_is_not_in_it_is_counted(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    days(ledger, monkeypatch, *(f"2999-01-{day:02}" for day in range(1, 31)))
    path = bundled(ledger, tmp_path / "some", period=Period.of("2999-01-10", "2999-01-19"))
    (one,) = verified(path).terminals
    assert (one.first, one.last, one.rules, one.whole) == (LAST + 10, LAST + 19, False, False)
    # ten days, one record on either side, and what says whose keys are whose
    assert one.records == 10 + 2 + 3
    with sources.opened([path]) as (source,):
        listed = list(listing.lines(source.log))
        assert [line.time[:10] for line in listed] == [f"2999-01-{day}" for day in range(10, 20)]
        assert source.gaps == ("records 3 to 19 are in no bundle of it", "records 32 to 41 are in no bundle of it")
        with pytest.raises(InvalidInput, match="withheld"):
            history.of(source.log)
        with pytest.raises(InvalidRecord, match="its hash alone"):
            source.log.row(5)
    lines = parsed(path)
    inside = next(n for n, line in enumerate(lines) if f'"seq":{LAST + 12},' in line.get("record", ""))
    leaf = merkle.leaf_hash(lines[inside]["record"].encode()).hex()
    lines[inside] = {"type": "withheld", "nodes": [[0, leaf]]}
    with pytest.raises(RecordMissing, match=f"record {LAST + 12} is withheld"):
        verified(resigned(ledger, path, lines))


def test_ranges_that_follow_each_other_are_one_log(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    days(ledger, monkeypatch, *(f"2999-01-{day:02}" for day in range(1, 31)))
    first = bundled(ledger, tmp_path / "first", period=Period(until="2999-01-15"))
    days(ledger, monkeypatch, *(f"2999-02-{day:02}" for day in range(1, 20)))
    second = bundled(ledger, tmp_path / "second", period=Period.of("2999-01-16"))
    (alone,) = verified(first).terminals
    assert alone.rules and not alone.whole
    (both,) = verified(second, first).terminals
    assert both.rules and both.whole and both.source.gaps == ()
    with sources.opened([first, second]) as (source,):
        assert history.of(source.log) == history.of(ledger)


def test_one_set_is_told_whole_and_the_others_are_hashes(ledger: Ledger, tmp_path: Path) -> None:
    other = SOURCE.replace("prod-db", "other")
    ledger.append(PolicyAdopted(source=other, digest=policies.digest(other).hex()), set_name="other")
    ledger.append(NOTE, set_name="other")
    ledger.append(NOTE, set_name="prod-db")
    path = bundled(ledger, tmp_path / "one", set_name="prod-db")
    (one,) = verified(path).terminals
    assert (one.records, one.rules, one.whole) == (ledger.size - 2, True, False)
    assert b'name = \\"other\\"' not in path.read_bytes()
    with sources.opened([path]) as (source,):
        assert list(source.log.state.sets) == ["prod-db"]
        assert [one.name for one in history.of(source.log).sets] == ["prod-db"]
        with pytest.raises(UnknownSet):
            list(listing.lines(source.log, set_name="other"))
    lines = parsed(path)
    place = next(n for n, line in enumerate(lines) if line["type"] == "withheld")
    lines[place]["nodes"] = [[1, ledger.node(1, (LAST + 1) // 2).hex()]]
    with pytest.raises(InvalidRecord, match="without a hash of its own"):
        verified(resigned(ledger, path, lines))


def test_a_stranger_is_unpinned_and_refused_where_pins_are_given(ledger: Ledger, whole: Path, tmp_path: Path) -> None:
    with home.create(tmp_path / "other", "north") as other:
        stranger = bundled(other, tmp_path / "stranger")
        theirs = evidence.terminal_key(other).fingerprint
    mine = evidence.terminal_key(ledger).fingerprint
    assert [one.source.trust for one in verified(whole, stranger).terminals] == ["UNPINNED", "UNPINNED"]
    assert sum("UNPINNED" in words for words in verified(whole, stranger).open) == 2
    (pinned,) = verified(whole, pins=(mine,)).terminals
    assert (pinned.source.trust, verified(whole, pins=(mine,)).open) == ("pinned", ())
    with pytest.raises(KeyMismatch, match=re.escape(theirs)):
        verified(whole, stranger, pins=(mine,))
    with pytest.raises(InvalidInput, match="fingerprint"):
        verified(whole, pins=("SHA256:short",))


def test_another_key_signs_nothing_of_it(ledger: Ledger, whole: Path) -> None:
    lines = parsed(whole)
    stranger = Secret(b"s" * 32)
    body = b"".join(rfc8785.dumps(line) + b"\n" for line in lines[:-1])
    sha256 = hashlib.sha256(body).hexdigest()
    signature = sshsig.sign(stranger, sha256.encode(), sshsig.BUNDLE_NAMESPACE)
    whole.write_bytes(body + rfc8785.dumps({**lines[-1], "signature": signature}) + b"\n")
    with pytest.raises(InvalidSignature):
        verified(whole)
    wrong = sshsig.sign(ledger._key, sha256.encode(), sshsig.KIT_NAMESPACE)
    whole.write_bytes(body + rfc8785.dumps({**lines[-1], "signature": wrong}) + b"\n")
    with pytest.raises(InvalidSignature):
        verified(whole)


def test_nothing_is_written_over_and_nothing_of_no_time(ledger: Ledger, whole: Path, tmp_path: Path) -> None:
    with pytest.raises(FileExists):
        bundling.write(ledger, whole)
    with pytest.raises(InvalidInput, match="no record is of the time"):
        bundling.write(ledger, tmp_path / "none", period=Period.of("3999-01-01"))
    with pytest.raises(UnknownSet):
        bundling.write(ledger, tmp_path / "none", set_name="none")
    assert not (tmp_path / "none").exists()


def looked_at(ledger: Ledger, forged: str = "") -> int:
    """Record a withdrawn opening and a password that changed, one reviewed and the other settled; returns the number of
    the record whose signature is over something else.
    """
    text = reviewing.source()
    ledger.append(lives.adopted(), set_name="prod-db")
    ledger.append(lives.issued(lives.FIRST), set_name="prod-db")
    ledger.append(PolicyAdopted(source=text, digest=policies.digest(text).hex()), set_name="prod-db")
    declared = msgspec.structs.replace(lives.declared(), policy_digest=policies.digest(text).hex())
    opening = ledger.append(declared, set_name="prod-db").digest
    passed = Overridden(gate="ticket", problem="none", reason="the ticket system is down")
    ledger.append(passed, set_name="prod-db", opening=opening)
    last = ledger.append(Cancelled(reason="it works again"), set_name="prod-db", opening=opening).digest
    changed = ledger.append(reviewing.OUTSIDE, set_name="prod-db")
    log, reason, keys = ledger.log_id.hex(), reviewing.REASON, reviewing.LINES
    said = review_statement(log, "prod-db", opening, last, "misuse" if forged == "reviewed" else "as declared", reason)
    signature = sshsig.sign(reviewing.SEEDS["rosa"], said, sshsig.REVIEW_NAMESPACE)
    debts = {f"password-change-{changed.record.seq}": changed.digest}
    named = {**debts, "password-change-1": changed.digest} if forged == "debts-settled" else debts
    settles = settlement_statement(log, "prod-db", named, reason)
    settled = sshsig.sign(reviewing.SEEDS["rudi"], settles, sshsig.SETTLEMENT_NAMESPACE)
    review = Reviewed(
        subject=opening, last=last, verdict="as declared", reason=reason, reviewer="Rosa", key=keys["rosa"],
        signature=signature,
    )  # fmt: skip
    settlement = DebtsSettled(debts=debts, reason=reason, officer="Rudi", key=keys["rudi"], signature=settled)
    one = ledger.append(review, set_name="prod-db", opening=opening)
    other = ledger.append(settlement, set_name="prod-db")
    return (one if forged == "reviewed" else other).record.seq


@pytest.fixture
def reviewed(tmp_path: Path) -> Iterator[Ledger]:
    with home.create(tmp_path / "home", "north") as ledger:
        yield ledger


def test_reviews_and_settlements_come_along_with_their_signatures(reviewed: Ledger, tmp_path: Path) -> None:
    looked_at(reviewed)
    path = bundled(reviewed, tmp_path / "out")
    (one,) = verified(path).terminals
    assert (one.whole, one.rules, one.signatures) == (True, True, 2)
    with sources.opened([path]) as (source,):
        assert history.of(source.log).sets[0].owed == ()
        shown = showing.show(source.log, str(reviewed.size - 2))[0]
        assert [by.principal for by in shown.signatures] == ["terminal", "reviewer:Rosa"]


@pytest.mark.parametrize(("forged", "who"), [("reviewed", "reviewer Rosa"), ("debts-settled", "Rudi, who may settle")])
def test_a_review_whose_signature_is_of_something_else_is_named(
    reviewed: Ledger, tmp_path: Path, forged: str, who: str
) -> None:
    """By whoever has the terminal's key: in a whole log, and in a range that is verified record by record."""
    seq = looked_at(reviewed, forged)
    whole = bundled(reviewed, tmp_path / "out")
    with pytest.raises(InvalidSignature, match=f"record {seq}: .*{who}"):
        verified(whole)
    chosen = bundling._Chosen(reviewed.size, seq, seq)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bundling, "_choose", lambda *_: chosen)
        some = bundled(reviewed, tmp_path / "some")
    with pytest.raises(InvalidSignature, match=f"record {seq}: .*{who}"):
        verified(some)
