# SPDX-License-Identifier: Apache-2.0
"""Make a kit: check the wheels, write every file, sign the checksums, and only then give the folder its name.

Rules:

1. Nothing is written before the wheels are checked. The folder is made beside its place, flushed to disk, found again,
   and renamed: a half of a kit never has its name.
2. ``SHA256SUMS`` names every other file but its signature, which the terminal's key makes
   (docs/spec/13-kit.md). The same version, wheels and terminal give the same bytes.
3. It may lie on a stick with FAT: plain names, no links, and modes only where the file system has them. Elsewhere
   everybody may read it.
4. Of the home it takes the public key and that signature. No record, set, custodian or place is in it.
"""

import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from breakglass_shamir.crypto import sshsig
from breakglass_shamir.custody import names
from breakglass_shamir.errors import FileExists, InvalidInput, LedgerUnwritable
from breakglass_shamir.ledger import durable, statements
from breakglass_shamir.ledger.store import Ledger
from breakglass_shamir.operations.kit import documents, readme, wheelhouse, wheels
from breakglass_shamir.operations.kit.wheelhouse import PINS, Wheelhouse
from breakglass_shamir.operations.kit.wheels import Fits, Wheel
from breakglass_shamir.operations.printing import recovery_files
from breakglass_shamir.shell import operand
from breakglass_shamir.version import __version__

SUMS = "SHA256SUMS"
SIGNATURE = f"{SUMS}.sig"
SIGNERS = "allowed_signers"
KEY = "terminal.pub"
WHEELS = "wheels"

PRINCIPAL = "terminal"
"""As whom ``ssh-keygen`` looks for the terminal's key."""

DEFAULT_WHEELHOUSE = Path("dist") / "wheelhouse"
"""Where ``make kit-wheels`` puts wheels."""


@dataclass(frozen=True, slots=True)
class Made:
    """A kit that was written (docs/json.md).

    Attributes:
        out: the folder.
        files: every file in it, by its path in the folder.
        total_bytes: of all of them.
        wheels: what can be installed from it.
        fits: on which machines.
        recovery: SHA-256 of each recovery file, hexadecimal, as sheets of this version print it.
        terminal_key: fingerprint of the key that signed.
        sums_sha256: SHA-256 of the checksums, hexadecimal; to be written down elsewhere.
    """

    out: Path
    files: tuple[str, ...]
    total_bytes: int
    wheels: tuple[Wheel, ...]
    fits: Fits
    recovery: dict[str, str]
    terminal_key: str
    sums_sha256: str


@dataclass(slots=True)
class _Written:
    """What a folder holds so far."""

    sums: dict[str, bytes]
    total: int = 0


def make(ledger: Ledger, out: Path, wheels_at: Path) -> Made:
    """Write a kit to a new folder.

    Args:
        ledger: of the terminal that signs.
        out: the folder; it must not exist, or be empty.
        wheels_at: a wheelhouse.

    Raises:
        WheelhouseError: there are no wheels, or they are not what is pinned.
        FileExists: the folder has files in it.
        InvalidInput: the place is none for a folder.
        LedgerUnwritable: a file could not be read or written.
    """
    place = _place(out)
    try:
        recovery = {name: recovery_files.content(name) for name in (recovery_files.PROGRAM, recovery_files.PAGE)}
        found = wheelhouse.check(wheels_at, recovery)
        fits = wheels.fits(found.wheels)
        small = _small_files(ledger, found, fits, recovery)
        durable.make_folder(place.parent)
        folder = names.inside(place.parent, names.unfinished(secrets.randbits(64)))
        written, sums = _write(ledger, folder, place, small, found)
    except OSError as error:
        raise LedgerUnwritable(f"the kit {out} could not be made: {error.strerror}") from error
    return Made(
        out, tuple(sorted(written.sums)), written.total, found.wheels, fits,
        {name: hashlib.sha256(data).hexdigest() for name, data in recovery.items()},
        sshsig.fingerprint(ledger.public_key), hashlib.sha256(sums).hexdigest(),
    )  # fmt: skip


def _place(out: Path) -> Path:
    """Return where the folder will be, with no link on the way to it."""
    try:
        place = Path(os.path.realpath(out))
        if place.exists() and (not place.is_dir() or any(place.iterdir())):
            raise FileExists(f"{out} has files in it", hint="choose another --out")
        if place.is_mount() or place.parent == place:
            raise InvalidInput(
                f"{out} is a whole file system", hint=f"name a folder on it: --out {operand(out / 'kit')}"
            )
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{str(out)!r} is no place for a kit: {getattr(error, 'strerror', error)}") from None
    return place


def _small_files(ledger: Ledger, found: Wheelhouse, fits: Fits, recovery: dict[str, bytes]) -> dict[str, bytes]:
    """Return every file but the wheels and what is made of the others."""
    signer = sshsig.allowed_signer(PRINCIPAL, ledger.public_key, [sshsig.KIT_NAMESPACE])
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in recovery.items()}
    text = readme.text(
        version=__version__, digests=digests, oldest_python=recovery_files.oldest_python(), fits=fits,
        installer=found.installer.file, namespace=sshsig.KIT_NAMESPACE,
    )  # fmt: skip
    return {
        **recovery,
        **documents.read(),
        f"{WHEELS}/{PINS}": found.pins,
        SIGNERS: f"{signer}\n".encode(),
        KEY: f"{statements.key_line(ledger.public_key)}\n".encode(),
        readme.NAME: text.encode("ascii"),
    }


def _write(
    ledger: Ledger, folder: Path, place: Path, small: dict[str, bytes], found: Wheelhouse
) -> tuple[_Written, bytes]:
    """Write everything beside the place, and put it there."""
    written = _Written({})
    try:
        _new_folder(folder)
        for name, data in _files(small, found):
            _new_file(folder, name, data, written)
        lines = sorted(f"{digest.hex()}  {name}\n" for name, digest in written.sums.items())
        sums = "".join(sorted(lines, key=lambda line: line[66:])).encode()
        _new_file(folder, SUMS, sums, written)
        _new_file(folder, SIGNATURE, ledger.sign_kit(sums).encode(), written)
        durable.require_all_found(folder, written.sums.items())
        folder.rename(place)
        durable.sync_folder(place.parent)
        durable.require_all_found(place, written.sums.items())
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return written, sums


def _files(small: dict[str, bytes], found: Wheelhouse) -> Iterator[tuple[str, bytes]]:
    yield from small.items()
    for wheel in found.wheels:
        yield f"{WHEELS}/{wheel.file}", found.read(wheel)


def _new_file(folder: Path, name: str, data: bytes, written: _Written) -> None:
    below = PurePosixPath(name)
    place = folder
    for step in below.parent.parts:
        place = names.inside(place, step)
        if not place.exists():
            _new_folder(place)
    path = names.inside(place, below.name)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o644)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    _readable(path, 0o644)
    written.sums[name] = hashlib.sha256(data).digest()
    written.total += len(data)


def _new_folder(folder: Path) -> None:
    folder.mkdir(mode=0o755)
    _readable(folder, 0o755)


def _readable(path: Path, mode: int) -> None:
    """Let everybody read it, whatever the umask is; FAT has no modes, and refuses."""
    if stat.S_IMODE(path.stat().st_mode) != mode:
        with suppress(PermissionError):
            path.chmod(mode)
