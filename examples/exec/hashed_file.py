#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A connector as a program: the password of an appliance that keeps a salted hash in a file.

Copy it, and put your target where the file is. It is used with:

    [target]
    uri = "exec:///usr/local/lib/breakglass/hashed_file.py"
    account = "console"
    options = { settings = "/etc/appliance/console.hash", abilities = "password_changed_at" }

It gets two lines on standard input, the word "exit" and a JSON object in hexadecimal, and writes one JSON object on
standard output; the protocol is in docs/targets.md. Make one like it so:

1. Secrets come in the question, in base64, and go nowhere else: not into arguments, the environment, or a log.
2. "refused" only when the target itself rejected the credential. Everything else is "unknown".
3. A change is conditional on the old credential, and all or nothing.
4. "rejected" only when the target's rules did not take the new credential and surely nothing was changed.
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

SHORTEST = 12


def main() -> None:
    question = asked()
    if question["protocol"] != 2:
        answer = {"error": f"expected protocol 2, got {question['protocol']}"}
    elif not question.get("settings", "").startswith("/"):
        answer = {"error": "expected the path of the file in the option settings"}
    else:
        actions = {
            "preflight": preflight,
            "check": check,
            "rotate": rotate,
            "password_changed_at": changed_at,
        }
        action = actions.get(question["action"], unsupported)
        answer = action(Path(question["settings"]), question)
    json.dump(answer, sys.stdout)


def asked() -> dict:
    """Read the question: its second line. The first ends a shell that was named in this program's place."""
    _, line = sys.stdin.read().splitlines()
    return json.loads(bytes.fromhex(line))


def preflight(path: Path, question: dict) -> dict:
    problems = [] if path.is_file() else [f"{path} is not there"]
    if not os.access(path.parent, os.W_OK):
        problems.append(f"{path.parent} cannot be written")
    short = "new" in question and len(secret(question, "new")) < SHORTEST
    known = {"login": check(path, question)} if "credential" in question else {}
    return {
        **known,
        # Whoever reads the file counts nothing: any number of right and of wrong logins. A target that locks the
        # account at the fifth wrong one says {"wrong": 4 less what it has counted, "why": "five wrong passwords"}.
        "allowance": {"right": None, "wrong": None, "pause": 0, "why": ""},
        "problems": problems,
        "notes": ["sessions at the console go on until they are logged out"],
        "unfit": [f"expected {SHORTEST} characters or more"] if short else [],
    }


def check(path: Path, question: dict) -> dict:
    try:
        good = matches(path.read_text(), secret(question, "credential"))
    except OSError as error:
        return {"result": "unknown", "detail": f"the file cannot be read: {error.strerror}"}
    except ValueError:
        return {"result": "unknown", "detail": "the file holds no hash"}
    return {"result": "accepted" if good else "refused", "detail": "compared with the hash in the file"}


def rotate(path: Path, question: dict) -> dict:
    old, new = secret(question, "credential"), secret(question, "new")
    if len(new) < SHORTEST:
        return {"rejected": True, "detail": f"expected {SHORTEST} characters or more"}
    if not matches(path.read_text(), old):
        return {"detail": "unchanged: the old credential is not the one in force"}
    salt = os.urandom(16)
    replace(path, f"{salt.hex()} {derive(salt, new).hex()}\n")
    return {"done": True}


def changed_at(path: Path, question: dict) -> dict:
    return {"changed_at": datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat()}


def unsupported(path: Path, question: dict) -> dict:
    return {"error": f"{question['action']} is not supported"}


def secret(question: dict, name: str) -> bytes:
    return base64.b64decode(question[name])


def derive(salt: bytes, password: bytes) -> bytes:
    return hashlib.scrypt(password, salt=salt, n=2**12, r=8, p=1)


def matches(text: str, password: bytes) -> bool:
    salt, expected = map(bytes.fromhex, text.split())
    return hmac.compare_digest(derive(salt, password), expected)


def replace(path: Path, text: str) -> None:
    """Write beside the file and put it in place in one step."""
    descriptor, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    Path(name).replace(path)


if __name__ == "__main__":
    main()
