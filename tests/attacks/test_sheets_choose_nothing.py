# SPDX-License-Identifier: Apache-2.0
"""A stranger's sheets name a program, a file or an address: nothing of them is run, read or asked.

On a terminal without a policy of the set people name the target themselves. What the sheets say is shown beside it.
"""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pypdfium2
import pytest

from breakglass_shamir.custody.credential import Credential
from breakglass_shamir.custody.records.rotations import TargetNamed
from tests.attacks.strangers import STRANGE, Blank, connects, listening, paper
from tests.end_to_end.conftest import life, sealed_once  # noqa: F401 - fixtures
from tests.end_to_end.life import DECLARATION, Life, make_key, office, opens, texts_on_paper, wait_until
from tests.end_to_end.life import NAME as KNOWN

NAME = "prod-db"

LOCAL = (
    "exec:///bin/sh", "ssh-key:///etc/ssh/ssh_host_ed25519_key", "ssh-authorized-keys:///root/.ssh/authorized_keys",
    "linux:///root", f"exec://{sys.executable}", "kerberos:///EXAMPLE.NET",
    "luks:///dev/sda", "ssh-ca:///etc/ssh/trusted_user_ca_keys", "keepass:///root/safe.kdbx",
    "postgresql:///postgres", "mysql:///", "redis:///", "manual:a-friend", "telnet://host", "no uri at all",
    "aws-iam://123456789012",
)  # fmt: skip
"""Targets on this machine, one that people change, some that are none, and one that is far away."""

REMOTE = (
    "postgresql://127.0.0.1:{port}/db", "mysql://127.0.0.1:{port}/", "ldap://127.0.0.1:{port}",
    "ldaps://127.0.0.1:{port}", "ad://127.0.0.1:{port}", "kerberos://127.0.0.1:{port}/EXAMPLE.NET",
    "redis://127.0.0.1:{port}", "openbao-userpass://127.0.0.1:{port}", "openbao-token://127.0.0.1:{port}",
    "openbao-approle://127.0.0.1:{port}", "openbao-keys://127.0.0.1:{port}",
    "ipmi://127.0.0.1:{port}", "redfish://127.0.0.1:{port}",
)  # fmt: skip
"""Targets somewhere else."""

ACCOUNTS = {"ldap": "uid=breakglass,dc=x", "ldaps": "uid=breakglass,dc=x"}


@pytest.fixture
def blank(tmp_path: Path) -> Blank:
    return Blank(tmp_path / "blank")


def hostile(mark: Path) -> str:
    return f"$(touch {mark})"


def everything(blank: Blank, *, thorough: bool = True) -> None:
    """Do with a stranger's sheets all that a terminal does, or the most of it, and name no target."""
    out = blank.folder / "out"
    given = blank.opened("--out", out, "--exec", "cat")
    assert given.exit == 7, given.err
    assert given.out.startswith(STRANGE.reveal().decode()), "the reveal is never kept from an emergency"
    assert "--target URI" in given.err
    typed = ("--typed", blank.brought)
    debt = [word for debt in blank.debts() for word in ("--debt", debt)]
    others: dict[tuple[str | Path, ...], int] = {
        ("recombine", NAME, *DECLARATION, *typed, *debt, "--no-reveal"): 2,
        ("drill", "access", NAME, *DECLARATION, *typed, *debt, "--out", out): 2,
        ("retire", NAME, "--reason", "nobody needs it", *typed): 3,
        ("watch", NAME, "--once"): 3,
        ("status",): 7,
        ("heartbeat",): 0,
        ("audit", "verify"): 0,
    }
    rotate: dict[tuple[str | Path, ...], int] = {("rotate", NAME, *typed, "--out", out): 2}
    for command, exit_code in (rotate | (others if thorough else {})).items():
        done = blank.noted(*command)
        assert done.exit == exit_code, (command, done.err)
    assert blank.connectors == []
    assert blank.kinds().count("opened") == 1
    assert not list(out.glob("*")) if out.exists() else True


