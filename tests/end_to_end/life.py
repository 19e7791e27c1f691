# SPDX-License-Identifier: Apache-2.0
"""One set's life, played on the command line: a real protected key, a home, sheets, and scans of them.

Rules:

1. Every step is the installed program in a process of its own; nothing is taken from its memory.
2. The judge is not the program: whether a passphrase opens the key is ssh-keygen's word, and what stands on
   paper is read from the printed files.
3. A passphrase is drawn afresh for each life and stands in no argument vector.
"""

import base64
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from breakglass_shamir.connectors.ssh.keygen import run_ssh_keygen
from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.custody.credential import Credential
from breakglass_shamir.custody.policy.generator import generate
from breakglass_shamir.custody.quorum.pool import Pool
from breakglass_shamir.errors import BreakglassError
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import home, verify
from breakglass_shamir.ledger.entry import Entry
from breakglass_shamir.paper.reading.scan import Scanner
from breakglass_shamir.paper.simulate import scanned

PROGRAM = Path(sysconfig.get_path("scripts")) / "breakglass"
"""The program as it is installed."""

DPI = 120
"""Resolution of the scans; the smallest code's modules are 3.5 pixels then."""

TIME_LIMIT_S = 180.0
"""Longest time one command may take."""

NAME = "recovery-key"
"""The set."""

CUSTODIANS = ("North", "South", "East", "West", "Egon", "Frida", "Gero", "Hana", "Ivo")

DECLARATION = (
    "--class", "idp-outage", "--ticket", "INC-1234", "--reason", "nobody can log in",
    "--officer", "Olga", "--officer", "Oskar",
)  # fmt: skip
"""A declaration that the policy of these tests allows."""

POLICY = """name = "{name}"
belongs_to = "Example Ltd, Security"

[target]
uri = "ssh-key://{key}"
second_account = "envelope B, safe 2"

[quorum]
{groups}

[declaration]
classes = ["idp-outage", "network-outage"]
ticket = "INC-[0-9]{{4,}}"
use_for = "1h"

[reveal]
modes = ["exec", "show", "no-reveal"]
show_for = "3s"

[rotation]
{rotation}
"""


@dataclass(frozen=True, slots=True)
class Done:
    """How one command ended."""

    exit: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)


def groups_text(*groups: tuple[int, Sequence[str]]) -> str:
    """Write ``[[quorum.groups]]`` tables of threshold and custodians."""
    return "\n".join(
        f"[[quorum.groups]]\nthreshold = {threshold}\ncustodians = {json.dumps(list(names))}"
        for threshold, names in groups
    )


def passphrase() -> Secret:
    """Draw a passphrase that stands nowhere else."""
    return generate(24)


def make_key(path: Path, secret: Secret) -> None:
    """Make a protected key; one KDF round keeps the tests fast."""
    made = run_ssh_keygen(["-q", "-t", "ed25519", "-a", "1", "-C", "break-glass", "-f", str(path)], [secret, secret])
    assert made.status == 0, made.complaint


def opens(path: Path, secret: Secret) -> bool:
    """Ask ssh-keygen whether a passphrase opens a key."""
    run = run_ssh_keygen(["-y", "-f", str(path)], [secret])
    assert run.given == 1
    return run.status == 0


