# SPDX-License-Identifier: Apache-2.0
"""What stands in an opening's way has a name, passes by that name only, and is owed afterwards."""

import pytest

from tests.end_to_end.life import NAME, Done, Life

GOOD = {"--class": ["idp-outage"], "--ticket": ["INC-1234"], "--reason": ["nobody can log in"],
        "--officer": ["Olga", "Oskar"]}  # fmt: skip
"""A declaration that passes every gate."""

WRONG: dict[str, dict[str, list[str]]] = {
    "class": {"--class": ["coffee-outage"]},
    "ticket": {"--ticket": ["soon"]},
    "officers": {"--officer": ["Olga"]},
    "duration": {"--use-for": ["2h"]},
}
"""Gate to what closes it."""

OVERRIDE = "the on-call manager agreed by telephone"


def words(changes: dict[str, list[str]]) -> list[str]:
    """Write a declaration as options."""
    return [word for option, values in {**GOOD, **changes}.items() for value in values for word in (option, value)]


def ask(life: Life, *more: str, changes: dict[str, list[str]] | None = None, way: str = "--no-reveal") -> Done:
    """Open with some changes to the declaration."""
    return life.run("recombine", NAME, *words(changes or {}), "--scan", life.scans(1), *more, way)


def override(*gates: str) -> list[str]:
    return [word for gate in gates for word in ("--override", gate)] + ["--override-reason", OVERRIDE]


def refused_then_passed(life: Life, gate: str, *more: str, changes: dict[str, list[str]] | None = None) -> None:
    """Hold one gate: refused by name and on record; passed by name, on record and owed; settled by people."""
    records = len(life.entries())
    refused = ask(life, *more, changes=changes)
    assert refused.exit == 3, refused.err
    assert f"--override {gate} " in refused.err
    entries = life.entries()
    assert [entry.record.body.__struct_config__.tag for entry in entries[records:]] == ["refused"]
    assert entries[-1].record.body.stage == gate  # type: ignore[union-attr]

    wrong_name = ask(life, *more, *override("clock"), changes=changes)
    assert wrong_name.exit == 3, wrong_name.err

    passed = ask(life, *more, *override(gate), changes=changes)
    assert passed.exit == 7, passed.err
    assert f"overridden: {gate}" in passed.err
    (record,) = [e.record.body for e in life.entries() if e.record.body.__struct_config__.tag == "overridden"]
    assert (record.gate, record.reason) == (gate, OVERRIDE)  # type: ignore[union-attr]
    debt = next(debt for debt in life.status()["debts"] if debt["kind"] == gate)
    assert gate in debt["what"]

    people = ("--officer", "Otto", "--reason", "looked at it")
    assert life.run("settle", NAME, debt["id"], *people).exit == 0
    assert gate not in [debt["kind"] for debt in life.status()["debts"]]


@pytest.mark.parametrize("gate", WRONG)
def test_a_wrong_declaration_is_refused_by_name_passed_by_name_and_owed(life: Life, gate: str) -> None:
    refused_then_passed(life, gate, changes=WRONG[gate])


def test_an_officer_named_twice_is_one_officer(life: Life) -> None:
    refused = ask(life, changes={"--officer": ["Olga", "olga"]})
    assert refused.exit == 3
    assert "--override officers" in refused.err


def test_a_way_of_revealing_that_the_policy_forbids(fresh: Life) -> None:
    fresh.policy.write_text(fresh.policy.read_text().replace('"exec", "show", "no-reveal"', '"exec"'))
    fresh.seal()
    refused_then_passed(fresh, "mode")


def test_an_open_debt_must_be_named(life: Life) -> None:
    assert ask(life).exit == 7
    (debt,) = life.status()["debts"]
    refused = ask(life)
    assert refused.exit == 3
    assert f"this set owes {debt['id']}" in refused.err
    named = ask(life, "--debt", debt["id"])
    assert named.exit == 7, named.err
    assert [owed["id"] for owed in life.status()["debts"]] == [debt["id"]], "one rotation settles both uses"


def test_an_open_debt_can_be_overridden_like_any_gate(life: Life) -> None:
    assert ask(life).exit == 7
    refused_then_passed(life, "debt")


