# SPDX-License-Identifier: Apache-2.0
"""A use that is recorded, on the command line: what is kept, what is on record, what the policy says, what it owes."""

import fcntl
import json
import os
import pty
import shutil
import signal
import subprocess
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from breakglass_shamir.custody.records.openings import Overridden, UseRecorded
from breakglass_shamir.errors import GateClosed
from breakglass_shamir.operations.recording import keeping, reading
from tests.end_to_end.life import DECLARATION, NAME, Done, Life, assert_holds_no, wait_until
from tests.end_to_end.room import Room

COPY = 'eval "cat <&$BREAKGLASS_FD" > got.fd'
ECHO = "\necho zz\n".join(
    [
        'word=$(eval "cat <&$BREAKGLASS_FD")', "echo plain $word",
        'printf %s "$word" | base64', 'printf "u:%s" "$word" | base64', 'printf %s "$word" | od -An -tx1',
        'printf %s "$word" | tr a-z A-Z; echo', 'printf %s "$word" | rev; echo',
        'for ((i = 0; i < ${#word}; i++)); do printf "\\033[1m%s\\033[0m\\033[C\\b" "${word:$i:1}"; done; echo',
    ]
)  # fmt: skip
"""A shell that says the credential in several encodings, and letter by letter with moves between."""


def recorded(life: Life) -> list[UseRecorded]:
    return [entry.record.body for entry in life.entries() if isinstance(entry.record.body, UseRecorded)]


def debts(life: Life) -> list[str]:
    return [debt["id"] for debt in life.status()["debts"]]


def adopt(life: Life, *lines: str) -> None:
    """Let a policy with a table ``use`` hold from now on."""
    life.policy.write_text(life.policy.read_text() + "\n[use]\n" + "\n".join(lines) + "\n")
    life.ok("policy", "adopt", life.policy)


def segments(life: Life) -> list[Path]:
    return sorted((life.home / "recordings").glob("*/*"))


def last_seq(life: Life) -> str:
    return next(str(e.record.seq) for e in reversed(life.entries()) if isinstance(e.record.body, UseRecorded))


def test_a_command_in_a_recorded_terminal(life: Life) -> None:
    done = life.recombine("--tty", "--exec", "bash", "-c", f"tty; {COPY}; test -t 0 -a -t 1 -a -t 2 && echo three")
    assert done.exit == 7, done.err
    assert (life.folder / "got.fd").read_bytes() == life.secret.reveal()
    assert "recorded: what the screen shows; no keys; the credential is masked; it lies here in the clear" in done.err
    assert "three" in done.out
    (body,) = recorded(life)
    assert (body.number, body.way, body.ended, body.problem, body.readers) == (1, "terminal", "whole", "", ())
    assert body.program.endswith("/bash")
    assert life.kinds()[-5:] == ["declared", "opened", "in-use", "use-recorded", "use-ended"]
    shown = life.ok("audit", "show", last_seq(life))
    assert "whole as recorded" in shown.out
    assert "  | /dev/pts/" in shown.out
    assert "  | three" in shown.out
    told = life.ok("--json", "review", life.entries()[-1].record.opening[:12]).document["facts"]
    (fact,) = [fact for fact in told if fact["what"] == "recording"]
    assert fact["text"].endswith(f"; shown at its home by: breakglass audit show {last_seq(life)}")
    story = life.ok("audit", "show", life.entries()[-1].record.opening[:12]).out
    assert f"\n  {fact['text'].partition(';')[0]}" in story
    assert (fact["seq"], "whole: " in fact["text"]) == (int(last_seq(life)), True)
    assert_holds_no(life.secret, "a segment", b"".join(path.read_bytes() for path in segments(life)))


def test_the_credential_is_in_no_segment_and_not_shown(life: Life) -> None:
    done = life.recombine("--tty", "--exec", "bash", "-c", ECHO)
    assert done.exit == 7, done.err
    (body,) = recorded(life)
    assert body.masked >= 7
    kept = b"".join(path.read_bytes() for path in segments(life))
    word = life.secret.reveal()
    assert_holds_no(life.secret, "a segment", kept)
    assert word.upper() not in kept
    assert word[::-1] not in kept
    assert b"plain ****" in kept
    shown = life.ok("audit", "show", last_seq(life))
    assert_holds_no(life.secret, "audit show", shown.out.encode())
    assert "\x1b" not in shown.out


def test_no_policy_word_no_recording_and_the_contract_of_exec_stands(life: Life) -> None:
    done = life.recombine("--exec", "sh", "-c", "cat > got.stdin; test -t 1 || echo piped")
    assert done.exit == 7, done.err
    assert (life.folder / "got.stdin").read_bytes() == life.secret.reveal()
    assert "not recorded: --tty before --exec does that" in done.err
    assert recorded(life) == []
    assert not (life.home / "recordings").exists()


