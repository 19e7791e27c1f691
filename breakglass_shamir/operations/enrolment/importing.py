# SPDX-License-Identifier: Apache-2.0
"""Import: take what another terminal wrote about some sets.

Rules:

1. The file is verified in itself, and held against what this ledger knows, before people are asked anything.
2. The fingerprint is typed from the other terminal's screen. A slip is asked again; this terminal never shows it.
3. Nothing of the file is recorded before every sink that comes with it took a test event or was declined by name.
4. Each set is one record. An import that was interrupted is made whole by importing the same file again.
5. What followed what is recorded with its proof, apart from what the other terminal says.
6. The receipt that comes is kept in the home: it remembers the other log.
7. A target that cannot be reached from this machine is said: the first night is not the time to find it out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from breakglass_shamir.custody import names
from breakglass_shamir.custody.life import enrol_rules, lineage_rules
from breakglass_shamir.custody.life.enrol_rules import KEPT, TAKEN
from breakglass_shamir.custody.life.lineage import SuccessionProof
from breakglass_shamir.custody.life.state import EpochStatus, SetState
from breakglass_shamir.custody.life.statement import Statement
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.sinks import AnySink
from breakglass_shamir.custody.records.enrolment import Enrolled
from breakglass_shamir.errors import BreakglassError, InvalidInput
from breakglass_shamir.ledger.receipt import FOLDER_NAME
from breakglass_shamir.operations import targets
from breakglass_shamir.operations.enrolment import new_sinks, package
from breakglass_shamir.operations.enrolment.new_sinks import Decide, Outcome
from breakglass_shamir.operations.enrolment.package import Package
from breakglass_shamir.operations.lineage import links
from breakglass_shamir.operations.opening import receipts
from breakglass_shamir.operations.opening.declaring import record_refusal
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.plural import counted

Ask = Callable[[str], str | None]
"""Asks for the fingerprint, saying what was wrong with the last one; None: nobody types any more."""


@dataclass(frozen=True, slots=True)
class TakenSet:
    """What became of one set."""

    set_name: str
    epoch: int
    """The epoch in force here now."""

    epoch_id: str
    changed: bool
    """False: this very statement was taken before."""

    policy: str
    """``taken`` or ``kept``."""

    sinks_tested: tuple[str, ...]
    sinks_declined: tuple[str, ...]
    retired: bool


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of a file."""

    terminal: str
    terminal_key: str
    log_id: str
    records: int
    """Records in the other log when the file was made."""

    sets: tuple[TakenSet, ...]
    successions: int
    """Links that were recorded with their proof."""

    unproven: tuple[str, ...]
    """Why others were not, a sentence each."""

    receipts: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class People:
    """Who is asked."""

    ask: Ask
    decide: Decide


NOBODY = People(lambda _problem: None, lambda _problem: None)
"""Nobody is there."""


def take(
    recorder: Recorder, file: Path, people: People = NOBODY, *, fingerprint: str = "", declined: Sequence[str] = ()
) -> Taken:
    """Take a file from another terminal.

    Args:
        recorder: at no set.
        file: what the other terminal wrote.
        people: who is asked for what is missing.
        fingerprint: as typed beforehand; empty: it is asked for.
        declined: names of sinks that are done without.

    Raises:
        InvalidInput: it is no such file, or the fingerprint has a slip in it and nobody can be asked.
        FingerprintMismatch: it is that of another file.
        UnsupportedVersion, InvalidRecord, InvalidSignature, InvalidProof: the file was altered, or its log is a fork
            of the one that is known.
        IllegalState: it is older than what is known, this terminal's own, or of a set of another lineage.
        EnvelopeConflict: this ledger holds another envelope of an epoch.
        SinkFailure: a sink does not take alerts from here, and nobody declined it.
        GateClosed: somebody else could change the home.
    """
    recorder.require_guarded()
    found = package.read(file)
    try:
        recorder.ledger.catch_up()
        for said in found.said:
            enrol_rules.check_all(recorder.state, said, recorder.ledger.log_id.hex())
        _introduce(recorder, found)
        _compare(found, people, fingerprint)
        outcomes = _sinks(recorder, found, declined, people)
    except BreakglassError as error:
        recorder.set_name = ""
        record_refusal(recorder, "enrol", error)
        raise
    return _record(recorder, found, outcomes)


