# SPDX-License-Identifier: Apache-2.0
"""Files that strangers bring are deep, huge, doubled, cut, of another encoding or no text: a specified error each.

Every reader of such a file gets every such file. What comes out is an error of ours or a result, never anything else.
"""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from breakglass_shamir.alerts.event import Event
from breakglass_shamir.cli import session
from breakglass_shamir.crypto import ssh_key, ssh_wire, sshsig, totp
from breakglass_shamir.crypto.note import Checkpoint, open_note
from breakglass_shamir.crypto.proof import LogProof
from breakglass_shamir.custody.life import recovery
from breakglass_shamir.custody.policy import sinks
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.quorum import typed_line
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.errors import BreakglassError, InvalidInput, InvalidSignature
from breakglass_shamir.formats import receipt as statements
from breakglass_shamir.formats import share
from breakglass_shamir.formats.envelope import EnvelopeReader
from breakglass_shamir.ledger import home, receipt
from breakglass_shamir.operations.enrolment import package
from breakglass_shamir.operations.policy.loading import PolicyFiles
from breakglass_shamir.operations.reading import files
from breakglass_shamir.paper.reading import decoder, frames
from breakglass_shamir.standalone import recover
from tests.attacks.test_share_in_the_wrong_field import recovered
from tests.end_to_end.life import DECLARATION, Done, Life

DEEP = 100_000
HUGE = "9" * 5000

HOSTILE: dict[str, bytes] = {
    "nothing": b"",
    "deep lists": b"[" * DEEP + b"]" * DEEP,
    "deep tables": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "deep in a field": b'{"body":' + b"[" * DEEP + b"]" * DEEP + b',"type":"recovery","v":1}',
    "deep before the type": b'{"body":{"z":' + b"[" * DEEP + b"]" * DEEP + b',"type":"cancelled"},"v":1}',
    "deep and not ended": b"[" * DEEP,
    "deep TOML": b"a = " + b"[" * 30_000 + b"]" * 30_000,
    "a key of many parts": b".".join([b"a"] * 20_000) + b" = 1",
    "a table of many parts": b"[" + b".".join([b"a"] * 20_000) + b"]",
    "a huge number": b'{"v": ' + HUGE.encode() + b"}",
    "a huge number in TOML": b"v = " + HUGE.encode(),
    "a huge hexadecimal number": b"v = 0x" + b"f" * 50_000,
    "a huge exponent": b'{"v": 1e999999999}',
    "not a number": b'{"v": NaN}',
    "infinity": b'{"v": Infinity, "w": -Infinity}',
    "TOML's own infinity": b"v = inf\nw = nan",
    "doubled keys": b'{"v": 1, "v": 1}',
    "half a character": b'{"v": "\\ud800"}',
    "a byte order mark": b'\xef\xbb\xbf{"v": 1}',
    "a byte order mark in TOML": b'\xef\xbb\xbfname = "x"',
    "UTF-16": '{"v": 1}'.encode("utf-16"),
    "UTF-32": '{"v": 1}'.encode("utf-32"),
    "no UTF-8": b'{"v": "\xff\xfe"}',
    "NUL": b"\0" * 1000,
    "NUL in a text": b'{"v": "a\0b"}',
    "one long line": b"A" * 60_000,
    "many lines": b"\n" * 60_000,
    "many words": b"ssh-ed25519 " * 5000,
    "base64 of nothing": b"-----BEGIN SSH SIGNATURE-----\n\n-----END SSH SIGNATURE-----\n",
    "empty SSH strings": b"ssh-ed25519 " + b"AAAA" * 10_000,
    "a proof without an end": b"c2sp.org/tlog-proof@v1\n" + b"index 0\n" * 5000,
    "surrogates as bytes": b"\xed\xa0\x80" * 100,
    "digits of other scripts": "index \u0661\u0662\u0663".encode(),
    "a receipt's code, long": b"BGR1:" + b"0" * 50_000,
    "an envelope's code, long": b"BGE1:1/99:0000:" + b"7" * 50_000,
    "colons": b":" * 50_000,
    "a query": b"otpauth://totp/x?" + b"secret=A&" * 500 + b"digits=" + HUGE.encode(),
}  # fmt: skip

PUBLIC = bytes(32)
ORIGIN = "breakglass-shamir.log/0000000000000000"


def text_of(data: bytes) -> str:
    return data.decode("utf-8", errors="surrogateescape")


