# SPDX-License-Identifier: Apache-2.0
"""Runs transcripts: text files that read like a terminal.

A transcript is a text file beside this one:

    world: sealed                         what is there at the beginning: empty, key, or sealed
    # a comment
    $ breakglass status                   a command, run by sh in a folder of its own
    < a line of standard input
    @ Number or word | 1                  at a terminal: once these words wait for an answer, it is typed, with Enter
    expected output, both channels        <words> stand for what differs in every run, see PATTERNS
    [exit 7]                              where it is not 0

Rules:

1. All commands of a file run in one folder, in order. ``scan SHEETS SCANS`` is the copier in the corner; with
   ``--when-printed`` it waits for that many sheets first.
2. The output must be the expected one, line by line; blank lines and white space at the end of a line do not
   count, nor do the warnings about folders on a disk and homes that are on none: machines' temporary folders differ.
3. A command with ``@`` lines runs at a terminal that draws nothing, in the order in which people answer. What stands in
   a row at its end counts, what was typed included; how far the reading of a file is does not.
4. ``python -m tests.transcripts.runner FILE...`` writes down what comes out now, for a person to read and commit.
"""

import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.attacks.strangers import People
from tests.end_to_end.life import PROGRAM, Life

FOLDER = Path(__file__).parent

REPOSITORY = FOLDER.parents[1]

TIME_LIMIT_S = 180

OF_THIS_MACHINE = (
    " is on a disk: shares written there can be found later",
    "IN MEMORY ONLY: ",
    " is in the layer of a container, which goes when the container is removed",
)
"""Warnings that depend on what the temporary folder is on."""

PATTERNS = {
    "<epoch-id>": r"[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}",
    "<digest>": r"[0-9a-f]{64}",
    "<opening>": r"[0-9a-f]{12}",
    "<log-id>": r"[0-9a-f]{16}",
    "<debt>": r"(?:rotation|review)-[0-9a-f]{8}",
    "<key>": r"SHA256:[A-Za-z0-9+/]{43}",
    "<time>": r"20[0-9]{2}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}Z)?",
    "<date>": r"20[0-9]{2}-[0-9]{2}-[0-9]{2}",
    "<version>": r"[0-9]+\.[0-9]+\.[0-9]+",
    "<rule>": r"─+",
    "<health>": r"(?:as new|worn, [0-9]+ % of its reserve is used)",
    "<seconds>": r"[0-9]{1,4}",
    "<any>": r".*",
}
"""What a placeholder stands for; the specific ones come before the general ones."""

RECORDED = tuple(name for name in PATTERNS if name not in ("<seconds>", "<any>"))
"""Placeholders that recording puts in by itself."""

_HOW_FAR = re.compile(r"  (?:reading|looking closer at) .* [0-9]+ of [0-9]+")
"""What is told now and then while a file is read."""

_COPIER = f"""#!{sys.executable}
import sys, time
sys.path.insert(0, {str(REPOSITORY)!r})
from pathlib import Path
from tests.end_to_end.life import live_sheets, scan_folder
words = sys.argv[1:]
if words[0] == "--when-printed":
    while len(list(Path(words[2]).glob("*-drill.pdf"))) < int(words[1]):
        time.sleep(0.1)
    time.sleep(0.3)
    words = words[2:]
scan_folder(Path(words[0]), Path(words[1]))
"""


