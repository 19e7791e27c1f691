# SPDX-License-Identifier: Apache-2.0
"""What commands for auditors share: the logs they are about, of this home or from elsewhere, and options of lists."""

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from breakglass_shamir.cli.screen.terminal import Terminal
from breakglass_shamir.cli.screen.values import PATH, PLACE
from breakglass_shamir.cli.session import recorder

if TYPE_CHECKING:
    from pathlib import Path

    from breakglass_shamir.crypto.cosignature import Cosigner
    from breakglass_shamir.ledger.stored import KnownLog
    from breakglass_shamir.operations.audit.sources import Place, Source

Command = Callable[..., Any]


class Elsewhere(NamedTuple):
    """What ``--from`` and the options beside it say."""

    places: "tuple[Place, ...]"
    pins: tuple[str, ...]
    collector: "Path | None"
    terminals: tuple[str, ...]

    def __bool__(self) -> bool:
        """Tell whether it is about logs from elsewhere, and not about this home."""
        return bool(self.places)

    def check(self) -> None:
        """Refuse options beside nothing, or beside files that say nothing to a file."""
        collections = [place for place in self.places if isinstance(place, str)]
        for option, given, there in (
            ("--pin", self.pins, self.places), ("--collector", self.collector, collections),
            ("--terminal", self.terminals, collections),
        ):  # fmt: skip
            if given and not there:
                what = "--from ADDRESS" if option != "--pin" else "--from FILE"
                raise click.UsageError(f"expected {what} beside {option}, got none")

    def cosigner(self) -> "Cosigner | None":
        """Return the collector's key, where it was given."""
        from breakglass_shamir.operations.collecting import syncing

        return syncing.read_key(self.collector) if self.collector is not None else None

    @contextmanager
    def opened(self, terminal: Terminal) -> "Iterator[tuple[Source, ...]]":
        """Read what is meant; says of what nothing is there."""
        from breakglass_shamir.operations.audit import sources

        with ExitStack() as stack:
            with terminal.progress("reading") as progress:
                reading = sources.opened(
                    self.places, self.pins, collector=self.cosigner(), terminals=self.terminals, say=terminal.warn,
                    progress=progress,
                )  # fmt: skip
                found = stack.enter_context(reading)
            yield found


_OPTIONS = (
    click.option(
        "--from", "places", type=PLACE, multiple=True, metavar="FILE|ADDRESS",
        help="A bundle, or a collection such as postgresql:///?service=collection, in the place of this home; give it "
        "once for each.",
    ),
    click.option(
        "--pin", "pins", multiple=True, metavar="SHA256:...", help="Fingerprint of a terminal's key, from its people."
    ),
    click.option(
        "--collector", type=PATH, metavar="FILE", help="The collector's public key, from its people; for a collection."
    ),
    click.option(
        "--terminal", "terminals", multiple=True, metavar="NAME|LOG",
        help="Of a collection only this terminal, by its name or its log's id; give it once for each.",
    ),
)  # fmt: skip


def from_options(command: Command) -> Command:
    """Add ``--from``, ``--pin``, ``--collector`` and ``--terminal``; the command gets them as ``elsewhere``."""

    @functools.wraps(command)
    def called(*arguments: Any, places: "tuple[Place, ...]", pins: tuple[str, ...], collector: "Path | None",
               terminals: tuple[str, ...], **options: Any) -> Any:  # fmt: skip
        elsewhere = Elsewhere(places, pins, collector, terminals)
        elsewhere.check()
        return command(*arguments, elsewhere=elsewhere, **options)

    for option in reversed(_OPTIONS):
        called = option(called)
    return called


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


@contextmanager
def logs(terminal: Terminal, elsewhere: Elsewhere) -> "Iterator[tuple[tuple[str, KnownLog], ...]]":
    """Give each log with the name of its terminal: this home's, or those from elsewhere; says what is open of these."""
    if not elsewhere:
        with recorder(terminal) as opened:
            yield ((opened.ledger.state.terminal, opened.ledger),)
        return
    from breakglass_shamir.operations.audit import bundle_verifying

    with elsewhere.opened(terminal) as found:
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
