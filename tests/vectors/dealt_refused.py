# SPDX-License-Identifier: Apache-2.0
"""Records that may not follow a log that went on in a way of its own: what each type asks for is left out once."""

from collections.abc import Iterator
from typing import Any

import made_bodies as bodies
import made_lives as lives
import msgspec
from dealt_follow import ROTATED, SEALED, accepted, outlived
from dealt_steps import NOTE
from made_logs import KEPT, OFFICERS, POLICY, SET, WEAKER, drill_of, id_of, issued, line_of
from made_ways import (
    ROTATION,
    Refusal,
    Way,
    drill_ended,
    ended,
    no,
    old_dead,
    rehearsed,
    retired,
    retired_attested,
    roll_call,
    terminal_retired,
)
from msgspec.structs import replace

from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.weakening import weakenings
from breakglass_shamir.custody.records.arming import ArmedOutside, Disarmed
from breakglass_shamir.custody.records.ledger import PolicyWeakened
from breakglass_shamir.custody.records.lineage import AttestedDead
from breakglass_shamir.custody.records.monitoring import Eased, Escalated
from breakglass_shamir.custody.records.openings import Actions, Cancelled, InUse, Revealing, Snapshot, UseRecorded
from breakglass_shamir.custody.records.rotations import (
    Abandoned,
    Applying,
    Made,
    NotBefore,
    Rejected,
    RotationFound,
    RunsOut,
    SessionsAwaited,
    SessionsEnded,
    TargetNamed,
)
from breakglass_shamir.custody.records.sheets import Acknowledged, Destroyed, ReadBack, SheetVoided
from breakglass_shamir.formats.structure import Group, Structure

TWO_OFFICERS = ("Duty", "Second")


def refused() -> Iterator[Refusal]:
    """Yield every one."""
    yield from _opened()
    yield from _revealing()
    yield from _recorded()
    yield from _actions()
    yield from _snapshots()
    yield from _policies()
    yield from _retired()
    yield from _terminal()
    yield from _attested()
    yield from _drills()
    yield from _sheets()
    yield from _told_people()
    yield from _rotation()
    yield from _kept_closed()
    yield from _signed()
    yield from _sets()


def _voided_and_over() -> Way:
    """The office, whose first epoch died with a void sheet."""
    e = bodies.epochs()
    seen = SheetVoided(epoch_id=id_of(e.one), sheet="1.2", reason="seen")
    return Way("office", 40).add(seen, old_dead(e.one, e.two))


def _opened() -> Iterator[Refusal]:
    e = bodies.epochs()
    one = bodies.opened(e.one)
    quiet = bodies.opened(e.one, "no-reveal")
    yield no("a superseded epoch without its override", Way("office", ROTATED).declare(), one, e.one)
    yield no(
        "a superseded epoch for a rotation that is not owed", Way("office", ROTATED).declare(ROTATION), quiet, e.one
    )
    way = Way("branch", 6).declare("emergency", "void")
    yield no("an epoch superseded elsewhere by the override of void", way, one, e.one)
    way = _voided_and_over().declare("emergency", "superseded")
    yield no("a void sheet of a superseded epoch", way, one, e.one)
    yield no("an outlived epoch without its override", outlived().use(e.two).declare(), one, e.one)
    yield no("an abandoned epoch without its override", Way("office", 74).declare(), bodies.opened(e.three), e.three)
    for sheet in ("1.4", "x"):
        way, body = Way("small", SEALED).declare("emergency", "void"), bodies.opened(e.one, sheets=("1.1", sheet))
        yield no(f"the sheet {sheet} by the override of void", way, body, e.one)
    yield no(
        "asked with a sheet that is not there", Way("office", 19).declare(ROTATION),
        bodies.opened(e.one, "ask", sheets=("1.1", "1.9")), e.one,
    )  # fmt: skip
    yield no("asked where nothing is owed", Way("small", SEALED).declare(ROTATION), bodies.opened(e.one, "ask"), e.one)


