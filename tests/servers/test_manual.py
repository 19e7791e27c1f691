# SPDX-License-Identifier: Apache-2.0
"""The manual connector claims to know nothing, and says what people do."""

import hashlib
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from breakglass_shamir.connectors import manual
from breakglass_shamir.connectors.port.answers import CheckResult
from breakglass_shamir.connectors.registry import connector_for
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret

SECRET = Secret(b"copper kettle")


def test_nothing_is_known_and_nothing_is_changed() -> None:
    connector = connector_for("manual:cloud-root", "root")
    assert connector.check(SECRET).result is CheckResult.UNKNOWN
    assert connector.preflight(SECRET).ready
    with pytest.raises(ConnectorError, match="unchanged") as refused:
        connector.rotate(SECRET, Secret(b"silver spoon"))
    assert not refused.value.rejected
    assert connector.abilities == frozenset()


def test_there_is_a_checklist_for_any_account() -> None:
    steps = connector_for("manual:///cloud-root", "root@example.net").checklist()
    assert steps[0].startswith("log in to cloud-root as root@example.net with the old credential")
    assert any("must be refused" in step for step in steps)


def test_a_policy_can_bring_its_own() -> None:
    options = {"instructions": "ring {account}; change {target} ;"}
    assert connector_for("manual:vault", "the desk", options).checklist() == ("ring the desk", "change vault")


def test_there_are_checklists_for_grub_and_for_firmware() -> None:
    steps = {
        name: connector_for("manual:rack-7", "operator", {"checklist": name}).checklist() for name in manual.CHECKLISTS
    }
    assert len(set(steps.values())) == 3
    for each in steps.values():
        assert any("must be refused" in step for step in each)
        assert not any("{" in step or "}" in step for step in each)
        assert any("rack-7" in step for step in each)
        assert any("operator" in step for step in each)


@pytest.mark.parametrize(
    "options", [{"checklist": "bios"}, {"checklist": ""}, {"checklist": "grub", "instructions": "ring the desk"}]
)
def test_a_checklist_that_nobody_knows_or_two_at_once_are_refused(options: dict[str, str]) -> None:
    with pytest.raises(InvalidInput, match="checklist"):
        connector_for("manual:rack-7", "operator", options)


def test_what_the_checklist_of_grub_says_is_what_grub_takes(need: Callable[[str], str], tmp_path: Path) -> None:
    """The hash that the real program prints is of the password, and the two lines of the checklist are GRUB's."""
    for name in ("grub-mkpasswd-pbkdf2", "grub-script-check"):
        need(name)
    steps = connector_for("manual:rack-7", "operator", {"checklist": "grub"}).checklist()
    words = SECRET.reveal() + b"\n"
    told = subprocess.run(["grub-mkpasswd-pbkdf2", "-c", "1000"], input=words * 2, check=True, capture_output=True)
    made = re.search(r"grub\.pbkdf2\.sha512\.(\d+)\.([0-9A-F]+)\.([0-9A-F]+)", told.stdout.decode())
    assert made
    assert any("grub.pbkdf2.sha512 on is the hash" in step for step in steps)
    salt, wanted = bytes.fromhex(made[2]), bytes.fromhex(made[3])
    assert hashlib.pbkdf2_hmac("sha512", SECRET.reveal(), salt, int(made[1]), len(wanted)) == wanted
    (lines,) = [re.search(r"two lines: (.+?) and (.+? HASH)", step) for step in steps if "two lines" in step]
    assert lines
    script = tmp_path / "40_custom"
    script.write_text(f"{lines[1]}\n{lines[2].replace('HASH', made[0])}\n")
    assert subprocess.run(["grub-script-check", str(script)], check=False).returncode == 0
    script.write_text(script.read_text() + "if\n")
    assert subprocess.run(["grub-script-check", str(script)], check=False, capture_output=True).returncode != 0


def test_other_connectors_have_none() -> None:
    assert connector_for("ssh-key:///k").checklist() == ()


@pytest.mark.parametrize(
    ("target", "options"), [("manual:", {}), ("manual:///", {}), ("manual:x", {"instructions": " ; "})]
)
def test_a_target_without_a_name_or_a_step_is_refused(target: str, options: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        connector_for(target, options=options)
