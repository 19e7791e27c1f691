# SPDX-License-Identifier: Apache-2.0
"""From a request to an opened credential: identify, declare, gather, pass the gates, combine, record.

Rules:

1. The declaration is durable before the first scan, unless only the sheets can say which set it is; and so are the
   officers' signatures that the policy asks for.
2. Every gate that fails is refused by name and recorded, or passed by its override, recorded and owed.
3. The ``opened`` record, signed by terminal and set key, is durable before :func:`open_set` returns; whoever
   calls it may reveal, nobody else can. No connector is within reach here.
4. A terminal that does not know the set takes it from the sheets, and says UNPINNED on screen and in the
   record. Of sheets whose envelope was only typed it takes the core, says that no envelope was verified, and
   needs the set's name from people.
"""

import base64
import enum
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from breakglass_shamir.custody import names
from breakglass_shamir.custody.credential import Credential
from breakglass_shamir.custody.life import gates, under_way
from breakglass_shamir.custody.life.gates import SUPERSEDED, Problem, Request
from breakglass_shamir.custody.life.state import EpochStatus, SetState, read_seat
from breakglass_shamir.custody.life.two_targets import elsewhere
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.quorum.known import known_epochs
from breakglass_shamir.custody.quorum.pool import Pool
from breakglass_shamir.custody.quorum.quorum import Quorum
from breakglass_shamir.custody.records.epochs import Recovered, RecoveredCore
from breakglass_shamir.custody.records.openings import Opened
from breakglass_shamir.errors import (
    BreakglassError,
    EnvelopeConflict,
    InsufficientShares,
    InvalidInput,
    LedgerBusy,
    LedgerUnwritable,
    VoidShare,
    WentBack,
)
from breakglass_shamir.formats.envelope import is_set_name
from breakglass_shamir.formats.structure import Seat
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import clock
from breakglass_shamir.ledger.receipt import HeldReceipt
from breakglass_shamir.operations.opening import interrupted, past_epochs, receipts, vouching
from breakglass_shamir.operations.opening.declaring import (
    NOBODY,
    Overrides,
    check_overrides,
    declare,
    have_signed,
    record_overrides,
    record_refusal,
    stop_at,
)
from breakglass_shamir.operations.opening.measured import Measure, unmeasured
from breakglass_shamir.operations.opening.signing import Signers
from breakglass_shamir.operations.opening.vouching import Receipts, Testimony
from breakglass_shamir.operations.reading.sources import Sources, read_sources
from breakglass_shamir.operations.recorder import Recorder, warn_of_memory
from breakglass_shamir.paper.reading.scan import Scanner

PASSED_WAIT_S = 5
"""How long an opening that passes the gate of the alert waits for it all the same."""


Ready = Callable[[Pool | None], None]
"""Raises what stands against going on; None as long as no sheet was read for this opening."""


def at_once(_pool: Pool | None) -> None:
    """Say that nothing stands against going on."""


Complete = Callable[[Pool], None]
"""Brings more sheets into a pool, where what was read is not enough."""


def as_it_is(_pool: Pool) -> None:
    """Bring no more."""


Arm = Callable[[Recorder], list[Problem]]
"""Has an account armed that is kept closed, once a quorum is there and before it is combined; returns what stands
against that. It reaches the target, which nothing here does."""


def nothing_closed(_recorder: Recorder) -> list[Problem]:
    """Say that no account is to be armed."""
    return []


class Wanted(enum.Enum):
    """Which sheets must be there while a rotation is interrupted and either credential may live."""

    LIVING = enum.auto()
    BOTH = enum.auto()
    NEW = enum.auto()
    """The new ones; with the old ones there too, those are opened, so that nothing is owed for the new ones."""


@dataclass(frozen=True, slots=True)
class OpenedSet:
    """A credential in memory, with its record durable."""

    credential: Credential = field(repr=False)
    set_key: Secret = field(repr=False)
    quorum: Quorum
    pool: Pool = field(repr=False)

    def wipe(self) -> None:
        """Wipe what can be wiped."""
        self.credential.wipe()
        self.set_key.wipe()