def _revealing() -> Iterator[Refusal]:
    e = bodies.epochs()
    again = Revealing(mode="show", program="", warned=())
    yield no("revealing: the use has not begun", Way("small", SEALED).declare().open(e.one), again)
    used = Way("small", SEALED).declare().open(e.one).add(InUse())
    yield no("revealing: no way there is", used, Revealing(mode="ask", program="", warned=()))
    over = Way("small", SEALED).declare().open(e.one).add(InUse(), ended("emergency"))
    yield no("revealing: the use is over", over, again)


def _recorded() -> Iterator[Refusal]:
    e = bodies.epochs()
    kept = UseRecorded(
        number=1, program="/usr/bin/psql", way="terminal", segments=3, size=1234, duration_ms=2500, head="c7" * 32,
        ended="whole", problem="", masked=2, readers=(),
    )  # fmt: skip
    yield no("use-recorded: nothing was opened", Way("small", SEALED).declare(), kept)
    used = Way("small", SEALED).declare().open(e.one).add(InUse())
    for what, wrong in (
        ("no way there is", {"way": ""}), ("no end there is", {"ended": "soon"}), ("no number", {"number": 0}),
        ("a count below 0", {"masked": -1}), ("no head", {"head": "C7" * 32}),
    ):  # fmt: skip
        yield no(f"use-recorded: {what}", used, msgspec.structs.replace(kept, **wrong))


def _actions() -> Iterator[Refusal]:
    e = bodies.epochs()
    at = "2026-01-05T09:00:00Z"
    seen = Actions(target="manual:", since=at, until=at, sessions=(), left_out=0, problem="")
    yield no("actions: nothing was opened", Way("small", SEALED).declare(), seen)
    used = Way("small", SEALED).declare().open(e.one).add(InUse())
    for what, wrong in (("no moment", {"since": "now"}), ("a count below 0", {"left_out": -1})):
        yield no(f"actions: {what}", used, msgspec.structs.replace(seen, **wrong))


def _snapshots() -> Iterator[Refusal]:
    listed = Snapshot(when="close", target="manual:", entries=(), left_out=0, untold=(), problem="not listed")
    yield no("snapshot: nothing was opened", Way("small", SEALED).declare(), listed)
    used = Way("small", SEALED).declare().open(bodies.epochs().one).add(InUse())
    for what, wrong in (("no such moment", {"when": "later"}), ("a count below 0", {"left_out": -1})):
        yield no(f"snapshot: {what}", used, msgspec.structs.replace(listed, **wrong))


def _weaker() -> PolicyWeakened:
    listed = weakenings(policies.parse(POLICY), policies.parse(WEAKER))
    return PolicyWeakened(source=WEAKER, digest=policies.digest(WEAKER).hex(), weakens=listed)


def _policies() -> Iterator[Refusal]:
    e = bodies.epochs()
    yield no("a policy that weakens in an emergency", Way("office", 28), _weaker(), e.one)
    yield no("a policy that weakens before it was opened", Way("office", 59), _weaker(), e.two)
    way = Way("small", SEALED).add(bodies.recovered(e.two)).use(e.two)
    yield no("a policy that weakens by sheets alone", way, _weaker(), e.two)
    yield no("retired by sheets alone", way, retired("lives"), e.two)


def _retired() -> Iterator[Refusal]:
    e = bodies.epochs()
    yield no("retired in an emergency", Way("office", 28), retired(), e.one)
    yield no("retired before the use ended", Way("office", 60), retired("lives"), e.two)
    yield no("retired while another rotation is owed", Way("office", 19).use(e.one), retired("lives"), e.one)
    way = Way("office", 72)
    yield no("retired: gone by the target's word", way, retired("gone"), e.two)
    yield no("retired: lives by people's word", way, retired("lives", *TWO_OFFICERS), e.two)
    yield no("retired by one officer twice", way, retired("dead", "Duty", "DUTY "), e.two)
    yield no("retired by people who are no officers", way, retired("dead", "Duty", "North"), e.two)
    yield no("retired without its quorum", way, retired("lives"), error="invalid-signature")
    sealed = Way("small", SEALED)
    yield no("people: it lives", sealed, retired_attested("lives", *TWO_OFFICERS))
    yield no("people: nobody", sealed, retired_attested("gone"))
    yield no("people: one of them", sealed, retired_attested("gone", "Duty"))
    yield no("people: while it is declared", Way("small", 9), retired_attested("gone", *TWO_OFFICERS))
    owing = Way("office", 19)
    yield no("people: unknown, and a rotation is owed", owing, retired_attested("unknown", *TWO_OFFICERS))
    yield no("people: retired already", Way("office", 75), retired_attested("gone", *TWO_OFFICERS))
    yield no("people: no epoch", Way("small", 2), retired_attested("gone", *TWO_OFFICERS))


