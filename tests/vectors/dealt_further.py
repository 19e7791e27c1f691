# SPDX-License-Identifier: Apache-2.0
"""Vectors of logs: people and their word, the end of sets, what machines saw, gates that were passed, and times."""

import json
from collections.abc import Iterator
from typing import Any

import made_bodies as bodies
import made_lives as lives
from dealt_follow import ROTATED, SEALED, accepted
from dealt_lineage import CHANGING, CHANGING_AGAIN
from made_logs import CUSTODIAN, OFFICERS, POLICY, SEATS, SET, WEAKER, Log, id_of, issued
from made_ways import ROTATION, Refusal, Way, ended, no, old_dead, retired, retired_attested, terminal_retired

from breakglass_shamir.crypto import sshsig
from breakglass_shamir.crypto.keys import ed25519_public
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.weakening import weakenings
from breakglass_shamir.custody.records.enrolment import EnrolmentExported
from breakglass_shamir.custody.records.epochs import Pinned
from breakglass_shamir.custody.records.ledger import PolicyWeakened
from breakglass_shamir.custody.records.monitoring import (
    AlertsDelivered,
    Asked,
    ChangedOutside,
    Heartbeat,
    LoginSeen,
    Probed,
    Watched,
)
from breakglass_shamir.custody.records.openings import Closed, Overridden, Refused, TicketAnswered
from breakglass_shamir.custody.records.rotations import Abandoned, Deferred
from breakglass_shamir.custody.records.sheets import Acknowledged, Destroyed, Noted, Reassigned, SheetVoided

TWO_OFFICERS = ("Duty", "Second")
BLANK = ("Duty", " \t")
AT = "2026-03-01T09:00:00+01:00"


def went_on() -> Iterator[tuple[str, Way]]:
    """Yield every log that holds."""
    yield from _ends()
    yield from _seen()
    yield from _gates()
    yield from _when()


def barred() -> Iterator[Refusal]:
    """Yield every record that may not follow."""
    yield from _no_ends()
    yield from _no_people()
    yield from _no_epochs()
    yield from _no_signs()
    yield from _answers()


MEASURED = f"""{POLICY}
[[declaration.rules]]
name = "days"
hours = ["Sat-Sun 09:00-17:00", "Sun 22:00-06:00"]

[[declaration.rules]]
name = "few"
classes = ["idp-outage"]
declarers = ["Duty", "Second"]
use_for = "30m"
most = 1
per = "1h"

[outage]
[[outage.probes]]
name = "directory"
uri = "ldap://dir.example"
failed_on = ["silent"]

[[outage.probes]]
name = "network"
uri = "tcp://gate.example:443"
classes = ["network-outage"]

[[outage.probes]]
name = "way round"
uri = "https://standby.example/health"
standby = true

[ticket]
system = "jira"
url = "https://jira.example"
settles = true
"""
"""The policy of the logs, with rules of use and with what is measured; the first day of the records is a Sunday."""

WELL = {"directory": "well", "way round": "silent: no answer within 2 s"}
DOWN = {**WELL, "directory": "silent: no answer within 2 s"}


def _measuring() -> Way:
    """Return a log whose policy has an outage measured."""
    return Way("small", SEALED).add(bodies.adopted(MEASURED))