def test_tty_asks_for_exec(life: Life) -> None:
    done = life.recombine("--tty", "--show")
    assert done.exit == 2
    assert "expected --exec after --tty" in done.err


def test_always_records_the_output_and_leaves_standard_input_as_it_is(life: Life) -> None:
    adopt(life, 'record = "always"')
    done = life.recombine("--exec", "sh", "-c", "cat > got.stdin; cat got.stdin; echo; echo complaint >&2; exit 3")
    assert done.exit == 7, done.err
    assert (life.folder / "got.stdin").read_bytes() == life.secret.reveal()
    assert life.secret.reveal().decode() in done.out, "what goes into a pipe is exact"
    assert "complaint" in done.err
    (body,) = recorded(life)
    assert (body.way, body.ended) == ("output", "whole")
    kept = b"".join(path.read_bytes() for path in segments(life))
    assert_holds_no(life.secret, "a segment", kept)
    assert b"****" in kept
    shown = "".join(json.loads(line)[2] for line in kept.splitlines() if line.startswith(b"["))
    assert "complaint" in shown


@pytest.mark.parametrize("change", ["byte", "cut", "gone"])
def test_a_changed_recording_is_found_by_who_looks(life: Life, change: str) -> None:
    assert life.recombine("--tty", "--exec", "sh", "-c", "echo one; sleep 1.3; echo two").exit == 7
    assert len(segments(life)) == 2
    last = segments(life)[-1]
    if change == "byte":
        last.write_bytes(last.read_bytes().replace(b'"o", "t', b'"o", "s', 1))  # a terminal may say it in two parts
    elif change == "cut":
        last.unlink()
    else:
        shutil.rmtree(life.home / "recordings")
    shown = life.run("audit", "show", last_seq(life))
    if change == "gone":
        assert shown.exit == 0
        assert "not in this home; its head stands in record" in shown.out
    else:
        assert shown.exit == 5
        assert "is not what record" in shown.err


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("byte", "segment 1 was changed, or segment 2 does not follow the one before it"),
        ("last byte", "segment 2, the last one, was changed"),
        ("cut", "cut off: 1 of 2 segments"),
        ("first gone", "segment 1 is missing, 2 comes next"),
        ("more", "more than was recorded: 3 segments, expected 2"),
        ("stray", "more than was recorded: in the place of segment 3 lies a file that is none"),
        ("pipe", "segment 2 cannot be read"),
        ("no folder", "what lies there cannot be read"),
    ],
)
def test_the_log_is_verified_with_the_recordings_beside_it(life: Life, change: str, named: str) -> None:
    assert life.recombine("--tty", "--exec", "sh", "-c", "echo one; sleep 1.3; echo two").exit == 7
    first, last = segments(life)
    whole = life.ok("--json", "audit", "verify").document["recordings"]
    assert [(one["verdict"], one["segments"], one["encrypted"]) for one in whole] == [("whole", 2, False)]
    if change in {"byte", "last byte"}:
        path = first if change == "byte" else last
        path.write_bytes(path.read_bytes().replace(b"o", b"0", 1))
    elif change in {"cut", "first gone"}:
        (last if change == "cut" else first).unlink()
    elif change in {"more", "stray"}:
        digest = keeping.follow(bytes.fromhex(last.name[7:71]), last.read_bytes()).hex()
        last.with_name(f"000003-{digest}.cast" if change == "more" else "zzz.cast").write_bytes(b'[9, "o", "x"]\n')
    elif change == "pipe":
        last.unlink()
        os.mkfifo(last)
    else:
        shutil.rmtree(first.parent)
        first.parent.write_text("a file")
    done = life.run("audit", "verify")
    assert done.exit == 5
    assert f"(record {last_seq(life)}): {named}" in done.err
    assert "the records hold" in done.err


def test_a_recording_that_is_not_here_is_said_and_contradicts_nothing(life: Life, tmp_path: Path) -> None:
    assert life.recombine("--tty", "--exec", "true").exit == 7
    shutil.rmtree(life.home / "recordings")
    assert "): not here; only its head was verified" in life.ok("audit", "verify").out
    bundle = tmp_path / "all.bundle"
    life.ok("audit", "bundle", "--out", bundle)
    assert "recordings of uses: 1 head; they are in no bundle" in life.ok("audit", "verify", "--from", bundle).out