@dataclass(slots=True)
class Life:
    """A folder with a key, a policy and a home, and the commands that are run on them."""

    folder: Path
    secret: Secret = field(default_factory=passphrase)
    """What opened the key when the life began."""

    quorum: str = groups_text((2, CUSTODIANS[:3]))
    rotation: str = ""
    backup: Path | None = None
    more: dict[str, str] = field(default_factory=dict)
    """More of the environment of every command."""

    home_name: str = "home"
    """Folder of the terminal's home; another one is another terminal."""

    patience_s: float = TIME_LIMIT_S
    """Longest time that one command of this life may take."""

    @property
    def key(self) -> Path:
        return self.folder / "keys" / "id"

    @property
    def home(self) -> Path:
        return self.folder / self.home_name

    @property
    def policy(self) -> Path:
        return self.folder / "policy.toml"

    def begin(self) -> None:
        """Make key, policy and home."""
        self.key.parent.mkdir(parents=True)
        make_key(self.key, self.secret)
        self.write_policy()
        self.ok("init", "--terminal", "terminal one")

    def beside(self, terminal: str) -> "Life":
        """Return another terminal of the same people, with the same target and paper; it has no home yet."""
        return replace(self, home_name=terminal)

    def write_policy(self, **changes: str) -> None:
        """Write the policy file."""
        facts = {"name": NAME, "key": str(self.key), "groups": self.quorum, "rotation": self.rotation, **changes}
        self.policy.write_text(POLICY.format(**facts))

    def seal(self) -> None:
        """Split and confirm the first epoch: sheets in ``sheets-1``, scans in ``scans-1``."""
        self.ok("split", self.policy, "--credential-from", "-", "--out", self.sheets(1), stdin=self.secret.reveal())
        self.scan(1)
        self.ok("confirm", NAME, self.scans(1))

    def keep(self) -> None:
        """Remember the folder as it is."""
        self.backup = self.folder.parent / "backup"
        shutil.copytree(self.folder, self.backup)

    def restore(self) -> None:
        """Put the folder back as it was remembered."""
        assert self.backup is not None
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.backup, self.folder)

    def sheets(self, number: int) -> Path:
        """Return the folder of a printing."""
        return self.folder / f"sheets-{number}"

    def scans(self, number: int) -> Path:
        """Return the folder of the scans of a printing."""
        return self.folder / f"scans-{number}"

    def scan(self, number: int) -> list[Path]:
        """Lay every live sheet of a printing on a scanner."""
        return scan_folder(self.sheets(number), self.scans(number))

    def some_scans(self, number: int, count: int) -> list[Path]:
        """Return the first few scans of a printing."""
        return sorted(self.scans(number).iterdir())[:count]

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of a command."""
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG", "TMPDIR") if name in os.environ}
        return {**kept, "HOME": str(self.folder), "TERM": "dumb", **self.more, **more}

    def command(self, *args: str | Path) -> list[str]:
        """Return the command line of the program at this home."""
        return [str(PROGRAM), "--home", str(self.home), *map(str, args)]

    def run(self, *args: str | Path, stdin: bytes = b"") -> Done:
        """Run a command without a terminal."""
        return self._run(self.command(*args), stdin)

    def script(self, script: Path, *args: str | Path, stdin: bytes = b"") -> Done:
        """Run a command through a script that does something to the program first."""
        return self._run([sys.executable, str(script), *self.command(*args)[1:]], stdin)

    def _run(self, command: Sequence[str], stdin: bytes) -> Done:
        done = subprocess.run(
            command, input=stdin, capture_output=True, env=self.environment(), cwd=self.folder,
            timeout=self.patience_s, check=False,
        )  # fmt: skip
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    def ok(self, *args: str | Path, stdin: bytes = b"") -> Done:
        """Run a command that must succeed."""
        done = self.run(*args, stdin=stdin)
        assert done.exit == 0, done.err
        return done

    def nothing_due(self, *args: str | Path) -> bool:
        """Tell whether nothing is due but that custodians say they hold their sheets; ``args`` stand in front."""
        sets = self.run(*args, "--json", "status").document["sets"]
        return all(what.startswith("acknowledge: ") for one in sets for what in one["due"])

    def recombine(self, *args: str | Path, scans: int = 1) -> Done:
        """Open with the usual declaration."""
        return self.run("recombine", NAME, *DECLARATION, "--scan", self.scans(scans), *args)

    def rotating(self, number: int, *acks: str, timeout_s: float = 30) -> list[str | Path]:
        """Return the options that print the next epoch and have it read back by :meth:`office`."""
        back = self.folder / f"readback-{number}"
        back.mkdir(exist_ok=True)
        options: list[str | Path] = ["--out", self.sheets(number), "--readback", back, "--timeout", str(timeout_s)]
        for ack in acks or ("1", "2"):
            options += ["--ack", ack]
        return options

    @contextlib.contextmanager
    def office(self, number: int, sheets: int = 3) -> Iterator[None]:
        """Scan a printing into its readback folder as soon as all of it is printed."""
        with office(self.sheets(number), self.folder / f"readback-{number}", sheets):
            yield

    def rotated(self, *args: str | Path, number: int = 2, sheets: int = 3, last: tuple[str, ...] = ()) -> Done:
        """Run a command with a printing that is read back, ``last`` words at its end; keeps scans for later."""
        options = self.rotating(number)
        with self.office(number, sheets):
            done = self.run(*args, *options, *last)
        if self.sheets(number).is_dir():
            self.scan(number)
        return done

    def opens(self, secret: Secret) -> bool:
        """Ask ssh-keygen whether a passphrase opens the key."""
        return opens(self.key, secret)

    def entries(self, where: Path | None = None) -> list[Entry]:
        """Read and verify the ledger; returns its entries."""
        with home.open_home(where or self.home) as ledger:
            verify.verify(ledger)
            return list(ledger.entries())

    def kinds(self, where: Path | None = None) -> list[str]:
        """Return the types of the ledger's records."""
        return [str(entry.record.body.__struct_config__.tag) for entry in self.entries(where)]

    def status(self) -> Any:
        """Return the set's status."""
        return self.run("--json", "status", NAME).document["sets"][0]


