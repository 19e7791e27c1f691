# SPDX-License-Identifier: Apache-2.0
"""What an assessment comes to, for the page and for programs."""

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["holds", "open", "no evidence"]


@dataclass(frozen=True, slots=True)
class Cited:
    """A record on which a control rests."""

    seq: int
    time: str
    type: str
    set_name: str
    words: str
    terminal: str
    """Whose log it is of, where there are several."""

    log: str
    href: str
    """Where it stands on the page."""


@dataclass(frozen=True, slots=True)
class OfSet:
    """What is known of one control for one set."""

    set_name: str
    verdict: Verdict
    rests: tuple[Cited, ...]
    """Without one of them it would be another verdict, unless others say the same."""

    lacks: tuple[str, ...]
    """What is open, a sentence each."""

    without: tuple[str, ...]
    """Kinds of evidence of which there is none, in words."""


@dataclass(frozen=True, slots=True)
class Assessed:
    """One control."""

    number: str
    asks: str
    counts: tuple[str, ...]
    """What counts as evidence, in words."""

    sections: tuple[str, ...]
    """Kinds of sections of the page that have more of it."""

    sets: tuple[OfSet, ...]


@dataclass(frozen=True, slots=True)
class AssessedStandard:
    """One standard that a policy names."""

    key: str
    name: str
    controls: tuple[Assessed, ...]


@dataclass(frozen=True, slots=True)
class Assessment:
    """Everything that was assessed."""

    standards: tuple[AssessedStandard, ...] = ()

    @property
    def records(self) -> tuple[Cited, ...]:
        """Every record that a control rests on, once, by time."""
        found = {
            (cited.log, cited.seq): cited
            for standard in self.standards
            for control in standard.controls
            for one in control.sets
            for cited in one.rests
        }
        return tuple(sorted(found.values(), key=lambda cited: (cited.time, cited.terminal, cited.seq)))

    def count(self, verdict: Verdict) -> int:
        """Return how many times a verdict stands in it."""
        return sum(
            one.verdict == verdict for each in self.standards for control in each.controls for one in control.sets
        )


NOTHING_ASSESSED = Assessment()
"""Where no policy names a standard."""
