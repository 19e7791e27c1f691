# SPDX-License-Identifier: Apache-2.0
"""The whole life of a set on the embedded default: no server, no network, no question.

Everything is real - the key file, ``ssh-keygen``, the PDFs, the pictures, the ledger - but the people: sheets
go from "printer" to "scanner" by a background thread, and every custodian is at hand.
"""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from breakglass_shamir.bounded import program as programs
from breakglass_shamir.connectors.registry import connector_for
from breakglass_shamir.connectors.ssh.keygen import find_program, run_ssh_keygen
from breakglass_shamir.custody.credential import Credential
from breakglass_shamir.custody.life.gates import Request
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.generator import generate
from breakglass_shamir.custody.quorum.answer import Answer
from breakglass_shamir.errors import ConnectorError, GateClosed, InsufficientShares
from breakglass_shamir.formats.envelope import NO_PREDECESSOR
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import home
from breakglass_shamir.ledger import verify as verification
from breakglass_shamir.operations.audit import export as exporting
from breakglass_shamir.operations.credential.recombine import recombine
from breakglass_shamir.operations.credential.split import split
from breakglass_shamir.operations.credential.using import Use
from breakglass_shamir.operations.desk import EmptyDesk, HowNext, OpenUse
from breakglass_shamir.operations.opening.declaring import Overrides
from breakglass_shamir.operations.printing import readback
from breakglass_shamir.operations.printing.sheets import Printing, print_epoch, seal_epoch
from breakglass_shamir.operations.reading.sources import Sources
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.paper.reading.scan import Scanner
from breakglass_shamir.paper.simulate import scanned

NAME = "demo-key"
"""The set of the demonstration."""

SCRIPT_LIMIT_S = 120.0
"""Longest time the auditor's script may take."""

_POLICY = """name = "{name}"
belongs_to = "Example Ltd, Security"

[target]
uri = "ssh-key://{key}"
second_account = "there is none: this is a demonstration"

[[quorum.groups]]
threshold = 3
custodians = ["head of IT", "head of security", "finance", "site north", "site south"]

[declaration]
classes = ["idp-outage"]
ticket = "INC-[0-9]+"
"""

_USE_KEY = """SSH_ASKPASS="$PWD/askpass" SSH_ASKPASS_REQUIRE=force \
ssh-keygen -q -Y sign -n demo -f "$PWD/id_recovery" door.txt"""


