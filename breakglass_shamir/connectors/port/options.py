# SPDX-License-Identifier: Apache-2.0
"""What a policy tells a connector beside the target: ``target.options``, strings by name.

Every connector knows ``time_limit``. The others it takes are named in its ``option_names``; these mean the same
everywhere:

- ``time_limit``: longest time one question to the target may take, in seconds, such as ``20``.
- ``tls``: ``verify`` (the default: encrypted, certificate and name verified) or ``off``.
- ``ca``: absolute path of a PEM file; only authorities in it are believed. Default: those of the system.
- ``log_zone``: the zone of times that stand in a log without one: ``UTC`` (the default), ``+02:00``, or a name such as
  ``Europe/Berlin``.
- ``admin``: absolute path of a program that prints the secret of ``admin_account`` on its standard output. Needed
  only where the account itself may not do something. The secret is never stored: the program is run each time.

What it does not do: it makes no connection, and reads no file but what it is told to run.
"""

import contextlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, timedelta, timezone, tzinfo
from pathlib import Path
from types import MappingProxyType
from zoneinfo import ZoneInfo

from breakglass_shamir.bounded import program as programs
from breakglass_shamir.connectors.port.trusted_file import file_problems
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret

NO_OPTIONS: Mapping[str, str] = MappingProxyType({})
"""What a connector is made with when the policy says nothing."""

COMMON_OPTIONS = frozenset({"time_limit"})
"""Options that every connector knows."""

TLS_OPTIONS = frozenset({"tls", "ca"})
"""Options of connectors that speak TLS."""

ADMIN_OPTIONS = frozenset({"admin", "admin_account"})
"""Options of connectors that can use an administrator's account."""

LOG_OPTIONS = frozenset({"log", "audit_log", "kdc_log"})
"""Options that name a log file from which logins are read."""

TIME_LIMIT_S = 20.0
"""Default time limit of one question to a target."""

TIME_LIMIT_MAX_S = 600.0
"""Longest time limit that can be asked for."""

ADMIN_LIMIT_S = 60.0
"""Longest time the program of option ``admin`` may take: it may have to ask a person."""

ADMIN_SECRET_MAX_BYTES = 64 << 10
"""Longest secret it may print; one that prints more is killed."""

_OFFSET = re.compile(r"([+-])([01]\d):?([0-5]\d)")
_SECONDS = re.compile(r"\d{1,3}(\.\d{1,3})?")


@dataclass(frozen=True, slots=True)
class Tls:
    """How a connection is protected.

    Attributes:
        verify: encrypted, with the certificate and the name in it verified; False is a connection in the clear.
        ca: PEM file of the only authorities that are believed; None for those of the system.
    """

    verify: bool = True
    ca: Path | None = None


def check_names(scheme: str, options: Mapping[str, str], known: frozenset[str]) -> None:
    """Refuse an option that a connector does not know.

    Raises:
        InvalidInput: with the known ones in it.
    """
    for name in options:
        if name not in known:
            expected = ", ".join(sorted(known))
            raise InvalidInput(f"{scheme} does not know the option {name}: expected one of {expected}")


def time_limit_s(options: Mapping[str, str]) -> float:
    """Return the time limit of one question, in seconds.

    Raises:
        InvalidInput: not a number of seconds above 0 and up to 600.
    """
    text = options.get("time_limit")
    if text is None:
        return TIME_LIMIT_S
    limit = float(text) if _SECONDS.fullmatch(text) else 0.0
    if not 0 < limit <= TIME_LIMIT_MAX_S:
        raise InvalidInput(f"option time_limit: expected seconds above 0 and up to {TIME_LIMIT_MAX_S:.0f}")
    return limit


def tls(options: Mapping[str, str]) -> Tls:
    """Return how a connection is to be protected.

    Raises:
        InvalidInput: a word that is none, ``ca`` is no absolute path, or ``ca`` goes with ``tls`` off.
    """
    mode = options.get("tls", "verify")
    if mode not in ("verify", "off"):
        raise InvalidInput(f"option tls: expected verify or off, got {mode!r}")
    ca = _absolute("ca", options)
    if ca and mode == "off":
        raise InvalidInput("option ca: expected none when option tls is off")
    return Tls(mode == "verify", ca)


def log_zone(options: Mapping[str, str]) -> tzinfo:
    """Return the zone of times that stand in a log without one.

    Raises:
        InvalidInput: no zone that this machine knows.
    """
    text = options.get("log_zone", "UTC")
    if text == "UTC":
        return UTC
    if offset := _OFFSET.fullmatch(text):
        size = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
        return timezone(-size if offset[1] == "-" else size)
    with contextlib.suppress(KeyError, ValueError, OSError):
        return ZoneInfo(text)
    raise InvalidInput(
        f"option log_zone: expected UTC, an offset such as +02:00 or the name of a zone, got {text[:60]!r}",
        hint="names of zones are in /usr/share/zoneinfo, such as Europe/Berlin",
    )


def check_admin(options: Mapping[str, str]) -> None:
    """Refuse half a description of an administrator.

    Raises:
        InvalidInput: one of the two options is missing, or the program is no absolute path.
    """
    if ("admin" in options) != ("admin_account" in options):
        raise InvalidInput("options admin and admin_account: expected both or neither")
    check_program(options)


def check_program(options: Mapping[str, str]) -> None:
    """Refuse an option ``admin`` that names no program.

    Raises:
        InvalidInput: it is no absolute path.
    """
    _absolute("admin", options)


def admin_secret(options: Mapping[str, str]) -> Secret | None:
    """Run the program of option ``admin`` and return what it prints, without the line's end; None without one.

    It may ask somebody at this terminal, which is lent to it meanwhile.

    Raises:
        ConnectorError: others could replace it; it could not be run, failed, took too long, or printed nothing or
            more than a secret.
    """
    program = _absolute("admin", options)
    if program is None:
        return None
    if stands := file_problems(program):
        raise ConnectorError(f"the program of option admin was not run: {'; '.join(stands)}")
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    try:
        told = programs.run(
            [str(program)], limit_s=ADMIN_LIMIT_S, env=environment, output_max=ADMIN_SECRET_MAX_BYTES, asks=True
        )
    except OSError as error:
        raise ConnectorError(f"the program of option admin could not be run: {type(error).__name__}") from None
    if told.status is None:
        raise ConnectorError(f"the program of option admin gave no secret: {told.why}")
    secret = told.output.removesuffix(b"\n")
    if told.status != 0 or not secret:
        raise ConnectorError(f"the program of option admin printed no secret (exit status {told.status})")
    return Secret(secret)


def _absolute(name: str, options: Mapping[str, str]) -> Path | None:
    text = options.get(name)
    if text is None:
        return None
    if not text.startswith("/") or "\0" in text:
        raise InvalidInput(f"option {name}: expected an absolute path")
    return Path(text)
