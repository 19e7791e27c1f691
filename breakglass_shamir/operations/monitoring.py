# SPDX-License-Identifier: Apache-2.0
"""Status for monitoring: one line as plugins of Nagios and its relatives give it, and Prometheus text.

Sources: the Monitoring Plugins development guidelines (status word, perfdata, exit codes 0 to 3); the Prometheus
text exposition format, version 0.0.4.

It decides nothing: what is due and what is urgent is ``status.py``'s to say.
"""

from collections.abc import Callable, Iterator, Sequence

from breakglass_shamir.custody.due import DAY_S
from breakglass_shamir.operations.status import SetStatus

OK, WARNING, CRITICAL, UNKNOWN = 0, 1, 2, 3
"""Exit codes of a plugin."""

WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")

_PREFIX = "BREAKGLASS"


def nagios(sets: Sequence[SetStatus]) -> tuple[str, int]:
    """Return the line of a plugin and its exit code: critical is what is urgent, warning what is due."""
    urgent = [f"{one.name}: {what}" for one in sets for what in one.urgent]
    rest = [f"{one.name}: {what}" for one in sets for what in one.due if what not in one.urgent]
    code = CRITICAL if urgent else WARNING if rest else OK
    said = "; ".join(urgent + rest) or f"{len(sets)} sets, nothing is due"
    if not sets:
        code, said = UNKNOWN, "no set in this ledger yet"
    perfdata = " ".join(value for one in sets for value in _perfdata(one))
    return f"{_PREFIX} {WORDS[code]} - {_plain(said)}" + (f" | {perfdata}" if perfdata else ""), code


def nagios_error(message: str, code: int) -> str:
    """Return the line that says why there is no status."""
    return f"{_PREFIX} {WORDS[code]} - {_plain(message)}"


def prometheus(sets: Sequence[SetStatus]) -> str:
    """Return every set's status in the text exposition format, each metric with its help and type."""
    rows = []
    for name, (text, samples) in _metrics(sets).items():
        rows += [f"# HELP {name} {text}", f"# TYPE {name} gauge", *(f"{name}{sample}" for sample in samples)]
    return "\n".join(rows) + "\n"


def _perfdata(one: SetStatus) -> Iterator[str]:
    name = one.name.replace("'", "").replace("=", "_")
    values = {
        "verified": f"{one.verified};;;0;{one.sheets}",
        "spare": f"{one.losses_left};;;;",
        "debts": f"{len(one.debts)};;;0;",
        "drill_days": f"{_days(one.next_drill.in_s if one.next_drill else 0)};;;;",
        "rotation_days": f"{_days(one.rotation_in_s)};;;;",
    }
    if one.undelivered is not None:
        values["undelivered"] = f"{one.undelivered};;;0;"
    for label, value in values.items():
        yield f"'{name}_{label}'={value}"


def _days(seconds: int) -> int:
    return seconds // DAY_S


def _plain(text: str) -> str:
    """Take out what ends a plugin's text."""
    return text.replace("|", "/").replace("\n", " ")


_Metric = tuple[str, str, Callable[[SetStatus], int | None]]

_GAUGES: tuple[_Metric, ...] = (
    ("sheets", "Sheets of the epoch in force.", lambda one: one.sheets),
    ("sheets_verified", "Sheets read back or roll-called.", lambda one: one.verified),
    ("sheets_acknowledged", "Sheets that a custodian holds.", lambda one: one.acknowledged),
    ("sheets_voided", "Sheets that were voided.", lambda one: one.voided),
    ("losses_left", "Sheets that may still be lost; negative: perhaps no quorum is left.", lambda one: one.losses_left),
    ("verified_age_seconds", "Age of the oldest verification of a sheet.", lambda one: one.verified_age_s),
    ("login_age_seconds", "Time since the target last accepted the credential.", lambda one: one.login_age_s),
    ("rotation_due_seconds", "Time until the credential reaches its maximum age.", lambda one: one.rotation_in_s),
    ("debts", "Debts of openings.", lambda one: len(one.debts)),
    ("debts_overdue", "Debts past their deadline.", lambda one: sum(debt.overdue for debt in one.debts)),
    ("opening_under_way", "Whether an opening is under way.", lambda one: int(bool(one.opening))),
    ("due", "Things to do now.", lambda one: len(one.due)),
    ("urgent", "Things to do now that cannot wait.", lambda one: len(one.urgent)),
    ("alerts_undelivered", "Alerts that were not delivered.", lambda one: one.undelivered),
)
"""Name without its prefix, help, and value; None: there is none."""


def _metrics(sets: Sequence[SetStatus]) -> dict[str, tuple[str, list[str]]]:
    """Return help and samples of each metric; one without a sample is left out."""
    found = {}
    for key, text, value in _GAUGES:
        pairs = [(one.name, value(one)) for one in sets]
        found[f"breakglass_{key}"] = text, [f"{_labels(set=name)} {v}" for name, v in pairs if v is not None]
    info = [_labels(set=s.name, phase=s.phase, epoch=str(s.epoch), epoch_id=s.epoch_id) + " 1" for s in sets]
    found["breakglass_set_info"] = "State and epoch of a set.", info
    drills = [
        _labels(set=s.name, drill=one.kind) + f" {one.in_s}"
        for s in sets
        for one in s.schedule
        if one.kind != "rotation"
    ]
    found["breakglass_drill_due_seconds"] = "Time until a drill is due; negative: due for so long.", drills
    return {name: metric for name, metric in found.items() if metric[1]}


def _labels(**labels: str) -> str:
    """Write labels, their values escaped as the format wants it."""
    pairs = [f'{name}="{_escaped(value)}"' for name, value in labels.items()]
    return "{" + ",".join(pairs) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
