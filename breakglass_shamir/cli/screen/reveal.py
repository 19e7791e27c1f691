# SPDX-License-Identifier: Apache-2.0
"""The screen that shows a credential and then forgets it.

Written to the controlling terminal itself, never to a pipe, and keys are read there too; cleared on every way out.

1. Enter, the end of the input and Ctrl-C clear the screen, and the use goes on. Keys are not echoed.
2. A signal that ends the program clears it first; where no handler can, the watcher does.
3. What would stop the program is ignored meanwhile: the secret would stay on the screen.
4. Keys typed before the secret was there do not count: one of them would clear it unseen.
5. Nothing scrolls. The countdown and the cursor stand in the first row. What is longer than the screen comes in pages;
   a long secret is cut into rows that follow each other without a space, and it is said how many they are.
6. On a terminal that cannot erase, people were asked first; each row is then shown alone, and overwritten.
"""

import math
import time
from collections.abc import Sequence

from breakglass_shamir.cli.screen import bare, sequences
from breakglass_shamir.cli.screen.cleaning import clean
from breakglass_shamir.cli.screen.device import Device
from breakglass_shamir.cli.screen.private import PrivateScreen
from breakglass_shamir.cli.screen.signals import Ended
from breakglass_shamir.custody.credential import Credential
from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.operations.opening.described import details

TITLE = "BREAK-GLASS CREDENTIAL"
"""What stands above a credential."""

_TICK_S = 0.5
"""How soon a terminal of another size is drawn anew."""

_ENDING_KEYS = b"\r\n\x04"
_TURNING_KEYS = b" "
_INDENT, _LABEL = 2, 9
_STATUS_ROWS = 2
_COUNTED = "({:2}; Enter goes on) "
_WARN_S = 3.0
"""How long a warning stands before the screen that covers it."""


def require(refusal: str, *, hint: str) -> None:
    """Refuse before anything is opened when there is no screen to show on, or none that people want it on.

    Args:
        refusal: what is said where there is no terminal.
        hint: what people do then.

    Raises:
        InvalidInput: no terminal; or one that cannot erase, and people do not want it there.
    """
    try:
        Device.controlling().close()
        bare.agree("Show the credential")
    except OSError:
        raise InvalidInput(refusal, hint=hint) from None


def show(credential: Credential, seconds: int) -> None:
    """Show for a while, count down, clear. Enter or Ctrl-C clears at once.

    Raises:
        KeyboardInterrupt: a signal asks the program to end; the screen is clear.
    """
    try:
        device = Device.controlling()
    except OSError:
        raise InvalidInput(
            "expected the terminal that was there before, got none", hint="the use is recorded: open the set again"
        ) from None
    screen = PrivateScreen(device, bare=bare.is_bare(), limit_s=seconds, warn=lambda words: _warn(device, words))
    try:
        with screen:
            device.drop_input()
            _Shown(screen, credential, time.monotonic() + seconds).until_over()
    except Ended:
        raise
    except (OSError, KeyboardInterrupt):
        return