@contextmanager
def nothing_revealed() -> Iterator[None]:
    """Say of a record that could not be made what only the time before the reveal allows to say."""
    try:
        yield
    except (LedgerUnwritable, LedgerBusy) as error:
        raise type(error)(f"{error}; nothing was revealed", hint=error.hint) from error


@nothing_revealed()
def open_set(
    recorder: Recorder,
    request: Request,
    overrides: Overrides,
    sources: Sources,
    scanner: Scanner,
    program: str,
    *,
    wanted: Wanted = Wanted.LIVING,
    signers: Signers = NOBODY,
    ready: Ready = at_once,
    measure: Measure = unmeasured,
    complete: Complete = as_it_is,
    arm: Arm = nothing_closed,
) -> OpenedSet:
    """Open a set by quorum and record.

    Args:
        recorder: its set name may be empty; then the sheets say which set.
        request: who asks, why, and how the credential is to be used.
        overrides: gates to pass.
        sources: the sheets.
        scanner: reads them.
        program: what the credential will be given to, for the record.
        wanted: which sheets must be there while a rotation is interrupted.
        signers: officers who sign the declaration on this terminal.
        ready: asked twice what stands against going on: when it is known which set is meant, before anything is
            declared; and when the sheets are there, before they are combined.
        measure: asks what the policy wants to be asked at an emergency.
        arm: has an account armed that is kept closed; whoever is to ask the target about the credential gives it.
        complete: brings what is still missing once every source was read, and before a quorum is looked for.

    Raises:
        GateClosed: a check failed and was not overridden.
        InsufficientShares, MissingEnvelope, UnconfirmedMaster, DecryptionFailed: no quorum that opens.
        EnvelopeConflict: two valid envelopes under one epoch id.
        LedgerUnwritable, LedgerBusy: a record could not be made durable; nothing was revealed.
        WentBack: people go back to the questions; that is no refusal.
    """
    overrides = check_overrides(request, overrides)
    warn_of_memory(recorder.desk, recorder.ledger.path.parent)
    brought = receipts.read(sources.receipts, scanner) if sources.receipts else []
    pool: Pool | None = None
    last = recorder.state.last_done
    if not _knows(recorder):
        pool = _identify(recorder, request, overrides, sources, scanner, brought)
    ready(None)
    overrides = declare(recorder, request, overrides, last, measure)
    overrides = have_signed(recorder, request, overrides, signers)
    try:
        pool = pool or _gather(recorder, sources, scanner, overrides)
        complete(pool)
        return _combine(recorder, request, overrides, program, pool, wanted, brought, sources.only, ready, arm)
    except WentBack:
        raise
    except BreakglassError as error:
        record_refusal(recorder, "open", error)
        raise


def _knows(recorder: Recorder) -> bool:
    known = recorder.state.sets.get(recorder.set_name)
    return known is not None and bool(known.current)


def _identify(
    recorder: Recorder, request: Request, overrides: Overrides, sources: Sources, scanner: Scanner, brought: Receipts
) -> Pool:  # fmt: skip
    """Let the sheets say which set; take a set that this ledger does not know from its sheets."""
    pool = _gather(recorder, sources, scanner, overrides)
    try:
        found = pool.quorum(interrupted.older_of_two(pool))
        recorder.set_name = found.set_name or _named_by_people(recorder)
        if not _knows(recorder):
            _recover(recorder, found, vouching.pinning(found, brought))
    except BreakglassError as error:
        if isinstance(error, VoidShare):
            past_epochs.stop(recorder, request, overrides, pool)
        record_refusal(recorder, "identify", error)
        raise
    return pool


def _named_by_people(recorder: Recorder) -> str:
    """Return the set's name where no sheet says it: the typed lines carry none.

    Raises:
        InvalidInput: nobody said it, or it cannot be a set's name.
    """
    name = recorder.set_name or recorder.desk.name_set()
    if not is_set_name(name):
        raise InvalidInput(
            "expected the set's name: the typed lines do not carry it", hint="it stands on top of every sheet; name it"
        )
    return name


