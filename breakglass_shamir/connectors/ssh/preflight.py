# SPDX-License-Identifier: Apache-2.0
"""What stands against a new passphrase on a private key file, as sentences for people.

Rules:

1. Each function returns its problems, one sentence each, and an empty list for none.
2. Nothing is changed; the folder's lock is tried and given back.

What it does not do: it opens no key, so whether the old passphrase is right is not known here.
"""

import os

from breakglass_shamir.connectors.port import one_file
from breakglass_shamir.connectors.ssh import key_pair, keygen
from breakglass_shamir.connectors.ssh.key_format import key_format
from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.hygiene import Secret

NEW_PASSPHRASE_MIN_BYTES = 5
"""Shortest passphrase ssh-keygen encrypts a key of every format with."""


def require_passphrase(credential: Secret) -> None:
    """Refuse what cannot be a passphrase at all, so that ssh-keygen is never asked something else.

    Raises:
        ConnectorError: empty, too long, or with a character that ends a passphrase.
    """
    value = credential.reveal()
    if not 1 <= len(value) <= keygen.PASSPHRASE_MAX_BYTES:
        raise ConnectorError(f"not a passphrase: expected 1 to {keygen.PASSPHRASE_MAX_BYTES} bytes, got {len(value)}")
    if any(byte in value for byte in b"\0\r\n"):
        raise ConnectorError("not a passphrase: it holds a line break or a NUL byte, where ssh-keygen stops reading")


def new_passphrase_problems(new: Secret | None) -> list[str]:
    """Return why ssh-keygen would not take a new passphrase; nothing for None."""
    if new is None:
        return []
    try:
        require_passphrase(new)
    except ConnectorError as error:
        return [f"the new credential is {error}"]
    if len(new) < NEW_PASSPHRASE_MIN_BYTES:
        return [f"the new credential is too short: expected {NEW_PASSPHRASE_MIN_BYTES}+ bytes, got {len(new)}"]
    return []


def ssh_keygen_problems() -> list[str]:
    """Return what is wrong with the OpenSSH of this machine; a version it does not tell is no problem."""
    try:
        keygen.find_program("ssh-keygen")
    except ConnectorError as error:
        return [str(error)]
    version = keygen.openssh_version()
    if version is not None and version < keygen.OLDEST_VERSION:
        return [f"OpenSSH is too old: expected 8.4 or later, got {version[0]}.{version[1]}"]
    return []


def file_problems(key: one_file.OneFile) -> list[str]:
    """Return what about the file itself stands against a rotation."""
    problems = []
    if key.mode & 0o077:
        problems.append(f"permissions {key.mode:04o} of the key file are too open: expected 0600 or stricter")
    if key.links > 1:
        problems.append("the key file has a second hard link, which would still open with the old passphrase")
    if os.geteuid() not in (0, key.owner):
        problems.append("the key file belongs to another account")
    if flaw := key_pair.file_flaw(key.content):
        return [*problems, f"ssh-keygen cannot read the key file: {flaw.what}; {flaw.hint}"]
    try:
        protected = key_format(key.content).protected
    except ConnectorError as error:
        problems.append(str(error))
    else:
        problems += [] if protected else ["the key is not protected by a passphrase"]
    return problems


def folder_problems(key: one_file.OneFile) -> list[str]:
    """Return what about the file's place stands against a rotation."""
    return one_file.replacing_problems(key.path, len(key.content), "the key file")


def key_notes(key: one_file.OneFile) -> list[str]:
    """Return what an operator should know about this key, though it stands against nothing."""
    notes = []
    if b"Proc-Type: 4,ENCRYPTED" in key.content:
        notes.append("the key is in the old PEM format, which protects a weak passphrase badly; the format is kept")
    if one_file.leftovers(key.path):
        notes.append("an interrupted rotation left a copy beside the key; the next rotation removes it")
    return notes
