# SPDX-License-Identifier: Apache-2.0
"""The documents hold: what they show runs, what they name exists, what exists is named.

Rules:

1. Every ``$ breakglass ...`` line of a console block is run, the blocks of one document in order, in one
   folder. So are the plain commands around it (``RUN_TOO``); ``make`` and the like are not.
2. What a block shows must come out in that order; ``...`` alone stands for lines left out, and inside a line for
   some text. Ids, digests and times differ in every run: they are compared by kind, and where a later command
   repeats one, the one of this run is put in its place.
3. A command exits 0, unless ``$ echo $?`` follows it and says otherwise.
4. ``<!-- not run: reason -->`` before a block leaves it out; ``MOST_NOT_RUN`` of them at most in all documents.
5. ``<!-- world: sealed -->`` in a document: a sealed set is there from the start. The others begin with a key file,
   its passphrase and a policy.

The printer and the scanner are played here: sheets written to ``--out`` come back as pictures, in the folder of
``--readback``, or afterwards in ``scans`` (all), ``tonight`` (sheets 1, 3 and 5) and ``cards`` (drill cards), and as
text in ``codes.txt`` (what a scanner that types makes of ``tonight``) and ``typed.txt`` (the lines of sheet 5).
"""

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

import click
import msgspec
import pytest

from breakglass_shamir import errors
from breakglass_shamir.cli import program
from breakglass_shamir.custody.life import gates
from breakglass_shamir.custody.policy import keys as policy_keys
from breakglass_shamir.custody.policy import sinks, tables, when
from breakglass_shamir.custody.records import record
from breakglass_shamir.formats import share
from breakglass_shamir.operations.policy import checking
from breakglass_shamir.operations.policy.loading import PolicyFiles
from breakglass_shamir.paper.reading.scan import Scanner
from breakglass_shamir.paper.simulate import scanned
from breakglass_shamir.standalone import recover
from tests.attacks import wheelhouses

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"
RUNBOOKS = sorted((DOCS / "runbooks").glob("*.md"))
DOCUMENTS = sorted([ROOT / "README.md", *DOCS.glob("*.md"), *RUNBOOKS, *ROOT.glob("examples/**/README.md")])
"""What people read; docs/spec and docs/adr show no commands."""

EVERYTHING = sorted({*DOCUMENTS, *DOCS.glob("*/*.md")})

MOST_NOT_RUN = 3
RUN_TOO = frozenset({"breakglass", "echo", "sh", "ls", "cp", "mkdir", "sed", "ssh-keygen", "python3"})

SHOWN_KEY = "/srv/breakglass/id_recovery"
"""The key file that the documents name; in a run it is in the run's own folder."""

PASSPHRASE = "correct horse battery"
FULL_SET = 5
"""Sheets of the set that the documents show; where a document printed others, those are counted."""

_PROGRAM = "from breakglass_shamir.cli.program import main; main()"
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)
_TOML = re.compile(r"^```toml\n(.*?)^```$", re.M | re.S)
_NOT_RUN = re.compile(r"<!-- not run: .+ -->\n+\Z")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CHANGING = re.compile(
    r"SHA256:\S+"
    r"|\b(?:[0-9A-Z]{4} ){6}[0-9A-Z]\b"
    r"|\b[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}\b"
    r"|\bquorum-[0-9A-Z]{12}\b"
    r"|\b[a-z-]*[0-9a-f]{8}(?:[0-9a-f]{4}){0,2}\b(?=\D|$)"
    r"|\b[0-9a-f]{64}\b"
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\dZ)?"
    r"|(?<=in )\d+\.\d(?= s)"
    r'|(?<="age_s": )\d+'
    r'|(?<="seconds": )[\d.]+'
    r'|(?<="used_percent": )\d+'
)


@dataclass(slots=True)
class Step:
    """One command of a document and what it shows of its output."""

    command: str
    shown: list[str] = field(default_factory=list)


