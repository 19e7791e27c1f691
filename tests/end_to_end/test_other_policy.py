# SPDX-License-Identifier: Apache-2.0
"""Another policy for a set in custody: alone what is stricter, with the quorum what is laxer, and always on record."""

from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records.ledger import PolicyWeakened
from breakglass_shamir.custody.records.openings import Declared, Refused
from breakglass_shamir.ledger import home
from tests.end_to_end.life import CUSTODIANS, NAME, Life, groups_text, secrets_on_paper


def _adopted(life: Life) -> str:
    with home.open_home(life.home) as ledger:
        return ledger.state.of(NAME).policy_source


def test_a_laxer_policy_takes_the_quorum_and_ends_in_sheets_under_it(life: Life) -> None:
    before = _adopted(life)
    laxer = life.policy.read_text().replace('use_for = "1h"', 'use_for = "2h"')
    laxer = laxer.replace(life.quorum, groups_text((2, CUSTODIANS[1:5])))
    life.policy.write_text(laxer)
    refused = life.run("policy", "adopt", life.policy)
    assert refused.exit == 3
    assert "declaration.use_for: 2h instead of 1h" in refused.err
    assert "quorum.groups[0]: 2 of 4 instead of 3" in refused.err
    assert _adopted(life) == before
    last = life.entries()[-1].record.body
    assert isinstance(last, Refused)
    assert (last.stage, last.error) == ("adopt", "policy-weakens")

    short = life.run("policy", "adopt", life.policy, "--scan", life.some_scans(1, 1)[0])
    assert short.exit == 4
    assert _adopted(life) == before
    life.ok("cancel", NAME, "--reason", "one sheet only")

    done = life.rotated("--json", "policy", "adopt", life.policy, "--scan", life.scans(1), sheets=4)
    assert done.exit == 0, done.err
    assert (done.document["rotated"], done.document["epoch"], done.document["debts"]) == (True, 2, [])
    assert _adopted(life) == laxer
    [new] = secrets_on_paper(life.sheets(2))
    assert life.opens(new)
    assert not life.opens(life.secret)
    assert len([path for path in life.sheets(2).iterdir() if "drill" not in path.name]) == 4

    entries = life.entries()
    signed = [entry for entry in entries if isinstance(entry.record.body, PolicyWeakened)]
    assert [bool(entry.quorum_signature) for entry in signed] == [True]
    digests = [entry.record.body.policy_digest for entry in entries if isinstance(entry.record.body, Declared)]
    assert set(digests) == {policies.digest(before).hex()}


def test_a_laxer_policy_without_a_place_for_sheets_is_in_force_and_owes_the_rotation(life: Life) -> None:
    life.policy.write_text(life.policy.read_text().replace('use_for = "1h"', 'use_for = "2h"'))
    done = life.run("policy", "adopt", life.policy, "--scan", life.scans(1))
    assert done.exit == 7
    assert "their rotation is owed" in done.err
    assert 'use_for = "2h"' in _adopted(life)
    assert life.status()["debts"][0]["kind"] == "rotation"
    again = life.ok("--json", "policy", "adopt", life.policy)
    assert again.document["changed"] is False
    assert life.rotated("rotate", NAME, "--scan", life.scans(1)).exit == 0
    assert life.status()["debts"] == []


def test_a_stricter_policy_needs_nobody_and_holds_at_once(life: Life) -> None:
    strict = life.policy.read_text().replace('use_for = "1h"', 'use_for = "30m"\nofficers = 3')
    life.policy.write_text(strict)
    done = life.ok("policy", "adopt", life.policy, "--scan", life.scans(1))
    assert "nothing of this weakens the set: no sheet was read" in done.err
    opened = life.recombine("--no-reveal")
    assert (opened.exit, "officers" in opened.err) == (3, True)


def test_what_another_policy_would_weaken_is_said_by_check(life: Life) -> None:
    life.policy.write_text(life.policy.read_text().replace('use_for = "1h"', 'use_for = "2h"'))
    found = life.ok("--json", "policy", "check", life.policy).document
    assert "adopting it takes a quorum: declaration.use_for: 2h instead of 1h" in found["warnings"]


def test_another_custodian_is_said_and_makes_the_rotation_due(life: Life) -> None:
    life.policy.write_text(life.policy.read_text().replace(f'"{CUSTODIANS[2]}"', '"West"'))
    done = life.ok("--json", "policy", "adopt", life.policy)
    assert done.document["next_epoch"] is True
    assert f"no custodian by this policy, but with a sheet: {CUSTODIANS[2]}" in done.err
    assert life.run("status").exit == 7
    assert any("no custodian by the policy" in line for line in life.status()["due"])


def test_a_policy_of_a_set_that_is_not_here_waits_for_its_sheets_and_says_so(life: Life) -> None:
    life.write_policy(name="other")
    done = life.run("policy", "adopt", life.policy)
    assert done.exit == 0, done.err
    assert "does not know the set other (it knows recovery-key)" in done.err


def test_a_sheet_that_changes_hands_is_followed_and_nobody_gathers_a_quorum(life: Life) -> None:
    done = life.ok("--json", "reassign", NAME, "2", "--to", "West", "--reason", "left").document
    assert (done["before"], done["after"], done["despite"]) == (CUSTODIANS[1], "West", [])
    assert done["due"][0] == "rotate: sheet 1.2 of epoch 1 changed hands"
    refused = life.run("reassign", NAME, "3", "--to", "west")
    assert refused.exit == 3
    assert "west would have held a quorum of epoch 1: sheets 1.2, 1.3" in refused.err
    assert "--has-happened" in refused.err
    done = life.ok("--json", "reassign", NAME, "3", "--to", "west", "--has-happened").document
    assert done["despite"] == ["west would have held a quorum of epoch 1: sheets 1.2, 1.3"]
    assert life.status()["due"][0] == "rotate: west has held a quorum of epoch 1, sheets 1.2, 1.3"
    life.ok("ack", NAME, "2")
    life.entries()
    assert life.rotated("rotate", NAME, "--scan", life.scans(1)).exit == 0
    assert [line for line in life.status()["due"] if line.startswith("rotate")] == []