def _introduce(recorder: Recorder, found: Package) -> None:
    """Say what the file claims, before its fingerprint shows whose it is."""
    first = found.first
    sets = ", ".join(one.set for one in found.said)
    whose = f"this file says that it is of the terminal {first.terminal!r}"
    recorder.desk.say(f"{whose}, with {counted(first.size, 'record')} on {first.time}: sets {sets}")
    known = [log for log, one in recorder.state.terminals.items() if one.name == first.terminal and log != first.log]
    if known:
        recorder.desk.warn(
            f"another terminal named {first.terminal} is pinned here already, with another key: ask which one it is"
        )


def _compare(found: Package, people: People, typed: str) -> None:
    """Hold the fingerprint against the file, asking again after a slip.

    Raises:
        InvalidInput, FingerprintMismatch: it is not that, and nobody types any more.
    """
    said: str | None = typed or people.ask("")
    while said is not None:
        try:
            found.compare(said)
        except BreakglassError as error:
            said = people.ask(f"{error}: {error.hint}")
            if said is None:
                raise
        else:
            return
    raise InvalidInput(
        "expected the fingerprint that the other terminal showed, got none",
        hint="give it with --fingerprint TEXT; see it there with: breakglass enrol fingerprint FILE",
    )


def _sinks(recorder: Recorder, found: Package, declined: Sequence[str], people: People) -> dict[str, Outcome]:
    state = recorder.state
    new: dict[str, tuple[AnySink, ...]] = {}
    offers = {said.set: offer for said in found.said if (offer := enrol_rules.offered(said)) is not None}
    new_sinks.check_declined(declined, [offer.source for offer in offers.values()])
    for said in found.said:
        s = state.sets.get(said.set) or SetState(said.set)
        if enrol_rules.outcome(s, said) == TAKEN:
            new[said.set] = new_sinks.new_in(state, said.set, offers[said.set].source)
    for name, every in new.items():
        for sink in every:
            recorder.desk.say(f"{name}: the sink {sink.name} ({sink.__struct_config__.tag}) is new here")
    return dict(new_sinks.settle(state, new, declined, people.decide))


def _record(recorder: Recorder, found: Package, outcomes: dict[str, Outcome]) -> Taken:
    """Record what came: first what followed what, where that can be judged; then each set; then the rest."""
    before = {one.set: _current(recorder, one.set) for one in found.said}
    recorded = _take_ready(recorder, found)
    done = [_enrol(recorder, found, said, number, outcomes) for number, said in enumerate(found.said)]
    recorded += _take_ready(recorder, found)
    unproven = _left_over(recorder, found)
    for problem in unproven:
        recorder.desk.warn(f"not proven here: {problem}")
    sets = tuple(
        _taken(recorder, said, record, changed=changed, before=before[said.set])
        for said, (record, changed) in zip(found.said, done, strict=True)
    )
    kept = tuple(_keep_receipts(recorder, found))
    first = found.first
    return Taken(
        first.terminal, first.public_key, first.log, first.size, sets, recorded, unproven, kept
    )  # fmt: skip


def _take_ready(recorder: Recorder, found: Package) -> int:
    """Record the links that hold as far as is known now; returns how many.

    This comes before the statements, too: a policy may be signed by the quorum of an epoch that a link makes known.
    """
    recorded = 0
    while ready := [proof for proof in found.successions if _is_ready(recorder, proof)]:
        recorded += len(links.take(recorder, ready).recorded)
    return recorded