def steps(text: str) -> Iterator[Step]:
    """Yield the commands of every console block that is run, in order."""
    for block in _BLOCK.finditer(text):
        if not _NOT_RUN.search(text[: block.start()]):
            yield from _block_steps(block[1])


def _block_steps(block: str) -> Iterator[Step]:
    step: Step | None = None
    for line in block.splitlines():
        if line.startswith("$ "):
            if step:
                yield step
            step = Step(line[2:])
        elif step and step.command.endswith("\\"):
            step.command = step.command[:-1].rstrip() + " " + line.strip()
        elif step and line.strip():
            step.shown.append(line)
    if step:
        yield step


class World:
    """A folder with a key, a passphrase, a policy, a printer and a scanner."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.status = 0
        self.ids: dict[str, str] = {}
        self._environment = {
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "HOME": str(folder),
            "BREAKGLASS_HOME": str(folder / "home"),
            "LC_ALL": "C.UTF-8",
        }

    def furnish(self, source: str) -> None:
        """Put the program, a key, its passphrase and a policy there."""
        (self.folder / "bin").mkdir()
        for name, words in (("breakglass", f"-c '{_PROGRAM}'"), ("python3", "")):
            program = self.folder / "bin" / name
            program.write_text(f'#!/bin/sh\nexec {sys.executable} {words} "$@"\n')
            program.chmod(0o755)
        (self.folder / "passphrase").write_text(PASSPHRASE)
        (self.folder / "policy.toml").write_text(source.replace(SHOWN_KEY, str(self.folder / "id_recovery")))
        (self.folder / "examples").symlink_to(ROOT / "examples")
        shutil.copy(recover.__file__, self.folder / "recover.py")
        wheelhouses.write(self.folder / "dist" / "wheelhouse")
        self.run(f"ssh-keygen -q -t ed25519 -C break-glass -N '{PASSPHRASE}' -f id_recovery")

    def seal(self) -> None:
        """Put the credential on paper, as the operator's guide does."""
        acks = "; ".join(f"breakglass ack recovery-key {n} --bag B-100{n}" for n in range(1, FULL_SET + 1))
        for command in (
            "breakglass init --terminal 'office terminal'",
            "breakglass split policy.toml --credential-from passphrase --out sheets",
            f"breakglass confirm recovery-key scans && {acks}",
        ):
            self.run(command)
            assert self.status == 0, command

    def run(self, command: str) -> list[str]:
        """Run a command with whatever office work it calls for; returns the lines that came out."""
        for shown, real in self.ids.items():
            command = command.replace(shown, real)
        out, back = _option(command, "--out"), _option(command, "--readback")
        office = _Office(self.folder, out, back) if out and back else None
        done = subprocess.run(
            ["bash", "-c", f"(exit {self.status}); {command}"], cwd=self.folder, env=self._environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
            check=False, timeout=180,
        )  # fmt: skip
        self.status = done.returncode
        if office:
            office.stop()
        elif out and any((self.folder / out).rglob("*-m?.pdf")):
            self._fetch(self.folder / out)
        return done.stdout.decode().replace(str(self.folder / "id_recovery"), SHOWN_KEY).splitlines()

    def _fetch(self, sheets: Path) -> None:
        """Scan what was printed, and type the last sheet."""
        pictures = _pictures(sheets)
        for name, chosen in (("scans", pictures), ("tonight", dict(list(pictures.items())[::2]))):
            (self.folder / name).mkdir(exist_ok=True)
            for file, picture in chosen.items():
                (self.folder / name / file).write_bytes(picture)
        (self.folder / "cards").mkdir(exist_ok=True)
        for number, card in enumerate(sorted(sheets.glob("*-drill.pdf")), 1):
            (self.folder / "cards" / f"card-{number}.png").write_bytes(scanned(card.read_bytes(), seed=number))
        texts = _texts(self.folder / "tonight")
        shares = [text for text in texts if text.startswith(share.PREFIX)]
        (self.folder / "codes.txt").write_text("\n".join(texts) + "\n")
        (self.folder / "typed.txt").write_text("\n".join(share.from_text(shares[-1]).share.to_lines()) + "\n")


