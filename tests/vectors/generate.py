# SPDX-License-Identifier: Apache-2.0
"""Write the vectors of paper and records: ``python tests/vectors/generate.py [FOLDER]``.

Rules:

1. Seeded: in this process, and only here, every random draw comes from SHAKE-256 over the epoch's name. The
   same code writes the same bytes; a test compares them.
2. A vector has either an ``output`` or one ``error``, never two reasons to fail: what is wrong is made wrong
   last, and everything after it (parity, hash, signature) is made again so that it holds.

``README.md`` beside this file says what the fields mean. What the code accepts is not decided here: the test
runs every vector through it.
"""

import itertools
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import dealt_carried
from dealt import Epoch, Vector, make_epochs
from dealt_bundles import bundles
from dealt_crypto import lines, primitives
from dealt_edges import edges
from dealt_envelopes import envelopes
from dealt_exports import enrolments, exports, successions
from dealt_likeness import likeness
from dealt_logs import logs
from dealt_openings import openings, whole_epochs
from dealt_plaintexts import plaintexts
from dealt_policies import policies_of
from dealt_receipts import receipts, recoveries
from dealt_records import checkpoints, proofs, records_of
from dealt_scans import scans
from dealt_shares import shares
from dealt_signatures import signatures

FILES: dict[str, Callable[[list[Epoch]], Iterator[Vector]]] = {
    "primitives.json": primitives,
    "lines.json": lines,
    "shares.json": shares,
    "envelopes.json": envelopes,
    "plaintexts.json": plaintexts,
    "epochs.json": whole_epochs,
    "openings.json": openings,
    "likeness.json": likeness,
    "scans.json": scans,
    "records.json": records_of,
    "checkpoints.json": checkpoints,
    "signatures.json": signatures,
    "proofs.json": proofs,
    "logs.json": logs,
    "receipts.json": receipts,
    "recoveries.json": recoveries,
    "policies.json": lambda epochs: itertools.chain(policies_of(epochs), edges()),
    "enrolments.json": lambda epochs: itertools.chain(enrolments(epochs), dealt_carried.enrolments()),
    "successions.json": lambda epochs: itertools.chain(successions(epochs), dealt_carried.successions()),
    "exports.json": lambda epochs: itertools.chain(exports(epochs), dealt_carried.exports()),
    "bundles.json": bundles,
}
"""Every file, and what writes its vectors."""

SHORT = frozenset({"logs.json"})
"""Files with a line for each vector, to be small."""


def main(folder: Path) -> None:
    """Write every file into the folder."""
    epochs = make_epochs()
    for name, make in FILES.items():
        vectors = list(make(epochs))
        (folder / name).write_text(_written(vectors, short=name in SHORT), encoding="ascii")


def _written(vectors: list[Vector], *, short: bool) -> str:
    if not short:
        return json.dumps({"vectors": vectors}, indent=1) + "\n"
    lines = ",\n".join(json.dumps(vector, separators=(",", ":")) for vector in vectors)
    return f'{{"vectors":[\n{lines}\n]}}\n'


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
