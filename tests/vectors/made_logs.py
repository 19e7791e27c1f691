# SPDX-License-Identifier: Apache-2.0
"""Logs in memory, from keys and a clock that everybody knows: what the vectors of the records are made of.

Rules:

1. Every key is SHA-256 of a label that says that it is public. Nothing here may ever be used.
2. A log takes what may follow. What may not is made by :meth:`Log.row` and stands in no log.
"""

import base64
import contextlib
import difflib
import hashlib
import itertools
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec
import rfc8785
from dealt import Epoch, Vector, make_epoch

from breakglass_shamir.crypto import keys, merkle, sshsig
from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.crypto.note import Checkpoint, sign_note
from breakglass_shamir.custody.credential import Credential
from breakglass_shamir.custody.life import lifecycle
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.state import LedgerState
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.drills import Rehearsed
from breakglass_shamir.custody.records.epochs import Issued
from breakglass_shamir.custody.records.record import AnyBody, Record
from breakglass_shamir.formats.structure import Group, Structure
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import clock
from breakglass_shamir.ledger.entry import Entry, log_id, origin
from breakglass_shamir.ledger.store import Ledger

SET = "prod-db"
SALT = bytes(range(16))
SEATS = ("1.1", "1.2", "1.3")
PEOPLE = ("North", "South", "East")
BEGAN = datetime(2026, 3, 1, 8, tzinfo=UTC)
STRUCTURE = Structure(1, (Group(2, 3),))
STEP_S = 60


def public_test_key(label: str) -> Secret:
    """Return the seed of a key that everybody knows."""
    return Secret(hashlib.sha256(b"breakglass-shamir public test key: " + label.encode()).digest())


def line_of(seed: Secret) -> str:
    """Return the public half as one line without a comment."""
    return sshsig.public_line(keys.ed25519_public(seed), "")


OFFICERS = {name: public_test_key(f"officer {name}") for name in ("Duty", "Second")}
CUSTODIAN = public_test_key("custodian North")

POLICY = f"""\
# The set of the vectors.
name = "{SET}"
belongs_to = "Example Ltd"

[target]
uri = "ssh-key:///srv/key"

[quorum]
groups = [{{threshold = 2, custodians = ["North", "South", "East"]}}]

[[custodians]]
name = "North"
keys = ["{line_of(CUSTODIAN)} north"]

[[officers]]
name = "Duty"
keys = ["{line_of(OFFICERS["Duty"])} duty"]
valid_from = 2020-01-01
valid_until = "2999-12-31"

[[officers]]
name = "Second"
keys = ["{line_of(OFFICERS["Second"])}"]

[declaration]
classes = ["idp-outage", "network-outage"]
ticket = "INC-[0-9]+"
signatures = 1

[rotation]
deadline = "2h"
"""

KEPT = "kept-closed"

CLOSED = f"""\
name = "{KEPT}"
target = {{uri = "postgresql://db.example", account = "bg"}}
quorum = {{groups = [{{threshold = 2, custodians = ["North", "South", "East"]}}]}}
declaration = {{classes = ["idp-outage"]}}
arming = {{authority = "program", second_set = "open", program = "/p"}}
"""
"""Of an account that is kept closed."""

WEAKER = POLICY.replace('deadline = "2h"', 'deadline = "90m"\nmax_age = "500d"').replace("signatures = 1\n", "")


def deal(name: str, number: int, predecessor: Epoch | None = None, **more: Any) -> Epoch:
    """Seal an epoch of the set, from the stream of its name."""
    source = more.pop("source", POLICY)
    before = predecessor.core.epoch_id if predecessor else bytes(8)
    return make_epoch(
        f"records: {name}", more.pop("structure", STRUCTURE), Credential(Secret(b"correct horse")), number=number,
        predecessor=before, policy_digest=policies.salted_digest(SALT, source), **more,
    )  # fmt: skip


