# SPDX-License-Identifier: Apache-2.0
"""A key pair whose public key stands in an ``authorized_keys`` file: both halves are replaced.

Rules:

1. The private key exists on paper and in memory; ssh-keygen sees it in a file on a memory file system, in a folder
   of its own, for as long as it runs.
2. *Accepted* and *refused* are whether the key's public half is in force in the file. A file that cannot be read,
   and a key whose entry is over or signs certificates, are *unknown*.
3. A change replaces the old public key in its own line, so that the line's options stay, on condition that it is
   there; on a copy that is put in place in one step (``key_file``).

What it does not do: it logs in nowhere, and asks no sshd.
"""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar
from urllib.parse import unquote_to_bytes, urlsplit

from breakglass_shamir.connectors.port.answers import Check, CheckResult, Preflight
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.port.options import NO_OPTIONS
from breakglass_shamir.connectors.ssh import authorized_line, key_file, preflight
from breakglass_shamir.connectors.ssh.keygen import run_ssh_keygen
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret

_MEMORY = Path("/dev") / "shm"


class AuthorizedKeysConnector(Connector):
    """A key pair; target ``ssh-authorized-keys:///absolute/path/to/authorized_keys``.

    The credential is the private key file itself, without a passphrase: the quorum protects it. ``target.kind`` is
    ``key-pair``. ``split`` takes a key that is in the file; every rotation makes a new Ed25519 pair.

    What it changes: the old public key's line in this one file. Options and comment of the line, other lines, owner,
    group and mode stay.

    What it does not reach: other files and commands that sshd asks, copies of the file on other hosts, sessions that
    are open, and agents that hold the key. Name the file of each host with ``rotation.endpoints`` only where it is
    mounted here; else use one set for each host.

    What it needs: ssh-keygen; write access to the file and its folder; a local file system.

    What it cannot tell: whether sshd reads this file.
    """

    scheme: ClassVar[str] = "ssh-authorized-keys"
    grace_window_s: ClassVar[int] = 0
    settle_s: ClassVar[int] = 0
    probe_pause_s: ClassVar[float] = 0
    scope: ClassVar[str] = "this file"
    abilities: ClassVar[frozenset[str]] = frozenset({"issue"})

    def __init__(self, target: str, account: str = "", *, options: Mapping[str, str] = NO_OPTIONS) -> None:
        """Bind to a file without reading it.

        Raises:
            InvalidInput: no absolute path.
        """
        super().__init__(target, account, options=options)
        self._path = _path_of(target)

    def missing(self) -> tuple[str, ...]:
        """Return what is wrong with the OpenSSH of this machine."""
        return tuple(preflight.ssh_keygen_problems())

    def _preflight(self, new: Secret | None) -> Preflight:
        notes = ("other files, sessions that are open and agents are not reached",)
        problems: list[str] = []
        try:
            found = key_file.read_key_file(self._path)
            if found.mode & 0o022:
                problems.append("the file can be written by others than its owner; sshd does not read it")
            if found.links > 1:
                problems.append("the file has a second hard link, which would keep the old key")
            if not os.access(found.path.parent, os.W_OK):
                problems.append("the file's folder cannot be written")
        except OSError as error:
            problems.append(f"the file cannot be read: {error.strerror}")
        unfit = ("expected a private key without a passphrase",) if new and not _public_half(new) else ()
        return Preflight(tuple(problems), notes, None, self.scope, unfit)

    def _check(self, credential: Secret) -> Check:
        public = _public_half(credential)
        if not public:
            return Check(CheckResult.UNKNOWN, "the credential is no private key without a passphrase")
        try:
            lines = key_file.read_key_file(self._path).content.splitlines()
        except OSError as error:
            return Check(CheckResult.UNKNOWN, f"the file cannot be read: {error.strerror}")
        entries = [entry for entry in map(authorized_line.parse, lines) if entry and entry.key == public]
        if not entries:
            return Check(CheckResult.REFUSED, "its public key is not in the file")
        if any(entry.in_force(datetime.now(UTC)) for entry in entries):
            return Check(CheckResult.ACCEPTED, "its public key is in force in the file")
        return Check(CheckResult.UNKNOWN, "its entry is over, or it signs certificates", blocked=True)

    def _rotate(self, old: Secret, new: Secret) -> None:
        before, after = _public_half(old), _public_half(new)
        if not before or not after or before == after:
            raise ConnectorError("unchanged: expected two different private keys without a passphrase")
        path = key_file.real_path(self._path)
        with key_file.locked_folder(path.parent, key_file.LOCK_WAIT_S):
            key_file.remove_leftovers(path)
            found = key_file.read_key_file(path)
            content = authorized_line.replaced(found.content, before, after)
            if content == found.content:
                raise ConnectorError("unchanged: the old public key is not in the file")
            with key_file.working_copy(found) as copy:
                copy.write_bytes(content)
                key_file.put_in_place(copy, found)

    def _issue(self, current: Secret) -> Secret:
        with _memory_folder() as folder:
            path = folder / "key"
            comment = self.account or "break-glass"
            made = run_ssh_keygen(["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)], [])
            if made.status != 0:
                raise ConnectorError(f"ssh-keygen made no key: {made.complaint}")
            return Secret(path.read_bytes())


def _public_half(private: Secret) -> bytes:
    """Return the public key's type and base64, or nothing if that is no private key without a passphrase."""
    with _memory_folder() as folder:
        path = folder / "key"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
            file.write(private.reveal())
        read = run_ssh_keygen(["-y", "-f", str(path)], [])
    return b" ".join(read.output.split()[:2]) if read.status == 0 else b""


@contextmanager
def _memory_folder() -> Iterator[Path]:
    """Yield a folder for this process alone, in memory where there is such a place."""
    place = str(_MEMORY) if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="breakglass-", dir=place) as folder:
        yield Path(folder)


def _path_of(target: str) -> Path:
    parts = urlsplit(target)
    raw = unquote_to_bytes(parts.path)
    if parts.netloc or parts.query or parts.fragment or not raw.startswith(b"/") or b"\0" in raw:
        raise InvalidInput(
            "ssh-authorized-keys target is not a path: expected ssh-authorized-keys:///absolute/path",
            hint="three slashes; write %3F for ? and %23 for # in a file name",
        )
    return Path(os.fsdecode(raw))
