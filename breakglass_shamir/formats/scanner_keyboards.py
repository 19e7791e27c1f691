# SPDX-License-Identifier: Apache-2.0
"""What a scanner that types meant, where the machine has another keyboard layout (spec: docs/spec/2-text.md).

Rules:

1. A keyboard is known by what it makes of ``BGS1:`` and ``BGE1:``. Several keyboards make the same of them.
2. What comes out is a list of what may have been meant. Parity or signature choose; this module does not.
3. What people type is not touched: they see what they type.

``keyboards.py`` tells such a text from others, on more keyboards than can be undone: there are some that compose.
"""

from breakglass_shamir.formats import envelope, share
from breakglass_shamir.formats.text import WHITE_SPACE

PAIRS = {
    "German, Austrian, Swiss French": "YZ ZY :Ö /-",
    "Swiss German": "YZ ZY :É /-",
    "Hungarian": "YZ ZY :É /- 0Ö",
    "Croatian, Slovenian, Serbian in Latin letters": "YZ ZY :Č /-",
    "Polish typist's": "YZ ZY :Ł /-",
    "Albanian": "YZ ZY :Ë",
    "Czech": 'YZ ZY :" /- 1+ 2Ě 3Š 4Č 5Ř 6Ž 7Ý 8Á 9Í 0É',
    "Slovak": 'YZ ZY :" /- 1+ 2Ľ 3Š 4Č 5Ť 6Ž 7Ý 8Á 9Í 0É',
    "French": "QA AQ WZ ZW :M M? M, /! 1& 2É 3\" 4' 5( 6- 7È 8_ 9Ç 0À",
    "Belgian": "QA AQ WZ ZW :M M? M, /= 1& 2É 3\" 4' 5( 6§ 7È 8! 9Ç 0À",
    "Spanish, Latin American": ":Ñ /-",
    "Italian, Portuguese": ":Ç /-",
    "Brazilian": ":Ç /;",
    "Swedish, Finnish, Estonian": ":Ö /-",
    "Norwegian": ":Ø /-",
    "Danish, Faroese": ":Æ /-",
    "Icelandic": ":Æ /Þ",
    "Dutch": ":± /-",
    "Turkish": ":Ş /.",
    "Turkish F": "QF WG EĞ RI TO YD UR IN OH AU Sİ DE FA GÜ HT JK KM :Y ZJ XÖ CV VC BÇ NZ MS /,",
    "Japanese": ":+",
    "Lithuanian": "1Ą 2Č 3Ę 4Ė 5Į 6Š 7Ų 8Ū 9„ 0“",
    "Dvorak": "Q\" W< E> RP TY YF UG IC OR PL SO DE FU GI HD JH KT LN :S Z: XQ CJ VK BX NB Q' W, E. Z; /Z",
    "Colemak": "EF RP TG YJ UL IU OY P: SR DS FT GD JN KE LI :O NK P;",
    "Workman": "WD ER RW TB YJ UF IU OP P: DH FT HY JN KE LO :I CM VC BV NK ML P;",
    "Neo": "QX WV EL RC TW YK UH IG OF PQ AU SI DA FE GO HS JN KR LT :D ZÜ XÖ CÄ VP BZ NB /J",
    "Russian": "QЙ WЦ EУ RК TЕ YН UГ IШ OЩ PЗ AФ SЫ DВ FА GП HР JО KЛ LД :Ж ZЯ XЧ CС VМ BИ NТ MЬ /.",
    "Ukrainian": "QЙ WЦ EУ RК TЕ YН UГ IШ OЩ PЗ AФ SІ DВ FА GП HР JО KЛ LД :Ж ZЯ XЧ CС VМ BИ NТ MЬ /.",
    "Bulgarian": "Q, WУ EЕ RИ TШ YЩ UК IС OД PЗ AЬ SЯ DА FО GЖ HГ JТ KН LВ :М ZЮ XЙ CЪ VЭ BФ NХ MП QЫ AЍ /Б",
    "Serbian": "QЉ WЊ EЕ RР TТ YЗ UУ IИ OО PП AА SС DД FФ GГ HХ JЈ KК LЛ :Ч ZЖ XЏ CЦ VВ BБ NН MМ /-",
}
"""By name, as pairs: what the US layout has on a key, and what this keyboard has there; of two the first is shifted."""

FEWEST_CHARACTERS, MOST_CHARACTERS = 60, 4000
"""No code is shorter, and a typed line is; none is longer."""

_PREFIX_CHARACTERS = len(share.PREFIX)
_PREFIXES = (share.PREFIX, envelope.PREFIX)


def undone(text: str, pairs: str) -> str | None:
    """Return the code that was meant, if a keyboard of these pairs makes this text of one."""
    back = {pair[1]: pair[0] for pair in reversed(pairs.split())}
    moved = {pair[0] for pair in pairs.split()} - set(back)
    raised = [one.upper() if len(one.upper()) == 1 else one for one in text.strip(WHITE_SPACE)]
    if any(one in moved for one in raised):
        return None
    meant = "".join(back.get(one, one) for one in raised)
    return meant if meant.isascii() and meant.startswith(_PREFIXES) else None


def meant_by(text: str) -> dict[str, frozenset[str]]:
    """Return what a scanner may have meant, each with its keyboards; nothing where the text stands as it is."""
    bare = text.strip(WHITE_SPACE)
    if not FEWEST_CHARACTERS <= len(bare) <= MOST_CHARACTERS or bare[:_PREFIX_CHARACTERS].upper() in _PREFIXES:
        return {}
    found: dict[str, set[str]] = {}
    for name, pairs in PAIRS.items():
        if undone(bare[:_PREFIX_CHARACTERS], pairs) and (code := undone(bare, pairs)):
            found.setdefault(code, set()).add(name)
    return {code: frozenset(names) for code, names in found.items()}
