# SPDX-License-Identifier: Apache-2.0
"""What waits on a disk for people is sealed under a key of its own, and never twice under one nonce."""

from typing import cast

import pytest

from breakglass_shamir.connectors.port.making import Making
from breakglass_shamir.crypto import keys
from breakglass_shamir.custody.life.state import SetState
from breakglass_shamir.errors import DecryptionFailed
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.operations.rotation.making import making

SET_KEY = Secret(b"a set key of two and thirty byte")
WAITING = Secret(b"-----BEGIN PRIVATE KEY-----\n")


class Nobody:
    """A recorder that records nothing: sealing alone is looked at."""

    set_state = SetState("prod-db")


def lent(set_key: Secret) -> Making:
    return making(cast("Recorder", Nobody()), set_key)


def test_what_was_sealed_is_read_by_the_same_quorum_and_nobody_else() -> None:
    sealed = lent(SET_KEY).seal(WAITING)
    assert WAITING.reveal() not in sealed
    assert lent(SET_KEY).unseal(sealed).reveal() == WAITING.reveal()
    with pytest.raises(DecryptionFailed):
        lent(Secret(SET_KEY.reveal()[::-1])).unseal(sealed)


def test_what_was_altered_or_cut_off_is_not_read() -> None:
    one = lent(SET_KEY)
    sealed = one.seal(WAITING)
    for altered in (*(sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :] for at in range(len(sealed))),
                    *(sealed[:length] for length in range(len(sealed)))):  # fmt: skip
        with pytest.raises(DecryptionFailed):
            one.unseal(altered)


def test_two_seals_share_no_nonce_and_the_key_is_not_the_one_of_envelopes() -> None:
    one = lent(SET_KEY)
    assert len({one.seal(WAITING)[:12] for _ in range(1000)}) == 1000
    assert keys.waiting_key(SET_KEY) not in (SET_KEY.reveal(), keys.credential_key(SET_KEY, keys.Kind.LIVE))
