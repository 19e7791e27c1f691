# SPDX-License-Identifier: Apache-2.0
"""A private key as bytes: its public half, and in words what keeps ssh-keygen from reading it.

Sources: OpenSSH's ``sshkey.c``: a file in OpenSSH's own format begins with its first line, lines end with a line feed,
and so does the last one. RFC 7468 for the other formats, which OpenSSL reads and which forgive more.

Rules:

1. ssh-keygen decides; this only says why. A word on the cause is a look at the bytes, no second reader.
2. Nothing is mended here: what is kept is what people gave, and they are told how to mend it.

What it does not do: it knows no passphrase; a key under one is none that can be read.
"""

import os
import re
from dataclasses import dataclass

from breakglass_shamir.connectors.port.memory_folder import memory_folder
from breakglass_shamir.connectors.ssh.key_format import key_format
from breakglass_shamir.connectors.ssh.keygen import run_ssh_keygen
from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.plural import counted

_BEGIN = re.compile(rb"-----BEGIN ([A-Z ]{0,40}PRIVATE KEY)-----")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_UTF_8_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Flaw:
    """Why a private key cannot be read.

    Attributes:
        what: a few words that go on a sentence about the key: ``its lines end with CR LF``.
        hint: what to do.
    """

    what: str
    hint: str


def public_half(private: Secret) -> bytes:
    """Return the public key's type and base64, or nothing if that is no private key without a passphrase.

    Raises:
        ConnectorError: there is no ssh-keygen.
        OSError: it could not be started.
    """
    with memory_folder() as folder:
        path = folder / "key"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
            file.write(private.reveal())
        read = run_ssh_keygen(["-y", "-f", str(path)], [])
    return b" ".join(read.output.split()[:2]) if read.status == 0 else b""


def new_pair(comment: str) -> Secret:
    """Make an Ed25519 pair; returns the private key file's content, without a passphrase.

    Raises:
        ConnectorError: ssh-keygen made none.
        OSError: it could not be started.
    """
    with memory_folder() as folder:
        path = folder / "key"
        made = run_ssh_keygen(["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)], [])
        if made.status != 0:
            raise ConnectorError(f"ssh-keygen made no key: {made.complaint}")
        return Secret(path.read_bytes())


def flaw_of(private: Secret) -> Flaw | None:
    """Return why ssh-keygen cannot read a private key with nothing but these bytes; None where it can.

    Raises:
        ConnectorError: there is no ssh-keygen, so nobody knows.
    """
    if public_half(private):
        return None
    return _seen(private.reveal()) or Flaw("its body is damaged, or of a type that ssh-keygen does not know", _OTHER)


def file_flaw(content: bytes) -> Flaw | None:
    """Return why ssh-keygen cannot read a private key file whatever its passphrase is; None where nothing is seen."""
    found = _seen(content)
    return found if found is not _PROTECTED else None


_OTHER = "try it with: ssh-keygen -y -f FILE; what is no key for OpenSSH is kept with --kind file"
_PROTECTED = Flaw(
    "it is under a passphrase, which would not be on the paper",
    "take the passphrase off a copy with: ssh-keygen -p -f COPY; or keep the passphrase, with target ssh-key:",
)


def _seen(content: bytes) -> Flaw | None:
    """Return what looking at the bytes shows."""
    if content.startswith(_UTF_16) or b"\0-\0-\0-" in content:
        return Flaw("it is UTF-16 text", "save it as plain ASCII: iconv -f UTF-16 -t ASCII FILE > NEW")
    begin = _BEGIN.search(content)
    if begin is None:
        return _no_key(content)
    strict = begin[1].startswith(b"OPENSSH")
    front, end = content[: begin.start()], b"-----END " + begin[1] + b"-----"
    if end not in content:
        return Flaw("its end is missing: it is cut off", f"give the whole file, up to {end.decode()}")
    if flaw := _line_ends(content, begin, strict=strict):
        return flaw
    if strict and front == _UTF_8_MARK:
        return Flaw("it begins with a byte order mark, which an editor put there", "take it off: tail -c +4 FILE > NEW")
    if front.rpartition(b"\n")[2].strip(b" \t") == b"" and not front.endswith(b"\n") and front:
        return Flaw("blanks stand in front of its lines", "take them off: sed 's/^[[:blank:]]*//' FILE > NEW")
    if strict and front:
        return Flaw(
            f"{counted(len(front), 'byte')} in front of its first line",
            f"give it from {begin[0].decode()} on, with nothing before it",
        )
    if strict and end + b"\n" not in content:
        return Flaw("a line feed is missing at its end", "it belongs to the key: end the file with one, echo >> FILE")
    try:
        return _PROTECTED if key_format(content).protected else None
    except ConnectorError as error:
        return Flaw(str(error), _OTHER)


def _line_ends(content: bytes, begin: re.Match[bytes], *, strict: bool) -> Flaw | None:
    """Return which line ends keep a key from being read."""
    after = content[begin.end() : begin.end() + 2]
    ends = begin[1] + b"-----\r"
    if after[:1] == b"\r" and after != b"\r\n":
        return Flaw("its lines end with CR alone", "write it with line feeds: tr '\\r' '\\n' < FILE > NEW")
    if strict and (after == b"\r\n" or content.rfind(ends) > begin.end()):
        return Flaw("its lines end with CR LF", "write it with line feeds alone: tr -d '\\r' < FILE > NEW")
    if after[:1] != b"\n" and after != b"\r\n":
        return Flaw("its lines were put into one", "give the file as ssh-keygen wrote it, with its line feeds")
    return None


def _no_key(content: bytes) -> Flaw:
    if content.startswith(b"PuTTY-User-Key-File"):
        return Flaw("it is a key in PuTTY's format", "write it for OpenSSH: puttygen FILE -O private-openssh -o NEW")
    if re.match(rb"\s*(?:ssh|ecdsa|sk)-[a-z0-9@.-]{1,60} AAAA", content):
        return Flaw("it is a public key", "give the private one: the file without .pub")
    if b"BEGIN SSH2 PUBLIC" in content or b"BEGIN PUBLIC KEY" in content:
        return Flaw("it is a public key", "give the private one")
    return Flaw("it holds no private key", _OTHER)
