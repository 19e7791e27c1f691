# SPDX-License-Identifier: Apache-2.0
"""A world of three terminals, one target and sheets that people carry, in memory.

The program's own use cases run in it: opening, the rotation engine, proofs, people's word. Left out are paper, disk and
network: sheets are shares in a dictionary, a log is a list, the target is a password. Every append, and both sides of
every change of the target, is a place at which a run may be cut off.
"""

import contextlib
import functools
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar
from unittest import mock

from breakglass_shamir.connectors.port.answers import Check, CheckResult, Preflight
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.crypto import keys, sshsig
from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.custody.credential import Credential
from breakglass_shamir.custody.life import lifecycle, retire_rules, standing
from breakglass_shamir.custody.life.gates import GATES, Request
from breakglass_shamir.custody.life.lineage import SuccessionProof
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.rules import epoch_of
from breakglass_shamir.custody.life.state import ROTATION, EpochStatus, LedgerState, PinnedTerminal, SetState
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.epochs import Issued, Recovered
from breakglass_shamir.custody.records.ledger import LedgerStarted, PolicyAdopted
from breakglass_shamir.custody.records.lineage import AttestedDead, Succession
from breakglass_shamir.custody.records.openings import ASK, Cancelled, Closed, Opened, Settled, UseEnded
from breakglass_shamir.custody.records.record import AnyBody, Record
from breakglass_shamir.custody.records.rotations import Abandoned, Countersigned, OldDead, Rejected
from breakglass_shamir.custody.records.sheets import Acknowledged, ReadBack
from breakglass_shamir.errors import BreakglassError, ConnectorError
from breakglass_shamir.formats.envelope import NO_PREDECESSOR, Checkpoint
from breakglass_shamir.formats.seal import Facts, Sealed, seal, unseal
from breakglass_shamir.formats.share import ReadShare
from breakglass_shamir.formats.structure import Group, Structure
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import clock
from breakglass_shamir.ledger.entry import Entry
from breakglass_shamir.ledger.signatures import signature_due
from breakglass_shamir.operations import targets
from breakglass_shamir.operations.credential import recombine, rotate
from breakglass_shamir.operations.credential.using import Use
from breakglass_shamir.operations.lineage import attest, links
from breakglass_shamir.operations.opening import opening
from breakglass_shamir.operations.opening.declaring import Overrides
from breakglass_shamir.operations.printing import sheets
from breakglass_shamir.operations.printing.sheets import Printing
from breakglass_shamir.operations.reading.sources import Sources
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.operations.rotation import rotation

NAME = "prod-db"
NAMES = ("north", "south", "west")
SEATS = ("1.1", "1.2", "1.3")
QUORUM = 2
OFFICERS = ("Duty", "Second")

SOURCE = """
name = "prod-db"
target = {uri = "ssh-key:///srv/key"}
quorum = {groups = [{threshold = 2, custodians = ["North", "South", "East"]}]}
declaration = {classes = ["idp-outage"]}
"""

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


class Anywhere(Printing):
    """A place for sheets that is no folder and no printer: what is printed here is carried in memory."""

    @property
    def has_place(self) -> bool:
        """There always is one."""
        return True


NOWHERE = Anywhere(acknowledged=SEATS[:QUORUM])


class Crash(BaseException):
    """The power fails."""


class Quiet:
    """People who hear everything and say nothing."""

    def __getattr__(self, _name: str) -> Callable[..., None]:
        return lambda *_args, **_more: None


def facts(number: int, predecessor: bytes, kind: Kind = Kind.LIVE) -> Facts:
    """Return what every envelope here says."""
    digest = policies.salted_digest(bytes(16), SOURCE)
    return Facts(kind, NAME, number, Structure(1, (Group(QUORUM, 3),)), digest, NO_CHECKPOINT, predecessor)


NO_CHECKPOINT = Checkpoint(bytes(8), 0, bytes(32))


