# SPDX-License-Identifier: Apache-2.0
"""What a scanner that types delivers where the machine is set to another keyboard than the scanner is.

Such a scanner sends the keys of the US layout; the machine makes of them what its own layout has on those keys. Of a
sheet's text, letters become other letters nearly everywhere, and that changes nothing of its shape. What does change
it stands here: number rows that give no digits, and punctuation in the place of letters.

It does not know what is done with a text. Layouts that write with marks or without upper case (Arabic, Thai, the
Indic ones) and input methods that compose are not here.
"""

import re
from dataclasses import dataclass

FEWEST_DIGITS = 3
"""Different digits that must be in a text for a keyboard to have made it."""


@dataclass(frozen=True, slots=True)
class Keyboard:
    """A keyboard on which digits come as symbols."""

    digits: str
    """What it gives for the keys 1 to 9 and 0."""

    letters: str = ""
    """Punctuation that it gives for letters."""

    fewest_digits: int = FEWEST_DIGITS
    """How many different digits a text must have; more where people write the symbols in plain text, too."""

    def gives(self, text: str, *, grouped: bool) -> bool:
        """Tell whether a text in small letters and without blanks is made of what it gives, and of nothing else."""
        if len({*self.digits} & {*text}) < (self.fewest_digits - 1 if grouped else self.fewest_digits):
            return False
        return {c for c in text if c not in self.digits and c not in self.letters and c.upper() == c.lower()} <= {"?"}


SYMBOLS_FOR_DIGITS = (
    Keyboard("&é\"'(-è_çà", "?,"),  # French
    Keyboard("&é\"'(§è!çà", "?,"),  # Belgian
    Keyboard("+ěščřžýáíé"),  # Czech
    Keyboard("+ľščťžýáíé"),  # Slovak
    Keyboard("ąčęėįšųū„“"),  # Lithuanian
    Keyboard('"әіңғ,.үұқ'),  # Kazakh
    Keyboard("!@#$%^&*()", "", 4),  # US with the shift key held, as whoever is used to a French keyboard does
)
"""Keyboards on which a sheet's digits come as symbols."""

PUNCTUATED = re.compile(r"(?=.*[\"<>:;',.])[^\W_\"<>:;',.?]*(?:[\"<>:;',.?][^\W_\"<>:;',.?]*)*")
"""What keyboards give on which some of a sheet's letters come as punctuation: Dvorak, Colemak, Workman, Greek."""

LETTERS_FOR_PUNCTUATION = dict.fromkeys(map(ord, "\"<>:;',."), "Q")
"""Takes that punctuation for letters, whichever."""

_DIGIT = "[0-9?IL]"
_COLON = "(?:[:;+*\"'|]|[^\x00-\x7f])"
_SYMBOL = "[" + re.escape("".join({*"".join(keyboard.digits for keyboard in SYMBOLS_FOR_DIGITS)})) + "]"
_NEXT = "(?=[^\\W_]|\\?)"

PREFIX = re.compile(
    rf"BGS{_DIGIT}{_COLON}{_NEXT}"  # as printed, QWERTZ, Nordic, Spanish, Italian and others
    rf"|BGS{_SYMBOL}(?:M|{_COLON})(?:{_NEXT}|(?={_SYMBOL}))"  # AZERTY, Czech, Slovak, Lithuanian
    rf"|(?:XIO{_DIGIT}S|BDR{_DIGIT}O|VGS{_DIGIT}I|ZOI{_DIGIT}D)(?=\S)"  # Dvorak, Colemak, Workman, Neo
    rf"|(?:K[;,]U[\"0-9]N|ÇÜ[İIi]{_DIGIT}Y)(?=\S)"  # BÉPO, Turkish F
    rf"|(?:[ИІ]П[ЫІ][\"0-9?]Ж|ФЖЯ{_DIGIT}\u041c|БГС{_DIGIT}Ч|ΒΓΣ{_DIGIT}\W{{0,3}})(?=\S)",  # Cyrillic, Greek
    re.IGNORECASE,
)
"""``BGS1:``, and something behind it."""
