# SPDX-License-Identifier: Apache-2.0
"""What is different between two policies is said once, by its key, and nothing is where both mean the same."""

import pytest

from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.differences import differences
from breakglass_shamir.operations.policy.examples import example

OLD = example("ssh-key").replace(
    '[[alerts.sinks]]\nname = "journal"', '[[officers]]\nname = "Olga"\n[[alerts.sinks]]\nname = "journal"'
)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("use_for = \"1h\"", "use_for = \"60m\"", ()),
        ("use_for = \"1h\"", "use_for = \"2h\"", ("declaration.use_for: '2h' instead of '1h'",)),
        ("may_defer = false", "may_defer = true", ("rotation.may_defer: true instead of false",)),
        ('"network-outage"]', '"ransomware"]',
         ("declaration.classes: also 'ransomware'", "declaration.classes: no longer 'network-outage'")),
        ('"idp-outage", "mfa-outage"', '"mfa-outage", "idp-outage"', ("declaration.classes: in another order",)),
        ('name = "Olga"', 'name = "Oskar"', ("officers: Olga is gone", "officers: Oskar is new")),
        ('name = "Olga"',
         'name = "Olga"\nkeys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIN/hAJVv5gUd4SdyzVuw3+LZ7JkXNPEL3cxE8m8Kf0D1"]',
         ("officers (Olga).keys: others than before",)),
        ('threshold = 3', 'threshold = 4', ("quorum.groups[0].threshold: 4 instead of 3",)),
        ('type = "journald"', 'type = "file"\npath = "/var/log/x"',
         ("alerts.sinks (journal).type: 'file' instead of 'journald'",
          "alerts.sinks (journal).identifier: none instead of 'breakglass'",
          "alerts.sinks (journal).path: '/var/log/x' instead of none")),
        ('belongs_to = "Example Ltd, Security"', "", ("belongs_to: none instead of 'Example Ltd, Security'",)),
        ('name = "site lead south"\nsite = "south"', 'name = "site lead south"\nsite = "north"',
         ("custodians (site lead south).site: 'north' instead of 'south'",)),
    ],
)  # fmt: skip
def test_a_difference_is_said_by_its_key(before: str, after: str, said: tuple[str, ...]) -> None:
    assert before in OLD
    assert differences(policies.parse(OLD), policies.parse(OLD.replace(before, after))) == said


def test_a_review_that_comes_and_goes_and_groups_that_do() -> None:
    key = 'keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIN/hAJVv5gUd4SdyzVuw3+LZ7JkXNPEL3cxE8m8Kf0D1"]'
    old = policies.parse(OLD)
    new = policies.parse(
        OLD.replace('name = "Olga"', f'name = "Olga"\n{key}')
        + "\n[review]\n[[quorum.groups]]\nthreshold = 1\ncustodians = ['x']\n"
    )
    there, back = differences(old, new), differences(new, old)
    assert {"review: is new", "quorum.groups[1]: is new"} <= set(there)
    assert {"review: is gone", "quorum.groups[1]: is gone"} <= set(back)
