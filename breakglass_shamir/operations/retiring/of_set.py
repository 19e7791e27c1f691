# SPDX-License-Identifier: Apache-2.0
"""Retire a set: by its quorum, or without one on the word of people.

Rules:

1. By its quorum it is an opening with the purpose ``rotation``: declared, recorded, nothing revealed. The target is
   asked about the credential once, at each endpoint; what it says is recorded.
2. Where a rotation is owed, only a credential that is dead or gone ends it: the target refused it everywhere, or
   those whose word counts attest it. No word counts against a target that takes the credential. Where neither can be
   had, that is said before anything is opened.
3. The target is the adopted policy's, or the one that people name; where nobody does, it is not asked.
4. Sheets are destroyed before witnesses and recorded one by one. What is missing is said, and stays due.

What a record may say is for ``retire_rules.py``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from breakglass_shamir.connectors.port.answers import Check, CheckResult
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.port.cost import question
from breakglass_shamir.custody.life import attesting, retire_rules
from breakglass_shamir.custody.life.gates import Request
from breakglass_shamir.custody.life.retire_rules import DEAD, GONE, LIVES, UNKNOWN
from breakglass_shamir.custody.life.rules import epoch_of
from breakglass_shamir.custody.life.state import SetState
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.quorum.pool import Pool
from breakglass_shamir.custody.records.openings import Closed, Refused, UseEnded
from breakglass_shamir.custody.records.retirement import Retired, RetiredAttested
from breakglass_shamir.custody.records.words import check_human_text, printable
from breakglass_shamir.errors import BreakglassError, IllegalState, InvalidInput
from breakglass_shamir.operations import targets
from breakglass_shamir.operations.arming import keeping
from breakglass_shamir.operations.opening import opening
from breakglass_shamir.operations.opening.declaring import Overrides, check_request
from breakglass_shamir.operations.opening.opening import OpenedSet, Ready
from breakglass_shamir.operations.printing import ceremony
from breakglass_shamir.operations.printing.ceremony import Destruction
from breakglass_shamir.operations.reading.sources import Sources
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.operations.rotation import elsewhere, naming
from breakglass_shamir.operations.rotation.naming import NOBODY_NAMED, Way
from breakglass_shamir.operations.rotation.probing import Prober
from breakglass_shamir.operations.targets import Named
from breakglass_shamir.paper.reading.scan import Scanner
from breakglass_shamir.shell import breakglass

USE_S = 3600
"""How long a retirement may take."""

WORDS = (DEAD, GONE)
"""What people may attest of a credential."""

_KNOWN = {CheckResult.ACCEPTED: LIVES, CheckResult.REFUSED: DEAD, CheckResult.UNKNOWN: UNKNOWN}
"""What an answer of the target says of the credential."""

_NOT_ASKED = "not asked: nobody but people reach this target, or nobody named one"

_WAY_OUT = "rotate it first; or remove the account at the target, and have it attested: --attest gone"


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a set ends, and on whose word."""

    reason: str
    officers: tuple[str, ...] = ()
    word: str = ""
    """``dead`` or ``gone``, where the officers attest that of the credential; empty: they attest nothing of it."""


@dataclass(frozen=True, slots=True)
class Left:
    """Sheets of one epoch that are still to be destroyed."""

    epoch: int
    sheets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RetiredSet:
    """A set that is out of service."""

    set_name: str
    opening: str
    """Empty where no quorum was there."""

    credential: str
    detail: str
    attested_by: tuple[str, ...]
    to_destroy: tuple[Left, ...]
    debts: tuple[str, ...]


