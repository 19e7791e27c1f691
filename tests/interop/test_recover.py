# SPDX-License-Identifier: Apache-2.0
"""The second implementation of the paper format: ``recover.py`` runs on the vectors, alone, and leaves its record.

Rules:

1. The program runs as its users run it: a process with ``-I -S``, text in, answers on standard error.
2. The vectors are the only source of what must come out.
3. No run may let a secret into its answers; ``recover`` below looks for all of them after each.
"""

import ast
import dataclasses
import hashlib
import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from breakglass_shamir.standalone import recover as program

REPOSITORY = Path(__file__).resolve().parent.parent.parent
PROGRAM = REPOSITORY / "breakglass_shamir" / "standalone" / "recover.py"
VECTORS = REPOSITORY / "tests" / "vectors"
WHO = (
    "--officer",
    "head of security",
    "--officer",
    "Büro Süd",
    "--ticket",
    "INC-7",
    "--reason",
    'the "directory" is down',
)
KINDS = {"live": 1, "drill": 2}

Vector = dict[str, Any]


@cache
def vectors_of(file: str) -> list[Vector]:
    loaded: dict[str, list[Vector]] = json.loads((VECTORS / f"{file}.json").read_text(encoding="utf-8"))
    return loaded["vectors"]


EPOCHS: dict[str, Vector] = {v["name"]: {**v["input"], **v["output"]} for v in vectors_of("epochs")}
LIVE = [name for name in EPOCHS if name != "drill"]
TYPED = [name for name in LIVE if EPOCHS[name]["core_lines"]]
PLAIN = EPOCHS["2-of-3"]


def secret_of(epoch: Vector) -> bytes:
    return bytes.fromhex(epoch["credential"]["secret"])


@cache
def whispers() -> tuple[bytes, ...]:
    """Every text that no answer may contain: secrets, masters, seeds and values, as bytes, hexadecimal and as typed."""
    found: set[bytes] = set()
    for epoch in EPOCHS.values():
        keys = next(v["output"] for v in vectors_of("primitives") if v["input"].get("master") == epoch["master"])
        hidden = [epoch["master"], keys["set_key_seed"], keys["credential_key"], *epoch["group_secrets"]]
        hidden += [epoch["credential"]["totp_seed"], *(share["value"] for share in epoch["shares"])]
        found |= {each.encode() for each in hidden if each} | {bytes.fromhex(each) for each in hidden if each}
        found |= {secret_of(epoch), secret_of(epoch).hex().encode()}
        found |= {line.encode()[:29] for share in epoch["shares"] for line in share["lines"][1:]}
        found |= {share["text"].encode()[29:] for share in epoch["shares"]}
    return tuple(found)


def recover(
    folder: Path,
    lines: list[str],
    *options: str,
    output: tuple[str, ...] = ("--stdout",),
    through: tuple[str, ...] = (),
) -> tuple[int, bytes, str]:
    """Run the program on lines of input: its exit status, its output, its answers. Answers hold no secret."""
    command = [*through, sys.executable, "-I", "-S", str(PROGRAM), *WHO, *output, "--record"]
    done = subprocess.run(
        [*command, str(folder / "recovery.json"), *options],
        input="\n".join(lines).encode(),
        capture_output=True,
        start_new_session=True,
        check=False,
    )
    for whisper in whispers():
        assert whisper not in done.stderr, "a secret is in the answers"
    assert b"Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr.decode()


def texts(epoch: Vector, *places: int) -> list[str]:
    return [epoch["shares"][place]["text"] for place in places or range(len(epoch["shares"]))]


def typed(epoch: Vector, *places: int) -> list[str]:
    return [line for place in places or range(len(epoch["shares"])) for line in epoch["shares"][place]["lines"]]


def changed(text: str, *places: int) -> str:
    """Return a text with other characters at some places, counted from 0."""
    letters = list(text)
    for place in places:
        letters[place] = "7" if letters[place] != "7" else "8"
    return "".join(letters)


# The whole way, on every epoch


@pytest.mark.parametrize("name", LIVE)
def test_scanned_codes_open(name: str, tmp_path: Path) -> None:
    epoch = EPOCHS[name]
    assert recover(tmp_path, texts(epoch) + epoch["codes"])[:2] == (0, secret_of(epoch))


@pytest.mark.parametrize("name", LIVE)
def test_codes_in_reverse_and_twice_with_typed_shares_open(name: str, tmp_path: Path) -> None:
    epoch = EPOCHS[name]
    lines = [code.lower() for code in reversed(epoch["codes"])] + epoch["codes"][:1] + typed(epoch)
    assert recover(tmp_path, lines)[:2] == (0, secret_of(epoch))