def id_of(epoch: Epoch) -> str:
    """Return an epoch's id as records write it."""
    return epoch.core.epoch_id.hex()


def encoded(data: bytes) -> str:
    """Return base64."""
    return base64.b64encode(data).decode()


def issued(live: Epoch, drill: Epoch, source: str = POLICY, people: tuple[str, ...] = PEOPLE, **changes: Any) -> Issued:
    """Return what a terminal records of an epoch that it printed."""
    envelope, cards = live.sealed.envelope, drill.sealed.envelope
    before = "" if envelope.predecessor == bytes(8) else envelope.predecessor.hex()
    seats = [f"{group}.{member}" for group, member in live.core.structure.seats()]
    fields = {
        "epoch": live.core.epoch, "epoch_id": id_of(live), "predecessor": before,
        "set_public_key": envelope.set_public_key.hex(), "envelope": encoded(envelope.to_bytes()),
        "envelope_sha256": envelope.digest.hex(), "drill_envelope": encoded(cards.to_bytes()),
        "drill_set_public_key": cards.set_public_key.hex(), "custodians": dict(zip(seats, people, strict=True)),
        "policy_digest": policies.digest(source).hex(), "policy_salt": SALT.hex(), "proven": "unproven",
    }  # fmt: skip
    return Issued(**{**fields, **changes})


class Log:
    """One terminal's log."""

    def __init__(self, name: str, began: datetime = BEGAN) -> None:
        self.name = name
        self.key = public_test_key(f"terminal {name}")
        self.public_key = keys.ed25519_public(self.key)
        self.log_id, self.origin = log_id(self.public_key).hex(), origin(self.public_key)
        self.rows: list[Vector] = []
        self.leaves: list[bytes] = []
        self.states: list[LedgerState] = []
        self.at = Moment(f"{began:%Y-%m-%dT%H:%M:%SZ}", hashlib.sha256(name.encode()).hexdigest()[:16], 1_000_000)

    @property
    def state(self) -> LedgerState:
        """What the records so far add up to."""
        return self.states[-1] if self.states else LedgerState()

    @property
    def size(self) -> int:
        """Records so far."""
        return len(self.rows)

    def root(self, size: int | None = None) -> bytes:
        """Return the tree's root over the first records."""
        return merkle.root_of(self.leaves[:size])

    def data(self, seq: int) -> bytes:
        """Return a record's bytes."""
        found: bytes = self.rows[seq]["record"].encode()
        return found

    def tree(self, body: AnyBody, set_name: str = SET, opening: str = "", **changes: Any) -> Vector:
        """Return the next record as builtins, with single fields as they must not be."""
        made = Record(
            v=1, log=self.log_id, seq=self.size, previous=records.digest(self.data(-1)) if self.rows else "",
            root=self.root().hex(), time=self.at.time, boot=self.at.boot, uptime_ms=self.at.uptime_ms, set=set_name,
            opening=opening, body=body,
        )  # fmt: skip
        return {**msgspec.to_builtins(made), **changes}

    def row(
        self, tree: Mapping[str, Any] | bytes, *, set_key: Secret | None = None, namespace: str = "", **note: Any
    ) -> Vector:
        """Return a record with its signatures and checkpoint, whether it may follow or not.

        Args:
            tree: of the record, or its bytes.
            set_key: signs besides.
            namespace: of that signature.
            note: what the checkpoint says otherwise: ``origin``, ``size``, ``root``; ``key`` that signs it.
        """
        data = tree if isinstance(tree, bytes) else rfc8785.dumps(dict(tree))
        root = merkle.root_of([*self.leaves, merkle.leaf_hash(data)])
        name = note.get("origin", self.origin)
        head = Checkpoint(name, note.get("size", self.size + 1), note.get("root", root))
        made = {"record": data.decode(), "signature": sshsig.sign(self.key, data, sshsig.RECORD_NAMESPACE)}
        if set_key is not None:
            made["quorum"] = sshsig.sign(set_key, data, namespace or sshsig.QUORUM_NAMESPACE)
        return {**made, "checkpoint": sign_note(head.to_text(), name, note.get("key", self.key))}

    def pass_time(self, seconds: float = STEP_S, *, wall: float | None = None, boot: str = "") -> None:
        """Let time pass: by uptime, and by the wall clock as much unless said otherwise."""
        moved = datetime.fromisoformat(self.at.time) + timedelta(seconds=seconds if wall is None else wall)
        uptime = (0 if boot else self.at.uptime_ms) + int(seconds * 1000)
        self.at = Moment(f"{moved:%Y-%m-%dT%H:%M:%SZ}", boot or self.at.boot, uptime)

    def add(self, body: AnyBody, set_name: str = SET, opening: str = "", set_key: Secret | None = None) -> str:
        """Add a record that may follow; returns its SHA-256."""
        tree = self.tree(body, set_name, opening)
        namespace = sshsig.DRILL_NAMESPACE if isinstance(body, Rehearsed) else sshsig.QUORUM_NAMESPACE
        row = self.row(tree, set_key=set_key, namespace=namespace)
        data = row["record"].encode()
        self.states.append(lifecycle.apply(self.state, data, records.from_bytes(data)))
        self.rows.append(row)
        self.leaves.append(merkle.leaf_hash(data))
        self.pass_time()
        return records.digest(data)

    def path(self, index: int, size: int) -> list[bytes]:
        """Return an inclusion proof."""
        return merkle.inclusion_proof(index, size, self.node)

    def node(self, level: int, index: int) -> bytes:
        """Return a node of the tree."""
        return merkle.root_of(self.leaves[index << level : (index + 1) << level])

    @contextlib.contextmanager
    def stored(self, folder: Path) -> Iterator[Ledger]:
        """Lay the log into a ledger of the program, whose clock stands where this one does."""
        with stored(folder, Secret(self.key.reveal()), self.rows) as ledger, mock.patch.object(clock, "now", self._now):
            yield ledger

    def _now(self) -> Moment:
        return self.at