@dataclass(slots=True)
class Step:
    """One command of a transcript, with what is expected of it."""

    line: str
    stdin: list[str] = field(default_factory=list)
    typed: list[tuple[str, str]] = field(default_factory=list)
    """At a terminal: words of a question, and what is answered."""

    expected: list[str] = field(default_factory=list)
    exit: int = 0
    before: list[str] = field(default_factory=list)
    """Comments and blank lines above it."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """A whole file."""

    world: str
    steps: tuple[Step, ...]


def read(path: Path) -> Transcript:
    """Read a transcript."""
    world, steps, above = "empty", list[Step](), list[str]()
    for line in path.read_text().splitlines():
        if line.startswith("world: "):
            world = line.removeprefix("world: ")
        elif line.startswith("$ "):
            steps.append(Step(line[2:], before=above))
            above = []
        elif line.startswith("#") or (not line.strip() and above):
            above.append(line)
        elif not line.strip():
            above.append("")
        elif line.startswith("< "):
            steps[-1].stdin.append(line[2:])
        elif line.startswith("@ "):
            words, _, answer = line[2:].rpartition("|")
            steps[-1].typed.append((words.strip(), answer.strip()))
        elif found := re.fullmatch(r"\[exit (\d+)\]", line):
            steps[-1].exit = int(found[1])
        else:
            steps[-1].expected.append(line)
    return Transcript(world, tuple(steps))


def make_world(folder: Path, world: str) -> Life:
    """Make what a transcript begins with."""
    life = Life(folder)
    (folder / "bin").mkdir(parents=True)
    copier = folder / "bin" / "scan"
    copier.write_text(_COPIER)
    copier.chmod(stat.S_IRWXU)
    if world != "empty":
        life.begin()
        (folder / "secret").write_bytes(life.secret.reveal())
        (folder / "secret").chmod(0o600)
    if world == "key":
        (folder / "home").rename(folder / "unused")
    if world == "sealed":
        life.seal()
    return life


def run(life: Life, step: Step) -> tuple[list[str], int]:
    """Run one command; returns its output as lines that count, and its exit code."""
    path = f"{life.folder / 'bin'}:{PROGRAM.parent}:/usr/bin:/bin"
    environment = life.environment(PATH=path, BREAKGLASS_HOME="home", PYTHONPATH=str(REPOSITORY))
    text, code = (_at_a_terminal if step.typed else _without_one)(life, step, environment)
    shown = text.replace(str(life.folder), "<folder>").splitlines()
    return [
        line.rstrip() for line in shown if line.strip() and not any(words in line for words in OF_THIS_MACHINE)
    ], code


def _without_one(life: Life, step: Step, environment: dict[str, str]) -> tuple[str, int]:
    done = subprocess.run(
        ["sh", "-c", step.line], input="".join(f"{line}\n" for line in step.stdin), text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=life.folder, timeout=TIME_LIMIT_S, env=environment,
    )  # fmt: skip
    return done.stdout, done.returncode


def _at_a_terminal(life: Life, step: Step, environment: dict[str, str]) -> tuple[str, int]:
    """Answer what is asked; an answer that nobody asks for is not given, and the command ends at its time limit."""
    people = People(["/bin/sh", "-c", step.line], {**environment, "TERM": "dumb", "NO_COLOR": "1"}, life.folder)
    deadline = time.monotonic() + TIME_LIMIT_S
    for words, answer in step.typed:
        if not people.asked(words, deadline):
            people.seen += f"\n(nobody asked: {words})"
            os.kill(people.pid, signal.SIGKILL)
            break
        people.type(answer)
    code = people.end()
    rows = [_row(line) for line in people.seen.replace("\r\n", "\n").split("\n")]
    return "\n".join(row for row in rows if not _HOW_FAR.fullmatch(row)), code


def _row(line: str) -> str:
    """Return what stands in a row after everything that was written over it."""
    shown = ""
    for written in line.split("\r"):
        shown = written + shown[len(written) :]
    return shown.rstrip()


def matches(expected: str, shown: str) -> bool:
    """Tell whether a line is the expected one."""
    pattern = re.escape(expected)
    for name, stands_for in PATTERNS.items():
        pattern = pattern.replace(re.escape(name), stands_for)
    return re.fullmatch(re.sub(r"(\\ )+", r"\\s+", pattern), shown) is not None


def differences(step: Step, shown: list[str], code: int) -> Iterator[str]:
    """Yield what is not as expected."""
    for number in range(max(len(step.expected), len(shown))):
        wanted = step.expected[number] if number < len(step.expected) else None
        got = shown[number] if number < len(shown) else None
        if wanted is None or got is None or not matches(wanted, got):
            yield f"expected: {wanted}\n     got: {got}"
    if code != step.exit:
        yield f"expected exit code {step.exit}, got {code}"


def record(path: Path, folder: Path) -> None:
    """Write down what comes out now."""
    transcript = read(path)
    life = make_world(folder, transcript.world)
    lines = [f"world: {transcript.world}"]
    for step in transcript.steps:
        shown, code = run(life, step)
        lines += [*step.before, f"$ {step.line}", *(f"< {line}" for line in step.stdin)]
        lines += [f"@ {words} | {answer}".rstrip() for words, answer in step.typed]
        lines += [general(line) for line in shown] + ([f"[exit {code}]"] if code else [])
    path.write_text("\n".join(lines) + "\n")


def general(line: str) -> str:
    """Put placeholders where a line differs from run to run."""
    for name in RECORDED:
        line = re.sub(rf"(?<![\w-]){PATTERNS[name]}(?![\w-])", name, line)
    return re.sub(r"(?<=\S) {4,}(?=\S)", "    ", line)


if __name__ == "__main__":
    import tempfile

    for argument in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as place:
            record(Path(argument), Path(place).resolve() / "world")
