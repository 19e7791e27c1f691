# SPDX-License-Identifier: Apache-2.0
"""What the shell completes: sets, sheets, debts, classes, gates, sinks and records of this home, and paths.

Rules:

1. A completion is silent: no warning, no error, no home that is begun, no alert that is sent. Where the home cannot be
   read there is nothing to complete. It ends by itself when reading takes too long.
2. What it says is public, and only names of the narrow alphabet: a shell takes what is completed as it stands, and a
   set's name may come from paper.
3. Everything here happens only when a shell asks; an ordinary start does not load this module.
"""

import os
import signal
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from breakglass_shamir.custody.life.gates import GATES
from breakglass_shamir.custody.life.state import LedgerState, SetState
from breakglass_shamir.custody.names import is_plain
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records.reviews import VERDICTS
from breakglass_shamir.errors import BreakglassError

if TYPE_CHECKING:
    _Kind = click.ParamType[str]
else:
    _Kind = click.ParamType  # which takes no arguments in the oldest release that is supported

PATIENCE_S = 3
"""How long a person at a shell is kept waiting."""

_Found = Iterator[tuple[str, str]]
"""Words, each with what is said of it by shells that do so."""

_Source = Callable[[LedgerState, SetState | None], _Found]


def be_silent() -> None:
    """Say nothing on standard error, and end quietly when it takes too long."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
    signal.alarm(PATIENCE_S)


def teach(command: click.Command) -> None:
    """Let the parameters of a command, and of those below it, know what may stand there."""
    for below in command.commands.values() if isinstance(command, click.Group) else ():
        teach(below)
    for parameter in command.params:
        kind = _KINDS.get(parameter.name or "")
        if kind is not None and parameter.type is click.STRING:
            parameter.type = kind


class _Known(_Kind):
    """A word of which the home knows those that there are."""

    name = "text"

    def __init__(self, source: _Source) -> None:
        self._source = source

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the words that begin with what was typed, but for those that stand there already."""
        already = ctx.params.get(param.name or "") or ()
        given = {already} if isinstance(already, str) else {*already}
        found = {word: said for word, said in _from_home(ctx, self._source) if is_plain(word) and word not in given}
        return [CompletionItem(word, help=said or None) for word, said in found.items() if word.startswith(incomplete)]


class _AnyFile(_Kind):
    """A file's name or ``-``."""

    name = "text"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Leave it to the shell."""
        return [CompletionItem(incomplete, type="file")]


def _from_home(ctx: click.Context, source: _Source) -> list[tuple[str, str]]:
    """Read the home that the line names, or the usual one."""
    from breakglass_shamir.cli.screen.terminal import Terminal
    from breakglass_shamir.ledger import home

    named = ctx.find_root().params.get("home")
    where = Terminal(Path(named).expanduser() if named else None, as_json=False, color=False).home
    words = [ctx.params.get("name") or "", *ctx.args]  # an option without its value leaves the words unsorted
    try:
        with home.open_home(where) as ledger:
            sets = ledger.state.sets
            return list(source(ledger.state, next((sets[word] for word in words if word in sets), None)))
    except (BreakglassError, OSError):
        return []


def _sets(state: LedgerState, _one: SetState | None) -> _Found:
    for name, one in sorted(state.sets.items()):
        yield name, f"epoch {one.current_epoch.number} ({one.phase})" if one.current else ""


def _sheets(_state: LedgerState, one: SetState | None) -> _Found:
    if one is None or not one.current:
        return
    epoch = one.epochs[one.prepared] if one.prepared else one.current_epoch
    for seat in epoch.seats:
        yield seat, epoch.custodians.get(seat) or ""


def _debts(_state: LedgerState, one: SetState | None) -> _Found:
    yield from ((debt.id, debt.what) for debt in (one.debts if one else ()))


def _classes(_state: LedgerState, one: SetState | None) -> _Found:
    policy = policies.parse(one.policy_source) if one and one.policy_source else None
    yield from ((word, "") for word in (policy.declaration.classes if policy else ()))


def _sinks(state: LedgerState, _one: SetState | None) -> _Found:
    for name in _names_of_sinks(state.sets.values()):
        yield name, ""


def _names_of_sinks(sets: Iterable[SetState]) -> Iterator[str]:
    for one in sets:
        if one.policy_source:
            yield from (sink.name for sink in policies.parse(one.policy_source).alerts.sinks)


def _openings(state: LedgerState, _one: SetState | None) -> _Found:
    for one in state.sets.values():
        for opening in (*one.past, *((one.opening,) if one.opening else ())):
            yield opening.short_id, f"{one.name}, {opening.declared.purpose}"


def _reviewed(state: LedgerState, one: SetState | None) -> _Found:
    from breakglass_shamir.operations.review import reviewing

    yield from ((short, f"{s.name}: {what}") for s, short, what in reviewing.waiting(state))
    yield from _openings(state, one)


def _verdicts(_state: LedgerState, _one: SetState | None) -> _Found:
    yield from ((word, "") for word in VERDICTS)


def _gates(_state: LedgerState, _one: SetState | None) -> _Found:
    yield from GATES.items()


_SETS, _SEATS, _OWED = _Known(_sets), _Known(_sheets), _Known(_debts)
_FILE = _AnyFile()

_KINDS: dict[str, _Kind] = {
    "name": _SETS, "names": _SETS, "set_name": _SETS, "subject": _SETS, "sheet": _SEATS, "sheets": _SEATS,
    "acks": _SEATS, "destroyed": _SEATS, "debt": _OWED, "debts": _OWED, "incident_class": _Known(_classes),
    "gates": _Known(_gates), "sink": _Known(_sinks), "declined": _Known(_sinks), "identifier": _Known(_openings),
    "verdict": _Known(_verdicts), "reviewed": _Known(_reviewed),
    "typed": _FILE, "credential_from": _FILE, "current_from": _FILE, "totp_from": _FILE, "brought": _FILE,
}  # fmt: skip
"""Name of a parameter to what completes it."""
