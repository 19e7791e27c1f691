# SPDX-License-Identifier: Apache-2.0
"""Which sets a split of many makes: every policy is looked at before anything is printed.

Rules:

1. Every mistake in every file is found at once: a policy that describes no set, two of one name, a set that is here by
   another policy, a credential that is not there, a name that cannot be printed.
2. A set that was issued here by the very same policy is there already: a run that was broken off is run again. One
   whose credential was generated is so only where its target took that.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from breakglass_shamir.custody.life.state import LedgerState, SetState
from breakglass_shamir.custody.names import inside
from breakglass_shamir.custody.policy import shared
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.errors import BreakglassError, InvalidInput
from breakglass_shamir.formats.envelope import Checkpoint
from breakglass_shamir.operations import targets
from breakglass_shamir.operations.policy.loading import PolicyFile, PolicyFiles
from breakglass_shamir.operations.printing import sheets
from breakglass_shamir.operations.printing.sheets import Printing

MOST_POLICIES = 5000
"""So many files are taken from a folder."""

MOST_NAMED = 40
"""So many mistakes are named; of the others it is said how many they are."""


@dataclass(frozen=True, slots=True)
class Order:
    """One set that is to be made.

    Attributes:
        file: of its policy.
        source: the policy's text.
        already: whether it was issued here by this policy.
    """

    file: Path
    source: str = field(repr=False)
    policy: Policy = field(repr=False)
    already: bool
    number: int = 1
    """Of the epoch that is made."""

    @property
    def set_name(self) -> str:
        """The set."""
        return self.policy.name


def files_of(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Return the policies that paths mean: files as they are, of a folder every ``.toml`` in it, by name.

    Raises:
        InvalidInput: a folder has none, or too many.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        inside = sorted(one for one in path.iterdir() if one.suffix == ".toml" and not one.name.startswith("."))
        if not inside or len(inside) > MOST_POLICIES:
            raise InvalidInput(f"expected 1 to {MOST_POLICIES} policies (*.toml) in {path}, got {len(inside)}")
        found += inside
    return tuple(dict.fromkeys(found))


def orders(
    state: LedgerState, paths: Iterable[Path], credentials: Path | None, *, generates: bool = False
) -> tuple[Order, ...]:
    """Read every policy, with what it includes; a shared file among them is no set.

    Args:
        state: of the ledger.
        paths: files and folders.
        credentials: folder with a file for each set, by its name; None: people are asked.
        generates: whether credentials are generated: one that its target never took is made anew.

    Raises:
        InvalidInput: with every mistake in every file.
    """
    found: list[Order] = []
    problems: list[str] = []
    named: dict[str, Path] = {}
    files = PolicyFiles()
    for file in files_of(paths):
        try:
            document = files.read(file)
            if shared.is_shared(document):
                continue
            order = _order(state, files.loaded(file, document), generates=generates)
            before = named.setdefault(order.set_name.casefold(), file)
            if before != file:
                raise InvalidInput(f"the set {order.set_name} is in {before} already")
            if credentials is not None and not order.already and not inside(credentials, order.set_name).is_file():
                raise InvalidInput(
                    f"expected its credential in {inside(credentials, order.set_name)}, found no file there"
                )
        except BreakglassError as error:
            problems.append(f"{file}: {error}")
        else:
            found.append(order)
    _refuse(problems)
    return tuple(found)


def check_paper(todo: Sequence[Order], printing: Printing, checkpoint: Checkpoint) -> None:
    """Draw a sheet of each policy for trial, so that no name stops the printing later.

    Raises:
        InvalidInput: with every policy of which one cannot be drawn.
    """
    problems = []
    for order in todo:
        try:
            sheets.check_drawing(order.policy, printing, checkpoint)
        except BreakglassError as error:
            problems.append(f"{order.file}: {error}")
    _refuse(problems)


def strangers(found: Sequence[Order], credentials: Path) -> tuple[str, ...]:
    """Return the files in the folder of credentials that no policy asks for."""
    names = {order.set_name for order in found}
    return tuple(sorted(one.name for one in credentials.iterdir() if one.name not in names))


def _order(state: LedgerState, found: PolicyFile, *, generates: bool) -> Order:
    file, source, policy = found.path, found.text, found.parse_new()
    known = state.sets.get(policy.name)
    if known is None or not known.current:
        policies.check_new(policy)
        targets.connector_of(policy)
        return Order(file, source, policy, already=False, number=_next(known))
    if known.retired:
        raise InvalidInput(f"set {policy.name} was retired in this ledger; give the new set another name")
    if known.policy_source != source:
        raise InvalidInput(f"set {policy.name} is in this ledger already, by another policy")
    if generates and not known.current_epoch.proven:
        return Order(file, source, policy, already=False, number=_next(known))
    return Order(file, source, policy, already=True)


def _next(known: SetState | None) -> int:
    """Return the number of the epoch that would be made."""
    return 1 + max((epoch.number for epoch in known.epochs.values()), default=0) if known else 1


def _refuse(problems: Sequence[str]) -> None:
    if problems:
        more = [f"and {len(problems) - MOST_NAMED} more"] if len(problems) > MOST_NAMED else []
        raise InvalidInput(
            "; ".join([*problems[:MOST_NAMED], *more]), hint="nothing was printed; mend them and run it again"
        )
