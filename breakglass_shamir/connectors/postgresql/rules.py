# SPDX-License-Identifier: Apache-2.0
"""What a PostgreSQL server says about a role to the role itself: limits, rules, other sessions.

It uses views and settings that every role may read. What it does not do: it changes no setting and no role.
"""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from breakglass_shamir.connectors.database_target import DatabaseTarget
from breakglass_shamir.connectors.port.answers import Allowance, Armed, Lifetime
from breakglass_shamir.connectors.postgresql.session import Session, answers_in_clear
from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.plural import counted

OLD_PSQL_MAX_BYTES = 99
"""Longest password that psql before version 14 takes at its prompt."""

NEEDED_CONNECTIONS = 2
"""Connections that a rotation has open at one time."""

_FACTS = """
SELECT r.rolcanlogin, r.rolsuper, r.rolconnlimit, r.rolvaliduntil::text, pg_is_in_recovery(),
  current_setting('transaction_read_only'), current_setting('log_connections'),
  current_setting('credcheck.encrypted_password_allowed', true), session_user::text,
  (SELECT count(*) FROM pg_stat_activity a WHERE a.usename = session_user AND a.pid <> pg_backend_pid()),
  current_setting('credcheck.max_auth_failure', true), r.rolvaliduntil <= now(), r.rolvaliduntil <= now() + '30 days',
  CASE WHEN isfinite(r.rolvaliduntil) THEN extract(epoch FROM r.rolvaliduntil)::bigint END
FROM pg_roles r WHERE r.rolname = session_user
"""

_OTHERS = """
SELECT a.pid::text, pg_terminate_backend(a.pid)::text FROM pg_stat_activity a
WHERE a.usename = session_user AND a.pid <> pg_backend_pid()
"""

_OPEN = """
SELECT pid::text FROM pg_stat_activity
WHERE usename = session_user AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""

_PAUSE_S = 0.05


@dataclass(slots=True)
class Found:
    """What stands against a rotation, and what an operator should know."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    allowance: Allowance = field(default_factory=Allowance)
    runs_out: tuple[Lifetime, ...] = ()


def set_until(session: Session, role: str, until: datetime) -> datetime:
    """Set ``VALID UNTIL`` of a role; returns the server's time.

    Args:
        session: of who may do that.
        role: whose.
        until: UTC, whole seconds.

    Raises:
        Denied: the server refused; nothing was changed.
        Lost: no answer came; it may have been.
    """
    written = f"{until.astimezone(UTC):%Y-%m-%d %H:%M:%S}+00"
    # A utility statement takes no parameters: the server itself quotes both.
    ((statement, now),) = session.rows(
        "SELECT format('ALTER ROLE %I VALID UNTIL %L', $1::text, $2::text), extract(epoch FROM now())::text",
        [role, written],
    )
    session.rows(statement or "")
    return _instant(now)


def armed(session: Session, role: str) -> Armed:
    """Return until when a role's password counts, as any role may see it.

    Raises:
        ConnectorError: there is no such role.
    """
    found = session.rows(
        "SELECT r.rolvaliduntil IS NULL OR r.rolvaliduntil = 'infinity', "
        "CASE WHEN isfinite(r.rolvaliduntil) THEN extract(epoch FROM r.rolvaliduntil)::text END, "
        "extract(epoch FROM now())::text FROM pg_roles r WHERE r.rolname = $1",
        [role],
    )
    if not found:
        raise ConnectorError(f"there is no role {role}")
    ((endless, until, now),) = found
    return Armed(None if endless == "t" else _instant(until), _instant(now))


def _instant(seconds: str | None) -> datetime:
    """Read seconds since 1970; what is in no calendar, and ``-infinity``, is its beginning or its end."""
    try:
        return datetime.fromtimestamp(float(seconds or "-inf"), UTC)
    except (OverflowError, ValueError, OSError):
        return datetime.max.replace(tzinfo=UTC) if float(seconds or "-inf") > 0 else datetime.min.replace(tzinfo=UTC)


def _until_notes(until: str | None, *, over: bool, soon: bool) -> list[str]:
    """Say what ``VALID UNTIL`` means for a rotation, which does not change it."""
    if until in (None, "infinity"):
        return []
    if over:
        return [
            f"VALID UNTIL was {until}: the server refuses every password of the role in the words for a wrong one; an "
            "administrator has to set VALID UNTIL before a rotation"
        ]
    near = "; that is near: have it moved, or the new sheets open nothing after it" if soon else ""
    return [
        f"VALID UNTIL is {until}: from then on the server refuses every password of the role, and a rotation does not "
        f"move it{near}"
    ]


