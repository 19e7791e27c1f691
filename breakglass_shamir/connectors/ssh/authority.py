# SPDX-License-Identifier: Apache-2.0
"""The private key of an SSH certificate authority for users, whose public half hosts trust: both halves are replaced.

Sources: sshd_config(5), ``TrustedUserCAKeys`` and ``RevokedKeys``; OpenSSH's ``sshkey_in_file``, which reads the
former, and ``sshkey_check_revoked``, which holds a certificate's authority against the latter.

Rules:

1. The private key exists on paper and in memory; ssh-keygen sees it in a file on a memory file system, in a folder of
   its own, for as long as it runs.
2. *Accepted*: its public half stands in the file that hosts trust, as sshd reads it, and is not revoked. *Refused*: it
   does not stand there, or is revoked. A file that cannot be read, and one that does not say which: *unknown*.
3. Without a file of revoked keys a change is one step: the new key in the line of the old one.
4. With one it is three: the new key beside the old one, with the old one's fingerprint in its comment; the old one
   revoked; its line taken away. As long as the old one stands there and is not revoked, the new one is *unknown*: a
   change is not finished.

What it does not do: it signs no certificate, logs in nowhere, and asks no sshd.
"""

import base64
import hashlib
import os
import re
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
from breakglass_shamir.connectors.ssh import preflight, revoked
from breakglass_shamir.connectors.ssh.key_pair import new_pair, public_half
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret

REPLACES = "breakglass-replaces="
"""In front of a fingerprint, in the comment of a key that takes the place of another."""

_FINGERPRINT = re.compile(rb"breakglass-replaces=(SHA256:[A-Za-z0-9+/]{43})")


class SshAuthorityConnector(Connector):
    """A certificate authority's key; target ``ssh-ca:///absolute/path/to/trusted_user_ca_keys``.

    The credential is the private key file itself, without a passphrase: the quorum protects it. ``target.kind`` is
    ``key-pair``. ``split`` takes a key that is in the file; every rotation makes a new Ed25519 pair.

    What it changes: the old public key's line in this one file (``TrustedUserCAKeys``), and with option ``revoked``
    the file of revoked keys (``RevokedKeys``, a list of keys or a KRL), to which the old key is added: sshd then
    refuses it and all that it signed, also where another file still trusts it. Other lines, owner, group and mode stay.

    What it needs: ssh-keygen; write access to both files and their folders; a local file system.

    What it does not reach: copies of the files on other hosts, until they are brought there; ``cert-authority`` lines
    of ``authorized_keys``; host certificates and ``known_hosts``; sessions that are open.

    What it cannot tell: whether sshd reads these files, and what the old key signed.
    """

    scheme: ClassVar[str] = "ssh-ca"
    grace_window_s: ClassVar[int] = 0
    settle_s: ClassVar[int] = 0
    probe_pause_s: ClassVar[float] = 0
    costs: ClassVar[Costs] = NOTHING
    scope: ClassVar[str] = "these files; hosts that have copies trust the old key until they get the new ones"
    abilities: ClassVar[frozenset[str]] = frozenset({"issue"})
    option_names: ClassVar[frozenset[str]] = frozenset({"revoked"})

    def __init__(self, target: str, account: str = "", *, options: Mapping[str, str] = NO_OPTIONS) -> None:
        """Bind to the files without reading them.

        Raises:
            InvalidInput: no absolute path.
        """
        super().__init__(target, account, options=options)
        self._path = _path_of(target)
        listed = options.get("revoked", "")
        if listed and (not listed.startswith("/") or "\0" in listed):
            raise InvalidInput("option revoked: expected an absolute path")
        self._revoked = Path(listed) if listed else None

    def missing(self) -> tuple[str, ...]:
        """Return what is wrong with the OpenSSH of this machine."""
        return tuple(preflight.ssh_keygen_problems())

    def _preflight(self, new: Secret | None) -> Preflight:
        return self._preflight_as(new, None)

    def _preflight_as(self, new: Secret | None, current: Secret | None) -> Preflight:
        notes = ["hosts with copies of the file trust the old key until they get the new one; open sessions stay"]
        problems = _file_problems(self._path, "the file of trusted keys")
        if self._revoked is None:
            notes.append("no option revoked: where the old key is trusted elsewhere, it goes on to be")
        else:
            problems += _file_problems(self._revoked, "the file of revoked keys")
        if current is not None and not problems:
            check = self._check(current)
            if check.result is not CheckResult.ACCEPTED:
                problems.append(f"the key in force is not accepted: {check.detail}")
        unfit = ("expected a private key without a passphrase",) if new and not public_half(new) else ()
        return Preflight(tuple(problems), tuple(notes), None, self.scope, unfit)

    def _check(self, credential: Secret) -> Check:
        public = public_half(credential)
        if not public:
            return Check(CheckResult.UNKNOWN, "the credential is no private key without a passphrase")
        try:
            lines = trusted(one_file.read_file(self._path).content)
            gone = self._is_revoked(public)
            mine = next((line for line in lines if line.key == public), None)
            if gone:
                return Check(CheckResult.REFUSED, "its public key is revoked")
            if mine is None:
                return Check(CheckResult.REFUSED, "its public key is not in the file of trusted keys")
            before = next((line for line in lines if mine.replaces and line.fingerprint == mine.replaces), None)
            if before is not None and not self._is_revoked(before.key):
                return Check(
                    CheckResult.UNKNOWN,
                    f"its public key is trusted, but the one it takes the place of ({before.fingerprint}) is, too: the "
                    "change is not finished",
                )
        except OSError as error:
            return Check(CheckResult.UNKNOWN, f"a file cannot be read: {error.strerror}")
        return Check(CheckResult.ACCEPTED, "its public key is in the file of trusted keys")

    def _rotate(self, old: Secret, new: Secret) -> None:
        before, after = public_half(old), public_half(new)
        if not before or not after or before == after:
            raise ConnectorError("unchanged: expected two different private keys without a passphrase")
        check = self._check(old)
        if check.result is not CheckResult.ACCEPTED:
            raise ConnectorError(f"unchanged: the old credential was not accepted: {check.detail}")
        path = one_file.real_path(self._path)
        with one_file.locked_folder(path.parent, one_file.LOCK_WAIT_S):
            one_file.remove_leftovers(path)
            if self._revoked is None:
                self._write(path, before, _line(after, self.account), keep=False)
                return
            self._write(path, before, _line(after, self.account, before), keep=True)
            try:
                revoked.revoke(self._revoked, before, held=path.parent)
            except (ConnectorError, OSError) as error:
                raise ConnectorError(
                    f"the old key is in force, and the new one beside it: the old one could not be revoked: {error}"
                ) from error
            try:
                self._write(path, before, b"", keep=False)
            except (ConnectorError, OSError) as error:
                raise ConnectorError(
                    f"the change is in place; the line of the old key, which is revoked, is still there: {error}"
                ) from error

    def _write(self, path: Path, before: bytes, line: bytes, *, keep: bool) -> None:
        """Write the file of trusted keys with a new line, beside the one of the old key or in its place.

        What an abandoned change of the same key put beside it goes.

        Raises:
            ConnectorError: the old key is not there, or somebody else changed the file.
        """
        found = one_file.read_file(path)
        content = replaced(found.content, before, line, keep=keep)
        with one_file.working_copy(found) as copy:
            copy.write_bytes(content)
            one_file.put_in_place(copy, found)

    def _is_revoked(self, public: bytes) -> bool:
        return self._revoked is not None and revoked.is_revoked(self._revoked, public)

    def _issue(self, current: Secret) -> Secret:
        return new_pair(self.account or "break-glass")


