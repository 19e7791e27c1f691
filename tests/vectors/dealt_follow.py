# SPDX-License-Identifier: Apache-2.0
"""Vectors of records that may follow where a rule could be read otherwise, and of what they change."""

import itertools
from collections.abc import Callable, Iterator

import made_bodies as bodies
import made_lives as lives
from dealt import Epoch, Vector, good
from made_logs import SET, Log, id_of
from made_ways import ROTATION, Way, drill_ended, ended, old_dead, rehearsed, retired_attested, roll_call, shorter

from breakglass_shamir.custody.records.epochs import Proven
from breakglass_shamir.custody.records.monitoring import Escalated
from breakglass_shamir.custody.records.openings import Cancelled, Refused
from breakglass_shamir.custody.records.rotations import (
    Abandoned,
    Applying,
    Deferred,
    NotBefore,
    Rejected,
    RotationFound,
)
from breakglass_shamir.custody.records.sheets import Acknowledged, Destroyed, ReadBack, Reassigned, SheetVoided
from breakglass_shamir.hygiene import Secret

SEALED = 7
"""Records of ``small`` and ``office`` until the first epoch is sealed."""

ROTATED = 42
"""Records of ``office`` until its first rotation is closed."""


def follow(said_of: Callable[[Secret, list[Vector]], Vector]) -> Iterator[Vector]:
    """Yield every vector of a log that goes on and holds.

    Args:
        said_of: what the program says of a log, by its key and rows.
    """
    for name, way in itertools.chain(_past(), _openings(), _lives(), _told(), _times()):
        yield holds(name, way, said_of)
    log = Log("clock")
    log.add(bodies.started(log), "")
    for seconds, wall, boot in ((3, -1, ""), (60, 60, ""), (63, -1, "b" * 16)):
        log.pass_time(seconds - 60, wall=wall - 60, boot=boot)
        log.add(Refused(stage="open", error="insufficient-shares", message="no quorum yet"), "")
    given = {"public_key": log.public_key.hex(), "entries": log.rows}
    yield good("a clock set back by a second", "verify-log", given, said_of(log.key, log.rows))


def holds(name: str, way: Way, said_of: Callable[[Secret, list[Vector]], Vector]) -> Vector:
    """Return the vector of a log that goes on and holds."""
    log = way.log
    given = {
        "public_key": log.public_key.hex(),
        "from": way.life,
        "first": way.first,
        "then": [shorter(row, way.life) for row in log.rows[way.first :]],
    }
    return good(name, "verify-log", given, said_of(log.key, log.rows))


def accepted(epoch: Epoch, result: str = "accepted") -> Proven:
    return Proven(epoch_id=id_of(epoch), result=result, detail="")


def outlived() -> Way:
    """A terminal that printed epoch 1, has learned of epoch 2, and saw the target accept 2."""
    e = bodies.epochs()
    return Way("small", SEALED).add(bodies.recovered(e.two), accepted(e.two))


def _past() -> Iterator[tuple[str, Way]]:
    """Epochs that another one has followed."""
    e = bodies.epochs()
    way = Way("office", ROTATED).declare("emergency", "superseded").open(e.one).add(ended("emergency"))
    yield "a superseded epoch, and again for its rotation", way.declare(ROTATION).open(e.one, "no-reveal")
    back = way.declare(ROTATION).open(e.one, "no-reveal").add(
        RotationFound(old_epoch_id=id_of(e.one), new_epoch_id=id_of(e.two)), ended(ROTATION),
        Rejected(epoch_id=id_of(e.two), detail="used before"),
    )  # fmt: skip
    yield "the epoch in force is not taken again and stays good", back.add(
        Acknowledged(epoch_id=id_of(e.two), sheet="1.1", custodian="North", bag="")
    )  # fmt: skip
    yield "a superseded epoch of this log by the override of void", Way("office", ROTATED).declare(
        "emergency", "void"
    ).open(e.one)  # fmt: skip
    way = Way("office", 40).add(SheetVoided(epoch_id=id_of(e.one), sheet="1.2", reason="seen"), old_dead(e.one, e.two))
    yield "a void sheet of a superseded epoch by the override of void", way.declare(
        "emergency", "void", "superseded"
    ).open(e.one)  # fmt: skip
    yield "an outlived epoch that is current", outlived().declare().open(e.one)
    learned = Way("small", SEALED).add(bodies.recovered(e.two), bodies.recovered(e.three))
    yield "outlived by the last, and no more", learned.add(accepted(e.three), accepted(e.two))
    way = Way("small", SEALED).use(e.one).add(SheetVoided(epoch_id=id_of(e.one), sheet="1.2", reason="seen"))
    yield "asked with a void sheet", way.declare(ROTATION).open(e.one, "ask")
    there = Way("office", 67).add(old_dead(e.two, e.three)).log
    yield "outlived by a succession", Way("branch", 5).add(bodies.succession(bodies.proof_of(there, e.two, e.three)))


