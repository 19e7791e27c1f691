# SPDX-License-Identifier: Apache-2.0
"""Vectors of logs in which several epochs may live: sources and forks, third epochs, links, and what each settles."""

from collections.abc import Iterator
from typing import Any

import made_bodies as bodies
import made_lives as lives
from dealt import Epoch
from dealt_follow import ROTATED, SEALED, accepted
from made_logs import SET, WEAKER, deal, drill_of, id_of, issued
from made_ways import ROTATION, Refusal, Way, ended, no, old_dead

from breakglass_shamir.crypto import sshsig
from breakglass_shamir.custody.life.lineage import SuccessionProof
from breakglass_shamir.custody.records.lineage import AttestedDead
from breakglass_shamir.custody.records.rotations import Abandoned, Applying, NotBefore, Rejected, RotationFound
from breakglass_shamir.custody.records.sheets import SheetVoided
from breakglass_shamir.hygiene import Secret

TWO_OFFICERS = ("Duty", "Second")
CHANGING, CHANGING_AGAIN = 37, 67
"""Records of ``office`` until the target is being changed to epoch 2, and to epoch 3."""

TOLD = 5
"""Records of ``branch`` until the office told it of epochs 1 and 2."""


def fork() -> Epoch:
    """An epoch that follows epoch 1, beside epoch 2."""
    return deal("fork", 5, bodies.epochs().one)


def prepared(way: Way, old: Epoch, new: Epoch, cards: Epoch, **changes: Any) -> Way:
    """Print an epoch that follows another one, have it countersigned and its sheets taken."""
    way.add(issued(new, cards, **changes)).add(bodies.countersigned(new), set_key=old.seed)
    opening = way.opening()

    def add(body: object) -> str:
        return way.log.add(body, SET, opening)  # type: ignore[arg-type]

    bodies.printed(add, new)
    return way


def applying(old: Epoch, new: Epoch) -> Applying:
    return Applying(old_epoch_id=id_of(old), new_epoch_id=id_of(new))


def attested(epoch: Epoch, in_force: Epoch, *officers: str) -> AttestedDead:
    """People's word for the death of a credential."""
    return AttestedDead(
        epoch_id=id_of(epoch), in_force=id_of(in_force), asked="refused", detail="", officers=officers or TWO_OFFICERS,
        reason="changed by hand",
    )  # fmt: skip


def went_on() -> Iterator[tuple[str, Way]]:
    """Yield every log that holds."""
    yield from _sources()
    yield from _third()
    yield from _deaths()
    yield from _links()


def barred() -> Iterator[Refusal]:
    """Yield every record that may not follow."""
    e = bodies.epochs()
    seen = SheetVoided(epoch_id=id_of(e.one), sheet="1.2", reason="seen")
    three = ("1.1", "1.2", "1.3")
    way = Way("small", SEALED).add(seen).declare()
    yield no("a void sheet beside a quorum", way, bodies.opened(e.one, sheets=three), e.one)
    past = Way("office", 40).add(seen, old_dead(e.one, e.two)).declare("emergency", "superseded")
    yield no("a void sheet beside a quorum of a superseded epoch", past, bodies.opened(e.one, sheets=three), e.one)
    settled = Way("office", 74).declare("emergency", "void")
    debt = settled.log.state.of(SET).debts[-1].id
    settled.add(bodies.settled(debt))
    yield no("an abandoned epoch by an override that was settled", settled, bodies.opened(e.three), e.three)
    asks = Way("small", SEALED).use(e.one).declare(ROTATION).open(e.one, "ask")
    yield no("used where the target is only asked", asks, bodies.in_use())
    yield no("revealing where the target is only asked", asks, bodies.revealing())
    over = asks.add(ended(ROTATION))
    yield no("issued where the target is only asked", over, issued(e.two, e.cards2))
    way = Way("small", SEALED).use(e.one).add(issued(e.two, e.cards2))
    yield no("issued beside a prepared one", way, issued(fork(), drill_of("fork", 5)))
    found = RotationFound(old_epoch_id=id_of(e.one), new_epoch_id=id_of(fork()))
    yield no("found beside a prepared one", Way("office", 34).add(bodies.recovered(fork())), found)
    asked = Way("small", SEALED).use(e.one).add(issued(e.two, e.cards2)).declare(ROTATION).open(e.one, "ask")
    yield no("countersigned where the target is only asked", asked, bodies.countersigned(e.two), e.one)
    few = Way("office", 33)
    yield no("changed with one sheet acknowledged", few, applying(e.one, e.two))
    void = Way("office", 36).add(SheetVoided(epoch_id=id_of(e.two), sheet="1.1", reason="seen"))
    yield no("changed with a void sheet among those acknowledged", void, applying(e.one, e.two))
    yield from _no_attestation()
    yield from _no_succession()


