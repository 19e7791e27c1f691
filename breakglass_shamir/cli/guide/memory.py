# SPDX-License-Identifier: Apache-2.0
"""What was answered in a flow that has not come to its end, in a file in the home: nothing is asked twice.

Rules:

1. Never a secret: nothing that looks like a share, and no answer of a question that must not be kept, such as who is in
   the room; no command that people typed, in whose words a password may stand.
2. It is a convenience. What cannot be read, is too old or is not what this module wrote counts as nothing, and what
   cannot be written stops nobody.
3. Answers are of one night: after :data:`KEPT_FOR_S` they are forgotten, so that no incident gets another one's reason.

What is recalled goes through the same checks as what is typed.
"""

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from breakglass_shamir.formats.likeness import looks_like_share
from breakglass_shamir.ledger import durable

FILE_NAME = "answers.json"
"""In the home."""

KEPT_FOR_S = 12 * 3600
"""How long an answer is kept."""

MAX_BYTES = 256 * 1024
"""Largest file that is read."""

MAX_FLOWS = 200
"""Flows whose answers are kept; the oldest go first."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """Answers that were kept.

    Attributes:
        answers: by the key of their question.
        at: seconds since 1970 of the last of them.
    """

    answers: Mapping[str, str] = field(default_factory=dict)
    at: int = 0

    @property
    def time(self) -> str:
        """The time of day of the last answer, as the clock on the wall shows it."""
        return datetime.fromtimestamp(self.at, UTC).astimezone().strftime("%H:%M") if self.at else ""


class Memory:
    """The answers of one flow; what it is about is part of its name."""

    def __init__(self, home: Path, flow: str) -> None:
        self._file = home / FILE_NAME
        self._flow = flow

    def recall(self) -> Remembered:
        """Return what was answered; nothing where nothing is known."""
        return self._flows().get(self._flow, Remembered())

    def keep(self, answers: Mapping[str, str]) -> None:
        """Keep answers in the place of those that were there."""
        told = {key: said for key, said in answers.items() if not looks_like_share(said)}
        self._write({**self._flows(), self._flow: Remembered(told, int(time.time()))})

    def forget(self) -> None:
        """Forget the answers: the flow has come to its end, or people begin anew."""
        flows = self._flows()
        if flows.pop(self._flow, None) is not None:
            self._write(flows)

    def _flows(self) -> dict[str, Remembered]:
        with suppress(OSError, ValueError, RecursionError, TypeError, AttributeError):
            found = json.loads(durable.read_plain(self._file, MAX_BYTES))
            flows = {str(name): _remembered(one) for name, one in found["flows"].items()}
            return {name: one for name, one in flows.items() if one.answers and 0 <= time.time() - one.at <= KEPT_FOR_S}
        return {}

    def _write(self, flows: Mapping[str, Remembered]) -> None:
        newest = sorted(flows.items(), key=lambda item: item[1].at)[-MAX_FLOWS:]
        document = {"flows": {name: {"at": one.at, "answers": dict(one.answers)} for name, one in newest}}
        with suppress(OSError):
            if self._file.parent.is_dir():
                durable.write_over(self._file, json.dumps(document, ensure_ascii=True, indent=1).encode())


def _remembered(one: object) -> Remembered:
    if not isinstance(one, dict) or not isinstance(one.get("at"), int) or not isinstance(one.get("answers"), dict):
        return Remembered()
    answers = {
        key: said for key, said in one["answers"].items() if isinstance(said, str) and not looks_like_share(said)
    }
    return Remembered(answers, one["at"])