def _left_over(recorder: Recorder, found: Package) -> tuple[str, ...]:
    """Have it recorded which links from epochs that are known here do not hold; returns why, a sentence each."""
    sets = recorder.state.sets
    known = [one for one in found.successions if one.set in sets and one.predecessor in sets[one.set].epochs]
    refused = links.take(recorder, known).refused
    return tuple(dict.fromkeys(f"{one.proof.set}: {one.error}" for one in refused))


def _is_ready(recorder: Recorder, proof: SuccessionProof) -> bool:
    try:
        _, judged = links.judge(recorder, proof)
    except BreakglassError:
        return False
    return lineage_rules.is_news(recorder.set_state, judged)


def _current(recorder: Recorder, name: str) -> str:
    s = recorder.state.sets.get(name)
    return s.current if s else ""


def _enrol(
    recorder: Recorder, found: Package, said: Statement, number: int, outcomes: dict[str, Outcome]
) -> tuple[Enrolled, bool]:
    """Record one statement, unless it is in the ledger already; tells whether it was news."""
    recorder.set_name = said.set
    s = recorder.state.sets.get(said.set) or SetState(said.set)
    outcome = outcomes.get(said.set, Outcome((), ()))
    body = Enrolled(
        terminal=said.terminal, log=said.log, size=said.size, statement=found.parts[number].statement,
        signature=found.parts[number].signature, sha256=found.sha256, policy=enrol_rules.outcome(s, said),
        sinks_tested=outcome.tested, sinks_declined=outcome.declined,
    )  # fmt: skip
    if enrol_rules.told_already(s, said):
        return body, False
    recorder.append(body)
    return body, True


def _taken(recorder: Recorder, said: Statement, body: Enrolled, *, changed: bool, before: str) -> TakenSet:
    s = recorder.state.of(said.set)
    epoch = s.current_epoch
    name, offer = said.set, enrol_rules.offered(said)
    if changed and body.policy == KEPT and offer is not None and offer.source != s.policy_source:
        recorder.desk.warn(f"{name}: the policy here is kept; the one of {said.terminal} is another one")
    if changed and body.policy == TAKEN:
        _check_reach(recorder, name)
    if changed and (spelled := names.lookalike(name)):
        recorder.desk.warn(f"the name of this set has characters that no new set's name has: {spelled}")
    if before and before != s.current:
        recorder.desk.say(f"{name}: epoch {epoch.number} is in force now, as {said.terminal} proved")
    elif s.current != said.current and s.epochs[said.current].status is EpochStatus.GOOD:
        recorder.desk.warn(
            f"{name}: {said.terminal} has epoch {s.epochs[said.current].number} in force, this terminal epoch "
            f"{epoch.number}; nothing here proves which one followed the other"
        )
    return TakenSet(
        name, epoch.number, epoch.short_id, changed, body.policy, body.sinks_tested, body.sinks_declined,
        s.retired is not None,
    )  # fmt: skip


def _check_reach(recorder: Recorder, name: str) -> None:
    try:
        targets.check_reach(policies.parse(recorder.state.of(name).policy_source))
    except BreakglassError as error:
        recorder.desk.warn(f"{name} cannot be rotated from this machine: {error}")


def _keep_receipts(recorder: Recorder, found: Package) -> list[Path]:
    """Keep the receipts that came; what keeps them from being written is said, and undoes nothing."""
    folder, kept = recorder.ledger.path.parent / FOLDER_NAME, []
    for held in found.receipts:
        name = held.receipt.set_name
        short_id = recorder.state.of(name).current_epoch.short_id
        try:
            file = names.told(name, short_id, held.log_id.hex(), held.receipt.size)
            kept.append(receipts.keep(held, folder, file))
        except BreakglassError as error:
            recorder.desk.warn(f"the receipt of {found.first.terminal} was not kept: {error}")
    return kept