def _no_attestation() -> Iterator[Refusal]:
    e, name = bodies.epochs(), "twice"
    way = Way("branch", 25)
    yield no("attested dead: a name of white space", way, attested(e.twice, e.twice_next, "Duty", " \t"), set_name=name)
    changed = Way("office", CHANGING)
    yield no("attested dead: being changed", changed, attested(e.one, e.one))
    ready = Way("office", 36).add(bodies.imported(e.two, bodies.recovery_of(e.two)))
    yield no("attested dead: prepared", ready, attested(e.two, e.one))


def _no_succession() -> Iterator[Refusal]:
    e, told = bodies.epochs(), lives.told()
    proof = bodies.succession(bodies.proof_of(told, e.one, e.two))
    yield no("succession: again", Way("branch", 6), proof)
    word = bodies.succession(bodies.proof_of(_attesting().log, e.one, e.two))
    yield no("succession: attested by who proved it", Way("branch", 6), word)
    said = bodies.succession(bodies.proof_of(_attesting().log, e.one, e.two), attested_by=())
    yield no("succession: attested by others than its proof says", Way("branch", TOLD), said)
    foreign = bodies.succession(bodies.proof_of(told, e.one, e.two), terminal="ab" * 8)
    yield no("succession: another terminal than its proof says", Way("branch", TOLD), foreign)
    rival = deal("two", 2, e.one, source=WEAKER)
    other = bodies.succession(proof_of(e.one, rival))
    yield no("succession: another envelope of an epoch", Way("branch", TOLD), other, error="envelope-conflict")
    low = deal("low", 1, e.one)
    yield no("succession: a number that is not higher", Way("branch", TOLD), bodies.succession(proof_of(e.one, low)))


def proof_of(old: Epoch, new: Epoch) -> SuccessionProof:
    """Return what the office would prove of two epochs; its log need not hold."""
    told = lives.told()

    def signed(body: object, key: Secret, namespace: str) -> tuple[bytes, str]:
        data = told.row(told.tree(body))["record"].encode()  # type: ignore[arg-type]
        return data, sshsig.sign(key, data, namespace)

    vouched = signed(bodies.countersigned(new), old.seed, sshsig.QUORUM_NAMESPACE)
    dead = signed(old_dead(old, new), told.key, sshsig.RECORD_NAMESPACE)
    return bodies.proof_of(
        told, old, new, countersigned=vouched[0], countersignature=vouched[1], old_dead=dead[0],
        terminal_signature=dead[1],
    )  # fmt: skip


def _attesting() -> Way:
    """The office, where people vouched for the first death."""
    e = bodies.epochs()
    return Way("office", 40).add(old_dead(e.one, e.two, TWO_OFFICERS))


def _sources() -> Iterator[tuple[str, Way]]:
    e = bodies.epochs()
    asked = Way("small", SEALED).use(e.one).add(bodies.recovered(e.two), accepted(e.two)).use(e.two)
    yield "asked of a past epoch: the source stays", asked.declare(ROTATION).open(e.one, "ask")
    way = Way("small", SEALED).use(e.one).add(issued(e.two, e.cards2), bodies.recovered(fork()))
    way.add(bodies.imported(e.two, bodies.recovery_of(e.two)))
    yield "what was prepared is abandoned, and owes nothing", way.declare().open(fork())
    kept = Way("office", CHANGING).add(bodies.imported(e.two, bodies.recovery_of(e.two)))
    yield "what was rejected owes what it owed", kept.add(Rejected(epoch_id=id_of(e.two), detail="too short"))
    let_go = Way("small", SEALED).use(e.one).add(issued(e.two, e.cards2))
    let_go.add(bodies.imported(e.two, bodies.recovery_of(e.two)))
    yield "what was let go owes nothing", let_go.add(Abandoned(epoch_id=id_of(e.two), reason="not today"))
    way = Way("small", SEALED).add(bodies.imported(e.one, bodies.recovery_of(e.one)))
    way.add(bodies.retired_of_people("gone")).add(bodies.imported(e.one, bodies.recovery_of(e.one, ticket="INC-3")))
    yield "asked of a set that was retired", way.declare(ROTATION).open(e.one, "ask")
    yield "an abandoned epoch by the override of void", Way("office", 74).declare("emergency", "void").open(e.three)
    seen = SheetVoided(epoch_id=id_of(e.one), sheet="1.2", reason="seen")
    past = Way("office", 40).add(seen, old_dead(e.one, e.two)).declare("emergency", "superseded")
    yield "a superseded epoch without its void sheet", past.open(e.one, sheets=("1.1", "1.3"))
    yield "changed once more", Way("office", CHANGING).add(applying(e.one, e.two))
    at_once = Way("office", 26)
    yield "no change before this very second", at_once.add(NotBefore(until=at_once.log.at.time, detail=""))
    at_once = Way("office", 26)
    until = at_once.log.at.time.replace("Z", ".900Z")
    yield "no change before the end of this second", at_once.add(NotBefore(until=until, detail=""))


