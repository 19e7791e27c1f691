# SPDX-License-Identifier: Apache-2.0
"""The password of a local account of this machine as a break-glass credential.

Rules:

1. *Accepted* needs that PAM asked for the password, took it, and that the account may log in. *Refused* needs that PAM
   asked and refused, and that the shadow file's hash is of another password: where it is of this one, something else
   keeps the account out, a lock-out above all.
2. Only ``chpasswd`` changes a password; the shadow file is read and never written.
3. The steps of a rotation: take this machine's lock; log in with the old password; change; compare the new password
   with what is stored now.

What it does not do: it reaches no other machine, and opens no session.
"""

import contextlib
import fcntl
import os
import re
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from breakglass_shamir.connectors.linux import account as linux_account
from breakglass_shamir.connectors.linux import lockout, logins, pam, sessions
from breakglass_shamir.connectors.linux.account import Account, local_account
from breakglass_shamir.connectors.linux.pam import PamAnswer
from breakglass_shamir.connectors.port.answers import Allowance, Check, CheckResult, Lifetime, Login, Preflight
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.port.options import NO_OPTIONS
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.plural import counted

LOCK = Path("/run/breakglass-shamir-linux.lock")
"""Held while a password is changed, by every terminal on this machine."""

PASSWORD_MAX_BYTES = 511
"""Longest password that PAM passes on (PAM_MAX_RESP_SIZE, with its zero byte)."""

DEFAULT_SERVICE = "login"
"""PAM service by which a login is proven."""

_PAM_SUCCESS, _PAM_AUTH_ERR = 0, 7
_BLOCKED = {
    11: "too many failed attempts",
    12: "the password is expired and must be changed",
    13: "the account is expired",
}
"""Answers of PAM that no further attempt makes better (_pam_types.h)."""

_NEEDS_ROOT = "root is needed to log an account in and to change its password"
_BY_THE_HASH = (
    "the shadow file's hash is of another password; PAM was not asked, since one more failed login locks the account"
)
_NAME = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]{0,31}\$?")
_BROKE_RULES = re.compile(r"BAD PASSWORD|already used", re.IGNORECASE)
_PAUSE_S = 0.05


