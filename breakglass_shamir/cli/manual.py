# SPDX-License-Identifier: Apache-2.0
"""``man``: manual pages, one for each command, made from what ``--help`` says."""

from collections.abc import Iterator
from pathlib import Path

import click

from breakglass_shamir.cli.program import breakglass
from breakglass_shamir.cli.screen.terminal import Terminal
from breakglass_shamir.cli.screen.values import PATH
from breakglass_shamir.cli.session import pass_terminal
from breakglass_shamir.custody import names
from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.plural import counted
from breakglass_shamir.shell import operand
from breakglass_shamir.version import __version__

EXIT_CODES = (
    (0, "done"),
    (1, "unexpected"),
    (2, "usage"),
    (3, "refused by policy or state"),
    (4, "shares insufficient or invalid"),
    (5, "ledger, proof or signature does not hold"),
    (6, "the target could not be reached, checked or changed"),
    (7, "something is due or overdue"),
    (8, "a load drill passed a limit, or lost something"),
    (130, "interrupted, state safe"),
)
"""The contract of the command line."""


@click.command()
@click.option("--out", type=PATH, required=True, help="Folder for the pages; made where it is not there.")
@pass_terminal
def man(terminal: Terminal, out: Path) -> None:
    """Write the manual pages, one for each command, to a folder such as ~/.local/share/man/man1."""
    written = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, page in pages():
            path = names.inside(out, names.manual_page(name))
            path.write_text(page, encoding="ascii")
            written.append(path)
    except OSError as error:
        raise InvalidInput(f"{out} could not be written: {error.strerror}", hint="name another folder") from None
    lines = [f"{counted(len(written), 'page')} written to {out}", f"next: man -l {operand(out / 'breakglass.1')}"]
    terminal.result({"pages": written}, lines)


def pages() -> Iterator[tuple[str, str]]:
    """Yield name and text of each page: the program's, each group's, each command's."""
    yield from _below(breakglass, click.Context(breakglass, info_name="breakglass"))


def _below(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    yield _name(context), "".join(_page(command, context))
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            if found is not None and not found.hidden:
                yield from _below(found, click.Context(found, info_name=name, parent=context))


def _name(context: click.Context) -> str:
    return context.command_path.replace(" ", "-")


def _page(command: click.Command, context: click.Context) -> Iterator[str]:
    """Yield the parts of a page, in the order of man-pages(7)."""
    name, help_ = _name(context), (command.help or "").strip()
    first, _, rest = help_.partition("\n\n")
    yield f'.TH "{roff(name.upper())}" "1" "" "breakglass {__version__}" "breakglass"\n'
    yield f".SH NAME\n{roff(name)} \\- {_paragraph(first).rstrip('.')}\n"
    usage = " ".join(command.collect_usage_pieces(context))
    yield f".SH SYNOPSIS\n.B {roff(context.command_path)}\n{roff(usage)}\n"
    yield f".SH DESCRIPTION\n{_paragraph(first)}\n"
    yield from (f".PP\n{_paragraph(part)}\n" for part in rest.split("\n\n") if part.strip())
    yield from _options(command, context)
    if isinstance(command, click.Group):
        yield from _commands(command, context)
    yield from _examples(command)
    yield from _exits()
    yield from _see_also(command, context)


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    records = [record for one in command.get_params(context) if (record := one.get_help_record(context))]
    if records:
        yield ".SH OPTIONS\n"
    for listed, said in records:
        yield f".TP\n.B {roff(listed)}\n{_paragraph(said) or 'See above.'}\n"


def _commands(group: click.Group, context: click.Context) -> Iterator[str]:
    yield ".SH COMMANDS\n"
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        if found is not None and not found.hidden:
            yield f".TP\n.B {roff(name)}\n{roff(found.get_short_help_str(300))}\n"


def _examples(command: click.Command) -> Iterator[str]:
    lines = [line[2:] for line in (command.epilog or "").splitlines() if line.startswith("  ")]
    if lines:
        yield ".SH EXAMPLES\n.nf\n"
        yield from (f"{roff(line)}\n" for line in lines)
        yield ".fi\n"


def _exits() -> Iterator[str]:
    yield ".SH EXIT STATUS\n"
    yield from (f".TP\n.B {code}\n{roff(said)}\n" for code, said in EXIT_CODES)


def _see_also(command: click.Command, context: click.Context) -> Iterator[str]:
    names = [_name(context.parent)] if context.parent else []
    if isinstance(command, click.Group):
        names += [f"{_name(context)}-{name}" for name in command.list_commands(context)]
    if names:
        yield ".SH SEE ALSO\n" + ",\n".join(f".BR {roff(name)} (1)" for name in names) + "\n"


def _paragraph(text: str) -> str:
    return roff(" ".join(text.split()))


def roff(text: str) -> str:
    """Return a text as roff shows it: nothing of it is a request, an escape or a typographic sign."""
    safe = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    safe = "".join(one if one.isascii() else f"\\[u{ord(one):04X}]" for one in safe)
    return f"\\&{safe}" if safe.startswith(".") else safe