def _when() -> Iterator[tuple[str, Way]]:
    """Declarations under rules of use, and what was measured at them."""
    e = bodies.epochs()
    fine: dict[str, Any] = {"use_for_s": 1800, "probes": DOWN, "ticket_answer": "open"}
    yield "measured: all is as it should be", _measuring().declare(**fine).open(e.one)
    for name, changes in (
        ("every probe well", {"probes": WELL}),
        ("wrong, which is no failure", {"probes": {**WELL, "directory": "wrong: x"}}),
        ("not known", {"probes": {"directory": "unknown: no library"}}), ("nothing", {"probes": {}}),
        ("the way round well, too", {"probes": {"directory": "well", "way round": "well"}}),
        ("another class, of whose probes one is silent",
         {"incident_class": "network-outage", "probes": {**WELL, "network": "silent: x"}}),
        ("a ticket that is closed", {"ticket_answer": "closed: its state is Done"}),
        ("a ticket nobody was asked about", {"ticket_answer": ""}),
        ("a ticket that could not be asked about", {"ticket_answer": "unknown: no answer"}),
        ("longer than a rule allows", {"use_for_s": 1801}),
        ("longer than another class's rule allows", {"incident_class": "network-outage", "use_for_s": 1801}),
        ("nobody who may declare", {"officers": ("Third", "Fourth")}),
        ("one who may declare, in capitals", {"officers": ("Third", "DUTY")}),
    ):  # fmt: skip
        yield f"measured: {name}", _measuring().declare(**{**fine, **changes}).open(e.one)
    for purpose in ("drill", ROTATION):
        yield f"measured: a {purpose} with nothing", _measuring().declare(purpose, officers=("X",)).open(e.one)
    twice = _measuring().declare(**fine).open(e.one).add(ended("emergency"))
    yield "measured: opened again within the hour", twice.declare(**fine).open(e.one)
    later = _measuring().declare(**fine).open(e.one).add(ended("emergency"))
    later.log.pass_time(3600)
    yield "measured: opened again after the hour", later.declare(**fine).open(e.one)
    for seconds in (8 * 3600, 24 * 3600):
        late = _measuring()
        late.log.pass_time(seconds)
        yield f"measured: {seconds // 3600} hours later", late.declare(**fine).open(e.one)
    passed = _measuring().declare(
        "emergency", "outage", "ticket-open", probes=WELL, ticket_answer="unknown: x", use_for_s=9
    )
    yield "measured: gates that were overridden", passed.open(e.one)


def _answers() -> Iterator[Refusal]:
    """What probes and systems of tickets do not say."""
    for name, answer in (("no word", "fine"), ("well, and why", "well: x"), ("wrong, and no reason", "wrong: "),
                         ("wrong alone", "wrong"), ("a blank is missing", "silent:x")):  # fmt: skip
        way = _measuring()
        said = bodies.declared(way.log, "emergency", probes={"directory": answer})
        yield no(f"a probe says: {name}", way, said, opening="")
        yield no(f"a probe says later: {name}", _measuring(), Probed(answers={"directory": answer}))
        asked = bodies.declared(way.log, "emergency", ticket_answer=answer.replace("well", "open"))
        yield no(f"a ticket: {name}", _measuring(), asked, opening="")
    yield no("probes that found nothing", _measuring(), Probed(answers={}))
    later = TicketAnswered(ticket="INC-1", answer="open")
    yield no("a ticket is answered that nobody owes", _measuring().declare(), later)
    owing = {"ticket_answer": "unknown: x"}
    another = TicketAnswered(ticket="INC-2", answer="open")
    yield no("another ticket is answered", _measuring().declare("emergency", "ticket-open", **owing), another)
    settled = _measuring().declare("emergency", "ticket-open", **owing).add(later)
    yield no("a ticket is answered twice", settled, later)
    twice = (
        _measuring().declare("emergency", "ticket-open", **owing).add(TicketAnswered(ticket="INC-1", answer="kind: x"))
    )
    yield no("a ticket is answered by no word", twice, TicketAnswered(ticket="INC-1", answer="yes"))
    closed = _measuring().declare("emergency", "ticket-open", ticket_answer="closed: x").add(later)
    yield no("what was answered at the declaration stays owed", closed, TicketAnswered(ticket="INC-3", answer="open"))


def new_logs() -> Iterator[tuple[str, Log]]:
    """Yield logs by the terminal ``clock`` that hold, whole."""
    log = Log("clock")
    lives.beginning(log)
    log.add(bodies.adopted(MEASURED))
    log.add(Probed(answers=WELL))
    log.add(Noted(text="another directory", by="Duty", infrastructure_changed=True))
    opening = log.add(bodies.declared(log, "emergency", probes=WELL, ticket_answer="unknown: no answer within 3 s"))
    for gate in ("outage", "ticket-open"):
        log.add(Overridden(gate=gate, problem="as said", reason="nobody can log in"), opening=opening)
    log.add(TicketAnswered(ticket="INC-1", answer="closed: its state is Done"), opening=opening)
    log.add(TicketAnswered(ticket="INC-1", answer="open"), opening=opening)
    yield "an outage that was measured", log
    log = Log("clock")
    log.add(bodies.started(log), "")
    yield "one record", log
    refused = Refused(stage="open", error="insufficient-shares", message="no quorum yet")
    log = Log("clock")
    log.add(bodies.started(log), "")
    for seconds, wall, body in (
        (0, 0, Heartbeat(every_s=10)), (0.9, 0, refused), (71.5, 72, refused), (71, 71, refused),
        (1, 0, refused), (-1, 0, refused), (9000, 9014, refused), (9000, 9015, refused), (9000, 8986, refused),
        (9000, 8985, refused),
    ):  # fmt: skip
        log.pass_time(seconds - 60, wall=wall - 60)
        log.add(body, "")
    yield "records of one second, and clocks at their bounds", log