@pytest.mark.parametrize("name", TYPED)
def test_the_typed_core_and_typed_shares_open(name: str, tmp_path: Path) -> None:
    epoch = EPOCHS[name]
    status, output, answers = recover(tmp_path, typed(epoch) + epoch["core_lines"])
    assert (status, output) == (0, secret_of(epoch))
    record = json.loads((tmp_path / "recovery.json").read_bytes())
    assert (record["set"], record["envelope_sha256"]) == ("", "")
    assert "without an envelope" in answers


@pytest.mark.parametrize("name", TYPED)
@pytest.mark.parametrize("lost", ["first", "middle", "last"])
def test_a_lost_line_of_the_core_is_repaired(name: str, lost: str, tmp_path: Path) -> None:
    epoch = EPOCHS[name]
    lines = list(epoch["core_lines"])
    del lines[{"first": 0, "middle": len(lines) // 2 + 1, "last": -1}[lost]]
    assert recover(tmp_path, lines + texts(epoch))[:2] == (0, secret_of(epoch))


@pytest.mark.parametrize("medium", ["codes", "core_lines"])
def test_drill_codes_are_refused(medium: str, tmp_path: Path) -> None:
    epoch = EPOCHS["drill"]
    status, output, answers = recover(tmp_path, typed(epoch) + epoch[medium] + texts(epoch))
    assert (status, output) == (4, b"")
    assert answers.count("drill code") == 2 * len(epoch["shares"]) + 1
    assert not (tmp_path / "recovery.json").exists()


def open_with_key(session: program.Session, key: str) -> program.Opened:
    """Open as with an envelope that has this set public key: all 32 bytes of it count, not 8 of its hash."""
    (epoch,) = session.epochs.values()
    envelope = program.parse_envelope(join(PLAIN["codes"]))
    known = dataclasses.replace(envelope, set_public_key=bytes.fromhex(key))
    return program.open_epoch(epoch.core, known, session.seats(epoch))


def held_against_its_key(session: program.Session, vector: Vector) -> None:
    if "output" in vector:
        assert open_with_key(session, vector["input"]["set_public_key"]).credential.secret == secret_of(PLAIN)
    else:
        with pytest.raises(program.Refused, match=vector["error"]):
            open_with_key(session, vector["input"]["set_public_key"])


LEAVES_OUT = {"mixed-shares", "share-mismatch", "malformed-text", "duplicate-share"}
"""Failures of one share. The strict procedure stops there; the program names it, leaves it out, and goes on."""


OPEN = [vector for vector in vectors_of("openings") if vector["operation"] == "open"]


@pytest.mark.parametrize("vector", OPEN, ids=lambda v: v["name"])
def test_every_opening_of_the_vectors(vector: Vector) -> None:
    answers: list[str] = []
    session = program.Session(answers.append)
    for line in (*vector["input"].get("codes", []), *vector["input"].get("core_lines", []), *vector["input"]["shares"]):
        session.take(line)
    if "set_public_key" in vector["input"]:
        held_against_its_key(session, vector)
    elif vector["name"].startswith("drill"):
        with pytest.raises(program.Refused):
            session.open()
    elif "output" in vector:
        plaintext = bytes.fromhex(vector["output"]["plaintext"])
        assert session.open().credential == program.read_credential(plaintext)
    elif vector["error"] in LEAVES_OUT:
        named = (f"[{vector['error']}]", "another epoch", "drill code")
        assert any(words in answer for words in named for answer in answers)
    else:
        with pytest.raises(program.Refused, match=vector["error"]):
            session.open()


# Damage


@pytest.mark.parametrize("lost", range(4))
@pytest.mark.parametrize("name", ["2-of-3", "2-of-3 and 1-of-2"])
def test_one_lost_line_of_every_share_is_repaired(name: str, lost: int, tmp_path: Path) -> None:
    epoch = EPOCHS[name]
    lines = list(epoch["codes"])
    for share in epoch["shares"]:
        lines += [line for i, line in enumerate(share["lines"]) if i != lost] + [""]
    status, output, answers = recover(tmp_path, lines)
    assert (status, output) == (0, secret_of(epoch))
    assert answers.count(f"(repaired: line {lost + 1})") == len(epoch["shares"])


def test_lost_lines_are_repaired_without_a_word_between_the_sheets(tmp_path: Path) -> None:
    first, second = PLAIN["shares"][0]["lines"], PLAIN["shares"][1]["lines"]
    for lost in range(4):
        lines = [line for i, line in enumerate(first) if i != lost] + [
            line for i, line in enumerate(second) if i != lost
        ]
        folder = tmp_path / str(lost)
        folder.mkdir()
        assert recover(folder, PLAIN["codes"] + lines)[:2] == (0, secret_of(PLAIN)), lost


def test_four_wrong_characters_are_repaired_and_shown(tmp_path: Path) -> None:
    bad = changed(PLAIN["shares"][0]["text"], 5, 30, 61, 100)
    status, output, answers = recover(tmp_path, [*PLAIN["codes"], bad, *texts(PLAIN, 2)])
    assert (status, output) == (0, secret_of(PLAIN))
    assert "share 1.1 of epoch T279-Z4GW-AQ9R (repaired: character 1, 26, 57, 96); 1 of 2" in answers


def test_four_wrong_characters_in_typed_lines_are_repaired(tmp_path: Path) -> None:
    lines = [changed(line, 3) for line in PLAIN["shares"][1]["lines"]]
    status, output, answers = recover(tmp_path, [*PLAIN["codes"], *lines, "", *typed(PLAIN, 2)])
    assert (status, output) == (0, secret_of(PLAIN))
    assert "share 1.2" in answers


def test_a_line_in_doubt_may_be_typed_again(tmp_path: Path) -> None:
    lines = PLAIN["shares"][0]["lines"]
    again = [lines[0], changed(lines[1], 0, 5, 10, 15, 20, 25), lines[1], lines[2], f"4: {lines[3]}"]
    status, output, answers = recover(tmp_path, [*PLAIN["codes"], *again, *texts(PLAIN, 1)])
    assert (status, output) == (0, secret_of(PLAIN))
    assert "line 2: in doubt" in answers
    assert "accepted: share 1.1 of epoch T279-Z4GW-AQ9R; 1 of 2" in answers


def test_unreadable_characters_and_printed_line_numbers(tmp_path: Path) -> None:
    lines = PLAIN["shares"][0]["lines"]
    given = [f"1. {lines[0]}", f"2 {lines[1]}", "3: ?", f"4: {lines[3]}"]
    unread = [lines[0].replace("X", "?"), *lines[1:]]
    for number, each in enumerate([given, unread]):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert recover(folder, [*PLAIN["codes"], *each, "", *texts(PLAIN, 1)])[:2] == (0, secret_of(PLAIN))


@pytest.mark.parametrize("envelope_first", [True, False])
def test_a_lost_line_and_a_wrong_character_are_found_by_the_commitment(envelope_first: bool, tmp_path: Path) -> None:
    vector = next(v for v in vectors_of("shares") if v["operation"] == "find-share")
    lines = [f"{i}: {line or '?'}" for i, line in enumerate(vector["input"]["lines"], 1)] + [""]
    whole = [*PLAIN["codes"], *lines] if envelope_first else [*lines, *PLAIN["codes"]]
    status, output, answers = recover(tmp_path, [*whole, *texts(PLAIN, 0)])
    assert (status, output) == (0, secret_of(PLAIN))
    assert "damaged" in answers


def test_without_an_envelope_the_epoch_id_finds_it(tmp_path: Path) -> None:
    vector = next(v for v in vectors_of("shares") if v["operation"] == "find-share")
    lines = [f"{i}: {line or '?'}" for i, line in enumerate(vector["input"]["lines"], 1)] + [""]
    assert recover(tmp_path, [*PLAIN["core_lines"], *lines, *texts(PLAIN, 0)])[:2] == (0, secret_of(PLAIN))


def input_of(operation: str, name: str) -> Vector:
    given: Vector = next(v["input"] for v in vectors_of("openings") if (v["operation"], v["name"]) == (operation, name))
    return given


def test_a_line_that_checks_and_is_wrong_blocks_nothing_and_is_named(tmp_path: Path) -> None:
    given = input_of("open-typed", "a line of the core and one of a share wrong")
    lines = [line for share in given["share_lines"] for line in (*share, "")]
    status, output, answers = recover(tmp_path, [*lines, *given["core_lines"], ""])
    assert (status, output) == (0, secret_of(PLAIN)), answers
    assert "wrong as it was typed, and read otherwise: line 9 of the core" in answers


def test_a_line_of_the_core_may_be_typed_again_after_it_was_guessed_at(tmp_path: Path) -> None:
    given = input_of("open-typed", "a line of the core wrong")
    shares = [line for share in given["share_lines"] for line in (*share, "")]
    right = PLAIN["core_lines"][2]
    status, output, answers = recover(tmp_path, [*shares, *given["core_lines"], "", f"7: {right}"])
    assert (status, output) == (0, secret_of(PLAIN)), answers
    assert "accepted: core without an envelope" in answers
    assert "read otherwise" not in answers


def test_a_scanner_on_another_keyboard_is_undone_and_the_keyboard_named(tmp_path: Path) -> None:
    vectors = {v["name"]: v["input"]["texts"] for v in vectors_of("scans")}
    swapped = vectors["share and envelopes, German, Austrian, Swiss French"]
    status, output, answers = recover(tmp_path, [swapped[0], swapped[1], PLAIN["shares"][0]["text"]])
    assert (status, output) == (0, secret_of(PLAIN)), answers
    assert "another layout than the scanner (German, Austrian, Swiss French): undone" in answers
    _, _, answers = recover(tmp_path / "other", vectors["codes of an envelope before any that proves the keyboard"])
    assert "and which is not certain: scan a share code first, or set scanner and machine to the US layout" in answers


def test_a_polluted_pool_opens_and_every_stray_is_named(tmp_path: Path) -> None:
    others = [text for name, epoch in EPOCHS.items() if name != "2-of-3" for text in texts(epoch)]
    forged = next(v for v in vectors_of("openings") if v["name"] == "one bit of a value")["input"]["shares"][1]
    junk = ["hello", "BGS1:", "BGE1:0", "BGS1;2788", "http://example.org/", "0" * 5000, "\x00\x1b[2J", "ü", "99: 0000"]
    lines = [*others, *junk, forged, texts(PLAIN, 0)[0], *PLAIN["codes"], *texts(PLAIN, 0, 1), "12", "?", "-"]
    status, output, answers = recover(tmp_path, lines)
    assert (status, output) == (0, secret_of(PLAIN))
    for words in ("another epoch", "drill code", "not ours", "share-mismatch", "seen already", "US layout"):
        assert words in answers
    assert "\x1b" not in answers


def test_a_bad_sheet_without_an_envelope_is_left_out_by_trying(tmp_path: Path) -> None:
    forged = next(v for v in vectors_of("openings") if v["name"] == "one bit of a value")["input"]["shares"][1]
    assert recover(tmp_path, [*PLAIN["core_lines"], forged, *texts(PLAIN, 0, 2)])[:2] == (0, secret_of(PLAIN))
    assert json.loads((tmp_path / "recovery.json").read_bytes())["sheets"] == ["1.1", "1.3"]


def test_two_valid_envelopes_of_one_epoch_are_an_integrity_error(tmp_path: Path) -> None:
    seed = bytes.fromhex(next(v for v in vectors_of("primitives"))["output"]["set_key_seed"])
    body = bytes.fromhex(PLAIN["bytes"])[:-64].replace(b"prod-db", b"prod-dc")
    other = body + program.sign(seed, b"breakglass-shamir envelope\x00" + body)
    lines = [*PLAIN["codes"], "BGE1:" + program.encode32(other), *texts(PLAIN)]
    status, output, answers = recover(tmp_path, lines)
    assert (status, output) == (4, b"")
    assert "envelope-conflict" in answers
    assert recover(tmp_path, lines, "--envelope", PLAIN["sha256"])[:2] == (0, secret_of(PLAIN))


# The record


def test_the_record_has_every_field_in_canonical_form(tmp_path: Path) -> None:
    epoch = EPOCHS["2-of-3 and 1-of-2"]
    assert recover(tmp_path, epoch["codes"] + texts(epoch))[0] == 0
    written = (tmp_path / "recovery.json").read_bytes()
    record = json.loads(written)
    assert rfc8785.dumps(record) == written
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", record.pop("time"))
    assert record == {
        "v": 1,
        "type": "recovery",
        "set": "Zürich firewall",
        "epoch": epoch["epoch"],
        "epoch_id": epoch["epoch_id"],
        "set_public_key": epoch["set_public_key"],
        "envelope_sha256": epoch["sha256"],
        "sheets": ["1.1", "1.2", "2.1"],
        "officers": ["head of security", "Büro Süd"],
        "ticket": "INC-7",
        "reason": 'the "directory" is down',
        "tool": program.TOOL,
    }
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in ("recovery.json", "recovery.json.sig")} == {0o600}


def verify_as_documented(folder: Path, *, one_file: bool = False) -> subprocess.CompletedProcess[bytes]:
    document = (REPOSITORY / "docs" / "spec" / "8-recovery.md").read_text(encoding="utf-8")
    apart, verify = re.findall(r"```sh\n(.*?)```", document, re.DOTALL)
    return subprocess.run(
        ["sh", "-euc", apart + verify if one_file else verify], cwd=folder, capture_output=True, check=False
    )


def test_the_record_verifies_by_the_documented_commands(tmp_path: Path, need: Callable[[str], str]) -> None:
    need("ssh-keygen")
    assert recover(tmp_path, PLAIN["codes"] + texts(PLAIN))[0] == 0
    done = verify_as_documented(tmp_path)
    assert done.returncode == 0, done.stderr
    assert b"Good" in done.stdout
    shown_line = (tmp_path / "allowed_signers").read_text(encoding="utf-8")
    assert shown_line in (REPOSITORY / "docs" / "spec" / "8-recovery.md").read_text(encoding="utf-8")


def test_the_name_that_a_record_gets_is_never_taken_for_a_share() -> None:
    ids = (hashlib.sha256(bytes([number])).digest()[:8] for number in range(256))
    names = [f"/media/stick/recovery-20311231-235959-{program.shown_id(each)}" for each in ids]
    assert [name for name in names if program.looks_like_share(f"{name}.json") or program.looks_like_share(name)] == []


def test_without_a_name_the_record_has_one_that_the_toolkit_takes(tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-S", str(PROGRAM), *WHO, "--stdout"]
    given = "\n".join(PLAIN["codes"] + texts(PLAIN)).encode()
    done = subprocess.run(command, input=given, capture_output=True, cwd=tmp_path, start_new_session=True, check=False)
    assert done.returncode == 0, done.stderr
    names = sorted(file.name for file in tmp_path.iterdir())
    assert [re.sub(r"[0-9]{8}-[0-9]{6}", "TIME", name) for name in names] == [
        "recovery-TIME-T279-Z4GW-AQ9R.json", "recovery-TIME-T279-Z4GW-AQ9R.json.sig",
    ]  # fmt: skip


def test_a_changed_record_does_not_verify(tmp_path: Path, need: Callable[[str], str]) -> None:
    need("ssh-keygen")
    assert recover(tmp_path, PLAIN["codes"] + texts(PLAIN))[0] == 0
    record = tmp_path / "recovery.json"
    record.write_bytes(record.read_bytes().replace(b"INC-7", b"INC-8"))
    assert verify_as_documented(tmp_path).returncode != 0


@pytest.mark.parametrize("obstacle", ["no such folder", "record exists", "signature exists", "a folder"])
@pytest.mark.parametrize("output", ["stdout", "out"])
def test_without_a_record_nothing_is_revealed(obstacle: str, output: str, tmp_path: Path) -> None:
    record, out = tmp_path / "use.json", tmp_path / "secret"
    if obstacle == "no such folder":
        record = tmp_path / "absent" / "use.json"
    elif obstacle == "record exists":
        record.write_bytes(b"kept")
    elif obstacle == "signature exists":
        (tmp_path / "use.json.sig").write_bytes(b"kept")
    else:
        record.mkdir()
    way = ("--stdout",) if output == "stdout" else ("--out", str(out))
    status, shown, answers = recover(tmp_path, PLAIN["codes"] + texts(PLAIN), "--record", str(record), output=way)
    assert (status, shown) == (5, b"")
    assert "nothing was revealed" in answers
    assert "breakglass" not in answers  # the account is part of what is sealed
    assert not out.exists()
    if obstacle == "record exists":
        assert record.read_bytes() == b"kept"
    if obstacle == "signature exists":
        assert not record.exists()


def test_a_full_disk_is_no_record(tmp_path: Path) -> None:
    full = ("sh", "-c", 'ulimit -f 0; exec "$@"', "sh")
    status, shown, _ = recover(tmp_path, PLAIN["codes"] + texts(PLAIN), through=full)
    assert (status, shown) == (5, b"")
    assert list(tmp_path.iterdir()) == []


# The ways out, and the person at the terminal


def test_out_is_private_and_never_overwrites(tmp_path: Path) -> None:
    out = tmp_path / "secret"
    epoch = next(epoch for epoch in EPOCHS.values() if epoch["credential"]["totp_seed"])
    lines = epoch["codes"] + texts(epoch)
    status, shown, answers = recover(tmp_path, lines, output=("--out", str(out)))
    assert (status, shown, out.read_bytes()) == (0, b"", secret_of(epoch))
    assert out.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "secret.totp").read_bytes() == b"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    assert epoch["credential"]["hint"] in answers
    out.write_bytes(b"kept")
    status, shown, _ = recover(tmp_path, lines, "--record", str(tmp_path / "2.json"), output=("--out", str(out)))
    assert (status, shown, out.read_bytes()) == (2, b"", b"kept")
    assert not (tmp_path / "2.json").exists()


def test_files_are_read_and_a_share_on_the_command_line_is_refused(tmp_path: Path) -> None:
    first, second = tmp_path / "a.txt", tmp_path / "b.txt"
    first.write_text("\ufeff" + "\r\n".join(PLAIN["codes"] + texts(PLAIN, 0)), encoding="utf-8")
    second.write_text("\n".join(typed(PLAIN, 2)), encoding="utf-8")
    assert recover(tmp_path, [], str(first), str(second))[:2] == (0, secret_of(PLAIN))
    assert recover(tmp_path, [], texts(PLAIN, 0)[0])[:2] == (2, b"")
    assert recover(tmp_path, [], typed(PLAIN, 0)[1])[:2] == (2, b"")


def test_nobody_to_ask_is_wrong_use(tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-S", str(PROGRAM), "--stdout"]
    given = "\n".join(PLAIN["codes"] + texts(PLAIN)).encode()
    done = subprocess.run(command, input=given, capture_output=True, cwd=tmp_path, start_new_session=True, check=False)
    assert (done.returncode, done.stdout) == (2, b"")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "a\nb", "\u202eabc", "x" * 201])
