# SPDX-License-Identifier: Apache-2.0
"""Who arms an account besides its set's own quorum: a program, another set's quorum, or an approver's key.

Rules:

1. An authority arms until an instant, closes, and tells how it stands; nothing else, and no credential of the account
   goes to it.
2. The program is named by an adopted policy, is looked at before every question, as one that gets a credential is, and
   is given a time and an answer that are bounded (docs/arming.md has the protocol).
3. The operator's credential is in memory while it is used, and in no record, argument or file.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from breakglass_shamir.connectors.port import options
from breakglass_shamir.connectors.port.answers import Armed, Operator
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.port.guard import words
from breakglass_shamir.connectors.port.trusted_file import file_problems
from breakglass_shamir.connectors.program import protocol
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.shell import breakglass

PROGRAM_LIMIT_S = 60.0
"""Longest time the program may take for one question: it may have to ask somebody."""

CLOCK = "now"
"""Where an answer of the program has the target's clock."""

CLOCK_YEARS = 1970, 9000
"""Years that a clock may show, the last one not any more: what is reckoned from it must be in the calendar, too."""


class Authority(Protocol):
    """Who arms an account."""

    @property
    def in_words(self) -> str:
        """Who it is, for people and records."""

    @property
    def quiet(self) -> bool:
        """Whether it can be asked how the account stands without anybody having to answer."""

    def allow(self) -> datetime | None:
        """See that it may arm now; returns until when, by this terminal's clock, None where nothing limits it.

        Raises:
            ConnectorError: it may not.
        """

    def arm(self, until: datetime) -> datetime | None:
        """Arm the account; returns what the target's clock said, None where it does not tell.

        Raises:
            ConnectorError: it was not done, or nobody knows.
        """

    def close(self) -> None:
        """Close the account.

        Raises:
            ConnectorError: it was not done, or nobody knows.
        """

    def standing(self) -> Armed:
        """Tell until when the target lets the account in.

        Raises:
            ConnectorError: it could not be asked.
        """


