# SPDX-License-Identifier: Apache-2.0
"""Adopt: another policy for a set that has sheets already.

Rules:

1. A change that weakens nothing is a record. Nobody need bring a sheet.
2. A change that weakens takes the quorum of the sheets in force. They are combined for it, so it is an opening like
   any other: declared, recorded, not revealed, and owed a rotation, which makes the epoch under the new policy.
3. How many sheets are needed, and whose they are, changes with that epoch; printed sheets stay what they are.
4. A refused adoption is recorded too.
5. A set that this terminal does not know yet takes the policy before its sheets come: it holds from the first opening,
   and that is said, since a name with a slip in it would be such a set as well.
"""

from dataclasses import dataclass

from breakglass_shamir.custody.life import holders
from breakglass_shamir.custody.life.custody_rules import policy_in_force, weakened_by
from breakglass_shamir.custody.life.gates import Request
from breakglass_shamir.custody.life.state import SetState
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.differences import differences
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.custody.policy.weakening import changes_quorum
from breakglass_shamir.custody.records.ledger import PolicyAdopted, PolicyWeakened
from breakglass_shamir.custody.records.openings import Refused, UseEnded
from breakglass_shamir.errors import IllegalState, PolicyWeakens, RotationDue
from breakglass_shamir.operations.arming import keeping, second
from breakglass_shamir.operations.credential.readiness import Readiness
from breakglass_shamir.operations.credential.rotate import PLANNED_USE_S
from breakglass_shamir.operations.opening import opening
from breakglass_shamir.operations.opening.declaring import Overrides, check_request
from breakglass_shamir.operations.opening.opening import OpenedSet, Ready, at_once
from breakglass_shamir.operations.printing.sheets import Printing
from breakglass_shamir.operations.reading.sources import Sources
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.operations.rotation.rotation import Rotation
from breakglass_shamir.paper.reading.scan import Scanner
from breakglass_shamir.shell import breakglass

MOST_NAMED = 10
"""Sets that a warning names."""


@dataclass(frozen=True, slots=True)
class Adoption:
    """What became of a policy (docs/guide-operator.md).

    Attributes:
        set_name: the set whose policy it is.
        digest: SHA-256 of the policy in force, hexadecimal.
        rotated: whether the rotation that a weaker policy takes was done.
        debts: ids of what the set owes.
    """

    set_name: str
    digest: str
    changed: bool
    """False: it was in force already, and nothing was recorded."""

    weakens: tuple[str, ...]
    """What it allows that the one before did not."""

    next_epoch: bool
    """Whether something of it begins with the next epoch only."""

    rotated: bool
    epoch: int
    """The epoch in force now; 0: there is none yet."""

    debts: tuple[str, ...]
    differs: tuple[str, ...] = ()
    """What it says otherwise than the one before, a sentence each; nothing where there was none."""


@dataclass(frozen=True, slots=True)
class Ceremony:
    """What a change that weakens needs: the sheets, and where the next ones go."""

    sources: Sources
    printing: Printing | None
    scanner: Scanner
    reason: str
    officers: tuple[str, ...] = ()


def adopt(recorder: Recorder, source: str, ceremony: Ceremony | None = None) -> Adoption:
    """Put a policy in force.

    Args:
        recorder: its set name is taken from the policy.
        source: the file's text.
        ceremony: the sheets and what belongs to them; None: there are none.

    Raises:
        InvalidPolicy: it is none.
        PolicyWeakens: it weakens the set, and there are no sheets.
        IllegalState: it weakens the set, and a rotation is under way that ends first.
        RotationDue: it is in force, and the rotation that the quorum's opening owes was not done.
        GateClosed: somebody else could change the home.
        BreakglassError: as :func:`opening.open_set` and a rotation.
    """
    recorder.require_guarded()
    known = any(one.policy_source == source for one in recorder.state.sets.values())
    new = policies.parse(source) if known else policies.parse_new(source)
    if new.name not in recorder.state.sets:
        policies.check_new(new)
    recorder.set_name = new.name
    second.require(new, recorder.state)
    state = recorder.state.sets.get(new.name) or _unknown(recorder, new.name)
    if state.policy_source == source:
        return _result(recorder, (), changed=False, next_epoch=False)
    differs = _differences(recorder, state, new)
    weaker, next_epoch = weakened_by(state, new), _waits_for_next_epoch(state, new)
    if weaker and ceremony is None:
        refused = PolicyWeakens(weaker)
        recorder.append(Refused(stage="adopt", error=refused.id, message=str(refused)))
        raise refused
    if weaker and ceremony is not None:
        _by_quorum(recorder, source, weaker, ceremony)
        return _result(recorder, weaker, changed=True, next_epoch=False, differs=differs)
    recorder.append(PolicyAdopted(source=source, digest=policies.digest(source).hex()))
    if ceremony is not None:
        recorder.desk.say("nothing of this weakens the set: no sheet was read")
    if next_epoch:
        recorder.desk.warn("who keeps the sheets, and how many are needed, changes with the next epoch: rotate")
    if state.current and (left := holders.departed(recorder.set_state)):
        recorder.desk.warn(f"no custodian by this policy, but with a sheet: {', '.join(left)}; rotate")
    return _result(recorder, (), changed=True, next_epoch=next_epoch, differs=differs)


