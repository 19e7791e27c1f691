# SPDX-License-Identifier: Apache-2.0
"""A program of its own: open a KeePass database, or put it under another master password, by pykeepass.

It is run by ``database`` as ``python3 -I worker.py`` and imports nothing of ours, so that whatever a database asks for
(memory, rounds, XML) is asked of a process that has a limit and ends. Standard input is one JSON object: ``path``,
``keyfile`` (a path or null), ``password`` (base64) and, for a change, ``new`` (base64). Standard output is one JSON
object:

- ``result``: ``opened``, ``wrong`` (the master key is), or ``failed``; and ``detail``, why it failed.
- ``content``: of what was opened, SHA-256 of its XML without the time of the last change of the master key; after a
  change, of what was written.
- ``version`` of the format and its ``kdf``.

A change writes over ``path``, which is a copy.

What it does not do: it repeats no text of an entry.
"""

import base64
import ctypes
import hashlib
import io
import json
import re
import resource
import sys
import warnings
from pathlib import Path
from typing import Any

MEMORY_MAX_BYTES = 6 << 30
"""Address space of this process, so that a database cannot ask for all there is."""

PR_SET_DUMPABLE = 4
"""prctl(2) option."""

_CHANGED = re.compile(rb"<MasterKeyChanged>[^<]{0,100}</MasterKeyChanged>")


def content_of(database: Any) -> str:
    """Return the SHA-256 of all that a database holds, but not when its master key was changed."""
    text: bytes | str = database.xml()
    raw = text if isinstance(text, bytes) else text.encode()
    return hashlib.sha256(_CHANGED.sub(b"", raw, count=1)).hexdigest()


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """Do what is asked."""
    from pykeepass import PyKeePass
    from pykeepass.exceptions import CredentialsError

    path = Path(question["path"])
    password = base64.b64decode(question["password"]).decode()
    try:
        database = PyKeePass(io.BytesIO(path.read_bytes()), password=password, keyfile=question["keyfile"])
    except CredentialsError:
        return {"result": "wrong"}
    told = {
        "result": "opened", "content": content_of(database), "kdf": str(database.kdf_algorithm),
        "version": ".".join(map(str, database.version)),
    }  # fmt: skip
    if "new" in question:
        database.password = base64.b64decode(question["new"]).decode()
        written = io.BytesIO()
        database.save(written)
        path.write_bytes(written.getvalue())
    return told


def main() -> None:
    """Read the question, write the answer; leave no core file, and let nobody read the memory meanwhile."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if hard == resource.RLIM_INFINITY or hard > MEMORY_MAX_BYTES:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX_BYTES, MEMORY_MAX_BYTES))
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    warnings.simplefilter("ignore")
    question = json.load(sys.stdin)
    try:
        told = answer(question)
    except BaseException as error:
        # Texts of parsers repeat what they read.
        told = {"result": "failed", "detail": type(error).__name__}
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
