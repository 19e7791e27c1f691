# SPDX-License-Identifier: Apache-2.0
"""The manual connector claims to know nothing, and says what people do."""

import pytest

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


def test_other_connectors_have_none() -> None:
    assert connector_for("ssh-key:///k").checklist() == ()


@pytest.mark.parametrize(
    ("target", "options"), [("manual:", {}), ("manual:///", {}), ("manual:x", {"instructions": " ; "})]
)
def test_a_target_without_a_name_or_a_step_is_refused(target: str, options: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        connector_for(target, options=options)
