# SPDX-License-Identifier: Apache-2.0
"""The password of a user of a management controller (BMC), by IPMI 2.0, as a break-glass credential.

Rules:

1. *Accepted* needs a session as the user with this password. *Refused* needs that the controller proved another one:
   its answer to the first messages is made with the password that it keeps. No such user, a user that is locked, a
   session that is refused for any other reason: *unknown*.
2. The user changes its own password, in a session by the old one. The new one has to log in afterwards.
3. Controllers cut a password at 16 bytes, some of those that say they take 20 do, too. So a new one has 16 at most,
   unless the policy says that this controller takes 20. One that was cut all the same is known by its first 16 bytes
   letting in, and the old one is set back with them.

What it does not do: it makes no user, and changes no privilege and no other user.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar
from urllib.parse import urlsplit

from breakglass_shamir.connectors.bmc import ipmitool
from breakglass_shamir.connectors.bmc.ipmitool import NoSession, NotDone
from breakglass_shamir.connectors.database_target import require_different, stop_at
from breakglass_shamir.connectors.port.answers import Allowance, Check, CheckResult, Preflight
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.port.cost import Costs
from breakglass_shamir.connectors.port.options import NO_OPTIONS
from breakglass_shamir.connectors.port.words import is_host
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret

PORT = 623
"""Where a controller listens, unless the target says otherwise."""

USER_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.@")
USER_MAX_CHARS = 16
"""What names of users are made of here; IPMI has 16 bytes for one."""

SHORT_BYTES, LONG_BYTES = 16, 20
"""What IPMI 1.5 and IPMI 2.0 keep of a password."""

CIPHERS = frozenset({"3", "8", "12", "17"})
"""Cipher suites with authentication, integrity and encryption."""

NOBODY = "breakglass-none"
"""A user that no controller has, to see whether it answers."""

GET_DEVICE_ID = "raw 0x06 0x01"
LIST_USERS = "user list 14"
BAD_PASSWORD_THRESHOLD = "raw 0x0c 0x02 0x0e 0x1a 0x00 0x00"  # noqa: S105 - a question

_LET_IN = "the controller and the password agree, and a session was opened"


class IpmiConnector(Connector):
    """Password of a user of a BMC; target ``ipmi://HOST[:623]``.

    What it changes: the password of the user ``target.account``, as that user.

    What it needs: the Debian package ``ipmitool``. IPMI over LAN switched on, and a user of its own with the privilege
    *administrator* on that channel, whose name has at most 16 letters, digits, ``_-.@``. ``rotation.length`` of at most
    16. The option ``cipher`` is the cipher suite: 17 by default, 3 for controllers that have no SHA-256. The option
    ``longest`` is ``20`` for controllers that keep 20 bytes of a password.

    What it does not reach: sessions that are open, the same user in the controller's web pages where these keep users
    of their own, other controllers of the chassis.

    What it cannot tell: a user that is locked, disabled or not there have one answer. The protocol has no certificate:
    whoever answers in the controller's place is not let in by a right password, but can make it look wrong. A
    controller tells whoever names a user what passwords can be tried against, away from it: 16 random characters
    withstand that.

    Two terminals that rotate within the same moment: the later one wins, and the other sees its new password refused.
    """

    scheme: ClassVar[str] = "ipmi"
    grace_window_s: ClassVar[int] = 0
    scope: ClassVar[str] = "the password of this user of this controller"
    option_names: ClassVar[frozenset[str]] = frozenset({"cipher", "longest"})
    costs: ClassVar[Costs] = Costs(preflight=1, rotate=3, allowance=1)

    def __init__(self, target: str, account: str = "", *, options: Mapping[str, str] = NO_OPTIONS) -> None:
        super().__init__(target, account, options=options)
        try:
            parts = urlsplit(target)
            host, port = parts.hostname or "", parts.port or PORT
        except ValueError:
            parts, host, port = urlsplit(""), "", PORT
        if not is_host(host) or "@" in parts.netloc or parts.path not in ("", "/") or parts.query or parts.fragment:
            raise InvalidInput("ipmi target is malformed: expected ipmi://HOST[:PORT]")
        if not 0 < len(account) <= USER_MAX_CHARS or not USER_CHARACTERS.issuperset(account):
            raise InvalidInput(
                f"ipmi account: expected a name of 1 to {USER_MAX_CHARS} letters, digits, hyphens, underscores, full "
                "stops and @",
                hint="name it in the policy as target.account",
            )
        cipher, longest = options.get("cipher", "17"), options.get("longest", str(SHORT_BYTES))
        if cipher not in CIPHERS:
            raise InvalidInput(f"option cipher: expected one of {', '.join(sorted(CIPHERS, key=int))}")
        if longest not in (str(SHORT_BYTES), str(LONG_BYTES)):
            raise InvalidInput(f"option longest: expected {SHORT_BYTES} or {LONG_BYTES}")
        self._longest = int(longest)
        self._place = ipmitool.Place(host, port, account, cipher, self.time_limit_s)

    def missing(self) -> tuple[str, ...]:
        """Return whether ipmitool is not there."""
        try:
            ipmitool.find()
        except ConnectorError as error:
            return (f"{error}; {error.hint}",)
        return ()

    def _preflight(self, new: Secret | None) -> Preflight:
        return self._preflight_as(new, None)

    def _preflight_as(self, new: Secret | None, current: Secret | None) -> Preflight:
        problems = self._problems(new) if new is not None else []
        notes = ["IPMI has no certificates: keep the controller in a network of its own"]
        login, allowance = None, None
        if current is None:
            problems += self._no_controller()
        else:
            try:
                self._number(current)
                login = Check(CheckResult.ACCEPTED, _LET_IN)
            except NoSession as error:
                login = _judged(error)
                problems.append(f"the user could not log in to be asked: {login.detail}")
            except (NotDone, ConnectorError) as error:
                problems.append(f"the user could not be asked about: {error}")
        return Preflight(tuple(problems), tuple(notes), None, self.scope, (), login, allowance)

    def _no_controller(self) -> list[str]:
        """Say that no controller answers, without a wrong password for the user."""
        try:
            ipmitool.ask(replace(self._place, user=NOBODY), Secret(b"nobody"), [GET_DEVICE_ID])
        except NoSession as error:
            return [] if error.is_answer else [f"no controller answers: {error}"]
        except NotDone:
            pass
        return ["what answers lets in a user that nobody has"]

    def _check(self, credential: Secret) -> Check:
        if problems := _text_problems(credential):
            return Check(CheckResult.UNKNOWN, problems[0])
        try:
            ipmitool.ask(self._place, credential, [GET_DEVICE_ID])
        except NoSession as error:
            return _judged(error)
        except NotDone as error:
            return Check(CheckResult.UNKNOWN, f"a session was opened, and nothing could be asked in it: {error}")
        return Check(CheckResult.ACCEPTED, _LET_IN)

    def _rotate(self, old: Secret, new: Secret) -> None:
        require_different(old, new)
        stop_at([*_text_problems(old), *self._problems(new)])
        try:
            number = self._number(old)
        except NotDone as error:
            raise ConnectorError(f"unchanged: the controller does not list its users: {error}") from error
        except NoSession as error:
            raise ConnectorError(f"unchanged: the old credential did not log in: {error}") from error
        try:
            ipmitool.ask(self._place, old, [ipmitool.setting(number, new)])
        except NoSession as error:
            raise ConnectorError(f"unchanged: the old credential did not log in: {error}") from error
        except NotDone as error:
            raise ConnectorError(f"the change was sent and may be in place: {error}") from error
        check = self._check(new)
        if check.result is CheckResult.REFUSED:
            raise ConnectorError(self._set_back(number, old, new))
        if check.result is not CheckResult.ACCEPTED:
            raise ConnectorError(f"the change was sent and may be in place: {check.detail}")

    def _set_back(self, number: int, old: Secret, new: Secret) -> str:
        """Set the old password back where the controller cut the new one; returns what holds then, in words."""
        cut = Secret(new.reveal()[:SHORT_BYTES])
        taken = "the controller took the new password and does not let it in"
        if len(new) <= SHORT_BYTES:
            return f"the change was sent and may be in place: {taken}"
        try:
            ipmitool.ask(self._place, cut, [ipmitool.setting(number, old)])
        except (NoSession, NotDone) as error:
            return f"the change may be in place: {taken}; its first {SHORT_BYTES} characters may: {error}"
        if self._check(old).result is not CheckResult.ACCEPTED:
            return f"the old password was set back, and does not log in: {taken}"
        return f"unchanged: the controller cuts passwords at {SHORT_BYTES} bytes: leave out the option longest"

    def _number(self, password: Secret) -> int:
        """Return the number of the user, as which it logs in.

        Raises:
            NoSession: it is not let in.
            NotDone: the controller does not list its users.
            ConnectorError: there is none, or more than one, of this name; or it is no administrator.
        """
        stop_at(_text_problems(password))
        rows = [line.split(",") for line in ipmitool.ask(self._place, password, [LIST_USERS]).splitlines()]
        mine = [row for row in rows if len(row) > 2 and row[0].strip().isdecimal() and row[1].strip() == self.account]
        if len(mine) != 1:
            raise ConnectorError(f"unchanged: the controller has {len(mine)} users of this name, expected one")
        if mine[0][-1].strip() != "ADMINISTRATOR":
            raise ConnectorError("unchanged: the user is no administrator of this channel, and may set no password")
        return int(mine[0][0])

    def _allowance(self, credential: Secret | None) -> Allowance:
        if credential is None:
            return Allowance()
        try:
            told = ipmitool.ask(self._place, credential, [BAD_PASSWORD_THRESHOLD]).split()
            most = int(told[2], 16)
        except (NotDone, IndexError, ValueError):
            return Allowance()
        if not most:
            return Allowance()
        return Allowance(wrong=most - 1, why=f"the controller is set to lock a user after {most} wrong passwords")

    def _problems(self, new: Secret) -> list[str]:
        problems = _text_problems(new)
        if not problems and len(new) > self._longest:
            problems.append(
                f"the controller keeps {self._longest} bytes of a password, and this one has {len(new)}: set "
                f"rotation.length to {self._longest}"
            )
        return problems


def _judged(error: NoSession) -> Check:
    """Say what it means that there is no session."""
    if error.is_wrong:
        return Check(CheckResult.REFUSED, "the controller has another password for this user (RAKP)")
    return Check(CheckResult.UNKNOWN, f"no verdict about the password: {error}")


def _text_problems(secret: Secret) -> list[str]:
    """Return why something can be no password of IPMI; the words repeat nothing of it."""
    value = secret.reveal()
    if not 0 < len(value) <= LONG_BYTES:
        return [f"a password of IPMI has 1 to {LONG_BYTES} bytes, this one has {len(value)}: set rotation.length"]
    if not all(0x21 <= byte <= 0x7E for byte in value):
        return ["a password of IPMI is printable ASCII without blanks"]
    return []
