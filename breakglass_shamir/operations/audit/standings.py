# SPDX-License-Identifier: Apache-2.0
"""The status of sets at terminals elsewhere: as their records have it, now.

Rules:

1. It is what the terminal would say of the same records. What was not delivered, and whether its ledger was copied,
   is known there alone.
2. A bundle of a part of a log is refused: what is due does not follow from it.
3. A silence is counted from the last record that is there: a terminal that did not give its records is silent, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from breakglass_shamir.custody.policy.duration import in_words
from breakglass_shamir.errors import InvalidInput, UnknownSet
from breakglass_shamir.ledger import clock
from breakglass_shamir.operations.audit import bundle_verifying
from breakglass_shamir.operations.audit.sources import Source
from breakglass_shamir.operations.monitoring import heartbeat
from breakglass_shamir.operations.monitoring import status as monitoring
from breakglass_shamir.operations.monitoring.heartbeat import Silence
from breakglass_shamir.operations.monitoring.status import SetStatus


@dataclass(frozen=True, slots=True)
class Standing:
    """One terminal's sets (docs/json.md).

    Attributes:
        terminal: its name.
        log: id of its log.
        trust: how sure it is that this is the terminal that people mean.
        records: in its log.
        sets: their status.
        silence: since its last record.
        ended: since when it is retired; empty: it is in service.
    """

    terminal: str
    log: str
    trust: str
    records: int
    sets: tuple[SetStatus, ...]
    silence: Silence
    ended: str

    @property
    def late(self) -> str:
        """Say that it is silent longer than it promised; empty: it is not."""
        if not self.silence.late:
            return ""
        seconds, every_s = in_words(self.silence.seconds), in_words(self.silence.every_s)
        return f"no record for {seconds}, a heartbeat was promised every {every_s}"

    @property
    def due(self) -> bool:
        """Whether anything is due there."""
        return not self.ended and bool(self.late or any(one.due or one.debts for one in self.sets))


def standings(sources: Sequence[Source], names: Sequence[str] = ()) -> list[Standing]:
    """Return the status of some sets, or of all, at each terminal that has any of them.

    Args:
        sources: the logs.
        names: of sets; none: all.

    Raises:
        UnknownSet: no terminal has a set of one of these names.
        InvalidInput: of a log too much is withheld.
    """
    known = {name for one in sources for name in one.log.state.sets}
    for name in names:
        if name not in known:
            raise UnknownSet.among(name, known)
    now, found = clock.now(), []
    for source in sources:
        state = source.log.state
        if not source.log.replays_whole:
            raise InvalidInput(
                f"{source.log.newest.source} is of a part of the log: what is due does not follow from it",
                hint="ask for a bundle of the whole log",
            )
        mine = [name for name in names if name in state.sets]
        if names and not mine:
            continue
        label = bundle_verifying.label(source, sources)
        sets, ended = tuple(monitoring.status(state, mine)), state.ended.time if state.ended else ""
        silence = heartbeat.silence(state, now)
        found.append(Standing(label, source.log_id, source.trust, source.log.size, sets, silence, ended))
    return found