def _ends() -> Iterator[tuple[str, Way]]:
    e = bodies.epochs()
    one, two = e.one.seed, e.two.seed
    gone = retired("gone", *TWO_OFFICERS)
    yield "retired by people and a quorum", Way("small", SEALED).use(e.one).add(gone, set_key=one)
    owing = Way("office", 19).use(e.one)
    yield "retired by people and a quorum while another rotation is owed", owing.add(gone, set_key=one)
    changed = Way("office", CHANGING_AGAIN)
    yield "retired by people and a quorum while the target is being changed", changed.add(gone, set_key=two)
    prepared = Way("office", 66)
    yield "retired with an epoch prepared", prepared.add(retired("lives"), set_key=two)
    again = Way("small", SEALED).add(retired_attested("unknown", *TWO_OFFICERS))
    again.add(bodies.imported(e.one, bodies.recovery_of(e.one)))
    yield "people: retired already, and a rotation is owed", again.add(retired_attested("gone", *TWO_OFFICERS))
    yield "people: while the target is being changed", Way("office", CHANGING_AGAIN).add(
        retired_attested("dead", *TWO_OFFICERS)
    )  # fmt: skip
    missing = Way("small", SEALED).add(retired_attested("gone", *TWO_OFFICERS))
    missing.add(SheetVoided(epoch_id=id_of(e.one), sheet="1.3", reason="missing"))
    missing.add(Destroyed(epoch_id=id_of(e.one), sheets=bodies.TWO, witnesses=TWO_OFFICERS))
    missing.log.add(terminal_retired(retired=(SET,)), "")
    yield "the terminal ends: a void sheet of a credential that is gone", missing
    handed = Way("branch", 3).add(lives.enrolled(lives.file_of_office()))
    handed.add(bodies.succession(bodies.proof_of(lives.told(), e.one, e.two)))
    office = lives.office().log_id
    handed.log.add(terminal_retired(handed_on={SET: office}, passed=("typed",)), "")
    yield "the terminal ends: handed on to one that told", handed
    void = Way("office", ROTATED)
    yield "a recovery of a void epoch", void.add(
        bodies.imported(e.one, bodies.recovery_of(e.one, ticket="INC-9"), status="void")
    )  # fmt: skip
    yield "a recovery of an epoch that is owed a rotation", Way("small", SEALED).use(e.one).add(
        bodies.imported(e.one, bodies.recovery_of(e.one))
    )  # fmt: skip
    data = lives.file_of(bodies.first_of(lives.office(), 74), lives.told().size)
    told = Way("branch", 5).add(lives.enrolled(data))
    yield "told that the set is retired, and of a policy that its quorum weakened", told


def _seen() -> Iterator[tuple[str, Way]]:
    way = Way("office", ROTATED)
    for matched in ("near", "own", way.log.state.of(SET).past[-1].id, "ab" * 32, "nobody"):
        way.add(login(matched=matched))
    asking = Way("small", SEALED)
    asking.log.add(Asked(target="manual:", marks=()), "a set that nobody knows")
    yield "a question about a set that the log has not", asking
    yield "logins that are matched", way.add(login(accepted=False), login(count=0))
    way = Way("office", ROTATED)
    way.log.add(Heartbeat(every_s=30), "")
    way.log.pass_time(34)
    yield "a promise that is broken by a record of a set", way.add(login(matched="own"))


def login(**changes: Any) -> LoginSeen:
    """A login that the target remembers."""
    fields: dict[str, Any] = {
        "at": AT, "account": "bg", "source": "10.0.0.9", "accepted": True, "count": 1, "matched": "", "detail": "",
    }  # fmt: skip
    return LoginSeen(**{**fields, **changes})


BAD: dict[str, Any] = {
    "incident_class": "weather", "ticket": "INC", "reason": "test", "officers": ("Duty", "DUTY"),
    "use_for_s": 3601,
}  # fmt: skip
"""What a declaration says that no gate of the policy lets through."""


