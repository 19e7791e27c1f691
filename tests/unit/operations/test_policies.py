# SPDX-License-Identifier: Apache-2.0
"""What a person asks before signing a policy."""

import pytest

from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.operations import policies


def test_the_example_is_a_policy_and_says_what_it_means() -> None:
    found = policies.check(policies.example("ssh-key"))
    assert (found.smallest_coalition, found.most_losses, found.sheets) == (3, 2, 5)


def test_a_target_that_no_connector_takes_is_found_before_anything_is_printed() -> None:
    source = policies.example("ssh-key").replace("ssh-key:///", "sshkey:///")
    with pytest.raises(InvalidInput, match="ssh-key"):
        policies.check(source)
