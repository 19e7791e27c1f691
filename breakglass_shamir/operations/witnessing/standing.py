# SPDX-License-Identifier: Apache-2.0
"""How far the witnesses have cosigned a log, as it is kept in its home; nobody is asked.

It reads, and believes nothing that is not signed: what it cannot read or what does not hold is an error or a sentence.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from breakglass_shamir.crypto.note import Checkpoint
from breakglass_shamir.errors import BreakglassError, Forked, RecordMissing
from breakglass_shamir.ledger import clock
from breakglass_shamir.ledger.cosigned import Cosigned, WitnessFiles, when
from breakglass_shamir.plural import counted

if TYPE_CHECKING:
    from breakglass_shamir.custody.trust_policy import TrustPolicy
    from breakglass_shamir.ledger.store import Ledger


@dataclass(frozen=True, slots=True)
class OfWitness:
    """How far one witness has cosigned the log (docs/json.md).

    Attributes:
        name: in the policy.
        key: its verifier key.
        url: where it is asked; empty: nowhere.
        size: records that it cosigned; 0: none.
        time: when; empty: never.
        age_s: since then, by the wall clock, in seconds; None: never.
        problem: what it held against the log, or why what is kept of it does not hold; empty: nothing.
    """

    name: str
    key: str
    url: str
    size: int
    time: str
    age_s: int | None
    problem: str


@dataclass(frozen=True, slots=True)
class Witnessed:
    """How far enough witnesses have cosigned the log (docs/json.md).

    Attributes:
        needs: how many are needed, in words.
        records: of the newest checkpoint that enough of them cosigned; 0: there is none.
        of: records in the ledger.
        time: since when enough of them had cosigned it; empty: never.
        age_s: since then, by the wall clock, in seconds; None: never.
        by: names of those who cosigned it.
        witnesses: each by itself, in the order of the policy.
    """

    needs: str
    records: int
    of: int
    time: str
    age_s: int | None
    by: tuple[str, ...]
    witnesses: tuple[OfWitness, ...]


def hold(ledger: "Ledger", checkpoint: Checkpoint, did: str) -> None:
    """Hold a cosigned checkpoint against a ledger.

    Raises:
        RecordMissing, Forked: the ledger does not have what was cosigned.
    """
    cosigned = counted(checkpoint.size, "record")
    if checkpoint.size > ledger.size:
        raise RecordMissing(f"{did} {cosigned} of this log, and the ledger here has {ledger.size}")
    if ledger.root_at(checkpoint.size) != checkpoint.root:
        raise Forked(f"{did} another history of the first {cosigned} of this log")


def holds(ledger: "Ledger", checkpoint: Checkpoint) -> bool:
    """Tell whether a ledger has what was cosigned."""
    return checkpoint.size <= ledger.size and ledger.root_at(checkpoint.size) == checkpoint.root


def standing(
    ledger: "Ledger", policy: "TrustPolicy | None" = None, brought: Sequence[Cosigned] = ()
) -> Witnessed | None:
    """Return how far the witnesses have cosigned a ledger; None: none is pinned.

    Args:
        ledger: this terminal's.
        policy: whose cosignatures count; None: those of the pinned policy.
        brought: checkpoints from elsewhere that count, too.

    Raises:
        InvalidInput: the pinned policy cannot be read.
    """
    files = WitnessFiles(ledger.path.parent, ledger.public_key)
    policy = policy or files.policy()
    if policy is None:
        return None
    now = int(datetime.fromisoformat(clock.now().time).timestamp())
    each = tuple(_each(ledger, files, policy, now))
    held = [(found.checkpoint.size, time, found) for found, time in _enough(ledger, files, policy, brought)]
    if not held:
        return Witnessed(policy.in_words(), 0, ledger.size, "", None, (), each)
    _, time, found = max(held, key=lambda one: one[:2])
    by = tuple(one.name for one in policy.witnesses if one.name in found.times)
    return Witnessed(policy.in_words(), found.checkpoint.size, ledger.size, when(time), max(0, now - time), by, each)


def _enough(
    ledger: "Ledger", files: WitnessFiles, policy: "TrustPolicy", brought: Sequence[Cosigned]
) -> Iterator[tuple[Cosigned, int]]:
    """Yield the checkpoints of this ledger that enough witnesses cosigned, and since when they had."""
    try:
        kept = files.witnessed_by(policy)
    except BreakglassError:
        kept = None
    for found in (*brought, *((kept,) if kept else ())):
        time = found.time_for(policy)
        if time is not None and holds(ledger, found.checkpoint):
            yield found, time


def known(ledger: "Ledger") -> Witnessed | None:
    """Return the same, for those whom an unreadable policy must not stop: :func:`signs` says that it is unreadable."""
    try:
        return standing(ledger)
    except BreakglassError:
        return None


def _each(ledger: "Ledger", files: WitnessFiles, policy: "TrustPolicy", now: int) -> Iterator[OfWitness]:
    for one in policy.witnesses:
        size, time, age_s, problem = 0, "", None, ""
        try:
            last = files.last_of(one)
            if last is not None:
                then = last.times[one.name]
                size, time, age_s = last.checkpoint.size, when(then), max(0, now - then)
                hold(ledger, last.checkpoint, f"{one.name} cosigned")
            if finding := files.finding_of(one):
                problem = finding.in_words(one.name)
        except BreakglassError as error:
            problem = str(error)
        yield OfWitness(one.name, one.cosigner.to_text(), one.url, size, time, age_s, problem)


def signs(ledger: "Ledger") -> Iterator[str]:
    """Yield what the witnesses show of a ledger that was copied or set back, a sentence each."""
    files = WitnessFiles(ledger.path.parent, ledger.public_key)
    try:
        policy = files.policy()
        if policy is None:
            return
        yield from (one.problem for one in _each(ledger, files, policy, 0) if one.problem)
        found = files.witnessed_by(policy)
        if found is not None:
            hold(ledger, found.checkpoint, f"{files.witnessed.name}: witnesses cosigned")
    except BreakglassError as error:
        yield str(error)
