# SPDX-License-Identifier: Apache-2.0
"""Ask a system about one ticket, and write a note to it.

Rules:

1. An answer is one line of a word and why (``open``, ``closed``, ``kind``, ``missing``, ``unknown``); asking never
   raises. What cannot be understood is ``unknown``, and neither a yes nor a no.
2. A note says what the opening is and where it stands; no name and no reason is in it.
3. A question ends with its deadline; a system that hangs is left behind.
"""

import json
from typing import Any

from breakglass_shamir.alerts.sinks.base import read_secret
from breakglass_shamir.alerts.sinks.program import ENVIRONMENT
from breakglass_shamir.alerts.tickets.systems import (
    SYSTEMS,
    NoSuchTicketError,
    NotUnderstoodError,
    Seen,
    System,
    verdict,
)
from breakglass_shamir.bounded import program as programs
from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.bounded.waiting import within
from breakglass_shamir.custody.policy.when import TicketSystem
from breakglass_shamir.errors import SinkFailure, WebError
from breakglass_shamir.web import client
from breakglass_shamir.web.words import line

GONE = (404, 410)
"""Statuses of a ticket that is not there."""

PROGRAM_OUTPUT_MAX_BYTES = 16 << 10
"""Longest answer of a program."""

_WORDS = ("open", "closed", "kind", "missing")


def ask(system: TicketSystem, ticket: str, deadline: Deadline) -> str:
    """Return what a system says of a ticket. Never raises.

    Args:
        system: as the policy names it.
        ticket: as it was declared.
        deadline: until when.
    """
    try:
        return within(
            deadline, f"ticket {system.system} {system.url} {system.argv}", lambda: _ask(system, ticket, deadline)
        )
    except (SinkFailure, WebError) as error:
        return f"unknown: {line(str(error))}"
    except NoSuchTicketError:
        return "missing: the system has no such ticket"
    except NotUnderstoodError:
        return "unknown: the answer is none of the system's"
    except TimeoutError:
        return f"unknown: no answer within {deadline.limit_s:g} s"
    except Exception as error:
        return f"unknown: it could not be asked: {type(error).__name__}"


def write(system: TicketSystem, ticket: str, text: str, deadline: Deadline) -> None:
    """Write a note to a ticket; returns when the system took it.

    Raises:
        SinkFailure: it did not; for good (``nowhere``) where it has no such ticket.
    """
    if system.system == "exec":
        _run(system, {"ticket": ticket, "note": text}, deadline)
        return
    found = _system(system)
    number = found.number(ticket)
    if not number:
        raise SinkFailure("it has not the form of a ticket of the system", nowhere=True)
    try:
        seen = _seen(found, number, deadline)
        client.ask(found.note(number, seen, text), deadline)
    except NoSuchTicketError:
        raise SinkFailure("there is no such ticket to write to", nowhere=True) from None
    except NotUnderstoodError:
        raise SinkFailure("the answer is none of the system's") from None
    except WebError as error:
        raise SinkFailure(str(error), retry_after_s=error.retry_after_s, hint=error.hint) from None


def takes(system: TicketSystem, ticket: str) -> bool:
    """Tell whether a ticket can be one of the system's. Never raises."""
    return system.system == "exec" or bool(SYSTEMS[system.system](system, "").number(ticket))


def _ask(system: TicketSystem, ticket: str, deadline: Deadline) -> str:
    if system.system == "exec":
        return _of_program(_run(system, {"ticket": ticket}, deadline))
    found = _system(system)
    number = found.number(ticket)
    if not number:
        return f"missing: it has not the form of a ticket of {system.system}"
    return line(verdict(system, _seen(found, number, deadline)))


def _system(system: TicketSystem) -> System:
    secret = read_secret(system.secret_file, "the secret") if system.secret_file else ""
    return SYSTEMS[system.system](system, secret)


def _seen(system: System, number: str, deadline: Deadline) -> Seen:
    """Look at a ticket.

    Raises:
        NoSuchTicketError, NotUnderstoodError, WebError: there is none, or no answer that says so.
    """
    try:
        answer = client.ask(system.question(number), deadline)
    except WebError as error:
        if error.status in GONE:
            raise NoSuchTicketError from None
        raise
    try:
        tree: Any = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise NotUnderstoodError from None
    return system.read(tree, number)


def _run(system: TicketSystem, given: dict[str, str], deadline: Deadline) -> bytes:
    """Give a program one line of JSON.

    Raises:
        SinkFailure: it could not be run, did not end in time, or ended with another status than 0.
    """
    told = json.dumps(given).encode() + b"\n"
    try:
        done = programs.run(
            system.argv, given=told, limit_s=deadline.left_s, env=ENVIRONMENT, output_max=PROGRAM_OUTPUT_MAX_BYTES
        )
    except OSError as error:
        raise SinkFailure(f"the program could not be run: {error.strerror}") from None
    if done.status is None:
        raise SinkFailure(f"the program was {done.why}")
    if done.status:
        said = f": {programs.last_line(done.errors)}" if done.errors.strip() else ""
        raise SinkFailure(f"the program ended with {done.status}{said}")
    return done.output


def _of_program(output: bytes) -> str:
    """Read a program's answer: an object with ``answer`` and, but for ``open``, ``why``."""
    try:
        found = json.loads(output)
    except (ValueError, RecursionError):
        found = None
    word = found.get("answer") if isinstance(found, dict) else None
    if word not in _WORDS:
        raise NotUnderstoodError
    if word == "open":
        return "open"
    why = found.get("why")
    return f"{word}: {line(why) if isinstance(why, str) and line(why) else 'the program says so'}"
