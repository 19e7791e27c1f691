# SPDX-License-Identifier: Apache-2.0
r"""Programs that read a password from a file: they get one that has no name and is in memory only.

What each wants, and why a pipe would not do:

1. libpq (``psql``) wants a regular file that nobody else may read, named by ``PGPASSFILE``, and reads it again at each
   ``\\connect``. It falls back to a question, silently, where the file is another kind.
2. ``mysql`` and ``mariadb`` read option files from the first argument on, and the last one that names a password wins.
   So the person's own files are included first, and the password comes after them.
3. A key with its certificate goes to libpq and curl as two such files, each by its name.
4. OpenLDAP's tools take every byte of the file after ``-y`` as the password, a newline included.

The file is a memfd: mode 0600, inherited by its number, opened anew as ``/proc/self/fd/N``. It is mapped, so that it is
locked like all memory of this process, and is overwritten when the program has ended.
"""

import contextlib
import mmap
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from breakglass_shamir.crypto import key_and_certificate
from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.hygiene import Secret

_OPTION_FILES = ("/etc/my.cnf", "/etc/mysql/my.cnf", "~/.my.cnf")
"""Where both kinds of client look for options, in their order."""

_ESCAPED = {ord("\\"): "\\\\", ord('"'): '\\"', ord("\t"): "\\t"}


@dataclass(frozen=True, slots=True)
class Invocation:
    """How a program is started.

    Attributes:
        arguments: the whole command line.
        environment: what it gets.
        descriptors: numbers that it inherits.
        stdin: descriptor of its standard input; None: ours.
        started: called once it runs; None: nobody waits for that.
    """

    arguments: tuple[str, ...]
    environment: dict[str, str]
    descriptors: tuple[int, ...] = ()
    stdin: int | None = None
    started: Callable[[], None] | None = None


@contextlib.contextmanager
def invocation(
    way: str, program: str, arguments: Sequence[str], secret: Secret, inherited: Mapping[str, str]
) -> Iterator[Invocation]:
    """Have the file there while the program runs.

    Raises:
        InvalidInput: the credential cannot stand in such a file.
        OSError: this system has no such files.
    """
    key, certificate = key_and_certificate.parted(secret)
    if certificate:
        with _in_memory(key.reveal()) as first, _in_memory(certificate) as second:
            yield _by_certificate(way, program, arguments, inherited, (first, second))
        return
    with _in_memory(_CONTENTS[way](secret)) as descriptor:
        path = f"/proc/self/fd/{descriptor}"
        if way == "passfile":
            environment = {**{k: v for k, v in inherited.items() if k != "PGPASSWORD"}, "PGPASSFILE": path}
            yield Invocation((program, *arguments), environment, (descriptor,))
        elif way == "defaults":
            environment = {name: value for name, value in inherited.items() if name != "MYSQL_PWD"}
            yield Invocation((program, f"--defaults-file={path}", *arguments), environment, (descriptor,))
        else:
            simple = () if any(word.startswith("-Y") for word in arguments) else ("-x",)
            yield Invocation((program, *simple, "-y", path, *arguments), dict(inherited), (descriptor,))


def _by_certificate(
    way: str, program: str, arguments: Sequence[str], inherited: Mapping[str, str], descriptors: tuple[int, int]
) -> Invocation:
    """Return how a program is started that takes a key and a certificate, each in a file.

    Raises:
        InvalidInput: it takes none.
    """
    key, certificate = (f"/proc/self/fd/{number}" for number in descriptors)
    if way == "passfile":
        environment = {**inherited, "PGSSLKEY": key, "PGSSLCERT": certificate}
        return Invocation((program, *arguments), environment, descriptors)
    if way == "certificate":
        own = ("--key", key, "--cert", certificate)
        return Invocation((program, *own, *arguments), dict(inherited), descriptors)
    raise _unfit("a key with its certificate")


@contextlib.contextmanager
def _in_memory(content: bytes) -> Iterator[int]:
    """Have a file without a name; its descriptor is given."""
    descriptor = os.memfd_create("breakglass", os.MFD_CLOEXEC)
    try:
        os.fchmod(descriptor, 0o600)
        os.truncate(descriptor, len(content))
        with mmap.mmap(descriptor, len(content)) as place:
            place[:] = content
            try:
                yield descriptor
            finally:
                place[:] = bytes(len(content))
    finally:
        os.close(descriptor)


def _pgpass(secret: Secret) -> bytes:
    """One line for every host, port, database and user (libpq, The Password File)."""
    return b"*:*:*:*:" + _one_line(secret).replace(b"\\", b"\\\\").replace(b":", b"\\:") + b"\n"


def _options(secret: Secret) -> bytes:
    """An option file: the person's own ones, then the password."""
    try:
        text = _one_line(secret).decode()
    except UnicodeDecodeError:
        raise _unfit("bytes that are no text") from None
    there = [path for name in _OPTION_FILES if os.access(path := Path(name).expanduser(), os.R_OK) and path.is_file()]
    lines = [*(f"!include {path}" for path in there), "[client]", f'password="{text.translate(_ESCAPED)}"', ""]
    return "\n".join(lines).encode()


def _whole(secret: Secret) -> bytes:
    if not len(secret):
        raise _unfit("nothing in it")
    return secret.reveal()


def _no_pair(_secret: Secret) -> bytes:
    raise InvalidInput("the credential is no key with its certificate, which this recipe is for")


_CONTENTS = {"passfile": _pgpass, "defaults": _options, "bind": _whole, "certificate": _no_pair}


def _one_line(secret: Secret) -> bytes:
    data = secret.reveal()
    if any(byte in data for byte in (b"\n", b"\r", b"\0")):
        raise _unfit("more than one line")
    return data


def _unfit(what: str) -> InvalidInput:
    return InvalidInput(f"the credential has {what}, which this program takes no password with")