def _recover(recorder: Recorder, found: Quorum, pinned_by: HeldReceipt | None) -> None:
    """Take an epoch that only its sheets vouch for, or a receipt besides, into the ledger, and say so."""
    envelope, public, known_by = found.envelope, found.set_public_key.hex(), "sheets"
    if envelope is None:
        known_by = "typed lines"
        core = base64.b64encode(found.core.to_bytes()).decode()
        number, epoch_id = found.core.epoch, found.epoch_id
        recorder.append(RecoveredCore(epoch=number, epoch_id=epoch_id, set_public_key=public, core=core))
        recorder.desk.warn("unverified envelope: its signature, name and checkpoint were not there to be checked")
    else:
        encoded, sha256 = base64.b64encode(envelope.to_bytes()).decode(), envelope.digest.hex()
        recorder.append(
            Recovered(
                epoch=envelope.core.epoch, epoch_id=found.epoch_id, set_public_key=public, envelope=encoded,
                envelope_sha256=sha256, pinned=pinned_by is not None,
            )
        )  # fmt: skip
    name = recorder.set_name
    if spelled := names.lookalike(name):
        recorder.desk.warn(f"the name of this set has characters that no new set's name has: {spelled}")
    if pinned_by is not None:
        _pin(recorder, found.epoch_id, pinned_by)
        return
    recorder.desk.warn(
        f"UNPINNED: this terminal learned the set {name} from its {known_by}; nothing else vouches for them"
    )


def _pin(recorder: Recorder, epoch_id: str, held: HeldReceipt) -> None:
    """Record that a receipt vouches for an epoch that was learned from its sheets."""
    epoch = recorder.set_state.epochs[epoch_id]
    recorder.append(vouching.pinned_record(held, epoch))
    recorder.desk.say(f"pinned: the receipt of {held.time} vouches for epoch {epoch.number} of {recorder.set_name}")


def _combine(
    recorder: Recorder,
    request: Request,
    overrides: Overrides,
    program: str,
    pool: Pool,
    wanted: Wanted,
    brought: Receipts,
    only: str,
    ready: Ready,
    arm: Arm,
) -> OpenedSet:
    if request.purpose == "rotation" and not only and interrupted.take_up(recorder, pool):
        wanted = Wanted.BOTH
    try:
        found = pool.quorum(bytes.fromhex(only)) if only else _quorum(recorder, pool, wanted)
    except VoidShare:
        past_epochs.stop(recorder, request, overrides, pool)
        raise
    state = recorder.refresh()
    prepared = state.prepared
    ready(pool)
    problems = gates.before_opening(state, clock.now())
    problems += past_epochs.problems_of(state, found, request)
    problems += _untold(recorder, passes="alert" in overrides.gates)
    unknown = found.epoch_id not in state.epochs
    if unknown:
        number = found.core.epoch
        problem = f"this ledger does not know epoch {number} of {state.name} on these sheets"
        problems.append(Problem("epoch", "; ".join([problem, *interrupted.forks(state, found)])))
    pinned_by = vouching.pinning(found, brought)
    said = _witness(recorder, found, pool, brought)
    if said.problem and gates.goes_on(state, found.epoch_id, request.purpose):
        recorder.desk.warn(f"{said.problem}; the rotation that is owed goes on all the same")
    elif said.problem:
        problems.append(Problem("witness", said.problem))
    is_emergency = request.purpose == "emergency"
    overrides = stop_at(recorder, problems, overrides, emergency=is_emergency)
    # Last: no account is opened for people whom another gate stops.
    locked = arm(recorder)
    overrides = stop_at(recorder, locked, overrides, emergency=is_emergency)
    problems += locked
    record_overrides(recorder, problems, overrides)
    if unknown:
        _recover(recorder, found, pinned_by)
    state = _pin_known(recorder, found, pinned_by)
    unsealed = found.unseal()
    credential = Credential.from_bytes(unsealed.plaintext)
    unsealed.plaintext.wipe()
    recorder.append(
        Opened(
            epoch_id=found.epoch_id, sheets=found.sheets, mode=request.mode, program=program,
            witnessed=said.verdict, pinned=_is_pinned(state, found.epoch_id),
        ),
        set_key=unsealed.set_key,
    )  # fmt: skip
    recorder.desk.say(f"opened: sheets {', '.join(found.sheets)}; recorded before anything is revealed")
    if prepared and recorder.set_state.epochs[prepared].status is EpochStatus.ABANDONED:
        recorder.desk.warn(under_way.to_be_destroyed(recorder.set_state, prepared).stands)
    warn_of_memory(recorder.desk, recorder.ledger.path.parent)
    past_epochs.warn_of_fork(recorder, found)
    other = elsewhere(policies.parse(state.policy_source), credential) if state.policy_source else ""
    if other:
        recorder.desk.warn(other)
    if state.applying and wanted is Wanted.LIVING:
        _warn_of_two_credentials(recorder, found)
    return OpenedSet(credential, unsealed.set_key, found, pool)


