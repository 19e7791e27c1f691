# SPDX-License-Identifier: Apache-2.0
"""What records of the vectors say: the epochs, and a body of each type that one life has as another has it."""

import functools
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from dealt import Epoch
from made_logs import CUSTODIAN, OFFICERS, SEATS, SET, WEAKER, Log, deal, drill_of, encoded, id_of, line_of
from msgspec.structs import replace

from breakglass_shamir.crypto import sshsig
from breakglass_shamir.custody.life import recovery
from breakglass_shamir.custody.life.lineage import SuccessionProof
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records.arming import Arming
from breakglass_shamir.custody.records.drills import LoadDrilled
from breakglass_shamir.custody.records.epochs import Recovered, RecoveredCore, RecoveryImported
from breakglass_shamir.custody.records.ledger import LedgerStarted, PolicyAdopted
from breakglass_shamir.custody.records.lineage import Succession
from breakglass_shamir.custody.records.openings import Declared, InUse, OfficerSigned, Opened, Revealing, Settled
from breakglass_shamir.custody.records.retirement import RetiredAttested
from breakglass_shamir.custody.records.rotations import Countersigned
from breakglass_shamir.custody.records.sheets import Acknowledged, CustodianSigned, ReadBack

TWO = ("1.1", "1.2")


def load_drilled(**changes: Any) -> LoadDrilled:
    """Return what a load drill left that was over one of its limits."""
    fields: dict[str, Any] = {
        "policy_digest": "cd" * 32, "target": "", "terminals": 2, "at_once": 4, "rounds": 3, "done": 11, "failed": 1,
        "elapsed_ms": 61_000,
        "steps_ms": {
            "declared": (3, 4, 5, 8, 9, 15, 20, 41, 60), "quorum": (900, 950, 990, 1200, 1800, 2100, 2100, -1, -1),
        },
        "limits_ms": {"quorum": (1000, 0, 60_000)}, "alerts": {"siem": (24, 23, 1), "dead": (24, 0, 24)},
        "records": 60, "collected": -1, "result": "fail", "reasons": ("quorum: p50 is 1.2 s, the limit 1s",),
    }  # fmt: skip
    return LoadDrilled(**{**fields, **changes})


def armed(**changes: Any) -> Arming:
    """Return an arming of the account that is kept closed."""
    fields: dict[str, Any] = {
        "until": "2026-03-02T09:00:00Z", "authority": "the program /p", "why": "a use", "clock": "target",
        "ahead_s": -3,
    }  # fmt: skip
    return Arming(**{**fields, **changes})


def started(log: Log) -> LedgerStarted:
    """The first record; its key may have a comment."""
    return LedgerStarted(terminal=log.name, public_key=f"{line_of(log.key)} {log.name}", software="vectors 1")


def adopted(source: str) -> PolicyAdopted:
    """A policy."""
    return PolicyAdopted(source=source, digest=policies.digest(source).hex())


def declared(log: Log, purpose: str, set_name: str = SET, **changes: Any) -> Declared:
    """A declaration that passes every gate of the policy."""
    s = log.state.sets[set_name]
    fields: dict[str, Any] = {
        "purpose": purpose, "incident_class": "idp-outage", "ticket": "INC-1", "reason": "nobody can log in",
        "officers": ("Duty", "Second"), "valid_for_s": 1800, "use_for_s": 3600,
        "debts": tuple(debt.id for debt in s.debts), "supersedes": s.opening.id if s.opening else "",
        "policy_digest": s.policy_digest,
    }  # fmt: skip
    return Declared(**{**fields, **changes})


def officer_signed(log: Log, who: str = "Duty", **changes: Any) -> OfficerSigned:
    """An officer's signature of the declaration under way."""
    data, key = log.state.of(SET).active_opening.data, OFFICERS[who]
    fields = {
        "officer": who, "key": line_of(key), "signature": sshsig.sign(key, data, sshsig.OFFICER_NAMESPACE),
    }  # fmt: skip
    return OfficerSigned(**{**fields, **changes})


def custodian_signed(epoch: Epoch, data: bytes, **changes: Any) -> CustodianSigned:
    """North's signature of an acknowledgement."""
    fields = {
        "epoch_id": id_of(epoch), "sheet": "1.1", "custodian": "North", "acknowledged": recovery.digest(data),
        "key": line_of(CUSTODIAN), "signature": sshsig.sign(CUSTODIAN, data, sshsig.CUSTODIAN_NAMESPACE),
    }  # fmt: skip
    return CustodianSigned(**{**fields, **changes})


def opened(epoch: Epoch, mode: str = "show", **changes: Any) -> Opened:
    """A quorum's opening."""
    fields: dict[str, Any] = {
        "epoch_id": id_of(epoch), "sheets": TWO, "mode": mode, "program": "", "witnessed": "consistent", "pinned": True,
    }  # fmt: skip
    return Opened(**{**fields, **changes})


def in_use() -> InUse:
    """The reveal began."""
    return InUse()


def revealing(mode: str = "show") -> Revealing:
    """The credential leaves once more."""
    return Revealing(mode=mode, program="", warned=())


def settled(debt: str) -> Settled:
    """People looked at a debt."""
    return Settled(debt=debt, reason="looked at", officers=("Duty",))


def retired_of_people(credential: str) -> RetiredAttested:
    """Two officers take the set out of service."""
    return RetiredAttested(reason="the account is gone", credential=credential, attested_by=("Duty", "Second"))