def _third() -> Iterator[tuple[str, Way]]:
    e = bodies.epochs()
    other = fork()
    found = RotationFound(old_epoch_id=id_of(e.one), new_epoch_id=id_of(other))
    changed = Way("office", CHANGING).add(bodies.recovered(other)).add(found)
    yield "found while being changed to another", changed
    opened = Way("office", CHANGING).declare().open(e.two)
    yield "opened while the target is being changed", opened
    third = Way("office", CHANGING).add(bodies.recovered(other)).add(accepted(other))
    yield "a third epoch is accepted", third
    only = Way("office", CHANGING).add(bodies.recovered(other))
    only.add(bodies.imported(other, bodies.recovery_of(other))).declare(ROTATION).open(other, "ask")
    yield "a third epoch is accepted, and was only asked", only.add(accepted(other))
    way = prepared(Way("office", 68), e.two, e.four, e.cards4, source=WEAKER).add(applying(e.two, e.four))
    way.declare("emergency", "void").open(e.three)
    yield "a third epoch that was abandoned is accepted", way.add(accepted(e.three))
    back = Way("office", CHANGING_AGAIN).declare("emergency", "superseded").open(e.one)
    yield "a third epoch that is superseded is accepted", back.add(accepted(e.one))


def _deaths() -> Iterator[tuple[str, Way]]:
    e = bodies.epochs()
    for name, people in (("the target's word", ()), ("people's word", TWO_OFFICERS)):
        way = Way("small", SEALED).use(e.one).add(bodies.recovered(e.two)).use(e.two)
        prepared(way, e.two, e.three, e.cards3).add(applying(e.two, e.three))
        yield f"a death by {name}, and an epoch before it", way.add(old_dead(e.two, e.three, people))
    again = Way("branch", 25).add(accepted(e.twice), set_name="twice").declare(ROTATION, set_name="twice")
    again.open(e.twice, "ask", "twice").add(ended(ROTATION), set_name="twice")
    yield "attested dead: accepted before it was asked", again.add(attested(e.twice, e.twice_next), set_name="twice")
    since = Way("branch", 25).add(accepted(e.twice), accepted(e.twice_next), set_name="twice")
    yield "attested dead: another one accepted since", since.add(attested(e.twice, e.twice_next), set_name="twice")
    forked = Way("office", ROTATED).declare("emergency", "superseded").open(e.one).add(ended("emergency"))
    forked.use(e.one).add(issued(fork(), drill_of("fork", 5)))
    yield "attested dead: the source of a fork", forked.add(attested(e.one, e.two))


def _links() -> Iterator[tuple[str, Way]]:
    e, told = bodies.epochs(), lives.told()
    proof = bodies.succession(bodies.proof_of(told, e.one, e.two))
    word = bodies.succession(bodies.proof_of(_attesting().log, e.one, e.two))
    yield "succession: of what is in use", Way("branch", TOLD).use(e.one).add(proof)
    yield "succession: accepted after it", Way("branch", TOLD).use(e.one).add(accepted(e.one)).add(proof)
    yield "succession: refused after it was accepted", Way("branch", TOLD).use(e.one).add(
        accepted(e.one), accepted(e.one, "refused")
    ).add(proof)  # fmt: skip
    named = Way("branch", TOLD).declare("emergency", "superseded").open(e.one)
    yield "succession: opened although it was claimed", named.add(proof)
    dead = Way("branch", TOLD).use(e.one).use(e.two).add(attested(e.one, e.two))
    yield "succession: attested dead before", dead.add(proof)
    yield "succession: attested", Way("branch", TOLD).add(word)
    yield "succession: attested, and proven later", Way("branch", TOLD).add(word).add(proof)
    going = Way("branch", TOLD).use(e.two).add(accepted(e.two)).declare("emergency", "superseded").open(e.one)
    going.add(ended("emergency"), issued(fork(), drill_of("fork", 5)))
    yield "succession: the rotation of the fork goes on", going.add(proof)
    ready = Way("branch", TOLD).use(e.one).add(issued(fork(), drill_of("fork", 5)))
    yield "succession: what was prepared is let go of", ready.add(proof)
    yield "succession: what was being changed stays good", prepared(
        Way("branch", TOLD).use(e.one), e.one, fork(), drill_of("fork", 5)
    ).add(applying(e.one, fork())).add(proof)  # fmt: skip
    whole = Way("office", CHANGING_AGAIN).add(old_dead(e.two, e.three)).log
    chain = bodies.succession(bodies.proof_of(whole, e.two, e.three))
    yield "succession: the later link first", Way("branch", TOLD).add(chain).add(proof)