@functools.cache
def drill() -> Sealed:
    """Return drill cards, the same for every epoch: nobody rehearses here."""
    return seal(facts(1, NO_PREDECESSOR, Kind.DRILL), Credential(Secret(b"drill")).to_bytes())


@functools.cache
def first() -> Sealed:
    """Return the first epoch; every life begins with it."""
    return seal(facts(1, NO_PREDECESSOR), Credential(Secret(b"the first one")).to_bytes())


def id_of(made: Sealed) -> str:
    return made.envelope.core.epoch_id.hex()


def secret_of(made: Sealed) -> bytes:
    opened = unseal(made.envelope.core, made.shares[:QUORUM])
    secret: bytes = Credential.from_bytes(opened.plaintext).secret.reveal()
    opened.wipe()
    return secret


class Log:
    """A terminal's ledger, in memory; what it refuses is refused by the rules themselves."""

    beside = None
    path = Path("/nowhere/ledger.sqlite")

    def __init__(self, terminal: "Terminal") -> None:
        self._terminal = terminal
        self._key = Secret(hashlib.sha256(terminal.name.encode()).digest())
        self.public_key = keys.ed25519_public(self._key)
        self.log_id = hashlib.sha256(self.public_key).digest()[:8]
        self.state = LedgerState()
        self.stored: list[Entry] = []

    def catch_up(self) -> LedgerState:
        return self.state

    def checkpoint(self) -> Checkpoint:
        return NO_CHECKPOINT

    def entries(self, start: int = 0) -> Iterator[Entry]:
        yield from self.stored[start:]

    def append(self, body: AnyBody, *, set_name: str = "", opening: str = "", set_key: Secret | None = None) -> Entry:
        before, now = self.state, self._terminal.now()
        previous = self.stored[-1].digest if self.stored else ""
        record = Record(
            v=1, log=self.log_id.hex(), seq=len(self.stored), previous=previous, root="", time=now.time, boot=now.boot,
            uptime_ms=now.uptime_ms, set=set_name, opening=opening, body=body,
        )  # fmt: skip
        data = record.to_bytes()
        after = lifecycle.apply(before, data, records.from_bytes(data))
        entry = Entry(data, record, self._sign(body, data), self._as_quorum(after, set_name, body, data, set_key), "")
        self.state = after
        self.stored.append(entry)
        self._terminal.saw(before, entry)
        return entry

    def _sign(self, body: AnyBody, data: bytes) -> str:
        return sshsig.sign(self._key, data, sshsig.RECORD_NAMESPACE) if isinstance(body, OldDead) else ""

    def _as_quorum(self, after: LedgerState, name: str, body: AnyBody, data: bytes, key: Secret | None) -> str:
        due = signature_due(after, name, body)
        if due is None:
            return ""
        assert key is not None, f"{body} needs a quorum"
        assert keys.ed25519_public(key) == due[0], f"another quorum signs {body}"
        return sshsig.sign(key, data, due[1]) if isinstance(body, Countersigned) else "signed"

    def copy(self, terminal: "Terminal") -> "Log":
        twin = Log(terminal)
        twin.state, twin.stored = self.state, list(self.stored)
        return twin


class Hand(Recorder):
    """Appends to a log in memory; the power may fail before and after."""

    def __init__(self, terminal: "Terminal") -> None:
        super().__init__(terminal.log, Quiet())  # type: ignore[arg-type]
        self.set_name = NAME
        self._world = terminal.world

    def append(self, body: AnyBody, *, set_key: Secret | None = None) -> Entry:
        self._world.burn(str(body.__struct_config__.tag))
        entry = super().append(body, set_key=set_key)
        self._world.burn()
        return entry


