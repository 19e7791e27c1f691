# SPDX-License-Identifier: Apache-2.0
"""What a MySQL or MariaDB server says about an account to the account itself: limits, rules, other sessions.

What it does not do: it changes no setting and no account.
"""

import re
import socket
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from breakglass_shamir.connectors.database_target import DatabaseTarget, Denied
from breakglass_shamir.connectors.mysql.password_hash import FORMS, LONGEST_BYTES, MOST_ROUNDS, ROUNDS, Form
from breakglass_shamir.connectors.mysql.session import Identity, Session
from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.hygiene import Secret

METHODS = frozenset({"mysql_native_password", "ed25519", "caching_sha2_password"})
"""Login methods in which the server keeps something that can be made here."""

NEEDED_CONNECTIONS = 2
"""Connections that a rotation has open at one time."""

_LIMIT = re.compile(r"MAX_USER_CONNECTIONS (\d+)")
_ATTEMPTS = re.compile(r"FAILED_LOGIN_ATTEMPTS (\d+)")
_EXPIRES = re.compile(r"PASSWORD EXPIRE INTERVAL \d+ DAY")

_OTHERS = """
SELECT id FROM information_schema.processlist WHERE user = SUBSTRING_INDEX(USER(), '@', 1) AND id <> CONNECTION_ID()
"""

_VALIDATION = """
SELECT plugin_name FROM information_schema.plugins
WHERE plugin_type = 'PASSWORD VALIDATION' AND plugin_status = 'ACTIVE' AND @@strict_password_validation
"""

_MAY_SET_HASH = """
SELECT COUNT(*) FROM information_schema.user_privileges
WHERE privilege_type IN ('CREATE USER', 'SUPER') AND grantee = CONCAT('''', %s, '''@''', %s, '''')
"""

_KEEPS_TWO = """
SELECT COUNT(*) FROM mysql.user
WHERE User = %s AND Host = %s AND JSON_CONTAINS_PATH(User_attributes, 'one', '$.additional_password')
"""

_PAUSE_S = 0.05
_NO_SUCH_THREAD, _NOT_THE_OWNER = "1094", "1095"
_NOT_ALLOWED = ("1142", "1143", "1227")


@dataclass(frozen=True, slots=True)
class Found:
    """What stands against a rotation, and what an operator should know."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unfit: list[str] = field(default_factory=list)


def answers(target: DatabaseTarget, time_limit_s: float) -> bool:
    """Tell whether something greets there as a MySQL or MariaDB server does, without a login."""
    try:
        with _plug(target, time_limit_s) as plug:
            plug.settimeout(time_limit_s)
            head = plug.recv(5)
    except OSError:
        return False
    # Packet header (4 bytes, the last one its number), then protocol version 10, or 255 for an error.
    return len(head) == 5 and head[3] == 0 and head[4] == 10


def fixed_notes(target: DatabaseTarget) -> list[str]:
    """Return what can be said without asking."""
    notes = ["passwords kept by applications, and accounts of the same name for other hosts, are not reached"]
    if not target.socket and not target.tls.verify:
        notes.append("tls is off: whoever is on the way can read along and answer for the server")
    return notes


def found(session: Session, who: Identity, account: str, new: Secret | None) -> Found:
    """Ask as the account."""
    result = Found()
    limit, others = _limit(session, who), len(session.rows(_OTHERS))
    ((read_only,),) = session.rows("SELECT @@global.read_only")
    strict = [name for (name,) in session.rows(_VALIDATION)] if session.mariadb else []
    rules = {
        f"the server logged in the account {who.name!r}, expected {account!r}": who.name != account,
        f"the account's login methods are {', '.join(who.methods)}: expected one of {', '.join(sorted(METHODS))}": (
            len(who.methods) != 1 or not METHODS.issuperset(who.methods)
        ),
        "the server is read-only; name one that takes changes": bool(read_only),
        f"{', '.join(strict)} cannot look into a hash; set strict_password_validation = OFF": bool(strict),
        "FAILED_LOGIN_ATTEMPTS is 1: one attempt with the old password, to prove it dead, would lock the account": (
            _attempts(who) == 1
        ),
        "MySQL takes a hash only from an account with the privilege CREATE USER": not _may_set_hash(session, who),
        f"MAX_USER_CONNECTIONS is {limit}, {others} are in use and a rotation needs {NEEDED_CONNECTIONS}": (
            0 < limit < others + NEEDED_CONNECTIONS
        ),
    }
    result.problems.extend(text for text, stands in rules.items() if stands)
    result.notes.extend(_notes(session, who))
    if not session.mariadb:
        result.problems.extend(form_problems(storage_form(session)))
        result.unfit.extend(too_long(new) if new else [])
    return result


def others(session: Session) -> int:
    """Count the other connections under the account's name."""
    return len(session.rows(_OTHERS))


def storage_form(session: Session) -> Form:
    """Return the form in which MySQL wants a password kept; servers before 8.0.24 have no choice and no variable."""
    rows = session.rows("SHOW GLOBAL VARIABLES LIKE 'caching\\_sha2\\_password\\_%'")
    said = {str(name).removeprefix("caching_sha2_password_"): str(value) for name, value in rows}
    return Form(said.get("storage_format", "CRYPT5"), _whole_thousands(said.get("digest_rounds", "")))


def _whole_thousands(text: str) -> int:
    """Return rounds as they are kept, in three hexadecimal digits of thousands."""
    rounds = int(text) if text.isdecimal() else ROUNDS
    return min(max(rounds, ROUNDS), MOST_ROUNDS) // 1000 * 1000


