# SPDX-License-Identifier: Apache-2.0
"""A program of your own as the connector: for every target that has none here.

Rules:

1. Only the program's word ``accepted`` is acceptance, only ``refused`` is refusal. No answer, a time-out and a
   failure are *unknown*.
2. It is looked at before every question, not only at the first: who may write it, or rename a folder above it, would
   get the credential.
3. ``rejected`` counts only as an answer; a program that dies in the middle rejected nothing.
4. What the program can do beyond the three questions is said by the option ``abilities``, not guessed.

The protocol is in ``docs/targets.md``; how a question gets there in ``protocol``.
"""

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote_to_bytes, urlsplit

from breakglass_shamir.connectors.port import stamps
from breakglass_shamir.connectors.port.answers import Allowance, Check, CheckResult, Login, Logins, Preflight
from breakglass_shamir.connectors.port.base import ABILITIES, Connector
from breakglass_shamir.connectors.port.log_files import UNREAD_MAX
from breakglass_shamir.connectors.port.options import NO_OPTIONS
from breakglass_shamir.connectors.port.trusted_file import file_problems
from breakglass_shamir.connectors.program import limits, protocol
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret

MOST_SESSIONS = 1_000_000
"""A larger count is no count; a record could not hold any number."""

_SCOPE = "what the program reaches"
_LONGEST_GRACE_S = 7 * 86_400

_ASKED = ABILITIES - {"lifetime", "snapshot"}
"""What a program may be asked beyond the three questions (docs/targets.md)."""


class ExecConnector(Connector):
    """A program of your own; target ``exec:///absolute/path/to/program``.

    What it changes and reaches: what the program does. Write it so that a change is conditional on the old
    credential and all or nothing; test it with the connector's contract suite.

    What it needs: the program, executable, owned by root or by the terminal's user, and writable by nobody else,
    nor any folder above it. It gets two lines on standard input, ``exit`` and a JSON object in hexadecimal, and writes
    one JSON object on standard output.

    What may name it: an adopted policy. A set that is known from its sheets alone gets no such target, whoever
    types it.

    What its questions cost: what the option ``costs`` says, a login for each check and each change where it says
    nothing. What the target still takes, the program says in its answer to ``preflight`` (``allowance``): it is held
    against the whole rotation, and where one refused login is too many the old credential is not tried.

    Options: ``abilities``, words of ``logins_since password_changed_at open_sessions end_sessions issue`` that the
    program answers; ``grace_window``, seconds for which the target may accept the old credential after a change;
    ``costs``, logins of each step, such as ``check=1 preflight=1 rotate=2 sessions=0``;
    ``settings``, a text that is handed to the program with each question; ``time_limit``, seconds.

    What it cannot tell: whether the program says the truth. Its word becomes the proof in the record.
    """

    scheme: ClassVar[str] = "exec"
    grace_window_s: ClassVar[int] = 0
    scope: ClassVar[str] = _SCOPE
    policy_only: ClassVar[bool] = True
    option_names: ClassVar[frozenset[str]] = frozenset({"abilities", "costs", "grace_window", "settings"})

    def __init__(self, target: str, account: str = "", *, options: Mapping[str, str] = NO_OPTIONS) -> None:
        """Bind to a program without running it.

        Raises:
            InvalidInput: no absolute path, an unknown ability, or no number of seconds.
        """
        super().__init__(target, account, options=options)
        self._program = _program_of(target)
        # The port has these for a kind of target; here they are the program's.
        vars(self)["abilities"] = _abilities(options)
        vars(self)["grace_window_s"] = _grace_window_s(options)
        vars(self)["costs"] = limits.costs_of(options)

    def missing(self) -> tuple[str, ...]:
        """Return why the program may not be run."""
        return tuple(file_problems(self._program))

    def _preflight(self, new: Secret | None) -> Preflight:
        return self._preflight_as(new, None)

    def _preflight_as(self, new: Secret | None, current: Secret | None) -> Preflight:
        problems = file_problems(self._program)
        if problems:
            return Preflight(tuple(problems), (), None, self.scope)
        answer = self._ask("preflight", credential=current, new=new)
        allowance = limits.allowance_in(answer)
        more = limits.notes(allowance, self.abilities) if allowance else ()
        return Preflight(
            (*_texts(answer, "problems"), *(limits.too_few(allowance, self.costs) if allowance else ())),
            (f"what {self._program.name} says is taken for the target's word", *_texts(answer, "notes"), *more),
            _instant(answer, "min_age_until"),
            self.scope,
            _texts(answer, "unfit"),
            self._said(answer["login"]) if current and isinstance(answer.get("login"), dict) else None,
            allowance,
        )

    def _check(self, credential: Secret) -> Check:
        try:
            answer = self._ask("check", credential=credential)
        except ConnectorError as error:
            return Check(CheckResult.UNKNOWN, str(error))
        return self._said(answer)

    def _said(self, answer: Mapping[str, Any]) -> Check:
        """Return what the program says that the target said to a credential."""
        detail, blocked = str(answer.get("detail", "")), answer.get("blocked") is True
        if answer.get("result") in ("accepted", "refused") and not blocked:
            return Check(CheckResult(answer["result"]), detail or f"{self._program.name} says so")
        return Check(CheckResult.UNKNOWN, detail or f"{self._program.name} does not know", blocked=blocked)

    def _allowance(self, credential: Secret | None) -> Allowance:
        return limits.allowance_in(self._ask("preflight", credential=credential)) or Allowance()

    def _rotate(self, old: Secret, new: Secret) -> None:
        answer = self._ask("rotate", credential=old, new=new)
        if answer.get("done") is not True:
            detail = str(answer.get("detail", "the program did not say that it is done"))
            raise ConnectorError(detail, rejected=answer.get("rejected") is True)

    def _logins_since(self, since: datetime) -> tuple[Login, ...]:
        answer = self._ask("logins_since", since=since.isoformat())
        logins = answer.get("logins")
        if not isinstance(logins, list):
            raise ConnectorError("the program gave no list of logins")
        found, unread = list[Login](), list(_texts(answer, "unread"))
        for number, one in enumerate(logins, 1):
            login = _login(one, self.account)
            if login:
                found.append(login)
            else:
                unread.append(f"login {number} of the program's answer has no instant with a time zone")
        return Logins(found, unread[:UNREAD_MAX])

    def _password_changed_at(self, credential: Secret | None) -> datetime | None:
        return _instant(self._ask("password_changed_at", credential=credential), "changed_at")

    def _open_sessions(self, credential: Secret) -> int:
        return self._count("open_sessions", credential)

    def _end_sessions(self, credential: Secret) -> int:
        return self._count("end_sessions", credential)

    def _issue(self, current: Secret) -> Secret:
        return protocol.secret_in(self._ask("issue", credential=current), "new")

    def _count(self, action: str, credential: Secret) -> int:
        count = self._ask(action, credential=credential).get("count")
        if not isinstance(count, int) or not 0 <= count <= MOST_SESSIONS:
            raise ConnectorError(f"the program gave no count of sessions for {action}")
        return count

    def _ask(
        self, action: str, *, credential: Secret | None = None, new: Secret | None = None, **more: str
    ) -> dict[str, Any]:
        """Ask the program; an answer with an ``error`` is none."""
        if stands := file_problems(self._program):
            raise ConnectorError(f"{self._program.name} was not run: {'; '.join(stands)}", hint="see docs/targets.md")
        question = {"action": action, "target": self.target, "account": self.account, **more}
        if "settings" in self.options:
            question["settings"] = self.options["settings"]
        secrets = {name: secret for name, secret in (("credential", credential), ("new", new)) if secret}
        answer = protocol.ask(self._program, question, secrets, self.time_limit_s)
        if "error" in answer:
            raise ConnectorError(f"{self._program.name}: {answer['error']}")
        return answer


