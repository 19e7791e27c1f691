# SPDX-License-Identifier: Apache-2.0
"""A ledger is verified with stock tools: ``ssh-keygen`` on every type of record, ``openssl`` on its checkpoints.

Records are made and signed by the ledger's own code for every type there is; whether one may follow another is
not asked, so that no type is left out.
"""

import base64
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from breakglass_shamir.crypto import note, sshsig
from breakglass_shamir.crypto.keys import ed25519_public
from breakglass_shamir.custody.life import lifecycle
from breakglass_shamir.custody.records import record
from breakglass_shamir.custody.records.body import Body
from breakglass_shamir.custody.records.record import AnyBody
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger.entry import Entry, origin
from breakglass_shamir.ledger.home import create
from breakglass_shamir.ledger.store import Ledger

TYPES: dict[str, type[Body]] = {str(body.__struct_config__.tag): body for body in AnyBody.__args__}
PEM = "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n"
SET_KEY = Secret(b"q" * 32)
SPKI_PREFIX = bytes.fromhex("302a300506032b6570032100")
"""DER of an Ed25519 SubjectPublicKeyInfo up to the raw key (RFC 8410 section 4)."""


def any_value(kind: Any) -> Any:
    values = {
        str: "Zürich, quorum «two of three»", int: 7, bool: True, tuple[str, ...]: ("a", "ß"),
        dict[str, str]: {"1.1": "Süd"}, dict[str, int]: {"a": 1}, dict[str, tuple[int, ...]]: {"a": (1, 2)},
    }  # fmt: skip
    return values[kind]


def namespace_of(body: AnyBody) -> str:
    """Return in which namespace a set key signs a record; none for most."""
    if isinstance(body, record.QUORUM_SIGNED):
        return sshsig.QUORUM_NAMESPACE
    return sshsig.DRILL_NAMESPACE if isinstance(body, record.DRILL_SIGNED) else ""


def as_quorum(ledger: Ledger, body: AnyBody, data: bytes, *others: object) -> str:
    namespace = namespace_of(body)
    return sshsig.sign(SET_KEY, data, namespace) if namespace else ""


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    with create(tmp_path / "home", "north") as made:
        monkeypatch.setattr(lifecycle, "apply", lambda state, data, record: state)
        monkeypatch.setattr(Ledger, "_sign_as_quorum", as_quorum)
        yield made


def of_type(ledger: Ledger, name: str) -> Entry:
    kind: Any = TYPES[name]
    fields = {field.name: any_value(field.type) for field in msgspec.structs.fields(kind)}
    return ledger.append(kind(**fields), set_name="prod-db")


def run(folder: Path, *command: str, stdin: bytes = b"") -> int:
    done = subprocess.run(command, cwd=folder, input=stdin, capture_output=True, timeout=60, check=False)
    return done.returncode


def test_ssh_keygen_verifies_every_type_of_record(ledger: Ledger, need: Callable[[str], str], tmp_path: Path) -> None:
    keygen = need("ssh-keygen")
    rows = [
        sshsig.allowed_signer("terminal", ledger.public_key, [sshsig.RECORD_NAMESPACE]),
        sshsig.allowed_signer("quorum", ed25519_public(SET_KEY), [sshsig.QUORUM_NAMESPACE, sshsig.DRILL_NAMESPACE]),
    ]
    (tmp_path / "allowed").write_text("\n".join(rows) + "\n")

    def accepts(who: str, namespace: str, signature: str, data: bytes) -> bool:
        (tmp_path / "signature").write_text(signature)
        options = ("-f", "allowed", "-I", who, "-n", namespace, "-s", "signature")
        return run(tmp_path, keygen, "-Y", "verify", *options, stdin=data) == 0

    signed_by_quorum = 0
    for name in TYPES:
        entry = of_type(ledger, name)
        assert record.from_bytes(entry.data).body.__struct_config__.tag == name
        assert accepts("terminal", sshsig.RECORD_NAMESPACE, entry.terminal_signature, entry.data), name
        other = entry.data.replace(b'"v":1', b'"v":2')
        assert not accepts("terminal", sshsig.RECORD_NAMESPACE, entry.terminal_signature, other), name
        if namespace := namespace_of(entry.record.body):
            assert accepts("quorum", namespace, entry.quorum_signature, entry.data), name
            assert not accepts("terminal", namespace, entry.quorum_signature, entry.data), name
            signed_by_quorum += 1
    assert signed_by_quorum == len(record.QUORUM_SIGNED) + len(record.DRILL_SIGNED)


def test_openssl_verifies_a_ledgers_checkpoints(ledger: Ledger, need: Callable[[str], str], tmp_path: Path) -> None:
    openssl = need("openssl")
    key = base64.b64encode(SPKI_PREFIX + ledger.public_key).decode()
    (tmp_path / "key.pem").write_text(PEM.format(key))
    for entry in [of_type(ledger, "refused"), of_type(ledger, "heartbeat")]:
        text, _, line = entry.checkpoint.rpartition("\n\n")
        (tmp_path / "signature").write_bytes(base64.b64decode(line.split()[2])[4:])
        command = (
            openssl,
            "pkeyutl",
            "-verify",
            "-pubin",
            "-inkey",
            "key.pem",
            "-rawin",
            "-sigfile",
            "signature",
            "-in",
        )
        (tmp_path / "text").write_text(text + "\n")
        assert run(tmp_path, *command, "text") == 0
        (tmp_path / "other").write_text(re.sub(r"\n\d+\n", "\n99\n", text) + "\n")
        assert run(tmp_path, *command, "other") != 0
        assert note.open_note(entry.checkpoint, origin(ledger.public_key), ledger.public_key) == text + "\n"
