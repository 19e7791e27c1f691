# SPDX-License-Identifier: Apache-2.0
"""Policy files as people keep them: a set's file, and the files whose parts it shares, to the text that is recorded.

Rules:

1. What is included lies in the folder of the file that includes it, or below; a link that leads elsewhere is refused,
   so that a policy from somebody else makes this program read nothing but what came with it.
2. Each file is read once a run, however many sets include it: all of them are judged by the same content.
3. Who else can change a file is said.
"""

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from breakglass_shamir.custody.policy import resolving, shared
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.resolving import MAX_TEXT_BYTES, Resolved
from breakglass_shamir.custody.policy.shared import Document
from breakglass_shamir.custody.policy.table import INCLUDE
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.errors import InvalidInput, InvalidPolicy
from breakglass_shamir.operations.reading.files import read_file, utf8_text

MAX_SHARED_BYTES = 1 << 20
"""Largest shared file that is read: two thousand people with their keys are below it."""


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """A set's file, with all that it includes."""

    path: Path
    resolved: Resolved
    included: tuple[Path, ...]
    documents: tuple[Document, ...]
    """What it includes, decoded, in the order of ``included``."""

    warnings: tuple[str, ...]
    """Who else can change it, what it relaxes of its shared files, and names that may be mistaken."""

    @property
    def text(self) -> str:
        """What is digested, recorded and carried."""
        return self.resolved.text

    @contextmanager
    def located(self) -> Iterator[None]:
        """Say of what is wrong with the text in which file it stands.

        Raises:
            InvalidPolicy: as what was raised, with files and lines where there are several files.
        """
        try:
            yield
        except InvalidPolicy as error:
            raise self.resolved.placed(error) from None

    def parse_new(self) -> Policy:
        """Return the policy, as one that is to be adopted.

        Raises:
            InvalidPolicy: with every problem, in which file it stands, and on which line.
            LooksLikeShare: a share may stand in it; nothing of it is repeated.
        """
        with self.located():
            return policies.parse_new(self.text)


class PolicyFiles:
    """Reads policies in one run."""

    def __init__(self) -> None:
        self._shared: dict[Path, Document] = {}
        self._doubts: dict[Path, tuple[str, ...]] = {}

    def load(self, path: Path) -> PolicyFile:
        """Read a set's file, and what it includes.

        Raises:
            InvalidInput: a file cannot be read, or is no plain file, too large or not UTF-8.
            InvalidPolicy: one is no TOML, or they do not fit together; else nothing is said of what they mean.
            LooksLikeShare: a share may stand in one of several files.
        """
        return self.loaded(path, self.read(path))

    def read(self, path: Path) -> Document:
        """Read one file, of which it is not known yet whether it is a set's.

        Raises:
            InvalidInput: it cannot be read, or is no plain file, too large or not UTF-8.
            InvalidPolicy: it is no TOML.
        """
        text = utf8_text(read_file(path, MAX_SHARED_BYTES), path)
        return Document(str(path), text, policies.tree_of(text))

    def loaded(self, path: Path, own: Document) -> PolicyFile:
        """Read what a set's file includes; as :meth:`load`."""
        if len(own.text.encode()) > MAX_TEXT_BYTES:
            raise InvalidInput(f"expected at most {MAX_TEXT_BYTES} bytes in {path}")
        if INCLUDE in own.tree:
            policies.refuse_share_lines(own.text, str(path))
            policies.refuse_share_values(own.tree, str(path))
        included = [path.parent / name for name in resolving.includes(own)]
        documents = [self._included(one, path) for one in included]
        resolved = resolving.resolve(own, documents)
        warnings = [line for one in (path, *included) for line in self._open_to_others(one)]
        warnings += [*resolved.doubts, *(f"weaker than what it includes: {line}" for line in resolved.weaker)]
        return PolicyFile(path, resolved, tuple(included), tuple(documents), tuple(warnings))

    def _included(self, path: Path, includer: Path) -> Document:
        hint = f"{includer} includes it"
        try:
            real, folder = path.resolve(strict=True), includer.parent.resolve(strict=True)
        except OSError as error:
            raise InvalidInput(f"{path} could not be read: {error.strerror}", hint=hint) from None
        except RuntimeError:
            raise InvalidInput(f"{path} could not be read: its links lead round", hint=hint) from None
        if not real.is_relative_to(folder):
            raise InvalidInput(f"expected a file in the folder of {includer} or below, but {path} links to {real}")
        if real not in self._shared:
            text = utf8_text(read_file(path, MAX_SHARED_BYTES, hint=hint), path)
            found = shared.decoded(str(path), text)
            shared.check(found)
            self._shared[real] = found
        return self._shared[real]

    def _open_to_others(self, path: Path) -> tuple[str, ...]:
        if path not in self._doubts:
            self._doubts[path] = tuple(_open_to_others(path))
        return self._doubts[path]


def _open_to_others(path: Path) -> Iterator[str]:
    """Say where anybody with an account here could change a policy before it is adopted."""
    for place in (path, path.parent):
        try:
            mode = place.stat().st_mode
        except OSError:
            continue
        is_sticky = stat.S_ISDIR(mode) and mode & stat.S_ISVTX
        if mode & stat.S_IWOTH and not is_sticky:
            yield f"anybody on this machine can change {place}"
