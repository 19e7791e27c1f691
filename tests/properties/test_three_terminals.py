# SPDX-License-Identifier: Apache-2.0
"""The four promises with three terminals, one target, sheets that people carry, and power that fails anywhere.

What is true in the world (``three_terminals``) is held against every record while it is taken; what must hold at every
instant is below. At the end of each life, people do what the program says, and every rotation that is owed is settled.
"""

from collections import Counter
from typing import Any

import msgspec
from hypothesis import Phase as Stage
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from breakglass_shamir.crypto import keys, sshsig
from breakglass_shamir.custody.life import lifecycle, standing
from breakglass_shamir.custody.life.chain import chain_of
from breakglass_shamir.custody.life.gates import GATES
from breakglass_shamir.custody.life.lineage import SuccessionProof
from breakglass_shamir.custody.life.state import EpochStatus, LedgerState
from breakglass_shamir.formats.seal import Sealed
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations.lineage import showing
from breakglass_shamir.operations.monitoring import status
from tests.lengths import examples
from tests.properties.three_terminals import NAMES, World, living_in

PAIRS = [(one, other) for one in NAMES for other in NAMES if one != other]
EVERY_GATE = frozenset(GATES)
PASSED = frozenset(GATES) - {"superseded", "void", "epoch"}
"""What an emergency here passes in any case: none of it is about epochs."""

terminal = st.sampled_from(NAMES)
fuse = st.one_of(st.just(-1), st.integers(0, 60))
fault = st.sampled_from(["", "", "before", "after"])


def forgeries(one: SuccessionProof, other: SuccessionProof, made: Sealed) -> list[SuccessionProof]:
    """Return proofs as a stranger would like them: parts of two true ones, other sheets, keys of an own."""
    stranger = Secret(b"the key of a stranger's terminal"[:32])
    key = sshsig.public_line(keys.ed25519_public(stranger), "")
    envelope, successor = made.envelope.to_bytes(), made.envelope.core.epoch_id.hex()
    signed = sshsig.sign(stranger, one.old_dead, sshsig.RECORD_NAMESPACE)
    own = sshsig.sign(stranger, one.countersigned, sshsig.QUORUM_NAMESPACE)
    changes: list[dict[str, Any]] = [
        {"envelope": envelope, "successor": successor},
        {"predecessor": other.predecessor},
        {"successor": other.successor, "envelope": other.envelope},
        {"countersigned": b"", "countersignature": ""},
        {"old_dead": b"", "terminal_signature": "", "terminal_key": ""},
        {"old_dead": other.old_dead, "terminal_signature": other.terminal_signature},
        {"countersigned": other.countersigned, "countersignature": other.countersignature},
        {"terminal_signature": signed, "terminal_key": key},
        {"terminal_signature": signed},
        {"countersignature": own},
        {"countersigned": one.old_dead, "countersignature": own},
        {"old_dead": one.old_dead.replace(b'"attested_by":["Duty","Second"]', b'"attested_by":[]')},
        {"old_dead": one.old_dead[:-1], "countersigned": one.countersigned[1:]},
    ]
    return [msgspec.structs.replace(one, **change) for change in changes]


REACHED: Counter[str] = Counter()
"""Record types that lives held so far."""