def test_texts_that_cannot_stand_in_a_record_are_refused(text: str, tmp_path: Path) -> None:
    assert recover(tmp_path, PLAIN["codes"] + texts(PLAIN), "--ticket", text)[:2] == (2, b"")


class Terminal:
    """The program at a pseudo-terminal: type a line, wait for words."""

    def __init__(self, folder: Path, *options: str) -> None:
        command = [sys.executable, "-I", "-S", str(PROGRAM), *options]
        self.parent, child = pty.openpty()
        self.process = subprocess.Popen(
            command, stdin=child, stdout=child, stderr=child, cwd=folder, start_new_session=True, close_fds=True
        )
        os.close(child)
        self.seen = ""

    def expect(self, words: str, answer: str | None = None) -> None:
        deadline = time.monotonic() + 90
        while words not in self.seen:
            ready, _, _ = select.select([self.parent], [], [], max(deadline - time.monotonic(), 0))
            assert ready, f"expected {words!r}, saw {self.seen[-2000:]!r}"
            self.seen += os.read(self.parent, 65536).decode()
        self.seen = self.seen.split(words, 1)[1]
        if answer is not None:
            os.write(self.parent, answer.encode() + b"\n")

    def close(self) -> int:
        status = self.process.wait(timeout=90)
        os.close(self.parent)
        return status


