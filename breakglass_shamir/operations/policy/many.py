# SPDX-License-Identifier: Apache-2.0
"""What many policy files mean together, and which of them a ledger has.

Rules:

1. Every file is read and checked by itself; what is wrong in any of them is said of all of them at once.
2. A shared file may stand among them, as a shell's pattern brings it: it is checked, and is no set.
3. Policies of the ledger whose files are not given are not answered for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from breakglass_shamir.custody.life.state import LedgerState
from breakglass_shamir.custody.policy import shared
from breakglass_shamir.custody.policy.across import Across, across
from breakglass_shamir.custody.policy.shared import Document
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.errors import InvalidInput, InvalidPolicy, LooksLikeShare
from breakglass_shamir.operations.policy import checking
from breakglass_shamir.operations.policy.checking import FileAnswers, Ledgered
from breakglass_shamir.operations.policy.loading import PolicyFile, PolicyFiles

_Wrong = InvalidInput | InvalidPolicy | LooksLikeShare


@dataclass(frozen=True, slots=True)
class SetFile:
    """One set's file, and what it means."""

    file: str
    answers: FileAnswers


@dataclass(frozen=True, slots=True)
class SharedFile:
    """A file whose parts sets share."""

    file: str
    custodians: int
    sites: int
    officers: int
    included_by: tuple[str, ...]
    """The sets, of those that were given."""


@dataclass(frozen=True, slots=True)
class ManyAnswers:
    """What many files mean (docs/guide-operator.md)."""

    sets: tuple[SetFile, ...]
    shared: tuple[SharedFile, ...]
    across: Across


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read of the files that were given."""

    sets: dict[str, tuple[PolicyFile, Policy]]
    shared: dict[Path, Document]


def load(paths: Sequence[Path]) -> dict[str, PolicyFile]:
    """Read the files of several sets, by the sets' names.

    Raises:
        InvalidPolicy: something is wrong with one of them, or two are of one set; everything of all of them is said.
    """
    return {name: file for name, (file, _) in _read(paths).sets.items()}


def check(paths: Sequence[Path], state: LedgerState | None) -> ManyAnswers:
    """Say what files mean together.

    Args:
        paths: the files, of one set each; shared ones may stand among them.
        state: this terminal's ledger; None where there is none.

    Raises:
        InvalidPolicy: something is wrong with one of them, or two are of one set; everything of all of them is said.
    """
    read = _read(paths)
    beside = {**(checking.adopted(state) if state else {}), **{name: new for name, (_, new) in read.sets.items()}}
    found, wrong = [], list[tuple[Path, _Wrong]]()
    for name, (file, _) in read.sets.items():
        others = tuple(policy for other, policy in beside.items() if other != name)
        try:
            answers = checking.check_file(file, Ledgered(others, state.sets.get(name)) if state else None)
            found.append(SetFile(str(file.path), answers))
        except InvalidPolicy as error:
            wrong.append((file.path, error))
    if wrong:
        raise _together(wrong, len(paths))
    return ManyAnswers(tuple(found), tuple(_shared(read)), across([policy for _, policy in read.sets.values()]))


def is_one_set(paths: Sequence[Path]) -> bool:
    """Tell whether what was given is one file, of one set.

    Raises:
        InvalidInput: it cannot be read.
        InvalidPolicy: it is no TOML.
    """
    return len(paths) == 1 and not shared.is_shared(PolicyFiles().read(paths[0]))


def _read(paths: Sequence[Path]) -> _Read:
    files, found = PolicyFiles(), _Read({}, {})
    wrong: list[tuple[Path, _Wrong]] = []
    for path in paths:
        try:
            document = files.read(path)
            if shared.is_shared(document):
                found.shared[path] = shared.decoded(str(path), document.text)
                shared.check(found.shared[path])
                continue
            file = files.loaded(path, document)
            policy = file.parse_new()
        except (InvalidInput, InvalidPolicy, LooksLikeShare) as error:
            wrong.append((path, error))
            continue
        if policy.name in found.sets:
            first = found.sets[policy.name][0].path
            wrong.append((path, InvalidInput(f"the set {policy.name} is that of {first} already")))
        else:
            found.sets[policy.name] = file, policy
    if wrong:
        raise _together(wrong, len(paths))
    return found


def _together(wrong: Sequence[tuple[Path, _Wrong]], several: int) -> InvalidPolicy:
    """Return everything that is wrong with several files as one error."""
    if several == 1 and isinstance(wrong[0][1], InvalidPolicy):
        return wrong[0][1]
    lines, problems = [], []
    for path, error in wrong:
        told = str(error).replace("\n", "\n  ")
        lines.append(f"\n  {told}" if str(path) in told.partition("\n")[0] else f"\n  {path}: {told}")
        details = error.problems if isinstance(error, InvalidPolicy) else ()
        problems += [{"file": str(path), **one} for one in details] or [
            {"key": "", "message": str(error), "nearest": "", "file": str(path)}
        ]
    hint = next((error.hint for _, error in wrong if error.hint), "")
    return InvalidPolicy(f"{len(wrong)} of {several} files are wrong:{''.join(lines)}", hint=hint, problems=problems)


def _shared(read: _Read) -> list[SharedFile]:
    """Tell of the shared files: those that were given, and those that a set includes."""
    users: dict[Path, list[str]] = {path.resolve(): [] for path in read.shared}
    for name, (file, _) in read.sets.items():
        for path in file.included:
            users.setdefault(path.resolve(), []).append(name)
    shown = {path.resolve(): str(path) for file, _ in read.sets.values() for path in file.included}
    shown |= {path.resolve(): str(path) for path in read.shared}
    documents = {path.resolve(): document for path, document in read.shared.items()}
    for file, _ in read.sets.values():
        documents |= {path.resolve(): one for path, one in zip(file.included, file.documents, strict=True)}
    return [_shared_file(shown[path], documents[path], sets) for path, sets in users.items()]


def _shared_file(file: str, document: Document, sets: Sequence[str]) -> SharedFile:
    custodians, sites, officers = (len(document.tree.get(key, ())) for key in ("custodians", "sites", "officers"))
    return SharedFile(file, custodians, sites, officers, tuple(sets))