class Lives(RuleBasedStateMachine):
    """One set on three terminals."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.steps = 0

    @initialize(
        pinned=st.sets(st.sampled_from(PAIRS), min_size=2),
        skews=st.one_of(st.just((0, 0, 0)), st.tuples(*[st.sampled_from([0, 0, -7200, 7200])] * 3)),
    )
    def begin(self, pinned: set[tuple[str, str]], skews: tuple[int, ...]) -> None:
        self.world.begin(pinned, skews)

    def some_epoch(self, data: st.DataObject, *, most_recent: bool = False) -> str:
        known = self.world.at_hand()[-4 if most_recent else 0 :]
        return known[data.draw(st.integers(0, len(known) - 1))]

    # --- what people do ----------------------------------------------------------------------------------

    @rule(name=terminal, fuse=fuse, fault=fault, prints=st.booleans(), deaf=st.booleans())
    def open_what_lives(self, name: str, fuse: int, fault: str, prints: bool, deaf: bool) -> None:
        self.emergency(name, (self.world.alive,), EVERY_GATE, fuse, fault, prints=prints, deaf=deaf)

    @rule(data=st.data(), name=terminal, fuse=fuse, fault=fault, passed=st.sampled_from([PASSED, EVERY_GATE]))
    def open_anything(self, data: st.DataObject, name: str, fuse: int, fault: str, passed: frozenset[str]) -> None:
        brought: tuple[str, ...] = (self.some_epoch(data),)
        if data.draw(st.booleans()):
            brought = (*brought, self.some_epoch(data))
        self.emergency(name, brought, passed, fuse, fault, prints=data.draw(st.booleans()))

    @rule(data=st.data(), name=terminal)
    def bring_too_few(self, data: st.DataObject, name: str) -> None:
        epoch_id, uses = self.some_epoch(data), len(self.world.uses)
        with living_in(self.world) as world:
            said = world.emergency(name, (f"{epoch_id}:1",), EVERY_GATE)
        assert said
        assert len(self.world.uses) == uses, "opened without a quorum"

    @rule(data=st.data(), name=terminal, fuse=fuse, fault=fault)
    def rotate_with_what_is_at_hand(self, data: st.DataObject, name: str, fuse: int, fault: str) -> None:
        brought = tuple(
            dict.fromkeys(self.some_epoch(data, most_recent=True) for _ in range(data.draw(st.integers(1, 3))))
        )
        self.rotate(name, brought, fuse, fault)

    @rule(name=terminal, fuse=fuse, fault=fault)
    def rotate_as_it_should_be(self, name: str, fuse: int, fault: str) -> None:
        s = self.world.terminals[name].set
        brought = [one for one in (s.source, s.prepared) if one and one not in self.world.destroyed]
        self.rotate(name, tuple(brought), fuse, fault)

    @rule(pair=st.sampled_from(PAIRS), fuse=st.one_of(st.just(-1), st.integers(0, 6)))
    def carry_proofs(self, pair: tuple[str, str], fuse: int) -> None:
        with living_in(self.world) as world:
            world.fuse = fuse
            assert "copied" not in world.carry(*pair)

    @rule(data=st.data(), pair=st.sampled_from(PAIRS))
    def carry_what_a_stranger_altered(self, data: st.DataObject, pair: tuple[str, str]) -> None:
        """Whatever is done to proofs on the way, none says more than what happened (``Terminal.saw``)."""
        with living_in(self.world) as world:
            proofs = world.proofs_of(pair[0])
            if not proofs:
                return
            one, other = (proofs[data.draw(st.integers(0, len(proofs) - 1))] for _ in range(2))
            altered = forgeries(one, other, world.sealed[self.some_epoch(data)])
            world.take(pair[1], (altered[data.draw(st.integers(0, len(altered) - 1))],))

    @rule(pair=st.sampled_from(PAIRS), goes_on=st.booleans())
    def overtake(self, pair: tuple[str, str], goes_on: bool) -> None:
        """One terminal rotates what lives; the other opens what it takes for the living one, and perhaps goes on."""
        with living_in(self.world) as world:
            world.emergency(pair[0], (world.alive,), EVERY_GATE)
            stale = world.terminals[pair[1]].set.current
            if stale not in world.destroyed:
                world.emergency(pair[1], (stale,), PASSED)
            if goes_on:
                world.emergency(pair[1], (world.alive,), EVERY_GATE)

    @rule(pair=st.sampled_from(PAIRS), known=st.booleans(), through=st.sampled_from(NAMES))
    def open_what_was_put_back(self, pair: tuple[str, str], known: bool, through: str) -> None:
        """One terminal rotates, the target is put back, the other opens the old one; then the proof comes, or again."""
        with living_in(self.world) as world:
            old = world.alive
            world.emergency(pair[0], (old,), EVERY_GATE)
            if known:
                world.carry(*pair)
            world.restore(old)
            world.emergency(pair[1], (old,), EVERY_GATE, prints=False)
            for source, to in ((pair[0], through), (through, pair[1]), pair):
                if source != to:
                    world.carry(source, to)

    @rule(data=st.data(), name=terminal, brings=st.booleans())
    def attest(self, data: st.DataObject, name: str, brings: bool) -> None:
        s = self.world.terminals[name].set
        owed = [debt.epoch_id for debt in s.rotation_debts if debt.epoch_id != s.current or data.draw(st.booleans())]
        epoch_id = owed[data.draw(st.integers(0, len(owed) - 1))] if owed else self.some_epoch(data)
        brings = brings and epoch_id not in self.world.destroyed
        with living_in(self.world) as world:
            world.attest(name, epoch_id, brings=brings)

    @rule(name=terminal, reviews=st.booleans())
    def end_use(self, name: str, reviews: bool) -> None:
        with living_in(self.world) as world:
            world.end_use(name)
            if reviews:
                world.review(name)

    # --- what happens to them ----------------------------------------------------------------------------

    @precondition(lambda self: len(self.world.strangers) < 3)
    @rule(data=st.data(), ahead=st.integers(1, 3))
    def stranger_prints(self, data: st.DataObject, ahead: int) -> None:
        known = list(self.world.sealed)
        before = known[data.draw(st.integers(0, len(known) - 1))]
        number = self.world.sealed[before].envelope.core.epoch + ahead
        self.world.forge(before, number)

    @precondition(lambda self: self.steps % 7 == 3)
    @rule(data=st.data())
    def target_is_put_back(self, data: st.DataObject) -> None:
        lived = [epoch_id for epoch_id in self.world.at_hand() if self.world.secrets[epoch_id] in self.world.lived]
        self.world.restore(lived[data.draw(st.integers(0, len(lived) - 1))])

    @precondition(lambda self: self.steps % 3 == 1)
    @rule(name=terminal)
    def void_sheets_are_destroyed(self, name: str) -> None:
        self.world.destroy(name)

    # --- the machinery -----------------------------------------------------------------------------------

    def emergency(
        self, name: str, brought: tuple[str, ...], passed: frozenset[str], fuse: int, fault: str, *, prints: bool,
        deaf: bool = False,
    ) -> None:  # fmt: skip
        with living_in(self.world) as world:
            world.fuse, world.fault, world.deaf = fuse, fault, deaf
            world.emergency(name, brought, passed, prints=prints)
            world.deaf = False

    def rotate(self, name: str, brought: tuple[str, ...], fuse: int, fault: str) -> None:
        with living_in(self.world) as world:
            world.fuse, world.fault = fuse, fault
            world.rotate(name, brought)

    # --- what always holds -------------------------------------------------------------------------------

    @invariant()
    def what_is_in_force_may_live_and_was_not_followed(self) -> None:
        self.steps += 1
        for one in self.world.terminals.values():
            s = one.set
            assert s.openable(s.current)
            assert s.epochs[s.current].status is EpochStatus.GOOD
            assert not one.superseded & {s.current, s.prepared}
            assert not standing.is_superseded(s, s.current)
            if s.prepared:
                assert s.epochs[s.prepared].predecessor == s.source
                assert s.epochs[s.prepared].status is EpochStatus.GOOD
            else:
                assert not s.applying

    @invariant()
    def the_sheets_of_what_lives_exist(self) -> None:
        assert not self.world.terminals or self.world.alive in self.world.at_hand(), "locked out"

    @invariant()
    def what_was_opened_and_may_live_is_owed_a_rotation(self) -> None:
        for one in self.world.terminals.values():
            owed = {debt.epoch_id for debt in one.set.rotation_debts}
            opened = {epoch_id for name, epoch_id in self.world.uses if name == one.name}
            for epoch_id in opened - owed:
                epoch = one.set.epochs[epoch_id]
                assert epoch.status is not EpochStatus.GOOD, "opened, it may live, and nothing is owed"

    @invariant()
    def the_chain_says_what_is_known(self) -> None:
        for one in self.world.terminals.values():
            s, chain = one.set, chain_of(one.set)
            numbers = chain.epochs
            line = [s.current_epoch]
            while len(line) < len(numbers):
                line.insert(0, s.epochs[line[0].predecessor])
                assert (line[0].epoch_id, line[1].epoch_id) in self.world.vouched
            if chain.whole:
                assert not line[0].recovered
                assert not line[0].predecessor
                followed = [link.predecessor for link in s.links]
                assert len({(link.predecessor, link.successor) for link in s.links}) == len(set(followed))
                assert {link.successor for link in s.links} <= {epoch.epoch_id for epoch in line}

    def read_status_and_lineage(self) -> None:
        for one in self.world.terminals.values():
            found = status.status_of(one.set, one.now())
            epoch = one.set.current_epoch
            doubted = bool((epoch.refused_at and not one.set.applying) or epoch.outlived_by)
            assert ("rotated elsewhere?" in " ".join(found.due)) == doubted
            assert showing.lines(showing.show(one.log.state, one.set.name))

    def teardown(self) -> None:
        self.read_status_and_lineage()
        for one in self.world.terminals.values():
            state = LedgerState(terminals=one.log.state.terminals)
            for entry in one.log.entries():
                REACHED[str(entry.record.body.__struct_config__.tag)] += 1
                state = lifecycle.apply(state, entry.data, entry.record)
            assert state == one.log.state
        for name in self.world.terminals:
            with living_in(self.world.copy()) as world:
                s = world.terminals[name].set
                owes = bool(s.rotation_debts or s.applying or s.prepared)
                assert world.settle(name) == ""
                assert not owes or world.alive == world.terminals[name].set.current


def test_three_terminals_keep_the_promises() -> None:
    """Thousands of steps; and a machine that never got anywhere would prove nothing."""
    REACHED.clear()
    run_state_machine_as_test(
        Lives,
        settings=settings(
            max_examples=examples(80),
            stateful_step_count=40,
            deadline=None,
            phases=(Stage.explicit, Stage.reuse, Stage.generate),  # shrinking such lives outlasts the test's time limit
        ),
    )
    assert {"succession", "attested-dead", "overridden", "old-dead", "recovered"} <= set(REACHED)
    assert sum(REACHED.values()) > 1000
