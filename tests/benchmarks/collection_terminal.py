# SPDX-License-Identifier: Apache-2.0
"""One terminal of the big run: its ledger grows, and goes to the collection until all of it is cosigned.

    python -m tests.benchmarks.collection_terminal HOME ADDRESS COLLECTOR RECORDS SEED ASKED

It may be killed at any moment and started again. Some pushes are of what is there already, and some are in disorder.
"""

import random
import sys
import time
from contextlib import suppress
from itertools import islice
from pathlib import Path

from breakglass_shamir.collection import address, door
from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.ledger import home
from breakglass_shamir.ledger.store import Ledger
from breakglass_shamir.operations.collecting import syncing
from tests.benchmarks.ledgers import body
from tests.benchmarks.quick_ledger import extend

MOST_AT_ONCE = 200
"""Records that are added between two pushes."""

PATIENCE_S = 600.0
"""How long the collector's word is waited for before everything that it has not cosigned is pushed again."""


def main() -> None:
    place, to, collector, records, seed, asked = sys.argv[1:]
    with home.open_home(Path(place)) as ledger:
        live(ledger, to, Path(collector), int(records), random.Random(seed), float(asked))


def live(ledger: Ledger, to: str, collector: Path, records: int, chance: random.Random, asked_every_s: float) -> None:
    """Grow, push and wait, until there are so many records and all of them are cosigned."""
    cosigned = 0
    while cosigned < records:
        if cosigned == ledger.size or ledger.size < MOST_AT_ONCE:
            extend(ledger, min(records, ledger.size + chance.randint(1, MOST_AT_ONCE)), body)
        try:
            push(ledger, to, chance)
            syncing.sync(ledger, to, collector)
        except ConnectorError:
            time.sleep(chance.random())
            continue
        cosigned = waited(ledger, to, collector, asked_every_s)


def push(ledger: Ledger, to: str, chance: random.Random) -> None:
    """Push some rows once more, or in disorder, or nothing."""
    start = chance.randrange(ledger.size)
    rows = list(islice(ledger.rows(start), chance.choice((0, 0, 20, 100))))
    if chance.random() < 0.5:
        chance.shuffle(rows)
    with address.connected(to) as connection:
        door.push(connection, ledger.public_key, rows)


def waited(ledger: Ledger, to: str, collector: Path, asked_every_s: float) -> int:
    """Wait until the collector has cosigned what was pushed, whatever the server does; returns how far it is."""
    end, key, found = time.monotonic() + PATIENCE_S, syncing.read_key(collector), 0
    while found < ledger.size and time.monotonic() < end:
        time.sleep(asked_every_s)
        with suppress(ConnectorError), address.connected(to) as connection:
            head = door.head(connection, ledger.public_key, key)
            found = head.checkpoint.size if head else 0
    return found


if __name__ == "__main__":
    main()
