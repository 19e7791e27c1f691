# SPDX-License-Identifier: Apache-2.0
"""What happened around a set besides its epochs, openings and drills: refusals, notes, logins, alerts. Pure.

``history.py`` keeps one of these for each set, and one for what belongs to none.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from breakglass_shamir.custody.life.arming_rules import until_words
from breakglass_shamir.custody.life.review_rules import is_opening
from breakglass_shamir.custody.policy.duration import in_words
from breakglass_shamir.custody.records.arming import ArmedOutside, Arming, Disarmed
from breakglass_shamir.custody.records.drills import LoadDrilled
from breakglass_shamir.custody.records.enrolment import Enrolled, EnrolmentExported
from breakglass_shamir.custody.records.epochs import Proven
from breakglass_shamir.custody.records.ledger import CollectorReplaced, LedgerMoved
from breakglass_shamir.custody.records.lineage import AttestedDead, Succession
from breakglass_shamir.custody.records.monitoring import (
    AlertsDelivered,
    ChangedOutside,
    Eased,
    Escalated,
    LoginSeen,
    Probed,
    Watched,
)
from breakglass_shamir.custody.records.openings import (
    Actions,
    Refused,
    Revealing,
    Snapshot,
    TicketAnswered,
    UseRecorded,
)
from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.custody.records.retirement import Retired, RetiredAttested, TerminalRetired
from breakglass_shamir.custody.records.reviews import DebtsSettled, Reviewed
from breakglass_shamir.custody.records.rotations import (
    Abandoned,
    Deferred,
    NotBefore,
    Rejected,
    RotationFound,
    RunsOut,
    TargetNamed,
)
from breakglass_shamir.custody.records.sheets import Noted
from breakglass_shamir.operations.audit.story import DeliveredStory, LoginStory, Step
from breakglass_shamir.plural import counted


def runs_out(body: RunsOut) -> str:
    """Say what ends by itself, and when."""
    name = f" ({body.public_id})" if body.public_id else ""
    paper = "" if body.epoch_id or not body.public_id else ", on no paper yet"
    return f"{body.what}{name}: ends at {body.ends}{paper}" if body.ends else f"{body.what}{name}: ends no more"


def _named(body: TargetNamed) -> str:
    account = f" (account {body.account})" if body.account else ""
    return f"people named the target {body.target}{account}, {'as' if body.agrees else 'unlike'} the sheets"


def _succession(body: Succession) -> str:
    who = f"the terminal of log {body.terminal}" if body.terminal else "this terminal"
    by = f", by the word of {', '.join(body.attested_by)}" if body.attested_by else ""
    return f"another epoch followed: {body.level}, as {who} saw{by}"


def use_recorded(body: UseRecorded) -> str:
    """Say of a recording what it is of, how it ended and who can read it."""
    what = f"what {body.program} showed was recorded" if body.program else "what a recording had when it was cut off"
    read = f"read by {', '.join(body.readers)} alone" if body.readers else ""
    parts = counted(body.segments, "segment")
    said = f"{body.ended}: {parts}, {counted(body.size, 'byte')}, {body.duration_ms // 1000} s"
    return f"{what}, " + "; ".join(filter(None, [said, read, body.problem]))


def actions(body: Actions) -> str:
    """Say what the target itself remembers of a use."""
    more = [f"{body.left_out} more"] if body.left_out else []
    unread = [f"not all could be read: {body.problem}"] if body.problem else []
    return f"{body.target} remembers of the use: " + "; ".join([*(body.sessions or ("nothing",)), *more, *unread])


def snapshot(body: Snapshot) -> str:
    """Say how much a snapshot holds, or why there is none."""
    if body.problem:
        return f"snapshot at the {body.when}: not taken at {body.target}: {body.problem}"
    more = [f"{body.left_out} more were not kept"] if body.left_out else []
    said = [f"{body.target} listed {counted(len(body.entries), 'way in', 'ways in')}", *more, *body.untold]
    return f"snapshot at the {body.when}: {'; '.join(said)}"


def _retired(body: Retired | RetiredAttested) -> str:
    how = f"attested by {', '.join(body.attested_by)}" if body.attested_by else "by its quorum"
    return f"out of service, its credential {body.credential}, {how}: {body.reason}"


def _ended(body: TerminalRetired) -> str:
    passed = f"; passed: {', '.join(body.passed)}" if body.passed else ""
    return f"this terminal is retired, and the log ends: {body.reason}{passed}"


def _enrolled(body: Enrolled) -> str:
    sinks = f"; sinks that were declined: {', '.join(body.sinks_declined)}" if body.sinks_declined else ""
    return f"learned from the terminal {body.terminal}, log {body.log}; its policy was {body.policy}{sinks}"


def _of(body: Reviewed) -> str:
    return body.subject[:12] if is_opening(body.subject) else body.subject


_EVENTS: dict[type, Callable[[Any], str]] = {
    Refused: lambda body: f"{body.stage}: {body.message}",
    Noted: lambda body: f"{body.text} ({body.by})",
    LedgerMoved: lambda body: body.reason,
    CollectorReplaced: lambda body: f"another collector was pinned, {body.new}, instead of {body.old}: {body.reason}",
    Revealing: lambda body: (
        f"the credential left in a use under way: {f'to {body.program}' if body.program else body.mode}"
        + "".join(f"; warned of before: {words}" for words in body.warned)
    ),
    UseRecorded: use_recorded,
    Actions: actions,
    Snapshot: snapshot,
    Deferred: lambda body: f"the quorum put the rotation off for {in_words(body.for_s)}: {body.reason}",
    Abandoned: lambda body: f"a printed epoch was given up: {body.reason}",
    Rejected: lambda body: f"the target did not take the prepared credential: {body.detail}",
    NotBefore: lambda body: f"no change before {body.until}: {body.detail}",
    RunsOut: runs_out,
    TargetNamed: _named,
    RotationFound: lambda _body: "quorums of two epochs were there: either credential may be the living one",
    Escalated: lambda body: f"{body.what} (level {body.level})",
    Eased: lambda body: f"settled: {body.what}",
    Proven: lambda body: f"the target was asked about a credential: {body.result}: {body.detail}",
    Succession: _succession,
    AttestedDead: lambda body: (
        f"an older credential is attested dead, not proven, by {', '.join(body.officers)}; the target: {body.asked} "
        f"({body.detail}): {body.reason}"
    ),
    Enrolled: _enrolled,
    EnrolmentExported: lambda body: f"sets {', '.join(body.sets)} were written for another terminal",
    Retired: _retired,
    RetiredAttested: _retired,
    TerminalRetired: _ended,
    LoadDrilled: lambda body: (
        f"{counted(body.at_once, 'rehearsal')} at once from {counted(body.terminals, 'terminal')}: {body.result}"
    ),
    Reviewed: lambda body: f"review of {_of(body)}, signed by {body.reviewer}: {body.verdict}: {body.reason}",
    DebtsSettled: lambda body: f"{body.officer} signed for {', '.join(body.debts)}: {body.reason}",
    Probed: lambda body: f"probes found: {', '.join(f'{name} {one}' for name, one in body.answers.items())}",
    TicketAnswered: lambda body: f"the system of tickets answered later about {body.ticket}: {body.answer}",
    Arming: lambda body: f"the account is armed until {body.until} for {body.why}, by {body.authority}",
    Disarmed: lambda body: f"the account is closed again: {body.detail}",
    ArmedOutside: lambda body: (
        f"the target lets the account in {until_words(body.until)}, armed by nobody here: {body.detail}"
    ),
    ChangedOutside: lambda body: f"the password changed at {body.at} without a rotation: {body.detail}",
}
"""Record types that are told in one sentence."""


@dataclass(slots=True)
class Happenings:
    """What happened, up to a record."""

    events: list[Step] = field(default_factory=list)
    logins: list[LoginStory] = field(default_factory=list)
    delivered: dict[str, DeliveredStory] = field(default_factory=dict)
    """By the sink's name."""

    watched_until: str = ""

    def take(self, record: Record) -> None:
        """Take one more record."""
        body = record.body
        words = _EVENTS.get(type(body))
        if words is not None:
            self.events.append(Step(record.seq, record.time, str(body.__struct_config__.tag), words(body)))
        match body:
            case AlertsDelivered():
                self._delivered(body, record.time)
            case LoginSeen():
                self.logins.append(
                    LoginStory(
                        record.seq, record.time, body.at, body.account, body.source, body.accepted, body.count,
                        body.matched, body.detail,
                    )
                )  # fmt: skip
            case Watched(problem=""):
                self.watched_until = body.until
            case Watched():
                self.events.append(_watch_problem(record, body))

    def _delivered(self, body: AlertsDelivered, time: str) -> None:
        known = self.delivered.get(body.sink, DeliveredStory(body.sink, 0, 0, time, time))
        self.delivered[body.sink] = replace(known, count=known.count + body.count, rounds=known.rounds + 1, last=time)


def _watch_problem(record: Record, body: Watched) -> Step:
    return Step(record.seq, record.time, "watched", f"the target could not be asked: {body.problem}")