@dataclass(slots=True)
class Terminal:
    """One break-glass terminal."""

    world: "World"
    name: str
    skew_s: int = 0
    log: Log = field(init=False)
    superseded: set[str] = field(default_factory=set)
    """Every epoch that was ever known here to have a proven successor."""

    def __post_init__(self) -> None:
        self.log = Log(self)

    @property
    def set(self) -> SetState:
        return self.log.state.of(NAME)

    def now(self) -> Moment:
        self.world.seconds += 1
        at = BEGAN + timedelta(seconds=self.world.seconds + self.skew_s)
        return Moment(f"{at:%Y-%m-%dT%H:%M:%SZ}", "boot", self.world.seconds * 1000)

    def hand(self) -> Hand:
        return Hand(self)

    def copy(self, world: "World") -> "Terminal":
        twin = Terminal(world, self.name, self.skew_s)
        twin.log, twin.superseded = self.log.copy(twin), set(self.superseded)
        return twin

    def saw(self, before: LedgerState, entry: Entry) -> None:
        """Hold a record that was taken against what is true in this world."""
        was, body = before.sets.get(NAME), entry.record.body
        if was is None:
            return
        now = self.set
        if isinstance(body, Opened):
            self._opened(was, body, entry.record)
        if isinstance(body, Countersigned):
            self.world.vouched.add((now.epochs[body.epoch_id].predecessor, body.epoch_id))
        for link in now.links[len(was.links) :]:
            if link.proven:
                assert (link.predecessor, link.successor) in self.world.changes, "a proof of what never happened"
        self.superseded |= {link.predecessor for link in now.links if link.proven}
        self._paid(was, now, body)

    def _opened(self, was: SetState, body: Opened, record: Record) -> None:
        assert was.opening is not None
        assert len(set(body.sheets) & set(SEATS)) >= QUORUM
        passed = {debt.kind for debt in was.debts if debt.opening == record.opening}
        if body.epoch_id in self.superseded or standing.is_past(was, body.epoch_id):
            goes_on = was.forking == body.epoch_id and was.opening.declared.purpose == "rotation"
            assert "superseded" in passed or goes_on or body.mode == ASK, "superseded, and opened without its override"
        assert body.mode == ASK or self.set.rotation_debts
        self.world.uses.append((self.name, body.epoch_id))

    def _paid(self, was: SetState, now: SetState, body: AnyBody) -> None:
        """Hold that a rotation that is owed no more was settled by what may settle it."""
        owed = {epoch_of(now, debt) for debt in now.rotation_debts}
        for debt in was.rotation_debts:
            epoch_id = epoch_of(was, debt)
            if epoch_id in owed:
                continue
            match body:
                case OldDead() if body.old_epoch_id == epoch_id:
                    if not body.attested_by:
                        assert self.world.living != self.world.secrets[epoch_id], "proven dead, and it lives"
                case Succession() if body.predecessor == epoch_id:
                    assert body.level == "proven"
                    assert body.successor not in debt.despite
                    assert not self._logged_in_since_it_was_put_back(was, epoch_id), "settled, and it lives"
                case AttestedDead() if body.epoch_id == epoch_id:
                    assert was.epochs[epoch_id].answered != "accepted"
                case Abandoned() | Rejected() | Opened() | Succession():
                    assert now.epochs[epoch_id].status is EpochStatus.ABANDONED
                    assert self.world.secrets[epoch_id] not in self.world.lived, "given up, and it lived"
                case _:
                    raise AssertionError(f"a rotation was settled by {body}")

    def _logged_in_since_it_was_put_back(self, was: SetState, epoch_id: str) -> bool:
        """Tell whether this terminal saw a credential taken that lives again; only clocks that agree can say so."""
        world = self.world
        lives = world.put_back and world.living == world.secrets[epoch_id]
        agree = not any(one.skew_s for one in world.terminals.values())
        return lives and agree and was.epochs[epoch_id].accepted_at > world.put_back_at


