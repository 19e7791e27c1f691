# SPDX-License-Identifier: Apache-2.0
"""Ask the functions of ``recover.html`` and those of ``recover.py`` the same, and say what each answers.

A case is ``[operation, input]``; an answer is ``{"output": ...}`` or ``{"error": id of the failure}``. The operations
are those of the vectors (``tests/vectors/README.md``), and some more: ``session`` takes lines, gives every answer of
the session and what came of opening it; ``screen`` is what is shown of a credential; ``codes`` the modules of codes.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol
from unittest import mock

from breakglass_shamir.standalone import recover as program

Case = list[Any]
Answer = dict[str, Any]

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
FILES = ("primitives", "lines", "shares", "envelopes", "plaintexts", "likeness", "scans")


class Browser(Protocol):
    """What runs an expression in the page."""

    def value(self, expression: str) -> Any: ...


class Asked:
    """The page, whose functions answer."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser

    def __call__(self, cases: Sequence[Case]) -> list[Answer]:
        """Return the answer to each case."""
        found: list[Answer] = self.browser.value(f"run({json.dumps(list(cases))})")
        return found

    def one(self, operation: str, **given: Any) -> Answer:
        return self([[operation, given]])[0]


def operations() -> str:
    """Return the script that lets the page be asked."""
    return (Path(__file__).parent / "operations.js").read_text(encoding="utf-8") + "\n0"


def vectors_of(file: str) -> list[dict[str, Any]]:
    loaded: dict[str, list[dict[str, Any]]] = json.loads((VECTORS / f"{file}.json").read_text(encoding="utf-8"))
    return loaded["vectors"]


def epochs() -> dict[str, dict[str, Any]]:
    """Return the epochs of the vectors, by name."""
    return {v["name"]: {**v["input"], **v["output"]} for v in vectors_of("epochs")}


MOMENT = 1111111109
"""When the codes of second factors are asked for."""


def of_program(lines: Sequence[str], wanted: str = "") -> Answer:
    """Return what recover.py answers to lines of input, and what comes of opening them."""
    answers: list[str] = []
    session = program.Session(answers.append, wanted)
    for line in lines:
        session.take(line)
    try:
        opened = session.open()
    except program.Refused as refusal:
        return {"answers": answers, "error": refusal.failure}
    return {"answers": answers, "output": told(opened)}


def screen_at(credential: program.Credential, moment: int) -> str:
    """Return what recover.py shows of a credential at a moment."""
    with mock.patch("time.time", return_value=moment):
        return program.as_screen(credential)


def told(opened: program.Opened) -> Answer:
    credential = opened.credential
    return {
        "set_key_seed": opened.seed.hex(),
        "set_public_key": opened.set_public_key.hex(),
        "sheets": opened.sheets,
        "screen": screen_at(credential, MOMENT),
        "warnings": program.warnings_of(credential),
        "texts": [[name, program.shown(text)] for name, text in credential.texts.items()],
        "made": opened.envelope.made if opened.envelope else "",
    }
