# SPDX-License-Identifier: Apache-2.0
"""Names that drive a terminal, read otherwise than they are, or are no text: shown by their numbers, on any stream.

They come as arguments, paths, file names, names on paper, and words of a target.
"""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakglass_shamir.cli.screen.cleaning import clean, json_text, message
from breakglass_shamir.custody.records.words import is_clean, printable
from tests.end_to_end.life import DECLARATION, NAME, PROGRAM, Life

DRIVING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""What no stream may get, beside line ends and tabs."""

NAMES = {
    "an escape": b"a\x1b[2Jb",
    "a window's title": b"a\x1b]0;owned\x07b",
    "a C1 escape": "a\u009b2Jb".encode(),
    "a C1 string": "a\u0090q\u009cb".encode(),
    "other direction": "a\u202etxt.exe".encode(),
    "isolates": "a\u2066b\u2069c".encode(),
    "no room": "a\u200bb\ufeffc".encode(),
    "line ends": b"a\rb\nc\x0bd",
    "other line ends": "a\u2028b\u2029c\u0085d".encode(),
    "no UTF-8": b"a\xff\xfeb",
    "half a character": b"a\xed\xa0\x80b",
    "latin 1": "m\u00fcller".encode("latin-1"),
    "backspace": b"good\x08\x08\x08\x08evil",
    "delete": b"a\x7fb",
    "beyond": "a\U000e0001b\U0001f511".encode(),
    "umlauts": "m\u00fcller \u00df \u20ac \u65e5\u672c".encode(),
}

STREAMS = {
    "UTF-8": ("utf-8", {"LC_ALL": "C.UTF-8"}),
    "C": ("utf-8", {"LC_ALL": "C"}),
    "C, as it is": ("ascii", {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
    "ASCII": ("ascii", {"LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "ascii"}),
    "ASCII, strict": ("ascii", {"LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "ascii:strict"}),
    "latin 1": ("latin-1", {"LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "latin-1"}),
}


def run(life: Life, stream: str, *words: bytes | str | Path) -> subprocess.CompletedProcess[bytes]:
    """Run a command whose words are bytes."""
    return subprocess.run(
        [os.fsencode(PROGRAM), b"--home", os.fsencode(life.home), *map(os.fsencode, words)], capture_output=True,
        check=False, env={**life.environment(), **STREAMS[stream][1]}, cwd=life.folder, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def held(done: subprocess.CompletedProcess[bytes], stream: str) -> str:
    """Hold output to what a stream may get; returns what a person sees."""
    encoding = STREAMS[stream][0]
    shown = done.stdout.decode(encoding) + done.stderr.decode(encoding)
    assert "Traceback" not in shown
    assert "unexpected" not in shown
    assert not DRIVING.search(shown), shown
    assert "\N{REPLACEMENT CHARACTER}" not in shown
    return shown


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Life:
    made = Life(tmp_path_factory.mktemp("terminal"))
    made.begin()
    return made


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("name", NAMES)
def test_an_argument_is_shown_by_its_numbers(name: str, stream: str, terminal: Life) -> None:
    hold_refusal(terminal, stream, "status", NAMES[name])


@pytest.mark.parametrize("name", NAMES)
def test_a_command_and_a_file_are_shown_by_their_numbers(name: str, terminal: Life) -> None:
    for words in ((NAMES[name],), ("policy", "check", NAMES[name])):
        hold_refusal(terminal, "ASCII, strict", *words)


def hold_refusal(terminal: Life, stream: str, *words: bytes | str) -> None:
    """Hold what a refused command shows, to people and to programs."""
    done = run(terminal, stream, *words)
    assert done.returncode in {2, 3}
    held(done, stream)
    spoken = run(terminal, stream, "--json", *words)
    assert json.loads(held(spoken, stream))["exit"] == spoken.returncode == done.returncode


@pytest.mark.parametrize("stream", ["UTF-8", "C, as it is"])
@pytest.mark.parametrize("name", NAMES)
def test_a_home_of_that_name_is_used_and_shown_by_its_numbers(name: str, stream: str, tmp_path: Path) -> None:
    life = Life(tmp_path)
    folder = os.fsencode(tmp_path) + b"/" + NAMES[name]
    for command in ("init", "status"):
        done = run(life, stream, "--home", folder, "--json", command)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)
        held(done, stream)
    assert run(life, stream, "--home", folder, "audit", "list").returncode == 0


def test_json_tells_characters_apart_from_bytes_that_are_none(terminal: Life) -> None:
    """A control character comes back as itself; a byte that is no UTF-8 is no character, and comes as its number."""
    for stream in ("UTF-8", "ASCII"):
        done = run(terminal, stream, "--json", "policy", "check", b"x\xc2\x9b\xff")
        assert json.loads(done.stdout)["error"]["message"].startswith("x\x9b\\xff could not be read")


@pytest.mark.parametrize("stream", ["UTF-8", "ASCII"])
def test_a_file_of_that_name_is_shown_by_its_numbers(stream: str, life: Life) -> None:
    scans = life.folder / "odd"
    scans.mkdir()
    for number, name in enumerate(NAMES.values()):
        os.close(os.open(os.fsencode(scans) + b"/" + name + str(number).encode() + b".jpg", os.O_CREAT | os.O_WRONLY))
    done = run(
        life, stream, "recombine", NAME, *DECLARATION, "--officer", "M\u00fcller", "--scan", scans, "--no-reveal"
    )
    assert done.returncode == 4
    shown = held(done, stream)
    assert "a\\xff\\xfeb" in shown
    assert "a\\x1b[2Jb" in shown
    assert life.kinds()[-1] == "refused"
    listed = run(life, stream, "audit", "list")
    assert listed.returncode == 0
    assert ("M\u00fcller" if stream == "UTF-8" else "M\\xfcller") in held(listed, stream)


def test_a_message_of_a_refusal_is_recorded_by_its_numbers(life: Life) -> None:
    scan = os.fsencode(life.folder) + b"/gone\xff\x1b[2J"
    held(run(life, "UTF-8", "recombine", NAME, *DECLARATION, "--scan", scan, "--no-reveal"), "UTF-8")
    said = [getattr(entry.record.body, "message", "") for entry in life.entries()]
    assert any(one.endswith("gone\\xff\\x1b[2J, found nothing there") for one in said)


# Every text there is


TEXTS = st.text(st.characters(exclude_categories=())) | st.binary(max_size=60).map(os.fsdecode)


@given(TEXTS)
def test_what_is_shown_is_on_one_line_and_drives_nothing(said: str) -> None:
    for shown in (clean(said), message(said)):
        assert not DRIVING.search(shown)
        assert not set(shown) & {"\n", "\t"}
        shown.encode()


@given(TEXTS)
def test_what_is_recorded_is_clean(said: str) -> None:
    assert all(map(is_clean, printable(said).split("\n")))


@given(st.dictionaries(TEXTS, TEXTS), st.sampled_from(["utf-8", "ascii", "latin-1", None]), st.sampled_from([None, 2]))
def test_every_document_is_json_for_every_stream(
    tree: dict[str, str], encoding: str | None, indent: int | None
) -> None:
    written = json_text(tree, encoding, indent=indent)
    written.encode(encoding or "ascii")
    assert not DRIVING.search(written)
    found = json.loads(written)
    whole = {key: value for key, value in tree.items() if _is_text(key) and _is_text(value)}
    assert whole.items() <= found.items()
    json.dumps(found, ensure_ascii=False).encode()


def _is_text(said: str) -> bool:
    return not any("\ud800" <= one <= "\udfff" for one in said)


@given(st.binary(max_size=40))
def test_names_of_different_bytes_are_shown_differently(name: bytes) -> None:
    """Of a name without a backslash every character can be told from what is shown."""
    said = os.fsdecode(name.replace(b"\\", b"/"))
    escape = r"\\x([0-9a-f]{2})|\\u([0-9a-f]{4})|\\U([0-9a-f]{8})"
    assert len(re.sub(escape, "x", clean(said))) == len(said)
