# SPDX-License-Identifier: Apache-2.0
"""What is signed into a kit is what was pinned: whatever is changed in a wheelhouse, nothing of it is taken."""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from breakglass_shamir.errors import WheelhouseError
from breakglass_shamir.operations.kit import wheelhouse, wheels
from breakglass_shamir.operations.kit.wheelhouse import MAX_PINS_BYTES, MAX_WHEELS, PINS
from breakglass_shamir.operations.kit.wheels import MAX_METADATA_BYTES, MAX_WHEEL_BYTES
from breakglass_shamir.version import __version__
from tests.attacks import wheelhouses
from tests.attacks.wheelhouses import INSTALLER, NEEDED, OWN, RECOVERY

ALTERED = "is not what requirements.txt pins"


@pytest.fixture
def house(tmp_path: Path) -> Path:
    return wheelhouses.write(tmp_path / "wheelhouse")


def refused(house: Path) -> str:
    """Return why it is not taken."""
    with pytest.raises(WheelhouseError) as error:
        wheelhouse.check(house, RECOVERY)
    assert error.value.exit_code == 6
    assert "make kit-wheels" in error.value.hint
    assert str(error.value).isprintable()
    return str(error.value)


def test_a_whole_one_is_taken(house: Path) -> None:
    found = wheelhouse.check(house, RECOVERY)
    assert {one.file for one in found.wheels} == {OWN, NEEDED, INSTALLER}
    assert found.installer.file == INSTALLER
    assert [found.read(one) for one in found.wheels] == [(house / one.file).read_bytes() for one in found.wheels]


def test_none_says_what_to_type(tmp_path: Path) -> None:
    assert refused(tmp_path / "none") == f"there are no wheels at {tmp_path / 'none'}"


def flip(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


def link(path: Path) -> None:
    path.rename(path.parents[1] / "elsewhere")
    path.symlink_to(path.parents[1] / "elsewhere")


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def grow(path: Path) -> None:
    os.truncate(path, MAX_WHEEL_BYTES + 1)


@pytest.mark.parametrize("file", [OWN, NEEDED, INSTALLER])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (flip, ALTERED), (link, "is no plain file"), (pipe, "is no plain file"), (folder, "is no plain file"),
        (grow, f"expected at most {MAX_WHEEL_BYTES} bytes in"), (Path.unlink, "its wheel is missing"),
    ],
)  # fmt: skip
def test_a_wheel_that_is_not_as_pinned(house: Path, file: str, change: Callable[[Path], None], words: str) -> None:
    change(house / file)
    assert words in refused(house)


@pytest.mark.parametrize(
    "name",
    [
        "notes.txt", "a\nb-1-py3-none-any.whl", "a\x1b[2J-1-py3-none-any.whl", "-r-1-py3-none-any.whl", "evil-1.whl",
        "..-1-py3-none-any.whl", "evil-1-py3-none-any.whl.part", "evil-1-py3-none-any.WHL", "é-1-py3-none-any.whl",
        f"{'x' * 99}-1-{'a' * 40}.{'b' * 40}-none-any.whl", "a\\b-1-py3-none-any.whl", "evil-1-py3-none-any .whl",
    ],
)  # fmt: skip
def test_a_name_that_is_none_of_a_wheel(house: Path, name: str) -> None:
    (house / name).write_bytes(b"")
    assert "is neither a wheel nor requirements.txt" in refused(house)


def test_a_name_that_is_no_text(house: Path) -> None:
    (house / os.fsdecode(b"\xff-1-py3-none-any.whl")).write_bytes(b"")
    assert "is neither a wheel nor requirements.txt" in refused(house)


def test_a_wheel_too_many(house: Path) -> None:
    (house / "evil-1.0-py3-none-any.whl").write_bytes(wheelhouses.wheel("evil", "1.0"))
    assert ALTERED in refused(house)


def test_a_copy_of_a_wheel_under_another_name(house: Path) -> None:
    shutil.copy(house / NEEDED, house / "evil-2.1-py3-none-any.whl")
    assert refused(house)


def test_too_many_files(house: Path) -> None:
    for number in range(MAX_WHEELS + 2):
        (house / f"evil{number}-1.0-py3-none-any.whl").touch()
    assert f"expected at most {MAX_WHEELS} wheels" in refused(house)


def test_names_that_a_stick_takes_for_one(tmp_path: Path) -> None:
    twin = NEEDED.replace("example", "Example")
    found = wheelhouses.whole()
    assert "differ in capital letters" in refused(
        wheelhouses.write(tmp_path / "w", {**found, twin: wheelhouses.wheel("example-codec", "2.1", needs=("pip",))})
    )


