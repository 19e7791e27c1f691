# SPDX-License-Identifier: Apache-2.0
"""The collector's side: its key, the terminals it knows, and its rounds."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from breakglass_shamir.collection import address, keeper, schema
from breakglass_shamir.collection.keeper import Collector, Round
from breakglass_shamir.crypto import keys, sshsig
from breakglass_shamir.crypto.cosignature import Cosigner
from breakglass_shamir.errors import ConnectorError, FileExists, InvalidInput, LedgerUnwritable, UnsupportedVersion
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import durable
from breakglass_shamir.ledger.entry import log_id
from breakglass_shamir.ledger.unreadable import unreadable

MAX_FILE_BYTES = 16 * 1024

ROUND_S = 3600
"""Longest round, in seconds: that of a collection that begins with long logs."""

PUBLIC_ENDING = ".pub"
"""Behind the name of a key's file: its public key's."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What became of a database (docs/json.md): its version before and after."""

    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A terminal that the collection knows (docs/json.md)."""

    log_id: str
    new: bool


@dataclass(frozen=True, slots=True)
class Made:
    """A collector's key that was made (docs/json.md): its file, and the public key that terminals pin."""

    file: Path
    public: str


def prepare(place: str) -> Prepared:
    """Make the schema of a collection, or bring it to this release's version."""
    with address.connected(place) as connection:
        return Prepared(*schema.migrate(connection))


def make_key(path: Path, name: str) -> Made:
    """Write a new collector's key, and its public key beside it.

    Raises:
        FileExists: one of the files is there.
        InvalidProof: the name is not a key name.
        LedgerUnwritable: they could not be written.
    """
    seed = Secret(keys.random_bytes(32))
    cosigner = Cosigner(name, keys.ed25519_public(seed))
    public = Cosigner.from_text(cosigner.to_text()).to_text()
    try:
        durable.write_new(path, keys.seed_to_pem(seed))
        durable.write_new(path.with_name(path.name + PUBLIC_ENDING), f"{public}\n".encode(), 0o644)
    except FileExistsError as error:
        raise FileExists(f"{error.filename or path} is there already", hint="choose another --out") from None
    except OSError as error:
        raise LedgerUnwritable(f"{path} could not be written: {error.strerror}") from error
    return Made(path, public)


def enrol(place: str, line: str) -> Enrolled:
    """Pin a terminal by its public key's line, ``ssh-ed25519 ...``."""
    key = sshsig.public_of_line(line.strip())
    with address.connected(place) as connection:
        _require_schema(schema.version(connection))
        return Enrolled(log_id(key).hex(), keeper.enrol(connection, key))


def rounds(
    place: str, key: Path, *, every_s: float, told: Callable[[Round], None], failed: Callable[[ConnectorError], None]
) -> Round:
    """Work through what is staged; again and again, where ``every_s`` is not 0. Returns what a single round did.

    An outage of the database ends a round and not the service; ``failed`` hears of it. A round that takes too long is
    ended, too; what it kept is kept.

    Raises:
        ConnectorError: of a single round, the database does not answer.
    """
    collector = _collector(key)
    while True:
        try:
            with address.connected(place, ROUND_S) as connection:
                _require_schema(schema.version(connection))
                found = keeper.collect(connection, collector)
            told(found)
            if not every_s:
                return found
        except ConnectorError as error:
            if not every_s:
                raise
            failed(error)
        time.sleep(every_s)


def _collector(path: Path) -> Collector:
    """Read the collector's key, and its name from the public key beside it."""
    try:
        seed = keys.seed_from_pem(durable.read_plain(path, MAX_FILE_BYTES))
        beside = path.with_name(path.name + PUBLIC_ENDING)
        cosigner = Cosigner.from_text(durable.read_plain(beside, MAX_FILE_BYTES).decode().removesuffix("\n"))
    except OSError as error:
        raise unreadable(path, error, hint="make one with: breakglass collect key") from None
    except UnicodeDecodeError:
        raise InvalidInput(f"{path} is no collector's key: it is no text") from None
    if cosigner.public != keys.ed25519_public(seed):
        raise InvalidInput(f"{beside} is not the public key of {path}")
    return Collector(cosigner.name, seed, lambda: int(time.time()))


def _require_schema(found: int) -> None:
    if found != len(schema.MIGRATIONS):
        raise UnsupportedVersion(
            f"the collection is of version {found}, expected {len(schema.MIGRATIONS)}",
            hint="bring it to this version with: breakglass collect init --to ADDRESS",
        )
