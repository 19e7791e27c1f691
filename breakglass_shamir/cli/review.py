# SPDX-License-Identifier: Apache-2.0
"""``review``: somebody who took no part looks at what was done, and closes it."""

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import click

from breakglass_shamir.cli.screen.terminal import Terminal, interactive
from breakglass_shamir.cli.session import PATH, pass_terminal, recorder
from breakglass_shamir.shell import breakglass, operand

if TYPE_CHECKING:
    from breakglass_shamir.operations.review.reviewing import Recorded, Shown

COLUMNS = 80
"""Width in which an opening is told: what a terminal has at least."""

_LABEL = 15
"""Columns of what a thing is called."""

_ID, _SHOWN_OF_HASH = 64, 16
"""Digits of an opening's id, and of a record's hash as it is shown; JSON has all of them."""


@click.command()
@click.argument("reviewed", metavar="[ID]", required=False, default="")
@click.option("--verdict", metavar="VERDICT", help="as declared, with findings, or misuse.")
@click.option("--reason", help="What was found.")
@click.option("--sign", "key_file", type=PATH, metavar="KEYFILE", help="Sign with an own SSH key.")
@click.option(
    "--from", "source", type=PATH, metavar="BUNDLE", help="Elsewhere: what audit bundle, or audit export, wrote."
)
@click.option("--out", type=PATH, metavar="FILE", help="With --from: a new file for the signed review.")
@click.option("--import", "taken", type=PATH, metavar="FILE", help="Take a review that was signed elsewhere.")
@pass_terminal
def review(
    terminal: Terminal, /, reviewed: str, verdict: str | None, reason: str | None, key_file: Path | None,
    source: Path | None, out: Path | None, taken: Path | None,
) -> None:  # fmt: skip
    """Show what happened under ID, an opening or a debt; with --verdict, record what a reviewer found.

    The policy names the reviewers. Who declared the opening, signed it, or held a sheet that was scanned took part and
    may not review it. Elsewhere, without a home: --from BUNDLE and --out FILE; then --import FILE on the terminal.
    """
    gives = verdict is not None or reason is not None or key_file is not None
    if taken is not None and (reviewed or gives or source or out):
        raise click.UsageError("expected --import by itself")
    if out is not None and source is None:
        raise click.UsageError("expected --from with --out")
    if source is not None and gives and out is None:
        raise click.UsageError("expected --out with a verdict on records from elsewhere")
    if source is not None:
        _elsewhere(terminal, reviewed, verdict, reason, key_file, source, out)
        return
    _here(terminal, reviewed, verdict, reason, key_file, taken, gives=gives)


def _here(
    terminal: Terminal, identifier: str, verdict: str | None, reason: str | None, key_file: Path | None,
    taken: Path | None, *, gives: bool,
) -> None:  # fmt: skip
    from breakglass_shamir.cli.guide import review as asking
    from breakglass_shamir.operations.review import reviewing

    with recorder(terminal) as opened:
        if taken is not None:
            found = reviewing.take(opened, taken)
            terminal.result(found, _recorded(found))
            return
        guide = asking.begin(terminal)
        identifier = asking.subject(guide, opened.state, identifier)
        shown = reviewing.show(opened.ledger, identifier)
        if not gives:
            terminal.result(shown, _shown(shown))
            return
        for line in _shown(shown) if interactive() and not (verdict and reason and key_file) else ():
            terminal.put(line)
        verdict, reason = asking.verdict(guide, verdict), asking.reason(guide, reason)
        key_file = asking.key_file(guide, key_file)
        found = reviewing.review(opened, shown.subject, verdict, reason, key_file, asks=interactive())
    terminal.result(found, _recorded(found))


def _elsewhere(
    terminal: Terminal, identifier: str, verdict: str | None, reason: str | None, key_file: Path | None, source: Path,
    out: Path | None,
) -> None:  # fmt: skip
    from breakglass_shamir.cli.guide import review as asking
    from breakglass_shamir.operations.review import reviewing

    shown = reviewing.show_handed_over(source, identifier)
    if out is None:
        terminal.result(shown, _shown(shown))
        return
    for line in _shown(shown) if interactive() and not (verdict and reason and key_file) else ():
        terminal.put(line)
    guide = asking.begin(terminal)
    verdict, reason = asking.verdict(guide, verdict), asking.reason(guide, reason)
    key_file = asking.key_file(guide, key_file)
    found = reviewing.review_elsewhere(source, shown.subject, verdict, reason, key_file, out, asks=interactive())
    terminal.result(found, _recorded(found))


def _shown(found: "Shown") -> list[str]:
    """Tell what happened, a line each, no wider than a terminal at least is."""
    lines = [f"set {found.set}, log {found.log}"]
    if found.terminal:
        lines += _told("signed by", f"the key {found.terminal}: compare it with the terminal's own")
        lines += _told("handed over", found.scope)
    lines += _told("opening" if len(found.subject) == _ID else "debt", _short(found.subject))
    for fact in found.facts:
        lines += _told(fact.what, f"{fact.time}  {fact.text}" if fact.time else fact.text)
    lines += _told("looked at", f"up to record {found.last_seq}, {found.last[:_SHOWN_OF_HASH]}...")
    if found.terminal and found.reviewers:
        lines += _told("reviewers", f"{', '.join(found.reviewers)}; who took no part")
    if not found.terminal:
        lines += _told("owed", ", ".join(found.owed) or "no review")
        who = ", ".join(found.reviewers) or "nobody: the policy lists no key"
        lines += _told("reviews", f"{found.reviews} of {found.needed}; by who took no part of: {who}")
    return lines


def _told(what: str, text: str) -> list[str]:
    return textwrap.wrap(
        text, COLUMNS, initial_indent=f"  {what:<{_LABEL}}", subsequent_indent=" " * (_LABEL + 2),
        break_on_hyphens=False,
    )  # fmt: skip


def _short(subject: str) -> str:
    return subject[:12] if len(subject) == _ID else subject


def _recorded(found: "Recorded") -> list[str]:
    short = _short(found.subject)
    if found.file is not None:
        take = breakglass("review", options=f"--import {operand(found.file.name)}")
        return [
            f"reviewed: {short} of {found.set}, {found.verdict}, signed with {found.fingerprint}",
            f"take it on the terminal with: {take}",
        ]
    lines = [
        f"reviewed: {short} of {found.set}, {found.verdict}, by {found.reviewer} with {found.fingerprint}",
        f"reviews: {found.reviews} of {found.needed}",
    ]
    return [*lines, *(f"closed: {debt}" for debt in found.closed)]