def _differences(recorder: Recorder, state: SetState, new: Policy) -> tuple[str, ...]:
    """Say what is about to change, before it does."""
    if not state.policy_source:
        return ()
    found = differences(policies.parse(state.policy_source), new)
    for line in found:
        recorder.desk.say(f"{state.name} changes: {line}")
    return found


def _unknown(recorder: Recorder, name: str) -> SetState:
    """Return a set of which nothing is known, and say which sets are."""
    names = sorted(recorder.state.sets)
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    known = f"{', '.join(names[:MOST_NAMED])}{more}" if names else "none yet"
    recorder.desk.warn(
        f"this terminal does not know the set {name} (it knows {known}): the policy holds for the sheets that come"
    )
    return SetState(name)


def _by_quorum(recorder: Recorder, source: str, weaker: tuple[str, ...], ceremony: Ceremony) -> None:
    state = recorder.set_state
    if state.prepared or state.applying:
        raise IllegalState(
            f"a rotation of {state.name} is under way and ends first",
            hint=f"go on with it: {breakglass('rotate', state.name)}",
        )
    for line in weaker:
        recorder.desk.warn(f"weaker: {line}")
    debts = tuple(debt.id for debt in state.rotation_debts)
    request = Request(
        "rotation", "policy", "none", ceremony.reason, ceremony.officers, "no-reveal", PLANNED_USE_S, debts
    )
    request = check_request(request)
    opened = opening.open_set(
        recorder,
        request,
        Overrides(),
        ceremony.sources,
        ceremony.scanner,
        "",
        ready=_ready(recorder, source, ceremony),
        arm=keeping.gate,
    )
    try:
        digest = policies.digest(source).hex()
        recorder.append(PolicyWeakened(source=source, digest=digest, weakens=weaker), set_key=opened.set_key)
        recorder.append(UseEnded(outcome="not revealed", classification="rotation"))
        recorder.desk.say("the policy is in force, signed by the quorum")
        _rotate(recorder, source, opened, ceremony)
    finally:
        opened.wipe()
        recorder.close_accounts()


def _ready(recorder: Recorder, source: str, ceremony: Ceremony) -> Ready:
    """Return what asks for all that the rotation under the new policy needs; without a place it stays owed."""
    if ceremony.printing is None:
        return at_once
    new, typed = policies.parse(source), ceremony.sources.only_typed
    return Readiness(recorder, ceremony.printing, ceremony.scanner, policy=new, typed=typed).check


def _rotate(recorder: Recorder, source: str, opened: OpenedSet, ceremony: Ceremony) -> None:
    name = recorder.set_name
    if ceremony.printing is None:
        raise RotationDue(
            f"the policy of {name} is in force; its sheets were combined for it, and their rotation is owed",
            hint=f"settle it with: {breakglass('rotate', name, options='--scan PATH... --out DIR')}",
        )
    rotation = Rotation(recorder, policies.parse(source), source, opened.credential, opened.set_key)
    new = rotation.prepare(ceremony.printing, ceremony.scanner)
    rotation.finish(new, ceremony.printing, ceremony.scanner)


def _waits_for_next_epoch(state: SetState, new: Policy) -> bool:
    return bool(state.current) and changes_quorum(policy_in_force(state, new.target.uri), new)


def _result(
    recorder: Recorder, weaker: tuple[str, ...], *, changed: bool, next_epoch: bool, differs: tuple[str, ...] = ()
) -> Adoption:
    state = recorder.refresh()
    done = next((one for one in reversed(state.past) if one.id == recorder.opening), None)
    return Adoption(
        state.name,
        state.policy_digest,
        changed,
        weaker,
        next_epoch,
        done is not None and done.rotated,
        state.current_epoch.number if state.current else 0,
        tuple(debt.id for debt in state.debts),
        differs,
    )