def test_a_person_at_the_terminal_is_asked_and_no_mistake_ends_the_session(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "--record", "absent/use.json")
    terminal.expect("> ", "hlep")
    terminal.expect("not ours", "open")
    terminal.expect("no quorum yet", texts(PLAIN, 0)[0])
    terminal.expect("accepted: share 1.1", PLAIN["codes"][0])
    terminal.expect("1 of 2 needed", texts(PLAIN, 0)[0])
    terminal.expect("seen already", texts(PLAIN, 2)[0])
    terminal.expect("type open> ", "open")
    terminal.expect("who is there? name and surname: ", "")
    terminal.expect("who is there? name and surname: ", "head of security")
    terminal.expect("who else? (empty: nobody) ", "x" * 300)
    terminal.expect("who else? (empty: nobody) ", "")
    terminal.expect("incident or ticket: ", "INC-7")
    terminal.expect("reason: ", "directory is down")
    terminal.expect("the record cannot be written")
    assert "correct horse" not in terminal.seen
    terminal.expect("another file", "use.json")
    terminal.expect("account: breakglass")
    terminal.expect("press Enter: ", "")
    terminal.expect("secret (28 bytes):")
    terminal.expect("correct horse battery staple")
    terminal.expect("Enter erases this", "")
    terminal.expect("replace it")
    assert terminal.close() == 0
    assert json.loads((tmp_path / "use.json").read_bytes())["officers"] == ["head of security"]