def form_problems(form: Form) -> list[str]:
    """Return what stands against a form."""
    if form.name in FORMS:
        return []
    return [f"caching_sha2_password_storage_format is {form.name}: expected one of {', '.join(FORMS)}"]


def too_long(new: Secret) -> list[str]:
    """Return why MySQL would let nobody in with a password, if it is for its length."""
    if len(new) <= LONGEST_BYTES:
        return []
    return [f"the password has {len(new)} bytes, and MySQL lets in with {LONGEST_BYTES} at most"]


def end_others(session: Session, account: str, time_limit_s: float) -> int:
    """End every other connection of the account; returns how many there were.

    Raises:
        ConnectorError: some did not end in time.
    """
    ended: set[int] = set()
    foreign: set[int] = set()
    deadline = time.monotonic() + time_limit_s
    while others := {int(number) for (number,) in session.rows(_OTHERS)} - foreign:
        for number in others:
            (ended if _kill(session, number) else foreign).add(number)
        if time.monotonic() > deadline:
            raise ConnectorError(f"{len(others)} sessions of {account} did not end in time")
        time.sleep(_PAUSE_S)
    return len(ended)


def changed_at(session: Session, who: Identity) -> datetime | None:
    """Return when the password was last changed; None if the server does not know.

    Raises:
        ConnectorError: the account may not read that.
    """
    table, column = _place(session)
    try:
        rows = session.rows(
            f"SELECT {column} FROM mysql.{table} WHERE User = %s AND Host = %s",  # noqa: S608 - both are ours
            [who.name, who.host],
        )
    except Denied as error:
        if error.code in _NOT_ALLOWED:
            raise ConnectorError(
                f"the account may not read mysql.{table}, where the server keeps when a password changed",
                hint=f"GRANT SELECT ON mysql.{table} TO the account, or do without",
            ) from error
        raise
    seconds = rows[0][0] if rows else None
    return datetime.fromtimestamp(int(seconds), UTC) if seconds else None


def _place(session: Session) -> tuple[str, str]:
    """Return table and expression of the time of the last change, in seconds since 1970."""
    if session.mariadb:
        return "global_priv", "JSON_VALUE(Priv, '$.password_last_changed')"
    return "user", "UNIX_TIMESTAMP(password_last_changed)"


def _may_set_hash(session: Session, who: Identity) -> bool:
    """Tell whether the server takes a hash from the account; on MariaDB from everybody, for their own password."""
    if session.mariadb:
        return True
    ((granted,),) = session.rows(_MAY_SET_HASH, [who.name, who.host])
    ((role,),) = session.rows("SELECT CURRENT_ROLE()")
    # What a role may do is not listed there; with one, the server's own answer decides later.
    return bool(granted) or role not in (None, "NONE")


def _attempts(who: Identity) -> int:
    """Return after how many wrong passwords in a row the account is locked; 0 is never."""
    own = _ATTEMPTS.search(who.definition)
    return int(own[1]) if own else 0


def _limit(session: Session, who: Identity) -> int:
    """Return how many connections the account may have; 0 is any number."""
    own = _LIMIT.search(who.definition)
    if own:
        return int(own[1])
    ((general,),) = session.rows("SELECT @@max_user_connections")
    return int(general)


def _notes(session: Session, who: Identity) -> list[str]:
    notes = [f"the account is {who.name}@{who.host}"]
    expires = _EXPIRES.search(who.definition)
    if expires:
        notes.append(f"{expires[0]}: after that the server lets nobody in until the password is changed")
    if _attempts(who):
        notes.append(f"{_attempts(who)} wrong passwords in a row lock the account (FAILED_LOGIN_ATTEMPTS)")
    if not session.mariadb and _forgets(session):
        notes.append("innodb_flush_log_at_trx_commit is not 1: a crash can bring the old password back")
    try:
        table, _ = _place(session)
        second = [] if session.mariadb else session.rows(_KEEPS_TWO, [who.name, who.host])
        rows = session.rows(f"SELECT Host FROM mysql.{table} WHERE User = %s", [who.name])  # noqa: S608 - ours
    except Denied:
        return notes
    if second and second[0][0]:
        notes.append("the account keeps a second password (RETAIN CURRENT PASSWORD): a rotation discards both")
    others = sorted(host for (host,) in rows if host != who.host)
    if others:
        notes.append(f"accounts of the same name with passwords of their own: {', '.join(others)}")
    return notes


def _forgets(session: Session) -> bool:
    """Tell whether the server may lose what it said was done; MariaDB keeps accounts elsewhere."""
    ((flushed,),) = session.rows("SELECT @@global.innodb_flush_log_at_trx_commit")
    return int(flushed) != 1


def _kill(session: Session, number: int) -> bool:
    """End a connection; False if it belongs to an account of the same name that this one may not touch."""
    try:
        session.rows("KILL CONNECTION %s", [number])
    except Denied as error:
        if error.code not in (_NO_SUCH_THREAD, _NOT_THE_OWNER):
            raise
        return error.code == _NO_SUCH_THREAD
    return True


def _plug(target: DatabaseTarget, time_limit_s: float) -> socket.socket:
    if target.socket is None:
        return socket.create_connection((target.host, target.port), timeout=time_limit_s)
    plug = socket.socket(socket.AF_UNIX)
    plug.settimeout(time_limit_s)
    try:
        plug.connect(str(target.socket))
    except OSError:
        plug.close()
        raise
    return plug