@dataclass(frozen=True, slots=True)
class ByProgram:
    """A program of the organisation, that speaks the protocol of docs/arming.md."""

    program: Path
    policy: Policy
    limit_s: float = PROGRAM_LIMIT_S

    @property
    def in_words(self) -> str:
        """The program, by its path."""
        return f"the program {self.program}"

    @property
    def quiet(self) -> bool:
        """It answers by itself."""
        return True

    def allow(self) -> datetime | None:
        """Leave it to the program."""
        return None

    def arm(self, until: datetime) -> datetime | None:
        """Ask for ``arm``."""
        answer = self._done("arm", until=f"{until.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
        return self._instant(answer, CLOCK)

    def close(self) -> None:
        """Ask for ``close``."""
        self._done("close")

    def standing(self) -> Armed:
        """Ask for ``armed_until``."""
        answer = self._ask("armed_until")
        if "until" not in answer:
            raise ConnectorError(f"{self.program.name} did not say until when the account is armed")
        return Armed(self._instant(answer, "until"), self._instant(answer, CLOCK))

    def _done(self, action: str, **more: str) -> dict[str, Any]:
        answer = self._ask(action, **more)
        if answer.get("done") is not True:
            detail = words(str(answer.get("detail", "it did not say that it is done")), ())
            raise ConnectorError(f"{self.program.name} did not {action} the account: {detail}")
        return answer

    def _ask(self, action: str, **more: str) -> dict[str, Any]:
        if stands := file_problems(self.program):
            raise ConnectorError(f"{self.program.name} was not run: {'; '.join(stands)}", hint="see docs/arming.md")
        target = self.policy.target
        question = {"action": action, "set": self.policy.name, "target": target.uri, "account": target.account, **more}
        answer = protocol.ask(self.program, question, {}, self.limit_s)
        if "error" in answer:
            raise ConnectorError(f"{self.program.name}: {words(str(answer['error']), ())}")
        return answer

    def _instant(self, answer: dict[str, Any], name: str) -> datetime | None:
        text = answer.get(name)
        if text is None:
            return None
        try:
            found = datetime.fromisoformat(text) if isinstance(text, str) else None
            at = found.astimezone(UTC) if found is not None and found.tzinfo is not None else None
        except (ValueError, OverflowError):
            at = None
        if at is None:
            raise ConnectorError(f"{self.program.name} gave no instant with a time zone: {name}")
        if name == CLOCK and not CLOCK_YEARS[0] <= at.year < CLOCK_YEARS[1]:
            raise ConnectorError(f"{self.program.name} gave a clock in the year {at.year}")
        return at


@dataclass(slots=True)
class ByOperator:
    """An operator's credential at the target, once somebody else let it be used.

    Attributes:
        connector: to the target.
        permission: says who let it be used, and until when that counts; None: as long as the credential is here. Raises
            :class:`~breakglass_shamir.errors.ConnectorError` where nobody did.
        operator: gives the credential; asked once.
    """

    connector: Connector
    permission: Callable[[], tuple[str, datetime | None]]
    operator: Callable[[], Operator]
    _let: str = ""
    _known: Operator | None = field(default=None, repr=False)

    @property
    def in_words(self) -> str:
        """Who let the operator's credential be used."""
        return self._let or "an operator"

    @property
    def quiet(self) -> bool:
        """Only once the credential is in memory."""
        return self._known is not None

    def allow(self) -> datetime | None:
        """Look who lets the credential be used, and get it."""
        self._let, latest = self.permission()
        self._operator()
        return latest

    def arm(self, until: datetime) -> datetime | None:
        """Arm by the connector."""
        return self.connector.arm(until, self._operator())

    def close(self) -> None:
        """Close by the connector."""
        self.connector.close(self._operator())

    def standing(self) -> Armed:
        """Ask by the connector."""
        return self.connector.armed_until(self._operator())

    def _operator(self) -> Operator:
        self._known = self._known or self.operator()
        return self._known


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Another set's quorum, in an opening of its own: here only what it did is known."""

    policy: Policy

    @property
    def in_words(self) -> str:
        """The other set."""
        assert self.policy.arming is not None  # noqa: S101 - there is no authority otherwise
        return f"the quorum of {self.policy.arming.set}"

    @property
    def quiet(self) -> bool:
        """It is not asked from here."""
        return False

    def allow(self) -> datetime | None:
        """Say who allows it."""
        raise self._not_here()

    def arm(self, until: datetime) -> datetime | None:
        """Say who arms."""
        raise self._not_here()

    def close(self) -> None:
        """Say who closes."""
        raise self._not_here()

    def standing(self) -> Armed:
        """Say who knows."""
        raise self._not_here()

    def _not_here(self) -> ConnectorError:
        assert self.policy.arming is not None  # noqa: S101 - there is no authority otherwise
        name = self.policy.arming.set
        return ConnectorError(
            f"the account of {self.policy.name} is armed by the quorum of {name} alone",
            hint=f"let that quorum do it in another window: {breakglass('recombine', name)} "
            f"--exec {breakglass('arming arm', self.policy.name, options='--operator -')}",
        )


def operator_of(policy: Policy) -> Operator:
    """Run the program that gives the operator's credential, or asks for it at this terminal.

    Raises:
        ConnectorError: others could replace it, it failed, took too long, or printed nothing.
    """
    arming = policy.arming
    assert arming is not None  # noqa: S101 - the caller looked
    try:
        secret = options.admin_secret({"admin": arming.operator_secret})
    except ConnectorError as error:
        said = str(error).replace("option admin", "arming.operator_secret")
        raise ConnectorError(said, hint=error.hint) from None
    assert secret is not None  # noqa: S101 - the program is named
    return Operator(arming.operator, secret)