def test_an_interruption_reveals_nothing(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    for text in PLAIN["codes"] + texts(PLAIN, 0, 1):
        terminal.expect("> ", text)
    terminal.expect("type open> ", "open")
    terminal.expect("who is there?")
    terminal.process.send_signal(2)
    terminal.expect("interrupted")
    assert terminal.close() == 130
    assert list(tmp_path.iterdir()) == []


# The program itself


def test_it_imports_nothing_but_the_standard_library() -> None:
    tree = ast.parse(PROGRAM.read_text(encoding="utf-8"), feature_version=(3, 8))
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names.add(str(node.module).split(".")[0])
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"__import__", "eval", "exec"}
    assert names <= set(sys.stdlib_module_names)
    assert "breakglass_shamir" not in names


def test_ed25519_against_rfc_8032() -> None:
    for seed, public, message, signature in RFC_8032:
        assert program.public_key(bytes.fromhex(seed)).hex() == public
        assert program.sign(bytes.fromhex(seed), bytes.fromhex(message)).hex() == signature
        program.verify_signature(bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature))
        with pytest.raises(program.Refused):
            program.verify_signature(bytes.fromhex(public), bytes.fromhex(message) + b"x", bytes.fromhex(signature))
        late = int.from_bytes(bytes.fromhex(signature)[32:], "little") + program.ORDER
        with pytest.raises(program.Refused):
            forged = bytes.fromhex(signature)[:32] + late.to_bytes(32, "little")
            program.verify_signature(bytes.fromhex(public), bytes.fromhex(message), forged)


