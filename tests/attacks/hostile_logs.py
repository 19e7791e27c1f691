# SPDX-License-Identifier: Apache-2.0
"""Every reader of logs, and what a stranger may get into such a log: for the attacks, and for the benchmark of cost.

A reader is given a file and tells the logins of ``bg``. ``login`` is a line it must see; ``words`` are what lines are
made of, names and all; ``worst`` are texts that cost a matcher most which tries every place where something may begin.
"""

import contextlib
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from breakglass_shamir.connectors.directory import ad_audit
from breakglass_shamir.connectors.kerberos import log as kerberos_log
from breakglass_shamir.connectors.linux import logins as linux_logins
from breakglass_shamir.connectors.linux import pam
from breakglass_shamir.connectors.mysql import log as mysql_log
from breakglass_shamir.connectors.port.answers import Login
from breakglass_shamir.connectors.postgresql import log as postgresql_log

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 1, 3, tzinfo=UTC)
AT = "2026-01-02 08:00:00.000 UTC"
STATEMENT = "SELECT 1"


@dataclass(frozen=True)
class Reader:
    """One reader, and its log."""

    file: str
    read: Callable[[Path], Sequence[Login]]
    login: str
    words: Sequence[str]
    worst: Mapping[str, str]
    """A text by its name: it is repeated up to a length, with what is in front of ``|`` once before it."""

    lines: Sequence[str] = field(default=("\n",))
    """What ends a line in this log."""


