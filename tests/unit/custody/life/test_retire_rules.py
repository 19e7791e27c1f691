# SPDX-License-Identifier: Apache-2.0
"""The end of a set: who may end it, what stands against it, and what is left of it."""

import pytest
from msgspec.structs import replace

from breakglass_shamir.custody.life import attesting, due, escalation, retire_rules
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.state import EpochStatus, Phase, PinnedTerminal, Told
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records.retirement import Retired, RetiredAttested
from breakglass_shamir.custody.records.rotations import Applying
from breakglass_shamir.custody.records.sheets import Destroyed, SheetVoided
from breakglass_shamir.errors import IllegalState, InvalidRecord
from tests.unit.custody.life.test_lifecycle import (
    COUNTERSIGNED,
    FIRST,
    ONE,
    SEATS,
    SECOND,
    SOURCE,
    TWO,
    USE_ENDED,
    Book,
    ack,
    declared,
    issued,
    opened,
    read_back,
    recovered,
    started,
)

PEOPLE = ("Olga", "Oskar")
ENDED = type(USE_ENDED)(outcome="not revealed", classification="rotation")
DAY_MS = 86_400_000


def in_custody() -> Book:
    return started().add(issued(FIRST)).add(read_back(ONE))


def opened_for_it(book: Book | None = None) -> Book:
    """Open the set as its retirement does."""
    return (book or in_custody()).add(declared("rotation")).add(opened(ONE)).add(ENDED)


def owing() -> Book:
    """Leave a rotation owed: somebody saw the credential."""
    return in_custody().add(declared()).add(opened(ONE)).add(USE_ENDED)


def by_quorum(credential: str, *who: str) -> Retired:
    return Retired(reason="it moves", credential=credential, detail="the target said so", attested_by=who)


def by_word(credential: str = "unknown", *who: str) -> RetiredAttested:
    return RetiredAttested(reason="it moves", credential=credential, attested_by=who or PEOPLE)


@pytest.mark.parametrize("credential", ["dead", "lives", "unknown"])
def test_a_quorum_retires_a_set_that_owes_nothing_whatever_the_target_says(credential: str) -> None:
    book = opened_for_it().add(by_quorum(credential))
    assert book.set.phase is Phase.RETIRED
    assert book.set.debts == ()
    assert book.under_way.rotated
    assert book.current.status is EpochStatus.GOOD


def test_only_a_quorum_that_came_for_it_retires() -> None:
    in_custody().refuse(by_quorum("dead"), "the record belongs to no opening of set prod-db that is under way")
    emergency = owing()
    emergency.refuse(
        by_quorum("dead"), "a set is retired by the quorum that opened it for that, after the use has ended"
    )
    early = in_custody().add(declared("rotation")).add(opened(ONE))
    early.refuse(by_quorum("dead"), "a set is retired by the quorum that opened it for that, after the use has ended")


def test_sheets_that_a_terminal_knows_from_themselves_alone_retire_no_set_of_its_own() -> None:
    book = in_custody().add(recovered(SECOND)).add(declared("rotation")).add(opened(TWO)).add(ENDED)
    with pytest.raises(IllegalState, match="knows from themselves alone"):
        book.add(by_quorum("lives"))


@pytest.mark.parametrize(
    "body",
    [by_quorum("gone"), by_quorum("lives", *PEOPLE), by_quorum("unknown", *PEOPLE), by_quorum("well"), by_quorum("")],
)
def test_what_is_known_of_the_credential_says_how(body: Retired) -> None:
    with pytest.raises(InvalidRecord, match="does not say how the credential is known"):
        opened_for_it().add(body)


def test_a_rotation_that_is_owed_ends_only_with_a_credential_that_is_dead_or_gone() -> None:
    for body in (by_quorum("lives"), by_quorum("unknown")):
        with pytest.raises(IllegalState, match="retired only when the credential is dead or the account is gone"):
            _again(owing()).add(body)
    with pytest.raises(IllegalState, match="retired only when"):
        owing().add(by_word("unknown"))
    proven = _again(owing()).add(by_quorum("dead"))
    assert proven.set.debts == ()
    for attested in (_again(owing()).add(by_quorum("gone", *PEOPLE)), owing().add(by_word("dead"))):
        (debt,) = attested.set.debts
        assert (debt.kind, debt.deadline_s) == ("end-unproven", 7 * 86_400)
        assert attested.set.retired is not None


def test_a_refusal_of_one_credential_says_nothing_of_another() -> None:
    book = in_custody().add(recovered(SECOND)).add(declared()).add(opened(TWO)).add(USE_ENDED)
    both = _again(book)
    assert len(both.set.rotation_debts) == 2
    with pytest.raises(IllegalState, match="of another epoch than the one whose credential the target refused"):
        both.add(by_quorum("dead"))
    both.add(by_quorum("dead", *PEOPLE))