def test_pins_that_are_a_link_too_large_or_gone(house: Path) -> None:
    pins = (house / PINS).read_text()
    link(house / PINS)
    assert "is no plain file" in refused(house)
    (house / PINS).unlink()
    assert "it has no requirements.txt" in refused(house)
    (house / PINS).write_text(pins + "# " + "x" * MAX_PINS_BYTES)
    assert f"expected at most {MAX_PINS_BYTES} bytes in" in refused(house)


LINE = wheelhouses.pin(INSTALLER, wheelhouses.whole()[INSTALLER]).strip()


@pytest.mark.parametrize(
    "line",
    [
        "evil==1.0", "evil>=1 --hash=sha256:" + "0" * 64, "evil==1 --hash=sha256:" + "0" * 63, "evil==1 --hash=md5:00",
        "../evil==1 --hash=sha256:" + "0" * 64, "evil==../1 --hash=sha256:" + "0" * 64, "--index-url https://localhost",
        "-r more.txt", "evil @ file:///etc/passwd", f"{LINE} ; python_version > '3'", f" {LINE}", f"{LINE}\r",
        "--hash=sha256:" + "0" * 64, "evil==1\x1b --hash=sha256:" + "0" * 64, f"{LINE} --hash=sha256:" + "A" * 64,
    ],
)  # fmt: skip
def test_a_line_that_is_no_pin(house: Path, line: str) -> None:
    with (house / PINS).open("a", newline="") as file:
        file.write(line + "\n")
    said = refused(house)
    assert "line 5 of requirements.txt is not NAME==VERSION" in said
    assert "evil" not in said


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("evil==1.0 --hash=sha256:" + "0" * 64, "evil 1.0 is pinned in requirements.txt, and its wheel is missing"),
        ("pip==1.0 --hash=sha256:" + "0" * 64, "pins two versions of pip"),
        (LINE, "pins a file that another one pins"),
        ("é", "is no plain text"),
    ],
)
def test_pins_that_do_not_fit_the_wheels(house: Path, line: str, words: str) -> None:
    with (house / PINS).open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    assert words in refused(house)


def test_a_wheel_that_is_pinned_as_something_else(house: Path) -> None:
    pins = (house / PINS).read_text()
    (house / PINS).write_text(pins.replace("pip==26.3", "pop==26.3"))
    assert f"{INSTALLER} is pinned as something else" in refused(house)
    (house / PINS).write_text(pins.replace("pip==26.3", "pip==26.4"))
    assert f"{INSTALLER} is pinned as something else" in refused(house)


OTHER_PROGRAM = {**RECOVERY, "recover.py": RECOVERY["recover.py"] + b"#"}
BIG = b"x" * (MAX_METADATA_BYTES + 1)


@pytest.mark.parametrize(
    ("file", "data", "words"),
    [
        (OWN, wheelhouses.own("9.9.9"), "is the wheel of something else"),
        (OWN, wheelhouses.own(recovery=OTHER_PROGRAM), "holds another recover.py than this program"),
        (OWN, wheelhouses.own(recovery={}), "holds another recover.py than this program"),
        (OWN, wheelhouses.wheel("evil", __version__), "is the wheel of something else"),
        (NEEDED, b"no archive", "is no wheel, or a damaged one"),
        (NEEDED, wheelhouses.packed({}), "is no wheel, or a damaged one"),
        (NEEDED, wheelhouses.packed({"example_codec-2.1.dist-info/METADATA": b"\xff"}), "is no wheel, or a damaged"),
        (NEEDED, wheelhouses.packed({"a.dist-info/METADATA": BIG}), "is no wheel, or a damaged one"),
        (NEEDED, wheelhouses.packed({"a.dist-info/METADATA": b"", "b.dist-info/METADATA": b""}), "a damaged one"),
        (NEEDED, wheelhouses.wheel("example-codec", "2.1")[:-30], "is no wheel, or a damaged one"),
        (NEEDED, wheelhouses.wheel("example-codec", "2.1\nVersion: 2.2"), "is the wheel of something else"),
        (NEEDED, wheelhouses.wheel("example-codec", "2.1", needs=("evil",)), "no wheel of evil, which example-codec"),
    ],
    ids=lambda value: f"{len(value)} bytes" if isinstance(value, bytes) else None,
)
def test_new_pins_do_not_help(tmp_path: Path, file: str, data: bytes, words: str) -> None:
    assert words in refused(wheelhouses.write(tmp_path / "w", {**wheelhouses.whole(), file: data}))


