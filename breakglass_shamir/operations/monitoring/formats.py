# SPDX-License-Identifier: Apache-2.0
"""Status for monitoring: one line as plugins of Nagios and its relatives give it, and Prometheus text.

Sources: the Monitoring Plugins development guidelines (status word, perfdata, exit codes 0 to 3); the Prometheus
text exposition format, version 0.0.4.

It decides nothing: what is due and what is urgent is ``status.py``'s to say.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from breakglass_shamir.custody.life.due import DAY_S, in_words
from breakglass_shamir.custody.life.watch_rules import SILENCE_FACTOR
from breakglass_shamir.operations.monitoring.heartbeat import Silence
from breakglass_shamir.operations.monitoring.status import SetStatus
from breakglass_shamir.operations.monitoring.to_do import LONG_SILENCE
from breakglass_shamir.plural import counted
from breakglass_shamir.structs import Struct

if TYPE_CHECKING:
    from breakglass_shamir.operations.witnessing.standing import Witnessed

OK, WARNING, CRITICAL, UNKNOWN = 0, 1, 2, 3
"""Exit codes of a plugin."""

WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")

_PREFIX = "BREAKGLASS"


class Life(Struct, frozen=True):
    """How a terminal's ledger itself is: how long it has been silent, and whether it seems to be a copy."""

    terminal: str
    silence: Silence
    ended: str = ""
    """Since when this terminal is retired: nothing is due here any more; empty: it is in service."""

    copies: tuple[str, ...] = ()
    """What shows that its ledger was copied or set back, a sentence each."""

    witnessed: "Witnessed | None" = None
    """How far witnesses have cosigned its ledger; None: none is pinned."""

    @property
    def said(self) -> str:
        """Say it where it is longer than promised."""
        seconds, every_s = in_words(self.silence.seconds), in_words(self.silence.every_s)
        return f"this terminal: no record for {seconds}, a heartbeat was promised every {every_s}"

    @property
    def long(self) -> bool:
        """Whether it cannot wait."""
        return self.silence.late and self.silence.seconds > LONG_SILENCE * self.silence.every_s


def nagios(sets: Sequence[SetStatus], life: Life) -> tuple[str, int]:
    """Return the line of a plugin and its exit code: critical is what is urgent, warning what is due."""
    late = [life.said] if life.silence.late else []
    if life.ended:
        return f"{_PREFIX} {WORDS[OK]} - this terminal is retired since {life.ended}", OK
    copied = [f"this ledger: {one}" for one in life.copies]
    urgent = [*copied, *(late if life.long else []), *(f"{one.name}: {what}" for one in sets for what in one.urgent)]
    rest = [f"{one.name}: {what}" for one in sets for what in one.due if what not in one.urgent]
    rest += [] if life.long else late
    code = CRITICAL if urgent else WARNING if rest else OK
    said = "; ".join(urgent + rest) or f"{counted(len(sets), 'set')}, nothing is due"
    if not sets:
        return f"{_PREFIX} {WORDS[UNKNOWN]} - no set in this ledger yet", UNKNOWN
    own = [_silence(life.silence), *_witnessed(life.witnessed)]
    perfdata = " ".join([*own, *(value for one in sets for value in _perfdata(one))])
    return f"{_PREFIX} {WORDS[code]} - {_plain(said)} | {perfdata}", code


def nagios_error(message: str, code: int) -> str:
    """Return the line that says why there is no status."""
    return f"{_PREFIX} {WORDS[code]} - {_plain(message)}"


def prometheus(sets: Sequence[SetStatus], life: Life) -> str:
    """Return every set's status in the text exposition format, each metric with its help and type."""
    rows = []
    for name, (text, samples) in {**_of_terminal(life), **_metrics(sets)}.items():
        rows += [f"# HELP {name} {text}", f"# TYPE {name} gauge", *(f"{name}{sample}" for sample in samples)]
    return "\n".join(rows) + "\n"


def _silence(silence: Silence) -> str:
    """Write the silence, with the thresholds where a heartbeat made a promise."""
    every_s = silence.every_s
    return f"'silence_seconds'={silence.seconds};{every_s or ''};{LONG_SILENCE * every_s or ''};0;"