def _gates() -> Iterator[tuple[str, Way]]:
    e = bodies.epochs()
    yield "every gate of a declaration", Way("small", SEALED).declare(**BAD).open(e.one)
    yield "the gates of a declaration in a rotation", Way("small", SEALED).declare(ROTATION, **BAD).open(e.one)
    yield "an officer of white space", Way("small", SEALED).declare(officers=BLANK).open(e.one)
    yield "two officers and one of white space", Way("small", SEALED).declare(officers=(*TWO_OFFICERS, "")).open(e.one)
    yield "under way: declared", Way("small", SEALED).declare().declare().open(e.one)
    late = Way("small", SEALED).declare()
    late.log.pass_time(1800)
    yield "under way: declared too long ago", late.declare().open(e.one)
    yield "under way: in use", Way("small", SEALED).declare().open(e.one).add(bodies.in_use()).declare().open(e.one)
    over = Way("small", SEALED).declare().open(e.one).add(ended("emergency"))
    yield "under way: the use is over", over.declare().open(e.one)
    yield "under way: a drill in front of an emergency", Way("small", SEALED).declare("drill").declare().open(e.one)
    drill = Way("small", SEALED).declare("drill").open(e.one)
    yield "under way: a drill that opened in front of an emergency", drill.declare().open(e.one)
    ended_set = Way("small", SEALED).add(retired_attested("unknown", *TWO_OFFICERS))
    yield "a retired set", ended_set.declare().open(e.one)
    owed = Way("small", SEALED).add(retired_attested("unknown", *TWO_OFFICERS))
    owed.add(bodies.imported(e.one, bodies.recovery_of(e.one)))
    yield "a retired set that owes a rotation", owed.declare(ROTATION).open(e.one, "no-reveal")
    strange = {"witnessed": "inconsistent"}
    yield "another history", Way("small", SEALED).declare().open(e.one, **strange)
    yield "another history in a rotation", Way("small", SEALED).declare(ROTATION).open(e.one, "no-reveal", **strange)
    yield "another history in a rotation that is owed", Way("small", SEALED).use(e.one).declare(ROTATION).open(
        e.one, "no-reveal", **strange
    )  # fmt: skip
    for name, seconds in (("a minute", 1800), ("a minute and a second", 1801)):
        stale = Way("small", SEALED).declare()
        stale.log.pass_time(seconds)
        yield f"opened {name} after the declaration held", stale.open(e.one)
    outside = Way("small", SEALED).add(bodies.recovered(e.two)).declare().open(e.two)
    yield "an epoch from its sheets in no opening, opened twice", outside.declare().open(e.two)
    before = Way("small", SEALED).declare().add(bodies.recovered(e.two))
    yield "an epoch from its sheets in an opening that is over", before.declare().open(e.two)


def _weaker() -> PolicyWeakened:
    listed = weakenings(policies.parse(POLICY), policies.parse(WEAKER))
    return PolicyWeakened(source=WEAKER, digest=policies.digest(WEAKER).hex(), weakens=listed)


def _no_ends() -> Iterator[Refusal]:
    e = bodies.epochs()
    fork = Way("office", ROTATED).declare("emergency", "superseded").open(e.one).add(ended("emergency")).use(e.one)
    yield no("a policy that weakens by a superseded epoch", fork, _weaker(), e.one)
    gone = retired("gone", *BLANK)
    yield no("retired by a name of white space", Way("branch", 2), retired_attested("gone", *BLANK), set_name="typed")
    yield no("retired by a quorum and a name of white space", Way("small", SEALED).use(e.one), gone, e.one)
    three = POLICY.replace("signatures = 1", "signatures = 1\nofficers = 3")
    more = Way("small", SEALED).add(bodies.adopted(three))
    yield no("retired by two where the policy asks for three", more, retired_attested("gone", *TWO_OFFICERS))
    changed = Way("office", CHANGING_AGAIN)
    yield no("retired by the target's word while it is being changed", changed, retired("dead"), e.two)
    yield no("people: unknown, and the target is being changed", changed, retired_attested("unknown", *TWO_OFFICERS))
    blank = Destroyed(epoch_id=id_of(e.one), sheets=("1.1",), witnesses=BLANK)
    yield no("destroyed: a witness of white space", Way("office", 57), blank)

    def of(name: str, way: Way, **changes: Any) -> Refusal:
        return no(f"the terminal ends: {name}", way, terminal_retired(**changes), set_name="", opening="")

    over = Way("small", SEALED).add(retired_attested("unknown", *TWO_OFFICERS), _all_destroyed())
    yield of("an opening is under way", over.declare(), retired=(SET,))
    owing = Way("small", SEALED).add(bodies.imported(e.one, bodies.recovery_of(e.one)))
    owing.add(retired_attested("gone", *TWO_OFFICERS), _all_destroyed())
    yield of("a debt is open", owing, retired=(SET,))
    told = Way("branch", 3).add(lives.enrolled(lives.file_of_office()))
    yield of("told of another epoch in force", told, handed_on={SET: lives.office().log_id}, passed=("typed",))
    left = Way("office", 75).add(Destroyed(epoch_id=id_of(e.two), sheets=bodies.TWO, witnesses=TWO_OFFICERS))
    yield of("a void sheet of a credential that lives", left, retired=(SET,))
    paid = Way("office", 41)
    yield no("deferred after the rotation", paid, Deferred(for_s=60, reason="late"), e.one)
    yield no("closed as a drill", paid, Closed(classification="drill"))