def _warn_of_two_credentials(recorder: Recorder, found: Quorum) -> None:
    """Say that the other epoch's credential may be the living one."""
    state = recorder.set_state
    numbers = {epoch_id: state.epochs[epoch_id].number for epoch_id in (state.source, state.prepared)}
    mine = numbers.pop(found.epoch_id, found.core.epoch)
    other = " or ".join(str(number) for number in numbers.values())
    recorder.desk.warn(
        f"the target was being changed when a rotation was interrupted: this is the credential of epoch {mine}; "
        f"if the target refuses it, open again with the sheets of epoch {other} alone"
    )


def _quorum(recorder: Recorder, pool: Pool, wanted: Wanted) -> Quorum:
    """Return the quorum to open: while the target is being changed, the new one where both are there.

    Which of the two credentials lives only the target knows, and it is not asked: nothing leaves before the record.
    """
    state = recorder.set_state
    if not state.applying:
        return pool.quorum()
    old, new = bytes.fromhex(state.source), bytes.fromhex(state.prepared)
    if wanted is Wanted.BOTH:
        _require_both(recorder, pool)
        return pool.quorum(old)
    if wanted is Wanted.NEW:
        return pool.quorum(old if _are_both_there(recorder, pool) else new)
    try:
        return pool.quorum(new)
    except InsufficientShares:
        return pool.quorum()


def _untold(recorder: Recorder, *, passes: bool) -> list[Problem]:
    """Wait for a sink that takes the alert of the declaration, where the policy wants one before the reveal.

    Not for as long as the policy says where an override passes it: no time a policy names may keep an emergency.
    """
    state = recorder.set_state
    rules = policies.parse(state.policy_source).alerts if state.policy_source else None
    if rules is None or not rules.require_ack:
        return []
    limit_s = min(rules.budget.seconds, PASSED_WAIT_S) if passes else rules.budget.seconds
    if limit_s > PASSED_WAIT_S:
        recorder.desk.say(f"waiting up to {rules.budget} for a sink to take the alert; an emergency need not")
    taken = recorder.alert_taken(state.active_opening.seq, limit_s)
    if taken:
        recorder.desk.say(f"{taken} has taken the alert")
        return []
    return [Problem("alert", f"no sink took the alert of this declaration within {rules.budget}")]


def _are_both_there(recorder: Recorder, pool: Pool) -> bool:
    try:
        _require_both(recorder, pool)
    except InsufficientShares:
        return False
    return True