def recovery_of(epoch: Epoch, /, **changes: Any) -> str:
    """The text of a recovery record."""
    envelope = epoch.sealed.envelope
    fields = {
        "v": 1, "type": "recovery", "set": envelope.set_name, "epoch": epoch.core.epoch, "epoch_id": id_of(epoch),
        "set_public_key": envelope.set_public_key.hex(), "envelope_sha256": envelope.digest.hex(),
        "sheets": list(TWO), "officers": ["Duty", "Zoë"], "ticket": "INC-2", "reason": "the \"old\" site\\ burned",
        "time": "2026-03-01T07:00:00Z", "tool": "recover.py 1",
    }  # fmt: skip
    whole = {key: value for key, value in {**fields, **changes}.items() if value is not None}
    return json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def imported(epoch: Epoch, source: str, **changes: Any) -> RecoveryImported:
    """A recovery record, imported."""
    fields = {
        "epoch_id": id_of(epoch), "status": "good", "source": source, "sha256": recovery.digest(source.encode()),
        "signature": sshsig.sign(epoch.seed, source.encode(), recovery.NAMESPACE),
    }  # fmt: skip
    return RecoveryImported(**{**fields, **changes})


def printed(add: Callable[..., str], epoch: Epoch) -> None:
    """Read every sheet back, and have two taken."""
    add(ReadBack(epoch_id=id_of(epoch), sheets=SEATS))
    for sheet, name in zip(TWO, ("North", "South"), strict=True):
        add(Acknowledged(epoch_id=id_of(epoch), sheet=sheet, custodian=name, bag=f"B-{epoch.core.epoch}{sheet[-1]}"))


def countersigned(epoch: Epoch) -> Countersigned:
    """The old quorum's word for a new envelope."""
    return Countersigned(epoch_id=id_of(epoch), envelope_sha256=epoch.sealed.envelope.digest.hex())


@functools.cache
def epochs() -> SimpleNamespace:
    """Every epoch of these lives."""
    one = deal("one", 1)
    two = deal("two", 2, one)
    three = deal("three", 3, two)
    bare = deal("bare", 4, set_name="bare", source="")
    twice = deal("twice", 1, set_name="twice", source="")
    return SimpleNamespace(
        one=one, two=two, three=three, four=deal("four", 4, two, source=WEAKER), cards=drill_of("one", 1),
        cards2=drill_of("two", 2), cards3=drill_of("three", 3), cards4=drill_of("four", 4, source=WEAKER),
        typed=deal("typed", 7, set_name="typed", source=""), bare=bare,
        bare_next=deal("bare next", 5, bare, set_name="bare", source=""), other=deal("other", 9),
        cards9=drill_of("other", 9),
        twice=twice,
        twice_next=deal("twice next", 2, twice, set_name="twice", source=""),
    )  # fmt: skip


def first_of(whole: Log, size: int) -> Log:
    """Return a log as it was with so many records; a minute later."""
    log = Log(whole.name)
    log.rows, log.leaves, log.states = whole.rows[:size], whole.leaves[:size], whole.states[:size]
    log.at = replace(whole.at, time=json.loads(whole.rows[size - 1]["record"])["time"])
    log.pass_time()
    return log


def recovered(epoch: Epoch, **changes: Any) -> Recovered:
    """An epoch that was learned from its sheets."""
    envelope = epoch.sealed.envelope
    fields: dict[str, Any] = {
        "epoch": epoch.core.epoch, "epoch_id": id_of(epoch), "set_public_key": envelope.set_public_key.hex(),
        "envelope": encoded(envelope.to_bytes()), "envelope_sha256": envelope.digest.hex(), "pinned": False,
    }  # fmt: skip
    return Recovered(**{**fields, **changes})


def recovered_core(epoch: Epoch, **changes: Any) -> RecoveredCore:
    """An epoch whose core was typed."""
    fields: dict[str, Any] = {
        "epoch": epoch.core.epoch, "epoch_id": id_of(epoch),
        "set_public_key": epoch.sealed.envelope.set_public_key.hex(), "core": encoded(epoch.core.to_bytes()),
    }  # fmt: skip
    return RecoveredCore(**{**fields, **changes})


def record_of(log: Log, kind: str) -> tuple[bytes, str, str]:
    """Return the last record of a type in a log: its bytes, the terminal's and the quorum's signature."""
    row = next(row for row in reversed(log.rows) if f'"type":"{kind}"' in row["record"])
    return row["record"].encode(), row["signature"], row.get("quorum", "")


def proof_of(log: Log, old: Epoch, new: Epoch, **changes: Any) -> SuccessionProof:
    """Return what a log proves of two epochs."""
    vouched, dead = record_of(log, "countersigned"), record_of(log, "old-dead")
    fields: dict[str, Any] = {
        "set": old.sealed.envelope.set_name, "predecessor": id_of(old), "successor": id_of(new),
        "envelope": new.sealed.envelope.to_bytes(), "countersigned": vouched[0], "countersignature": vouched[2],
        "old_dead": dead[0], "terminal_signature": dead[1], "terminal_key": line_of(log.key),
    }  # fmt: skip
    return SuccessionProof(**{**fields, **changes})


def succession(proof: SuccessionProof, **changes: Any) -> Succession:
    """Return the record of a proof."""
    dead: dict[str, Any] = json.loads(proof.old_dead) if proof.old_dead else {"log": "", "body": {"attested_by": []}}
    attested = tuple(dead["body"]["attested_by"])
    fields: dict[str, Any] = {
        "predecessor": proof.predecessor, "successor": proof.successor, "envelope": encoded(proof.envelope),
        "countersigned": encoded(proof.countersigned), "countersignature": proof.countersignature,
        "old_dead": encoded(proof.old_dead), "terminal_signature": proof.terminal_signature,
        "terminal": dead["log"], "terminal_key": proof.terminal_key, "level": "attested" if attested else "proven",
        "attested_by": attested,
    }  # fmt: skip
    return Succession(**{**fields, **changes})
