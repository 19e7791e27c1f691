# SPDX-License-Identifier: Apache-2.0
"""What was answered in a flow that came to no end: shown, and taken if people go on with it."""

from collections.abc import Mapping

from breakglass_shamir.cli.guide.asking import Guide, why_key


def recalled(guide: Guide, given: Mapping[str, str]) -> Mapping[str, str]:
    """Return what was answered before, but for what is given anew; nothing where people want to begin again.

    Raises:
        Stopped: people leave.
    """
    if guide.memory is None:
        return {}
    found = guide.memory.recall()
    answers = {key: said for key, said in found.answers.items() if key.removeprefix(why_key("")) not in given}
    if not answers:
        return {}
    guide.terminal.say(f"answered before, at {found.time}, and not finished:")
    for key, said in answers.items():
        guide.terminal.say(f"  {key:10}  {said}")
    if guide.confirm("Go on with these?", helps=("n: they are forgotten, and asked for again",)):
        return answers
    guide.memory.forget()
    return {}