def _require_both(recorder: Recorder, pool: Pool) -> None:
    """Refuse to resume a rotation with one of the two quorums only.

    Raises:
        InsufficientShares: saying which sheets are missing.
    """
    state = recorder.set_state
    for word, epoch_id in (("old", state.source), ("new", state.prepared)):
        try:
            pool.quorum(bytes.fromhex(epoch_id))
        except InsufficientShares as error:
            if epoch_id == state.prepared and interrupted.rivals(state, pool):
                continue
            raise InsufficientShares(
                f"this rotation was interrupted while the target was being changed, so a quorum of the old and one "
                f"of the new sheets are needed; the {word} sheets (epoch {state.epochs[epoch_id].number}): {error}",
                hint="scan both sets of sheets in one go",
            ) from error


def _gather(recorder: Recorder, sources: Sources, scanner: Scanner, overrides: Overrides | None = None) -> Pool:
    known = known_epochs(recorder.state)
    passed = overrides.gates if overrides is not None else frozenset()
    state = recorder.state.sets.get(recorder.set_name)
    also = [*map(bytes.fromhex, sources.also), *past_epochs.counting(state, sources)]
    pool = Pool(
        known, set_name=recorder.set_name, also=also, void_too="void" in passed, past_too=SUPERSEDED in passed,
        read_back=_read_back_of_prepared(state) if sources.also else {},
    )  # fmt: skip
    between = state is not None and (state.applying or bool(sources.also))
    enough = _both(recorder, pool) if between else pool.complete
    if sources.only:
        enough = past_epochs.one_is_enough(pool, bytes.fromhex(sources.only))
    files = enough
    if state is not None and between and not state.applying and not sources.only:
        # People are asked for the old sheets here; next, for the new ones, or for the word that gives them up.
        enough = past_epochs.one_is_enough(pool, bytes.fromhex(state.current))
    if sources.whole:
        files = interrupted.both_quorums(pool) if not between else _nothing_is_enough
    read_sources(pool, sources, scanner, recorder.desk, enough=enough, enough_files=files)
    for rival in dict.fromkeys(pool.rivals):
        record_refusal(recorder, "envelope", EnvelopeConflict(rival))
    return pool


def _read_back_of_prepared(state: SetState | None) -> dict[bytes, set[Seat]]:
    """Return which sheets of a printed epoch were read back: the others are wanted, and not only a quorum."""
    if state is None or not state.prepared or state.applying:
        return {}
    return {bytes.fromhex(state.prepared): {read_seat(seat) for seat in state.epochs[state.prepared].read_back}}


def _nothing_is_enough() -> bool:
    """Read every file: beside old and new there may be what another terminal printed."""
    return False


def _both(recorder: Recorder, pool: Pool) -> Callable[[], bool]:
    """While a rotation is under way, go on until it lacks nothing of both epochs."""

    def enough() -> bool:
        state = recorder.refresh()
        return not under_way.lacking(state, pool.have) if state.prepared else pool.complete()

    return enough


def _witness(recorder: Recorder, found: Quorum, pool: Pool, brought: Receipts) -> Testimony:
    """Hold what every sheet and receipt remembers against this ledger."""
    own = [found.envelope] if found.envelope else []
    said = vouching.testimony(recorder.ledger, [*own, *pool.read_envelopes], brought)
    if said.verdict == "unwitnessed" and found.known:
        recorder.desk.say(
            "unwitnessed: these sheets were printed by another terminal, and remember nothing of this one"
        )
    if said.verdict == "unknown":
        recorder.desk.warn(
            "proofs unknown: an envelope carries what this release does not know; it opens all the same, and a later "
            "release must verify it"
        )
    return said


def _pin_known(recorder: Recorder, found: Quorum, held: HeldReceipt | None) -> SetState:
    """Pin an epoch that was learned from its sheets before; returns the state of its set."""
    epoch = recorder.set_state.epochs[found.epoch_id]
    if held is not None and epoch.recovered and not epoch.pinned:
        _pin(recorder, found.epoch_id, held)
    return recorder.set_state


def _is_pinned(state: SetState, epoch_id: str) -> bool:
    epoch = state.epochs[epoch_id]
    return epoch.pinned or not epoch.recovered