def test_aes_256_gcm_against_known_answers() -> None:
    for key, nonce, header, plaintext, sealed in GCM:
        given = (bytes.fromhex(key), bytes.fromhex(nonce), bytes.fromhex(header))
        good = bytes.fromhex(sealed)
        assert program.gcm_decrypt(*given, good) == bytes.fromhex(plaintext)
        assert program.gcm_decrypt(*given, good[:-1] + bytes([good[-1] ^ 1])) is None


def test_the_field_of_sharing() -> None:
    assert program.multiply128(2, 1 << 127) == 0x87
    assert program.multiply128(0x87, 0x87) == 0x4015
    assert all(program.multiply128(x, program.inverse128(x)) == 1 for x in range(1, 256))


def test_totp_against_rfc_6238() -> None:
    for moment, code in ((59, "287082"), (1111111109, "081804"), (20000000000, "353130")):
        assert program.totp(b"12345678901234567890", moment) == code


RFC_8032 = (
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555"
        "fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da0"
        "85ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac1"
        "8ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
)
"""RFC 8032, section 7.1, tests 1 to 3: seed, public key, message, signature."""

GCM = (
    ("00" * 32, "00" * 12, "", "", "530f8afbc74536b9a963b4f1c4cb738b"),
    ("00" * 32, "00" * 12, "", "00" * 16, "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"),
    (
        "feffe9928665731c6d6a8f9467308308" * 2,
        "cafebabefacedbaddecaf888",
        "feedfacedeadbeeffeedfacedeadbeefabaddad2",
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
        "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
        "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b",
    ),
)
"""The GCM proposal to NIST, test cases 13, 14 and 16: key, nonce, header, plaintext, ciphertext and tag."""


