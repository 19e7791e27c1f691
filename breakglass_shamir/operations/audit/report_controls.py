# SPDX-License-Identifier: Apache-2.0
"""Which controls an auditor may find evidence for, and where in the report it stands.

In our own few words: what a standard says stands in the standard.
"""

from dataclasses import dataclass

TITLES = {
    "timeline": "Timeline",
    "epochs": "Epochs",
    "openings": "Openings",
    "debts": "Debts",
    "drills": "Drills",
    "sheets": "Sheets and roll-call",
    "policies": "Policy",
    "logins": "Logins at the target",
    "alerts": "Alerts",
    "events": "Outside any set",
    "verification": "Verification",
}
"""Kinds of sections, and their headings; all but the last two stand once for each set."""


@dataclass(frozen=True, slots=True)
class Control:
    """One control of one standard."""

    standard: str
    number: str
    concern: str
    """What it is about, in our words."""

    evidence: str
    """What of this report speaks to it, in words."""

    sections: tuple[str, ...]
    """Kinds of sections in which that stands."""

    @property
    def name(self) -> str:
        """Standard and number."""
        return f"{self.standard} {self.number}"


CONTROLS = (
    Control(
        "NIST SP 800-53", "AC-2(2)", "emergency access ends by itself",
        "how long each use took against what was declared, and the death of the old credential after it",
        ("openings", "debts"),
    ),
    Control(
        "NIST SP 800-53", "AU-5", "what happens when logging fails",
        "no record, no reveal: silences, refusals, moves of the ledger, alerts that were delivered or were not",
        ("alerts", "events", "verification"),
    ),
    Control(
        "NIST SP 800-53", "AU-10", "nobody can deny an act",
        "signatures of terminal, quorum and officers over the bytes of each record",
        ("epochs", "openings", "verification"),
    ),
    Control(
        "PCI DSS", "3.7.6", "no person alone holds a whole key",
        "the quorum of every opening, by sheet, and who keeps which sheet",
        ("openings", "sheets"),
    ),
    Control(
        "PCI DSS", "3.7.8", "custodians accept what they keep",
        "each acknowledgement with its custodian and bag, changes of hands, roll-calls",
        ("sheets",),
    ),
    Control(
        "DORA RTS", "Art. 21", "emergency access is rare, tied to a person and followed up",
        "class, ticket, reason and officers of each use; logins held against openings; drills",
        ("openings", "drills", "policies", "logins"),
    ),
    Control(
        "ISO/IEC 27001", "A.8.2", "privileged access is restricted and reviewed",
        "policies and what weakened them, who keeps sheets, what is owed and due",
        ("policies", "sheets", "drills", "debts"),
    ),
    Control(
        "ISO/IEC 27001", "A.8.15", "logs are kept, protected and looked at",
        "the timeline, and the verification of every record behind it",
        ("timeline", "logins", "alerts", "events", "verification"),
    ),
)  # fmt: skip
"""The map, by standard."""


def of_section(section: str) -> tuple[str, ...]:
    """Return the names of the controls that a kind of section speaks to."""
    return tuple(control.name for control in CONTROLS if section in control.sections)