class Target(Connector):
    """The one target: it has a password, and may be deaf, or fall silent in the middle."""

    scheme: ClassVar[str] = "ssh-key"
    grace_window_s: ClassVar[int] = 0
    settle_s: ClassVar[int] = 0
    probe_pause_s: ClassVar[float] = 0
    scope: ClassVar[str] = "this account"
    world: ClassVar["World"]

    def _preflight(self, new: Secret | None) -> Preflight:
        return Preflight((), (), None, self.scope)

    def _check(self, credential: Secret) -> Check:
        world = self.world
        assert world.asking is None or world.asking.set.active_opening.was_opened, "asked before the record"
        if world.deaf:
            return Check(CheckResult.UNKNOWN, "no answer")
        if credential.reveal() in (world.living, world.also):
            return Check(CheckResult.ACCEPTED, "logged in")
        return Check(CheckResult.REFUSED, "wrong password")

    def _rotate(self, old: Secret, new: Secret) -> None:
        world = self.world
        world.burn("change")
        fault, world.fault = world.fault, ""
        if fault == "before" or world.deaf:
            raise ConnectorError("the connection was lost")
        if old.reveal() != world.living:
            raise ConnectorError("wrong password")
        world.become(new.reveal())
        world.burn()
        if fault == "after":
            raise ConnectorError("the connection was lost")


