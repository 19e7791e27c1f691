# SPDX-License-Identifier: Apache-2.0
"""Programs that show or take something secret at a terminal, each in a fork of one process that has loaded them.

It is run by ``stage``. A request is a JSON object on the socket at standard input, with a terminal beside it; the fork
makes that its controlling terminal and plays a scene. What a scene runs is the program's own code, its exit codes
included; nothing of it is replaced.
"""

import contextlib
import fcntl
import json
import os
import select
import signal
import socket
import sys
import termios
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TextIO

import click

from breakglass_shamir.cli import session
from breakglass_shamir.cli.screen import answers, failure, quiet, reveal, streams
from breakglass_shamir.cli.screen.board import BoardScreen
from breakglass_shamir.cli.screen.terminal import Terminal
from breakglass_shamir.custody.credential import Credential
from breakglass_shamir.custody.quorum.known import Known
from breakglass_shamir.custody.quorum.pool import Pool
from breakglass_shamir.errors import WentBack
from breakglass_shamir.formats.envelope import EnvelopeReader
from breakglass_shamir.hygiene import Secret, forbid_dumps
from breakglass_shamir.operations.desk import Board, OpenUse
from breakglass_shamir.operations.reading.held import Held
from breakglass_shamir.operations.reading.sources import Sources, read_sources
from breakglass_shamir.paper.reading.scan import Scanner
from breakglass_shamir.standalone import recover

PATIENCE_S = 90.0
"""How long a player may take to end after what should end it."""


def show(facts: dict[str, Any]) -> None:
    """Show a credential."""
    secret = Secret(facts["secret"].encode())
    reveal.require("expected a terminal", hint="")
    reveal.show(Credential(secret, account="root", target="ssh://x", hint="second safe"), facts["seconds"])
    print("went on", flush=True)


def take_lines(_facts: dict[str, Any]) -> None:
    """Let people type lines."""
    number = 1
    with BoardScreen(lambda: Board(prompt=f"share 1, line {number}"), print) as screen:
        typed = screen.agrees_to_show("Type lines of sheets")
        while typed and (said := screen.read(0.5)) != "done":
            if said is not None:
                screen.tell(f"+ line {number} of the share: right")
                number += 1
    print("went on", flush=True)


def gather(facts: dict[str, Any]) -> None:
    """Gather sheets at a board; ``known`` is the envelope that this machine pins, if any, ``before`` a question."""
    known: dict[bytes, Known] = {}
    envelope = EnvelopeReader().add(facts["known"]) if facts.get("known") else None
    if envelope is not None:
        keepers = {(1, 1): "North", (1, 2): "South", (1, 3): "East", (1, 4): "West", (1, 5): "Centre"}
        known[envelope.core.epoch_id] = Known(
            envelope.set_name, 1, envelope, True, True, "", {}, custodians=keepers
        )  # fmt: skip
    terminal = Terminal(None, as_json=False, color=False, plain=facts.get("plain", False))
    terminal.leaves = lambda: ["the declaration stands"]
    held, before = Held(), facts.get("before", "")
    with Scanner() as scanner:
        while True:
            if before:
                answers.ask(before, optional=True, plain=terminal.plain)
            pool = Pool(known)
            sources = Sources(tuple(map(Path, facts.get("scans", ()))), asks=True, held=held, goes_back=bool(before))
            try:
                read_sources(pool, sources, scanner, terminal, enough=pool.complete)
            except WentBack:
                continue
            break
    print("enough:", *pool.quorum().sheets, flush=True)


def ask_unseen(_facts: dict[str, Any]) -> None:
    """Ask for a credential."""
    print("got", len(quiet.ask_twice("Credential")), flush=True)


def read_credential(_facts: dict[str, Any]) -> None:
    """Read a credential from standard input, a terminal."""
    print("got", len(session.read_bytes(Terminal(None, as_json=False, color=False), "-", keep=False)), flush=True)


def ask(_facts: dict[str, Any]) -> None:
    """Ask for something that is no secret, at the end of a full screen."""
    print("\n" * 60)
    print("took", answers.ask("Ticket"), flush=True)