READERS: dict[str, Callable[[bytes], Any]] = {
    "recovery record": recovery.parse,
    "record": records.parse,
    "record, canonical": records.from_bytes,
    "record, quickly": lambda data: records.from_plain_bytes([data, data]),
    "policy": lambda data: policies.parse(text_of(data)),
    "new policy": lambda data: policies.parse_new(text_of(data)),
    "sink": sinks.from_json,
    "event": Event.from_bytes,
    "signature": lambda data: sshsig.parse(text_of(data)),
    "public key": lambda data: ssh_key.from_line(text_of(data)),
    "SSH strings": ssh_wire.split,
    "checkpoint": lambda data: Checkpoint.from_text(text_of(data)),
    "note": lambda data: open_note(text_of(data), ORIGIN, PUBLIC),
    "proof": lambda data: LogProof.from_text(text_of(data)),
    "receipt": lambda data: receipt.read_text(text_of(data)),
    "receipt's statement": statements.Receipt.from_bytes,
    "receipt's code": lambda data: statements.Receipt.from_code(text_of(data)),
    "share": lambda data: share.from_text(text_of(data)),
    "envelope": lambda data: EnvelopeReader().add(text_of(data)),
    "typed line": lambda data: typed_line.read(text_of(data)),
    "seed": lambda data: totp.seed_from_text(text_of(data)),
}

OURS: dict[str, type[Exception]] = {"event": ValueError}
"""What a reader raises by its own word, beside the tree of errors."""


@pytest.mark.parametrize("what", HOSTILE)
@pytest.mark.parametrize("reader", READERS)
def test_every_reader_says_what_it_expected(reader: str, what: str) -> None:
    try:
        READERS[reader](HOSTILE[what])
    except (BreakglassError, OURS.get(reader, BreakglassError)) as error:
        assert len(str(error)) < 1000
        assert str(error).replace("\n", "").isprintable()


@pytest.mark.parametrize("reader", READERS)
@given(data=st.binary(max_size=400) | st.text(max_size=200).map(str.encode))
def test_no_bytes_bring_a_reader_down(reader: str, data: bytes) -> None:
    try:
        READERS[reader](data)
    except (BreakglassError, OURS.get(reader, BreakglassError)):
        pass


NESTED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(sorted(recovery.Recovery.__struct_fields__)), NESTED))
def test_no_tree_brings_the_import_down(tree: dict[str, Any]) -> None:
    with pytest.raises(BreakglassError):
        recovery.parse(json.dumps({"v": 1, "type": "recovery", **tree}).encode("utf-8", "surrogatepass"))


def test_a_number_that_canonical_json_does_not_have_is_refused(life: Life, tmp_path: Path) -> None:
    tree = json.loads(recovered(life, tmp_path, "reason", "LDAP is down").read_bytes())
    for epoch in (2**53, 2**63, 2**64, -(2**80), 10**400):
        data = json.dumps({**tree, "epoch": epoch}, sort_keys=True, separators=(",", ":")).encode()
        with pytest.raises(BreakglassError):
            recovery.parse(data)


# The commands


def fine(done: Done, *exits: int) -> None:
    """Hold a command to one of its exit codes and one sentence."""
    assert done.exit in exits, (done.exit, done.err)
    shown = done.out + done.err
    assert "Traceback" not in shown
    assert "unexpected" not in shown
    assert len(shown) < 4000


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Life:
    made = Life(tmp_path_factory.mktemp("terminal"))
    made.begin()
    return made


@pytest.mark.parametrize("what", HOSTILE)
def test_no_file_brings_a_command_down(what: str, terminal: Life) -> None:
    file = terminal.folder / "brought"
    for path in (file, file.with_name("brought.sig")):
        path.write_bytes(HOSTILE[what])
    fine(terminal.run("audit", "import", file), 2, 4, 5)
    fine(terminal.run("--json", "policy", "check", file), 2)
    fine(terminal.run("audit", "verify", "--receipt", file), 2, 4, 5)
    fine(terminal.run("enrol", "import", file, "--fingerprint", "x"), 2, 3, 4, 5)
    fine(terminal.run("lineage", "import", file), 2, 3, 4, 5)


@pytest.mark.parametrize("what", HOSTILE)
def test_no_file_brings_an_enrolment_down(what: str, tmp_path: Path) -> None:
    file = tmp_path / "brought"
    file.write_bytes(HOSTILE[what])
    with pytest.raises(BreakglassError):
        package.read(file)