def _all_destroyed() -> Destroyed:
    return Destroyed(epoch_id=id_of(bodies.epochs().one), sheets=SEATS, witnesses=TWO_OFFICERS)


def _revoking() -> str:
    """The policy, which revokes the keys of North and of Duty."""
    revoked = [sshsig.fingerprint(ed25519_public(key)) for key in (CUSTODIAN, OFFICERS["Duty"])]
    return POLICY.replace('name = "Second"\n', f'name = "Second"\nrevoked = {json.dumps(revoked)}\n')


def _no_people() -> Iterator[Refusal]:
    e = bodies.epochs()
    way = Way("small", 6)
    other = bodies.custodian_signed(e.one, way.log.data(5), sheet="1.2", custodian="South")
    yield no("a custodian's signature by another one's key", way, other)
    named = bodies.custodian_signed(e.one, way.log.data(4), custodian="NORTH")
    yield no("a custodian's signature under another spelling", way, named)
    mine = bodies.custodian_signed(e.one, way.log.data(4))
    yield no("a custodian's signature twice", Way("small", SEALED), mine)
    moved = Way("small", 6).add(Reassigned(epoch_id=id_of(e.one), sheet="1.1", custodian="West", reason="moved",
                                           despite=()))  # fmt: skip
    yield no("a custodian's signature after the sheet changed hands", moved, mine)
    anew = Way("small", 6).add(Acknowledged(epoch_id=id_of(e.one), sheet="1.1", custodian="North", bag="B-2"))
    yield no("a custodian's signature of an acknowledgement before the last", anew, mine)
    seen = Way("small", 6).add(SheetVoided(epoch_id=id_of(e.one), sheet="1.1", reason="seen"))
    yield no("a custodian's signature of a void sheet", seen, mine)
    revoking = Way("small", 2).add(bodies.adopted(_revoking()))
    revoking.add(issued(e.one, e.cards)).add(Acknowledged(epoch_id=id_of(e.one), sheet="1.1", custodian="North",
                                                          bag=""))  # fmt: skip
    revoked = bodies.custodian_signed(e.one, revoking.log.data(-1))
    yield no("a custodian's signature by a revoked key", revoking, revoked)
    declared = Way("small", 2).add(bodies.adopted(_revoking()), issued(e.one, e.cards)).declare()
    yield no("an officer's revoked key", declared, bodies.officer_signed(declared.log))
    before = Reassigned(epoch_id=id_of(e.one), sheet="1.2", custodian="north ", reason="moved", despite=())
    yield no("a sheet handed to who kept enough before", moved, before)


