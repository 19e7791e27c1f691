# SPDX-License-Identifier: Apache-2.0
"""Many files at once: every mistake of all of them, who matters to how many sets, and what a ledger has of them."""

from pathlib import Path

import pytest

from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.custody.life.state import LedgerState, SetState
from breakglass_shamir.errors import InvalidPolicy
from breakglass_shamir.formats.share import Share
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations.policy import many
from breakglass_shamir.operations.policy.examples import example
from breakglass_shamir.operations.policy.loading import PolicyFiles

NAMES = ("a-db", "b-db", "c-db")


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    (tmp_path / "organisation.toml").write_text(example("organisation"))
    made = []
    for name in NAMES:
        made.append(tmp_path / f"{name}.toml")
        made[-1].write_text(example("set").replace("recovery-key", name).replace("envelope B", "set a-db"))
    return made


def state_of(paths: list[Path]) -> LedgerState:
    files = {name: PolicyFiles().load(path).text for name, path in zip(NAMES, paths, strict=False)}
    return LedgerState(sets={name: SetState(name, policy_source=text) for name, text in files.items()})


def test_many_files_are_answered_together_and_by_themselves(paths: list[Path]) -> None:
    found = many.check(paths, None)
    assert [one.answers.name for one in found.sets] == list(NAMES)
    assert {len(one.keeps) for one in found.across.people} == {3}
    (shared,) = found.shared
    assert (shared.custodians, shared.sites, shared.included_by) == (5, 3, NAMES)
    assert [one.answers.in_force for one in found.sets] == [None] * 3


def test_a_shared_file_among_them_is_no_set(paths: list[Path]) -> None:
    organisation = paths[0].with_name("organisation.toml")
    found = many.check([organisation, *paths], None)
    assert (len(found.sets), [one.file for one in found.shared]) == (3, [str(organisation)])
    alone = many.check([organisation], None)
    assert (alone.sets, len(alone.shared), alone.across.people) == ((), 1, ())
    assert not many.is_one_set([organisation])
    assert many.is_one_set(paths[:1])


def test_a_shared_file_with_a_share_in_it_is_not_taken_either(paths: list[Path]) -> None:
    code = Share(Kind.LIVE, bytes(range(8)), 1, 2, Secret(bytes(range(32)))).to_text()
    organisation = paths[0].with_name("organisation.toml")
    organisation.write_text(f'belongs_to = "{code}"\n')
    with pytest.raises(InvalidPolicy, match=r"line 1 of .* looks like a share") as error:
        many.check([organisation], None)
    assert code[8:20] not in str(error.value)


def test_editing_the_shared_file_changes_nothing_that_is_in_force(paths: list[Path]) -> None:
    state = state_of(paths)
    assert [one.answers.in_force for one in many.check(paths, state).sets] == ["adopted"] * 3
    shared = paths[0].with_name("organisation.toml")
    shared.write_text(shared.read_text().replace('rehearsal = "90d"', 'rehearsal = "30d"'))
    own = paths[2].read_text()
    paths[2].write_text(own.replace("[declaration]", '[drills]\nrehearsal = "90d"\n[declaration]'))
    found = many.check(paths, state).sets
    assert [one.answers.in_force for one in found] == ["differs", "differs", "adopted"]
    assert found[0].answers.differs == ("drills.rehearsal: '30d' instead of '90d'",)


def test_another_text_of_the_same_meaning_is_told_apart(paths: list[Path]) -> None:
    state = state_of(paths)
    paths[0].write_text(paths[0].read_text().replace('use_for = "30m"', 'use_for = "1800s"'))
    assert many.check(paths[:1], state).sets[0].answers.in_force == "reworded"


def test_a_set_that_the_ledger_has_not_is_said(paths: list[Path]) -> None:
    assert many.check(paths, LedgerState()).sets[0].answers.in_force == "not here"


def test_sets_of_one_target_are_counted_over_files_and_ledger(paths: list[Path]) -> None:
    warning = "fewer than two sets for one target: keep another account under another quorum"
    assert not any(warning in one.answers.warnings for one in many.check(paths, LedgerState()).sets)


def test_what_is_wrong_is_said_of_all_files_at_once(paths: list[Path]) -> None:
    paths[0].write_text(paths[0].read_text().replace("threshold = 3", "threshold = 9"))
    paths[1].write_text("x = ")
    paths.append(paths[0].with_name("not-there.toml"))
    with pytest.raises(InvalidPolicy) as error:
        many.check(paths, None)
    said = str(error.value).splitlines()
    assert said[0] == "3 of 4 files are wrong:"
    assert [one["file"] for one in error.value.problems] == [str(paths[0]), str(paths[1]), str(paths[3])]
    assert f"{paths[1]}: not TOML" in said[2]


def test_a_mistake_of_the_shared_file_is_said_for_each_set_that_includes_it(paths: list[Path]) -> None:
    shared = paths[0].with_name("organisation.toml")
    shared.write_text(shared.read_text().replace('roll_call = "90d"', 'roll_call = "soon"'))
    with pytest.raises(InvalidPolicy, match=r"^3 of 3 files are wrong") as error:
        many.check(paths, None)
    assert {one["file"] for one in error.value.problems} == {str(shared)}


def test_two_files_of_one_set_are_refused(paths: list[Path]) -> None:
    paths[1].write_text(paths[0].read_text())
    with pytest.raises(InvalidPolicy, match=r"the set a-db is that of .*a-db\.toml already"):
        many.load(paths)
    with pytest.raises(InvalidPolicy, match="already"):
        many.load([paths[0], paths[0]])


def test_a_target_that_no_connector_takes_is_found_among_many(paths: list[Path]) -> None:
    paths[1].write_text(paths[1].read_text().replace("ssh-key:///", "sshkey:///"))
    with pytest.raises(InvalidPolicy, match=r"1 of 3 files are wrong:\n .*b-db\.toml line 8: target\.uri: no conn"):
        many.check(paths, None)


def test_the_sample_organisation_holds(request: pytest.FixtureRequest) -> None:
    folder = request.config.rootpath / "examples" / "organisation"
    found = many.check(sorted(folder.glob("*.toml")), None)
    assert [one.answers.name for one in found.sets] == ["databases", "domain", "host"]
    assert not any(one.answers.warnings for one in found.sets)
    assert not any((*one.opened, *one.stopped) for one in found.across.sites)
    assert not any((*one.opens_alone, *one.stops_alone) for one in found.across.people)
