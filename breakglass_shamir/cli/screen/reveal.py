# SPDX-License-Identifier: Apache-2.0
"""The screen that shows a credential and then forgets it.

Written to the controlling terminal itself, never to a pipe, and keys are read there too; cleared on every way out.

1. Enter, the end of the input and Ctrl-C clear the screen, and the use goes on. Keys are not echoed.
2. A signal that ends the program clears it first; where no handler can, the watcher does.
3. What would stop the program is ignored meanwhile: the secret would stay on the screen.
4. Keys typed before the secret was there do not count: one of them would clear it unseen.
5. Nothing scrolls. The countdown and the cursor stand in the first row. What is longer than the screen comes in pages.
6. The secret stands in groups, with what looks alike marked below it; ``s`` spells it, a character in a row, and ``s``
   goes back. See ``spelling``.
7. On a terminal that cannot erase, people were asked first; each row is then shown alone, and overwritten.
8. Nothing is ever put into a clipboard.
"""

import time
from collections.abc import Sequence

from breakglass_shamir.cli.screen import bare, sequences, spelling
from breakglass_shamir.cli.screen.cleaning import clean
from breakglass_shamir.cli.screen.device import Device
from breakglass_shamir.cli.screen.private import PrivateScreen
from breakglass_shamir.cli.screen.signals import Ended
from breakglass_shamir.custody.credential import Credential
from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.operations.opening.described import details
from breakglass_shamir.operations.recipes import catalogue
from breakglass_shamir.plural import counted

TITLE = "BREAK-GLASS CREDENTIAL"
"""What stands above a credential."""

_TICK_S = 0.5
"""How soon a terminal of another size is drawn anew."""

_ENDING_KEYS = b"\r\n\x04"
_TURNING_KEYS = b" "
_BACK_KEYS = b"bB"
_SPELLING_KEYS = b"sS"
_ROW_KEYS = 8
"""Columns in which a row of a long secret says the number of its first character."""

_INDENT, _LABEL = 2, 9
_STATUS_ROWS, _STATUS_ROWS_MAX = 2, 3
_TALL_ROWS = 12
"""Rows from which on the status may take one more."""

