# SPDX-License-Identifier: Apache-2.0
"""Where the policy in force and the sheets name different targets. It decides nothing: people are told."""

from breakglass_shamir.custody.credential import Credential
from breakglass_shamir.custody.policy.tables import Policy


def elsewhere(policy: Policy, credential: Credential) -> str:
    """Say that the policy hands the credential to another target than its own sheets name; empty where it does not."""
    mine = (credential.target, credential.account)
    other = (policy.target.uri, policy.target.account or credential.account)
    if mine == other or not credential.target:
        return ""
    words = [f"{uri} (account {account or 'not named'})" for uri, account in (mine, other)]
    return (
        f"the sheets are for {words[0]}, the policy names {words[1]}: a login by the connector and a rotation hand the "
        "credential to the latter"
    )
