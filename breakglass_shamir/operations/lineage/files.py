# SPDX-License-Identifier: Apache-2.0
"""The file in which proofs travel: written here, read there (spec: docs/spec/7-records.md, "Lineage").

It is public, and is believed no more for having been carried by somebody trusted.
"""

from collections.abc import Sequence
from pathlib import Path

from breakglass_shamir.bounded.reading import open_plain
from breakglass_shamir.custody.life import lineage
from breakglass_shamir.custody.life.lineage import SuccessionProof
from breakglass_shamir.errors import FileExists, IllegalState, InvalidInput, LedgerUnwritable
from breakglass_shamir.ledger import durable
from breakglass_shamir.ledger.unreadable import unreadable
from breakglass_shamir.operations.lineage import links
from breakglass_shamir.operations.recorder import Recorder


def export(recorder: Recorder, names: Sequence[str], out: Path) -> tuple[SuccessionProof, ...]:
    """Write the proofs of all links of sets to a new file.

    Args:
        recorder: of the ledger.
        names: of the sets; empty: all.
        out: the file.

    Raises:
        UnknownSet: this ledger does not know one of them.
        IllegalState: nothing was ever rotated, here or elsewhere.
        InvalidInput: more than a file may hold.
        FileExists: the file is there already.
        LedgerUnwritable: it could not be written.
    """
    sets = [recorder.state.of(name) for name in dict.fromkeys(names)] or list(recorder.state.sets.values())
    proofs = tuple(proof for s in sets for proof in links.collect(recorder.ledger, s))
    if not proofs:
        raise IllegalState("nothing was rotated yet, so there is no proof to give away")
    data = lineage.to_bytes(proofs)
    if len(proofs) > lineage.MAX_PROOFS or len(data) > lineage.MAX_FILE_BYTES:
        raise InvalidInput(
            f"expected at most {lineage.MAX_PROOFS} proofs in {lineage.MAX_FILE_BYTES} bytes, got {len(proofs)} in "
            f"{len(data)}",
            hint="export the sets one by one",
        )
    _write(out, data)
    return proofs


def read(path: Path) -> tuple[SuccessionProof, ...]:
    """Read a file of proofs, none of them verified.

    Raises:
        InvalidInput: it cannot be read.
        InvalidRecord, UnsupportedVersion: it is no such file.
    """
    try:
        with open_plain(path) as file:
            data = file.read(lineage.MAX_FILE_BYTES + 1)
    except OSError as error:
        raise unreadable(path, error) from None
    return lineage.from_bytes(data)


def _write(path: Path, data: bytes) -> None:
    try:
        durable.write_new(path, data, 0o644)
    except FileExistsError:
        raise FileExists(f"{path} is there already", hint="choose another --out") from None
    except OSError as error:
        raise LedgerUnwritable(f"{path} could not be written: {error.strerror}", hint="name another place") from error
