# SPDX-License-Identifier: Apache-2.0
"""What ``review`` and ``settle`` were not given, asked at a terminal: which one, what it came to, why, which key.

Each answer is checked when it is given, by what the record itself would be refused for. Without a terminal, what is
missing is a usage error that names it.
"""

from pathlib import Path

from breakglass_shamir.cli.guide.asking import Guide
from breakglass_shamir.cli.guide.question import Choice, Question
from breakglass_shamir.cli.screen import paths
from breakglass_shamir.cli.screen.terminal import Terminal, interactive
from breakglass_shamir.custody.life.state import LedgerState
from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.operations.review import reviewing

_VERDICTS = {
    "as declared": "it was what was declared, and nothing else was done",
    "with findings": "it was, but something was not as it should be",
    "misuse": "it should not have been opened, or was used for something else: everybody who is alerted is told",
}
"""What a review can come to, each with its explanation."""


def begin(terminal: Terminal) -> Guide:
    """Return what asks."""
    return Guide(terminal, leaves=lambda: ["nothing is recorded yet"])


def subject(guide: Guide, state: LedgerState, given: str) -> str:
    """Return the id of what is reviewed.

    Raises:
        InvalidInput: nothing waits for a review, or nobody can be asked.
        Stopped: people leave.
    """
    if given:
        return given
    _require_people("ID")
    waiting = [*reviewing.waiting(state)]
    if not waiting:
        raise InvalidInput("no opening that is over owes a review", hint="name one by its id; audit list has them")
    choices = tuple(Choice(short, f"{s.name}: {what}") for s, short, what in waiting)
    return guide.ask(Question("id", "Which one is reviewed?", choices=choices, free=True))


def verdict(guide: Guide, given: str | None) -> str:
    """Return what the review comes to.

    Raises:
        InvalidInput: no verdict, or nobody can be asked.
        Stopped: people leave.
    """
    if given is not None:
        return reviewing.check_verdict(given)
    _require_people("--verdict")
    choices = tuple(Choice(word, words) for word, words in _VERDICTS.items())
    return guide.ask(Question("verdict", "What did it come to?", choices=choices, check=reviewing.check_verdict))


def reason(guide: Guide, given: str | None) -> str:
    """Return what was found, in words that say something.

    Raises:
        InvalidInput: nobody can be asked.
        Stopped: people leave.
    """
    if given is not None:
        return given
    _require_people("--reason")
    helps = ("what was looked at and what it showed; it stands in the record and in the alert",)
    return guide.ask(Question("reason", "What was found?", helps=helps, check=reviewing.check_reason))


def key_file(guide: Guide, given: Path | None) -> Path:
    """Return the file of the key that signs.

    Raises:
        InvalidInput: there is no such file, or nobody can be asked.
        Stopped: people leave.
    """
    if given is not None:
        return given
    _require_people("--sign")

    def check(said: str) -> str:
        path = paths.one(said)
        if not path.is_file():
            raise InvalidInput(f"expected a key file, found none at {path}")
        return str(path)

    helps = ("an own SSH key; or its .pub file, where an agent or a token holds the other half",)
    return Path(guide.ask(Question("sign", "File of your own SSH key", helps=helps, check=check, paths=True)))


def _require_people(what: str) -> None:
    if not interactive():
        raise InvalidInput(f"expected {what}, got none", hint="give it in the command, or use a terminal")
