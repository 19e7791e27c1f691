# SPDX-License-Identifier: Apache-2.0
"""What a Redis or Valkey server keeps of an account, whether that outlives a restart, and what stands against a change.

Sources: "ACL", ``ACL GETUSER``, ``ACL SAVE``, ``CONFIG REWRITE``, ``ACL DRYRUN``, ``CLIENT LIST``, ``CLIENT KILL`` in
the documentation of Redis and of Valkey.
"""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass

from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.connectors.database_target import DatabaseTarget, Denied
from breakglass_shamir.connectors.redis.session import Session, pairs, text
from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.plural import counted

OLDEST_VERSION = 7
"""Before Redis 7 and Valkey 7.2 there is no ACL DRYRUN, and a password of the configuration file stands apart."""

SAVE_TO_ACL_FILE, SAVE_TO_CONFIGURATION = ("ACL", "SAVE"), ("CONFIG", "REWRITE")
"""How the accounts are made to outlive a restart: as the server was started."""

NOT_KEPT = (
    "nothing keeps this server's accounts: it was started without aclfile and without a configuration file, so that a "
    "restart would bring the old password back; set aclfile"
)

_PAUSE_S = 0.05


@dataclass(frozen=True, slots=True)
class Account:
    """What the server keeps of an account.

    Attributes:
        hashes: SHA-256 of each of its passwords, in hexadecimal, the oldest first.
        any_password: whether it is let in with any password (``nopass``).
    """

    hashes: tuple[str, ...]
    any_password: bool

    def doubts(self, secret: Secret) -> str:
        """Return why a login with this secret does not show that it is the one in force; empty if it does."""
        if self.any_password:
            return "the account is let in with any password (nopass)"
        if hash_of(secret) not in self.hashes:
            return "the server let the account in, and does not keep this password"
        if self.hashes[0] != hash_of(secret):
            return (
                "the server takes this password, but the account has one that is older: a change is not finished, or "
                "somebody gave it a second one"
            )
        return ""


def hash_of(secret: Secret) -> str:
    """Return what the server keeps of a password: SHA-256, in hexadecimal."""
    return hashlib.sha256(secret.reveal()).hexdigest()


def account_of(one: Session, name: str) -> Account:
    """Ask what the server keeps of an account.

    Raises:
        Denied: the account may not ask.
        Lost: no answer came.
        ConnectorError: what came is not understood.
    """
    found = pairs(one.ask("ACL", "GETUSER", name))
    flags, hashes = found.get("flags"), found.get("passwords")
    if not isinstance(flags, list) or not isinstance(hashes, list):
        raise ConnectorError(f"the server does not say what it keeps of the account {name}")
    return Account(tuple(map(text, hashes)), "nopass" in map(text, flags))


def saving(one: Session, about: Mapping[str, str]) -> tuple[str, ...]:
    """Return the command that makes the accounts outlive a restart; empty where nothing does.

    Raises:
        Denied: the account may not ask.
        Lost: no answer came.
    """
    if one.setting("aclfile"):
        return SAVE_TO_ACL_FILE
    return SAVE_TO_CONFIGURATION if about.get("config_file") else ()


def fixed_notes(target: DatabaseTarget) -> list[str]:
    """Say what holds of every server."""
    notes = [
        "connections that are open stay logged in until they are ended, which the rotation does unless told not to"
    ]
    if not target.tls.verify and not target.socket:
        notes.append("the connection is in the clear: whoever is on the way sees the password")
    return notes


def found(one: Session, name: str, secret: Secret) -> tuple[list[str], list[str]]:
    """Return problems and notes of an account that is logged in.

    Raises:
        Denied: the account may not ask.
        Lost: no answer came.
        ConnectorError: what came is not understood.
    """
    about, kept = one.about(), account_of(one, name)
    problems = [problem] if (problem := _too_old(about)) else []
    if doubts := kept.doubts(secret):
        problems.append(doubts)
    save = saving(one, about)
    if not save:
        problems.append(NOT_KEPT)
    needed = (("ACL", "SETUSER", name, "on"), save, ("MULTI",), ("EXEC",))
    problems += [_may_not(words) for words in needed if words and _may(one, name, words) is False]
    return problems, [*_other_passwords(kept), *_other_servers(about), *_cannot_end(one, name)]


