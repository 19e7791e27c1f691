# SPDX-License-Identifier: Apache-2.0
"""Which keyboard a scanner types on, as far as its codes prove it (spec: docs/spec/2-text.md).

Rules:

1. A code proves its keyboard: a share of which nothing is repaired, an envelope that holds.
2. One code of several of an envelope proves nothing. It counts under a keyboard that a code before has proven.
3. Where nothing is certain, or two keyboards are, the keyboards are named and the code is left out.
"""

from dataclasses import dataclass, field

from breakglass_shamir.errors import BreakglassError, MalformedText
from breakglass_shamir.formats import share
from breakglass_shamir.formats.envelope import PREFIX, EnvelopeReader
from breakglass_shamir.formats.scanner_keyboards import meant_by


@dataclass(slots=True)
class Scanner:
    """What the codes so far prove of a scanner's keyboard."""

    keyboards: frozenset[str] = field(default=frozenset())
    """One of these; none where nothing came that had to be undone."""

    def meant(self, text: str) -> str | None:
        """Return the code that was meant; None for a text that stands as it is, or is none of ours.

        Raises:
            MalformedText: a code of ours, but of which keyboard is not certain.
        """
        several = meant_by(text)
        if not several:
            return None
        sure = {code: names for code, names in several.items() if _proves_itself(code)}
        if not sure:
            sure = {code: names for code, names in several.items() if names & self.keyboards and _is_part(code)}
        if len(sure) != 1:
            raise MalformedText(
                f"scanned on another keyboard ({_listed(*several.values())}), and which is not certain: scan a share "
                "code first, or set scanner and machine to the US layout"
            )
        ((code, names),) = sure.items()
        self.keyboards = self.keyboards & names or names
        return code

    def said(self) -> str:
        """Say what was undone; empty where nothing was."""
        named = _listed(self.keyboards)
        return f"; this machine's keyboard has another layout than the scanner ({named}): undone" if named else ""


def _listed(*several: frozenset[str]) -> str:
    return " or ".join(sorted(frozenset().union(*several)))


def _proves_itself(code: str) -> bool:
    try:
        if code.startswith(share.PREFIX):
            return not share.from_text(code).repaired
        return EnvelopeReader().add(code) is not None
    except BreakglassError:
        return False


def _is_part(code: str) -> bool:
    try:
        return code.startswith(PREFIX) and EnvelopeReader().add(code) is None
    except BreakglassError:
        return False
