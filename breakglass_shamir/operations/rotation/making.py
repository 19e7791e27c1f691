# SPDX-License-Identifier: Apache-2.0
"""What a target, or an authority, makes for a rotation goes on record before anybody can use it.

Rules:

1. The record has a public id and an end, and no secret. It is durable before the connector gives the credential away.
2. What is on record as made, and is on no paper or on paper that was given up, is the connector's to take back.
3. What has to wait for people on a disk is sealed under a key that only a quorum of the epoch in force derives.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from breakglass_shamir.connectors.port.answers import Lifetime
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.port.making import Making
from breakglass_shamir.crypto import cipher, keys
from breakglass_shamir.custody.records.rotations import RunsOut
from breakglass_shamir.errors import BreakglassError, DecryptionFailed
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations.recorder import Recorder

_NONCE_BYTES = 12
_HEADER = b"breakglass-shamir waiting key"


def making(recorder: Recorder, set_key: Secret) -> Making:
    """Return what a connector is lent for one rotation.

    Args:
        recorder: of the set.
        set_key: the set key of the epoch in force.
    """
    known = {one.public_id: one.what for one in recorder.set_state.left_over}
    given_up = tuple(one.public_id for one in recorder.set_state.left_over if one.epoch_id)

    def made(public_id: str, ends: datetime) -> None:
        recorder.append(RunsOut(what=_MADE, ends=stamp(ends), public_id=public_id, epoch_id=""))

    def taken_back(public_id: str) -> None:
        recorder.append(RunsOut(what=known.get(public_id, _MADE), ends="", public_id=public_id, epoch_id=""))
        recorder.desk.say(f"taken back, since no sheet opens it: {public_id}")

    def seal(secret: Secret) -> bytes:
        nonce = keys.random_bytes(_NONCE_BYTES)
        return nonce + cipher.encrypt(keys.waiting_key(set_key), nonce, _HEADER, secret)

    def unseal(data: bytes) -> Secret:
        if len(data) <= _NONCE_BYTES:
            raise DecryptionFailed("what waited on the disk was cut off")
        return cipher.decrypt(keys.waiting_key(set_key), data[:_NONCE_BYTES], _HEADER, data[_NONCE_BYTES:])

    return Making(tuple(known), made, taken_back, seal, unseal, given_up)


def note_endings(recorder: Recorder, connector: Connector, credential: Secret | None, epoch_id: str) -> None:
    """Record what runs out at the target, where the target tells it and it is not on record so; errors are warned of.

    Args:
        recorder: of the set.
        connector: of the target.
        credential: that of the epoch; None: only what has no end of its own is asked about.
        epoch_id: the epoch, hexadecimal.
    """
    if "lifetime" not in connector.abilities or connector.ends_on_purpose:
        return  # an account that is kept closed is not armed to hear when it ends
    try:
        found = connector.lifetime(credential)
    except BreakglassError as error:
        recorder.desk.warn(f"when it runs out could not be asked: {error}")
        return
    note_found(recorder, found, epoch_id, whole=credential is not None)


def note_found(recorder: Recorder, found: Iterable[Lifetime], epoch_id: str = "", *, whole: bool = False) -> None:
    """Record what a target told of what runs out, and what does so no more.

    Args:
        recorder: of the set.
        found: what it told.
        epoch_id: the epoch whose credential was asked about.
        whole: whether what ends with the credential was told, too.
    """
    told = {one.public_id or one.what: one for one in found}
    for key, old in recorder.set_state.endings.items():
        if not old.public_id and key not in told and (whole or not old.epoch_id):
            recorder.append(RunsOut(what=old.what, ends="", public_id="", epoch_id=""))
    for key, one in told.items():
        own = epoch_id if one.public_id or one.what in OF_A_CREDENTIAL else ""
        known = recorder.set_state.endings.get(key)
        if known is None or (known.ends, known.epoch_id) != (stamp(one.ends), own):
            recorder.append(RunsOut(what=one.what, ends=stamp(one.ends), public_id=one.public_id, epoch_id=own))


OF_A_CREDENTIAL = ("certificate", "token", "password")
"""What ends with the credential: a new one has another end. Accounts and lists outlive it."""

_MADE = "certificate"


def stamp(at: datetime) -> str:
    """Return an instant as records have it."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
