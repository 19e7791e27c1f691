# SPDX-License-Identifier: Apache-2.0
"""Commands that would run the credential are known before they run; others are left alone."""

import shlex
from pathlib import Path

import pytest

from breakglass_shamir.operations.recipes import interpreters

READ_IT = [
    "psql", "psql -h db -U root postgres", "psql -e db", "/usr/bin/psql db", "sudo -u postgres psql", "env A=1 psql",
    "env -S 'psql x'", "sh", "dash", "bash -s", "bash -o pipefail", "sh -c 'psql db'", "bash -ec psql", "busybox sh",
    "python", "python3", "python3.11 -", "perl", "ruby", "node", "mysql -u root", "sqlite3 x.db", "ssh host",
    "ssh -p 22 root@host bash", "ssh host sudo psql", "docker exec -i pg psql -U x", "kubectl exec -i pod -- psql",
    "timeout 5 psql", "nice psql", "nice -n 5 psql", "sudo -i", "su -", "su - root -c psql", "xargs echo", "ldapmodify",
]  # fmt: skip

LEAVE_IT = [
    "psql -c 'select 1'", "psql -f x", "sh script.sh", "sh -c 'cat > x'", "sh -c 'exit 42'", "bash -lc cat", "wc -c",
    "python script.py", "python3 -c x", "python -m mod", "mysql -e x", "sqlite3 x.db 'select 1'", "ssh host cat",
    "ssh -N host", "ssh -p 22 host /usr/bin/login-script", "true", "sudo cat", "docker exec -i pg cat", "perl -ne x",
    "node x.js", "bash --version", "recipe:psql", "curl -d @- http://x", "env A=1 ./login.sh", "timeout 5 cat", "",
]  # fmt: skip


@pytest.mark.parametrize("command", READ_IT)
def test_what_takes_its_standard_input_for_its_program_is_warned_of(command: str) -> None:
    assert "takes its standard input for its program" in interpreters.warning(shlex.split(command))


@pytest.mark.parametrize("command", LEAVE_IT)
def test_what_does_not_is_no_reason_to_ask(command: str) -> None:
    assert interpreters.warning(shlex.split(command)) == ""


def test_a_link_hides_none(tmp_path: Path) -> None:
    program = tmp_path / "psql"
    program.write_text("")
    (tmp_path / "between").symlink_to(program)
    (tmp_path / "login").symlink_to("between")
    assert interpreters.warning([str(tmp_path / "login"), "db"]).startswith("psql takes")
    (tmp_path / "round").symlink_to("round")
    assert interpreters.warning([str(tmp_path / "round")]) == ""


def test_the_recipe_is_named_where_there_is_one() -> None:
    assert "--exec recipe:mysql" in interpreters.recipe_instead(["sudo", "mysql"])
    assert "BREAKGLASS_FD" in interpreters.recipe_instead(["bash"])


def test_a_line_without_an_end_costs_no_more_than_it_is_long() -> None:
    interpreters.warning(["sudo"] * 100_000)
    interpreters.warning(["docker", *["exec"] * 100_000])
    interpreters.warning(["ssh", "h", *["timeout"] * 1000])
