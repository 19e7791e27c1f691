# SPDX-License-Identifier: Apache-2.0
"""A name that was mistyped, asked about at a terminal: ``Did you mean prod-db? [Y/n]``.

Every command may end in one of these exceptions, so this module imports nothing of weight.
"""

from collections.abc import Iterable

import click


class Respelled(Exception):
    """People said that they meant another name; the command begins again with it."""

    def __init__(self, said: str, meant: str) -> None:
        super().__init__(said)
        self.said, self.meant = said, meant
        self.context = click.get_current_context(silent=True)


class NoSuchCommand(click.UsageError):
    """No command has that name."""

    def __init__(self, said: str, known: Iterable[str], context: click.Context) -> None:
        from breakglass_shamir.nearest import did_you_mean

        super().__init__(f"no such command {said[:80]!r}", context)
        self.near = did_you_mean(said, known)


def meant(said: str, known: Iterable[str]) -> str:
    """Return the nearest known name where people say that they meant it; else nothing.

    Nothing is asked where nobody is there to answer.
    """
    from breakglass_shamir.cli.screen import answers
    from breakglass_shamir.cli.screen.cleaning import clean
    from breakglass_shamir.cli.screen.terminal import interactive
    from breakglass_shamir.nearest import nearest

    near = nearest(said, known) if interactive() else ""
    return near if near and answers.confirm(f"Did you mean {clean(near)}?", default=True) else ""