@pytest.mark.parametrize(
    ("left_out", "words"),
    [
        (OWN, "no wheel of breakglass-shamir"), (INSTALLER, "no wheel of pip"),
        (NEEDED, "no wheel of example-codec, which breakglass-shamir needs"),
    ],
)  # fmt: skip
def test_one_that_lacks_what_is_needed(tmp_path: Path, left_out: str, words: str) -> None:
    found = wheelhouses.whole()
    del found[left_out]
    assert words in refused(wheelhouses.write(tmp_path / "w", found))


def test_another_version_of_this_program(tmp_path: Path) -> None:
    found = wheelhouses.whole()
    del found[OWN]
    found[OWN.replace(__version__, "9.9.9")] = wheelhouses.own("9.9.9")
    said = refused(wheelhouses.write(tmp_path / "w", found))
    assert f"it has breakglass-shamir 9.9.9, and this is {__version__}" in said


def test_every_cut_of_a_wheel_is_refused_or_read(tmp_path: Path) -> None:
    data = wheelhouses.wheel("example-codec", "2.1")
    for length in range(len(data)):
        with pytest.raises(WheelhouseError):
            wheels.read(NEEDED, data[:length], "")


def test_every_altered_byte_of_a_wheel_is_refused_or_read(tmp_path: Path) -> None:
    data = wheelhouses.wheel("example-codec", "2.1")
    taken = 0
    for place in range(len(data)):
        try:
            wheels.read(NEEDED, data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :], "")
            taken += 1
        except WheelhouseError:
            pass
    assert 0 < taken < len(data)


def test_a_wheel_that_is_altered_after_the_check_is_not_copied(house: Path) -> None:
    found = wheelhouse.check(house, RECOVERY)
    flip(house / NEEDED)
    (needed,) = [one for one in found.wheels if one.file == NEEDED]
    with pytest.raises(WheelhouseError, match="was altered while it was read"):
        found.read(needed)
    assert hashlib.sha256((house / NEEDED).read_bytes()).hexdigest() != needed.sha256


def test_a_wheel_that_became_a_link_after_the_check_is_not_copied(house: Path) -> None:
    """Also where it leads to the same bytes: who owns what it leads to decides what is read a moment later."""
    found = wheelhouse.check(house, RECOVERY)
    link(house / NEEDED)
    (needed,) = [one for one in found.wheels if one.file == NEEDED]
    with pytest.raises(WheelhouseError, match="could not be read"):
        found.read(needed)


def fitting(*files: str) -> wheels.Fits:
    """Return what wheels of these names fit."""
    found = []
    for file in files:
        told = wheels.parts(file)
        assert told is not None
        python, abi, platform = (tuple(tags.split(".")) for tags in told[2:])
        found.append(wheels.Wheel(file, told[0], told[1], python, abi, platform, (), ""))
    return wheels.fits(found)


@pytest.mark.parametrize(
    ("files", "python", "system"),
    [
        (("a-1-py3-none-any.whl",), "every Python 3", "every system"),
        (("a-1-py2.py3-none-any.whl", "b-1-cp39-abi3-manylinux2014_aarch64.whl"), "every Python 3",
         "Linux aarch64, glibc 2.17 or newer"),
        (("a-1-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl", "b-1-cp311-cp311-manylinux1_x86_64.whl"),
         "CPython 3.11", "Linux x86_64, glibc 2.27 or newer"),
        (("a-1-cp311-cp311-linux_x86_64.whl", "b-1-cp311-cp311-manylinux_2_28_x86_64.whl"), "CPython 3.11",
         "Linux x86_64, glibc 2.28 or newer"),
        (("a-1-cp39-cp39-win_amd64.whl", "a-1-cp310-cp310-win_amd64.whl", "b-1-py3-none-win_amd64.whl"),
         "CPython 3.9 or CPython 3.10", "win_amd64"),
        (("a-1-cp311-cp311-manylinux_2_17_x86_64.whl", "a-1-cp312-cp312-manylinux_2_17_x86_64.whl",
          "b-1-cp312-cp312-manylinux_2_5_x86_64.whl"), "CPython 3.12", "Linux x86_64, glibc 2.17 or newer"),
    ],
)  # fmt: skip
def test_it_says_which_machines_the_wheels_fit(files: tuple[str, ...], python: str, system: str) -> None:
    found = fitting(*files)
    assert (found.python, found.system) == (python, system)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (("a-1-cp311-cp311-any.whl", "b-1-cp312-cp312-any.whl"), "no Python together: a cp311; b cp312"),
        (("a-1-py3-none-win_amd64.whl", "b-1-py3-none-manylinux1_x86_64.whl"), "no system together"),
    ],
)
def test_wheels_that_fit_no_machine_together(files: tuple[str, ...], words: str) -> None:
    with pytest.raises(WheelhouseError, match=words):
        fitting(*files)
