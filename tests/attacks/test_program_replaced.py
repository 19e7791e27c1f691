# SPDX-License-Identifier: Apache-2.0
"""Somebody else may put another link, or another folder, on the way to a program that gets the credential.

Where the path ends is root's; what the next question runs is still theirs to choose.
"""

import os
from pathlib import Path

import pytest

from breakglass_shamir.connectors.port import options
from breakglass_shamir.connectors.port.answers import CheckResult
from breakglass_shamir.connectors.port.trusted_file import file_problems
from breakglass_shamir.connectors.program.connector import ExecConnector
from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.hygiene import Secret

NOBODY = 65534

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program that says yes and leaves a mark, where nobody else can write."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == 0 and folder.name.startswith("pytest-"):
            folder.chmod(0o755)
    made = tmp_path / "bin" / "answers"
    made.parent.mkdir(mode=0o755)
    made.write_text(f'#!/bin/sh\ntouch {tmp_path}/ran\necho \'{{"result": "accepted"}}\'\n')
    made.chmod(0o755)
    assert file_problems(made) == []
    return made


def linked(program: Path, folder: Path, *, owner: int = 0, mode: int = 0o755, link_owner: int = 0) -> Path:
    folder.mkdir()
    link = folder / "answers"
    link.symlink_to(program)
    os.lchown(link, link_owner, link_owner)
    os.chown(folder, owner, owner)
    folder.chmod(mode)
    return link


WAYS = {
    "a folder of another user": {"owner": NOBODY},
    "a folder that others may write": {"mode": 0o777},
    "a link of another user": {"link_owner": NOBODY},
    "such a link in a folder like /tmp": {"mode": 0o1777, "link_owner": NOBODY},
}


@pytest.mark.parametrize("way", WAYS)
def test_a_link_that_others_can_replace_is_followed_by_no_secret(way: str, program: Path, tmp_path: Path) -> None:
    link = linked(program, tmp_path / "theirs", **WAYS[way])
    for path in (link, linked(link, tmp_path / "ours"), tmp_path / "bin" / ".." / "theirs" / "answers"):
        said = ExecConnector(f"exec://{path}").check(Secret(b"copper kettle"))
        assert said.result is CheckResult.UNKNOWN
        assert "another user" in said.detail or "by others" in said.detail
        with pytest.raises(ConnectorError, match="was not run"):
            options.admin_secret({"admin": str(path), "admin_account": "root"})
    assert not (tmp_path / "ran").exists()


def test_a_link_of_one_s_own_is_followed(program: Path, tmp_path: Path) -> None:
    """As /bin is one, and what ``update-alternatives`` makes."""
    for path in (linked(program, tmp_path / "ours"), linked(program, tmp_path / "sticky", mode=0o1777)):
        assert ExecConnector(f"exec://{path}").check(Secret(b"copper kettle")).result is CheckResult.ACCEPTED
    assert file_problems(Path("/bin/sh")) == []


def test_links_that_lead_round_are_said(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    assert any("cannot be found" in problem for problem in file_problems(tmp_path / "one"))