# Each operation of the vectors, by itself


def share_bytes(share: program.Share) -> str:
    return (bytes([16 | share.kind]) + share.epoch_id + bytes(share.seat) + share.value).hex()


def read_lines(lines: list[str | None]) -> list[str]:
    return [program.read_line(line)[0] if line else program.LOST_LINE for line in lines]


def complete(codes: list[str]) -> list[bytes]:
    """Take codes as a stream; return the bytes of every envelope that became complete."""
    batches: program.Batches = {}
    return [data for code in codes if (data := program.collect(batches, program.read_code(code))) is not None]


def join(codes: list[str]) -> bytes:
    found = complete(codes)
    if not found:
        raise program.Refused("missing-envelope", "codes of the envelope are still missing")
    return found[0]


def derive(given: Vector) -> Vector:
    master, kind = bytes.fromhex(given["master"]), KINDS[given["kind"]]
    seed = program.hkdf(master, kind, b"set key")
    epoch_id = bytes.fromhex(hashlib.sha256(program.public_key(seed)).hexdigest()[:16])
    return {
        "set_key_seed": seed.hex(),
        "set_public_key": program.public_key(seed).hex(),
        "epoch_id": epoch_id.hex(),
        "shown": program.shown_id(epoch_id),
        "credential_key": program.hkdf(master, kind, b"credential key").hex(),
        "credential_nonce": program.hkdf(master, kind, b"credential nonce", 12).hex(),
    }


def unmask(given: Vector) -> Vector:
    seat = (given["group"], given["member"])
    value, epoch_id = bytes.fromhex(given["value"]), bytes.fromhex(given["epoch_id"])
    share = program.Share(KINDS[given["kind"]], epoch_id, seat, value)
    secret = program.unmask(share, bytes.fromhex(given["masked"]))
    return {"group_secret": secret.hex(), "mask": program.xor(secret, bytes.fromhex(given["masked"])).hex()}


def combine(given: Vector) -> Vector:
    points = [(x, bytes.fromhex(value)) for x, value in given["points"]]
    return {"secret": program.combine(given["threshold"], points).hex()}


def decrypt(given: Vector) -> Vector:
    parts = [bytes.fromhex(given[name]) for name in ("key", "nonce", "header", "ciphertext")]
    return {"plaintext": program.decrypt(*parts).hex()}


def decode(given: Vector) -> Vector:
    return {"bytes": program.decode32(program.normalise(given["text"])).hex()}


def read_line(given: Vector) -> Vector:
    symbols, number = program.read_line(given["typed"])
    return {"symbols": symbols, "number": number}


def repair(given: Vector) -> Vector:
    received = bytes.fromhex(given["codeword"])
    word, spare = program.repair(received, given["erased"])
    changes = [i for i, (a, b) in enumerate(zip(received, word, strict=True)) if a != b]
    return {"codeword": word.hex(), "changed": changes, "spare_parity": spare}


def read_share(symbols: str) -> Vector:
    reading = program.read_share(symbols)
    return {
        "bytes": share_bytes(reading.share),
        "repaired": list(reading.repaired),
        "spare_parity": reading.spare,
        "provisional": reading.provisional,
    }


def find_share(given: Vector) -> Vector:
    options = program.possible_shares("".join(read_lines(given["lines"])))
    found = {share_bytes(s) for s in options if program.commitment_of(s).hex() == given["commitment"]}
    if not found:
        raise program.Refused("malformed-text", "no reading matches")
    (only,) = found
    return {"bytes": only}


def core_bytes(core: program.Core) -> bytes:
    return core.header + len(core.ciphertext).to_bytes(2, "big") + core.ciphertext


def read_possible_cores(given: Vector) -> Vector:
    return {"cores": [core_bytes(core).hex() for core, _ in program.possible_cores(read_lines(given["lines"]))]}


def read_scanned(given: Vector) -> Vector:
    session = program.Session(lambda text: None)
    meant = [(text, program.from_keyboards(text.strip(program.WHITE_SPACE))) for text in given["texts"]]
    return {"codes": [session.right_keyboard(codes) if codes else text for text, codes in meant]}


