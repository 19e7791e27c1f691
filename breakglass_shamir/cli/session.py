# SPDX-License-Identifier: Apache-2.0
"""What commands share: hardening, the ledger, the scanner, and reading their inputs."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from breakglass_shamir.alerts.outbox import BESIDE
from breakglass_shamir.cli import binding
from breakglass_shamir.cli.screen import streams, values
from breakglass_shamir.cli.screen.meant import Respelled, meant
from breakglass_shamir.cli.screen.terminal import Terminal, interactive
from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.hygiene import Secret, harden_process
from breakglass_shamir.ledger import home
from breakglass_shamir.operations.recorder import Recorder, warn_of_others

if TYPE_CHECKING:
    from breakglass_shamir.crypto.totp import TotpScheme
    from breakglass_shamir.custody.credential import CredentialKind
    from breakglass_shamir.operations.policy.loading import PolicyFile
    from breakglass_shamir.operations.reading.sources import Sources
    from breakglass_shamir.operations.targets import Named

Command = Callable[..., Any]

BYTE_ORDER_MARK = "\ufeff"
"""What some editors put in front of a text."""

MAX_INPUT_BYTES = 64 * 1024
"""Largest credential that is read; its own limit is far below."""

PATH = values.PATH
"""A path that may not exist yet; the use case says what is wrong with it."""

pass_terminal = click.make_pass_decorator(Terminal)
"""Gives a command the terminal."""


@contextmanager
def recorder(
    terminal: Terminal, set_name: str = "", *, record_to: Path | None = None, asks: bool = True,
    only_reads: bool = False,
) -> Iterator[Recorder]:  # fmt: skip
    """Open the ledger for a command, warning of whoever else could change it; closes whichever is in use at the end.

    Args:
        terminal: whose home it is.
        set_name: the set at hand; empty: none.
        record_to: where the ledger goes on when it cannot be written here.
        asks: whether people are asked about a name that no set here has; not where a guide does.
        only_reads: whether the command appends nothing, and opens nothing with what the ledger says.

    Raises:
        Respelled: there is no set of that name, and people say that they meant another one.
    """
    binding.by_ctypes()
    ledger = home.open_home(terminal.home, BESIDE, only_reads=only_reads)
    opened = Recorder(ledger, terminal, record_to=record_to)
    opened.set_name = set_name
    try:
        if asks and set_name and set_name not in opened.state.sets and (other := meant(set_name, opened.state.sets)):
            raise Respelled(set_name, other)
        warn_of_others(terminal, opened.guard())
        yield opened
    finally:
        opened.close()


def harden(terminal: Terminal) -> None:
    """Harden the process before a secret enters it."""
    for warning in harden_process():
        terminal.warn(warning)


def read_secret(terminal: Terminal, source: str, kind: "CredentialKind", *, raw: bool) -> Secret:
    """Read a credential from a file, or from standard input when the name is ``-``; says who else could.

    Raises:
        InvalidInput: not readable, too large, empty, or it holds what is probably no part of it.
    """
    from breakglass_shamir.operations import exact

    return exact.taken(read_bytes(terminal, source, keep=raw or kind not in exact.LINE), kind, raw=raw)


def read_bytes(terminal: Terminal, source: str, *, keep: bool) -> bytes:
    """Read secret bytes from a file, or from standard input when the name is ``-``; says who else could.

    Args:
        terminal: where it is said.
        source: the file's name, or ``-``.
        keep: whether an Enter before the end belongs to them, where somebody types them.

    Raises:
        InvalidInput: not readable, or too large.
    """
    from breakglass_shamir.operations import exact

    data = _read_unseen(source, raw=keep)
    for warning in exact.exposures(Path(source)) if source != "-" else ():
        terminal.warn(warning)
    return data


def read_seed(terminal: Terminal, source: str) -> "tuple[Secret, TotpScheme]":
    """Read the seed of a second factor and how codes are made from it, as an ``otpauth://`` URI or in base32.

    Raises:
        InvalidInput: not readable, or neither of the two.
    """
    from breakglass_shamir.crypto import totp
    from breakglass_shamir.operations.reading.files import utf8_text

    return totp.seed_from_text(
        utf8_text(read_bytes(terminal, source, keep=False), Path(source)).removeprefix(BYTE_ORDER_MARK).strip()
    )


def read_policy(terminal: Terminal, path: Path, *, warns: bool = True) -> "PolicyFile":
    """Read a policy file, with what it includes.

    Args:
        terminal: where it is said who else can change a file, and what may be meant otherwise.
        path: the set's file.
        warns: whether that is said here.

    Raises:
        InvalidInput: a file is not readable, no file, too large, or not UTF-8.
        InvalidPolicy: one is no TOML, or they do not fit together.
        LooksLikeShare: a share may stand in one of several files.
    """
    from breakglass_shamir.operations.policy.loading import PolicyFiles

    found = PolicyFiles().load(path)
    for line in found.warnings if warns else ():
        terminal.warn(line)
    return found


def read_lines(source: str) -> tuple[str, ...]:
    """Read typed share texts, a line each; one with bytes that are no text is answered as no line of ours.

    Raises:
        InvalidInput: not readable, too large, or text of another encoding altogether.
    """
    from breakglass_shamir.operations.reading.files import is_other_encoding

    data = _read_unseen(source)
    if is_other_encoding(data):
        raise InvalidInput(f"expected UTF-8 text in {source}, got another encoding", hint="save it as UTF-8")
    return tuple(data.decode("utf-8", errors="replace").removeprefix(BYTE_ORDER_MARK).splitlines())


def reading_options(command: Command) -> Command:
    """Add ``--watch`` and ``--camera``."""
    watched = click.option("--watch", "watched", type=PATH, help="Folder that a scanner fills while we wait.")
    camera = click.option(
        "--camera", type=values.CAMERA, metavar="N", help="Camera to hold sheets up to, from 0; or a recording."
    )
    return watched(camera(command))


def target_options(command: Command) -> Command:
    """Add ``--target`` and ``--account``."""
    target = click.option(
        "--target", default="", metavar="URI", help="Where the credential goes, for a set without a policy here."
    )
    account = click.option("--account", default="", help="The account there. Default: the one on the sheets.")
    return target(account(command))


def named_target(options: dict[str, Any]) -> "Named":
    """Return the target that the options name; an empty one where they name none."""
    from breakglass_shamir.operations.targets import Named

    return Named(options["target"], options["account"])


def sheets_from(
    terminal: Terminal, scans: tuple[Path, ...], typed: str | None, *, watched: Path | None = None,
    camera: int | Path | None = None, timeout: float = 600.0,
) -> "Sources":  # fmt: skip
    """Say where the sheets come from; people at a terminal are asked for what the options do not bring.

    Raises:
        InvalidInput: none is given and nobody can be asked, or the typed lines cannot be read.
    """
    from dataclasses import replace

    from breakglass_shamir.operations.reading.sources import Sources

    check_watched(watched)
    told = Sources(scans, watched=watched, camera=camera, patience_s=timeout, asks=interactive())
    if typed == "-" and interactive():
        return replace(told, types=True)
    if not (scans or typed or watched is not None or camera is not None or interactive()):
        raise InvalidInput(
            "expected --scan, --watch, --camera or --typed, got none", hint="give it as an option, or use a terminal"
        )
    return replace(told, typed=read_lines(typed) if typed else ())


def check_watched(folder: Path | None) -> None:
    """Refuse a folder that is not there, before people wait for it.

    Raises:
        InvalidInput: it is no folder.
    """
    if folder is not None and not folder.is_dir():
        raise InvalidInput(f"expected a folder at {folder} for --watch", hint="make it, then point the scanner at it")


def _read_unseen(source: str, *, raw: bool = False) -> bytes:
    """Read what is secret; a terminal shows nothing of it, and the Enter before its end counts only where all does."""
    if source != "-" or not streams.is_terminal(sys.stdin):
        return _read(source)
    from breakglass_shamir.cli.screen import quiet

    streams.echo(quiet.HOW_TO_END, err=True)
    typed = _read(source, at_terminal=quiet.read_to_end)
    return typed if raw else typed.removesuffix(b"\n")


def _read(source: str, at_terminal: Callable[[int], bytes] | None = None) -> bytes:
    from breakglass_shamir.bounded import reading
    from breakglass_shamir.bounded.deadline import Deadline
    from breakglass_shamir.ledger.unreadable import unreadable

    try:
        if source == "-" and sys.stdin is None:
            raise InvalidInput("expected standard input, got none: it is closed")
        if at_terminal:
            data = at_terminal(MAX_INPUT_BYTES + 1)
        elif source == "-":
            data = sys.stdin.buffer.read(MAX_INPUT_BYTES + 1)
        else:
            data = reading.read(Path(source), MAX_INPUT_BYTES + 1, Deadline(reading.PIPE_WAIT_S))
    except OSError as error:
        raise unreadable(Path(source), error) from None
    if len(data) > MAX_INPUT_BYTES:
        raise InvalidInput(f"expected at most {MAX_INPUT_BYTES} bytes in {source}")
    return data