def scan_folder(sheets: Path, scans: Path, dpi: int = DPI) -> list[Path]:
    """Put a scan of the front of every live sheet into a folder, each complete when it gets its name."""
    scans.mkdir(exist_ok=True)
    made = []
    for number, pdf in enumerate(live_sheets(sheets)):
        target = scans / f"{pdf.stem}.jpg"
        unfinished = target.with_suffix(".part")
        unfinished.write_bytes(scanned(pdf.read_bytes(), dpi=dpi, seed=number))
        made.append(unfinished.rename(target))
    return made


def live_sheets(folder: Path) -> list[Path]:
    """Return the live sheets in a folder."""
    return sorted(path for path in folder.glob("*.pdf") if "drill" not in path.name)


@contextlib.contextmanager
def office(sheets: Path, readback: Path, count: int) -> Iterator[None]:
    """Wait in the background for sheets and drill cards, then scan the sheets."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.05):
            cards = list(sheets.glob("*-drill.pdf"))
            if len(cards) == count and all(card.read_bytes().rstrip().endswith(b"%%EOF") for card in cards):
                scan_folder(sheets, readback)
                return

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield
    finally:
        over.set()
        worker.join()


def texts_on_paper(folder: Path) -> dict[Path, list[str]]:
    """Read every code from the printed sheets themselves; a torn file holds none."""
    found: dict[Path, list[str]] = {}
    with Scanner() as scanner:
        for pdf in live_sheets(folder):
            found[pdf] = [code.text for page in scanner.read_drawn(pdf.read_bytes(), pdf.name) for code in page.codes]
    return found


def secrets_on_paper(folder: Path) -> list[Secret]:
    """Open whatever the sheets in a folder open, without any ledger."""
    pool = Pool({}, kind=Kind.LIVE)
    epochs = {pool.add(text).epoch_id for texts in texts_on_paper(folder).values() for text in texts}
    opened = []
    for epoch_id in epochs - {b""}:
        with contextlib.suppress(BreakglassError):
            opened.append(Credential.from_bytes(pool.quorum(epoch_id).unseal().plaintext).secret)
    return opened


def encodings(secret: Secret) -> dict[str, re.Pattern[bytes]]:
    """Return the forms in which a leaked secret would be found, each as a pattern."""
    data = secret.reveal()
    forms = {
        "plain": re.escape(data),
        "hexadecimal": b"(?i:" + data.hex().encode() + b")",
        "base32": b"(?i:" + base64.b32encode(data).rstrip(b"=")[:-2] + b")",
        "base64": re.escape(base64.b64encode(data).rstrip(b"=")[:-2]),
        "utf-16": re.escape(data.decode().encode("utf-16-le")),
    }
    return {name: re.compile(pattern) for name, pattern in forms.items()}


def assert_holds_no(secret: Secret, where: str, data: bytes) -> None:
    """Fail if data holds a secret in any usual form."""
    for form, pattern in encodings(secret).items():
        assert not pattern.search(data), f"the secret is in {where}, {form}"


def wait_until(condition: Any, what: str, limit_s: float = 90) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {limit_s} s for {what}"
        time.sleep(0.02)