def _program_of(target: str) -> Path:
    parts = urlsplit(target)
    raw = unquote_to_bytes(parts.path)
    if parts.netloc or parts.query or parts.fragment or not raw.startswith(b"/") or b"\0" in raw:
        raise InvalidInput(
            "exec target is not a program: expected exec:///absolute/path/to/program", hint="three slashes"
        )
    return Path(os.fsdecode(raw))


def _abilities(options: Mapping[str, str]) -> frozenset[str]:
    named = frozenset(options.get("abilities", "").replace(",", " ").split())
    if not named <= _ASKED:
        listed = ", ".join(sorted(_ASKED))
        raise InvalidInput(f"option abilities: expected words of {listed}, got {', '.join(sorted(named - _ASKED))}")
    return named


def _grace_window_s(options: Mapping[str, str]) -> int:
    text = options.get("grace_window", "0")
    if not text.isdecimal() or int(text) > _LONGEST_GRACE_S:
        raise InvalidInput(f"option grace_window: expected seconds up to {_LONGEST_GRACE_S}, got {text!r}")
    return int(text)


def _texts(answer: Mapping[str, Any], name: str) -> tuple[str, ...]:
    found = answer.get(name, [])
    if not isinstance(found, list):
        raise ConnectorError(f"the program gave no list of {name}")
    return tuple(str(one) for one in found)


def _instant(answer: Mapping[str, Any], name: str) -> datetime | None:
    text = answer.get(name)
    if not text:
        return None
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise ConnectorError(f"the program gave no instant with a time zone for {name}")
    return found


def _login(one: Any, account: str) -> Login | None:
    """Return a login of an answer; None where it has no instant with a time zone."""
    at = stamps.instant(str(one.get("at", ""))) if isinstance(one, dict) else None
    if at is None:
        return None
    detail, source = str(one.get("detail", "")), str(one.get("source", ""))
    return Login(at, str(one.get("account", account)), source, one.get("accepted") is True, detail)