class _Office(threading.Thread):
    """Takes sheets from the printer and lays them on the scanner, while a command waits for them."""

    def __init__(self, folder: Path, out: str, back: str) -> None:
        super().__init__(daemon=True)
        self._sheets, self._back = folder / out, folder / back
        self._back.mkdir(exist_ok=True)
        self._done = threading.Event()
        self._expected = len(list((folder / "sheets").glob("*-drill.pdf"))) or FULL_SET
        self.start()

    def run(self) -> None:
        """Wait for the last drill card, then scan the sheets."""
        while len(list(self._sheets.glob("*-drill.pdf"))) < self._expected:
            if self._done.wait(0.05):
                return
        time.sleep(0.1)
        for name, picture in _pictures(self._sheets).items():
            (self._back / f".{name}").write_bytes(picture)
            (self._back / f".{name}").rename(self._back / name)

    def stop(self) -> None:
        """Let it end."""
        self._done.set()
        self.join(timeout=10)


def _pictures(sheets: Path) -> dict[str, bytes]:
    printed = sorted(sheets.rglob("*-m?.pdf"))
    return {f"sheet-{n}.png": scanned(pdf.read_bytes(), seed=n) for n, pdf in enumerate(printed, 1)}


def _texts(pictures: Path) -> list[str]:
    """Return what a scanner that types would type, page by page, each text once."""
    with Scanner() as scanner:
        return list(dict.fromkeys(code.text for page in scanner.read_path(pictures) for code in page.codes))


def _option(command: str, name: str) -> str:
    words = command.split()
    return words[words.index(name) + 1] if name in words else ""


def follow(world: World, document: Path) -> None:
    """Run a document and hold its output against what it shows."""
    todo = [step for step in steps(document.read_text()) if step.command.split()[0] in RUN_TOO]
    for step, then in zip(todo, [*todo[1:], Step("")], strict=True):
        lines = world.run(step.command)
        said = "\n".join([f"{document.name}: $ {step.command}", *lines])
        if then.command != "echo $?":
            assert world.status == 0, said
        rest = iter(lines)
        for shown in step.shown:
            if shown.strip() != "...":
                assert any(_matches(world, shown, line) for line in rest), f"{said}\nexpected next: {shown}"


def _matches(world: World, shown: str, line: str) -> bool:
    """Compare by kind what changes from run to run, and remember what it was this time."""
    pattern, at = "", 0
    plain = " ".join(shown.split())
    for change in _CHANGING.finditer(plain):
        pattern += re.escape(plain[at : change.start()]) + f"({_CHANGING.pattern})"
        at = change.end()
    pattern += re.escape(plain[at:])
    found = re.fullmatch(pattern.replace(re.escape("..."), ".*"), " ".join(line.split()))
    if found:
        world.ids.update(zip((change[0] for change in _CHANGING.finditer(plain)), found.groups(), strict=True))
    return found is not None


def _policy_of(document: Path) -> str:
    """Return the document's own policy, or the README's."""
    for text in (document.read_text(), (ROOT / "README.md").read_text()):
        for block in _TOML.finditer(text):
            if "[target]" in block[1] and SHOWN_KEY in block[1]:
                return block[1]
    raise AssertionError("no document shows a policy")


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _runs(document: Path) -> bool:
    return any(step.command.startswith(("breakglass", "python3 ")) for step in steps(document.read_text()))


SEALED = [path for path in DOCUMENTS if _runs(path) and "<!-- world: sealed -->" in path.read_text()]
BEGINNING = [path for path in DOCUMENTS if _runs(path) and path not in SEALED]