def kill_while_it_runs(life: Life, what: str) -> None:
    """Begin a use that is recorded, and kill the program or the command in it."""
    begun = life.folder / "begun"
    script = f"echo first; echo $$ > {begun}.part; sleep 2.2; echo late; sleep 0.5; mv {begun}.part {begun}; sleep 60"
    arguments = ["recombine", NAME, *DECLARATION, "--scan", str(life.scans(1)), "--tty", "--exec", "sh", "-c", script]
    with subprocess.Popen(
        life.command(*arguments), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        cwd=life.folder, env=life.environment(),
    ) as process:  # fmt: skip
        wait_until(begun.exists, "the command", 60)
        os.kill(process.pid if what == "program" else int(begun.read_text()), signal.SIGKILL)


def test_killed_it_loses_no_more_than_the_last_second(life: Life) -> None:
    kill_while_it_runs(life, "program")
    opening = next(e.record.opening for e in reversed(life.entries()) if e.record.opening)
    found = reading.find(life.home, opening, 1)
    assert found is not None
    assert found.problem == ""
    assert "first" in "".join(text for _, _, text in reading.shown(found))
    assert recorded(life) == []
    closed = life.ok("close", NAME, "--as", "emergency")
    assert "was cut off" in closed.err
    (body,) = recorded(life)
    assert (body.ended, body.head, body.segments) == ("cut-off", found.head, found.segments)
    assert "first" in life.ok("audit", "show", last_seq(life)).out
    life.run("status", NAME)
    assert len(recorded(life)) == 1


def test_a_command_that_is_killed_ends_the_use_and_its_recording_is_whole(life: Life) -> None:
    kill_while_it_runs(life, "command")
    (body,) = recorded(life)
    assert body.ended == "whole"
    assert "late" in life.ok("audit", "show", last_seq(life)).out
    assert life.kinds()[-1] == "use-ended"


def test_a_flood_is_recorded_to_the_bound_goes_on_and_is_owed(life: Life) -> None:
    small = life.folder / "small.py"
    small.write_text(
        "import sys\nfrom breakglass_shamir.operations.recording import tape\ntape.MAX_BYTES = 300_000\n"
        "from breakglass_shamir.cli.program import main\nsys.exit(main())\n"
    )
    flood = "yes flood | head -c 2000000; echo the end"
    done = life.script(
        small, "recombine", NAME, *DECLARATION, "--scan", life.scans(1), "--tty", "--exec", "sh", "-c", flood
    )
    assert done.exit == 7, done.err
    assert done.out.count("flood") == 333_333
    assert "the end" in done.out
    (body,) = recorded(life)
    assert body.ended == "bound"
    assert body.size <= 300_200
    assert any(debt.startswith("recording-") for debt in debts(life))
    assert "NOT RECORDED, or not all of it" in done.err


