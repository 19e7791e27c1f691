# SPDX-License-Identifier: Apache-2.0
"""Lines of an ``authorized_keys`` file, read as sshd reads them: options, key type, key, comment.

Sources: sshd(8), AUTHORIZED_KEYS FILE FORMAT; OpenSSH's auth2-pubkeyfile.c (lines), auth-options.c (options), misc.c
(times). A test holds this against the installed sshd.

Rules:

1. A line is a key with its options, or nothing. Where sshd would pass over a line for one bad option, so does this.
2. A key is in force only where that is certain: every option is known and written as sshd takes it, no time is over.
   Everything else has a reason why it is not.
3. Options are told apart as sshd does: by their beginning, in any case, with commas inside quotation marks.

What it does not do: it asks no sshd, so that what its settings forbid is not known here.
"""

import base64
import ipaddress
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

Version = tuple[int, int] | None
"""Major and minor version of the installed OpenSSH; None where it does not tell."""

OPTIONS_MAX = 100
"""Options of one line beyond which nothing is said of it; sshd has limits of its own."""

LINE_MAX_BYTES = 8192
"""Longest line that sshd(8) promises to read."""

UTC_SINCE = (9, 1)
"""First OpenSSH whose times may end in ``Z`` or ``UTC``."""

_KEY_TYPES = frozenset(
    {
        b"ssh-ed25519", b"ssh-rsa", b"ssh-dss", b"ecdsa-sha2-nistp256", b"ecdsa-sha2-nistp384", b"ecdsa-sha2-nistp521",
        b"sk-ssh-ed25519@openssh.com", b"sk-ecdsa-sha2-nistp256@openssh.com",
    }
)  # fmt: skip
_FLAGS = (
    (b"restrict", False), (b"cert-authority", False), (b"port-forwarding", True), (b"agent-forwarding", True),
    (b"x11-forwarding", True), (b"touch-required", True), (b"verify-required", True), (b"pty", True),
    (b"user-rc", True),
)  # fmt: skip
"""Options without a value, in sshd's order, and whether ``no-`` may stand before them."""

_ONCE = frozenset({b"command", b"principals", b"from"})
_BLANK = b" \t"
_FORMS = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_TIME = re.compile(rb"(\d{8}(?:\d{4}(?:\d{2})?)?)(Z|UTC)?", re.IGNORECASE)
_LOCAL_DOUBT = timedelta(hours=1)
"""How far a local time may be from what is meant by it, where the clocks are put forward or back."""

_HOST_PORT = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(?:[1-9]\d{0,3}|\*)")
_LISTEN = re.compile(rb"(?:(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._*?-]+):)?(?:[1-9]\d{0,3}|\*)")
_PATTERN = re.compile(rb"!?[A-Za-z0-9._:*?-]+")


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of the file.

    Attributes:
        options: in front of the key; may be empty.
        key: type and base64, a space between.
        start: where the key begins in its line.
        end: where it ends.
    """

    options: bytes
    key: bytes
    start: int
    end: int

    def against(self, now: datetime, version: Version) -> str:
        """Say why it is not certain that the key opens at an instant; empty where it is.

        Args:
            now: the instant, with a time zone.
            version: of the OpenSSH that reads the file.
        """
        try:
            said = _parsed(self.options)
        except _BadOption as error:
            return f"sshd passes its line over: {error}"
        return next((why for name, value in said if (why := _judged(name, value, now, version))), "")

    def in_force(self, now: datetime, version: Version) -> bool:
        """Tell whether the key certainly opens at an instant."""
        return not self.against(now, version)


class _BadOption(Exception):
    """An option for which sshd passes over the whole line."""


def lines_of(content: bytes) -> list[bytes]:
    """Return a file's lines as sshd takes them: they end at line feeds alone, and hold no more behind a zero byte."""
    return [line.partition(b"\0")[0] for line in content.split(b"\n")]


def parse(line: bytes) -> Entry | None:
    """Read one line; None for a comment, an empty one, and what is no entry."""
    start = _past_blanks(line, 0)
    if start == len(line) or line[start : start + 1] in b"#\r\n":
        return None
    found = _key_at(line, start)
    if found is not None:
        return Entry(b"", line[slice(*found[0])] + b" " + line[slice(*found[1])], found[0][0], found[1][1])
    end = _past_options(line, start)
    if end is None:
        return None
    found = _key_at(line, _past_blanks(line, end))
    if found is None:
        return None
    return Entry(line[start:end], line[slice(*found[0])] + b" " + line[slice(*found[1])], found[0][0], found[1][1])


def replaced(content: bytes, old: bytes, new: bytes) -> bytes:
    """Return a file's content with one key in the place of another, everything else as it was."""
    lines = content.split(b"\n")
    for number, line in enumerate(lines):
        entry = parse(line.partition(b"\0")[0])
        if entry and entry.key == old:
            lines[number] = line[: entry.start] + new + line[entry.end :]
    return b"\n".join(lines)


