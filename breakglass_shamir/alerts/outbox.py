# SPDX-License-Identifier: Apache-2.0
"""What is stored beside each record: its events, for every sink that the policy names.

A record about a set goes to the sinks of that set's policy. A record about the terminal goes to every sink of every
set, once where two policies name the same sink in the same words.
"""

from collections.abc import Iterable, Iterator

from breakglass_shamir.custody.life.state import LedgerState
from breakglass_shamir.custody.policy import sinks
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.ledger import outbox
from breakglass_shamir.ledger.entry import Entry
from breakglass_shamir.ledger.outbox import Destination
from breakglass_shamir.ledger.schema import Beside, Row


def rows(entry: Entry, state: LedgerState) -> Iterable[Row]:
    """Return what is stored with a record."""
    from breakglass_shamir.alerts import translate

    found = list(destinations(entry.record.set, state))
    events = translate.events(entry, state) if found else []
    stored = [(event.id, event.time_ms, event.to_bytes()) for event in events]
    return outbox.rows(entry.record.seq, stored, found)


def destinations(set_name: str, state: LedgerState) -> Iterator[Destination]:
    """Yield where the events of a set go; of an empty name, where those of the terminal go."""
    seen: set[bytes] = set()
    for owner in [set_name] if set_name else sorted(state.sets):
        for sink in _sinks(owner, state):
            configuration = sinks.to_json(sink)
            if configuration not in seen:
                seen.add(configuration)
                yield Destination(owner, sink.name, configuration)


def _sinks(owner: str, state: LedgerState) -> tuple[sinks.AnySink, ...]:
    policy = policies.adopted(state.sets[owner].policy_source) if owner in state.sets else None
    return policy.alerts.sinks if policy else ()


BESIDE = Beside(outbox.SCHEMA, rows)
"""For :func:`breakglass_shamir.ledger.home.open_home`."""