def ask_on(facts: dict[str, Any]) -> None:
    """Ask one question after the other, and then for paths; what was taken is printed."""
    plain = facts.get("plain", False)
    for question in facts["questions"]:
        print("took", answers.ask(question, optional=True, plain=plain), flush=True)
    print("found", *map(str, answers.ask_paths("Scans", plain=plain)), flush=True)


def end_use(_facts: dict[str, Any]) -> None:
    """Wait until people say what the use was."""
    use = OpenUse("set", "", ("show", "exec"), ("drill", "misuse"), "", "", lambda: False, lambda: 60)
    print("said", Terminal(None, as_json=False, color=False).how_next(use).classification, flush=True)


def command(scene: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], int]:
    """Let a scene end as a command of the program does."""
    return lambda facts: streams.finish(failure.guarded(click.Command("scene", callback=lambda: scene(facts))))


def recover_script(facts: dict[str, Any]) -> int:
    """Run ``recover.py``, which shows the secret for as long as it is told."""
    recover.SHOW_S = facts.get("seconds", recover.SHOW_S)
    return recover.main(facts["arguments"])


SCENES: dict[str, Callable[[dict[str, Any]], int]] = {
    "reveal": command(show),
    "typing": command(take_lines),
    "board": command(gather),
    "unseen": command(ask_unseen),
    "credential": command(read_credential),
    "asking": command(ask),
    "questions": command(ask_on),
    "closing": command(end_use),
    "recover": recover_script,
}


def take_foreground(terminal: int) -> None:
    """Become a group of its own in front of the terminal, as a shell's job is; only such a one can be stopped."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    os.tcsetpgrp(terminal, os.getpgrp())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)


def lead(facts: dict[str, Any], terminal: int, report: int) -> int:
    """Lead a session at this terminal, as a shell does, and play in a process below; or play as its leader."""
    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    if facts["leads"]:
        return play(facts, terminal)
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    player = os.fork()
    if not player:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if facts.get("group"):
            take_foreground(terminal)
        for number in (signal.SIGQUIT, signal.SIGTSTP, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        leave(partial(play, facts, terminal))
    os.write(report, f"{player}\n".encode())
    os.write(report, f"{os.waitstatus_to_exitcode(os.waitpid(player, 0)[1])}\n".encode())
    time.sleep(PATIENCE_S)
    return 0


def play(facts: dict[str, Any], terminal: int) -> int:
    """Be the program at this terminal; returns its exit code."""
    for standard in (0, 1, 2):
        os.dup2(terminal, standard)
    os.environ.clear()
    os.environ.update(facts["environment"])
    os.chdir(facts["folder"])
    sys.argv = ["scene"]
    forbid_dumps()
    return SCENES[facts["scene"]](facts)


def leave(work: Callable[[], int]) -> NoReturn:
    """Do something as the last thing of this process."""
    code = 1
    try:
        code = work()
    finally:
        os._exit(code)


def main() -> None:
    """Play what is asked for, one after the other."""
    orders = socket.socket(fileno=os.dup(0))
    while True:
        data, descriptors, _, _ = socket.recv_fds(orders, 65536, 1)
        if not data:
            return
        facts, (terminal,) = json.loads(data), descriptors
        reading, writing = os.pipe()
        leader = os.fork()
        if not leader:
            orders.close()
            leave(partial(lead, facts, terminal, writing))
        os.close(terminal)
        os.close(writing)
        with os.fdopen(reading) as report:
            orders.send(json.dumps(leader if facts["leads"] else int(report.readline())).encode())
            orders.recv(16)
            orders.send(json.dumps(how_ended(leader) if facts["leads"] else told(report)).encode())
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(leader, signal.SIGKILL)
            os.waitpid(leader, 0)


def how_ended(leader: int) -> int | None:
    """Return how the leader ended: its exit code, negative for a signal; None if it did not."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found, status = os.waitpid(leader, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    return None


def told(report: TextIO) -> int | None:
    """Return what the leader says of how the player ended."""
    line = report.readline() if select.select([report], [], [], PATIENCE_S)[0] else ""
    return int(line) if line else None


if __name__ == "__main__":
    main()
