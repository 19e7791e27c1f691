# SPDX-License-Identifier: Apache-2.0
"""Policy files for people: an example to start from, and what a person asks before signing one."""

from dataclasses import dataclass
from string import Template

from breakglass_shamir.connectors.registry import connector_for, known_schemes
from breakglass_shamir.custody import policy as policies
from breakglass_shamir.errors import InvalidInput

_EXAMPLE = Template("""# One break-glass credential under custody. Every key that is not marked optional must be there.

name = "$name"                          # the set's name: on every sheet, in every record and file name
belongs_to = "Example Ltd, Security"    # optional: whom a found sheet is returned to

[target]
uri = "$uri"
account = ""                            # optional: the account the credential belongs to
second_account = "envelope B, safe 2"   # optional: the other way in, should this one fail

[quorum]
# One group is plain k-of-n. With several groups, group_threshold of them are needed (default: all).
[[quorum.groups]]
threshold = 3
custodians = ["head of IT", "head of security", "chief financial officer", "site lead north", "site lead south"]

[declaration]
classes = ["idp-outage", "mfa-outage", "network-outage"]   # the closed list of incident classes
ticket = "INC-[0-9]{4,}"                # optional: regular expression that a ticket must match
officers = 2                            # optional: how many officers must be named
valid_for = "30m"                       # optional: how long a declaration holds before the sheets are combined
use_for = "1h"                          # optional: the longest use

[reveal]
modes = ["exec", "show", "no-reveal"]   # optional: how the credential may leave the program
show_for = "60s"                        # optional: how long --show keeps it on the screen

[rotation]
deadline = "1d"                         # optional: when a rotation that is owed is overdue
may_defer = false                       # optional: whether a quorum may put it off
length = 24                             # optional: characters of a generated credential
""")

_EXAMPLES = {"ssh-key": ("recovery-key", "ssh-key:///srv/breakglass/id_recovery")}


@dataclass(frozen=True, slots=True)
class PolicyAnswers:
    """What a policy means."""

    name: str
    opens_with: str
    smallest_coalition: int
    most_losses: int
    sheets: int
    digest: str


def example(connector: str) -> str:
    """Return an example policy for a connector, with every key explained.

    Raises:
        InvalidInput: no such connector.
    """
    if connector not in _EXAMPLES:
        known = ", ".join(known_schemes())
        raise InvalidInput(f"expected a connector of {known}, got {connector!r}")
    name, uri = _EXAMPLES[connector]
    return _EXAMPLE.substitute(name=name, uri=uri)


def check(source: str) -> PolicyAnswers:
    """Say what a policy means.

    Raises:
        InvalidPolicy: it does not describe a set.
        InvalidInput: no connector takes its target.
    """
    policy = policies.parse(source)
    connector_for(policy.target.uri, policy.target.account)
    structure = policy.structure
    return PolicyAnswers(
        policy.name,
        structure.in_words(),
        structure.smallest_coalition,
        structure.most_losses,
        structure.sheets,
        policies.digest(source).hex(),
    )
