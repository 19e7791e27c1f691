# SPDX-License-Identifier: Apache-2.0
"""Whose cosignatures a checkpoint needs: a file that names witnesses, and the rule which of them are enough.

Source: C2SP tlog-policy.

Rules:

1. A line is a log, a witness, a group or the quorum; a name is defined before it is used, and is a member once at most.
   So the groups are a tree, and no witness counts twice.
2. Names are bytes to the file. They are compared and shown escaped, so that what is no UTF-8 in one is seen.
3. Witnesses' keys are Ed25519 cosignature keys (type 0x04), each once, under whatever name.
4. A file is read whole or not at all, and what is wrong with it is said with the number of the line.
"""

import base64
import re
from collections.abc import Collection
from dataclasses import dataclass, field

from breakglass_shamir.crypto.cosignature import Cosigner
from breakglass_shamir.crypto.note import verifier_key
from breakglass_shamir.errors import InvalidInput, InvalidProof
from breakglass_shamir.formats.plain import escaped
from breakglass_shamir.plural import counted

MAX_BYTES = 64 * 1024
"""Largest file that is read."""

MOST = 32
"""Logs, witnesses and groups that a file may have, of each; the specification asks for as many."""

NONE = "none"
"""The quorum that needs nobody."""

_WHITESPACE = re.compile(r"[ \t]+")
_NUMBER = re.compile(r"[1-9][0-9]{0,3}")
_URL = re.compile(r"https?://([A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?(/[!$-;=A-Z_a-z~]*)?")
_ED25519_LOG = 1


@dataclass(frozen=True, slots=True)
class Witness:
    """Who may cosign.

    Attributes:
        name: in the file and nowhere else, escaped.
        cosigner: its key.
        url: prefix of the address that checkpoints are submitted to; empty: the file names none.
    """

    name: str
    cosigner: Cosigner
    url: str


@dataclass(frozen=True, slots=True)
class Group:
    """A group of witnesses and groups, of which some are enough.

    Attributes:
        needed: how many of the members.
        members: their names.
    """

    needed: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TrustPolicy:
    """Whose cosignatures are enough.

    Attributes:
        text: of the file, verbatim.
        logs: verifier keys of the logs it is for; none: any.
        witnesses: in the order of the file.
        groups: by name.
        quorum: name of a witness or group, or ``none``.
    """

    text: bytes = field(repr=False)
    logs: tuple[str, ...]
    witnesses: tuple[Witness, ...]
    groups: dict[str, Group]
    quorum: str

    def satisfied_by(self, names: Collection[str]) -> bool:
        """Tell whether cosignatures by the witnesses of these names are enough."""
        return self.quorum == NONE or self._has(self.quorum, names)

    def is_for(self, key: str) -> bool:
        """Tell whether it is for the log of a verifier key."""
        return not self.logs or key in self.logs

    def in_words(self) -> str:
        """Say what is needed."""
        if self.quorum == NONE:
            return "no cosignature is needed"
        group = self.groups.get(self.quorum)
        if group is None:
            return f"{self.quorum} is needed"
        return f"{group.needed} of {len(group.members)} are needed: {', '.join(group.members)}"

    def _has(self, name: str, names: Collection[str]) -> bool:
        group = self.groups.get(name)
        if group is None:
            return name in names
        return sum(self._has(member, names) for member in group.members) >= group.needed


def parse(text: bytes) -> TrustPolicy:
    """Read a policy.

    Raises:
        InvalidInput: it is none; with the number of the line.
    """
    if len(text) > MAX_BYTES:
        raise InvalidInput(f"expected a policy of witnesses of at most {MAX_BYTES} bytes")
    reader = _Reader()
    for number, line in enumerate(text.decode("utf-8", errors="surrogateescape").split("\n"), 1):
        try:
            reader.take(line)
        except (InvalidInput, InvalidProof) as error:
            raise InvalidInput(f"line {number} of the policy of witnesses: {error}") from error
    if not reader.quorum:
        raise InvalidInput(
            "expected a quorum in the policy of witnesses, got none",
            hint="say whose cosignature is needed with a line such as: quorum NAME",
        )
    return TrustPolicy(text, tuple(reader.logs), tuple(reader.witnesses.values()), reader.groups, reader.quorum)


