# SPDX-License-Identifier: Apache-2.0
"""Keyboard layouts: what each gives for the keys that a scanner of the US layout presses.

The rows are those of the X keyboard configuration. A key that is dead there stands as its accent.
"""

KEYS = "1234567890qwertyuiopasdfghjkl;zxcvbnm"
"""The keys of a sheet's text, without shift; ``;`` with shift is the colon."""

SHIFTED_KEYS = "QWERTYUIOPASDFGHJKL:ZXCVBNM"

LAYOUTS: dict[str, tuple[str, str]] = {
    "US": (KEYS, SHIFTED_KEYS),
    "German": ("1234567890qwertzuiopasdfghjklöyxcvbnm", "QWERTZUIOPASDFGHJKLÖYXCVBNM"),
    "Swiss German": ("1234567890qwertzuiopasdfghjklöyxcvbnm", "QWERTZUIOPASDFGHJKLéYXCVBNM"),
    "Swiss French": ("1234567890qwertzuiopasdfghjkléyxcvbnm", "QWERTZUIOPASDFGHJKLöYXCVBNM"),
    "French": ("&é\"'(-è_çàazertyuiopqsdfghjklmwxcvbn,", "AZERTYUIOPQSDFGHJKLMWXCVBN?"),
    "Belgian": ("&é\"'(§è!çàazertyuiopqsdfghjklmwxcvbn,", "AZERTYUIOPQSDFGHJKLMWXCVBN?"),
    "Czech": ("+ěščřžýáíéqwertzuiopasdfghjklůyxcvbnm", 'QWERTZUIOPASDFGHJKL"YXCVBNM'),
    "Slovak": ("+ľščťžýáíéqwertzuiopasdfghjklôyxcvbnm", 'QWERTZUIOPASDFGHJKL"YXCVBNM'),
    "Hungarian": ("123456789öqwertzuiopasdfghjkléyxcvbnm", "QWERTZUIOPASDFGHJKLÉYXCVBNM"),
    "Croatian": ("1234567890qwertzuiopasdfghjklčyxcvbnm", "QWERTZUIOPASDFGHJKLČYXCVBNM"),
    "Lithuanian": ("ąčęėįšųū„“qwertyuiopasdfghjkl;zxcvbnm", SHIFTED_KEYS),
    "Spanish": ("1234567890qwertyuiopasdfghjklñzxcvbnm", "QWERTYUIOPASDFGHJKLÑZXCVBNM"),
    "Italian": ("1234567890qwertyuiopasdfghjklòzxcvbnm", "QWERTYUIOPASDFGHJKLçZXCVBNM"),
    "Portuguese": ("1234567890qwertyuiopasdfghjklçzxcvbnm", "QWERTYUIOPASDFGHJKLÇZXCVBNM"),
    "Swedish": ("1234567890qwertyuiopasdfghjklözxcvbnm", "QWERTYUIOPASDFGHJKLÖZXCVBNM"),
    "Norwegian": ("1234567890qwertyuiopasdfghjkløzxcvbnm", "QWERTYUIOPASDFGHJKLØZXCVBNM"),
    "Danish": ("1234567890qwertyuiopasdfghjklæzxcvbnm", "QWERTYUIOPASDFGHJKLÆZXCVBNM"),
    "Turkish": ("1234567890qwertyuıopasdfghjklşzxcvbnm", "QWERTYUIOPASDFGHJKLŞZXCVBNM"),
    "Turkish F": ("1234567890fgğıodrnhpuieaütkmlyjövcçzs", "FGĞIODRNHPUİEAÜTKMLYJÖVCÇZS"),
    "Japanese": (KEYS, "QWERTYUIOPASDFGHJKL+ZXCVBNM"),
    "Dvorak": ("1234567890',.pyfgcrlaoeuidhtns;qjkxbm", '"<>PYFGCRLAOEUIDHTNS:QJKXBM'),
    "Colemak": ("1234567890qwfpgjluy;arstdhneiozxcvbkm", "QWFPGJLUY:ARSTDHNEIOZXCVBKM"),
    "Workman": ("1234567890qdrwbjfup;ashtgyneoizxmcvkl", "QDRWBJFUP:ASHTGYNEOIZXMCVKL"),
    "Neo": ("1234567890xvlcwkhgfquiaeosnrtdüöäpzbm", "XVLCWKHGFQUIAEOSNRTDÜÖÄPZBM"),
    "Russian": ("1234567890йцукенгшщзфывапролджячсмить", "ЙЦУКЕНГШЩЗФЫВАПРОЛДЖЯЧСМИТЬ"),
    "Ukrainian": ("1234567890йцукенгшщзфівапролджячсмить", "ЙЦУКЕНГШЩЗФІВАПРОЛДЖЯЧСМИТЬ"),
    "Bulgarian": ("1234567890,уеишщксдзьяаожгтнвмюйъэфхп", "ыУЕИШЩКСДЗѝЯАОЖГТНВМЮЙЪЭФХП"),
    "Serbian": ("1234567890љњертзуиопасдфгхјклчжџцвбнм", "ЉЊЕРТЗУИОПАСДФГХЈКЛЧЖЏЦВБНМ"),
    "Kazakh": ('"әіңғ,.үұқйцукенгшщзфывапролджячсмить', "ЙЦУКЕНГШЩЗФЫВАПРОЛДЖЯЧСМИТЬ"),
    "Greek": ("1234567890;ςερτυθιοπασδφγηξκλ´ζχψωβνμ", ":ΣΕΡΤΥΘΙΟΠΑΣΔΦΓΗΞΚΛ¨ΖΧΨΩΒΝΜ"),
}
"""By name: the keys without shift, and with it."""

DIGITS_AS_SYMBOLS = frozenset({"French", "Belgian", "Czech", "Slovak", "Lithuanian", "Kazakh"})
"""Layouts whose number row gives no digits."""

CHANGES_SHAPE = DIGITS_AS_SYMBOLS | {"Dvorak", "Colemak", "Workman", "Greek"}
"""These, and those that give punctuation for letters."""


def on(layout: str, text: str) -> str:
    """Return what a layout makes of the keys that give a text on the US layout."""
    plain, shifted = LAYOUTS[layout]
    keys = dict(zip(KEYS, plain, strict=True)) | dict(zip(SHIFTED_KEYS, shifted, strict=True))
    return "".join(keys.get(one, one) for one in text)
