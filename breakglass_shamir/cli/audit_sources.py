# SPDX-License-Identifier: Apache-2.0
"""What commands for auditors share: the logs they are about, of this home or of bundles, and options of lists."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from breakglass_shamir.cli.screen.terminal import Terminal
from breakglass_shamir.cli.screen.values import PATH
from breakglass_shamir.cli.session import recorder

if TYPE_CHECKING:
    from breakglass_shamir.ledger.stored import KnownLog
    from breakglass_shamir.operations.audit.sources import Source

Command = Callable[..., Any]


def from_options(command: Command) -> Command:
    """Add ``--from`` and ``--pin``."""
    bundles = click.option(
        "--from",
        "bundles",
        type=PATH,
        multiple=True,
        metavar="FILE",
        help="A bundle, in the place of this home; give it once for each.",
    )
    pins = click.option(
        "--pin", "pins", multiple=True, metavar="SHA256:...", help="Fingerprint of a terminal's key, from its people."
    )
    return bundles(pins(command))


def period_options(command: Command) -> Command:
    """Add ``--set``, ``--since`` and ``--until``."""
    of = click.option("--set", "set_name", default="", help="Of this set only.")
    since = click.option("--since", default="", metavar="TIME", help="From this day or time on, in UTC: 2026-01-31.")
    until = click.option(
        "--until", default="", metavar="TIME", help="Up to this day or time, in UTC; of a day all of it."
    )
    return of(since(until(command)))


def csv_option(command: Command) -> Command:
    """Add ``--csv``."""
    return click.option("--csv", "as_csv", is_flag=True, help="CSV on standard output; no cell is a formula.")(command)


def check_csv(terminal: Terminal, *, as_csv: bool) -> None:
    """Refuse CSV and JSON at once."""
    if as_csv and terminal.as_json:
        raise click.UsageError("expected either --json or --csv, got both")


def check_pins(bundles: Sequence[Path], pins: Sequence[str]) -> None:
    """Refuse pins of nothing."""
    if pins and not bundles:
        raise click.UsageError("expected --from FILE beside --pin, got none")


@contextmanager
def logs(
    terminal: Terminal, bundles: Sequence[Path], pins: Sequence[str]
) -> "Iterator[tuple[tuple[str, KnownLog], ...]]":
    """Give each log with the name of its terminal: this home's, or those of bundles; says what is open about these."""
    check_pins(bundles, pins)
    if not bundles:
        with recorder(terminal) as opened:
            yield ((opened.ledger.state.terminal, opened.ledger),)
        return
    from breakglass_shamir.operations.audit import bundle_verifying, sources

    with sources.opened(bundles, pins) as found:
        tell_open(terminal, found)
        yield tuple((bundle_verifying.label(one, found), one.log) for one in found)


def tell_open(terminal: Terminal, found: "Sequence[Source]") -> None:
    """Say whose logs nobody vouches for, and what of them is not there."""
    from breakglass_shamir.operations.audit.sources import UNPINNED

    for source in found:
        if source.trust == UNPINNED:
            terminal.warn(f"{source.terminal}: {source.trust_in_words}")
        for gap in source.gaps:
            terminal.warn(f"{source.terminal}: {gap}")
