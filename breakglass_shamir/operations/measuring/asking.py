# SPDX-License-Identifier: Apache-2.0
"""Ask the probes of a policy and its system of tickets at once, and come back in time.

Rules:

1. All are asked side by side, and one budget holds for all of them. Who has not answered by its end is silent, and is
   left behind; nobody waits for it, not even the end of this program.
2. Nothing is loaded where a policy names nothing.
3. An answer is one line of a word and why; nothing raises.
"""

import threading
from collections.abc import Callable, Mapping, Sequence

from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.custody.policy.when import Probe, TicketSystem
from breakglass_shamir.operations.opening.measured import Measured


def measure(policy: Policy, incident_class: str, ticket: str) -> Measured:
    """Ask what a policy wants to be asked at a declaration. Never raises.

    Args:
        policy: the set's.
        incident_class: that is declared.
        ticket: that is declared.
    """
    probes = [one for one in policy.outage.probes if one.is_for(incident_class)] if policy.outage else []
    return _side_by_side(probes, policy.ticket, ticket, policy.budget_s)


def look(policy: Policy) -> Mapping[str, str]:
    """Ask every probe of a policy, whatever its class. Never raises."""
    return _side_by_side(policy.outage.probes, None, "", policy.budget_s).probes if policy.outage else {}


def look_at_ticket(policy: Policy, ticket: str) -> str:
    """Ask a policy's system of tickets about one; empty where it names none. Never raises."""
    return _side_by_side((), policy.ticket, ticket, policy.budget_s).ticket


def _side_by_side(probes: Sequence[Probe], system: TicketSystem | None, ticket: str, limit_s: int) -> Measured:
    whole, answers = Deadline(limit_s), dict[str, str]()
    questions: list[tuple[str, Callable[[], str]]] = [(one.name, _of_probe(one, whole)) for one in probes]
    if system is not None:
        # A probe's name is never empty.
        questions.append(("", _of_ticket(system, ticket, whole)))
    threads = [
        threading.Thread(target=_keep, args=(answers, name, question), name=f"asks: {name[:40]}", daemon=True)
        for name, question in questions
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(whole.left_s)
    late = f"no answer within {limit_s} s, the budget of all"
    found = {one.name: answers.get(one.name, f"silent: {late}") for one in probes}
    return Measured(found, answers.get("", f"unknown: {late}") if system is not None else "")


def _keep(answers: dict[str, str], name: str, question: Callable[[], str]) -> None:
    answers[name] = question()


def _of_probe(probe: Probe, whole: Deadline) -> Callable[[], str]:
    def question() -> str:
        from breakglass_shamir.connectors.probes.asking import ask

        return ask(probe, whole.sooner(probe.within.seconds))

    return question


def _of_ticket(system: TicketSystem, ticket: str, whole: Deadline) -> Callable[[], str]:
    def question() -> str:
        from breakglass_shamir.alerts.tickets.asking import ask

        return ask(system, ticket, whole.sooner(system.within.seconds))

    return question