def test_while_the_target_is_being_changed_only_peoples_word_counts() -> None:
    book = in_custody().add(declared()).add(opened(ONE)).add(issued(SECOND, predecessor=ONE)).add(COUNTERSIGNED)
    book.add(read_back(TWO)).add(ack(TWO, "1.1")).add(ack(TWO, "1.2")).add(USE_ENDED)
    book.add(Applying(old_epoch_id=ONE, new_epoch_id=TWO))
    with pytest.raises(IllegalState):
        book.add(by_word("unknown"))
    book.add(by_word("gone"))
    assert not book.set.applying
    assert {book.set.epochs[one].status for one in (ONE, TWO)} == {EpochStatus.GOOD}


@pytest.mark.parametrize("who", [(), ("Olga",), ("Olga", " olga "), ("Olga", "OLGA"), ("Olga", " "), (" ", "\t")])
def test_one_person_is_not_enough(who: tuple[str, ...]) -> None:
    body = RetiredAttested(reason="it moves", credential="unknown", attested_by=who)
    with pytest.raises(IllegalState):
        in_custody().add(body)


def test_whose_word_counts() -> None:
    policy = policies.parse(SOURCE)
    assert attesting.against(policy, PEOPLE) == ""
    assert attesting.against(None, PEOPLE) == ""
    assert attesting.against(None, ("Olga", "")) == "expected 2 different people who attest, got Olga"
    four = policies.parse(SOURCE.replace('["idp-outage"]', '["idp-outage"]\nofficers = 4'))
    assert attesting.against(four, PEOPLE) == "expected 4 different people who attest, got Olga, Oskar"
    listed = policies.parse(SOURCE + '[[officers]]\nname = "Olga"\n[[officers]]\nname = "Oskar"\n')
    assert attesting.against(listed, (" olga", "OSKAR")) == ""
    assert attesting.against(listed, ("Olga", "Eve")) == "expected officers of the policy (Olga, Oskar), got Eve"


def test_a_set_is_retired_once_and_again_after_an_opening() -> None:
    book = in_custody().add(by_word())
    book.refuse(by_word(), f"set prod-db is retired since {book.set.retired.at.time}")  # type: ignore[union-attr]
    book.add(declared()).add(opened(ONE)).add(USE_ENDED)
    assert book.set.retired is None
    assert book.set.phase is Phase.ROTATION_DUE
    book.add(by_word("dead"))
    assert book.set.retired is not None


@pytest.mark.parametrize("stage", [0, 1, 2])
def test_no_word_ends_a_set_under_an_opening(stage: int) -> None:
    book = in_custody().add(declared())
    if stage:
        book.add(opened(ONE))
    if stage == 2:
        book.add(USE_ENDED).add(by_word("dead"))
        assert book.set.opening is None
        assert book.set.past[-1].outcome == "retired"
        return
    with pytest.raises(IllegalState, match="it ends first"):
        book.add(by_word("dead"))


def test_nothing_is_due_but_the_end_of_the_sheets() -> None:
    book = in_custody().add(by_word())
    assert due.schedule(book.set, _later(book, 400)) == ()
    assert [one.subject for one in escalation.overdue(book.set, _later(book, 400))] == ["destroy"]
    assert [*escalation.overdue(book.set, _later(book, 1))] == []
    book.add(Destroyed(epoch_id=ONE, sheets=SEATS, witnesses=PEOPLE))
    assert [*escalation.overdue(book.set, _later(book, 400))] == []


@pytest.mark.parametrize(("credential", "left"), [("unknown", ("1.2", "1.3")), ("gone", ("1.3",))])
def test_a_missing_sheet_stays_due_while_the_credential_may_live(credential: str, left: tuple[str, ...]) -> None:
    book = in_custody().add(by_word(credential))
    book.add(Destroyed(epoch_id=ONE, sheets=("1.1",), witnesses=PEOPLE))
    book.add(SheetVoided(epoch_id=ONE, sheet="1.2", reason="burned"))
    ((_, found),) = retire_rules.due_to_destroy(book.set)
    assert found == left
    ((_, every),) = retire_rules.to_destroy(book.set)
    assert every == ("1.2", "1.3")


def test_a_terminal_keeps_a_set_that_says_so_of_the_epoch_in_force_here() -> None:
    book = in_custody()
    pinned = {log: PinnedTerminal(f"terminal {log}", "key") for log in ("a", "b")}
    state = replace(book.state, terminals=pinned)
    told = {"a": Told(7, ONE), "b": Told(9, TWO), "c": Told(9, ONE)}
    assert retire_rules.keepers(state, replace(book.set, told=told)) == {"a": "terminal a"}


def test_sheets_of_a_living_set_are_still_not_destroyed() -> None:
    with pytest.raises(IllegalState, match="still open: they are not destroyed"):
        in_custody().add(Destroyed(epoch_id=ONE, sheets=SEATS, witnesses=PEOPLE))


def _again(book: Book) -> Book:
    """Open the set that owes something once more, for its end."""
    epoch = ONE if len(book.set.epochs) > 1 else book.set.current
    return book.add(declared("rotation", book.under_way.id)).add(opened(epoch)).add(ENDED)


def _later(book: Book, days: int) -> Moment:
    last = book.state.last
    assert last is not None
    return Moment(last.time, last.boot, last.uptime_ms + days * DAY_MS)