def test_a_file_without_an_end_is_read_to_its_limit(terminal: Life) -> None:
    big = terminal.folder / "big"
    with big.open("wb") as file:
        file.truncate(1 << 40)
    for path in (big, Path("/dev/zero")):
        fine(terminal.run("audit", "import", path), 2)
        fine(terminal.run("policy", "check", path), 2)
        fine(terminal.run("audit", "verify", "--receipt", path), 2)
        fine(terminal.run("enrol", "import", path, "--fingerprint", "x"), 2, 3, 4, 5)
        fine(terminal.run("lineage", "import", path), 2, 5)


@pytest.mark.parametrize(
    "command",
    [
        ("audit", "import"), ("audit", "verify", "--receipt"), ("enrol", "import"), ("lineage", "import"),
        ("policy", "check"), ("policy", "adopt"), ("split", "--generate", "--out", "nowhere"),
        ("recombine", *DECLARATION, "--no-reveal", "--scan"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_pipe_in_the_place_of_a_file_keeps_nobody_waiting(command: tuple[str, ...], terminal: Life) -> None:
    pipe = terminal.folder / "-".join(("pipe", *command))
    os.mkfifo(pipe)
    fine(terminal.run(*command, pipe), 2, 3, 4, 5)


WAITS_A_SECOND = """import sys
from {module} import {name} as waits
waits.PIPE_WAIT_S = 1.0
{then}
"""


def test_a_pipe_may_bring_typed_lines_and_is_not_waited_for_without_an_end(terminal: Life) -> None:
    """``--typed <(program)`` is a pipe, too."""
    script, pipe = terminal.folder / "script.py", terminal.folder / "typed-pipe"
    os.mkfifo(pipe)
    then = "from breakglass_shamir.cli.program import main\nmain()"
    script.write_text(WAITS_A_SECOND.format(module="breakglass_shamir.bounded", name="reading", then=then))
    opening = ("recombine", *DECLARATION, "--no-reveal", "--typed", pipe)
    done = terminal.script(script, *opening)
    fine(done, 2)
    assert "could not be read" in done.err
    with os.fdopen(os.open(pipe, os.O_RDWR), "wb") as keeps_open:
        keeps_open.write(b"BGS1:0\n")
        keeps_open.flush()
        fine(terminal.script(script, *opening), 2)
    with subprocess.Popen([sys.executable, "-c", f"open({str(pipe)!r}, 'w').write('BGS1:0')"]):
        fine(terminal.run(*opening), 4)


def test_a_pipe_beside_a_key_keeps_no_officer_waiting(tmp_path: Path) -> None:
    pipe = tmp_path / "id.pub"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path):
        with pytest.raises(InvalidInput, match="got a folder, pipe or device"):
            files.read_file(path, 100)


@pytest.mark.parametrize(
    "args",
    [
        ("audit", "show", "9" * 30), ("audit", "receipt", "9" * 30, "--out", "x"),
        ("audit", "export", "9" * 30, "--out", "x"), ("audit", "show", HUGE), ("audit", "list", "--since", HUGE),
        ("heartbeat", "--every", "9" * 400 + "d"), ("watch", "x", "--every", HUGE),
        ("destroyed", "x", "1", "--epoch", "9" * 30, "--witness", "a"), ("destroyed", "x", HUGE, "--witness", "a"),
        ("ack", "x", "9" * 30), ("protocol", "rotate", "x", "--out", "x", "--since", "9" * 30),
        ("confirm", "x", "y", "--timeout", "9" * 400), ("confirm", "x", "y", "--timeout", "nan"),
        ("confirm", "x", "y", "--camera", HUGE),
    ],
)  # fmt: skip
def test_no_number_brings_a_command_down(args: tuple[str, ...], terminal: Life) -> None:
    done = terminal.run(*args)
    assert done.exit in {2, 3}
    assert "Traceback" not in done.err
    assert "unexpected" not in done.err


# Proofs and papers that name more than there is


@pytest.mark.parametrize("size", [2, 2**31, 2**53, 2**63 - 1, 2**63, 2**64 - 1])
def test_a_receipt_that_saw_more_than_there_can_be_is_an_error_of_ours(size: int, tmp_path: Path) -> None:
    with home.create(tmp_path / "home", "terminal one") as ledger:
        good = receipt.make(ledger, 0).receipt
        held = receipt.HeldReceipt(ledger.sign_receipt(replace(good, size=size, index=0)))
        with pytest.raises(BreakglassError):
            receipt.check(ledger, held)
        with pytest.raises(BreakglassError):
            receipt.check_sheet(ledger, replace(ledger.checkpoint(), size=size), "the sheet")


def test_a_signature_of_many_strings_is_taken_apart_once() -> None:
    """Many empty strings were copied once for each of them: of 8 megabytes, two million times eight."""
    assert len(ssh_wire.split(bytes(4) * 2_000_000)) == 2_000_000
    with pytest.raises(InvalidSignature, match="at most"):
        sshsig.parse("-----BEGIN SSH SIGNATURE-----\n" + "A" * (1 << 20) + "\n-----END SSH SIGNATURE-----\n")


@pytest.mark.parametrize("what", HOSTILE)
def test_a_decoder_that_was_taken_over_brings_nothing_down(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that looks at pictures answers with what it likes."""
    answers = frames.frame(HOSTILE[what])
    at = 0

    def receive(_self: object, count: int) -> bytes:
        nonlocal at
        piece, at = answers[at : at + count], at + count
        return piece

    monkeypatch.setattr(decoder.Decoder, "_receive", receive)
    asked = decoder.Decoder(20, 1 << 30)
    try:
        with pytest.raises(decoder.DecoderLost, match=r"makes no sense|crashed|stopped"):
            list(asked.ask(b"%PDF-1.4", first=1, last=1, task=None))
    finally:
        asked.close()


# Typed lines from a file


@pytest.mark.parametrize("what", ["UTF-16", "UTF-32", "NUL"])
def test_typed_lines_of_another_encoding_are_named(what: str, tmp_path: Path) -> None:
    file = tmp_path / "typed"
    file.write_bytes(HOSTILE[what])
    with pytest.raises(InvalidInput, match="got another encoding"):
        session.read_lines(str(file))
    with pytest.raises(InvalidInput, match="got another encoding"):
        PolicyFiles().load(file)


def test_a_mark_before_the_first_typed_line_spoils_nothing(tmp_path: Path) -> None:
    file = tmp_path / "typed"
    file.write_bytes(b"\xef\xbb\xbfBGS1:0\r\nm\xfcll\nBGE1:0\n")
    first, _, last = session.read_lines(str(file))
    assert (first, last) == ("BGS1:0", "BGE1:0")


@pytest.mark.parametrize("what", ["deep lists", "NUL", "UTF-16", "no UTF-8", "one long line", "surrogates as bytes"])
def test_recover_reads_on_behind_such_a_file(what: str, tmp_path: Path) -> None:
    file = tmp_path / "typed"
    file.write_bytes(HOSTILE[what])
    said = ["--officer", "a", "--ticket", "b", "--reason", "c", "--stdout"]
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(recover.__file__), str(file), *said], capture_output=True, check=False,
        cwd=tmp_path, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 4
    assert b"fault" not in done.stderr


RECOVER = [sys.executable, "-I", "-S", str(recover.__file__)]
SAID = ["--officer", "a", "--ticket", "b", "--reason", "c", "--stdout"]


def little_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))


def read_by_recover(
    folder: Path, *files: str | Path, stdin: Any = subprocess.DEVNULL
) -> "subprocess.CompletedProcess[bytes]":
    done = subprocess.run(
        [*RECOVER, *map(str, files), *SAID], stdin=stdin, capture_output=True, check=False, cwd=folder, timeout=60,
        preexec_fn=little_memory,
    )  # fmt: skip
    assert b"fault" not in done.stderr
    return done


def test_recover_reads_a_file_without_an_end_to_its_limit(tmp_path: Path) -> None:
    big = tmp_path / "big"
    with big.open("wb") as file:
        file.truncate(1 << 40)
    for path in (big, Path("/dev/zero")):
        done = read_by_recover(tmp_path, path)
        assert (done.returncode, b"file 1 cannot be read: expected at most" in done.stderr) == (2, True)
    with Path("/dev/zero").open("rb") as endless:
        assert read_by_recover(tmp_path, stdin=endless).returncode == 2


def test_recover_waits_for_no_pipe_without_an_end(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    then = f"sys.exit(waits.main([{str(pipe)!r}, *{SAID!r}]))"
    text = WAITS_A_SECOND.format(module="breakglass_shamir.standalone", name="recover", then=then)
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, check=False, cwd=tmp_path, timeout=60)
    assert (done.returncode, b"nothing came out of it" in done.stderr) == (2, True)


def test_recover_reads_a_pipe_that_is_written_to(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"BGS1:0\n")
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        done = read_by_recover(tmp_path, "/dev/stdin", stdin=pipe)
    assert (done.returncode, b"[file 1: 1]" in done.stderr) == (4, True)
