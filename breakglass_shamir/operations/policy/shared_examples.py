# SPDX-License-Identifier: Apache-2.0
"""An example of a file that the sets of an organisation share, and of a set's file that includes it."""

from collections.abc import Mapping

_ORGANISATION = """# What the sets of one organisation share. A set's file names it: include = "organisation.toml".
# It is no policy of a set, so it has no name, target or quorum, and it includes no other file. Every other key of a
# policy may stand here; "policy example" explains them. A changed file changes no set: each adopts what it takes.

belongs_to = "Example Ltd, Security"    # a set's own key stands instead of one here, and "policy check" says so

# Everybody who keeps a sheet of any set. A set takes those whom its groups name.
[[custodians]]
name = "head of IT"
site = "north"
availability = 0.9

[[custodians]]
name = "head of security"
site = "south"
availability = 0.9

[[custodians]]
name = "chief financial officer"
site = "bank"
availability = 0.8

[[custodians]]
name = "site lead north"
site = "north"
availability = 0.95

[[custodians]]
name = "site lead south"
site = "south"
availability = 0.95

# Every place. A set takes those where its custodians keep their sheets.
[[sites]]
name = "north"
availability = 0.99

[[sites]]
name = "south"
availability = 0.99

[[sites]]
name = "bank"
availability = 0.5

# A set takes all officers; one that lists officers itself takes those, by their names alone. So it is with
# review.reviewers and alerts.sinks.
# [[officers]]
# name = "duty officer"
# keys = ["ssh-ed25519 AAAA... duty officer"]

[declaration]
classes = ["idp-outage", "mfa-outage", "network-outage"]
ticket = "INC-[0-9]{4,}"

[drills]
roll_call = "90d"
rehearsal = "90d"
access = "365d"

[[alerts.sinks]]
name = "journal"
type = "journald"
"""

_SET = """# One set. All that is not here comes from the organisation's file, which lies in this folder or below it.

include = "organisation.toml"           # or a list: ["people.toml", "alerts.toml"]

name = "recovery-key"

[target]
uri = "ssh-key:///srv/breakglass/id_recovery"
second_account = "envelope B, safe 2"

[[quorum.groups]]
threshold = 3
custodians = ["head of IT", "head of security", "chief financial officer", "site lead north", "site lead south"]

[declaration]
use_for = "30m"                         # own keys stand; those that are not here come from the organisation's file
"""

SHARED: Mapping[str, str] = {"organisation": _ORGANISATION, "set": _SET}
"""By the name under which people ask for it."""