class _Reader:
    """What was read so far."""

    def __init__(self) -> None:
        self.logs: dict[str, bytes] = {}
        self.witnesses: dict[str, Witness] = {}
        self.groups: dict[str, Group] = {}
        self.quorum = ""
        self._members: set[str] = set()

    def take(self, line: str) -> None:
        """Take a line.

        Raises:
            InvalidInput, InvalidProof: it is none of a policy.
        """
        if any((character < " " and character != "\t") or character == "\x7f" for character in line):
            raise InvalidInput("expected no control character but tabs, such as that of a line end of Windows")
        words = [escaped(word) for word in _WHITESPACE.split(line.strip(" \t"))]
        kind, given = words[0], words[1:]
        if not kind or kind.startswith("#"):
            return
        if kind == "log" and len(given) in (1, 2):
            self._log(given[0])
        elif kind == "witness" and len(given) in (2, 3):
            self._witness(given[0], given[1], given[2] if len(given) == 3 else "")
        elif kind == "group" and len(given) >= 3:
            self._group(given[0], given[1], tuple(given[2:]))
        elif kind == "quorum" and len(given) == 1:
            self._quorum(given[0])
        else:
            raise InvalidInput(
                "expected log KEY [URL], witness NAME KEY [URL], group NAME NUMBER|all|any NAME..., or quorum NAME"
            )

    def _log(self, key: str) -> None:
        public = _key_of_log(key)
        if public in self.logs.values():
            raise InvalidInput("this log's key stands there already")
        self.logs[key] = public
        _require_few(self.logs, "log")

    def _witness(self, name: str, key: str, url: str) -> None:
        self._define(name)
        cosigner = Cosigner.from_text(key)
        if any(one.cosigner.public == cosigner.public for one in self.witnesses.values()):
            raise InvalidInput("this witness's key stands there already")
        self.witnesses[name] = Witness(name, cosigner, _prefix(url))
        _require_few(self.witnesses, "witness")

    def _group(self, name: str, needed: str, members: tuple[str, ...]) -> None:
        self._define(name)
        for member in members:
            self._require_known(member)
            if member in self._members:
                raise InvalidInput(f"{member} is a member already; a name is one once at most")
            self._members.add(member)
        number = {"all": len(members), "any": 1}.get(needed) or (int(needed) if _NUMBER.fullmatch(needed) else 0)
        if not 1 <= number <= len(members):
            raise InvalidInput(f"expected all, any, or a number from 1 to {len(members)}, got {needed[:20]}")
        self.groups[name] = Group(number, members)
        _require_few(self.groups, "group")

    def _quorum(self, name: str) -> None:
        if self.quorum:
            raise InvalidInput("expected one quorum, got another")
        if name != NONE:
            self._require_known(name)
        self.quorum = name

    def _define(self, name: str) -> None:
        if name == NONE or name in self.witnesses or name in self.groups:
            raise InvalidInput(f"expected a name that nobody has, got {name[:80]}")

    def _require_known(self, name: str) -> None:
        if name not in self.witnesses and name not in self.groups:
            raise InvalidInput(f"expected the name of a witness or group that stands before, got {name[:80]}")


def _require_few(found: Collection[object], what: str) -> None:
    if len(found) > MOST:
        raise InvalidInput(f"expected at most {counted(MOST, what)}")


def _key_of_log(text: str) -> bytes:
    """Return what a log's verifier key holds behind its type.

    Raises:
        InvalidInput: it is none.
    """
    name, _, rest = text.partition("+")
    try:
        data = base64.b64decode(rest.partition("+")[2], validate=True)
        holds = len(data) > 1 and (data[0] != _ED25519_LOG or verifier_key(name, data[1:]) == text)
    except (ValueError, InvalidProof):
        holds = False
    if not holds:
        raise InvalidInput("expected a log's key as name+keyid+base64")
    return data[1:]


def _prefix(url: str) -> str:
    """Return the prefix of a witness's address, without a slash at its end.

    Raises:
        InvalidInput: it is none.
    """
    if url and not _URL.fullmatch(url):
        raise InvalidInput("expected an address like https://HOST[:PORT][/PATH], without a name, a password or a query")
    return url.rstrip("/")
