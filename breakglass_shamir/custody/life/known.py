# SPDX-License-Identifier: Apache-2.0
"""What some records of a log say by themselves, where the others are withheld: keys of epochs, terminals, names.

Rules:

1. A log is replayed where nothing is missing that its rules ask for (:func:`replayed`); so is one set of it, with the
   records that belong to none.
2. Else nothing is decided (:func:`named`): each record that brings an epoch says what it brings, and no more. Which
   epoch is in force, what is owed and what was allowed is not known then.
"""

from collections.abc import Iterable
from contextlib import suppress

from msgspec.structs import replace

from breakglass_shamir.custody.life import enrol_rules, epoch_rules, lifecycle, statement
from breakglass_shamir.custody.life.state import EpochState, LedgerState, PinnedTerminal, SetState
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records.enrolment import Enrolled
from breakglass_shamir.custody.records.epochs import Issued, Recovered, RecoveredCore
from breakglass_shamir.custody.records.ledger import LedgerStarted, PolicyAdopted, PolicyWeakened
from breakglass_shamir.custody.records.lineage import Succession
from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.errors import BreakglassError, IllegalState, InvalidRecord

_BRING = (Issued, Recovered, RecoveredCore, Succession)
"""Record types that bring an epoch."""


def apply(state: LedgerState, data: bytes, record: Record) -> LedgerState:
    """Return the state after one more record of a log whose other sets are withheld.

    What a record of no set says of the withheld ones is passed over.

    Raises:
        IllegalState, InvalidRecord: the record may not follow.
    """
    if record.set:
        return lifecycle.apply(state, data, record)
    try:
        return lifecycle.apply(state, data, record)
    except IllegalState:
        if state.last is None:
            raise
        return state.at(record)


def replayed(entries: Iterable[tuple[bytes, Record]]) -> LedgerState:
    """Add up the records of one set and of none, from the first one on.

    Raises:
        InvalidRecord: one may not follow, with its number.
    """
    state = LedgerState()
    for data, record in entries:
        try:
            state = apply(state, data, record)
        except BreakglassError as error:
            raise InvalidRecord(f"record {record.seq}: {error}") from error
    return state


def named(entries: Iterable[tuple[bytes, Record]]) -> LedgerState:
    """Return what records say by themselves. Never raises; what contradicts itself is left out."""
    state = LedgerState()
    for _, record in entries:
        state = state.at(record)
        if isinstance(record.body, LedgerStarted):
            state = replace(state, terminal=record.body.terminal, public_key=record.body.public_key)
        if record.set:
            with suppress(BreakglassError):
                state = _with_epochs(state, record)
    return state


def check(record: Record) -> None:
    """Hold a record against itself: a policy against its digest, an epoch against its envelope.

    Raises:
        InvalidRecord: it contradicts itself.
    """
    body = record.body
    if isinstance(body, PolicyAdopted | PolicyWeakened) and policies.digest(body.source).hex() != body.digest:
        raise InvalidRecord(f"record {record.seq}: the policy's digest is not that of its text")
    if isinstance(body, _BRING):
        try:
            epoch_rules.brought_by(record.set, record)
        except BreakglassError as error:
            raise InvalidRecord(f"record {record.seq}: {error}") from error


def _with_epochs(state: LedgerState, record: Record) -> LedgerState:
    s = state.sets.get(record.set, SetState(record.set))
    if isinstance(record.body, Enrolled):
        said = statement.parse(record.body.statement)
        terminal = PinnedTerminal(said.terminal, said.public_key, said.size, said.root)
        state = replace(state, terminals={**state.terminals, said.log: terminal})
        epochs = [enrol_rules.epoch_in(said, one) for one in said.epochs]
    else:
        epochs = _brought(record)
    known = {**{one.epoch_id: one for one in epochs}, **s.epochs}
    return replace(state, sets={**state.sets, record.set: replace(s, epochs=known)})


def _brought(record: Record) -> list[EpochState]:
    return [epoch_rules.brought_by(record.set, record)] if isinstance(record.body, _BRING) else []