@dataclass(slots=True)
class World:
    """Everything there is."""

    seconds: int = 0
    living: bytes = b""
    """The target's password."""

    lived: set[bytes] = field(default_factory=set)
    changes: set[tuple[str, str]] = field(default_factory=set)
    """Epochs between whose credentials the target really changed."""

    vouched: set[tuple[str, str]] = field(default_factory=set)
    """Epochs of which the first one's quorum really countersigned the second."""

    sealed: dict[str, Sealed] = field(default_factory=dict)
    """Every epoch whose sheets exist."""

    secrets: dict[str, bytes] = field(default_factory=dict)
    strangers: set[str] = field(default_factory=set)
    destroyed: set[str] = field(default_factory=set)
    """Epochs whose sheets are no more."""

    terminals: dict[str, Terminal] = field(default_factory=dict)
    uses: list[tuple[str, str]] = field(default_factory=list)
    also: bytes | None = None
    """A second password that the target takes beside the living one."""

    put_back: bool = False
    """Whether what lives was brought back from a backup: whoever then destroys its void sheets locks himself out."""

    put_back_at: str = ""

    asking: Terminal | None = None
    deaf: bool = False
    fault: str = ""
    """How the next change of the target loses its connection: ``before`` or ``after`` it."""

    fuse: int = -1
    """Places at which a run may be cut off that it still passes; negative: it is not."""

    stop: str = ""
    """Type of the record before which the power fails, or ``change``: before the target is changed."""

    def begin(self, pinned: set[tuple[str, str]], skews: tuple[int, ...] = (0, 0, 0)) -> None:
        """Let the first terminal issue the set, and the others learn it from its sheets."""
        made = first()
        self.print(made)
        self.become(secret_of(made))
        for name, skew_s in zip(NAMES, skews, strict=True):
            self.terminals[name] = Terminal(self, name, skew_s)
        for one in self.terminals.values():
            one.log.state = LedgerState(terminals=self._pins(one, pinned))
            start = LedgerStarted(terminal=one.name, public_key=sshsig.public_line(one.log.public_key, ""), software="")
            one.log.append(start)
            hand = one.hand()
            hand.append(PolicyAdopted(source=SOURCE, digest=policies.digest(SOURCE).hex()))
            if one.name == NAMES[0]:
                hand.append(issued(made, NO_PREDECESSOR, "accepted"))
                hand.append(ReadBack(epoch_id=id_of(made), sheets=SEATS))
            else:
                hand.append(recovered(made))

    def _pins(self, one: Terminal, pinned: set[tuple[str, str]]) -> dict[str, PinnedTerminal]:
        others = [other for other in self.terminals.values() if (one.name, other.name) in pinned]
        return {
            other.log.log_id.hex(): PinnedTerminal(other.name, sshsig.public_line(other.log.public_key, other.name))
            for other in others
        }

    def copy(self) -> "World":
        """Return a world that goes its own way from here."""
        twin = World(
            self.seconds, self.living, set(self.lived), set(self.changes), set(self.vouched), dict(self.sealed),
            dict(self.secrets), set(self.strangers), set(self.destroyed), {}, list(self.uses),
            put_back=self.put_back, put_back_at=self.put_back_at,
        )  # fmt: skip
        twin.terminals = {name: one.copy(twin) for name, one in self.terminals.items()}
        return twin

    # --- what happens in it ----------------------------------------------------------------------------------

    def burn(self, step: str = "") -> None:
        """Pass a place at which the power may fail; ``step`` names it."""
        if self.fuse == 0 or (step and step == self.stop):
            self.fuse, self.stop = -1, ""
            raise Crash
        self.fuse -= self.fuse > 0

    def print(self, made: Sealed) -> None:
        self.sealed[id_of(made)] = made
        self.secrets[id_of(made)] = secret_of(made)

    def become(self, secret: bytes) -> None:
        """Change the target's password."""
        by_secret = {value: epoch_id for epoch_id, value in self.secrets.items()}
        if self.living and secret in by_secret:
            self.changes.add((by_secret[self.living], by_secret[secret]))
        self.living, self.put_back = secret, False
        self.lived.add(secret)

    def restore(self, epoch_id: str) -> None:
        """Put the target back from a backup: an older password opens it again."""
        self.living, self.put_back = self.secrets[epoch_id], True
        self.put_back_at = f"{BEGAN + timedelta(seconds=self.seconds):%Y-%m-%dT%H:%M:%SZ}"

    def forge(self, predecessor: str, number: int) -> str:
        """Let a stranger print sheets that call themselves the successor of an epoch."""
        made = seal(
            facts(number, bytes.fromhex(predecessor)),
            Credential(Secret(b"stranger %d" % len(self.strangers))).to_bytes(),
        )
        self.print(made)
        self.strangers.add(id_of(made))
        return id_of(made)

    @property
    def alive(self) -> str:
        """The epoch whose credential opens the target."""
        return next(epoch_id for epoch_id, secret in self.secrets.items() if secret == self.living)

    # --- what people do --------------------------------------------------------------------------------------

    def emergency(self, name: str, brought: tuple[str, ...], passed: frozenset[str], *, prints: bool = True) -> str:
        """Open for an emergency, let the connector log in, and rotate; returns what is in the way, empty: nothing."""
        terminal = self.terminals[name]
        debts = tuple(debt.id for debt in terminal.set.debts)
        request = Request(
            "emergency", "idp-outage", "INC-1", f"outage at second {self.seconds}", OFFICERS, "no-reveal", 3600, debts
        )
        overrides = Overrides(passed, "the duty manager agreed" if passed else "")
        printing = NOWHERE if prints else None
        return self._run(
            terminal,
            lambda hand: recombine.recombine(hand, request, overrides, bring(brought), Use(), printing, NO_SCANNER),
        )

    def rotate(self, name: str, brought: tuple[str, ...], *, attests: bool = False) -> str:
        """Rotate, or go on with a rotation; where the old sheets are gone, on people's word."""
        return self._run(
            self.terminals[name],
            lambda hand: rotate.rotate(
                hand, bring(brought), NOWHERE, NO_SCANNER, reason="planned rotation", officers=OFFICERS, attest=attests
            ),
        )

    def proofs_of(self, name: str) -> tuple[SuccessionProof, ...]:
        """Return the proofs that a terminal gives away."""
        given = self.terminals[name]
        return links.collected_from(given.log.entries(), given.log.public_key, given.set)

    def carry(self, source: str, to: str) -> str:
        """Carry the proofs of one terminal to another; returns what was not taken."""
        return self.take(to, self.proofs_of(source))

    def take(self, name: str, proofs: tuple[SuccessionProof, ...]) -> str:
        """Take proofs on a terminal; returns why the first was not taken, empty where all were."""
        taken: list[links.Taken] = []
        said = self._run(self.terminals[name], lambda hand: taken.append(links.take(hand, proofs)))
        return said or next((str(one.error) for one in taken[0].refused), "")

    def destroy(self, name: str) -> None:
        """Destroy the sheets that a terminal says are to be destroyed."""
        for epoch, _ in retire_rules.to_destroy(self.terminals[name].set):
            if not (self.put_back and epoch.epoch_id == self.alive):
                self.destroyed.add(epoch.epoch_id)

    def at_hand(self) -> list[str]:
        """Return the epochs whose sheets can be brought."""
        return [epoch_id for epoch_id in self.sealed if epoch_id not in self.destroyed]

    def attest(self, name: str, epoch_id: str, *, brings: bool) -> str:
        """Let people vouch that an epoch's credential is dead; with its sheets the target is asked."""
        terminal = self.terminals[name]
        debt = next((one.id for one in terminal.set.rotation_debts if epoch_of(terminal.set, one) == epoch_id), "none")
        sources = bring((epoch_id,)) if brings else None
        return self._run(
            terminal,
            lambda hand: attest.attest(hand, debt, OFFICERS, "rotated by another terminal", sources, NO_SCANNER),
        )

    def end_use(self, name: str) -> None:
        """End whatever an interrupted run left under way, as ``close`` and ``cancel`` do."""
        under_way = self.terminals[name].set.opening
        hand = self.terminals[name].hand()
        if under_way is None:
            return
        hand.opening = under_way.id
        if not under_way.was_opened:
            hand.append(Cancelled(reason="nobody works on it any more"))
            return
        if not under_way.use_ended:
            hand.append(UseEnded(outcome="closed by the officers", classification="misuse"))
        if under_way.rotated:
            hand.append(Closed(classification="misuse"))

    def review(self, name: str) -> None:
        """Let people look at every check that was passed and every attestation: what lives after all is not dead."""
        hand = self.terminals[name].hand()
        for debt in self.terminals[name].set.debts:
            if debt.kind != ROTATION and epoch_of(hand.set_state, debt) != self.alive:
                hand.append(Settled(debt=debt.id, reason="it was looked at", officers=OFFICERS))

    def _run(self, terminal: Terminal, step: Callable[[Hand], Any]) -> str:
        self.asking = terminal
        try:
            step(terminal.hand())
        except BreakglassError as error:
            return f"{error.id}: {error}"
        except Crash:
            return "crashed"
        finally:
            self.asking, self.fuse, self.fault, self.stop = None, -1, "", ""
        return ""

    def settle(self, name: str) -> str:
        """Do what the program says until a terminal owes no rotation; returns what is in the way, empty: nothing is."""
        said = ""
        for _ in range(60):
            self.end_use(name)
            s = self.terminals[name].set
            if not (s.rotation_debts or s.applying or s.prepared):
                return ""
            said = self._next(name, s)
        return f"{said}; owed: {[debt.what for debt in self.terminals[name].set.rotation_debts]}"

    def _next(self, name: str, s: SetState) -> str:
        """Take the next step: what lives is rotated, what is not in force is vouched for."""
        everything = frozenset(GATES)
        shown = (f"{s.prepared}:{len(SEATS)}",) if s.source == self.alive and s.prepared in self.at_hand() else ()
        if s.applying and self.alive in (s.source, s.prepared) and not {s.source, s.prepared} & self.destroyed:
            return self.rotate(name, (s.source, s.prepared))
        if s.applying and self.alive == s.prepared:
            return self.rotate(name, (s.prepared,), attests=True)
        if self.alive != s.current or s.applying:
            return self.emergency(name, (self.alive, *shown), everything)
        owed = [epoch_of(s, debt) for debt in s.rotation_debts]
        others = [epoch_id for epoch_id in owed if epoch_id != s.current]
        if others and not (others[0] in self.destroyed and s.epochs[others[0]].answered == "accepted"):
            return self.attest(name, others[0], brings=others[0] not in self.destroyed)
        return self.rotate(name, (self.alive, *shown))