def _terminal() -> Iterator[Refusal]:
    way = Way("office", 76)

    def of(name: str, way: Way = way, **changes: Any) -> Refusal:
        return no(f"the terminal ends: {name}", way, terminal_retired(**changes), set_name="", opening="")

    yield of("a set is not named")
    yield of("a set is named twice", retired=(SET,), passed=(SET,))
    yield of("a set more", retired=(SET,), passed=("other",))
    yield of("handed on to nobody who is pinned", handed_on={SET: "ab" * 8})
    yield of("sheets are not destroyed", Way("office", 75), retired=(SET,))
    yield of("a set is not retired", Way("small", SEALED), retired=(SET,))


def _attested() -> Iterator[Refusal]:
    e, name = bodies.epochs(), "twice"
    fields: dict[str, Any] = {
        "epoch_id": id_of(e.twice), "in_force": id_of(e.twice_next), "asked": "refused", "detail": "",
        "officers": TWO_OFFICERS, "reason": "changed by hand",
    }  # fmt: skip
    way = Way("branch", 25)
    for what, changes in (
        ("the target accepts it", {"asked": "accepted"}), ("one person", {"officers": ("Duty", " duty")}),
        ("another epoch in force", {"in_force": id_of(e.twice)}),
        ("the one in force", {"epoch_id": id_of(e.twice_next)}),
        ("an epoch that is not there", {"epoch_id": "ab" * 8}),
    ):  # fmt: skip
        yield no(f"attested dead: {what}", way, AttestedDead(**{**fields, **changes}), set_name=name)
    dead = AttestedDead(**fields)
    yield no("attested dead: it owes nothing", Way("branch", 26), dead, set_name=name)
    taken = Way("branch", 25).add(accepted(e.twice), set_name=name)
    yield no("attested dead: accepted last", taken, dead, set_name=name)
    again = Way("branch", 25).declare(ROTATION, set_name=name).open(e.twice, "ask", name)
    yield no("attested dead: in use", again, dead, set_name=name)


def _drills() -> Iterator[Refusal]:
    e = bodies.epochs()
    way = Way("small", 10)
    for what, changes in (
        ("one card", {"sheets": ("1.1",)}), ("a card that is not there", {"sheets": ("1.1", "1.4")}),
        ("passed, with a reason", {"reasons": ("late",)}), ("failed, without a reason", {"result": "fail"}),
        ("another result", {"result": "good", "reasons": ("x",)}), ("less than no time", {"steps_ms": {"quorum": -1}}),
    ):  # fmt: skip
        yield no(f"rehearsed: {what}", way, rehearsed(e.one, **changes), e.cards)
    yield no("rehearsed: an emergency", Way("small", 13), rehearsed(e.one), e.cards)
    strange = drill_of("one of four", 1, structure=Structure(1, (Group(2, 4),)))
    printed = Way("small", 2).add(issued(e.one, strange)).declare("drill")
    yield no("rehearsed: cards of another structure", printed, rehearsed(e.one), strange)
    way = Way("office", 14)
    yield no("a drill ends: another word", way, drill_ended(e.one, drill="fire"))
    yield no("a drill ends: passed, and opened nothing", way, drill_ended(e.one, result="pass", reasons=()))
    yield no("a drill ends: of no opening", way, drill_ended(e.one), opening="")
    opened = Way("office", 14).open(e.one)
    yield no("a drill ends: a rehearsal that opened", opened, drill_ended(e.one, drill="rehearsal"))
    yield no("a drill ends: an emergency", Way("small", 13), drill_ended(e.one))


