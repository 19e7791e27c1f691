# SPDX-License-Identifier: Apache-2.0
"""Segments on a disk: whole or not there, in a chain that a cut or a changed byte breaks, and nobody else's."""

import hashlib
import resource
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from breakglass_shamir.crypto import age
from breakglass_shamir.crypto.ssh_key import SK_ED25519
from breakglass_shamir.errors import IllegalState, InvalidProof, InvalidSignature
from breakglass_shamir.operations.recording import cast, keeping, reading
from breakglass_shamir.operations.recording.keeping import Keeper, Kept
from breakglass_shamir.operations.recording.tape import BOUND, MAX_BYTES, WHOLE, Tape

OPENING = "ab" * 32


def kept(home: Path, *segments: bytes) -> Kept:
    keeper = Keeper(home, OPENING)
    for segment in segments:
        keeper.keep(segment)
    found = keeper.finish()
    keeper.release()
    assert not keeper.problem
    return found


def folder_of(home: Path) -> Path:
    return home / "recordings" / f"{OPENING}-1"


def test_the_chain_is_what_stock_tools_compute(tmp_path: Path, need: Callable[[str], str]) -> None:
    found = kept(tmp_path, b"one\n", b"two\n", b"three\n")
    script = f"""
    head=$(printf 'breakglass recording {OPENING} 1\\n' | sha256sum | cut -d ' ' -f 1)
    for f in *.cast; do
      case $f in *-$head.cast) ;; *) exit 1 ;; esac
      head=$({{ printf "$(echo $head | sed 's/../\\\\x&/g')"; cat $f; }} | sha256sum | cut -d ' ' -f 1)
    done
    echo $head"""
    done = subprocess.run(
        [need("bash"), "-c", script], cwd=folder_of(tmp_path), capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == found.head
    seen = reading.find(tmp_path, OPENING, 1)
    assert seen is not None
    assert (seen.head, seen.segments, seen.size, seen.problem) == (found.head, 3, found.size, "")


def test_folders_and_files_are_for_us_alone_and_are_never_written_over(tmp_path: Path) -> None:
    kept(tmp_path, b"one\n")
    kept(tmp_path, b"other\n")
    assert sorted(keeping.recorded(tmp_path, OPENING)) == [1, 2]
    for path in (tmp_path / "recordings").rglob("*"):
        assert stat.S_IMODE(path.lstat().st_mode) == (0o700 if path.is_dir() else 0o600)
    assert stat.S_IMODE((tmp_path / "recordings").stat().st_mode) == 0o700


@pytest.mark.parametrize("change", ["byte", "cut", "first gone", "swapped", "longer", "renamed", "of another opening"])
def test_whatever_is_changed_is_found(tmp_path: Path, change: str) -> None:
    found = kept(tmp_path, *(b"segment %d\n" % at for at in range(5)))
    names = sorted(folder_of(tmp_path).iterdir())
    match change:
        case "byte":
            names[2].write_bytes(names[2].read_bytes().replace(b"2", b"3"))
        case "cut":
            names[4].unlink()
        case "first gone":
            names[0].unlink()
        case "swapped":
            one, two = names[1].read_bytes(), names[2].read_bytes()
            names[1].write_bytes(two)
            names[2].write_bytes(one)
        case "longer":
            names[4].write_bytes(names[4].read_bytes() + b"more\n")
        case "renamed":
            names[3].rename(names[3].with_name(names[3].name.replace("000004", "000007")))
        case _:
            folder_of(tmp_path).rename(tmp_path / "recordings" / f"{'cd' * 32}-1")
            moved = reading.find(tmp_path, "cd" * 32, 1)
            assert moved is not None
            assert moved.problem
            return
    seen = reading.find(tmp_path, OPENING, 1)
    assert seen is not None
    assert seen.head != found.head
    assert seen.problem or seen.segments < 5 or change in ("longer", "cut")


@pytest.mark.parametrize("what", ["the folder", "its owner"])
def test_no_link_is_followed_and_no_folder_of_others_is_taken(tmp_path: Path, what: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    if what == "the folder":
        (home / "recordings").symlink_to(elsewhere)
        with pytest.raises(OSError, match=r"Not a directory|symbolic links"):
            Keeper(home, OPENING)
    else:
        (home / "recordings").mkdir(mode=0o777)
        (home / "recordings").chmod(0o777)
        with pytest.raises(IllegalState, match="others may enter it"):
            Keeper(home, OPENING)
    assert keeping.trial(home, ())
    assert not list(elsewhere.iterdir())


def test_a_link_in_the_place_of_a_segment_is_not_written_through(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("kept")
    keeper = Keeper(tmp_path, OPENING)
    name = f"000001-{keeping.beginning(OPENING, 1).hex()}.cast.part"
    (folder_of(tmp_path) / name).symlink_to(victim)
    keeper.keep(b"one\n")
    assert keeper.finish().segments == 0
    assert keeper.problem == "file exists"
    assert victim.read_text() == "kept"


def test_a_folder_that_is_gone_is_a_problem_and_no_crash(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path, OPENING)
    folder_of(tmp_path).rmdir()
    keeper.keep(b"one\n")
    assert keeper.finish().segments == 0
    assert keeper.problem == "no such file or directory"


def test_one_that_is_under_way_is_told_from_one_that_was_cut_off(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path, OPENING)
    assert keeping.is_under_way(tmp_path, OPENING, 1)
    keeper.finish()
    assert keeping.is_under_way(tmp_path, OPENING, 1)
    keeper.release()
    assert not keeping.is_under_way(tmp_path, OPENING, 1)


_FULL = """
import resource, sys
from pathlib import Path
from breakglass_shamir.operations.recording.keeping import Keeper, trial
resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))
keeper = Keeper(Path(sys.argv[1]), "ab" * 32)
keeper.keep(bytes(5000))
keeper.keep(bytes(7000))
keeper.keep(bytes(10))
found = keeper.finish()
print(found.segments, found.size, keeper.problem, trial(Path(sys.argv[1]), ()))
"""


def test_a_segment_that_does_not_fit_is_not_there_and_ends_it(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _FULL, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1 5000 file too large"
    assert len(list(folder_of(tmp_path).iterdir())) == 1
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_a_recording_has_a_bound_and_says_so(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path, OPENING)
    tape = Tape(keeper, 80, 24, "flood", "xterm")
    piece = b"x" * (1 << 20)
    told = []
    for _ in range((MAX_BYTES >> 20) + 3):
        tape.output(piece)
        told.append(tape.tick())
    recorded = tape.finish()
    keeper.release()
    assert recorded is not None
    assert recorded.ended == BOUND
    assert [one for one in told if one] == ["it has 64 MiB, the most of one recording"]
    assert MAX_BYTES - (2 << 20) < recorded.size <= MAX_BYTES + 200
    found = reading.find(tmp_path, OPENING, 1)
    assert found is not None
    assert found.head == recorded.head
    last = list(reading.shown(found))[-1]
    assert "the recording ends here" in last[2]


def test_characters_that_are_cut_are_whole_in_the_recording(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path, OPENING)
    tape = Tape(keeper, 80, 24, "a title", "xterm")
    for byte in "grün €\xff".encode() + b"\xff":
        tape.output(bytes([byte]))
    tape.resize(100, 30)
    recorded = tape.finish()
    keeper.release()
    assert recorded is not None
    assert recorded.ended == WHOLE
    found = reading.find(tmp_path, OPENING, 1)
    assert found is not None
    events = list(reading.shown(found))
    assert "".join(text for _, kind, text in events if kind == "o") == "grün €\xff\ufffd"
    assert events[-1][1:] == ("r", "100x30")


@pytest.mark.parametrize("data", [b"[]", b"{}", b'{"version": 1}', b'{"version": 2}\n[1]', b'{"version": 2}\nx',
                                  b'{"version": 2}\n["x","o","y"]', b"[" * 100_000, b"null"])  # fmt: skip
def test_what_is_no_asciicast_is_named(data: bytes) -> None:
    with pytest.raises(InvalidProof, match=r"line [12] of the recording"):
        list(cast.shown(data))


def test_only_keys_that_take_encryption_are_taken() -> None:
    blob = "AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIAaFQkFzCEzjtjTzFv0hmj9VW9JhXxYJ5GvOQ1aXxqFrAAAABHNzaDo="
    sk = f"{SK_ED25519} {blob}"
    with pytest.raises(InvalidSignature, match="to which can be encrypted"):
        age.recipient(sk)
    with pytest.raises(InvalidSignature, match="expected a key to encrypt to"):
        age.encrypt(b"x", ())


def test_what_nobody_wrote_is_not_taken_for_a_recording(tmp_path: Path) -> None:
    assert reading.find(tmp_path, OPENING, 1) is None
    assert keeping.recorded(tmp_path, OPENING) == []
    (tmp_path / "recordings" / f"{OPENING}-99999999").mkdir(parents=True)
    assert keeping.recorded(tmp_path, OPENING) == []
    assert hashlib.sha256(b"").digest() != keeping.beginning(OPENING, 1)


@pytest.mark.parametrize("event", ['[1%s, "o", "x"]' % ("0" * 400), '[1, "o"]', '{"a": 1}', '["a", "o", "x"]'])
def test_an_event_that_is_none_is_named_by_its_line(event: str) -> None:
    """Of a recording that was cut off and edited before its head was on record."""
    with pytest.raises(InvalidProof, match="line 2 of the recording"):
        list(cast.shown(b'{"version": 2}\n' + event.encode()))


def test_half_of_a_pair_is_shown_as_a_question_mark() -> None:
    assert list(cast.shown(b'{"version": 2}\n[1, "o", "a\\ud800b"]')) == [(1.0, "o", "a?b")]


def test_two_streams_end_where_they_like_within_a_character() -> None:
    lines, word = cast.Lines(), "\u00e9".encode()
    said = [lines.output(0, word[:1], 1), lines.output(0, b"error", 2), lines.output(0, word[1:], 1)]
    events = list(cast.shown(b'{"version": 2}\n' + b"".join(said)))
    assert [text for _, _, text in events] == ["error", "\u00e9"]
