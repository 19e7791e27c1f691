# SPDX-License-Identifier: Apache-2.0
"""One question to a program: two lines on its standard input, a JSON object on its standard output.

Rules:

1. The question is inert to whatever reads it as a program. Its first line is the word ``exit``, at which a shell ends;
   its second is the JSON object in hexadecimal, which is no statement of any language, whatever the account, the
   target or the credential hold. Nothing follows.
2. The program is named by an absolute path and started without a shell, with a small environment, in ``/``, in a
   session of its own; at the time limit everything in that session is killed.
3. Secrets go over standard input only, as base64; never as an argument or in the environment.
4. An answer counts only if the exit status is 0 and the output is one JSON object. Anything else is no answer.
5. What it writes on standard error is for people: its last line is repeated, shortened and printable, without what
   could be a part of the question.

What it does not do: it judges no answer; see ``connector``.
"""

import base64
import contextlib
import json
import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.hygiene import Secret

PROTOCOL = 2
"""Version of the protocol; every question names it."""

FIRST_LINE = b"exit\n"
"""Ends a shell, or Tcl, that was named in the place of a program; a language that reads to the end before it runs
anything finds no program in what follows."""

ANSWER_MAX_BYTES = 1 << 20
"""Longest answer that is read."""

COMPLAINT_MAX_CHARS = 200
"""Longest part of the last line on standard error that is repeated to people."""

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
    status, output, complaint = _run([str(program)], asked, limit_s)
    if status != 0:
        raise ConnectorError(f"{program.name} ended with exit status {status}: {complaint}", hint=_SPEAKS)
    try:
        answer = json.loads(output)
    except ValueError:
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


def _run(command: Sequence[str], asked: bytes, limit_s: float) -> tuple[int, bytes, str]:
    environment = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    try:
        process = subprocess.Popen(
            list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/",
            env=environment, start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise ConnectorError(f"{command[0]} could not be started: {error.strerror}") from error
    with process:
        try:
            output, errors = process.communicate(asked, timeout=limit_s)
        except subprocess.TimeoutExpired:
            raise ConnectorError(f"{command[0]} did not answer within {limit_s:g} s") from None
        finally:
            # Nothing of the program's session is left behind, whatever it started.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    return process.returncode, output[: ANSWER_MAX_BYTES + 1], _last_line(errors)


def _last_line(errors: bytes) -> str:
    lines = errors.decode("utf-8", errors="replace").splitlines()
    printable = ("".join(filter(str.isprintable, line)).strip() for line in reversed(lines))
    said = next(filter(None, printable), "no message")
    return _QUESTION_PART.sub("...", said)[:COMPLAINT_MAX_CHARS]
