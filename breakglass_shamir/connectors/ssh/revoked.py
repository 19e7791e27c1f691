# SPDX-License-Identifier: Apache-2.0
r"""A file of revoked keys, as sshd reads it: an OpenSSH key revocation list (KRL), or a text with one key a line.

Sources: sshd_config(5), ``RevokedKeys``; ssh-keygen(1), "KEY REVOCATION LISTS"; OpenSSH's ``PROTOCOL.krl``: a KRL
begins with ``SSHKRL\n\0``.

Rules:

1. Only ssh-keygen reads and writes a KRL, on a copy in a memory file system.
2. The file is replaced in one step: sshd refuses every key while it cannot read it.

What it does not do: it takes no key from a list.
"""

import contextlib
from pathlib import Path

from breakglass_shamir.connectors.port import one_file
from breakglass_shamir.connectors.port.memory_folder import memory_folder
from breakglass_shamir.connectors.ssh.keygen import run_ssh_keygen
from breakglass_shamir.errors import ConnectorError

MAGIC = b"SSHKRL\n\0"
"""How a KRL begins."""

_REVOKED, _NOT_REVOKED = 1, 0


def is_revoked(path: Path, key: bytes) -> bool:
    """Tell whether a public key is revoked.

    Args:
        path: of the file.
        key: type and base64.

    Raises:
        OSError: the file cannot be read.
        ConnectorError: it is a KRL that ssh-keygen cannot read.
    """
    content = one_file.read_file(path).content
    if not content.startswith(MAGIC):
        return any(line.strip(b" \t\r").split()[:2] == key.split() for line in content.split(b"\n"))
    with memory_folder() as folder:
        listed, public = folder / "krl", folder / "key.pub"
        listed.write_bytes(content)
        public.write_bytes(key + b"\n")
        asked = run_ssh_keygen(["-Q", "-f", str(listed), str(public)], [])
    if asked.status == _REVOKED and b"REVOKED" in asked.output:
        return True
    if asked.status == _NOT_REVOKED:
        return False
    raise ConnectorError(f"the list of revoked keys cannot be read: {asked.complaint}")


def revoke(path: Path, key: bytes, held: Path) -> None:
    """Add a public key to the file, and see that it is in it; nothing is done where it is there already.

    Args:
        path: of the file.
        key: type and base64.
        held: folder that the caller has locked.

    Raises:
        OSError: a file cannot be read or written.
        ConnectorError: ssh-keygen could not add it, or somebody else changed the file meanwhile.
    """
    real = one_file.real_path(path)
    if is_revoked(real, key):
        return
    with contextlib.ExitStack() as locks:
        if real.parent != held:
            locks.enter_context(one_file.locked_folder(real.parent, one_file.LOCK_WAIT_S))
        one_file.remove_leftovers(real)
        found = one_file.read_file(real)
        content = _with(found.content, key)
        with one_file.working_copy(found) as copy:
            copy.write_bytes(content)
            if not is_revoked(copy, key):
                raise ConnectorError("the key was added to the list of revoked keys and is not found in it")
            one_file.put_in_place(copy, found)


def _with(content: bytes, key: bytes) -> bytes:
    if not content.startswith(MAGIC):
        end = b"" if not content or content.endswith(b"\n") else b"\n"
        return content + end + key + b"\n"
    with memory_folder() as folder:
        listed, public = folder / "krl", folder / "key.pub"
        listed.write_bytes(content)
        public.write_bytes(key + b"\n")
        made = run_ssh_keygen(["-k", "-u", "-f", str(listed), str(public)], [])
        if made.status != 0:
            raise ConnectorError(f"ssh-keygen could not add the key to the list of revoked keys: {made.complaint}")
        return listed.read_bytes()
