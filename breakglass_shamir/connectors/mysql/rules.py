# SPDX-License-Identifier: Apache-2.0
"""What a MySQL or MariaDB server says about an account to the account itself: limits, rules, other sessions.

What it does not do: it changes no setting and no account.
"""

import re
import socket
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from breakglass_shamir.connectors.database_target import DatabaseTarget, Denied
from breakglass_shamir.connectors.mysql.password_hash import FORMS, LONGEST_BYTES, MOST_ROUNDS, ROUNDS, Form
from breakglass_shamir.connectors.mysql.session import Identity, Session
from breakglass_shamir.connectors.port.answers import Allowance
from breakglass_shamir.connectors.port.cost import Costs, bill
from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.plural import counted

METHODS = frozenset({"mysql_native_password", "ed25519", "caching_sha2_password"})
"""Login methods in which the server keeps something that can be made here."""

NEEDED_CONNECTIONS = 2
"""Connections that a rotation has open at one time."""

_LIMIT = re.compile(r"MAX_USER_CONNECTIONS (\d+)")
_ATTEMPTS = re.compile(r"FAILED_LOGIN_ATTEMPTS (\d+)")
_LOCKS_FOR = re.compile(r"PASSWORD_LOCK_TIME (\d+|UNBOUNDED)")
_HOURLY = re.compile(r"MAX_(QUERIES|CONNECTIONS|UPDATES)_PER_HOUR (\d+)")
_EXPIRES = re.compile(r"PASSWORD EXPIRE INTERVAL (\d+) DAY")

STATEMENTS = {"MariaDB": 34, "MySQL": 37}
"""Statements of a whole rotation with one question after open sessions, as the server counts them for
``MAX_QUERIES_PER_HOUR``; a test counts them."""

COMPARING = 5
"""Statements more where what the server keeps is compared instead of a login that is refused."""

UPDATES = 1
"""Statements of a whole rotation that count for ``MAX_UPDATES_PER_HOUR``."""

_NEVER = (1 << 32) - 1
"""MariaDB's ``max_password_errors`` where it blocks nobody."""

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


@dataclass(slots=True)
class Found:
    """What stands against a rotation, and what an operator should know."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unfit: list[str] = field(default_factory=list)
    allowance: Allowance | None = None


def allowed(session: Session, who: Identity) -> Allowance:
    """Return how many more logins the server takes: refused ones in a row, and connections an hour.

    How many of an hour's are used up the server tells nobody, so that the limit itself is returned.
    """
    right = _hourly(who).get("CONNECTIONS")
    if session.mariadb:
        ((most,),) = session.rows("SELECT @@global.max_password_errors")
        if int(most) >= _NEVER:
            return Allowance(None, right, why="MAX_CONNECTIONS_PER_HOUR")
        return Allowance(int(most) - 1, right, why=f"max_password_errors is {most}")
    attempts = _attempts(who)
    return Allowance(attempts - 1 if attempts else None, right, why=f"FAILED_LOGIN_ATTEMPTS is {attempts}")


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


def found(session: Session, who: Identity, account: str, new: Secret | None, costs: Costs) -> Found:
    """Ask as the account.

    Args:
        session: of the account.
        who: it came in as.
        account: that it should be.
        new: the credential to be, if there is one.
        costs: logins that each step of a rotation costs.
    """
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
        "MySQL takes a hash only from an account with the privilege CREATE USER": not _may_set_hash(session, who),
        f"MAX_USER_CONNECTIONS is {limit}, {others} are in use and a rotation needs {NEEDED_CONNECTIONS}": (
            0 < limit < others + NEEDED_CONNECTIONS
        ),
    }
    result.problems.extend(text for text, stands in rules.items() if stands)
    allowance = allowed(session, who)
    needed = _needed(session, costs, allowance)
    result.problems.extend(_too_few(who, needed))
    result.notes.extend(_notes(session, who, allowance))
    result.notes.extend(_hourly_notes(who, needed))
    result.allowance = allowance
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
            raise ConnectorError(f"{counted(len(others), 'session')} of {account} did not end in time")
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
    own, locks = _ATTEMPTS.search(who.definition), _LOCKS_FOR.search(who.definition)
    return int(own[1]) if own and locks and locks[1] != "0" else 0


def _hourly(who: Identity) -> dict[str, int]:
    """Return the limits an hour on what the account does: ``QUERIES``, ``CONNECTIONS``, ``UPDATES``."""
    return {name: int(most) for name, most in _HOURLY.findall(who.definition) if int(most)}


def _needed(session: Session, costs: Costs, allowance: Allowance) -> dict[str, int]:
    """Return what a whole rotation needs of each limit an hour."""
    statements = STATEMENTS["MariaDB" if session.mariadb else "MySQL"] + (COMPARING if allowance.wrong == 0 else 0)
    return {"QUERIES": statements, "CONNECTIONS": bill(costs).all, "UPDATES": UPDATES}


def _too_few(who: Identity, needed: dict[str, int]) -> list[str]:
    return [
        f"MAX_{name}_PER_HOUR is {most}, and a rotation needs {needed[name]}: an administrator has to raise it"
        for name, most in _hourly(who).items()
        if most < needed[name]
    ]


def _hourly_notes(who: Identity, needed: dict[str, int]) -> list[str]:
    return [
        f"MAX_{name}_PER_HOUR is {most}, of which a rotation needs {needed[name]}; what was used in this hour the "
        "server tells nobody: leave the account alone for an hour before"
        for name, most in _hourly(who).items()
        if most >= needed[name]
    ]


def _limit(session: Session, who: Identity) -> int:
    """Return how many connections the account may have; 0 is any number."""
    own = _LIMIT.search(who.definition)
    if own:
        return int(own[1])
    ((general,),) = session.rows("SELECT @@max_user_connections")
    return int(general)


def _notes(session: Session, who: Identity, allowance: Allowance) -> list[str]:
    notes = [f"the account is {who.name}@{who.host}"]
    notes += _expiry_notes(session, who)
    if allowance.wrong == 0:
        notes.append(
            f"one wrong password locks the account ({allowance.why}): the old one will not be tried, and its end is "
            "shown by the hash that the server keeps"
        )
    elif allowance.wrong is not None:
        notes.append(f"{allowance.why}: so many wrong passwords lock the account; proving the old one dead takes one")
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


def _expiry_notes(session: Session, who: Identity) -> list[str]:
    """Say when the password expires, as far as the account may know, and what that means."""
    own = _EXPIRES.search(who.definition)
    if own:
        days, words = int(own[1]), own[0]
    elif "PASSWORD EXPIRE NEVER" in who.definition:
        return []
    else:
        ((general,),) = session.rows("SELECT @@global.default_password_lifetime")
        days, words = int(general), f"default_password_lifetime is {counted(int(general), 'day')}"
    if not days:
        return []
    notes = [
        f"{words}: after that the password opens nothing until it is changed, and this program cannot change it then; "
        "keep rotation.max_age below that"
    ]
    try:
        changed = changed_at(session, who)
    except (ConnectorError, Denied):
        return notes
    if changed:
        notes.append(f"the present password expires at {changed + timedelta(days=days):%Y-%m-%d %H:%M} UTC")
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
