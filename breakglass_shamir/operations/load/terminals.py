# SPDX-License-Identifier: Apache-2.0
"""Terminals that are made for a load drill: homes with sets whose targets are nobody, and whose sheets do not exist.

Rules:

1. A set takes from the policy its structure, how it is declared, and the sinks that let load drills at them. Its target
   is one that no connector can reach; its people are invented.
2. Of its first epoch the live shares and the credential, which is random, are forgotten at once. Only drill cards are
   drawn, of one quorum.
3. What is recorded while it is made is told to nobody.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from breakglass_shamir.bounded import program as programs
from breakglass_shamir.connectors.ssh.keygen import find_program
from breakglass_shamir.crypto.keys import random_bytes
from breakglass_shamir.custody import names
from breakglass_shamir.custody.credential import Credential
from breakglass_shamir.custody.policy import sinks as sinks_of
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.sinks import AnySink
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.custody.records.ledger import PolicyAdopted
from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.formats.envelope import NO_PREDECESSOR
from breakglass_shamir.formats.seal import Sealed
from breakglass_shamir.formats.structure import Structure
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import durable, home
from breakglass_shamir.operations.printing.sheets import content_of, seal_epoch
from breakglass_shamir.paper.drawing.sheet import render

CLASS, TICKET = "load-drill", "LOAD-1"
"""The incident that is played."""

KEYGEN_S = 20.0
"""Longest time that making an officer's key may take."""

_UNREACHABLE = "manual:nowhere"
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Officers:
    """People who are invented for a load drill."""

    names: tuple[str, ...]
    keys: tuple[Path, ...]
    """Files of the private keys of those who sign; thrown away like everything else."""


@dataclass(frozen=True, slots=True)
class LoadSet:
    """A set that is made for a load drill."""

    name: str
    cards: tuple[Path, ...]
    """Drill cards of one quorum."""


@dataclass(frozen=True, slots=True)
class LoadTerminal:
    """A terminal that is made for a load drill."""

    home: Path
    sets: tuple[LoadSet, ...]
    begins: int
    """Number of the first record that is told."""

    public_key: bytes


def invent_officers(folder: Path, policy: Policy) -> Officers:
    """Make as many officers as the policy names, with a key for each that must sign.

    Raises:
        ConnectorError: ``ssh-keygen`` is not there, or made no key.
    """
    rules, keys = policy.declaration, []
    for number in range(1, rules.signatures + 1):
        path = names.inside(folder, f"officer-{number}")
        command = [
            find_program("ssh-keygen"),
            "-q",
            "-t",
            "ed25519",
            "-N",
            "",
            "-C",
            f"officer-{number}",
            "-f",
            str(path),
        ]
        made = programs.run(command, limit_s=KEYGEN_S, env={"PATH": os.defpath})
        if made.status != 0:
            raise ConnectorError(f"ssh-keygen made no key for a load drill: {made.complaint or made.why}")
        keys.append(path)
    people = range(1, max(rules.officers, rules.signatures) + 1)
    return Officers(tuple(f"invented officer {number}" for number in people), tuple(keys))


def make(
    folder: Path, drill: str, number: int, sets: int, policy: Policy, sinks: Sequence[AnySink], officers: Officers
) -> LoadTerminal:  # fmt: skip
    """Make one terminal with its sets.

    Args:
        folder: of the load drill.
        drill: its id.
        number: of the terminal, from 1.
        sets: how many it gets.
        policy: what the load drill goes by.
        sinks: where the sets' events go.
        officers: who declares and signs.

    Raises:
        LedgerUnwritable: there is no room.
    """
    place = names.inside(folder, f"terminal-{number}")
    with home.create(place, f"load drill {drill}, terminal {number}") as ledger:
        made = []
        for which in range(1, sets + 1):
            name = f"load-{number}-{which}"
            source = policy_text(name, policy, sinks, officers)
            own = policies.parse(source)
            with Secret(random_bytes(_SECRET_BYTES)) as secret:
                epoch = seal_epoch(own, source, Credential(secret), ledger.checkpoint(), 1, NO_PREDECESSOR)
            ledger.append(PolicyAdopted(source=source, digest=policies.digest(source).hex()), set_name=name)
            ledger.append(epoch.record("unproven"), set_name=name)
            made.append(LoadSet(name, _cards(folder, name, epoch.drill)))
        return LoadTerminal(place, tuple(made), ledger.size, ledger.public_key)


def policy_text(name: str, policy: Policy, sinks: Sequence[AnySink], officers: Officers) -> str:
    """Return the policy of a set that is made for a load drill."""
    rules, structure = policy.declaration, policy.structure
    groups = [
        {"threshold": group.threshold, "custodians": [f"nobody {place}.{seat}" for seat in range(1, group.members + 1)]}
        for place, group in enumerate(structure.groups, 1)
    ]
    lines = [
        f"name = {_toml(name)}",
        f"target = {_toml({'uri': _UNREACHABLE})}",
        f"quorum = {_toml({'group_threshold': structure.group_threshold, 'groups': groups})}",
        "[declaration]", f"classes = {_toml([CLASS])}", f"officers = {rules.officers}",
        f"signatures = {rules.signatures}", f"valid_for = {_toml(str(rules.valid_for))}",
    ]  # fmt: skip
    for person, key in zip(officers.names, officers.keys, strict=False):
        public = key.with_name(f"{key.name}.pub").read_text("ascii").strip()
        lines += ["[[officers]]", f"name = {_toml(person)}", f"keys = {_toml([public])}"]
    needs = policy.alerts.require_ack and bool(sinks)
    lines += ["[alerts]", f"budget = {_toml(str(policy.alerts.budget))}", f"require_ack = {_toml(needs)}"]
    for sink in sinks:
        told = {key: value for key, value in json.loads(sinks_of.to_json(sink)).items() if value is not None}
        lines += ["[[alerts.sinks]]", *(f"{key} = {_toml(value)}" for key, value in told.items())]
    return "\n".join([*lines, ""])


def _toml(value: Any) -> str:
    """Write a value as TOML. Texts of a policy have no control characters, so that JSON's form of them is one."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _cards(folder: Path, name: str, drill: Sealed) -> tuple[Path, ...]:
    """Draw the drill cards of one quorum."""
    wanted, found = _quorum(drill.envelope.core.structure), []
    for share in drill.shares:
        if (share.group, share.member) in wanted:
            content = content_of(
                drill.envelope, share, custodian="", belongs_to="load drill", printed_on=datetime.now(UTC).date()
            )
            path = names.inside(folder, f"{name}-g{share.group}-m{share.member}.pdf")
            durable.write_new(path, render(content, "a4"))
            found.append(path)
    return tuple(found)


def _quorum(structure: Structure) -> set[tuple[int, int]]:
    groups = list(enumerate(structure.groups, 1))[: structure.group_threshold]
    return {(place, seat) for place, group in groups for seat in range(1, group.threshold + 1)}
