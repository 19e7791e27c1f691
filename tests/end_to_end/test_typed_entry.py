# SPDX-License-Identifier: Apache-2.0
"""Only a keyboard: sheets are typed line by line, on a machine that has never seen the set."""

import shlex
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec.structs import replace

from breakglass_shamir.formats import share, text
from breakglass_shamir.formats.core import from_lines
from breakglass_shamir.formats.envelope import EnvelopeReader
from tests.end_to_end.life import DECLARATION, NAME, TIME_LIMIT_S, Done, Life, texts_on_paper, wait_until


@dataclass(slots=True)
class Paper:
    """What stands on the sheets of a set, as a person would type it."""

    shares: list[tuple[str, ...]]
    core: tuple[str, ...]


@pytest.fixture
def paper(life: Life) -> Paper:
    """The typed lines of a sealed set's sheets."""
    texts = [sorted(codes) for codes in texts_on_paper(life.sheets(1)).values()]
    envelope = EnvelopeReader().add(texts[0][0])
    assert envelope is not None
    return Paper([share.from_text(codes[-1]).share.to_lines() for codes in texts], envelope.core.to_lines())


@dataclass(slots=True)
class Blank:
    """A machine without a ledger, at which the target can be reached."""

    life: Life

    @property
    def home(self) -> Path:
        return self.life.folder / "blank"

    @property
    def received(self) -> Path:
        return self.life.folder / "received"

    def command(self, *args: str) -> list[str]:
        home = ["--home", str(self.home)]
        use = ["--exec", "sh", "-c", f"cat > {shlex.quote(str(self.received))}"]
        return [self.life.command()[0], *home, "recombine", *args, *DECLARATION, *use]

    def recombine(self, *args: str, typed: list[str]) -> Done:
        """Open with typed lines on standard input."""
        done = subprocess.run(
            self.command(*args, "--typed", "-"), input="\n".join(typed).encode(), capture_output=True,
            env=self.life.environment(), cwd=self.life.folder, timeout=TIME_LIMIT_S, check=False,
        )  # fmt: skip
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture
def blank(life: Life) -> Blank:
    """A machine without a ledger."""
    return Blank(life)


def slip(line: str, place: int) -> str:
    symbols = list(text.normalise(line))
    symbols[place - 1] = text.ALPHABET[text.ALPHABET.index(symbols[place - 1]) ^ 16]
    return "".join(symbols)


def test_a_blank_machine_with_only_a_keyboard_opens_a_set(life: Life, blank: Blank, paper: Paper) -> None:
    done = blank.recombine(NAME, typed=[*paper.shares[0], *paper.core, *paper.shares[2]])
    assert done.exit == 7, done.err
    assert blank.received.read_bytes() == life.secret.reveal()
    assert "+ typed text line 2: line 2 of the share: right" in done.err
    assert "+ typed text line 5: line 5 of the envelope: right" in done.err
    assert "unverified envelope: its signature, name and checkpoint were not there to be checked" in done.err
    assert f"UNPINNED: this terminal learned the set {NAME} from its typed lines" in done.err
    kinds = life.kinds(blank.home)
    assert kinds[:4] == ["ledger-started", "recovered-core", "declared", "opened"]
    opened = life.entries(blank.home)[3].record.body
    assert (opened.pinned, opened.witnessed, opened.sheets) == (False, "unwitnessed", ("1.1", "1.3"))  # type: ignore[union-attr]
    lines = [text.normalise(line)[:12] for lines in paper.shares for line in lines]
    assert not [line for line in lines if line in text.normalise(done.err + done.out)]