NO_SCANNER: Any = None

CLEAN = 17
"""Spare parity bytes of a share that was read without a repair."""


def bring(brought: tuple[str, ...]) -> Sources:
    """Lay quorums of epochs on the table, by their ids; ``ID:1`` is one sheet of it."""
    return Sources(typed=brought)


def issued(made: Sealed, predecessor: bytes, proven: str) -> Issued:
    policy = policies.parse(SOURCE)
    epoch = sheets.Epoch(policy, SOURCE, made, drill(), bytes(16), predecessor)
    return epoch.record(proven)


def recovered(made: Sealed) -> Recovered:
    body = issued(made, made.envelope.predecessor, "unproven")
    return Recovered(
        epoch=body.epoch, epoch_id=body.epoch_id, set_public_key=body.set_public_key, envelope=body.envelope,
        envelope_sha256=body.envelope_sha256, pinned=False,
    )  # fmt: skip


# --- what stands for paper, clock and network ----------------------------------------------------------------


def _read(world: World) -> Callable[..., None]:
    def read(pool: Any, sources: Sources, *_: object, **__: object) -> None:
        for brought in sources.typed:
            epoch_id, _colon, count = brought.partition(":")
            assert epoch_id not in world.destroyed, "these sheets are no more"
            made = world.sealed[epoch_id]
            for code in made.envelope.to_codes():
                pool.add(code)
            for share in made.shares[: int(count or QUORUM)]:
                pool.add_share(ReadShare(share, (), CLEAN))

    return read


