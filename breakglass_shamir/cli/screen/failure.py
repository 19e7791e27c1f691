# SPDX-License-Identifier: Apache-2.0
"""Every way a command can end, as an exit code and, where it failed, a sentence and a hint.

No traceback reaches the screen: an unexpected error names its class and place in our code, never its text,
which might hold a secret. No message repeats what looks like a share, and none drives the terminal.
"""

import errno
import itertools
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any

import click

from breakglass_shamir.cli.screen import streams
from breakglass_shamir.errors import BreakglassError

UNEXPECTED, USAGE, INTERRUPTED = 1, 2, 130

_NO_COMMAND = getattr(click.exceptions, "NoArgsIsHelpError", ())
"""What click 8.2 and later raise for a group without a command; earlier ones print the help themselves."""


def guarded(command: click.Command) -> int:
    """Run a command; returns the exit code."""
    try:
        from breakglass_shamir.cli.screen import arguments

        sys.argv[1:] = arguments.without_shares(sys.argv[1:])
        returned = _with_names_meant(lambda: command.main(standalone_mode=False))
    except click.exceptions.Exit as exit_:
        return int(exit_.exit_code)
    except BreakglassError as error:
        return _say(error.id, str(error), error.hint, error.exit_code, error.details)
    except click.UsageError as error:
        return _usage(error)
    except click.ClickException as error:
        return _say("usage", _lower(error.format_message()), "", USAGE)
    except (KeyboardInterrupt, click.Abort):
        return _interrupted()
    except Exception as error:
        if isinstance(error, OSError) and isinstance(error.__context__, KeyboardInterrupt):
            return _interrupted()  # click ends the line first, on a terminal that is gone
        if _is_of_a_terminal_that_is_gone(error):
            return _interrupted()
        return _say("unexpected", _place(error), "please report it; what was recorded stands", UNEXPECTED)
    return returned if isinstance(returned, int) else 0


def _is_of_a_terminal_that_is_gone(error: BaseException) -> bool:
    """Tell whether it is about a window that was closed, which ends what was asked there as Ctrl-C does.

    Its signal may come later than the error, or not at all; a disk that fails has the same number, and no hang-up.
    """
    from select import POLLHUP, poll

    cause: BaseException | None = error
    while cause is not None and (cause.args[:1] or (0,))[0] != errno.EIO:
        cause = cause.__context__
    if cause is None:
        return False
    descriptors = poll()
    for number in range(3):
        descriptors.register(number, POLLHUP)
    return any(found & POLLHUP for _, found in descriptors.poll(0))


def _interrupted() -> int:
    return _say("interrupted", "interrupted; what was recorded stands", "see: breakglass status", INTERRUPTED)


def _with_names_meant(run: Callable[[], Any]) -> Any:
    """Run a command, and once more with the name that people meant where they mistyped that of a set."""
    from breakglass_shamir.cli.screen.meant import Respelled

    try:
        return run()
    except Respelled as other:
        context = other.context
        if context is None:
            raise
        said, meant = other.said, other.meant

    for parameter in context.command.params:
        if isinstance(parameter, click.Argument) and context.params.get(parameter.name or "") == said:
            context.params[parameter.name or ""] = meant
    with context.scope(cleanup=False):
        return context.command.invoke(context)


def _usage(error: click.UsageError) -> int:
    """Say what is wrong with the line; a group without a command gets its help."""
    hint = " ".join(filter(None, (_meant(error), f"see: {error.ctx.command_path} --help" if error.ctx else "")))
    if not isinstance(error, _NO_COMMAND) or error.ctx is None:
        return _say("usage", _lower(error.format_message()), hint, USAGE)
    if _wants_json():
        return _say("usage", "expected a command, got none", hint, USAGE)
    streams.echo(error.ctx.get_help(), err=True)
    return USAGE


def _meant(error: click.UsageError) -> str:
    """Say which choice or command was probably meant by a word that is none."""
    from breakglass_shamir.cli.screen.meant import NoSuchCommand

    if isinstance(error, NoSuchCommand):
        return error.near
    kind = error.param.type if isinstance(error, click.BadParameter) and error.param else None
    if not isinstance(kind, click.Choice):
        return ""
    from breakglass_shamir.nearest import did_you_mean

    said = error.format_message().partition(": ")[2].partition("'")[2].partition("'")[0]
    return did_you_mean(said, map(str, kind.choices))


def _say(
    identifier: str, message: str, hint: str, code: int, details: Mapping[str, object] = MappingProxyType({})
) -> int:
    """Print one failure, for people or as JSON."""
    if _wants_json():
        from breakglass_shamir.cli.screen.cleaning import json_text

        with suppress(OSError):
            encoding = getattr(sys.stdout, "encoding", None)
            streams.echo(json_text(_document(identifier, message, hint, code, details), encoding))
        return code
    with suppress(OSError):
        _tell(f"breakglass: {_clean(message)}")
        if hint:
            _tell(f"  hint: {_clean(hint)}")
    return code


def document(error: BreakglassError) -> dict[str, object]:
    """Return what JSON says of an error, and the exit code."""
    return _document(error.id, str(error), error.hint, error.exit_code, error.details)


def _document(identifier: str, message: str, hint: str, code: int, details: Mapping[str, object]) -> dict[str, object]:
    return {"error": _without_shares({"id": identifier, "message": message, "hint": hint, **details}), "exit": code}


def _tell(text: str) -> None:
    """Print lines, cut between words where a screen ends."""
    from breakglass_shamir.cli.screen import wrapping

    width = wrapping.columns(plain="--plain" in sys.argv[1:])
    for line in text.split("\n"):
        for row in wrapping.rows(line, 2, width):
            streams.echo(row, err=True)


def _clean(text: str) -> str:
    """Escape control characters, but leave the line ends of what click says."""
    from breakglass_shamir.cli.screen.cleaning import message

    return "\n".join(message(line) for line in text.split("\n"))


def _without_shares(value: Any) -> Any:
    """Withhold from every text of a document what looks like a share."""
    from breakglass_shamir.formats.likeness import masked

    if isinstance(value, str):
        return masked(value)
    if isinstance(value, Mapping):
        return {masked(str(key)): _without_shares(item) for key, item in value.items()}
    return [_without_shares(item) for item in value] if isinstance(value, list | tuple) else value


def _wants_json() -> bool:
    """Tell whether ``--json`` stands among the options before the command."""
    for word in sys.argv[1:]:
        if word == "--json":
            return True
        if not word.startswith("-") and word not in _home_values():
            return False
    return False


def _home_values() -> list[str]:
    words = sys.argv[1:]
    return [value for option, value in itertools.pairwise(words) if option == "--home"]


def _place(error: Exception) -> str:
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "breakglass_shamir" in frame.filename] or list(frames)
    where = f" at {ours[-1].filename.rpartition('breakglass_shamir')[2].lstrip('/')}:{ours[-1].lineno}" if ours else ""
    return f"unexpected {type(error).__name__}{where}"


def _lower(message: str) -> str:
    text = message.rstrip(".")
    return text[:1].lower() + text[1:]
