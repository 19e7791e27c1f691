# SPDX-License-Identifier: Apache-2.0
"""A look at the probes of a set, for timers and people: is the way round itself well, and what do tickets say now.

Rules:

1. What probes found is recorded where one found something else than at the last look, and once a day: a look every few
   minutes leaves no record each time.
2. A way round that is not well is told at once, by the sinks of the policy, and again until it is well.
3. A declaration at which the system of tickets could not be asked is asked about again, until it answers; what it says
   is recorded once. Whether that settles anything is the policy's to say.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from breakglass_shamir.custody.life import escalation, gates, watch_rules
from breakglass_shamir.custody.life.gates import TICKET_OPEN
from breakglass_shamir.custody.life.state import SetState
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.custody.records.monitoring import Probed
from breakglass_shamir.custody.records.openings import TicketAnswered
from breakglass_shamir.ledger import clock
from breakglass_shamir.operations.measuring import asking
from breakglass_shamir.operations.recorder import Recorder

RECORD_EVERY_S = 86_400
"""After how long what probes find is recorded although it is what it was."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one probe found, as of now (docs/json.md).

    Attributes:
        probe: its name.
        answer: ``well``, or a verdict, a colon and why.
        standby: whether it asks the way round.
        well: whether it found nothing that counts as failed.
    """

    probe: str
    answer: str
    standby: bool
    well: bool


@dataclass(frozen=True, slots=True)
class Ticket:
    """What the system of tickets says of an opening that owes a look at its ticket (docs/json.md)."""

    opening: str
    ticket: str
    answer: str


@dataclass(frozen=True, slots=True)
class Look:
    """What was found of one set (docs/json.md).

    Attributes:
        set: its name.
        probes: each probe of its policy.
        tickets: of openings that owe a look at theirs.
        recorded: whether what probes found was recorded.
    """

    set: str
    probes: tuple[Answer, ...]
    tickets: tuple[Ticket, ...]
    recorded: bool

    @property
    def broken(self) -> tuple[Answer, ...]:
        """The ways round that are not well."""
        return tuple(one for one in self.probes if one.standby and not one.well)


def look(recorder: Recorder) -> Look:
    """Ask the probes of the set that the recorder is at, and its system of tickets where something is owed.

    Raises:
        LedgerUnwritable, LedgerBusy: it could not be recorded.
    """
    state = recorder.refresh()
    policy = policies.parse(state.policy_source) if state.policy_source else None
    if policy is None:
        return Look(state.name, (), (), recorded=False)
    found = asking.look(policy)
    recorded = bool(found) and _is_news(state, found)
    # The opening may be another set's, which was looked at before.
    recorder.opening = ""
    if recorded:
        recorder.append(Probed(answers=dict(found)))
    if found:
        _tell(recorder, policy)
    probes = policy.outage.probes if policy.outage else ()
    answers = tuple(
        Answer(one.name, found[one.name], one.standby, gates.is_well(one, found[one.name])) for one in probes
    )
    return Look(state.name, answers, tuple(_tickets(recorder, policy)), recorded)


def _is_news(state: SetState, found: Mapping[str, str]) -> bool:
    last = state.probed
    if last is None or last.at.seconds_until(clock.now()) >= RECORD_EVERY_S:
        return True
    before, now = ({name: watch_rules.verdict(one) for name, one in of.items()} for of in (last.answers, found))
    return before != now


def _tell(recorder: Recorder, policy: Policy) -> None:
    """Record what is to be told of ways round, where somebody is told; the outbox has it then."""
    state = recorder.set_state
    if not (policy.alerts.sinks or state.escalations):
        return
    for step in [*escalation.steps(state, clock.now(), policy.alerts.repeat.seconds)]:
        if step.subject.startswith(escalation.STANDBY):
            recorder.append(step)


def _tickets(recorder: Recorder, policy: Policy) -> Iterator[Ticket]:
    """Ask about tickets that could not be asked about at their declaration."""
    state = recorder.set_state
    owing = {debt.opening for debt in state.debts if debt.kind == TICKET_OPEN}
    for opening in (*state.past, *filter(None, [state.opening])):
        if policy.ticket is None or opening.id not in owing:
            continue
        if not opening.declared.ticket_answer.startswith("unknown"):
            continue
        said = asking.look_at_ticket(policy, opening.declared.ticket)
        if not said.startswith("unknown") and said != state.ticket_answers.get(opening.id):
            recorder.opening = opening.id
            recorder.append(TicketAnswered(ticket=opening.declared.ticket, answer=said))
        yield Ticket(opening.id, opening.declared.ticket, said)
