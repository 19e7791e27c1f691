# SPDX-License-Identifier: Apache-2.0
"""A desk of one's own: the whole life of a set, as a web or desktop front would run it, in a temporary folder.

The target is a real SSH key with a passphrase; the credential is that passphrase. Where paper would be printed,
carried and scanned, this program reads the sheets' files again.
"""

import getpass
import subprocess
import tempfile
from pathlib import Path

from breakglass_shamir import (
    Answer,
    Credential,
    EmptyDesk,
    Home,
    HowNext,
    OpeningResult,
    OpenUse,
    Printing,
    Request,
    Secret,
    Sources,
    Use,
    Verdict,
    errors,
)

POLICY = """name = "recovery-key"
belongs_to = "Example Ltd, Security"

[target]
uri = "ssh-key://{key}"

[[quorum.groups]]
threshold = 2
custodians = ["head of IT", "finance", "site north"]

[declaration]
classes = ["idp-outage"]

[reveal]
show_for = "2s"
"""

PASSPHRASE = "correct horse battery"  # noqa: S105 - of a demonstration


class Front(EmptyDesk):
    """What the people at this front see, and how they answer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seen: list[Credential] = []

    def say(self, line: str) -> None:
        print(f"  {line.replace(str(self.folder), '.')}")

    def warn(self, line: str) -> None:
        print(f"! {line.replace(str(self.folder), '.')}")

    def answer(self, source: str, answer: Answer) -> None:
        if answer.verdict is Verdict.ACCEPTED:
            print(f"+ {source}: {answer.message}")

    def has_sheet(self, sheet: str, custodian: str) -> bool:
        """The custodian is here. With the last one the new sheets are uploaded, by another request of the front."""
        if sheet == "1.3":
            with Home(self.folder / "home", EmptyDesk()) as elsewhere:
                elsewhere.sheets.confirm("recovery-key", sheets(self.folder / "new"))
        return True

    def require_screen(self) -> None:
        """There is one."""

    def show(self, credential: Credential, seconds: int) -> None:
        """A front shows it for so long; here it only says that it could."""
        print(f"the record is durable; now the credential of {len(credential.secret)} bytes is shown for {seconds} s")
        self.seen.append(credential)

    def how_next(self, use: OpenUse) -> HowNext:
        return HowNext(classification="emergency")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="breakglass-") as name:
        folder = Path(name).resolve()
        make_key(folder / "id_recovery")
        front = Front(folder)
        with Home.create(folder / "home", "front office", front) as home:
            first_epoch(home, folder)
            found = opening(home, folder)
            print(f"rotated: {found.rotated}, epoch {found.epoch} is in force, {len(found.receipts)} receipt files")
            old_sheets(home, folder)
            checked = home.audit.verify()
            print(f"all {checked.records} records hold; {checked.chains[0].in_words()}")


def first_epoch(home: Home, folder: Path) -> None:
    policy = POLICY.format(key=folder / "id_recovery")
    made = home.split(policy, Secret(PASSPHRASE.encode()), Printing(folder / "sheets"))
    status = home.sheets.confirm(made.set_name, sheets(folder / "sheets"))
    print(f"{status.name}: epoch {status.epoch}, {status.read_back} of {status.sheets} sheets read back")
    for number, bag in enumerate(("B-1", "B-2", "B-3"), 1):
        print(f"{home.sheets.acknowledge(made.set_name, str(number), bag=bag)} holds sheet {number}")


def opening(home: Home, folder: Path) -> OpeningResult:
    request = Request("emergency", "idp-outage", "INC-4711", "nobody can log in", ("Olga", "Oskar"), "show", 600)
    scans = Sources(scans=tuple(sheets(folder / "sheets")[:2]))
    return home.recombine("recovery-key", request, scans, Use(), Printing(folder / "new", timeout_s=60))


def old_sheets(home: Home, folder: Path) -> None:
    request = Request("emergency", "idp-outage", "INC-4711", "once more", ("Olga", "Oskar"), "no-reveal", 600)
    try:
        home.recombine("recovery-key", request, Sources(scans=tuple(sheets(folder / "sheets"))), Use())
    except errors.GateClosed as error:
        print(f"refused: {error}")


def sheets(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.pdf") if "drill" not in path.name)


def make_key(path: Path) -> None:
    # On a command line every user of the machine can read it; so a real passphrase never stands there.
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-C", getpass.getuser(), "-f", str(path), "-N", PASSPHRASE]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