@dataclass(frozen=True, slots=True)
class Trusted:
    """A line of a file of trusted keys with a key in it.

    Attributes:
        key: type and base64.
        comment: what stands behind it.
    """

    key: bytes
    comment: bytes

    @property
    def fingerprint(self) -> str:
        """As ssh-keygen shows it."""
        return fingerprint(self.key)

    @property
    def replaces(self) -> str:
        """Fingerprint of the key that this one takes the place of; empty for none."""
        found = _FINGERPRINT.search(self.comment)
        return found[1].decode() if found else ""


def trusted(content: bytes) -> list[Trusted]:
    """Return the keys that sshd reads in a file: one a line, without options in front."""
    return [found for line in content.split(b"\n") if (found := _parse(line))]


def replaced(content: bytes, before: bytes, line: bytes, *, keep: bool) -> bytes:
    """Return a file's content with a line put behind that of a key, or in its place.

    Args:
        content: of the file.
        before: type and base64 of the key.
        line: that is put there; empty for none.
        keep: whether the key's own line stays.

    Raises:
        ConnectorError: the key is not there.
    """
    made: list[bytes] = []
    there, wanted, mark = False, _parse(line), fingerprint(before)
    for each in content.split(b"\n"):
        found = _parse(each)
        if found is None or (found.key != before and (found.replaces != mark or not line)):
            made.append(each)
        elif found.key == before:
            made += [*([each] if keep else []), *([line] if line and not there else [])]
            there = True
        elif wanted is None or found.key != wanted.key:
            continue  # an abandoned change put it there
    if not there:
        raise ConnectorError("unchanged: the old public key is not in the file")
    return b"\n".join(made)


def fingerprint(key: bytes) -> str:
    """Return a public key's SHA-256 fingerprint, as ssh-keygen shows it; empty where it is no key."""
    try:
        blob = base64.b64decode(key.split()[1], validate=True)
    except (IndexError, ValueError):
        return ""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def _parse(line: bytes) -> Trusted | None:
    parts = line.strip(b" \t\r").split(None, 2)
    if len(parts) < 2 or parts[0].startswith(b"#") or not fingerprint(b" ".join(parts[:2])):
        return None
    return Trusted(b" ".join(parts[:2]), parts[2] if len(parts) > 2 else b"")


def _line(key: bytes, account: str, before: bytes = b"") -> bytes:
    words = [key, (account or "break-glass").encode()]
    return b" ".join([*words, f"{REPLACES}{fingerprint(before)}".encode()] if before else words)


def _file_problems(path: Path, name: str) -> list[str]:
    """Say what stands against replacing a file that sshd has to be able to trust."""
    try:
        found = one_file.read_file(path)
    except OSError as error:
        return [f"{name} cannot be read: {error.strerror}"]
    problems = []
    if found.mode & 0o022:
        problems.append(f"{name} can be written by others than its owner")
    if found.links > 1:
        problems.append(f"{name} has a second hard link, which would keep the old content")
    if os.geteuid() not in (0, found.owner):
        problems.append(f"{name} belongs to another account, to whom a copy cannot be given")
    return problems + one_file.replacing_problems(found.path, len(found.content), name)


def _path_of(target: str) -> Path:
    parts = urlsplit(target)
    raw = unquote_to_bytes(parts.path)
    if parts.netloc or parts.query or parts.fragment or not raw.startswith(b"/") or b"\0" in raw:
        raise InvalidInput(
            "ssh-ca target is not a path: expected ssh-ca:///absolute/path",
            hint="three slashes; write %3F for ? and %23 for # in a file name",
        )
    return Path(os.fsdecode(raw))