def _no_epochs() -> Iterator[Refusal]:
    e = bodies.epochs()
    envelope = e.one.sealed.envelope
    fields: dict[str, Any] = {
        "epoch_id": id_of(e.one), "set_public_key": envelope.set_public_key.hex(),
        "envelope_sha256": envelope.digest.hex(), "log": lives.office().log_id, "size": 5,
        "receipt_sha256": "cd" * 32,
    }  # fmt: skip
    learned = Way("branch", 3)
    for name, changes in (
        ("another key", {"set_public_key": "ab" * 32}), ("another envelope", {"envelope_sha256": "ab" * 32}),
        ("no envelope", {"envelope_sha256": ""}), ("an epoch that is not there", {"epoch_id": id_of(e.two)}),
    ):  # fmt: skip
        yield no(f"pinned: {name}", learned, Pinned(**{**fields, **changes}))
    yield no("pinned: an epoch that was issued here", Way("small", SEALED), Pinned(**fields))
    yield no("recovered: an epoch that is there", learned, bodies.recovered(e.one))
    source = bodies.recovery_of(e.one)
    once = Way("small", SEALED).add(bodies.imported(e.one, source))
    yield no("a recovery twice", once, bodies.imported(e.one, source))
    gone = Abandoned(epoch_id=id_of(e.one), reason="a misprint")
    yield no("abandoned: proven", Way("small", SEALED).add(accepted(e.one)), gone)
    yield no("abandoned: after a recovery", once, gone)
    typed = Abandoned(epoch_id=id_of(e.typed), reason="a misprint")
    yield no("abandoned: learned from its lines", Way("branch", 2), typed, set_name="typed")
    told = Way("branch", 2).add(lives.enrolled(lives.file_of_office()))
    yield no("abandoned: told by another terminal", told, Abandoned(epoch_id=id_of(e.two), reason="a misprint"))
    changed = Abandoned(epoch_id=id_of(e.two), reason="a misprint")
    yield no("abandoned: being changed", Way("office", CHANGING), changed)
    dead = Way("small", SEALED).add(bodies.recovered(e.two))
    yield no("dead: nothing is being changed", dead.use(e.one), old_dead(e.one, e.two))
    yield no("proven: a void epoch", Way("office", ROTATED), accepted(e.one))
    other = Way("office", ROTATED).declare("emergency", "superseded").open(e.one)
    yield no("proven: an epoch that another opening opened", other.declare(), accepted(e.one))


def _no_signs() -> Iterator[Refusal]:
    way = Way("office", ROTATED)
    for at in ("2026-03-01T09:00:00", "2026-03-01", "soon", ""):
        yield no(f"a login at {at!r}", way, login(at=at))
    yield no("a change outside at no zone", way, ChangedOutside(at="2026-03-01T09:00:00", detail=""))
    yield no("watched until no zone", way, Watched(until="2026-03-01T09:00:00", every_s=300, problem=""))
    yield no("watched less than never", way, Watched(until=AT, every_s=-1, problem=""))
    yield no("delivered to nobody", way, AlertsDelivered(sink="", count=1, first="a", last="a"))
    nine = tuple(range(9))
    for name, changed in (
        ("no terminal", {"terminals": 0}), ("fewer at once than terminals", {"at_once": 1}),
        ("no round", {"rounds": 0}),
        ("less than nothing done", {"done": -1}), ("less than nothing failed", {"failed": -1}),
        ("less than no time", {"elapsed_ms": -1}), ("fewer records than none", {"records": -1}),
        ("more than there was", {"done": 12}), ("more collected than there was", {"collected": 61}),
        ("less collected than nothing", {"collected": -2}),
        ("eight times", {"steps_ms": {"quorum": nine[:8]}}), ("times that fall", {"steps_ms": {"quorum": nine[::-1]}}),
        ("a time after none", {"steps_ms": {"quorum": (1, -1, *nine[2:])}}),
        ("a time below none", {"steps_ms": {"quorum": (*nine[:8], -2)}}),
        ("two limits", {"limits_ms": {"quorum": (1, 2)}}), ("a negative limit", {"limits_ms": {"quorum": (1, 2, -1)}}),
        ("two counts", {"alerts": {"siem": (1, 1)}}), ("more alerts than were made", {"alerts": {"siem": (1, 1, 1)}}),
        ("a negative count", {"alerts": {"siem": (1, -1, 0)}}), ("no word", {"result": "good"}),
        ("a pass with reasons", {"result": "pass"}), ("a warning without", {"result": "warning", "reasons": ()}),
    ):  # fmt: skip
        drill = bodies.load_drilled(**changed)
        yield no(f"a load drill: {name}", way, drill, set_name="", opening="")
    yield no("nothing delivered", way, AlertsDelivered(sink="siem", count=0, first="", last=""))
    size = way.log.size
    for name, sets, told in (
        ("a set twice", (SET, SET), size), ("a set that is not there", ("other",), size), ("nothing", (SET,), 0),
        ("no set", (), size), ("more than there was", (SET,), size + 1),
    ):  # fmt: skip
        body = EnrolmentExported(sets=sets, size=told, sha256="ab" * 32)
        yield no(f"written for another terminal: {name}", way, body, set_name="", opening="")
    empty = EnrolmentExported(sets=(SET,), size=2, sha256="ab" * 32)
    yield no("written for another terminal: a set without an epoch", Way("small", 2), empty, set_name="", opening="")
