# SPDX-License-Identifier: Apache-2.0
"""Two terminals with real ledgers that share a set, and what is recorded there as a rotation goes."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from breakglass_shamir.custody.life.state import SetState
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records.ledger import PolicyAdopted
from breakglass_shamir.custody.records.openings import Closed, UseEnded
from breakglass_shamir.custody.records.record import AnyBody
from breakglass_shamir.custody.records.rotations import Applying, Countersigned, OldDead
from breakglass_shamir.custody.records.sheets import Acknowledged, ReadBack, SheetVoided
from breakglass_shamir.formats.seal import Sealed
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import home
from breakglass_shamir.ledger.store import Ledger
from breakglass_shamir.operations.enrolment import exporting, importing
from breakglass_shamir.operations.recorder import Recorder
from tests.attacks.test_every_gate import Quiet
from tests.attacks.test_ledger_quorum_signature import SOURCE, deal, declared, id_of, issued, key_of, opened

NAME = "prod-db"
SEATS = ("1.1", "1.2", "1.3")


@dataclass
class Terminal:
    """A terminal with a real ledger."""

    folder: Path
    ledger: Ledger
    epochs: list[Sealed] = field(default_factory=list)
    """Of whose sheets a quorum can be had here."""

    @classmethod
    def begin(cls, folder: Path) -> "Terminal":
        return cls(folder, home.create(folder, folder.name))

    @property
    def recorder(self) -> Recorder:
        return Recorder(self.ledger, Quiet())  # type: ignore[arg-type]

    @property
    def log(self) -> str:
        return self.ledger.log_id.hex()

    @property
    def set(self) -> SetState:
        return self.ledger.state.of(NAME)

    @property
    def voided(self) -> dict[str, str]:
        return dict(self.set.current_epoch.voided)

    def kinds(self) -> list[str]:
        return [str(entry.record.body.__struct_config__.tag) for entry in self.ledger.entries()]

    def add(self, body: AnyBody, opening: str = "", key: Secret | None = None) -> Any:
        return self.ledger.append(body, set_name=NAME, opening=opening, set_key=key)

    def issue(self) -> None:
        """Issue the first epoch."""
        self.add(PolicyAdopted(source=SOURCE, digest=policies.digest(SOURCE).hex()))
        self.epochs.append(deal())
        self.add(issued(self.epochs[-1]))

    def open(self) -> str:
        """Open the newest epoch here; returns the opening's id."""
        opening: str = self.add(declared()).digest
        self.add(opened(self.epochs[-1]), opening, key_of(self.epochs[-1]))
        return opening

    def set_key(self) -> Secret:
        """Return what a quorum of the newest epoch here signs with."""
        return key_of(self.epochs[-1])

    def rotate(self) -> None:
        """Open, rotate, and see the old credential die."""
        old, opening = self.epochs[-1], self.open()
        new = deal(old.envelope.core.epoch + 1, old.envelope.core.epoch_id)
        old_id, new_id = id_of(old), id_of(new)
        self.add(issued(new), opening)
        vouched = Countersigned(epoch_id=new_id, envelope_sha256=new.envelope.digest.hex())
        self.add(vouched, opening, key_of(old))
        self.add(ReadBack(epoch_id=new_id, sheets=SEATS), opening)
        for sheet in SEATS:
            self.add(Acknowledged(epoch_id=new_id, sheet=sheet, custodian="North", bag=""), opening)
        self.add(UseEnded(outcome="done", classification="emergency"), opening)
        self.add(Applying(old_epoch_id=old_id, new_epoch_id=new_id), opening)
        self.add(OldDead(old_epoch_id=old_id, new_epoch_id=new_id, proofs=("refused",), scope="this file"), opening)
        self.add(Closed(classification="emergency"), opening)
        self.epochs.append(new)

    def void(self, sheet: str, reason: str = "left in a taxi by its custodian") -> None:
        self.add(SheetVoided(epoch_id=self.set.current, sheet=sheet, reason=reason))

    def pins(self, other: "Terminal") -> None:
        """Take what another terminal tells of the set, by a file whose fingerprint people compared."""
        file = other.folder / f"for-{self.folder.name}.json"
        file.unlink(missing_ok=True)
        made = exporting.export(other.recorder, [NAME], file)
        importing.take(self.recorder, file, fingerprint=made.fingerprint)
        self.epochs = list(other.epochs)