def test_an_opening_under_way_stands_in_the_way_until_it_is_withdrawn(life: Life) -> None:
    few = life.run("recombine", NAME, *words({}), "--scan", life.some_scans(1, 1)[0], "--no-reveal")
    assert few.exit == 4
    other = {"--reason": ["another pair of officers"]}
    refused = ask(life, changes=other)
    assert refused.exit == 3
    assert f"breakglass cancel {NAME}" in refused.err
    life.ok("cancel", NAME, "--reason", "they went to lunch")
    assert ask(life, changes=other).exit == 7


def test_an_opening_under_way_can_be_overridden_and_is_superseded(life: Life) -> None:
    life.run("recombine", NAME, *words({}), "--scan", life.some_scans(1, 1)[0], "--no-reveal")
    refused_then_passed(life, "under-way", changes={"--reason": ["another pair of officers"]})


def test_the_same_officers_go_on_under_their_own_declaration(life: Life) -> None:
    for _ in range(2):
        few = life.run("recombine", NAME, *words({}), "--scan", life.some_scans(1, 1)[0], "--no-reveal")
        assert few.exit == 4
    assert ask(life).exit == 7
    assert life.kinds().count("declared") == 1


def test_an_override_needs_a_reason_and_a_gate_that_exists(life: Life) -> None:
    assert ask(life, "--override", "class").exit == 2
    unknown = ask(life, *override("quorum"))
    assert unknown.exit == 2
    assert "expected gates of class, ticket" in unknown.err
    assert "declared" not in life.kinds()


def test_no_override_passes_the_quorum(life: Life) -> None:
    done = life.run(
        "recombine", NAME, *words({}), "--scan", life.some_scans(1, 1)[0],
        *override("class", "ticket", "officers", "duration", "debt", "under-way", "mode", "declaration", "clock",
                  "witness", "epoch"), "--no-reveal",
    )  # fmt: skip
    assert done.exit == 4
    assert "opened" not in life.kinds()


def test_leaving_without_rotation_is_a_debt_that_rotate_settles(life: Life) -> None:
    done = ask(life)
    assert done.exit == 7
    assert f"breakglass rotate {NAME}" in done.err
    status = life.run("status")
    assert status.exit == 7
    assert "rotate: the credential of epoch 1 was opened" in status.out
    assert life.status()["phase"] == "rotation due"
    debt = life.status()["debts"][0]["id"]
    assert life.run("settle", NAME, debt, "--officer", "Olga", "--reason", "no").exit == 3

    rotated = life.rotated("rotate", NAME, "--scan", life.scans(1))
    assert rotated.exit == 0, rotated.err
    assert life.nothing_due()
    assert not life.opens(life.secret)
    assert life.entries()[-1].record.body.__struct_config__.tag == "closed"


def test_a_rotation_overrides_nothing_and_shows_nothing(life: Life) -> None:
    done = life.rotated("rotate", NAME, "--scan", life.scans(1), "--officer", "Olga")
    assert done.exit == 0, done.err
    assert "in-use" not in life.kinds()
    assert life.run("rotate", NAME, "--scan", life.scans(1), "--override", "clock").exit == 2


def test_a_deferral_that_the_policy_allows_has_a_new_deadline(fresh: Life) -> None:
    fresh.rotation = "may_defer = true"
    fresh.write_policy()
    fresh.seal()
    done = ask(fresh, "--defer", "2d", "--defer-reason", "the target is down until Monday")
    assert done.exit == 7
    (debt,) = fresh.status()["debts"]
    assert not debt["overdue"]
    assert "the target is down until Monday" in debt["what"]
    assert fresh.kinds()[-1] == "deferred"


def test_a_deferral_that_the_policy_forbids_is_overdue_at_once_and_stops_nothing(life: Life) -> None:
    done = ask(life, "--defer", "2d", "--defer-reason", "later")
    assert done.exit == 7
    assert "login by the connector: accepted" in done.err
    assert life.status()["debts"][0]["overdue"]
    assert "OVERDUE" in life.run("status").out


def test_a_deferral_needs_a_reason(life: Life) -> None:
    assert ask(life, "--defer", "2d").exit == 2
    assert "declared" not in life.kinds()


def test_a_use_that_nobody_ended_can_be_closed_from_elsewhere_once(life: Life) -> None:
    assert life.run("close", NAME, "--as", "misuse").exit == 3
    assert ask(life).exit == 7
    again = life.run("close", NAME, "--as", "misuse")
    assert again.exit == 3
    assert "there is no use to close" in again.err
