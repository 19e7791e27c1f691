# SPDX-License-Identifier: Apache-2.0
"""Adopt the files of several sets, after a file that they share has changed.

Rules:

1. Each set adopts for itself: a record of its own, and what weakens it takes its own quorum, one set at a time.
2. Nothing is recorded before every file has been read and checked.
3. A set that cannot adopt without its sheets keeps none of the others from it; its refusal is recorded.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from breakglass_shamir.errors import BreakglassError, IllegalState, PolicyWeakens
from breakglass_shamir.operations.policy.adopt import Adoption, adopt
from breakglass_shamir.operations.policy.loading import PolicyFile
from breakglass_shamir.operations.recorder import Recorder


@dataclass(frozen=True, slots=True)
class FileAdoption:
    """What became of one file."""

    file: str
    set_name: str
    adoption: Adoption | None
    """None: refused."""

    refused: BreakglassError | None
    """Why."""


def adopt_several(recorder: Recorder, files: Mapping[str, PolicyFile]) -> tuple[FileAdoption, ...]:
    """Put the policies of several sets in force, where that takes no sheets.

    Args:
        recorder: its set name is taken from each policy in turn.
        files: by the set's name, read and checked.

    Raises:
        GateClosed: somebody else could change the home.
        BreakglassError: the ledger cannot be written; what was adopted before stands.
    """
    found = []
    for name, file in files.items():
        try:
            with file.located():
                adopted = adopt(recorder, file.text)
            found.append(FileAdoption(str(file.path), name, adopted, None))
        except (PolicyWeakens, IllegalState) as error:
            found.append(FileAdoption(str(file.path), name, None, error))
    return tuple(found)
