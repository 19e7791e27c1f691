# SPDX-License-Identifier: Apache-2.0
"""One question to a program: two lines on its standard input, a JSON object on its standard output.

Rules:

1. The question is inert to whatever reads it as a program. Its first line is the word ``exit``, at which a shell ends;
   its second is the JSON object in hexadecimal, which is no statement of any language, whatever the account, the
   target or the credential hold. Nothing follows.
2. The program is named by an absolute path and started without a shell, with a small environment, in ``/``, in a
   session of its own. One time limit holds for all of it; at its end, or when it has written more than an answer may
   be long, everything in that session is killed.
3. Secrets go over standard input only, as base64; never as an argument or in the environment.
4. An answer counts only if the exit status is 0 and the output is one JSON object. Anything else is no answer.
5. What it writes on standard error is for people: its last line is repeated, shortened and printable, without what
   could be a part of the question.

What it does not do: it judges no answer; see ``connector``.
"""

import base64
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from breakglass_shamir.bounded.program import Ended, run
from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.hygiene import Secret

PROTOCOL = 2
"""Version of the protocol; every question names it."""

FIRST_LINE = b"exit\n"
"""Ends a shell, or Tcl, that was named in the place of a program; a language that reads to the end before it runs
anything finds no program in what follows."""

ANSWER_MAX_BYTES = 1 << 20
"""Longest answer that is read; a program that writes more is killed."""

_QUESTION_PART = re.compile(r"[0-9A-Fa-f]{16,}")
"""What an interpreter that was named by mistake may repeat of the second line."""

_SPEAKS = f"it must speak version {PROTOCOL} of the protocol in docs/targets.md"

KEPT_VARIABLES = ("PATH", "HOME", "LANG", "TZ")
"""What the program gets of our environment."""


def ask(program: Path, question: Mapping[str, Any], secrets: Mapping[str, Secret], limit_s: float) -> dict[str, Any]:
    """Ask a program.

    Args:
        program: absolute path.
        question: what is asked; no secret.
        secrets: what goes with it, by field name.
        limit_s: longest time it may take, in seconds.

    Raises:
        ConnectorError: it could not be started, took too long, failed, or gave no answer.
    """
    encoded = {name: base64.b64encode(secret.reveal()).decode() for name, secret in secrets.items()}
    asked = written({"protocol": PROTOCOL, **question, **encoded})
    ended = _run(program, asked, limit_s)
    complaint = _QUESTION_PART.sub("...", ended.complaint)
    if ended.status != 0:
        raise ConnectorError(f"{program.name} ended with exit status {ended.status}: {complaint}", hint=_SPEAKS)
    try:
        answer = json.loads(ended.output)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise ConnectorError(f"{program.name} gave no answer: expected one JSON object: {complaint}", hint=_SPEAKS)
    return answer


def written(question: Mapping[str, Any]) -> bytes:
    """Return a question as it stands on standard input."""
    return FIRST_LINE + json.dumps(question).encode().hex().encode() + b"\n"


def secret_in(answer: Mapping[str, Any], name: str) -> Secret:
    """Return a secret of an answer.

    Raises:
        ConnectorError: it is not there, or not base64.
    """
    try:
        return Secret(base64.b64decode(str(answer[name]), validate=True))
    except (KeyError, ValueError):
        raise ConnectorError(f"the program gave no {name} in base64") from None


def _run(program: Path, asked: bytes, limit_s: float) -> Ended:
    environment = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    try:
        ended = run([str(program)], given=asked, limit_s=limit_s, env=environment, output_max=ANSWER_MAX_BYTES)
    except OSError as error:
        raise ConnectorError(f"{program} could not be started: {error.strerror}") from error
    if ended.status is None:
        raise ConnectorError(f"{program} gave no answer: {ended.why}")
    return ended
