# SPDX-License-Identifier: Apache-2.0
"""A rotation that another terminal began: told from the sheets of both epochs, taken up or reported.

Rules:

1. Quorums of an epoch and of the one whose envelope names it as predecessor are a rotation under way: either
   credential may be the living one. It is taken up as if this terminal had been interrupted. The newer sheets alone are
   nothing: anybody can print them.
2. Two epochs that name the same predecessor are a fork: two terminals rotated one set. It is said by name. Where this
   one may have applied its own already, the target is asked which of them lives, after the record (``rotation.py``).
3. Only an envelope names its predecessor; a typed core does not.
"""

import base64
from collections.abc import Callable, Iterator

from breakglass_shamir.custody.life import under_way
from breakglass_shamir.custody.life.state import EpochStatus, SetState
from breakglass_shamir.custody.quorum.pool import Pool
from breakglass_shamir.custody.quorum.quorum import Quorum
from breakglass_shamir.custody.records.epochs import Recovered
from breakglass_shamir.custody.records.rotations import Abandoned, RotationFound
from breakglass_shamir.custody.records.sheets import ReadBack
from breakglass_shamir.errors import BreakglassError
from breakglass_shamir.formats.envelope import NO_PREDECESSOR
from breakglass_shamir.operations.recorder import Recorder


def both_quorums(pool: Pool) -> Callable[[], bool]:
    """Return a question that is answered yes when quorums of an epoch and of its successor are there."""
    return lambda: older_of_two(pool) is not None


def older_of_two(pool: Pool) -> bytes | None:
    """Return the id of the epoch of which a quorum is there and one of its successor too; None if there is none."""
    complete = _complete(pool)
    ids = {found.core.epoch_id for found in complete}
    before = [found.envelope.predecessor for found in complete if found.envelope]
    return next((one for one in before if one in ids and one != NO_PREDECESSOR), None)


def take_up(recorder: Recorder, pool: Pool) -> bool:
    """Record a rotation that another terminal began, if quorums of both its epochs are there; tells whether so."""
    state = recorder.refresh()
    others = rivals(state, pool)
    if state.applying or not others or not _has_quorum(pool, state.source):
        return False
    if state.prepared and _has_quorum(pool, state.prepared):
        return False
    found = others[0]
    _resolve_fork(recorder, state)
    if found.epoch_id not in state.epochs:
        learn(recorder, found)
    recorder.append(RotationFound(old_epoch_id=state.source, new_epoch_id=found.epoch_id))
    recorder.append(ReadBack(epoch_id=found.epoch_id, sheets=found.sheets))
    recorder.desk.warn(
        f"epoch {found.core.epoch} follows the one in force here: a rotation that was begun elsewhere is "
        "gone on with; keep both sets of sheets together"
    )
    return True


def rivals(state: SetState, pool: Pool) -> list[Quorum]:
    """Return quorums of epochs that follow the one to be rotated and that this terminal did not prepare."""
    return [one for one in _complete(pool) if _follows(state, one) and one.epoch_id != state.prepared]


def _has_quorum(pool: Pool, epoch_id: str) -> bool:
    return any(one.epoch_id == epoch_id for one in _complete(pool))


def _resolve_fork(recorder: Recorder, state: SetState) -> None:
    """Let go of an epoch that this terminal prepared beside the one that another terminal printed."""
    if not state.prepared:
        return
    mine = state.epochs[state.prepared]
    recorder.append(Abandoned(epoch_id=mine.epoch_id, reason="a fork: another terminal printed a successor too"))
    recorder.desk.warn(
        f"a fork: epoch {mine.number} ({mine.short_id}), prepared here, and the one on these sheets follow the same "
        f"epoch; {under_way.to_be_destroyed(recorder.set_state, mine.epoch_id).stands}"
    )


def forks(state: SetState, found: Quorum) -> Iterator[str]:
    """Say which epoch of this ledger an unknown one stands beside, with the same predecessor."""
    if found.envelope is None or found.envelope.predecessor == NO_PREDECESSOR:
        return
    before = found.envelope.predecessor.hex()
    for epoch in state.epochs.values():
        if epoch.predecessor == before and epoch.status is not EpochStatus.ABANDONED:
            yield f"a fork: epoch {epoch.number} ({epoch.short_id}) follows the same epoch; two terminals rotated it"


def _complete(pool: Pool) -> list[Quorum]:
    """Return every quorum in a pool, the highest epoch first."""
    found = []
    for epoch_id in pool.epochs():
        try:
            found.append(pool.quorum(epoch_id))
        except BreakglassError:
            continue
    return sorted(found, key=lambda one: one.core.epoch, reverse=True)


def _follows(state: SetState, found: Quorum) -> bool:
    if found.envelope is None or found.envelope.predecessor.hex() != state.source:
        return False
    if found.set_name != state.name:
        return False
    known = state.epochs.get(found.epoch_id)
    return known is None or known.status is EpochStatus.GOOD


def learn(recorder: Recorder, found: Quorum) -> None:
    """Take an epoch that only its sheets vouch for into the ledger, as the successor of one that is known."""
    envelope = found.envelope
    assert envelope is not None  # noqa: S101 - the caller looked
    recorder.append(
        Recovered(
            epoch=envelope.core.epoch, epoch_id=found.epoch_id, set_public_key=found.set_public_key.hex(),
            envelope=base64.b64encode(envelope.to_bytes()).decode(), envelope_sha256=envelope.digest.hex(),
            pinned=False,
        )
    )  # fmt: skip