@dataclass(slots=True)
class Demo(EmptyDesk):
    """One run; ``narrate`` gets a sentence at a time, ``detail`` what the use cases say."""

    folder: Path
    narrate: Callable[[str], None]
    detail: Callable[[str], None]
    _old: Secret = field(default_factory=lambda: generate(24), repr=False)

    def run(self) -> None:
        """Play it all.

        Raises:
            BreakglassError: a step did not do what it must.
        """
        with Scanner() as scanner:
            scanner.start()
            self._make_key()
            with home.create(self.folder / "home", "demo terminal") as ledger:
                recorder = Recorder(ledger, self)
                self._split(recorder, scanner)
                self._too_few(recorder, scanner)
                self._open_and_rotate(recorder, scanner)
                self._old_is_dead(recorder, scanner)
                self._audit(recorder)

    def say(self, line: str) -> None:
        """Pass on what a use case says."""
        self.detail(line)

    def warn(self, line: str) -> None:
        """Pass on a warning."""
        self.detail(f"! {line}")

    def answer(self, source: str, answer: Answer) -> None:
        """Pass on what a scan was."""
        self.detail(f"{source}: {answer.message}")

    def has_sheet(self, sheet: str, custodian: str) -> bool:
        """Every custodian is here and takes the sheet."""
        self.detail(f"the custodian ({custodian}) takes the new sheet {sheet}")
        return True

    def how_next(self, use: OpenUse) -> HowNext:
        """Nobody is asked."""
        return HowNext(classification="emergency")

    @property
    def _key(self) -> Path:
        return self.folder / "id_recovery"

    def _make_key(self) -> None:
        self.narrate("A real SSH key is made; its passphrase is the break-glass credential.")
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = run_ssh_keygen(
            ["-q", "-t", "ed25519", "-C", "break-glass", "-f", str(self._key)], [self._old, self._old]
        )
        if made.status != 0:
            raise ConnectorError("ssh-keygen could not make the key of the demonstration")

    def _split(self, recorder: Recorder, scanner: Scanner) -> None:
        self.narrate("The passphrase goes onto five paper sheets; any three will open it, fewer tell nothing.")
        source = _POLICY.format(name=NAME, key=self._key)
        split(recorder, source, Secret(self._old.reveal()), Printing(self.folder / "sheets-1"), scanner)
        self.narrate("The sheets are printed and scanned back; only now is the epoch sealed.")
        self._scan(self.folder / "sheets-1", self.folder / "scans-1")
        readback.confirm(recorder, [self.folder / "scans-1"], scanner)

    def _too_few(self, recorder: Recorder, scanner: Scanner) -> None:
        self.narrate("3 a.m., the identity provider is down. Two sheets and one of another set are tried first:")
        foreign = self._foreign_sheet(recorder, scanner)
        two = sorted((self.folder / "scans-1").iterdir())[:2]
        try:
            self._open(recorder, [*two, foreign], scanner, None)
        except InsufficientShares as error:
            self.narrate(f"Refused: {error}.")
            return
        raise ConnectorError("two sheets opened the set; they must not")

    def _open_and_rotate(self, recorder: Recorder, scanner: Scanner) -> None:
        self.narrate(
            "A third sheet is brought. The record is signed and on disk, then ssh-keygen gets the passphrase. "
            "A new passphrase goes onto new sheets, the key is changed, the old passphrase is proven dead."
        )
        self._write_door()
        back = self.folder / "scans-2"
        back.mkdir(mode=0o700)
        office = _Office(self, self.folder / "sheets-2", back)
        office.start()
        three = sorted((self.folder / "scans-1").iterdir())[1:4]
        try:
            self._open(recorder, three, scanner, Printing(self.folder / "sheets-2", readback=back, timeout_s=60))
        finally:
            office.stop()
        if not (self.folder / "door.txt.sig").exists():
            raise ConnectorError("the command did not sign with the key")
        self.narrate("The door is open: door.txt.sig was signed with the recovered passphrase.")

    def _old_is_dead(self, recorder: Recorder, scanner: Scanner) -> None:
        self.narrate("The old sheets and the old passphrase are dead:")
        check = connector_for(f"ssh-key://{self._key}").check(self._old)
        self.detail(f"old passphrase: {check.result}: {check.detail}")
        recorder.opening = ""
        try:
            self._open(recorder, sorted((self.folder / "scans-1").iterdir())[:3], scanner, None)
        except GateClosed as error:
            self.narrate(f"Refused: {error}.")
            return
        raise ConnectorError("void sheets opened the set; they must not")

    def _audit(self, recorder: Recorder) -> None:
        self.narrate("The auditor checks every record, then the opening with ssh-keygen and openssl alone:")
        report = verification.verify(recorder.ledger)
        self.detail(f"all {report.records} records hold")
        opening = next(one for one in recorder.set_state.past if one.rotated)
        exporting.export(recorder.ledger, opening.short_id, self.folder / "audit")
        if shutil.which("openssl") is None:
            self.detail("not run: openssl, which the script needs beside ssh-keygen, is not installed")
            return
        script = [find_program("sh"), str(self.folder.absolute() / "audit" / "verify.sh")]
        checked = programs.run(script, limit_s=SCRIPT_LIMIT_S, env=dict(os.environ))
        said = checked.output.decode(errors="backslashreplace").splitlines()
        for line in [*(line for line in said if "quorum@" in line), *said[-1:]]:
            self.detail(line)
        if checked.status != 0:
            raise ConnectorError(f"the exported records do not hold: {checked.complaint}")

    def _open(self, recorder: Recorder, scans: Iterable[Path], scanner: Scanner, printing: Printing | None) -> None:
        reason, officers = "the identity provider is down", ("officer one", "officer two")
        request = Request("emergency", "idp-outage", "INC-1001", reason, officers, "exec", 600)
        command = ("sh", "-c", f"cd '{self.folder}' && {_USE_KEY}")
        use = Use(command, command_output=2, classification="emergency")
        recombine(recorder, request, Overrides(), Sources(tuple(scans)), use, printing, scanner)

    def _foreign_sheet(self, recorder: Recorder, scanner: Scanner) -> Path:
        """Make a sheet of another set, as it might lie in the same safe."""
        source = _POLICY.format(name="another-set", key=self._key)
        credential = Credential(Secret(b"of another set"))
        checkpoint = recorder.ledger.checkpoint()
        epoch = seal_epoch(policies.parse(source), source, credential, checkpoint, 1, NO_PREDECESSOR)
        files = print_epoch(epoch, Printing(self.folder / "other-set"), scanner, self).files
        target = self.folder / "foreign.jpg"
        target.write_bytes(scanned(files[0].read_bytes(), seed=7))
        return target

    def _scan(self, sheets: Path, scans: Path) -> None:
        scans.mkdir(mode=0o700)
        for number, pdf in enumerate(sorted(sheets.glob("*-m?.pdf"))):
            (scans / f"scan-{number + 1}.jpg").write_bytes(scanned(pdf.read_bytes(), seed=number))

    def _write_door(self) -> None:
        (self.folder / "door.txt").write_text("let me in\n", encoding="utf-8")
        askpass = self.folder / "askpass"
        askpass.write_text("#!/bin/sh\nexec cat\n", encoding="utf-8")
        askpass.chmod(0o700)


class _Office(threading.Thread):
    """Takes new sheets from the printer and lays them on the scanner."""

    def __init__(self, demo: Demo, sheets: Path, scans: Path) -> None:
        super().__init__(daemon=True)
        self._demo, self._sheets, self._scans = demo, sheets, scans
        self._done = threading.Event()

    def run(self) -> None:
        """Wait until the last drill card is written and the run waits for scans, then scan the live sheets."""
        while not self._done.wait(0.05):
            drills = sorted(self._sheets.glob("*-drill.pdf")) if self._sheets.is_dir() else []
            if len(drills) == 5:
                time.sleep(0.1)
                break
        for number, pdf in enumerate(sorted(self._sheets.glob("*-m?.pdf"))):
            picture = scanned(pdf.read_bytes(), seed=100 + number)
            (self._scans / f".scan-{number + 1}.jpg").write_bytes(picture)
            (self._scans / f".scan-{number + 1}.jpg").rename(self._scans / f"scan-{number + 1}.jpg")

    def stop(self) -> None:
        """Let it end."""
        self._done.set()
        self.join(timeout=10)