def _may_not(words: tuple[str, ...]) -> str:
    return f"the account may not run {' '.join(words[:2])}, which the change needs"


def _may(one: Session, name: str, words: tuple[str, ...]) -> bool | None:
    """Tell whether an account may run a command; None where it may not ask that."""
    try:
        return bool(one.ask("ACL", "DRYRUN", name, *words) == "OK")
    except Denied:
        return None


def _too_old(about: Mapping[str, str]) -> str:
    version = about.get("redis_version", "")
    major = version.partition(".")[0]
    if major.isdecimal() and int(major) < OLDEST_VERSION:
        return f"the server is version {version}: expected {OLDEST_VERSION}.0 or later"
    return ""


def _other_passwords(kept: Account) -> list[str]:
    others = len(kept.hashes) - 1
    return [f"the account has {counted(others, 'more password')}, which this rotation ends"] if others > 0 else []


def _other_servers(about: Mapping[str, str]) -> list[str]:
    """Say which servers keep accounts of their own: no server sends its accounts to another one."""
    each = "each keeps accounts of its own, and the old password lives there until it is changed there, too"
    notes = []
    if about.get("role") == "slave":
        notes.append(f"this server is a replica of {about.get('master_host', 'another one')}: {each}")
    replicas = about.get("connected_slaves", "0")
    if replicas.isdecimal() and int(replicas):
        notes.append(f"this server has {counted(int(replicas), 'replica')}: {each}")
    if about.get("cluster_enabled") == "1":
        notes.append(f"this server is one node of a cluster: {each}")
    return notes


def _cannot_end(one: Session, name: str) -> list[str]:
    lacking = [
        " ".join(words[:2])
        for words in (("CLIENT", "LIST"), ("CLIENT", "KILL", "USER", name), ("CLIENT", "ID"))
        if _may(one, name, words) is False
    ]
    return [f"open connections cannot be ended: the account may not run {', '.join(lacking)}"] if lacking else []


def connections(listed: object) -> list[Mapping[str, str]]:
    """Read an answer to ``CLIENT LIST``: the words of each line, by name.

    Raises:
        ConnectorError: a line has no number or no account.
    """
    lines = text(listed).splitlines()
    read: list[Mapping[str, str]] = [
        dict(word.partition("=")[::2] for word in line.split(" ")) for line in lines if line
    ]
    if not read or not all(one.get("id", "").isdecimal() and "user" in one for one in read):
        raise ConnectorError("the server's list of connections cannot be read")
    return read


def others(one: Session, name: str) -> frozenset[str]:
    """Return the numbers of the account's connections, but not of the one that asks.

    Raises:
        Denied: the account may not ask.
        Lost: no answer came.
        ConnectorError: the list cannot be read.
    """
    mine = str(one.ask("CLIENT", "ID"))
    return frozenset(
        each["id"] for each in connections(one.ask("CLIENT", "LIST")) if each["user"] == name and each["id"] != mine
    )


def end_others(one: Session, name: str, limit_s: float) -> int:
    """End the account's connections but the one that asks, and see that they are gone; returns how many there were.

    Raises:
        Denied: the account may not do it.
        Lost: no answer came.
        ConnectorError: one is still there.
    """
    before, deadline = others(one, name), Deadline(limit_s)
    one.ask("CLIENT", "KILL", "USER", name, "SKIPME", "yes")
    while left := before & others(one, name):
        if deadline.over:
            raise ConnectorError(f"{counted(len(left), 'connection')} of the account did not end")
        time.sleep(_PAUSE_S)
    return len(before)
