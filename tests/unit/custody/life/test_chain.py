# SPDX-License-Identifier: Apache-2.0
"""The chain of custody says how far back it reaches, and why not further."""

from collections.abc import Callable

import pytest

from breakglass_shamir.custody.life.chain import chain_of
from breakglass_shamir.custody.records.epochs import Pinned
from breakglass_shamir.custody.records.ledger import LedgerStarted
from breakglass_shamir.custody.records.rotations import Applying, OldDead
from breakglass_shamir.errors import IllegalState
from breakglass_shamir.formats.text import short_id
from tests.unit.custody.life.test_lifecycle import (
    CLOSED,
    FIRST,
    SECOND,
    USE_ENDED,
    Book,
    at_issued,
    at_old_dead,
    deal,
    declared,
    id_of,
    opened,
    recovered,
    started,
)


def pinned(book: Book) -> Book:
    made = SECOND.envelope
    return book.add(Pinned(
        epoch_id=id_of(SECOND), set_public_key=made.set_public_key.hex(), envelope_sha256=made.digest.hex(),
        log="00" * 8, size=9, receipt_sha256="00" * 32,
    ))  # fmt: skip


def blank() -> Book:
    start = LedgerStarted(terminal="north", public_key="ssh-ed25519 AAAA north", software="x")
    return Book().add(start, name="").add(recovered(SECOND))


UNPINNED = "epoch 2 was learned from its sheets, UNPINNED, nothing else vouches for it"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (at_issued, "chain of custody of prod-db: whole, epoch 1"),
        (lambda: at_old_dead().add(CLOSED), "chain of custody of prod-db: whole, epochs 1 to 2"),
        (blank, f"chain of custody of prod-db: epoch 2; {UNPINNED}"),
        (
            lambda: pinned(blank()),
            "chain of custody of prod-db: epoch 2; epoch 2 was learned from its sheets, a receipt pins it",
        ),
        (
            lambda: at_issued().add(recovered(SECOND)).add(declared()).add(opened(id_of(SECOND))),
            f"chain of custody of prod-db: epoch 2; broken: not countersigned by the one before; {UNPINNED}; "
            f"epoch 1 ({short_id(FIRST.envelope.core.epoch_id)}) was in force here and is not in the chain; "
            "no proof says what followed it",
        ),
    ],
)
def test_it_reaches_as_far_as_somebody_vouched(make: Callable[[], Book], words: str) -> None:
    chain = chain_of(make().set)
    assert chain.in_words() == words
    assert chain.whole == ("whole" in words)


def test_it_goes_on_from_a_pinned_beginning() -> None:
    third = deal(3, SECOND.envelope.core.epoch_id)
    from tests.unit.custody.life.test_lifecycle import ack, countersigned, issued, read_back

    book = pinned(blank()).add(declared()).add(opened(id_of(SECOND))).add(USE_ENDED)
    book.add(issued(third)).add(countersigned(third)).add(read_back(id_of(third)))
    book.add(ack(id_of(third), "1.1")).add(ack(id_of(third), "1.2"))
    book.add(Applying(old_epoch_id=id_of(SECOND), new_epoch_id=id_of(third)))
    book.add(OldDead(old_epoch_id=id_of(SECOND), new_epoch_id=id_of(third), proofs=(), scope=""))
    chain = chain_of(book.set)
    assert (chain.epochs, chain.whole) == ((2, 3), False)
    assert "a receipt pins it" in chain.in_words()


def test_a_set_without_an_epoch_has_none() -> None:
    with pytest.raises(IllegalState):
        chain_of(started().set)
    assert FIRST.envelope.core.epoch == 1