@contextlib.contextmanager
def stored(folder: Path, key: Secret, rows: list[Vector]) -> Iterator[Ledger]:
    """Lay rows into a ledger of the program, whatever they say."""
    with Ledger.create(folder / "vectors.sqlite", key) as ledger:
        with ledger.transaction():
            for row in rows:
                data = row["record"].encode()
                entry = Entry(data, records.parse(data), row["signature"], row.get("quorum", ""), row["checkpoint"])
                ledger._insert(entry)
                ledger._advance(data, entry.record)
        yield ledger


def edits(text: str, base: str) -> list[list[Any]]:
    """Return what makes one text of another: offset in the base, length, what stands there instead; in order."""
    pieces: list[list[str]] = [re.findall(r"[^\"\\\n]+|.", one, re.DOTALL) for one in (base, text)]
    places = [0, *itertools.accumulate(map(len, pieces[0]))]
    found = difflib.SequenceMatcher(None, pieces[0], pieces[1], autojunk=False).get_opcodes()
    return [
        [places[start], places[end] - places[start], "".join(pieces[1][first:last])]
        for kind, start, end, first, last in found
        if kind != "equal"
    ]


def edited(base: str, changes: list[list[Any]]) -> str:
    """Undo :func:`edits`."""
    for at, length, instead in reversed(changes):
        base = base[:at] + instead + base[at + length :]
    return base


def like(text: str, name: str, base: str) -> Vector:
    """Write a text down as what was done to that of another vector."""
    found = edits(text, base)
    assert edited(base, found) == text
    return {"from": name, "edits": found}


def drill_of(name: str, number: int, **more: Any) -> Epoch:
    """Seal the drill cards of an epoch."""
    return deal(f"{name}, drill", number, kind=Kind.DRILL, **more)
