# SPDX-License-Identifier: Apache-2.0
"""Which recipes fit a target, and which arguments they do not take."""

import shutil

import pytest

from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.operations.recipes import catalogue

TARGETS = {
    "postgresql://db.example.com:5433/prod": ("psql", ["-h", "db.example.com", "-p", "5433", "-U", "root", "prod"]),
    "mysql://db.example.com:3306/": ("mysql", ["-h", "db.example.com", "-P", "3306", "-u", "root"]),
    "ssh-key:///root/.ssh/id%20x": ("ssh", ["-i", "/root/.ssh/id x", "root@HOST"]),
    "ldaps://ldap.example.com": ("ldapwhoami", ["-H", "ldaps://ldap.example.com", "-D", "root"]),
    "ldap://ldap.example.com": ("ldapwhoami", ["-H", "ldap://ldap.example.com", "-ZZ", "-D", "root"]),
    "ad://dc1.example.com": ("kinit", ["root"]),
    "kerberos://kdc1/EXAMPLE.COM": ("kinit", ["root@EXAMPLE.COM"]),
    "linux:///breakglass": ("su", ["-", "root"]),
}


@pytest.mark.parametrize(("target", "first"), TARGETS.items())
def test_the_first_recipe_fits_the_target(target: str, first: tuple[str, list[str]]) -> None:
    found = catalogue.recipes_for(target, "root")[0]
    assert (found.name, list(found.example)) == first
    assert found.words
    assert found.is_complete == ("HOST" not in " ".join(found.example).replace("-H", ""))


@pytest.mark.parametrize("target", ["", "manual:", "exec:///usr/lib/x", "https://x", "http://[", "psql"])
def test_a_target_of_another_kind_gives_one_of_each_sort_and_nothing_of_its_text(target: str) -> None:
    found = catalogue.recipes_for(target)
    assert [one.name for one in found] == ["psql", "mysql", "ssh", "kinit", "ldapsearch", "su"]
    assert not any("usr" in word or "https" in word for one in found for word in one.example)
    assert not any(one.is_complete for one in found)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("recipe:psqll", "did you mean recipe:psql?"),
        ("recipe:zzzzzz", "there are: psql"),
        ("recipe:psql -W db", "expected no argument -W"),
        ("recipe:psql host=x password=y", "expected no argument ho|expected no argument pa"),
        ("recipe:mysql -psecret-word", "expected no argument -p"),
        ("recipe:mysql --defaults-file=x", "expected no argument --defaults-file"),
        ("recipe:ldapsearch -x -W", "expected no argument -W"),
        ("recipe:kinit -k", "expected no argument -k"),
        ("recipe:ssh -oIdentityAgent=x h", "expected no argument -oIdentityAgent"),
        ("recipe:ssh -i /nowhere/key h", "found none at /nowhere/key"),
    ],
)
def test_what_stands_in_the_way_is_named_and_not_repeated(
    words: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    with pytest.raises(InvalidInput) as refused:
        catalogue.find(words.split())
    text = f"{refused.value} {refused.value.hint}"
    assert any(part in text for part in said.split("|"))
    assert "secret-word" not in text


def test_what_the_command_after_the_ticket_takes_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    assert catalogue.find(["recipe:kinit", "root", "--", "ls", "-k"])[1] == "/usr/bin/kinit"


def test_a_program_that_is_not_here_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(InvalidInput, match="needs the program psql, and it is not installed here"):
        catalogue.find(["recipe:psql"])