@pytest.fixture(scope="session")
def sealed(tmp_path_factory: pytest.TempPathFactory, need: Callable[[str], str]) -> Callable[[], World]:
    """A function that returns a world with a sealed set, made once and put back to where it began each time."""
    need("ssh-keygen")
    folder, kept = tmp_path_factory.mktemp("world"), tmp_path_factory.mktemp("kept") / "world"
    world = World(folder)
    world.furnish(_policy_of(ROOT / "README.md"))
    world.seal()
    shutil.copytree(folder, kept, symlinks=True)

    def again() -> World:
        shutil.rmtree(folder)
        shutil.copytree(kept, folder, symlinks=True)
        return World(folder)

    return again


@pytest.mark.parametrize("document", BEGINNING, ids=_name)
def test_a_document_that_begins_with_nothing_runs(document: Path, tmp_path: Path, need: Callable[[str], str]) -> None:
    need("ssh-keygen")
    world = World(tmp_path)
    world.furnish(_policy_of(document))
    follow(world, document)


@pytest.mark.parametrize("document", SEALED, ids=_name)
def test_a_document_that_begins_with_a_sealed_set_runs(document: Path, sealed: Callable[[], World]) -> None:
    follow(sealed(), document)


def test_few_blocks_are_left_out() -> None:
    left_out = [
        f"{path.name}: {block[1].splitlines()[0]}"
        for path in DOCUMENTS
        for block in _BLOCK.finditer(path.read_text())
        if _NOT_RUN.search(path.read_text()[: block.start()])
    ]
    assert len(left_out) <= MOST_NOT_RUN, left_out


def _in_docs() -> str:
    return "\n".join(path.read_text() for path in sorted(DOCS.glob("*.md")))


def _commands(command: click.Command, name: str = "") -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield name, command
        return
    context = click.Context(command)
    for word in command.list_commands(context):
        found = command.get_command(context, word)
        assert found is not None
        yield from _commands(found, f"{name} {word}".strip())


COMMANDS = dict(_commands(program.breakglass))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_described(name: str) -> None:
    guide = (DOCS / "guide-operator.md").read_text().partition("\n## Commands\n")[2]
    row = next((line for line in guide.splitlines() if line.startswith(f"| `{name}")), "")
    assert row, f"{name} has no row in the table of commands in guide-operator.md"
    options = [word for p in COMMANDS[name].params for word in p.opts if word.startswith("--")]
    missing = [word for word in options if word not in row]
    assert not missing, f"{name}: not in its row: {', '.join(missing)}"


@pytest.mark.parametrize("code", [0, 1, 2, 3, 4, 5, 6, 7, 8, 130])
def test_every_exit_code_is_described(code: int) -> None:
    assert re.search(rf"^\| {code} \|", (DOCS / "json.md").read_text(), re.M)
    assert re.search(rf"^\| {code} \|", (DOCS / "guide-officer.md").read_text(), re.M)


def _leaves(kind: type[errors.BreakglassError]) -> Iterator[type[errors.BreakglassError]]:
    below = kind.__subclasses__()
    if not below:
        yield kind
    for one in below:
        yield from _leaves(one)


def test_every_error_is_in_the_json_page_with_its_exit_code() -> None:
    text = (DOCS / "json.md").read_text()
    listed = {(found[1], int(found[2])) for found in re.finditer(r"^\| `([a-z-]+)` \| (\d+) \|", text, re.M)}
    assert listed == {(one.id, one.exit_code) for one in _leaves(errors.BreakglassError)}


def test_every_gate_is_in_the_officers_guide() -> None:
    text = (DOCS / "guide-officer.md").read_text()
    listed = dict(re.findall(r"^\| `([a-z-]+)` \| (.+) \|$", text.partition("## Gates")[2], re.M))
    assert listed == gates.GATES


def test_every_record_type_is_in_the_auditors_guide() -> None:
    text = (DOCS / "guide-auditor.md").read_text().partition("## What the records say")[2]
    listed = set(re.findall(r"^\| `([a-z-]+)` \|", text, re.M))
    assert listed == {str(body.__struct_config__.tag) for body in record.AnyBody.__args__}


