# SPDX-License-Identifier: Apache-2.0
"""A passphrase of a LUKS2 volume as a break-glass credential.

Rules:

1. Only cryptsetup decides whether a passphrase opens a slot, and only cryptsetup writes a header.
2. A change puts the new passphrase into a slot of its own, proves that it opens that one, destroys every slot that the
   old one opens, and proves that the old one is refused.
3. Before the new slot is made, a token in the header says which slot it will be, and by its salt the one it takes the
   place of. As long as that one is there, the change is not finished, and the new passphrase is *unknown*. So an
   interrupted rotation finds the old one in force and does the rest; what one left that is never gone on with, the next
   one destroys.

What it does not do: it opens no volume, and re-encrypts nothing: the volume's own key stays.
"""

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import ClassVar
from urllib.parse import unquote_to_bytes, urlsplit

from breakglass_shamir.connectors.luks import cryptsetup
from breakglass_shamir.connectors.luks.cryptsetup import Header, Slot, Volume
from breakglass_shamir.connectors.port import one_file
from breakglass_shamir.connectors.port.answers import Check, CheckResult, Preflight
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.port.cost import NOTHING, Costs
from breakglass_shamir.connectors.port.options import NO_OPTIONS
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret

TOKEN = "breakglass-rotation"  # noqa: S105 - the type of a LUKS2 token, no secret
"""Type of the token that says which slot takes the place of which."""

PASSPHRASE_MAX_BYTES = 512
"""What cryptsetup reads from a keyboard at most."""

_NEW, _REPLACES = "new_slot", "replaces_salt"


class LuksConnector(Connector):
    """A passphrase of a LUKS2 volume; target ``luks:///dev/disk/by-uuid/...`` or ``luks:///absolute/path/of/container``.

    What it changes: one slot of the header. The new passphrase gets a free one with the old one's cost (PBKDF, memory,
    iterations); the old one's is destroyed, every one that it opens. Other slots, tokens and the data stay.

    What it needs: cryptsetup 2.4 or later (Debian: ``cryptsetup-bin``); a LUKS2 header with a free slot; write access
    to the device or file, which mostly means root.

    What it does not reach: copies of the header (``luksHeaderBackup``, images and snapshots of the disk): with one of
    them the old passphrase opens the volume for ever, as the volume's own key is the same. Where somebody may have one,
    ``cryptsetup reencrypt`` gives it another key. Volumes that are open stay open. Flash memory may keep a destroyed
    slot's blocks.

    What it cannot tell: a slot that is damaged looks like a wrong passphrase. That is why a rotation is proven by the
    new credential being accepted before and after the old one is refused. Nor who opened the volume, and when.

    A passphrase that is also typed at boot: leave ``rotation.alphabet`` to what its keyboard has.

    The percent-encoding of URIs applies to the path. The account is a label and is not used.
    """

    scheme: ClassVar[str] = "luks"
    grace_window_s: ClassVar[int] = 0
    settle_s: ClassVar[int] = 0
    probe_pause_s: ClassVar[float] = 0
    costs: ClassVar[Costs] = NOTHING
    scope: ClassVar[str] = "this header"

    def __init__(self, target: str, account: str = "", *, options: Mapping[str, str] = NO_OPTIONS) -> None:
        super().__init__(target, account, options=options)
        limit_s = self.time_limit_s if "time_limit" in options else cryptsetup.TIME_LIMIT_S
        self._volume = Volume(_path_of(target), limit_s)

    def missing(self) -> tuple[str, ...]:
        """Return what is wrong with the cryptsetup of this machine."""
        return cryptsetup.program_problems()

    def _preflight(self, new: Secret | None) -> Preflight:
        return self._preflight_as(new, None)

    def _preflight_as(self, new: Secret | None, current: Secret | None) -> Preflight:
        problems = [*(_passphrase_problems(new) if new else ()), *self.missing()]
        notes = ("backups of the header and images of the disk open with the old passphrase for ever",)
        login = None
        problems += _path_problems(self._volume.path)
        if not problems:
            try:
                found = self._volume.header()
                if _free(found) is None and not _unfinished(found):
                    problems.append(f"the header has no free slot: all {cryptsetup.SLOTS_MAX} are in use")
                login = self._check(current) if current else None
            except ConnectorError as error:
                problems.append(str(error))
        return Preflight(tuple(problems), notes, None, self.scope, (), login)

    def _check(self, credential: Secret) -> Check:
        _require_passphrase(credential)
        tried = self._volume.tried(credential)
        if tried.slot is None:
            return Check(CheckResult.REFUSED if tried.refused else CheckResult.UNKNOWN, tried.said)
        header = self._volume.header()
        for facts in _unfinished(header).values():
            if facts.get(_NEW) == str(tried.slot):
                return Check(
                    CheckResult.UNKNOWN,
                    f"it opens slot {tried.slot}, but the slot that this one takes the place of is there still: "
                    "the change is not finished",
                )
        return Check(CheckResult.ACCEPTED, tried.said)

    def _rotate(self, old: Secret, new: Secret) -> None:
        _require_passphrase(old)
        if problems := [*_passphrase_problems(new), *(["the new credential is the old one"] if old == new else [])]:
            raise ConnectorError(f"unchanged: {'; '.join(problems)}")
        with _locked(self._volume) as volume:
            replaced = _slot_of(volume, old)
            if replaced is None:
                raise ConnectorError(f"unchanged: the old credential opened no slot: {volume.tried(old).said}")
            if not _is_ready(volume, new, replaced):
                _clear(volume, old, replaced)
                _make(volume, old, new, replaced)
            _end(volume, old, new)
            for number, facts in volume.header().tokens.items():
                if facts.get("type") == TOKEN:
                    volume.remove_token(number)


