# SPDX-License-Identifier: Apache-2.0
"""The passphrase of an OpenSSH private key file as a break-glass credential.

Rules:

1. Only ssh-keygen decides whether a passphrase opens a key; only ssh-keygen writes a key.
2. *Accepted* needs that ssh-keygen asked, received the passphrase, and opened the key. *Refused* needs that
   it asked, received, and called it incorrect, and that no copy of the key that might open lies beside it.
3. The steps of a rotation: lock the folder; remove stale copies; copy; the old passphrase must open the copy;
   change the copy; the new one must open it to the same public key; the old one must be refused; replace.

What it does not do: it touches no ``.pub`` file, no ``authorized_keys`` and no agent.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from urllib.parse import unquote_to_bytes, urlsplit

from breakglass_shamir.connectors.port import one_file
from breakglass_shamir.connectors.port.answers import Check, CheckResult, Preflight
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.port.cost import NOTHING, Costs
from breakglass_shamir.connectors.port.options import NO_OPTIONS
from breakglass_shamir.connectors.ssh import key_pair, keygen, preflight
from breakglass_shamir.connectors.ssh.key_format import KeyFormat, key_format
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret

_INCORRECT = "incorrect passphrase supplied to decrypt private key"
"""OpenSSH's words for SSH_ERR_KEY_WRONG_PASSPHRASE (ssherr.c)."""


@dataclass(frozen=True, slots=True)
class _Opening:
    """A check, and the public key (type and base64) if it was accepted."""

    check: Check
    public_key: bytes = b""


class SshKeyConnector(Connector):
    """Passphrase of a private key file; target ``ssh-key:///absolute/path/to/private_key``.

    What it changes: this one file, replaced in one step by a copy that holds the same key under the new
    passphrase. Format, cipher, KDF rounds, comment, owner, group, mode and extended attributes stay; the
    inode and the modification time are new. A symlink stays and the file it leads to is replaced.

    What it does not reach: copies and backups of the file elsewhere, file system snapshots, and blocks the
    old file leaves on the disk still open with the old passphrase. An agent that holds the key keeps it.
    Whoever opened the key once may have kept it: where that counts, replace the key pair.

    What it needs: OpenSSH 8.4 or later; the account that owns the file, or root; permissions for its owner
    only; write access to the folder and room for a copy; a local file system (flock on folders, which NFS
    does not have). The file must have no second hard link, and must not itself be a mount point.

    What it cannot tell: a damaged key file looks like a wrong passphrase to ssh-keygen. That is why a
    rotation is proven by the new credential being accepted before and after the old one is refused.

    What may lie about: a crash in the middle of a rotation can leave ``.NAME.breakglass-*`` beside the key, a
    copy under the old or the new passphrase. The next rotation removes it, and so does a check before it says
    *refused*.

    The percent-encoding of URIs applies to the path. The account is a label and is not used.
    """

    scheme: ClassVar[str] = "ssh-key"
    grace_window_s: ClassVar[int] = 0
    settle_s: ClassVar[int] = 0
    probe_pause_s: ClassVar[float] = 0
    costs: ClassVar[Costs] = NOTHING
    scope: ClassVar[str] = "this file"

    def __init__(self, target: str, account: str = "", *, options: Mapping[str, str] = NO_OPTIONS) -> None:
        super().__init__(target, account, options=options)
        self._path = _path_of(target)
        # A key may have many KDF rounds: without the option ssh-keygen gets longer than a server would.
        self._limit_s = self.time_limit_s if "time_limit" in options else None

    def remove_leftovers(self) -> int:
        """Remove copies of the key that interrupted rotations left beside it.

        Returns:
            How many there were.

        Raises:
            ConnectorError: a rotation is under way, or the folder could not be changed.
        """
        return self._guarded("clean-up", [], lambda: _remove_leftovers(one_file.real_path(self._path)))

    def missing(self) -> tuple[str, ...]:
        """Return what is wrong with the OpenSSH of this machine."""
        return tuple(preflight.ssh_keygen_problems())

    def _preflight(self, new: Secret | None) -> Preflight:
        problems = [*preflight.new_passphrase_problems(new), *preflight.ssh_keygen_problems()]
        notes = ["copies, backups and agents that hold this key are not reached"]
        try:
            key = one_file.read_file(self._path)
            problems += [*preflight.file_problems(key), *preflight.folder_problems(key)]
            notes += preflight.key_notes(key)
        except OSError as error:
            problems.append(f"the key file cannot be read: {error.strerror}")
        return Preflight(tuple(problems), tuple(notes), None, self.scope)

    def _check(self, credential: Secret) -> Check:
        preflight.require_passphrase(credential)
        try:
            key = one_file.read_file(self._path)
        except OSError as error:
            return Check(CheckResult.UNKNOWN, f"the key file cannot be read: {error.strerror}")
        if flaw := key_pair.file_flaw(key.content):
            raise ConnectorError(
                f"ssh-keygen cannot read the key file, whatever its passphrase is: {flaw.what}",
                hint=flaw.hint, rejected=True,
            )  # fmt: skip
        check = _open(key.path, credential, limit_s=self._limit_s).check
        return _unless_copies_remain(key.path, check) if check.result is CheckResult.REFUSED else check

    def _rotate(self, old: Secret, new: Secret) -> None:
        preflight.require_passphrase(old)
        _stop_at([*preflight.new_passphrase_problems(new), *_same_problems(old, new)])
        path = one_file.real_path(self._path)
        with one_file.locked_folder(path.parent, one_file.LOCK_WAIT_S) as lock:
            one_file.remove_leftovers(path)
            key = one_file.read_file(path)
            _stop_at(preflight.file_problems(key))
            with one_file.working_copy(key) as copy:
                _change_copy(copy, key_format(key.content), old, new, lock, self._limit_s)
                one_file.put_in_place(copy, key)


