# SPDX-License-Identifier: Apache-2.0
"""Attack: two seals under one master, which would reuse key and nonce. No interface offers it."""

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import breakglass_shamir
from breakglass_shamir.crypto import keys
from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.formats.envelope import Checkpoint
from breakglass_shamir.formats.seal import Facts, seal
from breakglass_shamir.formats.structure import Group, Structure
from breakglass_shamir.hygiene import Secret

DERIVE_KEYS_ONLY = {"keys.derive", "keys.set_key_seed", "keys.credential_key"}
"""The only callables that take a master: they turn it into keys, and neither encrypt nor split."""


def public_callables(layer: str) -> Iterator[tuple[str, inspect.Signature]]:
    package = importlib.import_module(f"breakglass_shamir.{layer}")
    for found in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{found.name}")
        for name, member in vars(module).items():
            if name.startswith("_") or getattr(member, "__module__", None) != module.__name__:
                continue
            inside = vars(member).items() if inspect.isclass(member) else ()
            for label, thing in ((name, member), *((f"{name}.{inner}", value) for inner, value in inside)):
                bare = getattr(thing, "__func__", thing)
                if inspect.isfunction(bare):
                    yield f"{found.name}.{label}", inspect.signature(bare)


@pytest.mark.parametrize("layer", ["crypto", "formats", "custody"])
def test_no_public_callable_takes_a_master(layer: str) -> None:
    found = dict(public_callables(layer))
    assert found
    taking = {name for name, signature in found.items() if "master" in signature.parameters}
    assert taking == (DERIVE_KEYS_ONLY if layer == "crypto" else set())


def test_seal_takes_facts_and_plaintext_and_nothing_else() -> None:
    assert list(inspect.signature(seal).parameters) == ["facts", "plaintext"]


WAITING = "operations/rotation/making.py"
"""Seals what waits for people under a key of its own, each time with a nonce that is drawn."""


@pytest.mark.parametrize(
    ("name", "owner", "others"), [("credential_key", "keys", set()), ("encrypt", "cipher", {WAITING})]
)
def test_only_sealing_and_opening_reach_the_cipher(name: str, owner: str, others: set[str]) -> None:
    root = Path(breakglass_shamir.__file__).parent
    users = set()
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            imported = isinstance(node, ast.ImportFrom) and name in {alias.name for alias in node.names}
            attribute = isinstance(node, ast.Attribute) and node.attr == name
            of_owner = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == owner
            if imported or (attribute and of_owner):
                users.add(path.relative_to(root).as_posix())
    assert users == {"formats/seal.py", *others}


def test_two_seals_of_the_same_facts_share_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[bytes] = []
    honest = keys.random_bytes

    def watched(length: int) -> bytes:
        drawn.append(honest(length))
        return drawn[-1]

    monkeypatch.setattr(keys, "random_bytes", watched)
    structure = Structure(1, (Group(2, 3),))
    facts = Facts(Kind.LIVE, "prod-db", 1, structure, bytes(32), Checkpoint(bytes(8), 0, bytes(32)))
    first, second = (seal(facts, Secret(b"tinned beans")) for _ in range(2))
    assert len(drawn) == 2
    (key, nonce), (other_key, other_nonce) = (keys.credential_key(Secret(master), Kind.LIVE) for master in drawn)
    assert key != other_key
    assert nonce != other_nonce
    assert first.envelope.core.epoch_id != second.envelope.core.epoch_id
    assert first.envelope.set_public_key != second.envelope.set_public_key
    assert first.envelope.core.ciphertext != second.envelope.core.ciphertext
    assert not {s.value.reveal() for s in first.shares} & {s.value.reveal() for s in second.shares}
