# SPDX-License-Identifier: Apache-2.0
"""Which dead sheets of a heap show that a set was rotated by an earlier run."""

from pathlib import Path

from breakglass_shamir.custody.credential import Credential
from breakglass_shamir.custody.life.state import EpochStatus, LedgerState
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import home
from breakglass_shamir.operations.fleet.rotating import was_rotated_from
from breakglass_shamir.operations.printing.sheets import Epoch, seal_epoch
from breakglass_shamir.paper.reading.scan import ScannedCode, ScannedPage
from breakglass_shamir.structs import replace
from tests.unit.operations.fleet.issued import POLICY, issued


def page(*epochs: Epoch) -> ScannedPage:
    """Return a page with a quorum of each."""
    codes = [one.to_text() for epoch in epochs for one in epoch.live.shares]
    return ScannedPage("heap.pdf", tuple(ScannedCode(code, "plain") for code in codes), "")


def test_only_a_quorum_of_the_epoch_just_before_shows_it(tmp_path: Path) -> None:
    with home.create(tmp_path / "home", "office") as ledger:
        made = [issued(ledger)]
        state, s = ledger.state, ledger.state.of("build-key")
        (one,) = s.epochs.values()
        epochs = {one.epoch_id: replace(one, status=EpochStatus.VOID)}
        for number in (2, 3):
            before = made[-1].live.envelope.core.epoch_id
            sealed = seal_epoch(
                policies.parse(POLICY), POLICY, Credential(Secret(b"another")), ledger.checkpoint(), number, before
            )
            status = EpochStatus.VOID if number == 2 else EpochStatus.GOOD
            told = replace(one, number=number, envelope=sealed.live.envelope, predecessor=before.hex(), status=status)
            made.append(sealed)
            epochs[told.epoch_id] = told
        s = replace(s, epochs=epochs, current=told.epoch_id, prepared="")
        state = LedgerState(sets={"build-key": s}, terminals=state.terminals)
        oldest, previous, current = made
        assert was_rotated_from(state, s, [page(previous)])
        assert was_rotated_from(state, s, [page(current, previous)])
        assert not was_rotated_from(state, s, [page(oldest)])
        assert not was_rotated_from(state, s, [page(current, oldest)])
        assert not was_rotated_from(state, s, [page(current)])