@pytest.fixture
def small_disk(life: Life, need: Callable[[str], str]) -> Iterator[Life]:
    """A life whose recordings are on a small disk of their own."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    where = life.home / "recordings"
    where.mkdir(mode=0o700)
    made = subprocess.run(
        [need("mount"), "-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs", str(where)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if made.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {made.stderr.strip()}")
    try:
        yield life
    finally:
        subprocess.run(["umount", "-l", str(where)], check=True)


def test_a_disk_that_fills_up_stops_the_recording_loudly_and_not_the_use(small_disk: Life) -> None:
    life = small_disk
    script = f"echo before; sleep 1.2; yes x | head -c 600000; sleep 1.2; {COPY}; echo after"
    done = life.recombine("--tty", "--exec", "bash", "-c", script)
    assert done.exit == 7
    assert "after" in done.out
    assert (life.folder / "got.fd").read_bytes() == life.secret.reveal()
    assert "NOT RECORDED any more: no space left on device. The use goes on." in done.out + done.err
    (body,) = recorded(life)
    assert (body.ended, body.problem) == ("failed", "no space left on device")
    found = reading.find(life.home, life.entries()[-1].record.opening, 1)
    assert found is not None
    assert (found.head, found.problem) == (body.head, "")
    (passed,) = [e.record.body for e in life.entries() if isinstance(e.record.body, Overridden)]
    assert (passed.gate, passed.problem) == ("recording", "no space left on device")
    assert any(debt.startswith("recording-") for debt in debts(life))


def test_a_full_disk_keeps_no_emergency_waiting_and_stops_a_drill(life: Life) -> None:
    adopt(life, 'record = "always"')
    (life.home / "recordings").write_text("a file in its place")
    drill = life.run(
        "drill", "access", NAME, "--class", "idp-outage", "--ticket", "INC-1234", "--reason", "the yearly exercise",
        "--officer", "Olga", "--officer", "Oskar", "--scan", life.scans(1), "--out", life.sheets(2),
    )  # fmt: skip
    assert drill.exit == GateClosed.exit_code, drill.err
    assert "the use cannot be recorded: not a directory" in drill.err
    assert "opened" not in life.kinds()
    done = life.recombine("--exec", "sh", "-c", COPY)
    assert done.exit == 7, done.err
    assert (life.folder / "got.fd").read_bytes() == life.secret.reveal()
    assert "the use cannot be recorded: not a directory; this emergency goes on, and owes it" in done.err
    (passed,) = [e.record.body for e in life.entries() if isinstance(e.record.body, Overridden)]
    assert passed.gate == "recording"
    assert life.kinds()[-4:] == ["opened", "in-use", "overridden", "use-ended"]


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_only_an_auditor_plays_what_is_encrypted(
    life: Life, tmp_path: Path, need: Callable[[str], str], kind: str
) -> None:
    age, keygen = need("age"), need("ssh-keygen")
    key = tmp_path / "auditor"
    subprocess.run([keygen, "-q", "-t", kind, "-N", "", "-f", str(key)], check=True)
    adopt(life, 'record = "always"', f"auditors = [{json.dumps(key.with_suffix('.pub').read_text().strip())}]")
    done = life.recombine("--tty", "--exec", "sh", "-c", "echo the-first-half; sleep 1.2; echo two")
    assert done.exit == 7, done.err
    assert "1 auditors' keys alone read it" in done.err
    (body,) = recorded(life)
    assert len(body.readers) == 1
    known = subprocess.run([keygen, "-lf", str(key)], capture_output=True, text=True, check=True).stdout
    assert body.readers[0] in known
    parts = segments(life)
    assert [path.name.endswith(".cast.age") for path in parts] == [True, True]
    assert b"the-first-half" not in b"".join(path.read_bytes() for path in parts)
    shown = life.ok("audit", "show", last_seq(life))
    assert "the-first-half" not in shown.out
    assert "age -d -i KEYFILE" in shown.out
    assert life.run("audit", "show", last_seq(life), "--cast", tmp_path / "cast").exit == 5
    read = [subprocess.run([age, "-d", "-i", str(key), str(path)], capture_output=True, check=True) for path in parts]
    assert read[0].stdout.startswith(b'{"version": 2')
    said = [json.loads(line)[2] for line in read[1].stdout.splitlines() if line.startswith(b"[")]
    assert "two\r\n" in "".join(said)


def test_stock_asciinema_plays_it(life: Life, need: Callable[[str], str]) -> None:
    asciinema = need("asciinema")
    assert (
        life.recombine("--tty", "--exec", "sh", "-c", "printf '\\033[1mbold\\033[0m\\n'; sleep 1.2; echo two").exit == 7
    )
    cast = life.folder / "use.cast"
    life.ok("audit", "show", last_seq(life), "--cast", cast)
    joined = b"".join(path.read_bytes() for path in segments(life))
    assert cast.read_bytes() == joined
    environment = {"PATH": os.environ["PATH"], "HOME": str(life.folder), "LC_ALL": "C.UTF-8"}
    ours, theirs = pty.openpty()  # asciinema 2.2 reads keys from its terminal, and has to have one
    done = subprocess.run(
        [asciinema, "cat", str(cast)], capture_output=True, env=environment, check=False, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(theirs, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(theirs)
    os.close(ours)
    assert done.returncode == 0, done.stderr
    assert done.stdout == b"\x1b[1mbold\x1b[0m\r\ntwo\r\n"


def test_people_at_a_terminal_type_and_no_key_is_recorded(life: Life) -> None:
    people = Room(life)
    try:
        people.begin("recombine", NAME, *DECLARATION, "--scan", life.scans(1), "--tty", "--exec", "bash", "--norc")
        people.glass.until(lambda: "bash-" in people.glass.shown(), "a prompt")
        people.glass.type("read -s hidden; echo got ${#hidden}; stty size\r")
        people.glass.look(0.5)
        people.glass.type("typed-unseen\r")
        people.glass.sees("got 12")
        people.glass.resize(33, 101)
        people.glass.look(0.5)
        people.glass.type("stty size\r")
        people.glass.sees("33 101")
        people.glass.type(f"{COPY}; printf '\\003'; sleep 2.1; exit\r")
        people.glass.sees("the use has ended")
    finally:
        people.close()
    assert (life.folder / "got.fd").read_bytes() == life.secret.reveal()
    (body,) = recorded(life)
    assert body.ended == "whole"
    kept = b"".join(path.read_bytes() for path in segments(life))
    assert b"typed-unseen" not in kept
    assert b'"i"' not in kept
    assert b'"r", "101x33"' in kept


def test_what_a_use_was_told(life: Life) -> None:
    assert life.recombine("--tty", "--exec", "sh", "-c", "echo x").exit == 7
    found: Done = life.ok("--json", "audit", "show", last_seq(life))
    (one,) = found.document["recordings"]
    assert one["lines"] == ["x", ""]
    assert one["sealed"] is False
    listed = life.ok("audit", "list", "--type", "use-recorded")
    assert "use-recorded" in listed.out