def _sheets() -> Iterator[Refusal]:
    e = bodies.epochs()
    way = Way("office", 57)
    for what, epoch, sheets, witnesses in (
        ("sheets that open", e.two, ("1.1",), TWO_OFFICERS), ("one of them opens", e.two, ("1.3", "1.1"), TWO_OFFICERS),
        ("no sheet", e.one, (), TWO_OFFICERS), ("a sheet that is not there", e.one, ("1.4",), TWO_OFFICERS),
        ("one witness twice", e.one, ("1.1",), ("Duty", "DUTY")),
    ):  # fmt: skip
        body = Destroyed(epoch_id=id_of(epoch), sheets=sheets, witnesses=witnesses)
        yield no(f"destroyed: {what}", way, body)
    again = Destroyed(epoch_id=id_of(e.one), sheets=("1.1",), witnesses=TWO_OFFICERS)
    yield no("destroyed: again", Way("office", 58), again)
    sealed = Way("small", SEALED)
    for what, changes in (
        ("another level", {"level": "glance"}), ("another health", {"health": "torn"}),
        ("more than all used", {"used_percent": 101}), ("another result", {"result": "ok", "reasons": ("x",)}),
        ("passed, with a reason", {"reasons": ("x",)}), ("a warning without a reason", {"result": "warning"}),
        ("a sheet that is not there", {"sheet": "1.4"}),
    ):  # fmt: skip
        yield no(f"roll-call: {what}", sealed, roll_call(e.one, **changes))
    yield no("roll-call: a void sheet passes", way, roll_call(e.two))
    yield no("roll-call: a void epoch", way, roll_call(e.one))
    gone = Abandoned(epoch_id=id_of(e.one), reason="a misprint")
    yield no("abandoned after a declaration", Way("small", SEALED).declare().add(Cancelled(reason="later")), gone)


def _told_people() -> Iterator[Refusal]:
    sealed = Way("small", SEALED)
    first = Escalated(subject="roll-call", what="late", level=1)
    yield no("escalated: a level too high", sealed, Escalated(subject="roll-call", what="late", level=2))
    again = Escalated(subject="roll-call-1.1", what="late", level=1)
    yield no("escalated: the level that was", Way("office", 46), again)
    way = Way("branch", 6).add(first)
    yield no("escalated: a subject of another set", way, Escalated(
        subject="roll-call", what="late", level=2), set_name="typed")  # fmt: skip
    yield no("eased: not escalated", sealed, Eased(subject="roll-call", what="late"))
    yield no("eased: eased already", Way("office", 48), Eased(subject="roll-call-1.1", what="late"))