def test_every_policy_key_is_in_the_operators_guide() -> None:
    text = (DOCS / "guide-operator.md").read_text()
    kinds: dict[str, type[msgspec.Struct]] = {
        "target": tables.Target,
        "quorum": tables.Quorum,
        "quorum.groups": tables.CustodianGroup,
        "declaration": tables.Declaration,
        "reveal": tables.Reveal,
        "use": tables.UseRules,
        "rotation": tables.Rotation,
        "custodians": tables.Custodian,
        "sites": tables.Site,
        "officers": tables.Officer,
        "drills": tables.Drills,
        "drills.load": tables.LoadDrill,
        "drills.load.limits": tables.LoadLimit,
        "alerts": tables.Alerts,
        "review": tables.Review,
        "review.reviewers": tables.Reviewer,
        "review.settlement": tables.Settlement,
        "audit": tables.Audit,
        "declaration.rules": when.UseRule,
        "outage": when.Outage,
        "ticket": when.TicketSystem,
        "arming": tables.Arming,
    }
    keys = [f"{table}.{one.name}" for table, kind in kinds.items() for one in msgspec.structs.fields(kind)]
    keys.remove("review.settlement")
    keys += [one.name for one in msgspec.structs.fields(tables.Policy) if one.name not in kinds]
    assert [key for key in keys if f"| `{key}` |" not in text] == []


def test_the_schema_says_of_every_policy_key_what_the_operators_guide_says() -> None:
    table = (DOCS / "guide-operator.md").read_text().partition("### Policy keys")[2].partition("### Alert sinks")[0]
    rows = re.findall(r"^\| `([a-z0-9_.]+)` \| .*? \| (.*) \|$", table, re.M)
    said = {key: re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", words.replace("`", "")) for key, words in rows}
    assert said == {key: words for key, words in policy_keys.MEANINGS.items() if not key.startswith("alerts.sinks.")}


def test_every_alert_sink_and_its_keys_are_in_the_operators_guide() -> None:
    text = (DOCS / "guide-operator.md").read_text()
    for sink in get_args(sinks.AnySink):
        row = re.search(rf"^\| `{sink.__struct_config__.tag}` \| (.*)$", text.partition("### Alert sinks")[2], re.M)
        assert row, f"{sink.__name__} has no row"
        required, others = row[1].split("|")[:2]
        for one in msgspec.structs.fields(sink):
            assert one.name == "name" or f"`{one.encode_name}`" in (required if one.required else others), one


@pytest.mark.parametrize("document", EVERYTHING, ids=_name)
def test_every_link_resolves(document: Path) -> None:
    broken = []
    for target in _LINK.findall(document.read_text()):
        path, _, anchor = target.partition("#")
        where = (document.parent / path) if path else document
        if "://" in target:
            continue
        if not where.exists() or (anchor and anchor not in _anchors(where)):
            broken.append(target)
    assert not broken


def _anchors(document: Path) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", document.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("document", EVERYTHING, ids=_name)
def test_no_document_names_a_place_of_this_machine(document: Path) -> None:
    text = document.read_text()
    places = [str(ROOT), str(Path.home()), "/tmp/", "/work/", "/home/", "/root/"]
    assert [place for place in places if place in text and place != "/"] == []


POLICIES = sorted(path for path in (ROOT / "examples").rglob("*.toml") if "[target]" in path.read_text())


@pytest.mark.parametrize("example", POLICIES, ids=_name)
def test_an_example_is_a_policy_that_follows_the_guidance(example: Path) -> None:
    found = checking.check_file(PolicyFiles().load(example))
    assert found.name == example.stem
    assert [line for line in found.warnings if not line.endswith("No such file or directory")] == []
    assert found.notes == ()
    assert f"]({example.name})" in (example.parent / "README.md").read_text()


@pytest.mark.parametrize("folder", [path for path in (ROOT / "examples").iterdir() if path.is_dir()], ids=_name)
def test_an_example_is_listed(folder: Path) -> None:
    assert f"]({folder.name}/" in (ROOT / "examples" / "README.md").read_text()