def runs_out(session: Session) -> tuple[Lifetime, ...]:
    """Return when the role ends by ``VALID UNTIL``; nothing where it does not."""
    return _ends(session.rows(_FACTS)[0][-1])


def _ends(seconds: str | None) -> tuple[Lifetime, ...]:
    """Return an end that the server told in seconds since 1970; none beyond what a date can be."""
    try:
        return (Lifetime("account", datetime.fromtimestamp(int(seconds or ""), UTC)),)
    except (ValueError, OverflowError, OSError):
        return ()


def allowed(session: Session) -> Allowance:
    """Return how many wrong passwords in a row the server takes, where the module credcheck counts them."""
    ((failures,),) = session.rows("SELECT current_setting('credcheck.max_auth_failure', true)")
    return _allowed(failures)


def kept(session: Session) -> str:
    """Return the verifier that the server keeps of the role's password; empty where the role may not read it.

    Raises:
        Denied: the server does not say it.
    """
    ((may,),) = session.rows("SELECT has_table_privilege('pg_authid', 'SELECT')")
    if may != "t":
        return ""
    ((verifier,),) = session.rows("SELECT rolpassword FROM pg_authid WHERE rolname = session_user")
    return verifier or ""


def _allowed(failures: str | None) -> Allowance:
    if not (failures or "").isdecimal() or failures == "0":
        return Allowance()
    return Allowance(int(failures or 0) - 1, why=f"credcheck.max_auth_failure is {failures}")


def fixed_notes(target: DatabaseTarget, new: Secret | None) -> list[str]:
    """Return what can be said without asking."""
    notes = ["passwords kept by clients and poolers, and other ways in by pg_hba.conf, are not reached"]
    if not target.socket and not target.tls.verify:
        notes.append("tls is off: whoever is on the way can read along and answer for the server")
    if new and len(new) > OLD_PSQL_MAX_BYTES:
        notes.append(f"psql before version 14 takes no more than {OLD_PSQL_MAX_BYTES} bytes at its prompt")
    return notes


def found(session: Session, account: str, *, ends_on_purpose: bool = False) -> Found:
    """Ask as the role; the end of one that is kept closed is no news."""
    (row,) = session.rows(_FACTS)
    login, superuser, limit, until, standby, read_only, logged, verifiers, role, others, failures, over, soon, at = row
    result = Found(runs_out=_ends(at))
    rules = {
        f"the server logged in the role {role}, expected {account}": role != account,
        "the server is a standby and takes no changes; name the primary": standby == "t",
        "the server's transactions are read-only; name one that takes changes": (standby, read_only) == ("f", "on"),
        "the role may not log in": login != "t",
        "credcheck refuses verifiers; set credcheck.encrypted_password_allowed = on": verifiers in ("off", "false"),
        _limit_words(limit, others): superuser != "t" and not _has_room(limit, others),
    }
    result.problems.extend(text for text, stands in rules.items() if stands)
    if not ends_on_purpose:
        result.notes.extend(_until_notes(until, over=over == "t", soon=soon == "t"))
    result.allowance = _allowed(failures)
    if result.allowance.wrong == 0:
        result.notes.append(
            f"one wrong password bans the role ({result.allowance.why}): the old one will not be tried; its end is "
            "shown by the verifier that the server keeps where the role may read pg_authid, else people attest it"
        )
    if answers_in_clear():
        result.notes.append("libpq is older than 16: a server that asks for the password in clear gets it, inside TLS")
    if logged == "off":
        result.notes.append("log_connections is off: the server writes no logins down")
    return result


def others(session: Session) -> int:
    """Count the other connections of the role."""
    return len(session.rows(_OPEN))


def end_others(session: Session, time_limit_s: float) -> int:
    """End every other connection of the role; returns how many there were.

    Raises:
        ConnectorError: some did not end in time.
    """
    ended: set[str | None] = set()
    deadline = time.monotonic() + time_limit_s
    while others := session.rows(_OTHERS):
        ended |= {process for process, _ in others}
        if time.monotonic() > deadline:
            raise ConnectorError(f"{counted(len(others), 'session')} of the role did not end in time")
        time.sleep(_PAUSE_S)
    return len(ended)


def _has_room(limit: str | None, others: str | None) -> bool:
    """Tell whether one more connection beside this one fits under the role's limit; -1 is none."""
    return int(limit or 0) < 0 or int(others or 0) + NEEDED_CONNECTIONS <= int(limit or 0)


def _limit_words(limit: str | None, others: str | None) -> str:
    return f"CONNECTION LIMIT is {limit}, {others} are in use and a rotation needs {NEEDED_CONNECTIONS}"