def _rotation() -> Iterator[Refusal]:
    e = bodies.epochs()
    for what, old, new in (
        ("another old one", e.bare_next, e.bare), ("itself", e.bare, e.bare), ("one that is not there", e.bare, e.two)
    ):  # fmt: skip
        body: Any = RotationFound(old_epoch_id=id_of(old), new_epoch_id=id_of(new))
        yield no(f"found: {what}", Way("branch", 11), body, set_name="bare")
    yield no("rejected: another epoch", Way("office", 67), Rejected(epoch_id=id_of(e.two), detail=""))
    yield no("rejected: not being changed", Way("office", 66), Rejected(epoch_id=id_of(e.three), detail=""))
    prepared = Way("office", 34)
    for what, count, for_s in (("fewer than none", -1, 0), ("less than no time", 0, -1), ("a day and more", 1, 86_401)):
        yield no(f"sessions awaited: {what}", prepared, SessionsAwaited(count=count, for_s=for_s, detail=""))
    awaited = SessionsAwaited(count=0, for_s=0, detail="")
    yield no("sessions awaited: being changed", Way("office", 37), awaited)
    yield no("sessions awaited: nothing is prepared", Way("office", 28), awaited)
    done = SessionsEnded(count=0, detail="", failed=False)
    yield no("sessions ended: not being changed", prepared, done)
    yield no("sessions ended: in no opening", Way("office", 37), done, opening="")
    made = Made(target="passkey:https://login.example/", public_id="VbR3mTq81kZa", epoch_id="")
    yield no("made: no target", prepared, replace(made, target=""))
    yield no("made: no id", prepared, replace(made, public_id=""))
    yield no("made: in no opening", prepared, made, opening="")
    yield no("made: on sheets that are not prepared", prepared, replace(made, epoch_id=id_of(e.three)))
    yield no("made: on sheets, and nothing is owed for it", prepared, replace(made, epoch_id=id_of(e.two)))
    named = TargetNamed(target="ssh-key:///srv/key", account="", agrees=True)
    yield no("the target named: the policy does", Way("office", 28), named)
    yield no("the target named: not opened", Way("branch", 8), named, set_name="bare")
    for until in ("2026-03-02T08:00:00", "0001-01-01T00:00:00+10:00", "soon"):
        yield no(f"not before {until}", Way("office", 26), NotBefore(until=until, detail=""))
    over = {"what": "account", "ends": "2027-03-02T08:00:00Z", "public_id": "", "epoch_id": ""}
    for name, change in (
        ("at no instant", {"ends": "soon"}), ("without a zone", {"ends": "2027-03-02T08:00:00"}),
        ("and nobody says what", {"what": ""}), ("with an epoch that is none", {"epoch_id": "00" * 8}),
    ):  # fmt: skip
        yield no(f"it runs out {name}", Way("office", 26), RunsOut(**{**over, **change}))
    seen = SheetVoided(epoch_id=id_of(e.two), sheet="1.3", reason="misprint")
    way = Way("office", 31).add(seen, ReadBack(epoch_id=id_of(e.two), sheets=bodies.TWO))
    way.log.add(Acknowledged(epoch_id=id_of(e.two), sheet="1.1", custodian="North", bag=""))
    way.log.add(Acknowledged(epoch_id=id_of(e.two), sheet="1.2", custodian="South", bag=""))
    body = Applying(old_epoch_id=id_of(e.one), new_epoch_id=id_of(e.two))
    yield no("changed with a void sheet that was not read back", way, body)


def _kept_closed() -> Iterator[Refusal]:
    way = Way("closed", 3)
    for what, changes in (
        ("no instant", {"until": "soon"}), ("an instant in another zone", {"until": "2026-03-02T09:00:00+01:00"}),
        ("a day that is none", {"until": "2026-02-30T09:00:00Z"}), ("another clock", {"clock": "sundial"}),
    ):  # fmt: skip
        yield no(f"arming: {what}", way, bodies.armed(**changes), set_name=KEPT)
    yield no("armed outside: no instant", way, ArmedOutside(until="soon", detail=""), set_name=KEPT)
    gone = Disarmed(authority="the program /p", detail="")
    for body in (bodies.armed(), gone, ArmedOutside(until="", detail="")):
        kind = str(body.__struct_config__.tag)
        yield no(f"{kind}: the policy keeps nothing closed", Way("office", 28), body)


def _signed() -> Iterator[Refusal]:
    late = Way("small", 9)
    late.log.at = replace(late.log.at, time="3000-01-01T00:00:00Z")
    yield no("an officer's key after its last day", late, bodies.officer_signed(late.log))
    twice = Way("small", 10)
    yield no("an officer's key twice", twice, bodies.officer_signed(twice.log))
    fewer = POLICY.replace(f'keys = ["{line_of(OFFICERS["Second"])}"]\n', "")
    gone = Way("small", 9).add(bodies.adopted(fewer))
    yield no("an officer's key that left after the declaration", gone, bodies.officer_signed(gone.log, "Second"))


def _sets() -> Iterator[Refusal]:
    e = bodies.epochs()
    yield no("issued into a set that is not there", Way("small", 1), issued(e.one, e.cards))
    yield no("a line of no set", Way("small", SEALED), NOTE, set_name="")
    told = lives.enrolled(lives.file_of_office(), policy="kept")
    yield no("told again", Way("branch", 5), told)