class LinuxConnector(Connector):
    """Password of a local account; target ``linux:///ACCOUNT``.

    What it changes: the account's password in this machine's shadow file, by ``chpasswd``, and so by the rules of the
    PAM service ``chpasswd``. The day of the last change becomes today; expiry and everything else stay.

    What it needs: to run as root, on that machine; ``linux://HOST/...`` is refused: run the terminal there, or use
    ``exec``. A PAM service that asks for a password and nothing else (option ``service``, default ``login``).
    ``libpam.so.0`` and ``libcrypt.so.1``, which every distribution has.

    What it does not reach: the account's SSH keys, ``sudo`` rights and ``su`` of others, running sessions until they
    are ended, copies and backups of the shadow file, passwords of the same account in a directory, in Samba or in a
    database.

    What it cannot tell: whether a second factor is asked for. A service that asks more than the password is *unknown*.

    A login is proven up to the account step of PAM, not by a session: nothing is mounted, and no login is recorded.
    The delay after a failed attempt is left out. ``pam_faillock`` counts an attempt with a wrong password, as it
    counts every other one. Where one more would lock the account, PAM is asked about no password that the hash in
    the shadow file is not of: that alone says that it is refused.

    When the password changed is kept as a day: the beginning of that day (UTC) is told.

    Logins come from ``/var/log/wtmp`` and ``btmp``, from the journal, and from a text log such as
    ``/var/log/auth.log`` (option ``log``; RFC 3339 times). One login may be listed by more than one of them.

    Ending sessions: every process of the account is ended. For ``root`` the sessions that systemd-logind knows, except
    the one this runs in.
    """

    scheme: ClassVar[str] = "linux"
    grace_window_s: ClassVar[int] = 0
    scope: ClassVar[str] = "the password of this account in this machine's shadow file"
    abilities: ClassVar[frozenset[str]] = frozenset(
        {"logins_since", "password_changed_at", "open_sessions", "end_sessions", "lifetime"}
    )
    option_names: ClassVar[frozenset[str]] = frozenset({"service", "log"})

    def __init__(self, target: str, account: str = "", *, options: Mapping[str, str] = NO_OPTIONS) -> None:
        super().__init__(target, account, options=options)
        self.account = _account_of(target, account)
        self._service = options.get("service", DEFAULT_SERVICE)
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", self._service):
            raise InvalidInput("option service: expected the name of a PAM service")
        if not options.get("log", "/").startswith("/"):
            raise InvalidInput("option log: expected an absolute path")

    def missing(self) -> tuple[str, ...]:
        """Return what this process lacks to look at accounts and to change one."""
        if os.geteuid() != 0:
            return (_NEEDS_ROOT,)
        try:
            pam.program("chpasswd")
        except ConnectorError as error:
            return (str(error),)
        return ()

    def _preflight(self, new: Secret | None) -> Preflight:
        problems = [] if new is None else _password_problems(new)
        notes = ["SSH keys of the account, and sudo rights of others, are not reached"]
        try:
            pam.program("chpasswd")
            found = local_account(self.account)
            problems += [*_account_problems(found), *linux_account.shadow_problems()]
            notes += _account_notes(found)
        except ConnectorError as error:
            problems.append(str(error))
        stack = linux_account.stack(self._service)
        if stack is None:
            problems.append(f"there is no PAM service {self._service}")
        elif linux_account.COUNTING_MODULES.search(stack):
            notes.append(self._counted())
        rules = linux_account.RULES_MODULES.search(linux_account.stack("chpasswd") or "")
        if rules:
            notes.append(f"pam_{rules[1]} looks at new passwords; it may refuse one where it is told to for root")
        return Preflight(tuple(problems), tuple(notes), None, self.scope)

    def _lifetime(self, credential: Secret | None) -> tuple[Lifetime, ...]:
        return local_account(self.account).runs_out()

    def _counted(self) -> str:
        """Say what it means here that failed logins are counted."""
        left = self._allowed().wrong
        if left is None:
            return "failed logins are counted here, but not those of this account"
        if not left:
            return (
                "failed logins are counted here, and one more would lock the account: a wrong password is found by the "
                "hash in the shadow file, and PAM is not asked about it"
            )
        return f"failed logins are counted here: a rotation makes one, with the old password, and {left} do no harm"

    def _allowed(self) -> Allowance:
        try:
            uid = local_account(self.account).uid
        except ConnectorError:
            uid = -1
        return lockout.allowance(linux_account.stack(self._service) or "", self.account, uid)

    def _allowance(self, credential: Secret | None) -> Allowance:
        # What would lock the account is never asked of PAM (see _check), so that any number may be asked here.
        return Allowance()

    def _compare(self, new: Secret, old: Secret) -> Check:
        kept = local_account(self.account).kept
        new_is, old_is = (pam.ask("", self.account, kept, secret, self.time_limit_s) for secret in (new, old))
        if old_is is not None and old_is.same:
            return Check(CheckResult.ACCEPTED, "the shadow file's hash is of the old password")
        if new_is is None or old_is is None or not new_is.same or old_is.same is None:
            return Check(CheckResult.UNKNOWN, "this machine cannot tell of which password the shadow file's hash is")
        return Check(CheckResult.REFUSED, "the shadow file's hash is of the new password, and not of the old one")

    def _check(self, credential: Secret) -> Check:
        _stop_at(_password_problems(credential))
        found = local_account(self.account)
        if found.locked:
            return Check(CheckResult.UNKNOWN, "the account's password is locked", blocked=True)
        if self._allowed().wrong == 0:
            compared = pam.ask("", self.account, found.kept, credential, self.time_limit_s)
            if compared is not None and compared.same is False:
                return Check(CheckResult.REFUSED, _BY_THE_HASH)
        answer = pam.ask(self._service, self.account, found.kept, credential, self.time_limit_s, self.on_login)
        return Check(CheckResult.UNKNOWN, "PAM gave no answer in time") if answer is None else _judged(answer)

    def _rotate(self, old: Secret, new: Secret) -> None:
        _stop_at([*_password_problems(new), *(["the new credential is the old one"] if old == new else [])])
        with _locked(self.time_limit_s):
            before = self._check(old)
            if before.result is not CheckResult.ACCEPTED:
                raise ConnectorError(f"unchanged: the old credential was not accepted: {before.detail}")
            kept = local_account(self.account).kept
            done = pam.change(self.account, new, self.time_limit_s)
            self._confirm(kept, new, done)

    def _confirm(self, before: str, new: Secret, done: pam.Done) -> None:
        """Find out from the shadow file what a change did.

        Raises:
            ConnectorError: the new password is not the one that is stored.
        """
        kept = local_account(self.account).kept
        if kept == before:
            raise ConnectorError(
                f"unchanged: chpasswd refused: {done.complaint or 'it gave no reason'}",
                rejected=done.status not in (0, None) and _BROKE_RULES.search(done.complaint) is not None,
            )
        answer = pam.ask("", self.account, kept, new, self.time_limit_s)
        if answer is None or answer.same is not True:
            raise ConnectorError("the password was changed, and it could not be confirmed that it is the new one")

    def _password_changed_at(self, credential: Secret | None) -> datetime | None:
        return local_account(self.account).changed_at

    def _logins_since(self, since: datetime) -> tuple[Login, ...]:
        return logins.logins(self.account, since, self.options.get("log", ""))

    def _open_sessions(self, credential: Secret) -> int:
        found = local_account(self.account)
        if found.uid == 0:
            return len(sessions.logind_sessions(self.account))
        return sessions.count_sessions(found.uid)

    def _end_sessions(self, credential: Secret) -> int:
        found = local_account(self.account)
        if found.uid == 0:
            return sessions.end_logind_sessions(self.account)
        return sessions.end_processes(found.uid, self.time_limit_s)


