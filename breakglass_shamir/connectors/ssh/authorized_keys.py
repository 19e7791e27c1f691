# SPDX-License-Identifier: Apache-2.0
"""A key pair whose public key stands in an ``authorized_keys`` file: both halves are replaced.

Rules:

1. The private key exists on paper and in memory; ssh-keygen sees it in a file on a memory file system, in a folder
   of its own, for as long as it runs.
2. *Accepted* and *refused* are whether the key's public half is in force in the file, read as sshd reads it. A file
   that cannot be read, and a key whose entry is over, signs certificates, or has an option that sshd may not take, are
   *unknown*.
3. A change replaces the old public key in its own line, so that the line's options stay, on condition that it is
   there; on a copy that is put in place in one step (``one_file``).

What it does not do: it logs in nowhere, and asks no sshd.
"""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar
from urllib.parse import unquote_to_bytes, urlsplit

from breakglass_shamir.connectors.port import one_file
from breakglass_shamir.connectors.port.answers import Check, CheckResult, Preflight
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.port.cost import NOTHING, Costs
from breakglass_shamir.connectors.port.options import NO_OPTIONS
from breakglass_shamir.connectors.ssh import authorized_line, keygen, preflight
from breakglass_shamir.connectors.ssh.key_pair import new_pair, public_half
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret


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
    costs: ClassVar[Costs] = NOTHING
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
        return self._preflight_as(new, None)

    def _preflight_as(self, new: Secret | None, current: Secret | None) -> Preflight:
        notes = ("other files, sessions that are open and agents are not reached",)
        problems: list[str] = []
        try:
            found = one_file.read_file(self._path)
            if found.mode & 0o022:
                problems.append("the file can be written by others than its owner; sshd does not read it")
            if found.links > 1:
                problems.append("the file has a second hard link, which would keep the old key")
            if os.geteuid() not in (0, found.owner):
                problems.append("the file belongs to another account, to whom a copy cannot be given")
            problems += one_file.replacing_problems(found.path, len(found.content), "the file")
        except OSError as error:
            problems.append(f"the file cannot be read: {error.strerror}")
        stands = self._check(current) if current and not problems else None
        if stands is not None and stands.blocked:
            problems.append(f"{stands.detail}; the new key would get the same options")
        unfit = ("expected a private key without a passphrase",) if new and not public_half(new) else ()
        return Preflight(tuple(problems), notes, None, self.scope, unfit)

    def _check(self, credential: Secret) -> Check:
        public = public_half(credential)
        if not public:
            return Check(CheckResult.UNKNOWN, "the credential is no private key without a passphrase")
        try:
            lines = authorized_line.lines_of(one_file.read_file(self._path).content)
        except OSError as error:
            return Check(CheckResult.UNKNOWN, f"the file cannot be read: {error.strerror}")
        if any(len(line) > authorized_line.LINE_MAX_BYTES and public in line for line in lines):
            return Check(CheckResult.UNKNOWN, "its line is longer than sshd promises to read", blocked=True)
        entries = [entry for entry in map(authorized_line.parse, lines) if entry and entry.key == public]
        if not entries:
            return Check(CheckResult.REFUSED, "its public key is not in the file")
        now, version = datetime.now(UTC), keygen.openssh_version()
        against = [entry.against(now, version) for entry in entries]
        if not all(against):
            return Check(CheckResult.ACCEPTED, "its public key is in force in the file")
        return Check(CheckResult.UNKNOWN, f"its public key stands in the file, but {against[0]}", blocked=True)

    def _rotate(self, old: Secret, new: Secret) -> None:
        before, after = public_half(old), public_half(new)
        if not before or not after or before == after:
            raise ConnectorError("unchanged: expected two different private keys without a passphrase")
        path = one_file.real_path(self._path)
        with one_file.locked_folder(path.parent, one_file.LOCK_WAIT_S):
            one_file.remove_leftovers(path)
            found = one_file.read_file(path)
            content = authorized_line.replaced(found.content, before, after)
            if content == found.content:
                raise ConnectorError("unchanged: the old public key is not in the file")
            with one_file.working_copy(found) as copy:
                copy.write_bytes(content)
                one_file.put_in_place(copy, found)

    def _issue(self, current: Secret) -> Secret:
        return new_pair(self.account or "break-glass")


def _path_of(target: str) -> Path:
    parts = urlsplit(target)
    raw = unquote_to_bytes(parts.path)
    if parts.netloc or parts.query or parts.fragment or not raw.startswith(b"/") or b"\0" in raw:
        raise InvalidInput(
            "ssh-authorized-keys target is not a path: expected ssh-authorized-keys:///absolute/path",
            hint="three slashes; write %3F for ? and %23 for # in a file name",
        )
    return Path(os.fsdecode(raw))
