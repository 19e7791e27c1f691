# SPDX-License-Identifier: Apache-2.0
"""The trail that the target keeps itself: the sessions of a use, as references into its own log.

Rules:

1. It is the target's word, read as the watch reads it (``logins_since``), and changes nothing there.
2. It is for whoever looks up in that log what was done: when, from where, and what the target says of the session.
3. It is bounded and cleaned. What could not be read, and how much was left out, is said.
4. Where the target or its log cannot be asked, that is recorded, and keeps nobody waiting longer than a round of the
   watch does. A target that keeps no trail leaves no record.
"""

from datetime import UTC, datetime, timedelta

from breakglass_shamir.connectors.port.answers import Login
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.custody.records.openings import Actions
from breakglass_shamir.custody.records.words import printable
from breakglass_shamir.errors import BreakglassError, ConnectorError
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.operations.targets import endpoints_of

MOST_SESSIONS = 100
"""Sessions that are recorded; the first ones."""

MAX_WORDS = 200
"""Longest text about one of them, in characters."""

MAX_PROBLEM = 600
"""Longest text about what could not be read, in characters."""

SKEW = timedelta(seconds=5)
"""By how much the target's clock may be behind ours."""


def pull(recorder: Recorder, policy: Policy, since: datetime) -> None:
    """Record the sessions that the target remembers since a use began, at each of its endpoints.

    Args:
        recorder: at the opening.
        policy: says where the target is.
        since: when the use began, by our clock, with a time zone.
    """
    try:
        able = [one for one in endpoints_of(policy) if "logins_since" in one.abilities]
        for connector in able:
            recorder.append(_asked(connector, since - SKEW))
    except BreakglassError as error:
        recorder.desk.warn(f"the target's own trail is not on record: {error}")


def _asked(connector: Connector, since: datetime) -> Actions:
    problem, logins = "", tuple[Login, ...]()
    try:
        logins = connector.logins_since(since)
        problem = "; ".join(getattr(logins, "unread", ()))
    except ConnectorError as error:
        problem = str(error)
    told = tuple(map(_words, logins))
    return Actions(
        target=printable(connector.target)[:MAX_WORDS], since=_written(since), until=_written(datetime.now(UTC)),
        sessions=told[:MOST_SESSIONS], left_out=max(0, len(told) - MOST_SESSIONS),
        problem=printable(problem)[:MAX_PROBLEM],
    )  # fmt: skip


def _words(login: Login) -> str:
    let_in = "accepted" if login.accepted else "refused"
    said = f"{_written(login.at)} {let_in} {login.account} from {login.source or 'unknown'}"
    return printable(f"{said}: {login.detail}" if login.detail else said)[:MAX_WORDS]


def _written(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