def _key_at(line: bytes, start: int) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Return where key type and key stand, if they do at this place (sshkey_read)."""
    kind_end = _past_word(line, start)
    if kind_end == len(line) or line[start:kind_end] not in _KEY_TYPES:
        return None
    key_start = _past_blanks(line, kind_end)
    key_end = _past_word(line, key_start)
    # The end of a line that was written elsewhere is no part of the key.
    key_end = key_start + len(line[key_start:key_end].rstrip(b"\r"))
    if _kind_inside(line[key_start:key_end]) != line[start:kind_end]:
        return None
    return (start, kind_end), (key_start, key_end)


def _kind_inside(text: bytes) -> bytes:
    """Return the type that a key says of itself; empty where that is no key."""
    try:
        raw = base64.b64decode(text, validate=True)
        (length,) = struct.unpack_from(">I", raw)
    except (ValueError, struct.error):
        return b""
    return raw[4 : 4 + length]


def _past_blanks(line: bytes, at: int) -> int:
    while at < len(line) and line[at] in _BLANK:
        at += 1
    return at


def _past_word(line: bytes, at: int) -> int:
    while at < len(line) and line[at] not in _BLANK:
        at += 1
    return at


def _past_options(line: bytes, at: int) -> int | None:
    """Return where options end: at a blank outside quotation marks; None where a quotation mark is never closed."""
    quoted = False
    while at < len(line) and (quoted or line[at] not in _BLANK):
        if line[at : at + 2] == b'\\"':
            at += 1
        elif line[at : at + 1] == b'"':
            quoted = not quoted
        at += 1
    return None if quoted and at >= len(line) else at


def _parsed(options: bytes) -> list[tuple[bytes, bytes]]:
    """Return the options with their values, as sshauthopt_parse reads them.

    Raises:
        _BadOption: sshd would take the line for none.
    """
    found: list[tuple[bytes, bytes]] = []
    at = 0
    while at < len(options):
        if len(found) >= OPTIONS_MAX:
            raise _BadOption(f"more than {OPTIONS_MAX} options")
        name, value, at = _flag(options, at) or _valued(options, at)
        if name in _ONCE and any(name == one for one, _ in found):
            raise _BadOption(f"the option {name.decode()} stands there twice")
        found.append((name, value))
        if at == len(options):
            return found
        if options[at : at + 1] != b",":
            raise _BadOption("an option that is not known")
        at += 1
        if at == len(options):
            raise _BadOption("a comma with no option behind it")
    return found


def _flag(options: bytes, at: int) -> tuple[bytes, bytes, int] | None:
    """Return an option without a value that begins here, and where it ends."""
    for name, negated in _FLAGS:
        for prefix in (b"no-", b"") if negated else (b"",):
            end = at + len(prefix) + len(name)
            if options[at:end].lower() == prefix + name:
                return prefix + name, b"", end
    return None


def _valued(options: bytes, at: int) -> tuple[bytes, bytes, int]:
    """Return an option with a value that begins here, and where it ends.

    Raises:
        _BadOption: there is none.
    """
    name, equals, _ = options[at:].partition(b"=")
    kind = name.lower()
    if not equals or kind not in _VALUES:
        raise _BadOption("an option that is not known")
    value, end = _dequoted(options, at + len(name) + 1)
    return kind, value, end


def _dequoted(options: bytes, at: int) -> tuple[bytes, int]:
    """Return what stands between quotation marks, and where that ends (opt_dequote)."""
    if options[at : at + 1] != b'"':
        raise _BadOption("a value without a quotation mark before it")
    at += 1
    value = bytearray()
    while at < len(options) and options[at : at + 1] != b'"':
        if options[at : at + 2] == b'\\"':
            at += 1
        value.append(options[at])
        at += 1
    if at >= len(options):
        raise _BadOption("a value without a quotation mark behind it")
    return bytes(value), at + 1


def _judged(name: bytes, value: bytes, now: datetime, version: Version) -> str:
    """Say what an option has against the key; empty for nothing."""
    if name == b"cert-authority":
        return "it signs certificates, and opens nothing itself"
    if name == b"expiry-time":
        return _over(value, now, version)
    known = _VALUES.get(name)
    if known is None or known(value):
        return ""
    return f"whether sshd takes the value of its option {name.decode()} is not certain"


def _over(value: bytes, now: datetime, version: Version) -> str:
    """Say why a time lets nobody in, or may not; empty where it certainly does."""
    found = _TIME.fullmatch(value)
    try:
        until = datetime.strptime(found[1].decode(), _FORMS[len(found[1])]) if found else None
    except ValueError:
        until = None
    if found is None or until is None:
        return "whether sshd takes its expiry-time is not certain"
    if found[2] and (version is None or version < UTC_SINCE):
        return "its expiry-time has a zone, and this OpenSSH is older than 9.1 or does not tell its version"
    if found[2]:
        return "" if now < until.replace(tzinfo=UTC) else "its expiry-time is over"
    local = until.astimezone()
    if now >= local + _LOCAL_DOUBT:
        return "its expiry-time is over"
    return "" if now < local - _LOCAL_DOUBT else "its expiry-time is over, or will be within the hour"


def _hosts(value: bytes) -> bool:
    """Tell whether a list of hosts lets in from somewhere, and is written as sshd takes it (match_host_and_ip)."""
    patterns = value.split(b",")
    return all(map(_is_pattern, patterns)) and not all(one.startswith(b"!") for one in patterns)


def _is_pattern(pattern: bytes) -> bool:
    if b"/" not in pattern:
        return _PATTERN.fullmatch(pattern) is not None
    try:
        ipaddress.ip_network(pattern.removeprefix(b"!").decode("ascii"))
    except ValueError:
        return False
    return pattern.partition(b"/")[2].isdigit()


def _environment(value: bytes) -> bool:
    return re.match(rb"[A-Za-z0-9_]+=", value) is not None


_VALUES: dict[bytes, Callable[[bytes], bool]] = {
    b"command": lambda _: True,
    b"principals": lambda _: True,
    b"from": _hosts,
    b"expiry-time": lambda _: True,
    b"environment": _environment,
    b"permitopen": lambda value: _HOST_PORT.fullmatch(value) is not None,
    b"permitlisten": lambda value: _LISTEN.fullmatch(value) is not None,
    b"tunnel": lambda value: re.fullmatch(rb"[1-9]?\d", value) is not None,
}
"""Options with a value, and whether one is certainly of a form that sshd takes."""
