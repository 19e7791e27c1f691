# SPDX-License-Identifier: Apache-2.0
"""What a terminal tells of an epoch: one spelling, bounded, of one epoch, signed by one key in one namespace."""

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakglass_shamir.crypto import keys, sshsig
from breakglass_shamir.custody.life import telling
from breakglass_shamir.custody.life.telling import Telling
from breakglass_shamir.errors import BreakglassError, InvalidRecord, InvalidSignature, UnsupportedVersion
from breakglass_shamir.hygiene import Secret

KEY = Secret(b"the key of a terminal, 32 bytes.")
SET_KEY = bytes(range(32))
TOLD = Telling(
    v=1, type="telling", set="prod-db", set_public_key=SET_KEY.hex(), size=7, successions=(),
    voided={"1.2": "2026-01-01T00:00:00Z"},
)  # fmt: skip
DATA = TOLD.to_bytes()


def changed(**changes: Any) -> bytes:
    return json.dumps(json.loads(DATA) | changes, separators=(",", ":"), sort_keys=True).encode()


def test_it_reads_as_it_was_written_and_is_found_by_the_epochs_key() -> None:
    assert telling.from_bytes(DATA) == TOLD
    assert TOLD.epoch_id == hashlib.sha256(SET_KEY).hexdigest()[:16]
    assert TOLD.address == hashlib.sha256(b"breakglass-shamir telling\0" + SET_KEY).digest()


@pytest.mark.parametrize(
    "wrong",
    [
        DATA + b"\n", b" " + DATA, DATA[:-1], b"", b"[" * 100_000, b"\xff" + DATA, changed(type="statement"),
        changed(size=0), changed(size=1.5), changed(more=1), changed(set=""), changed(set="prod\u202edb"),
        changed(set_public_key="AB" * 32), changed(voided={"0.1": "2026-01-01T00:00:00Z"}),
        changed(voided={"1.1": "2026-02-31T00:00:00Z"}), changed(voided={"1.1": "yesterday"}),
        changed(successions=[{}]), b"x" * (telling.MAX_BYTES + 1),
    ],
    ids=range(18),
)  # fmt: skip
def test_what_is_no_telling_is_refused(wrong: bytes) -> None:
    with pytest.raises(InvalidRecord):
        telling.from_bytes(wrong)


def test_another_version_is_named() -> None:
    with pytest.raises(UnsupportedVersion):
        telling.from_bytes(changed(v=2))


def test_a_proof_of_another_epoch_is_refused() -> None:
    proof = {
        "set": "prod-db", "predecessor": "00" * 8, "successor": "11" * 8, "envelope": "", "countersigned": "",
        "countersignature": "", "old_dead": "", "terminal_signature": "", "terminal_key": "",
    }  # fmt: skip
    with pytest.raises(InvalidRecord, match="another set or epoch"):
        telling.from_bytes(changed(successions=[proof]))
    assert telling.from_bytes(changed(successions=[proof | {"predecessor": TOLD.epoch_id}])).successions


def test_it_counts_by_one_key_in_one_namespace() -> None:
    public = keys.ed25519_public(KEY)
    signature = sshsig.sign(KEY, DATA, sshsig.TELLING_NAMESPACE)
    assert telling.verify(DATA, signature, public) == TOLD
    for other in (
        sshsig.sign(KEY, DATA, sshsig.RECORD_NAMESPACE), sshsig.sign(KEY, DATA + b" ", sshsig.TELLING_NAMESPACE),
        sshsig.sign(Secret(b"t" * 32), DATA, sshsig.TELLING_NAMESPACE), "",
    ):  # fmt: skip
        with pytest.raises(InvalidSignature):
            telling.verify(DATA, other, public)


@given(st.integers(0, len(DATA) - 1), st.integers(0, 7))
def test_one_changed_bit_is_never_taken(place: int, bit: int) -> None:
    data = bytearray(DATA)
    data[place] ^= 1 << bit
    with pytest.raises(BreakglassError):
        telling.verify(bytes(data), sshsig.sign(KEY, DATA, sshsig.TELLING_NAMESPACE), keys.ed25519_public(KEY))
