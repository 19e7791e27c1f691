# SPDX-License-Identifier: Apache-2.0
"""Many sets for the tests: policies, credentials and a home; the keys are real, of one KDF round."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from breakglass_shamir.hygiene import Secret
from tests.end_to_end.life import POLICY, Life, groups_text, make_key, passphrase, scan_folder

PATIENCE_S = 600.0

PEOPLE = ("Anna Berg", "Bo", "Chen", "Dora", "Emil", "Fatma", "Goran")


@dataclass(slots=True)
class Fleet:
    """Sets ``set-000`` and on, each of ``threshold`` of ``sheets``, their custodians in turn."""

    life: Life
    count: int
    threshold: int = 2
    sheets: int = 3

    @property
    def folder(self) -> Path:
        return self.life.folder

    @property
    def policies(self) -> Path:
        return self.folder / "policies"

    @property
    def credentials(self) -> Path:
        return self.folder / "credentials"

    @property
    def out(self) -> Path:
        return self.folder / "piles"

    @property
    def scans(self) -> Path:
        return self.folder / "scans"

    def names(self) -> list[str]:
        return [f"set-{number:03}" for number in range(self.count)]

    def keepers(self, number: int) -> list[str]:
        return [PEOPLE[(number + seat) % len(PEOPLE)] for seat in range(self.sheets)]

    def begin(self) -> None:
        """Make keys, credentials, policies and the home; a command for many may take its time."""
        self.life.patience_s = PATIENCE_S
        for folder in (self.policies, self.credentials, self.folder / "keys"):
            folder.mkdir(parents=True)
        self.credentials.chmod(0o700)
        for number, name in enumerate(self.names()):
            secret = passphrase()
            make_key(self.folder / "keys" / name, secret)
            self.give(name, secret)
            self.write(number)
        self.life.ok("init", "--terminal", "terminal one")

    def give(self, name: str, secret: Secret) -> None:
        """Lay a credential in its file."""
        path = self.credentials / name
        path.touch(0o600)
        path.write_bytes(secret.reveal())

    def write(self, number: int, text: str = "") -> Path:
        """Write one policy."""
        name = self.names()[number]
        groups = groups_text((self.threshold, self.keepers(number)))
        key = str(self.folder / "keys" / name)
        path = self.policies / f"{name}.toml"
        path.write_text(text or POLICY.format(name=name, key=key, groups=groups, rotation=""))
        return path

    def split_words(self) -> list[str | Path]:
        """Return the command that splits all of them."""
        return ["split", self.policies, "--credential-from", self.credentials, "--out", self.out]

    def scan(self, dpi: int = 120) -> None:
        """Print and scan every pile into one heap."""
        for pile in sorted(self.out.iterdir()):
            sheets = self.folder / "printed"
            sheets.mkdir()
            for sheet in pile.glob("*-m*.pdf"):
                shutil.copy(sheet, sheets)
            scan_folder(sheets, self.scans, dpi)
            shutil.rmtree(sheets)
