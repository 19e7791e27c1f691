# SPDX-License-Identifier: Apache-2.0
"""A credential's bytes are exact, and what that means depends on its kind.

Rules:

1. Password and token are one line of text that people or programs hand to a target. A line end, a byte order mark, a
   NUL or a second line is probably not part of it: refused, unless ``--raw`` says that it is.
2. A list is lines of text. The line feed after the last one changes nothing and is kept. Line ends of another kind, and
   a byte order mark, would be a part of a secret: refused, unless ``--raw``.
3. A key with its certificate is a private key in PEM and, behind it, its certificate. They must belong together.
   A key pair is what ssh-keygen reads with these bytes alone, line feed at the end included. What it cannot read is
   refused, with the cause, and ``--raw`` does not pass it: in ten years nobody could.
4. A passkey is what stands in a document that says so, of a page where the target names one.
5. A file, and what is opaque, is taken as it is.
6. What is taken is what was given: nothing is mended here.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from breakglass_shamir.connectors.certificate import pair
from breakglass_shamir.connectors.ssh import key_pair
from breakglass_shamir.custody.credential import CredentialKind
from breakglass_shamir.custody.policy.tables import Target
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.formats import passkey
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.shell import word

PASSKEY_TARGET = "passkey:"
"""What the URI of a page begins with at which one logs in by passkey."""

TREES = {
    ".git": "Git", ".hg": "Mercurial", ".svn": "Subversion", ".jj": "Jujutsu", ".bzr": "Bazaar", "_darcs": "Darcs",
    ".fslckout": "Fossil", "_FOSSIL_": "Fossil", "CVS": "CVS",
}  # fmt: skip
"""What marks the top of a version-controlled tree."""

LINE = (CredentialKind.PASSWORD, CredentialKind.TOKEN)
"""Kinds that are one line of text."""

_MARKS = {b"\xef\xbb\xbf": "a byte order mark (UTF-8)", b"\xff\xfe": "a byte order mark (UTF-16)",
          b"\xfe\xff": "a byte order mark (UTF-16)"}  # fmt: skip


def taken(data: bytes, kind: CredentialKind, *, raw: bool) -> Secret:
    """Take a credential as read from a file or standard input.

    Args:
        data: exactly what was read.
        kind: what the bytes are.
        raw: whether what is probably no part of them is one.

    Raises:
        InvalidInput: empty, or it holds what is probably not part of it, or is a key pair that nobody could read.
    """
    if not data:
        raise InvalidInput("expected a credential, got nothing")
    if not raw and kind in LINE:
        _check_line(data, kind)
    if not raw and kind is CredentialKind.LIST:
        _check_list(data)
    secret = Secret(data)
    require_readable(secret, kind)
    return secret


def require_readable(secret: Secret, kind: CredentialKind) -> None:
    """Refuse a key pair that ssh-keygen cannot read with these bytes alone, and a key without its certificate.

    Any other kind passes.

    Raises:
        InvalidInput: it cannot be read, or there is no ssh-keygen to try it with.
    """
    if kind is CredentialKind.KEY_CERTIFICATE:
        pair.check_readable(secret)
    if kind is not CredentialKind.KEY_PAIR:
        return
    try:
        flaw = key_pair.flaw_of(secret)
    except (ConnectorError, OSError) as error:
        raise InvalidInput(
            f"whether this key pair can be read is not known: {error}",
            hint="install the OpenSSH client; what is no key for OpenSSH is kept with --kind file",
        ) from None
    if flaw:
        raise InvalidInput(f"ssh-keygen cannot read this key pair: {flaw.what}", hint=flaw.hint)


def passkey_of(document: Secret, target: Target) -> Secret:
    """Return the one passkey in a document that is for a target's page, as its JSON.

    Raises:
        InvalidInput: there is none, or several are left.
    """
    host = ""
    if target.uri.startswith(PASSKEY_TARGET):
        with suppress(ValueError):
            host = urlsplit(target.uri.removeprefix(PASSKEY_TARGET)).hostname or ""
    return passkey.read(document, host, target.account).write()


def exposures(path: Path) -> Iterator[str]:
    """Yield how the file of a secret is within others' reach, a sentence each; nothing for what is no plain file."""
    try:
        real = Path(os.path.realpath(path, strict=True))
        facts = real.stat()
    except OSError:
        return
    if not stat.S_ISREG(facts.st_mode):
        return
    readers = [who for bit, who in ((stat.S_IRGRP, "its group"), (stat.S_IROTH, "everybody")) if facts.st_mode & bit]
    if readers:
        yield f"{path} can be read by {readers[-1]}: chmod 600 {word(str(path))}, and destroy it once sheets are made"
    seen = dict.fromkeys((*Path.cwd().joinpath(path).parents, *real.parents))
    for folder in seen:
        tree = next((name for mark, name in TREES.items() if os.path.lexists(folder / mark)), "")
        if tree:
            yield (
                f"{path} lies in a tree under {tree} ({folder}): one commit keeps the credential for ever; "
                "move it out, and look whether it was committed"
            )
            return


def _check_line(data: bytes, kind: CredentialKind) -> None:
    """Refuse what is no part of a line.

    Raises:
        InvalidInput: with what it is.
    """
    what = "credential" if kind is CredentialKind.PASSWORD else kind.word
    name = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "")
    if name:
        raise InvalidInput(
            f"the {what} begins with {name}, which an editor put there",
            hint="write it without one (printf %s), or say --raw if it belongs to it",
        )
    if b"-----BEGIN " in data:
        raise InvalidInput(
            f"the {what} looks like a key in a file, and its kind is {kind.word}",
            hint="say --kind key-pair for a key of OpenSSH, --kind file for any other, or --raw",
        )
    if data.endswith((b"\n", b"\r")):
        end = "a newline" if data.endswith(b"\n") and not data.endswith(b"\r\n") else "a carriage return"
        end = "a newline (CR LF)" if data.endswith(b"\r\n") else end
        raise InvalidInput(
            f"the {what} ends with {end}, which is probably not part of it",
            hint="write it without one (printf %s), or say --raw if the newline belongs to it",
        )
    if b"\n" in data or b"\r" in data or b"\0" in data:
        found = "a NUL byte" if b"\0" in data else "several lines"
        raise InvalidInput(
            f"the {what} holds {found}, which no {kind.word} does",
            hint="say --kind list or --kind file if that is what it is, or --raw if it belongs to it",
        )


def _check_list(data: bytes) -> None:
    """Refuse what would be a part of a line of a list.

    Raises:
        InvalidInput: with what it is.
    """
    name = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "")
    if name:
        raise InvalidInput(
            f"the list begins with {name}, which would be a part of its first secret",
            hint="write it without one, or say --raw if it belongs to it",
        )
    if b"\r" in data:
        raise InvalidInput(
            "the list has lines that end with CR LF or CR: the carriage return would be a part of each secret",
            hint="write it with line feeds alone (tr -d '\\r' < FILE > NEW), or say --raw if it belongs to it",
        )