def _seal(
    _policy: Any, _source: str, credential: Credential, _printed: Any, number: int, before: bytes
) -> sheets.Epoch:
    made = seal(facts(number, before), credential.to_bytes())
    return sheets.Epoch(policies.parse(SOURCE), SOURCE, made, drill(), bytes(16), before)


def _print(world: World) -> Callable[..., Any]:
    def put_out(epoch: sheets.Epoch, *_: object) -> Any:
        world.burn()
        world.print(epoch.live)
        world.burn()
        return SimpleNamespace(where="on the table", files=(), withdraw=lambda _desk: None)

    return put_out


_parse = functools.cache(policies.parse)
"""The policy is one and the same here, and read thousands of times."""


def _read_back(recorder: Recorder, epoch_id: str, *_: object) -> None:
    recorder.append(ReadBack(epoch_id=epoch_id, sheets=SEATS))


def _hand_out(recorder: Recorder, epoch_id: str, known: tuple[str, ...], _timeout_s: float) -> None:
    for seat in known or SEATS[:QUORUM]:
        if seat not in recorder.set_state.epochs[epoch_id].acknowledged:
            recorder.append(Acknowledged(epoch_id=epoch_id, sheet=seat, custodian="North", bag=""))


@contextlib.contextmanager
def living_in(world: World) -> Iterator[World]:
    """Run the program's use cases in a world."""
    here = Target("ssh-key:///srv/key")
    now = world.terminals[NAMES[0]].now if world.terminals else None
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.object(Target, "world", world, create=True))
        for owner, name, stand_in in (
            (targets, "connector_of", lambda *_: here),
            (targets, "endpoints_of", lambda *_: (here,)),
            (opening, "read_sources", _read(world)),
            (recombine, "read_sources", _read(world)),
            (rotation, "seal_epoch", _seal),
            (rotation, "print_epoch", _print(world)),
            (rotation, "read_back_folder", _read_back),
            (rotation, "wait_for_custodians", _hand_out),
            (clock, "now", lambda: _now(world, now)),
            (policies, "parse", _parse),
        ):
            stack.enter_context(mock.patch.object(owner, name, stand_in))
        yield world


def _now(world: World, otherwise: Callable[[], Moment] | None) -> Moment:
    if world.asking is not None:
        return world.asking.now()
    assert otherwise is not None
    return otherwise()
