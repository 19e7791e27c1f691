# SPDX-License-Identifier: Apache-2.0
"""What lies in the place of a file that a policy includes: it is read within bounds, from this folder, once."""

import os
from pathlib import Path

import pytest

from breakglass_shamir.custody.policy.resolving import MAX_TEXT_BYTES
from breakglass_shamir.errors import BreakglassError, InvalidInput, InvalidPolicy
from breakglass_shamir.operations.policy import loading
from breakglass_shamir.operations.policy.examples import example
from breakglass_shamir.operations.policy.loading import PolicyFiles


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    made = tmp_path / "policies"
    made.mkdir(mode=0o755)
    for name, which in (("organisation.toml", "organisation"), ("set.toml", "set")):
        (made / name).write_text(example(which))
        (made / name).chmod(0o644)
    return made


def refused(folder: Path) -> str:
    with pytest.raises((InvalidInput, InvalidPolicy)) as error:
        PolicyFiles().load(folder / "set.toml")
    return str(error.value)


def test_the_printed_examples_are_one_policy_without_a_doubt(folder: Path) -> None:
    file = PolicyFiles().load(folder / "set.toml")
    assert file.warnings == ()
    assert len(file.parse_new().custodians) == 5


def test_a_file_below_the_folder_is_included(folder: Path) -> None:
    (folder / "shared").mkdir()
    (folder / "organisation.toml").rename(folder / "shared" / "people.toml")
    own = (folder / "set.toml").read_text().replace('"organisation.toml"', '"shared/people.toml"')
    (folder / "set.toml").write_text(own)
    assert PolicyFiles().load(folder / "set.toml").parse_new().belongs_to == "Example Ltd, Security"


def test_a_file_that_is_not_there_is_named_with_who_includes_it(folder: Path) -> None:
    (folder / "organisation.toml").unlink()
    with pytest.raises(InvalidInput, match=r"organisation\.toml could not be read: No such file") as error:
        PolicyFiles().load(folder / "set.toml")
    assert error.value.hint == f"{folder / 'set.toml'} includes it"


def test_a_link_out_of_the_folder_is_refused_and_one_inside_is_followed(folder: Path) -> None:
    outside = folder.parent / "outside.toml"
    (folder / "organisation.toml").rename(outside)
    (folder / "organisation.toml").symlink_to(outside)
    assert "links to" in refused(folder)
    (folder / "organisation.toml").unlink()
    outside.rename(folder / "inside.toml")
    (folder / "organisation.toml").symlink_to("inside.toml")
    assert PolicyFiles().load(folder / "set.toml").text


def test_a_folder_that_is_a_link_out_is_refused(folder: Path) -> None:
    (folder.parent / "elsewhere").mkdir()
    (folder / "organisation.toml").rename(folder.parent / "elsewhere" / "organisation.toml")
    (folder / "shared").symlink_to("../elsewhere")
    own = (folder / "set.toml").read_text().replace('"organisation.toml"', '"shared/organisation.toml"')
    (folder / "set.toml").write_text(own)
    assert "links to" in refused(folder)


@pytest.mark.parametrize("what", ["pipe", "folder", "link to itself", "device", "itself"])
def test_what_is_no_file_keeps_nobody_waiting(what: str, folder: Path) -> None:
    place = folder / "organisation.toml"
    place.unlink()
    if what == "pipe":
        os.mkfifo(place)
    elif what == "folder":
        place.mkdir()
    elif what == "link to itself":
        place.symlink_to(place)
    elif what == "device":
        place.symlink_to("/dev/zero")
    else:
        own = (folder / "set.toml").read_text().replace('"organisation.toml"', '"set.toml"')
        (folder / "set.toml").write_text(own)
    assert refused(folder)


def test_a_huge_file_is_refused(folder: Path) -> None:
    (folder / "organisation.toml").write_text("#" * (loading.MAX_SHARED_BYTES + 1))
    assert refused(folder).startswith(f"expected at most {loading.MAX_SHARED_BYTES} bytes in ")


def test_a_set_file_has_the_bound_that_it_had(folder: Path) -> None:
    (folder / "set.toml").write_text(example("set") + "#" * MAX_TEXT_BYTES)
    assert refused(folder).startswith(f"expected at most {MAX_TEXT_BYTES} bytes in ")


@pytest.mark.parametrize("data", [b"\xff\xfea\x00", b"\xff", b"\x00" * 9])
def test_what_is_no_text_is_named(data: bytes, folder: Path) -> None:
    (folder / "organisation.toml").write_bytes(data)
    assert "expected UTF-8 text in" in refused(folder)


def test_each_file_is_read_once_a_run(folder: Path) -> None:
    files = PolicyFiles()
    first = files.load(folder / "set.toml")
    (folder / "organisation.toml").write_text("broken =")
    assert files.load(folder / "set.toml").text == first.text


@pytest.mark.parametrize(("name", "mode"), [("organisation.toml", 0o666), ("set.toml", 0o646), ("", 0o777)])
def test_who_else_can_change_a_file_is_said_once(name: str, mode: int, folder: Path) -> None:
    (folder / name).chmod(mode)
    place = folder / name if name else folder
    assert set(PolicyFiles().load(folder / "set.toml").warnings) == {f"anybody on this machine can change {place}"}


def test_nothing_of_a_file_that_is_no_policy_is_repeated(folder: Path) -> None:
    secret = "correct horse battery staple"
    (folder / "organisation.toml").write_text(f"{secret}\n")
    with pytest.raises(BreakglassError) as error:
        PolicyFiles().load(folder / "set.toml")
    assert not any(word in str(error.value) for word in ("horse", "battery"))
