# SPDX-License-Identifier: Apache-2.0
"""What a program's questions cost at its target, and how many it says that the target still takes.

Rules:

1. What a step costs stands in the policy (option ``costs``): it is needed before the program is asked anything.
2. What the target still takes is the program's answer. A number that makes no sense is no answer, and stops: taken for
   *any number*, it would lock somebody out.

Docs: ``docs/targets.md``.
"""

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from breakglass_shamir.connectors.port.answers import Allowance
from breakglass_shamir.connectors.port.cost import Costs, bill
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.plural import counted

MOST = 1_000_000
"""A larger number is none."""

PAUSE_MAX_S = 3600.0
"""A longer pause after a refused login is no pause, but a lock."""

_STEPS = ("check", "preflight", "rotate", "sessions")


def costs_of(options: Mapping[str, str]) -> Costs:
    """Return what each step costs; without the option a login for each check and each change.

    Raises:
        InvalidInput: another step, or no number of logins.
    """
    given = {}
    for word in options.get("costs", "").replace(",", " ").split():
        step, _, number = word.partition("=")
        if step not in _STEPS or not number.isascii() or not number.isdecimal() or int(number) > MOST:
            raise InvalidInput(
                f"option costs: expected words such as check=1, of {', '.join(_STEPS)}, got {word[:60]!r}"
            )
        given[step] = int(number)
    # How many more it takes, it is asked by ``preflight``.
    return Costs(**given, allowance=given.get("preflight", 0))


def allowance_in(answer: Mapping[str, Any]) -> Allowance | None:
    """Return what an answer to ``preflight`` says that the target still takes; None where it says nothing.

    Raises:
        ConnectorError: it says something that is no number of logins.
    """
    told = answer.get("allowance")
    if told is None:
        return None
    known = {field.name for field in fields(Allowance)} - {"pause_s"} | {"pause"}
    if not isinstance(told, dict) or not told.keys() <= known:
        raise ConnectorError(
            f"the program gave an allowance that is none: expected an object of {', '.join(sorted(known))}"
        )
    return Allowance(_number(told, "wrong"), _number(told, "right"), _pause(told), str(told.get("why", "")))


def too_few(allowance: Allowance, costs: Costs) -> tuple[str, ...]:
    """Say where the target takes fewer logins than the rest of a rotation makes."""
    needed = bill(costs).all - (costs.preflight or 0)
    if allowance.right is None or allowance.right >= needed:
        return ()
    why = f" ({allowance.why})" if allowance.why else ""
    return (
        f"the target takes {counted(allowance.right, 'more login')}{why}, and the rest of this rotation makes {needed}",
    )


def notes(allowance: Allowance, abilities: frozenset[str]) -> tuple[str, ...]:
    """Say what follows where one refused login is one too many."""
    if allowance.wrong != 0:
        return ()
    shown = (
        "its end is shown by the time of the change"
        if "password_changed_at" in abilities
        else "nothing shows its end, so that two officers have to attest it"
    )
    why = f" ({allowance.why})" if allowance.why else ""
    return (f"one refused login is one too many{why}: the old credential is not tried, and {shown}",)


def _number(told: Mapping[str, Any], name: str) -> int | None:
    found = told.get(name)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found <= MOST:
        raise ConnectorError(f"the program gave an allowance with no number of logins: {name}")
    return found


def _pause(told: Mapping[str, Any]) -> float:
    found = told.get("pause", 0)
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        raise ConnectorError("the program gave an allowance with no number of seconds: pause")
    if not 0 <= found <= PAUSE_MAX_S:
        raise ConnectorError(f"the program gave an allowance with no number of seconds up to {PAUSE_MAX_S:g}: pause")
    return float(found)
