# SPDX-License-Identifier: Apache-2.0
"""A share is typed or scanned into a field that is recorded or shown: it is refused, and nothing holds it.

What is searched for is any twelve characters of it in a row, in every case, with its blanks or without.
"""

import fcntl
import os
import struct
import subprocess
import sys
import termios
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec
import pyte
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from breakglass_shamir.cli import program
from breakglass_shamir.cli.screen import arguments, failure
from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records import guard
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.ledger import LedgerMoved
from breakglass_shamir.custody.records.openings import Refused
from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.errors import LooksLikeShare
from breakglass_shamir.formats import likeness, parity, text
from breakglass_shamir.formats.likeness import WITHHELD, looks_like_share
from breakglass_shamir.formats.share import Share
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import home
from tests.attacks.strangers import Blank, People
from tests.end_to_end.life import NAME, Life, texts_on_paper

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "vectors"))

from keyboards import LAYOUTS, on

SHARE = Share(Kind.LIVE, bytes.fromhex("3a91c7f05d2288e6"), 1, 2, Secret(bytes(range(7, 199, 6))))
CODE, LINE = SHARE.to_text(), SHARE.to_lines()[1]
LEAKED = 12


def leaks(shown: str, share: str = CODE, line: str = LINE) -> bool:
    """Tell whether a text holds a part of the share, however it is spelled."""
    kept = "".join(c for c in shown.upper() if c.isalnum())
    bare = [share.upper().removeprefix("BGS1:"), "".join(line.upper().split())]
    return any(one[i : i + LEAKED] in kept for one in bare for i in range(len(one) - LEAKED + 1))


def test_the_search_finds_what_it_is_for() -> None:
    assert leaks(f"x{CODE[40:60].lower()}")
    assert leaks(" ".join(LINE))
    assert not leaks("nothing of the kind")


# The last door


def bodies() -> Iterator[tuple[type, str, Any]]:
    """Every field of every record type that can hold text."""
    for kind in records.AnyBody.__args__:
        for field in msgspec.structs.fields(kind):
            if "str" in str(field.type):
                yield kind, field.name, field.type


def holding(kind: Any, what: str) -> Any:
    """A value of a field's type that holds a text."""
    origin = typing.get_origin(kind)
    if origin is dict:
        return {what: 1} if typing.get_args(kind)[1] is int else {"1.1": what}
    return (what, "plain") if origin is tuple else what


def plain(kind: Any) -> Any:
    """A value of a field's type that holds nothing."""
    return {int: 0, bool: False}.get(kind, {dict: {}, tuple: ()}.get(typing.get_origin(kind), ""))


def made(kind: Any, name: str, value: Any) -> Any:
    fields = {field.name: plain(field.type) for field in msgspec.structs.fields(kind)}
    return kind(**{**fields, name: value})


def record_of(body: Any, set_name: str = "prod-db") -> Record:
    return Record(
        v=1, log="0" * 16, seq=1, previous="0" * 64, root="0" * 64, time="2026-01-02T03:04:05Z", boot="b", uptime_ms=1,
        set=set_name, opening="", body=body,
    )  # fmt: skip


@pytest.mark.parametrize("share", [CODE, LINE, CODE.lower(), on("German", CODE), on("French", CODE)])
def test_no_field_of_any_record_holds_one(share: str) -> None:
    for kind, name, its in bodies():
        body = made(kind, name, holding(its, f"see {share}"))
        if name in guard.PUBLIC.get(kind, ()):
            continue
        if name in guard.TOLD.get(kind, ()):
            data = record_of(guard.recordable(body)).to_bytes()
            assert WITHHELD.encode() in data, (kind, name)
            assert not leaks(data.decode(), share, LINE)
        with pytest.raises(LooksLikeShare) as refused:
            record_of(body).to_bytes()
        assert not leaks(str(refused.value), share, LINE)


def test_the_lists_of_the_last_door_name_fields_that_there_are() -> None:
    for listed in (guard.PUBLIC, guard.TOLD):
        for kind, names in listed.items():
            assert kind in records.AnyBody.__args__
            assert names <= set(kind.__struct_fields__), kind
    for kind, names in guard.PUBLIC.items():
        assert names <= ENCODED, kind


ENCODED = {
    "envelope", "drill_envelope", "core", "key", "public_key", "signature", "statement", "countersigned",
    "countersignature", "old_dead", "terminal_key", "terminal_signature", "old", "new", "public_id",
}  # fmt: skip
"""Fields that hold base64, armor or digits of public data, or a statement that was guarded where it was made.

A public id that is not looked at is a certificate's, put together here from two numbers."""


