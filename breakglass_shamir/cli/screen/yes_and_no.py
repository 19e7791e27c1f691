# SPDX-License-Identifier: Apache-2.0
"""Yes and no in the languages that the locale names; ``y`` and ``n`` hold in every one.

Rules:

1. ``y``, ``yes``, ``n`` and ``no`` come first, whatever the language: they are what the question shows.
2. The languages are those of ``LANGUAGE``, ``LC_ALL``, ``LC_MESSAGES`` and ``LANG``. No locale has to be installed: the
   words stand here. A letter that the installed locale itself takes for an answer counts, too.
3. A whole answer counts and no beginning of one: who types a sentence has said neither.
"""

import locale
import os
import re
import unicodedata

_ALWAYS = {"y": True, "yes": True, "n": False, "no": False}

WORDS = {
    "af": ("j ja", "n nee"), "ar": ("ن نعم", "ل لا"), "be": ("т так", "н не"), "bg": ("д да", "н не"),
    "bs": ("d da", "n ne"), "ca": ("s sí si", "n no"), "cs": ("a ano", "n ne"), "da": ("j ja", "n nej"),
    "de": ("j ja", "n nein"), "el": ("ν ναι ναί", "ο όχι οχι"), "eo": ("j jes", "n ne"), "es": ("s sí si", "n no"),
    "et": ("j jah", "e ei"), "eu": ("b bai", "e ez"), "fa": ("ب بله", "ن نه خیر"), "fi": ("k kyllä kylla", "e ei"),
    "fr": ("o oui", "n non"), "gl": ("s si", "n non"), "he": ("כ כן", "ל לא"), "hi": ("ह हाँ", "न नहीं"),
    "hr": ("d da", "n ne"), "hu": ("i igen", "n nem"), "id": ("y ya", "t tidak"), "is": ("j já ja", "n nei"),
    "it": ("s sì si", "n no"), "ja": ("は はい", "い いいえ"), "ko": ("예 네", "아 아니요 아니오"),
    "lt": ("t taip", "n ne"), "lv": ("j jā ja", "n nē ne"), "mk": ("д да", "н не"), "ms": ("y ya", "t tidak"),
    "nb": ("j ja", "n nei"), "nl": ("j ja", "n nee"), "nn": ("j ja", "n nei"), "no": ("j ja", "n nei"),
    "pl": ("t tak", "n nie"), "pt": ("s sim", "n não nao"), "ro": ("d da", "n nu"), "ru": ("д да", "н нет"),
    "sk": ("a áno ano á", "n nie"), "sl": ("d da", "n ne"), "sr": ("d da д да", "n ne н не"), "sv": ("j ja", "n nej"),
    "th": ("ช ใช่", "ม ไม่"), "tr": ("e evet", "h hayır hayir"), "uk": ("т так", "н ні"),
    "vi": ("c có co", "k không khong"), "zh": ("是 对", "否 不 不是"),
}  # fmt: skip
"""Language to what says yes and what says no, words with spaces between them; the second of each is shown."""


def meaning(said: str) -> bool | None:
    """Return whether an answer means yes; None: it is neither yes nor no."""
    word = _folded(said)
    if word in _ALWAYS:
        return _ALWAYS[word]
    for language in languages():
        for means, listed in zip((True, False), WORDS.get(language, ("", "")), strict=True):
            if word in map(_folded, listed.split()):
                return means
    return _by_locale(word)


def expected() -> str:
    """Say what may be answered, in the languages at hand."""
    known = [WORDS[one] for one in languages() if one in WORDS]
    return ", ".join(["expected y or n", *(f"{yes.split()[1]} or {no.split()[1]}" for yes, no in known)])


def languages() -> list[str]:
    """Return the codes of the languages that the environment names, the preferred one first."""
    environment = os.environ
    chosen = environment.get("LC_ALL") or environment.get("LC_MESSAGES") or environment.get("LANG") or ""
    if _code(chosen) in ("", "c", "posix"):
        return []
    named = [*environment.get("LANGUAGE", "").split(":"), chosen]
    return list(dict.fromkeys(filter(None, map(_code, named))))


def _code(name: str) -> str:
    return re.split(r"[_.@-]", name)[0].lower()


def _by_locale(word: str) -> bool | None:
    """Ask the locale that is installed about a single letter; its patterns match beginnings, and digits."""
    if len(word) != 1 or not word.isalpha() or not languages():
        return None
    before = locale.setlocale(locale.LC_MESSAGES)
    try:
        locale.setlocale(locale.LC_MESSAGES, "")
        patterns = locale.nl_langinfo(locale.YESEXPR), locale.nl_langinfo(locale.NOEXPR)
        yes, no = (re.match(pattern, word) is not None for pattern in patterns)
    except (locale.Error, re.error):
        return None
    finally:
        locale.setlocale(locale.LC_MESSAGES, before)
    return yes if yes != no else None


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text.strip().casefold())
