# SPDX-License-Identifier: Apache-2.0
"""Controls on the report's page: what is assessed of its logs, and which section speaks to which control."""

from collections.abc import Sequence

from breakglass_shamir.operations.audit.controls import assessing
from breakglass_shamir.operations.audit.controls.result import Assessment
from breakglass_shamir.operations.audit.period import Period
from breakglass_shamir.operations.audit.report_parts import Part

TITLES = {
    "timeline": "Timeline",
    "epochs": "Epochs",
    "openings": "Openings",
    "reviews": "Reviews",
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


def assess(parts: Sequence[Part], only: str, period: Period) -> Assessment:
    """Assess the controls of every standard that a policy of these logs names."""
    return assessing.assess([_log(place, part) for place, part in enumerate(parts, 1)], only=only, period=period)


def of_section(assessment: Assessment, section: str) -> tuple[str, ...]:
    """Return the controls that a kind of section speaks to, a text for each standard: its name and their numbers."""
    found = (
        (standard.name, [control.number for control in standard.controls if section in control.sections])
        for standard in assessment.standards
    )
    return tuple(f"{name} {', '.join(numbers)}" for name, numbers in found if numbers)


def _log(place: int, part: Part) -> assessing.Log:
    verified = part.verdict.verified
    late = verified.report.broken_promises if verified else ()
    silences = tuple((one.since, int(one.seconds)) for one in late)
    return assessing.Log(part.log, part.verdict.holds, silences, part.name, f"t{place}-" if part.name else "")