def by_quorum(
    recorder: Recorder, ending: Ending, sources: Sources, scanner: Scanner, named: Named = NOBODY_NAMED
) -> RetiredSet:
    """Retire a set by a quorum of its sheets.

    Args:
        recorder: at the set.
        ending: why, and on whose word.
        sources: the sheets.
        scanner: reads them.
        named: the target that people name, where no policy does.

    Raises:
        IllegalState: it is retired already, is being changed, or owes a rotation that nothing here ends.
        InvalidInput: the policy names another target than people do, or no connector takes theirs.
        ConnectorError: a rotation is owed, and the target cannot be reached from here.
        BreakglassError: as :func:`opening.open_set`.
    """
    state, ending = recorder.set_state, _checked(recorder.set_state, ending)
    if state.retired and not state.rotation_debts:
        raise IllegalState(f"set {state.name} is retired since {state.retired.at.time}")
    if state.applying:
        raise IllegalState(
            f"the target of {state.name} was being changed when a rotation was interrupted: it ends first",
            hint=f"go on with it: {breakglass('rotate', state.name)}; or retire it --without-quorum --attest gone",
        )
    debts = tuple(debt.id for debt in state.rotation_debts)
    request = Request("rotation", "retirement", "none", ending.reason, ending.officers, "no-reveal", USE_S, debts)
    ready = _ready(recorder, ending, named)
    opened = opening.open_set(
        recorder, check_request(request), Overrides(), sources, scanner, "", ready=ready, arm=keeping.gate
    )
    try:
        recorder.append(UseEnded(outcome="not revealed", classification="rotation"))
        check = _ask(recorder, opened, Way(recorder, opened.credential, named))
        recorder.desk.say(f"the target was asked: {check.result} ({check.detail})")
        elsewhere.note(recorder, opened.quorum.epoch_id, check)
        _record(recorder, ending, _KNOWN[check.result], check.detail, opened)
    finally:
        opened.wipe()
        recorder.close_accounts()
    return result(recorder, check.detail)


def by_word(recorder: Recorder, ending: Ending) -> RetiredSet:
    """Retire a set whose quorum does not come together any more, on the word of people.

    Raises:
        IllegalState: it is retired already, an opening is under way, too few people vouch, or it owes a rotation and
            nobody says that the credential is dead or gone.
        GateClosed: somebody else could change the home.
    """
    recorder.require_guarded()
    ending = _checked(recorder.set_state, ending, always=True)
    body = RetiredAttested(reason=ending.reason, credential=ending.word or UNKNOWN, attested_by=ending.officers)
    against = retire_rules.contradicted(recorder.set_state)
    try:
        recorder.append(body)
    except IllegalState as error:
        _refused(recorder, error)
        raise IllegalState(str(error), hint=error.hint or _WAY_OUT) from error
    recorder.desk.warn("attested, not proven: no quorum was there, and no target was asked")
    if against:
        recorder.desk.warn(f"{against}: look at it there before anything is destroyed")
    return result(recorder, "")


def destroyed(recorder: Recorder, sheets: Sequence[str], witnesses: Sequence[str]) -> Destruction:
    """Record which sheets of the epoch in force were destroyed with the set's retirement.

    Raises:
        IllegalState: no such sheet, destroyed already, or too few witnesses.
        InvalidInput: a witness is empty words.
    """
    return ceremony.destroyed(recorder, sheets, recorder.set_state.current_epoch.number, witnesses)


def _checked(state: SetState, ending: Ending, *, always: bool = False) -> Ending:
    """Return what was said with its texts trimmed, or refuse whose word does not count."""
    if ending.word and ending.word not in WORDS:
        raise InvalidInput(f"expected {' or '.join(WORDS)} to be attested, got {ending.word!r}")
    reason = check_human_text("reason", ending.reason)
    names = tuple(check_human_text("officer", name) for name in ending.officers)
    policy = policies.parse(state.policy_source) if state.policy_source else None
    if (ending.word or always) and (problem := attesting.against(policy, names)):
        raise IllegalState(problem, hint="name each who attests with --officer")
    return Ending(reason, names, ending.word)


def _ready(recorder: Recorder, ending: Ending, named: Named) -> Ready:
    """Return what refuses, before anything is declared, a retirement that could only be refused afterwards."""

    def check(pool: Pool | None) -> None:
        if pool is not None:
            return
        state = recorder.state.sets.get(recorder.set_name)
        connector = naming.check(state, named)
        if state is not None and state.rotation_debts and not ending.word:
            _check_can_be_asked(recorder, state, connector)

    return check