def _witnessed(found: "Witnessed | None") -> Iterator[str]:
    """Write how old the newest checkpoint is that enough witnesses cosigned, where there is one."""
    if found is not None and found.age_s is not None:
        yield f"'witnessed_seconds'={found.age_s};;;0;"


def _of_terminal(life: Life) -> dict[str, tuple[str, list[str]]]:
    silence, terminal = life.silence, _labels(terminal=life.terminal)
    found = {
        "silence_seconds": ("Time since the last record of this ledger.", silence.seconds),
        "silence_promised_seconds": ("Within how long the last heartbeat promised another record.", silence.every_s),
        "silence_late": ("Whether the silence is longer than promised.", int(silence.late)),
        "terminal_retired": ("Whether this terminal is retired and its log has ended.", int(bool(life.ended))),
        "copy_signs": ("What shows that this ledger was copied or set back.", len(life.copies)),
    }
    if not silence.every_s:
        del found["silence_promised_seconds"]
    if life.witnessed is not None:
        waiting = life.witnessed.of - life.witnessed.records
        found["witnessed_waiting_records"] = "Records that not enough witnesses have cosigned yet.", waiting
        if life.witnessed.age_s is not None:
            found["witnessed_age_seconds"] = "Time since enough witnesses last cosigned.", life.witnessed.age_s
    return {f"breakglass_{name}": (text, [f"{terminal} {value}"]) for name, (text, value) in found.items()}


def _perfdata(one: SetStatus) -> Iterator[str]:
    name = _plain(one.name).replace("'", "").replace("=", "_")
    values = {
        "verified": f"{one.verified};;;0;{one.sheets}",
        "spare": f"{one.losses_left};;;;",
        "debts": f"{len(one.debts)};;;0;",
    }
    if one.next_drill is not None:
        values["drill_days"] = f"{_days(one.next_drill.in_s)};;;;"
    if one.rotation_in_s is not None:
        values["rotation_days"] = f"{_days(one.rotation_in_s)};;;;"
    if one.undelivered is not None:
        values["undelivered"] = f"{one.undelivered};;;0;"
    if one.watch is not None:
        warning_s, critical_s = SILENCE_FACTOR * one.watch.every_s, LONG_SILENCE * one.watch.every_s
        values["watch_seconds"] = f"{one.watch.age_s};{warning_s or ''};{critical_s or ''};0;"
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
    ("retired", "Whether the set is out of service.", lambda one: int(bool(one.retired))),
    ("due", "Things to do now.", lambda one: len(one.due)),
    ("urgent", "Things to do now that cannot wait.", lambda one: len(one.urgent)),
    ("alerts_undelivered", "Alerts that were not delivered.", lambda one: one.undelivered),
    ("watch_age_seconds", "Time since the watch last gave a sign.", lambda one: one.watch.age_s if one.watch else None),
    (
        "watch_promised_seconds",
        "Within how long the watch promised its next sign.",
        lambda one: (one.watch.every_s or None) if one.watch else None,
    ),
    (
        "watch_looked_age_seconds",
        "Time since the instant until which the target's logins were looked at.",
        lambda one: one.watch.looked_age_s if one.watch else None,
    ),
    (
        "watch_blind",
        "Whether the watch does not see every login.",
        lambda one: int(bool(one.watch.problem)) if one.watch else None,
    ),
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
    for key, text, standby in (
        ("probe_well", "Whether a probe of what may be out was well at the last recorded look.", False),
        ("standby_well", "Whether a probe of the way round was well at the last recorded look.", True),
    ):
        found[f"breakglass_{key}"] = text, [
            _labels(set=s.name, probe=one.probe) + f" {int(one.well)}"
            for s in sets for one in s.probes if one.standby is standby
        ]  # fmt: skip
    found["breakglass_drill_due_seconds"] = "Time until a drill is due; negative: due for so long.", drills
    return {name: metric for name, metric in found.items() if metric[1]}


def _labels(**labels: str) -> str:
    """Write labels, their values escaped as the format wants it."""
    pairs = [f'{name}="{_escaped(value)}"' for name, value in labels.items()]
    return "{" + ",".join(pairs) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
