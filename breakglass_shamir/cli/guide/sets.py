# SPDX-License-Identifier: Apache-2.0
"""Which set is meant: named, nearly named, the only one there is, or chosen from a list."""

from collections.abc import Callable, Mapping

from breakglass_shamir.cli.guide.asking import Guide
from breakglass_shamir.cli.guide.question import Choice, Question
from breakglass_shamir.custody.life import under_way
from breakglass_shamir.custody.life.state import Phase, SetState
from breakglass_shamir.nearest import nearest

THE_SHEETS_SAY = "?"
"""Stands for a set that only its sheets name."""


def choose(
    guide: Guide, sets: Mapping[str, SetState], name: str, *, sheets_say: bool = False,
    fits: Callable[[SetState], bool] = lambda _: True,
) -> str:  # fmt: skip
    """Return the name of the set that is meant; empty where the sheets are to say it.

    Args:
        guide: asks.
        sets: those that this machine knows.
        name: what people said; empty: nothing.
        sheets_say: whether the sheets may say it, so that a name that is not known here is taken as it is.
        fits: whether a set is worth listing for this command.
    """
    if name:
        return _named(guide, sets, name, sheets_say=sheets_say)
    listed = [state for _, state in sorted(sets.items()) if fits(state)] or [one for _, one in sorted(sets.items())]
    if not listed:
        return "" if sheets_say else guide.ask(Question("set", "Name of the set"))
    if len(listed) == 1 and len(sets) == 1:
        guide.terminal.say(f"set {listed[0].name}: {in_words(listed[0])}")
        return listed[0].name
    choices = [Choice(state.name, in_words(state)) for state in listed]
    if sheets_say:
        choices.append(Choice(THE_SHEETS_SAY, "the sheets will say which set", listed="scan"))
    helps = ("the name of a set stands on top of each of its sheets",)
    chosen = guide.ask(Question("set", "Which set?", choices=tuple(choices), helps=helps))
    return "" if chosen == THE_SHEETS_SAY else chosen


def in_words(state: SetState) -> str:
    """Say in a line where a set stands."""
    if state.retired is not None:
        return "retired"
    if (found := under_way.standing(state)) is not None:
        return found.stands
    epoch = state.epochs.get(state.current)
    number = f"epoch {epoch.number}, " if epoch else ""
    opening = state.opening
    phase = opening.phase if opening is not None else Phase.SEALED if epoch and epoch.sealed else Phase.ISSUED
    return f"{number}{phase}"


def _named(guide: Guide, sets: Mapping[str, SetState], name: str, *, sheets_say: bool) -> str:
    near = nearest(name, [*sets]) if name not in sets else ""
    if near and guide.confirm(f"No set {name!r} is known here. Did you mean {near}?"):
        return near
    if name in sets or sheets_say or not sets:
        return name
    guide.terminal.warn(f"no set {name!r} is known here")
    return choose(guide, sets, "")