def _openings() -> Iterator[tuple[str, Way]]:
    e = bodies.epochs()
    way = Way("small", SEALED).add(accepted(e.one, "perhaps")).declare("inspection").open(e.one, "look", witnessed="")
    yield "words that are not asked for", way.add(ended("none"))
    yield "officers told apart by a space", Way("small", SEALED).declare(officers=("Duty", " duty")).open(e.one)
    for name, seconds in (("a debt deferred a minute ago", 0), ("a debt deferred two minutes ago", 60)):
        way = Way("office", 29)
        debts = tuple(one.id for one in way.log.state.of(SET).debts if one.kind != ROTATION)
        way.log.pass_time(seconds)
        yield name, way.declare(ROTATION, debts=debts).open(e.one, "no-reveal")
    until = {"until": "2027-03-01T08:00:00Z", "detail": "once a year"}
    yield "no change before sixty days", Way("office", 26).add(NotBefore(**until))
    yield "no change before a day that is past", Way("office", 26).add(
        Deferred(for_s=-5, reason="x"), set_key=e.one.seed
    ).add(NotBefore(**{**until, "until": "2026-01-01T08:00:00+01:00"}))  # fmt: skip
    way = Way("office", 36).add(SheetVoided(epoch_id=id_of(e.two), sheet="1.3", reason="seen"))
    yield "changed with a void sheet that was read back", way.add(
        Applying(old_epoch_id=id_of(e.one), new_epoch_id=id_of(e.two))
    )  # fmt: skip
    found = Way("branch", 14)
    yield "dead and not countersigned", found.add(old_dead(e.bare, e.bare_next), set_name="bare")
    yield "dead by one person's word", Way("branch", 14).add(old_dead(e.bare, e.bare_next, ["Duty"]), set_name="bare")
    way = Way("small", SEALED).add(retired_attested("unknown", "Duty", " SECOND"))
    yield "opened again after it was retired", way.declare("emergency", "retired").open(e.one)


def _lives() -> Iterator[tuple[str, Way]]:
    e = bodies.epochs()
    yield (
        "abandoned before anything was declared",
        Way("small", SEALED).add(Abandoned(epoch_id=id_of(e.one), reason="a misprint")),
    )
    kept = Acknowledged(epoch_id=id_of(e.one), sheet="1.3", custodian="West", bag="")
    yield "acknowledged by somebody else", Way("small", SEALED).add(kept)
    yield "acknowledged where nobody is known to keep it", Way("branch", 3).add(kept)
    yield (
        "one sheet destroyed twice in a record",
        Way("office", ROTATED).add(
            Destroyed(epoch_id=id_of(e.one), sheets=("1.1", "1.1"), witnesses=("Duty", "duty "))
        ),
    )
    told = Escalated(subject="roll-call", what="late", level=1)
    yield "one subject in two sets", Way("branch", 6).add(told).add(told, set_name="typed")
    yield (
        "a roll-call of a void sheet fails",
        Way("office", 57).add(roll_call(e.two, result="fail", reasons=("gone",), health="replace", used_percent=100)),
    )
    way = Way("small", SEALED).declare("drill").add(Cancelled(reason="later"))
    way.log.add(drill_ended(e.one), opening=way.log.state.of(SET).past[-1].id)
    yield "a drill that ends after it was cancelled", way
    yield (
        "retired by people while a use is over",
        Way("small", SEALED).use(e.one).add(retired_attested("gone", "Duty", "Second")),
    )
    source = bodies.recovery_of(e.typed)
    yield (
        "a recovery with an envelope, of a typed core",
        Way("branch", 2).add(bodies.imported(e.typed, source), set_name="typed"),
    )


def _told() -> Iterator[tuple[str, Way]]:
    e, data = bodies.epochs(), lives.file_of_office()
    two = id_of(e.two)
    way = Way("branch", 3).add(
        bodies.recovered(e.two), ReadBack(epoch_id=two, sheets=("1.3",)),
        Acknowledged(epoch_id=two, sheet="1.3", custodian="West", bag=""),
        Reassigned(epoch_id=two, sheet="1.1", custodian="Far", reason="moved", despite=()),
        SheetVoided(epoch_id=two, sheet="1.2", reason="seen"), lives.enrolled(data, sha256="ab" * 32),
    )  # fmt: skip
    way.declare("drill").add(rehearsed(e.two), set_key=e.cards2.seed)
    yield "told of epochs that are here", way.declare().open(e.two, sheets=("1.1", "1.3"))


def _times() -> Iterator[tuple[str, Way]]:
    e = bodies.epochs()
    way = Way("small", SEALED)
    way.log.pass_time(-120)
    yield "an uptime that went back", way.add(roll_call(e.one))