def _check_can_be_asked(recorder: Recorder, state: SetState, connector: Connector | None) -> None:
    """Hold that a target is there which may say that the credential is dead."""
    by_people = not recorder.desk.can_ask() if connector is None else connector.by_people
    if state.policy_source:
        policy = policies.parse(state.policy_source)
        targets.check_reach(policy)
        by_people = targets.connector_of(policy).by_people
    if by_people:
        raise IllegalState(
            f"set {state.name} owes a rotation, and no target can be asked whether the credential is dead",
            hint=f"name it with --target URI, where no policy does; or {_WAY_OUT}",
        )


def _ask(recorder: Recorder, opened: OpenedSet, way: Way) -> Check:
    """Ask the target once at every endpoint; not one that people change."""
    try:
        policy = way.policy()
        if targets.connector_of(policy).by_people:
            return Check(CheckResult.UNKNOWN, _NOT_ASKED)
        endpoints = targets.endpoints_of(policy, recorder)
    except BreakglassError as error:
        return Check(CheckResult.UNKNOWN, printable(str(error)))
    if words := question(one.costs for one in endpoints):
        recorder.desk.say(words)
    check = Prober().ask_everywhere(endpoints, opened.credential.presented)
    return replace(check, detail=printable(check.detail))


def _record(recorder: Recorder, ending: Ending, said: str, detail: str, opened: OpenedSet) -> None:
    """Record the end, unless the target's word or a debt stands against it."""
    name = recorder.set_name
    try:
        credential, by = _judged(recorder.set_state, ending, said, opened.quorum.epoch_id, recorder.opening)
        body = Retired(reason=ending.reason, credential=credential, detail=detail, attested_by=by)
        recorder.append(body, set_key=opened.set_key)
    except IllegalState as error:
        _refused(recorder, error)
        raise IllegalState(f"{error}", hint=error.hint or _WAY_OUT) from error
    recorder.append(Closed(classification="rotation"))
    if credential == LIVES:
        recorder.desk.warn(f"the target still takes the credential of {name}: disable the account, destroy the sheets")


def _judged(state: SetState, ending: Ending, said: str, opened: str, opening_id: str) -> tuple[str, tuple[str, ...]]:
    """Return what is known of the credential, and on whose word.

    Args:
        state: of the set.
        ending: what people say.
        said: what the target said.
        opened: the epoch whose credential it was asked about.
        opening_id: the retirement's own opening, which owes nothing that was not owed before.

    Raises:
        IllegalState: that does not end what is owed, or the target contradicts people.
    """
    owed = [epoch_of(state, debt) for debt in state.rotation_debts if debt.opening != opening_id]
    if ending.word and said == LIVES:
        raise IllegalState(f"the target still takes the credential of {state.name}: it is not {ending.word}")
    if said == DEAD and all(epoch_id == opened for epoch_id in owed):
        return DEAD, ()
    if ending.word:
        return ending.word, ending.officers
    if owed:
        raise IllegalState(
            f"set {state.name} owes a rotation and is retired only when the credential is dead or the account is gone: "
            f"that of epoch {state.epochs[opened].number}: {said}"
        )
    return said, ()


def _refused(recorder: Recorder, error: IllegalState) -> None:
    recorder.append(Refused(stage="retire", error=error.id, message=str(error)))


def result(recorder: Recorder, detail: str) -> RetiredSet:
    """Say what became of the set that the recorder is at."""
    state = recorder.refresh()
    how = state.retired
    assert how is not None  # noqa: S101 - the record was made
    left = tuple(Left(epoch.number, seats) for epoch, seats in retire_rules.to_destroy(state))
    return RetiredSet(
        state.name, recorder.opening, how.credential, detail, how.attested_by, left,
        tuple(debt.id for debt in state.debts),
    )  # fmt: skip
