# SPDX-License-Identifier: Apache-2.0
"""One set's life at a real server, on the command line, from scanned sheets: opened, used, rotated.

Rules:

1. Every step is the installed program in a process of its own; sheets are real PDFs, scans are pictures of them.
2. Whether a credential logs in, and whether a session lives, is the word of the server's own client.
3. All processes are watched the whole time, and everything the server and the ledger wrote is searched afterwards.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from connector_contract import assert_no_secret, eventually, watched_processes

from breakglass_shamir.hygiene import Secret
from tests.end_to_end.life import DECLARATION, NAME, Life, secrets_on_paper

_POLICY = """name = "{name}"
[target]
uri = "{uri}"
account = "{account}"
second_account = "envelope B, safe 2"
kind = "{kind}"
options = {{ {options} }}
[quorum]
{groups}
[declaration]
classes = ["idp-outage"]
ticket = "INC-[0-9]{{4,}}"
[rotation]
wait_for_sessions = "1s"
{rotation}
"""


@dataclass(frozen=True, slots=True)
class Place:
    """An account at a server.

    Attributes:
        uri: the target.
        account: the account.
        secret: its credential at the beginning.
        options: of the policy.
        opens: asks the server's own client whether a credential logs in.
        log_in: begins a session with it; returns a question: is it alive? None where sessions cannot be ended.
        written: everything the server wrote.
        rotation: more lines of the policy's table.
        kind: ``target.kind`` of the policy.
    """

    uri: str
    account: str
    secret: Secret
    options: Mapping[str, str]
    opens: Callable[[Secret], bool]
    log_in: Callable[[Secret], Callable[[], bool]] | None
    written: Callable[[], bytes] = bytes
    rotation: str = ""
    kind: str = "password"


@dataclass(slots=True)
class TargetLife(Life):
    """A life whose credential belongs to an account at a server."""

    place: Place = field(kw_only=True)

    def begin(self) -> None:
        """Make policy and home."""
        self.folder.mkdir(exist_ok=True)
        self.write_policy()
        self.ok("init", "--terminal", "terminal one")

    def write_policy(self, **changes: str) -> None:
        """Write the policy file."""
        place = self.place
        options = ", ".join(f"{name} = {json.dumps(value)}" for name, value in place.options.items())
        facts = {
            "uri": place.uri,
            "account": place.account,
            "options": options,
            "rotation": place.rotation,
            "kind": place.kind,
            **changes,
        }
        self.policy.write_text(_POLICY.format(name=NAME, groups=self.quorum, **facts))


def live_through(place: Place, folder: Path) -> TargetLife:
    """Open a set at a server and rotate it, and hold what is promised about that; returns the life."""
    life = TargetLife(folder, secret=place.secret, place=place)
    assert place.opens(place.secret)
    life.begin()
    with watched_processes() as seen:
        life.seal()
        alive = place.log_in(place.secret) if place.log_in else None
        options = life.rotating(2)
        with life.office(2):
            done = life.run(
                "recombine", NAME, *DECLARATION, "--scan", life.scans(1), *options, "--as", "emergency",
                "--exec", "sh", "-c", f"cat >{folder}/received",
            )  # fmt: skip
    assert done.exit == 0, done.err
    assert (folder / "received").read_bytes() == place.secret.reveal()

    (new,) = secrets_on_paper(life.sheets(2))
    assert not place.opens(place.secret), "the server still lets the old credential in"
    assert place.opens(new)
    if alive:
        assert eventually(lambda: not alive()), "a session that the old credential began is still there"
        assert {"sessions-awaited", "sessions-ended"} <= set(life.kinds())
    assert {"applied", "old-dead", "closed"} <= set(life.kinds())
    assert life.nothing_due()
    life.ok("audit", "verify")

    ledger = [path.read_bytes() for path in life.home.rglob("*") if path.is_file()]
    said = (done.out + done.err).encode()
    assert_no_secret(b"\n".join([*seen, *ledger, said, place.written()]), (place.secret, new))
    return life
