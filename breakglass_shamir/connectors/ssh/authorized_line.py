# SPDX-License-Identifier: Apache-2.0
"""Lines of an ``authorized_keys`` file (sshd(8), AUTHORIZED_KEYS FILE FORMAT): options, key type, key, comment.

What it does not do: it knows no option but the two that decide whether a key opens at all.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice, pairwise

_TOKEN = re.compile(rb'(?:"(?:\\.|[^"\\])*"|[^\s"])+')
_KEY_TYPE = re.compile(rb"(?:sk-)?(?:ssh|ecdsa)-[a-z0-9@.-]+")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]+={0,2}")
_EXPIRY = re.compile(rb'(?:^|,)expiry-time="(\d{8,14})(Z?)"')
_AUTHORITY = re.compile(rb"(?:^|,)cert-authority(?:,|$)", re.IGNORECASE)
_FORMS = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}


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

    def in_force(self, now: datetime) -> bool:
        """Tell whether the key opens at an instant: it is not over, and signs no certificates instead."""
        if _AUTHORITY.search(self.options):
            return False
        found = _EXPIRY.search(self.options)
        if found is None:
            return True
        form = _FORMS.get(len(found[1]))
        if form is None:
            return False
        until = datetime.strptime(found[1].decode(), form)
        return now < (until.replace(tzinfo=UTC) if found[2] else until.astimezone())


def parse(line: bytes) -> Entry | None:
    """Read one line; None for a comment, an empty one, and what is no entry."""
    if line.lstrip().startswith(b"#"):
        return None
    # Options, type and key: no more are looked for, whatever the line holds.
    tokens = list(islice(_TOKEN.finditer(line), 3))
    for place, (kind, key) in enumerate(pairwise(tokens)):
        if _KEY_TYPE.fullmatch(kind[0]) and _BASE64.fullmatch(key[0]):
            options = tokens[0][0] if place else b""
            return Entry(options, kind[0] + b" " + key[0], kind.start(), key.end())
    return None


def replaced(content: bytes, old: bytes, new: bytes) -> bytes:
    """Return a file's content with one key in the place of another, everything else as it was."""
    lines = content.splitlines(keepends=True)
    for number, line in enumerate(lines):
        entry = parse(line)
        if entry and entry.key == old:
            lines[number] = line[: entry.start] + new + line[entry.end :]
    return b"".join(lines)
