# SPDX-License-Identifier: Apache-2.0
"""Run the MIT Kerberos programs: kinit, kpasswd, kadmin; Debian's package krb5-user.

Rules:

1. A password goes in on standard input, one line each, as the programs' prompts read it; never in an argument or
   the environment. MIT's prompter reads a pipe without buffering, so that each prompt gets its own line.
2. Settings come from a file that this module writes for one run, which names one KDC, or from the one that the
   policy names, or from the system. Nothing else of the environment is passed on, tracing neither.
3. Tickets stay in the memory of the program that got them. That of a check, good for five minutes, goes to a file in a
   private folder, in memory where there is one, and is gone before the answer is: it tells when the KDC let it in.
4. Messages are in English and times in UTC, because both are read.

What it does not do: it judges nothing; see ``kerberos``.
"""

import contextlib
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from breakglass_shamir.bounded import program as programs
from breakglass_shamir.connectors.port.memory_folder import memory_folder
from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.hygiene import Secret

SYSTEM_PATH = "/usr/bin:/bin:/usr/sbin:/sbin"
"""Where the programs are looked for; the caller's PATH is not trusted."""

PASSWORD_MAX_BYTES = 1022
"""What the programs' buffers hold."""

COMPLAINT_MAX_CHARS = 300
"""Longest part of what a program said that is repeated to people."""

_SETTINGS = """\
[libdefaults]
  default_realm = {realm}
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
  udp_preference_limit = 1
[realms]
  {realm} = {{
    kdc = {kdc}
    kpasswd_server = {kpasswd}
    admin_server = {admin}
  }}
"""


@dataclass(frozen=True, slots=True)
class Site:
    """Where a realm's servers are.

    Attributes:
        realm: name of the realm.
        kdc: ``host[:port]``; empty where the system's settings or ``settings`` know.
        kpasswd, admin: ``host[:port]`` of the two services that change and administer passwords.
        settings: a krb5.conf to use; None for the system's. Ignored where ``kdc`` is named.
    """

    realm: str
    kdc: str = ""
    kpasswd: str = ""
    admin: str = ""
    settings: Path | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """How a program ended.

    Attributes:
        status: exit status; None if it was killed.
        output: standard output, prompts included.
        complaint: what it said on standard error, in one line.
    """

    status: int | None
    output: str
    complaint: str


def check_password(secret: Secret) -> None:
    """Refuse a password that cannot be handed to the programs whole.

    Raises:
        ConnectorError: it is empty, too long, or has an end of line in it.
    """
    value = secret.reveal()
    if not 1 <= len(value) <= PASSWORD_MAX_BYTES or re.search(rb"[\0\r\n]", value):
        raise ConnectorError(f"expected a password of 1 to {PASSWORD_MAX_BYTES} bytes in one line, got another")


def missing(*programs: str) -> tuple[str, ...]:
    """Return which programs are not on this machine, a sentence each."""
    gone = [program for program in programs if shutil.which(program, path=SYSTEM_PATH) is None]
    return tuple(f"{program} not found in {SYSTEM_PATH}: install the package krb5-user" for program in gone)


def run(site: Site, command: Sequence[str], lines: Sequence[Secret], time_limit_s: float) -> Run:
    """Run a program and hand it lines of input.

    Args:
        site: where the servers are.
        command: program and arguments; holds no secret.
        lines: what its prompts are to get, in order.
        time_limit_s: after that it is ended.

    Raises:
        ConnectorError: there is no such program on this machine, or a line cannot be handed over whole.
    """
    program = shutil.which(command[0], path=SYSTEM_PATH)
    if program is None:
        raise ConnectorError(f"{command[0]} not found in {SYSTEM_PATH}", hint="install the package krb5-user")
    for line in lines:
        check_password(line)
    with _settings(site) as settings:
        given = b"".join(line.reveal() + b"\n" for line in lines)
        done = programs.run([program, *command[1:]], given=given, limit_s=time_limit_s, env=_environment(settings))
    if done.status is None:
        return Run(None, "", f"{command[0]} had no answer: {done.why}")
    complaint = programs.one_line(done.errors or done.output, COMPLAINT_MAX_CHARS)
    return Run(done.status, done.output.decode(errors="backslashreplace"), complaint)


@contextlib.contextmanager
def place_for_a_ticket() -> Iterator[Path | None]:
    """Yield the path of a file that only this user reads, gone at the end; None where no folder can be made for it."""
    with contextlib.ExitStack() as stack:
        try:
            folder = stack.enter_context(memory_folder())
        except OSError:
            yield None
            return
        yield folder / "ticket"


def _environment(settings: Path | None) -> dict[str, str]:
    named = {"KRB5_CONFIG": str(settings)} if settings else {}
    return {"PATH": SYSTEM_PATH, "LC_ALL": "C", "TZ": "UTC", "KRB5CCNAME": "MEMORY:", **named}


@contextlib.contextmanager
def _settings(site: Site) -> Iterator[Path | None]:
    """Yield the settings to use; None for the system's."""
    if not site.kdc:
        yield site.settings
        return
    with tempfile.TemporaryDirectory(prefix="breakglass-") as folder:
        path = Path(folder) / "krb5.conf"
        text = _SETTINGS.format(realm=site.realm, kdc=site.kdc, kpasswd=site.kpasswd, admin=site.admin)
        path.write_text(text)
        yield path