def repeated(text: str, length: int) -> str:
    """Return a worst text of a length, in one line or in many."""
    head, _, piece = text.rpartition("|")
    return head + piece * max(1, (length - len(head)) // len(piece))


def fuzzed(reader: Reader, length: int, seed: int) -> str:
    """Return a text of a length made of a log's own words."""
    chance = random.Random(seed)
    made: list[str] = []
    size = 0
    while size < length:
        word = chance.choice([*reader.words, *reader.lines]) * chance.choice([1, 1, 1, 1, 2, 9, 60])
        made.append(word)
        size += len(word)
    return "".join(made)[:length]


def later(reader: Reader) -> str:
    """Return the login as one of another second."""
    line = reader.login.replace("08:00:00", "08:00:09").replace("1767348000", "1767348009")
    return line.replace(str(_MICROSECONDS), str(_MICROSECONDS + 9_000_000))


def _postgresql(path: Path) -> Sequence[Login]:
    return postgresql_log.logins(str(path), "bg", SINCE)


def _mysql(path: Path) -> Sequence[Login]:
    return mysql_log.logins(str(path), "bg", SINCE)


def _kdc(path: Path) -> Sequence[Login]:
    return kerberos_log.logins(path, "bg@R", "bg", SINCE, NOW)


def _samba(path: Path) -> Sequence[Login]:
    return ad_audit.logins(path, frozenset({"bg"}), "bg", SINCE)


def _linux(path: Path) -> Sequence[Login]:
    with _only(JOURNAL=Path("/nowhere")):
        return linux_logins.logins("bg", SINCE, str(path))


def _journal(path: Path) -> Sequence[Login]:
    program = path.parent / "journalctl"
    program.write_text(f"#!/bin/sh\nexec cat '{path}'\n")
    program.chmod(0o755)
    search, pam.SYSTEM_PATH = pam.SYSTEM_PATH, f"{path.parent}:{pam.SYSTEM_PATH}"
    try:
        with _only(JOURNAL=path):
            return linux_logins.logins("bg", SINCE, "")
    finally:
        pam.SYSTEM_PATH = search


@contextlib.contextmanager
def _only(**places: Path) -> Iterator[None]:
    """Have no other logs of this machine read."""
    names = {"WTMP": Path("/nowhere"), "BTMP": Path("/nowhere"), **places}
    before = {name: getattr(linux_logins, name) for name in names}
    try:
        for name, path in names.items():
            setattr(linux_logins, name, path)
        yield
    finally:
        for name, path in before.items():
            setattr(linux_logins, name, path)


_PG_SAID = "connection authorized: user=bg database=x application_name=psql"
_PG_WORDS = [
    AT, "LOG:  ", "FATAL:  ", "[7] ", "connection authorized: user=", "bg", " database=", " application_name=", " SSL ",
    "x", "connection received: host=", 'password authentication failed for user "', '"', 'role "', "00000: ", "\t",
    '" is not permitted to log in', "replication ", "é", "\\", "statement: SELECT ",
]  # fmt: skip
_CSV_ROW = f'{AT},"bg","x",7,"10.0.0.9:1",s,1,"authentication",{AT},1/1,0,LOG,00000,"{_PG_SAID}",,,,,,,,,"",,,0'
_PAM = "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=10.0.0.9  user=bg"
_MICROSECONDS = int(datetime(2026, 1, 2, 8, tzinfo=UTC).timestamp()) * 1_000_000
_AS = "AS_REQ (1 etypes {x}) "
_SAMBA = (
    '{"timestamp": "2026-01-02T08:00:00.000000+0000", "type": "Authentication", "Authentication": {"status": '
    '"NT_STATUS_OK", "clientAccount": "bg", "remoteAddress": "ipv4:10.0.0.9:1"}}'
)

_MY = "2026-01-02T08:00:00.500000Z\t"
_KDC = "Jan 02 08:00:00 h krb5kdc[1](info): "
_ISO = "2026-01-02T08:00:00+00:00 "
_REFUSED = "pam_unix(a:auth): authentication failure;"
_ENTRY = f'{{"__REALTIME_TIMESTAMP":"{_MICROSECONDS}","MESSAGE":"'

READERS = {
    "postgresql, stderr": Reader(
        "server.log", _postgresql, f"{AT} [7] LOG:  {_PG_SAID}", _PG_WORDS,
        {
            "levels": f"{AT} [7] |LOG:  ",
            "levels and spaces": f"{AT} LOG:|   ",
            "logins behind names": f"{AT} [7] |LOG:  connection authorized: user=bg database=",
            "databases": f"{AT} [7] LOG:  connection authorized: user=bg| database=LOG:",
            "logins that never end": f"{AT} LOG:  |connection authorized: user=bg database=LOG: application_name=",
            "names in quotes": f'{AT} FATAL:  |password authentication failed for user "',
            "roles": f'{AT} LOG: |role "',
            "brackets": f"{AT} LOG: |[1",
            "times": f"{AT[:-4]}| {AT[:-4]}",
            "hosts": f"{AT} LOG: |connection received: host=",
            "lines without a time": "|LOG:  connection authorized: user=bg database=LOG:  \n",
            "short lines": "|LOG:\n",
            "one name": f"{AT} LOG:  connection authorized: user=|b",
        },
    ),
    "postgresql, csvlog": Reader(
        "server.csv", _postgresql, _CSV_ROW, [*_PG_WORDS, ",", '""', f'{AT},"', '",', _CSV_ROW],
        {
            "rows that never end": f'|{AT},"\n',
            "doubled quotes": f'{AT},"|""\n',
            "quotes": f'{AT},"|"\n',
            "rows in a message": f'{_CSV_ROW[:-70]}|\n{AT},"""',
            "commas": f"{AT}|,",
            "open names": f'{AT},"a"|,"',
            "one column": f'{AT},"|a',
            "sixteen rows and lines": f'|{AT},"\n' + "x\n" * 19,
            "times": f"|{AT},",
            "a login that goes on": f"{_CSV_ROW[:150]}|b\n",
        },
    ),
    "postgresql, jsonlog": Reader(
        "server.json", _postgresql,
        f'{{"timestamp":"{AT}","pid":7,"remote_host":"10.0.0.9","message":"{_PG_SAID}"}}',
        [*_PG_WORDS, "{", "}", '":"', '","', "[", "1e999", '{"timestamp":"'],
        {
            "depth": '{"connection authorized: ":|[',
            "digits": '{"connection authorized: ":|9',
            "text": '{"message":"connection authorized: user=|b',
            "objects": '|{"connection authorized: ":',
            "short lines": '|{"connection authorized: "\n',
            "quotes": '{"connection authorized: |\\"',
        },
    ),
    "mariadb, server_audit": Reader(
        "audit.log", _mysql, "20260102 08:00:00,host,bg,10.0.0.9,5,0,CONNECT,app,,0",
        ["20260102 08:00:00,", "host,", "bg,", "CONNECT,", "FAILED_CONNECT,", "QUERY,", ",", "0", "'", "5,", "x"],
        {
            "commas": "20260102 08:00:00,host,bg|,",
            "logins": "|20260102 08:00:00,host,bg,h,5,0,CONNECT,",
            "text": "20260102 08:00:00,host,bg,h,5,0,CONNECT,|x",
            "bad times": "|x,host,bg,h,5,0,CONNECT,,,0\n",
        },
    ),
    "mysql, general log": Reader(
        "general.log", _mysql, f"{_MY}   50 Connect\tbg@10.0.0.9 on app using TCP/IP",
        [_MY, "   50 ", "Connect\t", "Change user\t", "bg@", "10.0.0.9", " on ", " using ", " as ", "TCP/IP", "@",
         "Query\t", "x", " "],
        {
            "usings": f"{_MY} 5 Connect\tbg@h on x| using x",
            "ons": f"{_MY} 5 Connect\tbg@h| on ",
            "spaces": f"{_MY}|  ",
            "digits": f"{_MY} |5",
            "hosts": f"{_MY} 5 Connect\tbg@|h",
            "as": f"{_MY} 5 Connect\tbg@h| as x",
            "logins": f"|{_MY} 5 Connect\tbg@h on using \n",
        },
    ),
    "mit kdc": Reader(
        "kdc.log", _kdc, f"{_KDC}{_AS}10.0.0.9: ISSUE: authtime 1767348000, etypes {{rep=x}}, bg@R for krbtgt/R@R",
        ["Jan 02 08:00:00 ", "h ", "krb5kdc[1](info): ", _AS, "AS_REQ (", "{", "}) ", "10.0.0.9: ", "ISSUE: ",
         "authtime ", "1767348000, ", "bg@R", " for ", "krbtgt/R@R", "PREAUTH_FAILED: ", ") ", "a: ", "A_", "x"],
        {
            "requests": f"{_KDC}|{_AS}bg@R for ",
            "ends": f"{_KDC}AS_REQ ({{bg@R for }}|) a: A",
            "states": f"{_KDC}{_AS}bg@R for |A",
            "times": "|Jan 02 08:00:00 ",
            "clients": f"{_KDC}{_AS}h: ISSUE: |authtime 1, bg@R for ",
            "bad days": f"|Feb 31 08:00:00 h krb5kdc[1](info): {_AS}h: X: bg@R for x\n",
            "braces": f"{_KDC}AS_REQ (bg@R for |{{",
        },
    ),
    "samba, auth_json_audit": Reader(
        "auth.json", _samba, _SAMBA,
        ['{"timestamp": "', "2026-01-02T08:00:00.000000+0000", '", ', '"Authentication": ', "{", "}", "[", "]", '"',
         "9", '"clientAccount": "bg"', '"status": "NT_STATUS_OK"', "\\u0000", ":"],
        {
            "depth": '{"Authentication": |[',
            "digits": '{"Authentication": |9',
            "objects": '|{"Authentication": ',
            "short lines": '|{"Authentication"\n',
            "text": '{"Authentication": "|x',
            "colons": _SAMBA[:-12] + "|:",
        },
    ),
    "linux, auth.log": Reader(
        "auth.log", _linux, f"{_ISO}h sshd[8]: {_PAM}",
        [_ISO, "h sshd[8]: ", "pam_unix(", "sshd:auth): ", "authentication failure;", " rhost=", "10.0.0.9",
         " user=bg", " ", "sshd:session): ", "session opened for user bg", "(uid=1)", "x", "user="],
        {
            "services": f"{_ISO}|pam_unix(",
            "failures": f"|{_REFUSED}",
            "hosts": f"{_ISO}{_REFUSED}| rhost=x",
            "hosts and users": f"{_ISO}{_REFUSED}| rhost=x user=bgx",
            "users": f"{_ISO}{_REFUSED} rhost=| user=bg",
            "openings": "|pam_unix(a:session): session opened for user bgx",
            "one service": f"{_ISO}pam_unix(|a",
            "numbers": f"{_ISO}pam_unix(a:session): session opened for user bg(uid=|1",
            "times": "|pam_unix( ",
            "short lines": f"|{_REFUSED} rhost= user=bgx\n",
        },
    ),
    "linux, journal": Reader(
        "journal.json", _journal, f'{_ENTRY}{_PAM}"}}',
        ['{"__REALTIME_TIMESTAMP":"', str(_MICROSECONDS), '","MESSAGE":"', "pam_unix(", "sshd:auth): ", " rhost=",
         " user=bg", "authentication failure;", '"}', "[", "{", "112,", "x"],
        {
            "depth": '{"MESSAGE":"pam_unix(","x":|[',
            "digits": '{"MESSAGE":"pam_unix(","x":|9',
            "bytes": '{"MESSAGE":"pam_unix(","x":[|112,',
            "short lines": '|{"pam_unix("\n',
            "text": '{"MESSAGE":"pam_unix(|x',
            "hosts": f"{_ENTRY}{_REFUSED}| rhost=x",
        },
    ),
}  # fmt: skip
"""Every reader there is."""
