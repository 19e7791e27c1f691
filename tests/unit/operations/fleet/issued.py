# SPDX-License-Identifier: Apache-2.0
"""A set on record whose sheets nobody drew, for tests of rounds."""

from breakglass_shamir.custody.credential import Credential
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records.ledger import PolicyAdopted
from breakglass_shamir.formats.envelope import NO_PREDECESSOR
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger.store import Ledger
from breakglass_shamir.operations.printing.sheets import Epoch, seal_epoch

POLICY = """\
name = "build-key"
target = {uri = "manual:safe", account = "safe"}
quorum = {group_threshold = 1, groups = [{threshold = 2, custodians = ["Bo", "Chen"]}]}
[declaration]
classes = ["idp-outage"]
"""


def issued(ledger: Ledger) -> Epoch:
    """Put a set on record, whose sheets nobody drew."""
    credential = Credential(Secret(b"a passphrase"))
    epoch = seal_epoch(policies.parse(POLICY), POLICY, credential, ledger.checkpoint(), 1, NO_PREDECESSOR)
    ledger.append(PolicyAdopted(source=POLICY, digest=policies.digest(POLICY).hex()), set_name="build-key")
    ledger.append(epoch.record("unproven"), set_name="build-key")
    return epoch