def _path_of(target: str) -> Path:
    """Return the path a target names.

    Raises:
        InvalidInput: it is not ``ssh-key:///absolute/path``.
    """
    parts = urlsplit(target)
    raw = unquote_to_bytes(parts.path)
    if parts.netloc or parts.query or parts.fragment or not raw.startswith(b"/") or b"\0" in raw:
        raise InvalidInput(
            "ssh-key target is not a path: expected ssh-key:///absolute/path",
            hint="three slashes; write %3F for ? and %23 for # in a file name",
        )
    return Path(os.fsdecode(raw))


def _open(path: Path, passphrase: Secret, lock: int | None = None, limit_s: float | None = None) -> _Opening:
    """Let ssh-keygen open a key, and judge what it said.

    Raises:
        ConnectorError: the key opens without a passphrase, or there is no ssh-keygen.
    """
    kept = [] if lock is None else [lock]
    run = keygen.run_ssh_keygen(["-y", "-f", str(path)], [passphrase], kept, limit_s)
    if run.status is None:
        return _Opening(Check(CheckResult.UNKNOWN, "ssh-keygen did not answer in time"))
    if run.status == 0 and run.unread:
        raise ConnectorError("the key is not protected by a passphrase", hint="protect it with: ssh-keygen -p -f FILE")
    received = run.given == 1 and not run.unread
    if run.status == 0 and received:
        public_key = b" ".join(run.output.split()[:2])
        return _Opening(
            Check(CheckResult.ACCEPTED, "ssh-keygen asked for the passphrase and opened the key"), public_key
        )
    if run.status > 0 and received and _INCORRECT in run.complaint:
        return _Opening(Check(CheckResult.REFUSED, "ssh-keygen asked for the passphrase and called it incorrect"))
    return _Opening(Check(CheckResult.UNKNOWN, f"ssh-keygen gave no verdict: {run.complaint}"))


def _change_copy(copy: Path, form: KeyFormat, old: Secret, new: Secret, lock: int, limit_s: float | None) -> None:
    """Put the copy under the new passphrase, and prove that this and nothing else happened."""
    before = _open(copy, old, lock, limit_s)
    if before.check.result is not CheckResult.ACCEPTED:
        raise ConnectorError(f"unchanged: the old credential did not open the key: {before.check.detail}")
    run = keygen.run_ssh_keygen(["-p", *form.keeping_arguments(), "-f", str(copy)], [old, new, new], [lock], limit_s)
    if run.status != 0 or run.given != 3 or run.unread:
        raise ConnectorError(f"unchanged: ssh-keygen could not change the copy: {run.complaint}")
    after = _open(copy, new, lock, limit_s)
    if after.check.result is not CheckResult.ACCEPTED or after.public_key != before.public_key:
        raise ConnectorError(f"unchanged: the new credential did not open the copy: {after.check.detail}")
    dead = _open(copy, old, lock, limit_s).check
    if dead.result is not CheckResult.REFUSED:
        raise ConnectorError(f"unchanged: the old credential was not refused: {dead.detail}")


def _unless_copies_remain(path: Path, refused: Check) -> Check:
    """Pass *refused* on only if no copy that might still open lies beside the key."""
    try:
        if one_file.leftovers(path):
            _remove_leftovers(path, wait_s=0)
    except (ConnectorError, OSError) as error:
        return Check(CheckResult.UNKNOWN, f"a copy of the key lies beside it and may still open: {error}")
    return refused


def _remove_leftovers(path: Path, wait_s: float = one_file.LOCK_WAIT_S) -> int:
    with one_file.locked_folder(path.parent, wait_s):
        return one_file.remove_leftovers(path)


def _stop_at(problems: list[str]) -> None:
    if problems:
        raise ConnectorError(f"unchanged: {'; '.join(problems)}")


def _same_problems(old: Secret, new: Secret) -> list[str]:
    return ["the new credential is the old one"] if old == new else []