def test_the_set_that_was_typed_once_is_rotated_by_typing_the_sheets_again(
    life: Life, blank: Blank, paper: Paper
) -> None:
    assert blank.recombine(NAME, typed=[*paper.core, *paper.shares[0], *paper.shares[1]]).exit == 7
    typed = life.folder / "typed.txt"
    typed.write_text("\n".join([*paper.shares[1], *paper.shares[2]]))
    command = [life.command()[0], "--home", str(blank.home), "rotate", NAME, "--typed", str(typed)]
    command += ["--target", f"ssh-key://{life.key}"]
    with life.office(2):
        done = subprocess.run(
            [*command, *map(str, life.rotating(2))], capture_output=True, env=life.environment(), cwd=life.folder,
            timeout=TIME_LIMIT_S, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    assert not life.opens(life.secret)
    assert life.kinds(blank.home)[-2:] == ["old-dead", "closed"]


def test_slips_and_losses_are_answered_line_by_line(life: Life, blank: Blank, paper: Paper) -> None:
    one, two = paper.shares[:2]
    typed = [
        f"1: {slip(one[0], 20)}", *one[1:], "", *paper.core[:3], *paper.core[4:], "",
        two[0].lower(), "?", *two[2:], "done",
    ]  # fmt: skip
    done = blank.recombine(NAME, typed=typed)
    assert done.exit == 7, done.err
    assert "typed text line 1: line 1 of the share does not check" in done.err
    assert "character 20 of line 1: read " in done.err
    assert "line 8 was completed from the others" in done.err
    assert "line 2 of the share: taken for lost" in done.err
    assert blank.received.read_bytes() == life.secret.reveal()


def test_too_few_typed_lines_say_what_is_missing(life: Life, blank: Blank, paper: Paper) -> None:
    done = blank.recombine(NAME, typed=[*paper.shares[0], *paper.core])
    assert done.exit == 4
    assert "no quorum: expected any 2 of these 3 sheets, got 1 of 2" in done.err
    done = blank.recombine(NAME, typed=[*paper.shares[0], *paper.shares[1][:2]])
    assert done.exit == 4
    assert "lines 1, 2 do not make a share" in done.err
    assert "shares were read, but no envelope" in done.err
    assert "type the lines on its back" in done.err
    assert not blank.received.exists()


def test_a_wrong_core_line_opens_nothing(life: Life, blank: Blank, paper: Paper) -> None:
    other = [slip(slip(slip(line, 3), 9), 15) for line in paper.core]
    done = blank.recombine(NAME, typed=[*paper.shares[0], *paper.shares[1], *other])
    assert done.exit == 4
    assert not blank.received.exists()


def test_without_a_name_nobody_knows_which_set_was_typed(life: Life, blank: Blank, paper: Paper) -> None:
    done = blank.recombine(typed=[*paper.shares[0], *paper.core, *paper.shares[2]])
    assert done.exit == 2
    assert "expected the set's name: the typed lines do not carry it" in done.err
    assert not blank.received.exists()


def test_the_terminal_that_knows_the_set_needs_no_envelope_and_refuses_another_one(life: Life, paper: Paper) -> None:
    lines = [*paper.shares[0], *paper.shares[1]]
    core = from_lines({number: text.read_line(line)[0] for number, line in enumerate(paper.core, 5)})
    forged = replace(core, ciphertext=bytes(len(core.ciphertext))).to_lines()
    done = life.run("recombine", NAME, *DECLARATION, "--typed", "-", "--exec", "true",
                    stdin="\n".join([*forged, *lines]).encode())  # fmt: skip
    assert done.exit == 7, done.err
    assert "differ from the envelope already known; they are left out" in done.err
    assert "recovered-core" not in life.kinds()


class Tmux:
    """A terminal that a person sits at."""

    def __init__(self, program: str, life: Life, command: list[str]) -> None:
        self.life = life
        self.tmux = [program, "-L", f"breakglass-{uuid.uuid4().hex[:12]}", "-f", "/dev/null"]
        script = life.folder / "session.sh"
        script.write_text(f"trap : INT\n{shlex.join(command)}\necho exit $?\nsleep 60\n")
        self._run("new-session", "-d", "-x", "150", "-y", "60", f"sh {shlex.quote(str(script))}")

    def _run(self, *args: str) -> str:
        environment = {**self.life.environment(), "TERM": "xterm", "LC_ALL": "C.UTF-8"}
        done = subprocess.run([*self.tmux, *args], capture_output=True, text=True, env=environment, check=True)
        return done.stdout

    def screen(self) -> str:
        """Return what stands on the screen."""
        return self._run("capture-pane", "-p", "-J")

    def everything(self) -> str:
        """Return the screen and all of the scroll-back."""
        return self._run("capture-pane", "-p", "-J", "-S", "-")

    def sees(self, words: str) -> None:
        """Wait until words stand on the screen."""
        try:
            wait_until(lambda: words in self.screen(), words)
        except AssertionError:
            print(self.screen())
            raise

    def types(self, line: str) -> None:
        """Type a line and press Enter."""
        if line:
            self._run("send-keys", "-l", line)
        self._run("send-keys", "Enter")

    def presses(self, key: str) -> None:
        """Press a key."""
        self._run("send-keys", key)

    def close(self) -> None:
        """End the session."""
        subprocess.run([*self.tmux, "kill-server"], capture_output=True, check=False)


@pytest.fixture
def sit_down(need: Callable[[str], str], life: Life) -> Iterator[Callable[[list[str]], Tmux]]:
    """A function that runs a command in a terminal."""
    program = need("tmux")
    opened: list[Tmux] = []

    def start(command: list[str]) -> Tmux:
        opened.append(Tmux(program, life, command))
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.close()


def end_use(terminal: Tmux) -> None:
    """Say that the use is over, and that nothing is printed now."""
    terminal.sees("When the use is over")
    terminal.types("emergency")
    terminal.sees("Where do the new sheets go?")
    terminal.types("later")


def test_a_person_types_two_sheets_at_a_terminal(
    life: Life, blank: Blank, paper: Paper, sit_down: Callable[[list[str]], Tmux]
) -> None:
    terminal = sit_down(blank.command())
    terminal.sees("No sheet is in yet.")
    terminal.types("type")
    terminal.sees("share 1, line 1:")
    one = paper.shares[0]
    terminal.types(one[0])
    terminal.sees("share 1, line 2:")
    terminal.types(slip(slip(one[1], 2), 9))
    terminal.sees("type it again")
    terminal.types(one[1])
    terminal.sees("line 2 of the share: right")
    terminal.types(one[2])
    terminal.types("back")
    terminal.sees("line 3 of the share: taken back")
    terminal.presses("C-c")
    terminal.sees("Press Enter to go on")
    assert one[0][:14] not in terminal.everything()
    terminal.types("")
    terminal.sees("share 1, so far right: line 1, 2")
    assert one[0][:14] not in terminal.everything()
    terminal.types(one[2])
    terminal.types("")
    terminal.sees("share 2, line 1 (or envelope, line 5):")
    for line in paper.core:
        terminal.types(line)
    terminal.sees("share 2, line 1:")
    for line in paper.shares[1]:
        terminal.types(line)
    terminal.sees("do not carry the set's name")
    terminal.types(NAME)
    end_use(terminal)
    terminal.sees("exit 7")
    assert blank.received.read_bytes() == life.secret.reveal()
    assert f"UNPINNED: this terminal learned the set {NAME}" in terminal.everything()
    assert "sheets 1.1, 1.2 open it" in terminal.everything()
    for line in (*one, *paper.shares[1]):
        assert line[:14] not in terminal.everything()


def test_entry_is_put_aside_and_taken_up_where_it_stopped(
    life: Life, blank: Blank, paper: Paper, sit_down: Callable[[list[str]], Tmux]
) -> None:
    """Ctrl-Z gives the shell its screen back, without a line on it; the process stays, and goes on."""
    terminal = sit_down(["env", "HISTFILE=", "bash", "--norc", "-i"])
    terminal.types("PS1='at the ''shell> '")
    terminal.sees("at the shell>")
    terminal.types(shlex.join(blank.command(NAME, "--typed", "-")))
    terminal.sees("share 1, line 1:")
    for line in (*paper.shares[0], paper.shares[1][0]):
        terminal.types(line)
    terminal.sees("share 2, line 2")
    terminal.presses("C-z")
    terminal.sees("Stopped")
    assert all(line[:14] not in terminal.everything() for line in (*paper.shares[0], *paper.shares[1]))
    terminal.types("fg")
    terminal.sees("share 2, so far right: line 1")
    assert "share 1" in terminal.screen()
    for line in paper.shares[1][1:]:
        terminal.types(line)
    for line in paper.core:
        terminal.types(line)
    end_use(terminal)
    terminal.sees("breakglass rotate")
    assert blank.received.read_bytes() == life.secret.reveal()
    assert all(line[:14] not in terminal.everything() for line in (*paper.shares[0], *paper.shares[1]))
    terminal.types("exit")
    terminal.sees("exit 7")


def test_a_person_who_stops_leaves_nothing_behind(
    life: Life, blank: Blank, paper: Paper, sit_down: Callable[[list[str]], Tmux]
) -> None:
    before = {path for path in life.folder.rglob("*") if path.is_file()}
    terminal = sit_down(blank.command(NAME, "--typed", "-"))
    terminal.sees("share 1, line 1:")
    terminal.types(paper.shares[0][0])
    terminal.sees("share 1, line 2:")
    terminal.presses("C-c")
    terminal.sees("Type stop to stop")
    time.sleep(0.2)
    terminal.presses("C-c")
    terminal.sees("exit 130")
    assert paper.shares[0][0][:14] not in terminal.everything()
    shown = text.normalise(paper.shares[0][0])[16:24].encode()
    for path in {path for path in life.folder.rglob("*") if path.is_file()} - before:
        assert shown not in path.read_bytes().replace(b" ", b"")