@pytest.mark.parametrize("target", LOCAL)
def test_a_target_on_the_sheets_runs_and_reads_nothing_here(blank: Blank, target: str, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    credential = Credential(STRANGE, account=hostile(mark), target=target, hint=hostile(mark), ca_fingerprint="ca.pem")
    blank.bring(NAME, credential)
    everything(blank, thorough=target in LOCAL[:4])
    assert not mark.exists()


@pytest.mark.parametrize("target", REMOTE)
def test_an_address_on_the_sheets_is_not_asked(blank: Blank, target: str) -> None:
    account = ACCOUNTS.get(target.partition(":")[0], "breakglass")
    with listening() as listener:
        blank.bring(NAME, Credential(STRANGE, account=account, target=target.format(port=listener.port)))
        everything(blank, thorough=target == REMOTE[0])
        assert listener.count == 0
        connects(listener.port)
        wait_until(lambda: listener.count == 1, "the listener to count")


@pytest.mark.parametrize("target", REMOTE[:4])
def test_an_address_is_asked_once_people_give_it(blank: Blank, target: str, need: Callable[[str], str]) -> None:
    account = ACCOUNTS.get(target.partition(":")[0], "breakglass")
    with listening() as listener:
        uri = target.format(port=listener.port)
        blank.bring(NAME, Credential(STRANGE, account=account, target=uri))
        done = blank.opened("--no-reveal", "--target", uri)
        assert done.exit == 7, done.err
        assert "login by the connector: unknown" in done.err
        wait_until(lambda: listener.count > 0, "the connection that people asked for")
    (named,) = bodies(blank)
    assert (named.target, named.account, named.agrees) == (uri, account, True)
    assert blank.kinds().index("target-named") > blank.kinds().index("opened")


def test_a_stranger_s_whole_split_does_nothing_on_another_terminal(
    tmp_path: Path, blank: Blank, need: Callable[[str], str]
) -> None:
    """The stranger has a home, a policy and a printer; the sheets are brought to a machine that knows nothing."""
    need("ssh-keygen")
    mark, stranger = tmp_path / "mark", Life(tmp_path / "stranger")
    stranger.folder.mkdir()
    stranger.write_policy(name=NAME)
    text = stranger.policy.read_text()
    head, _, tail = text.partition("[target]\n")
    lines = f'[target]\nuri = "exec:///bin/sh"\naccount = {json.dumps(hostile(mark))}\n'
    stranger.policy.write_text(head + lines + tail.partition("\n")[2])
    stranger.ok("init", "--terminal", "stranger")
    printed = stranger.folder / "sheets-1"
    stranger.ok("split", stranger.policy, "--credential-from", "-", "--out", printed, stdin=STRANGE.reveal())
    assert not mark.exists(), "the stranger's own terminal is a shell's victim, too"
    codes = {text for found in texts_on_paper(printed).values() for text in found}
    blank.brought.write_text("\n".join(sorted(codes)) + "\n")
    everything(blank)
    given = ("--target", "exec:///bin/sh")
    done = blank.noted("rotate", NAME, "--typed", blank.brought, "--out", blank.folder / "out", *given)
    assert (done.exit, "only an adopted policy may name one" in done.err) == (3, True), done.err
    assert not mark.exists()


@pytest.mark.parametrize("command", ["recombine", "rotate"])
@pytest.mark.parametrize("uri", ["exec:///bin/sh", "Exec:///bin/sh"])
def test_a_program_is_named_by_a_policy_only_also_where_people_give_it(blank: Blank, command: str, uri: str) -> None:
    blank.bring(NAME, Credential(STRANGE, target="exec:///bin/sh"))
    assert blank.opened("--exec", "true").exit == 7
    before = blank.kinds()
    out = ("--out", blank.folder / "out", "--target", uri, "--typed", blank.brought)
    words = [NAME, *DECLARATION, "--exec", "true"] if command == "recombine" else [NAME]
    done = blank.noted(command, words[0], *out, *words[1:])
    assert done.exit == 3, done.err
    assert [kind for kind in blank.kinds()[len(before) :] if kind != "refused"] == []


@pytest.mark.parametrize("account", ["-oProxyCommand=touch", "--help", "a\nb", "a\x00b", "\x1b[2J"])
def test_an_account_on_the_sheets_is_no_option_and_one_line(blank: Blank, account: str) -> None:
    """People gave the target, and the account is left to the sheets: it is held to what an account may be."""
    uri = "kerberos://127.0.0.1:1/EXAMPLE.NET"
    blank.bring(NAME, Credential(STRANGE, account=account, target=uri))
    done = blank.opened("--no-reveal", "--target", uri)
    assert done.exit == 7, done.err
    assert "no login: the account on the sheets" in done.err
    assert bodies(blank) == []


def test_people_type_the_target_beside_what_the_sheets_say(
    blank: Blank, tmp_path: Path, need: Callable[[str], str]
) -> None:
    need("ssh-keygen")
    key = tmp_path / "key"
    make_key(key, STRANGE)
    blank.bring(NAME, Credential(STRANGE, account="", target=f"ssh-key://{key}"))
    at = blank.people("recombine", *DECLARATION, "--typed", blank.brought, "--no-reveal")
    at.until(f"target on the sheets   ssh-key://{key}")
    at.until("Type the URI of the target yourselves")
    assert blank.connectors == []
    at.type(f"ssh-key://{key}")
    at.answer("Account there", "")
    at.until("login by the connector: accepted")
    at.answer("Where do the new sheets go?", "later")
    assert at.end() == 7, at.seen
    (named,) = bodies(blank)
    assert (named.target, named.agrees) == (f"ssh-key://{key}", True)


def test_a_target_that_differs_is_said_and_typed_twice(
    blank: Blank, tmp_path: Path, need: Callable[[str], str]
) -> None:
    need("ssh-keygen")
    key = tmp_path / "key"
    make_key(key, STRANGE)
    blank.bring(NAME, Credential(STRANGE, account="root", target="postgresql://elsewhere/db"))
    at = blank.people("recombine", *DECLARATION, "--typed", blank.brought, "--no-reveal")
    for uri, account, words in (
        ("telnet://x", "", "no connector for telnet"),
        ("exec:///bin/sh", "", "only an adopted policy may name one"),
        (f"ssh-key://{key}", "-", "this is not what the sheets say; type it once more to go on with it"),
        (f"ssh-key://{key}", "-", "login by the connector: accepted"),
    ):
        at.answer("Type the URI of the target yourselves", uri)
        at.answer("Account there", account)
        at.until(words)
    at.answer("Where do the new sheets go?", "later")
    assert at.end() == 7, at.seen
    (named,) = bodies(blank)
    assert (named.target, named.account, named.agrees) == (f"ssh-key://{key}", "", False)
    assert [target for target in blank.connectors if "postgresql" in target] == []


def test_people_who_name_none_change_it_themselves(blank: Blank) -> None:
    blank.bring(NAME, Credential(STRANGE, account="root", target="exec:///bin/sh"))
    at = blank.people("recombine", *DECLARATION, "--typed", blank.brought, "--no-reveal")
    at.answer("Type the URI of the target yourselves", "")
    at.until("login by the connector: unknown")
    at.answer("When the use is over, type what it was", "emergency")
    at.answer("Where do the new sheets go?", "later")
    assert at.end() == 7, at.seen
    assert (blank.connectors, bodies(blank)) == ([], [])


def test_a_rotation_at_a_terminal_asks_where_it_goes(blank: Blank, tmp_path: Path, need: Callable[[str], str]) -> None:
    need("ssh-keygen")
    key, back = tmp_path / "key", tmp_path / "back"
    make_key(key, STRANGE)
    back.mkdir()
    blank.bring(NAME, Credential(STRANGE, target="exec:///bin/sh"))
    assert blank.opened("--exec", "true").exit == 7
    out = ("--out", tmp_path / "out", "--readback", back, "--timeout", "60", "--ack", "1", "--ack", "2")
    with office(tmp_path / "out", back, 3):
        who = ("--reason", "the lost terminal", "--officer", "Olga", "--officer", "Oskar")
        at = blank.people("rotate", NAME, "--typed", blank.brought, *who, *out)
        for _ in range(2):
            at.answer("Type the URI of the target yourselves", f"ssh-key://{key}")
            at.answer("Account there", "")
        at.answer("Does the custodian hold the new sheet 1.3?", "n")
        at.until("rotated: the old credential is dead")
    assert at.end() == 0, at.seen
    assert not opens(key, STRANGE)
    assert [target for target in blank.connectors if not target.startswith("ssh-key:")] == []
    assert bodies(blank)[0].target == f"ssh-key://{key}"
    shown = at.seen + blank.run("status").out + blank.run("audit", "list").out + blank.run("--json", "status").out
    for printed in (tmp_path / "out").iterdir():
        document = pypdfium2.PdfDocument(printed)
        shown += "".join(page.get_textpage().get_text_range() for page in document)
    assert "keeper of sheet" not in shown


def test_a_given_target_that_differs_is_said_and_recorded(
    blank: Blank, tmp_path: Path, need: Callable[[str], str]
) -> None:
    need("ssh-keygen")
    key = tmp_path / "key"
    make_key(key, STRANGE)
    blank.bring(NAME, Credential(STRANGE, account="root", target="exec:///bin/sh"))
    done = blank.opened("--no-reveal", "--target", f"ssh-key://{key}")
    assert "the sheets are for exec:///bin/sh (account root); as it was given" in done.err
    assert "login by the connector: accepted" in done.err
    (named,) = bodies(blank)
    assert not named.agrees


def test_an_account_of_the_sheets_names_no_realm(blank: Blank) -> None:
    """Of a realm that the settings do not have libkrb5 asks the name service, and so whoever owns that name."""
    log = blank.folder / "programs"
    script = blank.folder / "noting.py"
    script.write_text(
        "from pathlib import Path\n"
        "from breakglass_shamir.connectors.kerberos import tools\n"
        "def noted(site, command, lines, time_limit_s):\n"
        f"    with Path({str(log)!r}).open('a') as file:\n"
        "        print(*command, file=file)\n"
        "    return tools.Run(1, '', 'kinit: Preauthentication failed while getting initial credentials')\n"
        "tools.run = noted\n"
        "tools.missing = lambda *programs: ()\n"
        "from breakglass_shamir.cli.program import main\n"
        "main()\n"
    )
    blank.bring(NAME, Credential(STRANGE, account="bg@EVIL.EXAMPLE", target="kerberos:///EVIL.EXAMPLE"))
    done = blank.opened("--no-reveal", "--target", "kerberos:///EXAMPLE.COM")
    assert not log.exists(), log.read_text()
    assert "expected one of EXAMPLE.COM" in done.err
    (debt,) = blank.debts()
    done = blank.opened("--no-reveal", "--target", "kerberos:///EXAMPLE.COM", "--account", "bg", "--debt", debt)
    assert log.exists(), done.err
    assert "bg@EXAMPLE.COM" in log.read_text()


def test_a_policy_alone_says_where_the_credential_goes(life: Life) -> None:  # noqa: F811 - a fixture
    """An option names no other target than the adopted policy, and none of another kind of sheet counts."""
    before = life.kinds()
    done = life.recombine("--no-reveal", "--target", "ssh-key:///srv/other")
    assert (done.exit, "names its target" in done.err) == (2, True)
    assert life.kinds() == before
    assert life.recombine("--no-reveal", "--target", f"ssh-key://{life.key}").exit == 7


def test_the_account_of_the_sheets_is_not_taken_where_the_policy_names_none(life: Life) -> None:  # noqa: F811 - a fixture
    """Sheets of a known set that an override let in bring an account; the policy's target gets none."""
    typed = life.folder / "typed"
    typed.write_text(paper(KNOWN, Credential(STRANGE, account="$(touch x)", target="exec:///bin/sh"), epoch=7))
    seen = life.folder / "accounts"
    script = life.folder / "noting.py"
    script.write_text(
        "from pathlib import Path\n"
        "from breakglass_shamir.connectors.port.base import Connector\n"
        "made = Connector.__init__\n"
        "def noted(self, target, account='', **more):\n"
        f"    Path({str(seen)!r}).open('a').write(f'{{target}} {{account}}\\n')\n"
        "    made(self, target, account, **more)\n"
        "Connector.__init__ = noted\n"
        "from breakglass_shamir.cli.program import main\n"
        "main()\n"
    )
    passed = ("--override", "epoch", "--override-reason", "the ledger is an old copy", "--no-reveal")
    done = life.script(script, "recombine", KNOWN, *DECLARATION, "--typed", typed, *passed)
    assert done.exit == 7, done.err
    assert set(seen.read_text().splitlines()) == {f"ssh-key://{life.key} "}


def test_a_lost_terminal_s_set_is_rotated_at_the_target_that_people_give(life: Life) -> None:  # noqa: F811 - a fixture
    shutil.rmtree(life.home)
    given = ("--target", f"ssh-key://{life.key}")
    done = life.rotated("recombine", *DECLARATION, "--scan", life.scans(1), *given, last=("--exec", "true"))
    assert done.exit == 0, done.err
    assert not opens(life.key, life.secret)


def bodies(blank: Blank) -> list[TargetNamed]:
    return [entry.record.body for entry in blank.entries() if isinstance(entry.record.body, TargetNamed)]