def open_typed(given: Vector) -> Vector:
    session = program.Session(lambda text: None)
    for lines in (given.get("codes", []), *given["share_lines"], given.get("core_lines", [])):
        for number, line in enumerate(lines, 1):
            session.take(f"{number}: ?" if line is None else line)
        session.take("")
    opened = open_with_key(session, given["set_public_key"]) if "set_public_key" in given else session.open()
    secret = opened.credential.secret.hex()
    (epoch,) = (epoch for epoch in EPOCHS.values() if epoch["epoch_id"] == opened.core.epoch_id.hex())
    assert secret == epoch["credential"]["secret"]
    return {"plaintext": epoch["plaintext"]}


def read_envelope(given: Vector) -> Vector:
    data = join(given["codes"])
    envelope = program.parse_envelope(data)
    core = envelope.core
    return {
        "bytes": data.hex(),
        "sha256": envelope.sha256,
        "kind": program.KIND_NAMES[core.kind],
        "epoch_id": core.epoch_id.hex(),
        "epoch": core.epoch,
        "structure": {
            "group_threshold": core.group_threshold,
            "groups": [{"threshold": threshold, "members": members} for threshold, members in core.groups],
        },
        "ciphertext": core.ciphertext.hex(),
        "commitments": [commitment.hex() for commitment in envelope.commitments.values()],
        "set_public_key": envelope.set_public_key.hex(),
        "set_name": envelope.set_name,
        "unknown": envelope.unknown,
    }


def read_envelopes(given: Vector) -> Vector:
    found = [program.parse_envelope(data) for data in complete(given["codes"])]
    if len({each.core.epoch_id for each in found}) < len({each.sha256 for each in found}):
        raise program.Refused("envelope-conflict", "two valid envelopes of one epoch")
    return {"sha256": [each.sha256 for each in found]}


def read_core_lines(given: Vector) -> Vector:
    numbered = [(number, line) for number, line in enumerate(given["lines"], program.FIRST_CORE_LINE) if line]
    checked = [number for number, line in numbered if program.read_line(line)[1] == number]
    core = program.read_core_lines(read_lines(given["lines"]), checked)
    program.parse_core(core)
    return {"core": core.hex()}


def check_share(given: Vector) -> Vector:
    share = program.read_share(program.share_symbols(given["share"])).share
    envelope = program.parse_envelope(join(given["codes"]))
    if not envelope.core.fits(share):
        raise program.Refused("mixed-shares", "this share is not of this epoch")
    if not envelope.accepts(share):
        raise program.Refused("share-mismatch", "this share was altered or misread")
    return {"commitment": program.commitment_of(share).hex()}


def read_credential(given: Vector) -> Vector:
    credential = program.read_credential(bytes.fromhex(given["plaintext"]))
    texts_of = {name: credential.texts.get(name, "") for name in program.TEXT_TAGS.values()}
    data_of = {name: credential.data.get(name, b"").hex() for name in program.BYTE_TAGS.values()}
    return {
        "kind": credential.kind_name.replace(" ", "-"),
        "secret": credential.secret.hex(),
        "totp_seed": credential.totp_seed.hex(),
        "others": [[tag, value.hex()] for tag, value in credential.others.items()],
        **texts_of,
        **data_of,
        **credential.numbers,
    }


STEPS = ("primitives", "lines", "shares", "envelopes", "plaintexts")
"""Files of vectors that are one step of an opening each."""

OPERATIONS: dict[str, Callable[[Vector], Vector]] = {
    "looks-like-share": lambda given: {"looks": program.looks_like_share(given["text"])},
    "derive": derive,
    "unmask": unmask,
    "combine": combine,
    "decrypt": decrypt,
    "decode": decode,
    "read-line": read_line,
    "repair": repair,
    "read-share-text": lambda given: read_share(program.share_symbols(given["text"])),
    "read-share-lines": lambda given: read_share("".join(read_lines(given["lines"]))),
    "find-share": find_share,
    "read-envelope": read_envelope,
    "read-envelopes": read_envelopes,
    "read-core-lines": read_core_lines,
    "read-possible-cores": read_possible_cores,
    "read-scanned": read_scanned,
    "open-typed": open_typed,
    "check-share": check_share,
    "read-credential": read_credential,
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_vector_of_an_operation(operation: str) -> None:
    """Compare each vector's output, or the id of its failure."""
    every = [v for file in (*STEPS, "likeness", "scans", "openings") for v in vectors_of(file)]
    mine = [vector for vector in every if vector["operation"] == operation]
    assert mine
    for vector in mine:
        if "error" in vector:
            with pytest.raises(program.Refused) as refused:
                OPERATIONS[operation](vector["input"])
            assert refused.value.failure == vector["error"], vector["name"]
        else:
            output = OPERATIONS[operation](vector["input"])
            assert output == {name: vector["output"][name] for name in output}, vector["name"]