def _is_ready(volume: Volume, new: Secret, replaced: Slot) -> bool:
    """Tell whether an interrupted run made the new slot already: the header says so, and it opens."""
    wanted = {facts.get(_NEW) for facts in _unfinished(volume.header()).values() if facts[_REPLACES] == replaced.salt}
    slot = volume.tried(new).slot
    return slot is not None and str(slot) in wanted


def _clear(volume: Volume, old: Secret, replaced: Slot) -> None:
    """Destroy what rotations of the old passphrase made and left; other slots are not touched."""
    header = volume.header()
    for number, facts in header.tokens.items():
        if facts.get("type") != TOKEN:
            continue
        left = header.slots.get(_number(facts))
        if facts.get(_REPLACES) == replaced.salt and left is not None and left.number != replaced.number:
            volume.kill(left.number, old)
        volume.remove_token(number)


def _make(volume: Volume, old: Secret, new: Secret, replaced: Slot) -> None:
    """Note the new slot in the header, make it, and prove that the new passphrase opens it."""
    if volume.tried(new).slot is not None:
        raise ConnectorError("unchanged: the new credential opens a slot already", rejected=True)
    number = _free(volume.header())
    if number is None:
        raise ConnectorError("unchanged: the header has no free slot")
    volume.add_token({"type": TOKEN, "keyslots": [], _NEW: str(number), _REPLACES: replaced.salt})
    volume.add(old, new, number, replaced.cost)
    made = volume.tried(new)
    if made.slot != number:
        raise ConnectorError(f"the old passphrase is in force; the new one does not open its slot: {made.said}")


def _end(volume: Volume, old: Secret, new: Secret) -> None:
    """Destroy every slot that the old passphrase opens, and prove that it is refused."""
    for _ in range(cryptsetup.SLOTS_MAX):
        tried = volume.tried(old)
        if tried.refused:
            return
        if tried.slot is None:
            raise ConnectorError(f"the new passphrase is in force, and the old one was not refused: {tried.said}")
        volume.kill(tried.slot, new)
    raise ConnectorError("the new passphrase is in force, and the old one opens slot after slot")


def _slot_of(volume: Volume, passphrase: Secret) -> Slot | None:
    tried = volume.tried(passphrase)
    return None if tried.slot is None else volume.header().slots.get(tried.slot)


def _unfinished(header: Header) -> dict[int, Mapping[str, str]]:
    """Return the tokens of changes whose old slot is there still."""
    return {
        number: facts
        for number, facts in header.tokens.items()
        if facts.get("type") == TOKEN and header.has(str(facts.get(_REPLACES)))
    }


def _free(header: Header) -> int | None:
    return next((number for number in range(cryptsetup.SLOTS_MAX) if number not in header.slots), None)


def _number(facts: Mapping[str, object]) -> int:
    text = str(facts.get(_NEW))
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= len("31") else -1


@contextmanager
def _locked(volume: Volume) -> Iterator[Volume]:
    """Yield the volume under the lock of its folder, which programs inherit."""
    path = one_file.real_path(volume.path)
    with one_file.locked_folder(path.parent, one_file.LOCK_WAIT_S) as lock:
        yield replace(volume, path=path, lock=lock)


def _path_problems(path: Path) -> list[str]:
    """Say why a path is no device or file that can be changed."""
    try:
        real = one_file.real_path(path)
        mode = real.stat().st_mode
    except OSError as error:
        return [f"the volume cannot be looked at: {error.strerror}"]
    if not (stat.S_ISBLK(mode) or stat.S_ISREG(mode)):
        return ["the target is neither a block device nor a file"]
    return [] if os.access(real, os.R_OK | os.W_OK) else ["the volume cannot be read and written by this account"]


def _passphrase_problems(new: Secret) -> list[str]:
    try:
        _require_passphrase(new)
    except ConnectorError as error:
        return [f"the new credential is {error}"]
    return []


def _require_passphrase(credential: Secret) -> None:
    """Refuse what cannot be typed as a passphrase.

    Raises:
        ConnectorError: empty, too long, or with a character that ends a line.
    """
    value = credential.reveal()
    if not 1 <= len(value) <= PASSPHRASE_MAX_BYTES:
        raise ConnectorError(f"not a passphrase: expected 1 to {PASSPHRASE_MAX_BYTES} bytes, got {len(value)}")
    if any(byte in value for byte in b"\0\r\n"):
        raise ConnectorError("not a passphrase: it holds a line break or a NUL byte, where a prompt stops reading")


def _path_of(target: str) -> Path:
    parts = urlsplit(target)
    raw = unquote_to_bytes(parts.path)
    if parts.netloc or parts.query or parts.fragment or not raw.startswith(b"/") or b"\0" in raw:
        raise InvalidInput(
            "luks target is not a path: expected luks:///absolute/path",
            hint="three slashes; write %3F for ? and %23 for # in a file name",
        )
    return Path(os.fsdecode(raw))
