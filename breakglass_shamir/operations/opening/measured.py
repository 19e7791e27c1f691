# SPDX-License-Identifier: Apache-2.0
"""What is measured at a declaration, and the way to it.

Who begins an opening hands the way in, since nothing of this room reaches a server.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from breakglass_shamir.custody.policy.tables import Policy


@dataclass(frozen=True, slots=True)
class Measured:
    """What was found.

    Attributes:
        probes: by the probe's name, a verdict and why.
        ticket: what the system of tickets said; empty: it was not asked.
    """

    probes: Mapping[str, str] = field(default_factory=dict)
    ticket: str = ""


Measure = Callable[[Policy, str, str], Measured]
"""Asks what a policy wants to be asked about an incident class and a ticket, within the policy's budget."""


def unmeasured(_policy: Policy, _incident_class: str, _ticket: str) -> Measured:
    """Ask nothing: what is declared is no emergency."""
    return Measured()