_OUR_WORDS = frozenset({"secret", "marks", "TOTP", "recipes"})
"""Labels of sentences, which are cut between words; what others wrote is cut where the row ends."""

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
        self._text = _as_text(credential.secret.reveal(), screen.device)
        self._space = next((one for one in spelling.SPACES if screen.device.shows(one)), spelling.SPACES[-1])
        self._end = end
        self._page = 0
        self._spells = False
        self._body: tuple[tuple[int, int, bool], list[list[str]]] = ((0, 0, False), [])

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
            self._turn(keys or b"")

    def _turn(self, keys: bytes) -> None:
        """Turn pages, and spell or not."""
        for key in keys:
            if key in _SPELLING_KEYS and self._text:
                self._spells, self._page = not self._spells, 0
            self._page += (key in _TURNING_KEYS) - (key in _BACK_KEYS)

    def _row_by_row(self) -> None:
        """Show one row after the other; ``s`` has the secret spelled in between."""
        for number, text in enumerate([*self._rows_alone(), *_code_of(self._credential)], 1):
            self._spells = False
            if not self._stands(_COUNTED.format(number) + text):
                return
            if self._spells and not all(map(self._stands, spelling.spelled(self._text, self._space))):
                return

    def _stands(self, text: str) -> bool:
        """Have a row there until Enter is pressed; returns whether there is time for another one."""
        self._screen.show_row(text)
        while time.monotonic() < self._end:
            keys = self._screen.device.read(min(_TICK_S, self._end - time.monotonic()))
            self._spells |= bool(self._text) and any(key in _SPELLING_KEYS for key in keys or b"")
            if _ends(keys):
                return True
        return False

    def _frame(self, left: float) -> list[str]:
        """Return the countdown and one page of the body; the last row of the screen stays free."""
        room = max(1, self._screen.rows - self._status_rows - 2)
        key = (self._screen.width, room, self._spells)
        if self._body[0] != key:
            self._body = (key, spelling.pages([[f"{'':{_INDENT}}{TITLE}", ""], *self._blocks()], room))
        pages = self._body[1]
        shown = self._page % len(pages)
        return [*self._status(left, shown + 1, len(pages)), "", *pages[shown]]

    def _status(self, left: float, page: int, pages: int) -> list[str]:
        spells = [] if not self._text else ["s shows it whole"] if self._spells else ["s spells it"]
        words = [
            *_code_of(self._credential),
            *([f"page {page} of {pages}, Space turns it"] if pages > 1 else []),
            f"this screen clears itself in {int(left) + 1:4} s",
            "Enter clears it now",
            *spells,
        ]
        return [f"{'':{_INDENT}}{text}" for text in _filled(words, self._screen.width - _INDENT)[: self._status_rows]]

    @property
    def _status_rows(self) -> int:
        """How many rows the countdown and what keys do may take."""
        narrow = self._screen.width < sequences.COLUMNS - 1
        return _STATUS_ROWS_MAX if narrow and self._screen.rows >= _TALL_ROWS else _STATUS_ROWS

    def _blocks(self) -> list[list[str]]:
        """Return what is shown, as blocks of rows that belong together."""
        if self._spells:
            rows = spelling.spelled(self._text, self._space)
            return [[f"{'':{_INDENT}}{piece}"] for row in rows for piece in sequences.cut(row, self._room(_INDENT))]
        before, after = self._told()
        return [
            *([row] for row in self._labelled(before, _INDENT)),
            [""],
            *self._secret_blocks(),
            *([row] for row in self._labelled(after, _INDENT)),
        ]

    def _secret_blocks(self) -> list[list[str]]:
        """Return the secret: how long it is, its groups with their marks, what the marks mean."""
        if not self._text:
            return [[row] for row in self._labelled(_hexadecimal(self._credential, self._room(_INDENT)), _INDENT)]
        rows = spelling.rows(self._text, self._room(_INDENT), self._space)
        told = self._labelled([("secret", spelling.told(self._text, len(rows)))], _INDENT)
        indent = f"{'':{_INDENT}}"
        blocks = [[*told, ""]]
        for row in rows:
            number = f"{row.first:>{_ROW_KEYS}}" if len(rows) > 1 else ""
            blocks.append([f"{indent}{number:{_LABEL}}{row.text}", f"{indent}{'':{_LABEL}}{row.marks}".rstrip()])
        meant = self._labelled([("marks", spelling.legend(self._text))], _INDENT)
        return [*blocks, *([[*meant, ""]] if meant else [])]

    def _rows_alone(self) -> list[str]:
        """Return what is shown where each row stands alone."""
        front = len(_COUNTED)
        before, after = self._told()
        if not self._text:
            secret = _hexadecimal(self._credential, self._room(front))
        else:
            rows = spelling.rows(self._text, self._room(front), self._space)
            told = f"{spelling.counted(self._text, len(rows))}, no gaps; s spells it"
            secret = [("secret", told), *(("", row.text) for row in rows)]
        return [text[_INDENT:] for text in self._labelled([*before, *secret, *after], front)]

    def _told(self) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        """Return what stands before the secret, and after it."""
        one = self._credential
        fits = catalogue.named_for(one.target)
        before = [("account", clean(one.account)), ("target", clean(one.target))]
        after = [
            *((label, clean(text)) for label, text in details(one)),
            ("hint", clean(one.hint)),
            ("TOTP", "the one-time code of this moment stands beside the countdown" if one.totp_seed else ""),
            ("recipes", f"without typing it: {', '.join(fits)}" if fits else ""),
        ]
        return before, after

    def _labelled(self, told: Sequence[tuple[str, str]], front: int) -> list[str]:
        """Put labels and what they are of into rows that have ``front`` columns before them."""
        made = []
        for name, value in told:
            cut = sequences.wrapped if name in _OUR_WORDS else sequences.cut
            for number, piece in enumerate(cut(value, self._room(front)) if value else []):
                made.append(f"{'':{_INDENT}}{'' if number else name:{_LABEL}}{piece}")
        return made

    def _room(self, front: int) -> int:
        """Return the columns beside the labels."""
        return self._screen.width - front - _LABEL


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


def _as_text(secret: bytes, device: Device) -> str:
    """Return a secret as text; empty where it is none that this terminal can show."""
    try:
        text = secret.decode()
    except UnicodeDecodeError:
        return ""
    return text if text.isprintable() and device.shows(text) else ""


def _hexadecimal(credential: Credential, room: int) -> list[tuple[str, str]]:
    """Return the rows of a secret that is no text, saying so."""
    secret = credential.secret.reveal()
    numbers = secret.hex(" ")
    length = max(3, (room + 1) // 3 * 3)
    pieces = [numbers[start : start + length].rstrip() for start in range(0, len(numbers), length)]
    return [("secret", f"(hexadecimal, {counted(len(secret), 'byte')})"), *(("", piece) for piece in pieces)]


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