class _Shown:
    """One credential on one screen."""

    def __init__(self, screen: PrivateScreen, credential: Credential, end: float) -> None:
        self._screen = screen
        self._credential = credential
        self._end = end
        self._page = 0
        self._body: tuple[int, list[str]] = (0, [])

    def until_over(self) -> None:
        """Show until the time is over, Enter is pressed or the terminal is gone."""
        if self._screen.bare:
            self._row_by_row()
            return
        while (left := self._end - time.monotonic()) > 0:
            self._screen.draw(self._frame(left), cursor=(1, 1))
            keys = self._screen.device.read(min(_TICK_S, left))
            if _ends(keys):
                return
            self._page += sum(key in _TURNING_KEYS for key in keys or b"")

    def _row_by_row(self) -> None:
        rows = [text[_INDENT:] for text in self._rows(len(_COUNTED))]
        for number, text in enumerate([*rows, *_code_of(self._credential)], 1):
            self._screen.show_row(_COUNTED.format(number) + text)
            while not _ends(self._screen.device.read(min(_TICK_S, self._end - time.monotonic()))):
                if time.monotonic() >= self._end:
                    return

    def _frame(self, left: float) -> list[str]:
        """Return the countdown and one page of the body; the last row of the screen stays free."""
        if self._body[0] != self._screen.width:
            self._body = (self._screen.width, [f"{'':{_INDENT}}{TITLE}", "", *self._rows(_INDENT)])
        body = self._body[1]
        room = max(1, self._screen.rows - _STATUS_ROWS - 2)
        pages = math.ceil(len(body) / room)
        start = self._page % pages * room
        status = self._status(left, self._page % pages + 1, pages)
        return [*status, "", *body[start : start + room]]

    def _status(self, left: float, page: int, pages: int) -> list[str]:
        words = [
            *_code_of(self._credential),
            *([f"page {page} of {pages}, Space turns it"] if pages > 1 else []),
            f"this screen clears itself in {int(left) + 1:4} s",
            "Enter clears it now",
        ]
        return [f"{'':{_INDENT}}{text}" for text in _filled(words, self._screen.width - _INDENT)[:_STATUS_ROWS]]

    def _rows(self, front: int) -> list[str]:
        """Return what is shown, in rows that have ``front`` columns before them."""
        one, room = self._credential, self._screen.width - front - _LABEL
        told = [
            ("account", clean(one.account)),
            ("target", clean(one.target)),
            *_secret(one.secret.reveal(), self._screen.device, room),
            *((label, clean(text)) for label, text in details(one)),
            ("hint", clean(one.hint)),
            ("TOTP", "the one-time code of this moment stands beside the countdown" if one.totp_seed else ""),
        ]
        return [
            f"{'':{_INDENT}}{name if first else '':{_LABEL}}{piece}"
            for name, value in told
            if value
            for first, piece in zip([True, *[False] * len(value)], sequences.cut(value, room), strict=False)
        ]


def _filled(words: Sequence[str], width: int) -> list[str]:
    """Put remarks into rows, none of them cut unless it is longer than a row."""
    rows = [words[0]]
    for word in words[1:]:
        longer = f"{rows[-1]}; {word}"
        rows = [*rows[:-1], longer] if sequences.cells(longer) <= width else [*rows, word]
    return [sequences.cut(text, width)[0] for text in rows]


def _ends(keys: bytes | None) -> bool:
    """Tell whether keys, or the end of the input, end what is shown."""
    return keys is not None and (not keys or any(key in _ENDING_KEYS for key in keys))


def _secret(secret: bytes, device: Device, room: int) -> list[tuple[str, str]]:
    """Return the rows of a secret: as text where it is printable, else in hexadecimal and saying so."""
    try:
        text = secret.decode()
    except UnicodeDecodeError:
        text = ""
    if text.isprintable() and text and device.shows(text):
        pieces = _cut_between_words(text, room)
        told = f"{len(text)} characters in {len(pieces)} rows, without a gap"
    else:
        numbers = secret.hex(" ")
        length = max(3, (room + 1) // 3 * 3)
        pieces = [numbers[start : start + length].rstrip() for start in range(0, len(numbers), length)]
        told = f"hexadecimal, {len(secret)} bytes"
    if len(pieces) == 1 and pieces[0] == text:
        return [("secret", text)]
    return [("secret", f"({told})"), *(("", piece) for piece in pieces)]


def _cut_between_words(text: str, room: int) -> list[str]:
    """Cut a text into rows, none of which ends or begins with a space that nobody would see, where that can be done."""
    pieces = []
    while sequences.cells(text) > room:
        at = whole = len(sequences.cut(text, room)[0])
        while at > whole // 2 and " " in text[at - 1 : at + 1]:
            at -= 1
        at = at if at > whole // 2 else whole
        pieces.append(text[:at])
        text = text[at:]
    return [*pieces, text]


def _code_of(credential: Credential) -> list[str]:
    """Return the one-time code of this moment, as people read it aloud; nothing without a second factor."""
    from breakglass_shamir.crypto import totp

    if credential.totp_seed is None:
        return []
    try:
        code = totp.code_at(credential.totp_seed, time.time(), credential.totp_scheme)
    except Exception:  # whatever is wrong with the seed, the credential beside it must be shown
        return ["no code: the seed cannot be used"]
    return [f"code {code.text[:3]} {code.text[3:]} for {code.seconds_left:2} s"]


def _warn(device: Device, words: str) -> None:
    """Say something and leave time to read it."""
    device.write(f"\r\n! {words}\r\n")
    time.sleep(_WARN_S)
