# SPDX-License-Identifier: Apache-2.0
"""What a person asks before signing a policy."""

import pytest

from breakglass_shamir.connectors import registry
from breakglass_shamir.custody.policy.source import parse
from breakglass_shamir.errors import InvalidPolicy
from breakglass_shamir.operations.policy import checking
from breakglass_shamir.operations.policy.checking import Ledgered
from breakglass_shamir.operations.policy.examples import connectors_with_example, example


def test_the_example_is_a_policy_and_says_what_it_means() -> None:
    found = checking.check(example("ssh-key"))
    assert (found.smallest_coalition, found.most_losses, found.sheets) == (3, 2, 5)
    assert (found.people_that_stop, found.sites_that_stop, found.sites_that_open) == ((), (), ())
    assert found.chance is not None
    assert (found.warnings, found.notes) == ((), ())


@pytest.mark.parametrize("connector", connectors_with_example())
def test_every_example_is_a_policy_without_a_warning(connector: str) -> None:
    found = checking.check(example(connector))
    # The files that an example names are not on this machine.
    left = [one for one in found.warnings if "/etc/breakglass/" not in one and "/var/log/" not in one]
    assert (left, found.notes) == ([], ())


def test_every_connector_that_ships_here_has_an_example() -> None:
    assert set(registry.BUILT_IN) <= set(connectors_with_example())


def test_a_target_that_no_connector_takes_is_found_before_anything_is_printed() -> None:
    source = example("ssh-key").replace("ssh-key:///", "sshkey:///")
    with pytest.raises(
        InvalidPolicy, match=r"^target\.uri: no connector for sshkey: expected one of .*ssh-key"
    ) as refused:
        checking.check(source)
    assert refused.value.hint == "did you mean ssh-key?"


def test_an_endpoint_that_no_connector_takes_is_named_with_its_place() -> None:
    source = example("ssh-key").replace("endpoints = []", 'endpoints = ["ssh-key:///srv/a", "ssh-key:b"]')
    with pytest.raises(InvalidPolicy, match=r"^rotation\.endpoints\[1\]: ") as refused:
        checking.check(source)
    assert [problem["key"] for problem in refused.value.problems] == ["rotation.endpoints[1]"]


def test_a_connector_whose_library_is_missing_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.BUILT_IN, "ssh-key", "breakglass_shamir.connectors.not_there:Connector")
    found = checking.check(example("ssh-key"))
    assert found.notes[0].startswith("target.uri was not looked at: connector for ssh-key could not be loaded")


def test_a_target_with_one_set_is_warned_about_where_the_ledger_knows() -> None:
    source = example("ssh-key")
    warning = "fewer than two sets for one target: keep another account under another quorum"
    assert checking.check(source, Ledgered()).warnings == (warning,)
    beside = parse(source.replace('"recovery-key"', '"other"'))
    elsewhere = parse(source.replace('"recovery-key"', '"other"').replace("id_recovery", "id_other"))
    named = parse(
        source.replace('"recovery-key"', '"other"')
        .replace("id_recovery", "id_other")
        .replace("envelope B", "set recovery-key")
    )
    assert checking.check(source, Ledgered((beside,))).warnings == ()
    assert checking.check(source, Ledgered((elsewhere,))).warnings == (warning,)
    assert checking.check(source, Ledgered((named,))).warnings == ()
    assert checking.check(source.replace("envelope B", "see set other"), Ledgered((elsewhere,))).warnings == ()
    assert checking.check(source.replace("envelope B", "another-other"), Ledgered((elsewhere,))).warnings == (warning,)


def test_availability_that_is_not_stated_is_not_guessed() -> None:
    source = example("ssh-key").replace(
        'name = "head of IT"\nsite = "north"\navailability = 0.9', 'name = "head of IT"'
    )
    found = checking.check(source)
    assert found.chance is None
    assert found.notes == ("how likely a quorum comes together is not known: not stated for head of IT",)