def _account_of(target: str, account: str) -> str:
    """Return the account a target names.

    Raises:
        InvalidInput: it names none, another machine, or another one than the policy does.
    """
    parts = urlsplit(target)
    name = unquote(parts.path.removeprefix("/"))
    if parts.netloc:
        raise InvalidInput(
            "linux target names a host: expected linux:///ACCOUNT",
            hint="run the terminal on that machine, or use the exec connector",
        )
    if parts.query or parts.fragment or not _NAME.fullmatch(name):
        raise InvalidInput("linux target names no account: expected linux:///ACCOUNT", hint="three slashes")
    if account not in ("", name):
        raise InvalidInput(f"linux target names the account {name}, the policy {account}: expected one account")
    return name


def _judged(answer: PamAnswer) -> Check:
    """Say what PAM's answer means."""
    said = f": {answer.text}" if answer.text else ""
    if answer.more:
        return Check(CheckResult.UNKNOWN, f"PAM asks for more than the password{said}")
    if answer.step == "authenticate" and answer.code == _PAM_AUTH_ERR and answer.asked:
        if answer.same is False:
            return Check(CheckResult.REFUSED, "PAM asked for the password and refused it")
        if answer.same:
            return Check(CheckResult.UNKNOWN, f"PAM refuses, though the password is right{said}", blocked=True)
        return Check(CheckResult.UNKNOWN, f"PAM refuses, and this machine cannot tell whether for the password{said}")
    if answer.code != _PAM_SUCCESS:
        at_the_door = answer.step == "account"
        words = "the account may not log in now" if at_the_door else "PAM does not let the account in"
        words = _BLOCKED.get(answer.code, words)
        return Check(
            CheckResult.UNKNOWN, f"{words} (PAM {answer.code}){said}", blocked=at_the_door or answer.code in _BLOCKED
        )
    if not answer.asked:
        return Check(CheckResult.UNKNOWN, "PAM let the account in without asking for a password")
    return Check(CheckResult.ACCEPTED, "PAM asked for the password and let the account in")


def _password_problems(secret: Secret) -> list[str]:
    """Return why a secret can be no password of an account; none of them repeats it."""
    value = secret.reveal()
    rules = {
        "a password must not be empty": not value,
        "a password must hold no zero byte and no line end": any(byte in value for byte in b"\0\n\r"),
        f"a password may have {PASSWORD_MAX_BYTES} bytes": len(value) > PASSWORD_MAX_BYTES,
    }
    return [text for text, stands in rules.items() if stands]


def _account_problems(found: Account) -> list[str]:
    rules = {
        "the account's password is locked": found.locked,
        "the account is expired": found.expired,
        "nobody but root may log in now: there is a nologin file": found.uid != 0 and linux_account.nobody_may_log_in(),
        _NEEDS_ROOT: os.geteuid() != 0,
    }
    return [*(text for text, stands in rules.items() if stands), *found.age_problems()]


def _account_notes(found: Account) -> list[str]:
    most, least = counted(found.max_days or 0, "day"), counted(found.min_days or 0, "day")
    rules = {
        f"the password must be changed {most} after each change": (found.max_days or 99999) < 99999,
        f"the minimum age of {least} binds the account, and not a rotation": bool(found.min_days),
        f"the account's shell is {found.shell}: a login ends at once": found.shell.endswith(("nologin", "false")),
    }
    return [*(text for text, stands in rules.items() if stands), *found.age_notes()]


@contextlib.contextmanager
def _locked(wait_s: float) -> Iterator[None]:
    """Hold the lock of this machine.

    Raises:
        ConnectorError: another rotation holds it, or it cannot be had.
    """
    try:
        descriptor = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConnectorError(f"unchanged: {LOCK} cannot be had: {error.strerror}", hint="run as root") from error
    deadline = time.monotonic() + wait_s
    try:
        while not _try_lock(descriptor):
            if time.monotonic() > deadline:
                raise ConnectorError("unchanged: another rotation on this machine is under way")
            time.sleep(_PAUSE_S)
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _stop_at(problems: list[str]) -> None:
    if problems:
        raise ConnectorError(f"unchanged: {'; '.join(problems)}")