def test_what_is_in_a_log_already_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that another program wrote must stay readable."""
    body = Refused(stage="open", error="x", message=f"see {LINE}")
    with monkeypatch.context() as patch:
        patch.setattr(likeness, "looks_like_share", lambda said: False)
        data = record_of(body).to_bytes()
    assert records.from_bytes(data).body == body


def test_what_a_machine_said_is_recorded_without_it(tmp_path: Path) -> None:
    with home.create(tmp_path / "home", "terminal one") as ledger:
        entry = ledger.append(LedgerMoved(reason=f"/media/{CODE}\x1b[2J could not be written"))
        assert entry.record.body == LedgerMoved(reason=f"/media/{WITHHELD} could not be written")
        assert not leaks(entry.data.decode())


# The command line


def words(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command with the words that lead to it."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from words(found, (*path, name))
    else:
        yield path, command


def lines() -> Iterator[list[str]]:
    """A command line for every option that takes a value, and for every argument, with a share in its place."""
    yield [CODE]
    yield ["--home", CODE, "status"]
    for path, command in words(program.breakglass):
        for parameter in command.params:
            if isinstance(parameter, click.Argument):
                yield [*path, LINE]
            elif isinstance(parameter, click.Option) and not parameter.is_flag:
                yield [*path, parameter.opts[-1], CODE]
                yield [*path, f"{parameter.opts[-1]}={LINE}"]
        yield [*path, *LINE.split()]


def test_every_option_and_argument_refuses_one_and_names_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BREAKGLASS_HOME", str(tmp_path / "home"))
    home.create(tmp_path / "home", "terminal one").close()
    before = (tmp_path / "home" / "ledger.sqlite").read_bytes()
    count = 0
    for line in lines():
        for json_too in ([], ["--json"]):
            monkeypatch.setattr(sys, "argv", ["breakglass", *json_too, *line])
            assert failure.guarded(program.breakglass) == 2, line
            shown = "".join(capfd.readouterr())
            assert not leaks(shown), line
            assert "Traceback" not in shown
            assert "looks" in shown or "look like a share together" in shown
            if len(line) > 2 and line[-2].startswith("--"):
                assert line[-2] in shown
            count += 1
    assert count > 400
    assert (tmp_path / "home" / "ledger.sqlite").read_bytes() == before


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_a_code_from_a_scanner_of_another_keyboard_is_refused(layout: str) -> None:
    with pytest.raises(LooksLikeShare) as refused:
        arguments.without_shares(["void", NAME, "1", "--reason", on(layout, CODE)])
    assert on(layout, CODE)[10:30] not in str(refused.value)


def test_a_command_that_is_given_the_credential_keeps_its_own_words() -> None:
    words_of = ["recombine", "--exec", "--", "/usr/bin/tool", LINE]
    assert arguments.without_shares(words_of) == words_of
    with pytest.raises(LooksLikeShare):
        arguments.without_shares(["recombine", "--exec", "--", CODE])


def test_ordinary_command_lines_are_taken() -> None:
    for line in (
        ["recombine", NAME, "--class", "idp-outage", "--ticket", "INC-1234", "--reason", "db01 and web1 are down"],
        ["audit", "show", "3c70a82f91be"],
        ["policy", "adopt", "/etc/breakglass/prod-db-2026-01-31.toml", "--scan", "/media/usb0/IMG_20260131.jpg"],
        ["note", NAME, "sheet 1.2 of epoch 7Z6B-BG8S-26JX was torn", "--by", "Olga Sommer"],
    ):
        assert arguments.without_shares(line) == line


PIECES = st.text("0123456789ABCDEFGHJKMNPQRSTVWXYZaz", min_size=1, max_size=8)
"""Groups of a line, nearly groups, and names."""

UNLOOKED = st.lists(
    st.lists(st.tuples(PIECES, st.sampled_from("/////-_.=")), max_size=8).map(
        lambda pairs: "".join(piece + mark for piece, mark in pairs)
    )
    | st.text("abcdefghijklmnopqrstuvwxyzABGS019-_.=/", max_size=30),
    max_size=4,
)


@settings(max_examples=500)
@given(UNLOOKED)
@example(["bgs", "a-bgs-a"])
@example(["BGS1:AAAA"])
@example(["oooooooooo", "iiiiiiiii"])
@example(["/home/anna/keep/7Z6B/BG8S/26JX/9QRT/W3XY"])
@example(["7Z6B", "BG8S", "26JX", "9QRT", "W3XY"])
def test_words_that_are_not_looked_at_are_no_share(words_of: list[str]) -> None:
    assume(arguments._are_plain(words_of))
    assert not any(map(looks_like_share, words_of))
    assert not any(map(looks_like_share, arguments._runs(words_of)))


def test_what_many_commands_have_is_not_looked_at() -> None:
    for line in (
        ["--version"], ["--help"], ["--home", "/var/lib/breakglass", "--json", "status"], ["status", "prod-db"],
        ["--home", "/srv/home-2/terminal.north", "status", "--format", "prometheus"],
    ):  # fmt: skip
        assert arguments._are_plain(line)


# People at a terminal


def declared_at_a_terminal(blank: Blank, *wrong: str) -> str:
    """Answer the questions of an opening, each wrongly first; returns what is left to be seen and scrolled back to."""
    blank.more["TERM"] = "xterm"
    people = blank.people("recombine", "--typed", blank.brought)
    fcntl.ioctl(people._ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    for question, right in (
        ("What happened, in a word", "idp-outage"), ("Ticket", "INC-1234"), ("Reason", "nobody can log in"),
        ("Who takes part here", "Olga, Oskar"), ("Number or word", "no-reveal"),
    ):  # fmt: skip
        people.until(question)
        for share in wrong:
            people.type(share)
            people.until("was not taken")
            people.until(question)
        people.type(right)
    people.until("Declare it?")
    people.type("\x03")
    people.end()
    assert people.seen.count("was not taken") == 5 * len(wrong)
    screen = pyte.HistoryScreen(80, 24, history=5000)
    pyte.Stream(screen).feed(people.seen)
    rows = [*screen.history.top, *(screen.buffer[row] for row in range(24))]
    return "\n".join("".join(row[column].data for column in range(80)) for row in rows)


def test_a_question_is_asked_again_and_nothing_keeps_the_answer(sealed_blank: Blank) -> None:
    left = declared_at_a_terminal(sealed_blank, CODE, LINE.lower(), on("French", CODE))
    assert "Ticket: INC-1234" in left
    assert not leaks(left)
    assert on("French", CODE)[20:40] not in left
    for path in sealed_blank.home.rglob("*"):
        if path.is_file():
            assert not leaks(path.read_bytes().decode("latin-1")), path


@pytest.fixture
def sealed_blank(tmp_path: Path) -> Blank:
    from breakglass_shamir.custody.credential import Credential

    blank = Blank(tmp_path / "blank")
    blank.bring("prod-db", Credential(Secret(b"tinned beans"), account="root", target="manual:x"))
    return blank


@pytest.mark.parametrize("share", [CODE, *SHARE.to_lines(), on("French", CODE)])
def test_the_question_for_a_fingerprint_takes_none(share: str, tmp_path: Path) -> None:
    """A fingerprint has the shape of a line of a sheet; what is a line of a share is none, and is wiped off."""
    one, two = Life(tmp_path / "one"), Life(tmp_path / "two")
    for life in (one, two):
        life.begin()
    one.seal()
    one.ok("enrol", "export", NAME, "--out", tmp_path / "export")
    shown = one.ok("--json", "enrol", "fingerprint", tmp_path / "export").document["fingerprint"]
    two.more["TERM"] = "xterm"
    people = People(two.command("enrol", "import", tmp_path / "export"), two.environment(), two.folder)
    fcntl.ioctl(people._ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    people.answer("Fingerprint on", share)
    people.until("was not taken")
    people.answer("Fingerprint on", f"{shown[:-1]}")
    people.answer("Fingerprint on", shown)
    assert people.end() == 0, people.seen
    screen = pyte.HistoryScreen(80, 24, history=5000)
    pyte.Stream(screen).feed(people.seen)
    rows = [*screen.history.top, *(screen.buffer[row] for row in range(24))]
    left = "\n".join("".join(row[column].data for column in range(80)) for row in rows)
    assert not leaks(left, share, share)


def test_an_option_that_holds_one_is_asked_for_again_at_a_terminal(tmp_path: Path) -> None:
    life = Life(tmp_path / "life")
    life.begin()
    at = People(life.command("void", NAME, "1", "--reason", CODE), life.environment(), life.folder)
    at.until("was not taken")
    at.answer("--reason", "the bag was torn")
    assert at.end() == 3
    assert "set" in at.seen
    assert not leaks(at.seen)


# Policies, recoveries, papers


POLICY = """name = "prod-db"{after}
belongs_to = "{owner}"
[target]
uri = "manual:x"
[[quorum.groups]]
threshold = 2
custodians = ["North", "{custodian}", "East"]
[declaration]
classes = ["outage"]
"""


@pytest.mark.parametrize(
    "where",
    [
        {"after": f"  # {LINE}"}, {"owner": CODE}, {"custodian": LINE.lower()},
        {"owner": "".join(f"\\u{ord(c):04x}" for c in CODE)}, {"after": f'\n"{CODE}" = 1'},
    ],
)  # fmt: skip
def test_a_policy_with_one_is_not_taken(where: dict[str, str], tmp_path: Path) -> None:
    source = POLICY.format(**{"after": "", "owner": "Example", "custodian": "South", **where})
    with pytest.raises(LooksLikeShare) as refused:
        policies.parse_new(source)
    assert not leaks(str(refused.value))
    file = tmp_path / "policy.toml"
    file.write_text(source)
    life = Life(tmp_path)
    life.ok("init", "--terminal", "terminal one")
    for command in (("policy", "check", file), ("policy", "adopt", file), ("--json", "policy", "check", file)):
        done = life.run(*command)
        assert done.exit == 2
        assert not leaks(done.out + done.err)
    assert life.kinds() == ["ledger-started"]


def test_a_policy_that_a_ledger_has_stays_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    source = POLICY.format(after=f"  # {LINE}", owner="Example", custodian="South")
    assert policies.parse(source).name == "prod-db"


@pytest.mark.parametrize("field", ["officers", "ticket", "reason"])
def test_a_recovery_record_with_one_is_not_imported(field: str, life: Life, tmp_path: Path) -> None:
    """A record that another program left: its words are in its signed bytes, and cannot be taken out."""
    share = next(one for one in texts_on_paper(life.sheets(1)).popitem()[1] if one.startswith("BGS1:"))
    file = recovered(life, tmp_path, field, share)
    before = life.kinds()
    for command in (("audit", "import", file), ("--json", "audit", "import", file)):
        done = life.run(*command)
        assert done.exit == 2
        assert "looks-like-share" in done.out or "looks like a share" in done.err
        assert not leaks(done.out + done.err, share, share)
    assert life.kinds() == before


def recovered(life: Life, folder: Path, field: str, share: str) -> Path:
    """Make the record of a recovery as a careless program would."""
    from breakglass_shamir.standalone import recover

    session = recover.Session(lambda answer: None)
    for texts in texts_on_paper(life.sheets(1)).values():
        for one in texts:
            session.take(one)
    opened = session.open()
    said: dict[str, Any] = {"officers": ["Olga"], "ticket": "INC-7", "reason": "LDAP is down"}
    said[field] = [share] if field == "officers" else share
    data = recover.record_of(opened, said["officers"], said["ticket"], said["reason"])
    file = folder / "recovery.json"
    file.write_bytes(data)
    file.with_name("recovery.json.sig").write_bytes(recover.sshsig(opened.seed, data))
    return file


def test_recover_itself_takes_none(tmp_path: Path) -> None:
    from breakglass_shamir.standalone import recover

    for said in (CODE, LINE, LINE.lower().replace(" ", "-"), on("German", CODE), on("French", CODE)):
        with pytest.raises(recover.Refused) as refused:
            recover.human_text(said)
        assert not leaks(str(refused.value))
    for words_of in (["--reason", LINE], ["--ticket", CODE], ["--officer", on("Czech", CODE)], [*LINE.split()]):
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(recover.__file__), *words_of], capture_output=True, check=False,
            cwd=tmp_path, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 2
        assert not leaks((done.stdout + done.stderr).decode())
    assert list(tmp_path.iterdir()) == []


def test_a_file_name_that_holds_one_is_shown_and_recorded_without_it(life: Life) -> None:
    folder = life.folder / "scans"
    folder.mkdir()
    (folder / f"{LINE}.jpg").write_bytes(b"no picture")
    done = life.run(
        "recombine", NAME, "--class", "idp-outage", "--ticket", "INC-1234", "--reason", "nobody can log in",
        "--officer", "Olga", "--officer", "Oskar", "--scan", folder, "--no-reveal",
    )  # fmt: skip
    assert done.exit in {3, 4}
    assert WITHHELD in done.err
    assert not leaks(done.out + done.err)
    for path in (life.home, *life.home.rglob("*")):
        if path.is_file():
            assert not leaks(path.read_bytes().decode("latin-1")), path


def test_the_environment_may_name_a_home_with_one_and_no_message_repeats_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from breakglass_shamir.cli.program import main; main()", "status"], check=False,
        capture_output=True, env={**os.environ, "BREAKGLASS_HOME": str(tmp_path / LINE)},
    )  # fmt: skip
    assert done.returncode == 3
    assert WITHHELD.encode() in done.stderr
    assert not leaks(done.stderr.decode())


def test_a_share_of_zeros_is_told_by_its_prefix() -> None:
    with pytest.raises(LooksLikeShare):
        arguments.without_shares(["void", NAME, "1", "--reason", "BGS1:" + text.encode(parity.protect(bytes(43)))])
