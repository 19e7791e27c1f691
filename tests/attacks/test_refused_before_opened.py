# SPDX-License-Identifier: Apache-2.0
"""What can be known to be missing is refused before the record of an opening, not asked for after it.

A rotation that records ``opened`` and then stops has used up a quorum's gathering, and leaves a debt.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from breakglass_shamir.custody.credential import Credential
from breakglass_shamir.hygiene import Secret
from tests.attacks.strangers import STRANGE, Blank
from tests.end_to_end.conftest import life, sealed_once  # noqa: F401 - fixtures
from tests.end_to_end.life import CUSTODIANS, DECLARATION, NAME, Done, Life, groups_text, texts_on_paper


def manual(folder: Path, **target: str) -> Life:
    """A sealed set whose credential is changed by people, or as a policy's table says."""
    one = Life(folder)
    one.folder.mkdir()
    one.write_policy()
    table = "".join(f"{key} = {value}\n" for key, value in {"uri": '"manual:console"', **target}.items())
    text = one.policy.read_text()
    head, _, rest = text.partition("[target]\n")
    one.policy.write_text(f"{head}[target]\n{table}\n[quorum]{rest.partition('[quorum]')[2]}")
    one.ok("init", "--terminal", "terminal one")
    one.ok("split", one.policy, "--credential-from", "-", "--out", one.sheets(1), stdin=one.secret.reveal())
    one.scan(1)
    one.ok("confirm", NAME, one.scans(1))
    return one


COMMANDS: dict[str, Callable[[Life], list[str | Path]]] = {
    "rotate": lambda one: ["rotate", NAME, "--scan", one.scans(1)],
    "drill access": lambda one: ["drill", "access", NAME, *DECLARATION, "--scan", one.scans(1)],
    "policy adopt": lambda one: ["policy", "adopt", weaker(one), "--scan", one.scans(1)],
}
"""Commands that open a set for a rotation of it."""


def weaker(one: Life) -> Path:
    """Write a policy that takes the quorum."""
    text = one.policy.read_text()
    file = one.folder / "weaker.toml"
    file.write_text(text.replace('classes = ["idp-outage", "network-outage"]', 'classes = ["idp-outage", "anything"]'))
    return file


def refused(one: Life, command: list[str | Path], *more: str | Path, script: Path | None = None) -> Done:
    """Run a command that must be refused with nothing opened and nothing declared."""
    before = one.kinds()
    done = one.script(script, *command, *more) if script else one.run(*command, *more)
    assert done.exit not in (0, 7, 130), done.err
    assert [kind for kind in one.kinds()[len(before) :] if kind != "refused"] == [], done.err
    return done


@pytest.fixture(scope="module")
def by_people(tmp_path_factory: pytest.TempPathFactory) -> Life:
    return manual(tmp_path_factory.mktemp("manual") / "life")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_target_that_people_change_needs_a_terminal(by_people: Life, command: str) -> None:
    alone = hiding(by_people, "the terminal")
    done = refused(by_people, COMMANDS[command](by_people), "--out", by_people.sheets(2), script=alone)
    assert done.exit == 2
    assert "expected a terminal, got none: people change this target" in done.err
    assert not by_people.sheets(2).exists()


def test_an_emergency_is_told_and_goes_on(tmp_path: Path) -> None:
    one = manual(tmp_path / "life")
    given = ("--scan", one.scans(1), "--out", one.sheets(2), "--exec", "cat")
    done = one.script(hiding(one, "the terminal"), "recombine", NAME, *DECLARATION, *given)
    assert done.exit == 7, done.err
    assert done.out.startswith(one.secret.reveal().decode())
    assert "the new sheets cannot be printed now: expected a terminal" in done.err
    assert one.kinds().count("opened") == 1


@pytest.mark.parametrize("command", ["rotate", "drill access"])
@pytest.mark.parametrize("folder", ["file", "/proc/1/receipts"])
def test_a_place_that_takes_no_receipts_is_seen_first(life: Life, command: str, folder: str) -> None:  # noqa: F811
    (life.folder / "file").write_text("in the way")
    options = ("--out", life.sheets(2), "--receipts", life.folder / folder)
    assert "cannot be used" in refused(life, COMMANDS[command](life), *options).err


def test_an_emergency_is_told_of_receipts_that_nothing_takes_and_goes_on(life: Life) -> None:  # noqa: F811 - a fixture
    done = life.recombine("--no-reveal", "--receipts", life.policy)
    assert done.exit == 7, done.err
    assert done.err.index("no receipt can be written") < done.err.index("recorded before anything is revealed")


def nowhere(one: Life) -> list[str | Path]:
    (one.folder / "file").write_text("in the way")
    return ["--out", one.folder / "file" / "sheets"]


def no_folder(one: Life) -> list[str | Path]:
    return ["--out", Path("/proc/self/sheets")]


def taken(one: Life) -> list[str | Path]:
    one.sheets(2).mkdir()
    (one.sheets(2) / f"{NAME}-e2-g1-m2-drill.pdf").write_text("somebody's")
    return ["--out", one.sheets(2)]


def linked(one: Life) -> list[str | Path]:
    one.sheets(2).mkdir()
    (one.sheets(2) / f"{NAME}-e2-g1-m1.pdf").symlink_to(one.folder / "elsewhere.pdf")
    return ["--out", one.sheets(2)]


PLACES: dict[str, tuple[Callable[[Life], list[str | Path]], str]] = {
    "a file in the way": (nowhere, "cannot be used"),
    "a file system that takes none": (no_folder, "cannot be used"),
    "sheets that are there": (taken, "would be overwritten"),
    "a link of a sheet's name": (linked, "would be overwritten"),
    "a printer that is not there": (lambda _one: ["--printer", "nowhere"], "print"),
    "a readback folder that is none": (lambda one: ["--out", one.sheets(2), "--readback", one.policy], "--readback"),
    "a custodian of no sheet": (lambda one: ["--out", one.sheets(2), "--ack", "1", "--ack", "9"], "1.9"),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_place_that_takes_no_sheets_is_seen_first(life: Life, place: str) -> None:  # noqa: F811 - a fixture
    given, words = PLACES[place]
    options = given(life)
    for command in COMMANDS.values():
        done = refused(life, command(life), *options)
        assert words in done.err
    left = {path.name for path in life.sheets(2).glob("*")} if life.sheets(2).exists() else set()
    assert not any(name.startswith("trial") for name in left)


@pytest.mark.parametrize("command", ["rotate", "drill access"])
def test_a_rotation_without_a_place_does_not_begin(life: Life, command: str) -> None:  # noqa: F811 - a fixture
    done = refused(life, COMMANDS[command](life))
    assert "expected a place for the new sheets" in done.err


HIDDEN = """import sys
{hide}
from breakglass_shamir.cli.program import main
main()
"""

HIDES = {
    "the terminal": "import os\nos.setsid()",
    "the driver": "sys.modules['psycopg'] = None",
    "the decoder": (
        "from breakglass_shamir.paper.reading import decoder\n"
        "decoder._BOOT = 'raise SystemExit(3)'\n"
    ),
    "OpenSSH": (
        "from breakglass_shamir.connectors.ssh import keygen\n"
        "keygen.SYSTEM_PATH = '/nowhere'\n"
    ),
}  # fmt: skip


def hiding(one: Life, what: str) -> Path:
    script = one.folder / "hiding.py"
    script.write_text(HIDDEN.format(hide=HIDES[what]))
    return script


def test_a_driver_that_is_not_installed_is_missed_first(tmp_path: Path) -> None:
    one = manual(tmp_path / "life", uri='"postgresql://127.0.0.1:1/db"', account='"breakglass"')
    done = refused(one, COMMANDS["rotate"](one), "--out", one.sheets(2), script=hiding(one, "the driver"))
    assert "psycopg" in done.err


@pytest.mark.parametrize("command", COMMANDS)
def test_a_program_that_is_not_installed_is_missed_first(life: Life, command: str) -> None:  # noqa: F811 - a fixture
    done = refused(life, COMMANDS[command](life), "--out", life.sheets(2), script=hiding(life, "OpenSSH"))
    assert "ssh-keygen not found" in done.err


def test_a_decoder_that_reads_nothing_is_missed_where_the_sheets_were_typed(life: Life) -> None:  # noqa: F811
    typed = life.folder / "typed"
    typed.write_text("\n".join(sorted({text for found in texts_on_paper(life.sheets(1)).values() for text in found})))
    command: list[str | Path] = ["rotate", NAME, "--typed", typed, "--out", life.sheets(2)]
    done = refused(life, command, script=hiding(life, "the decoder"))
    assert "a sheet for trial" in done.err


def test_a_name_that_no_sheet_can_print_is_seen_first(life: Life) -> None:  # noqa: F811 - a fixture
    other = life.folder / "other.toml"
    other.write_text(life.policy.read_text().replace("Example Ltd, Security", "\u5317\u4eac"))
    life.ok("policy", "adopt", other)
    done = refused(life, COMMANDS["rotate"](life), "--out", life.sheets(2))
    assert "cannot print" in done.err


def test_authorities_that_cannot_be_read_are_seen_first(tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    table = {"uri": '"postgresql://127.0.0.1:1/db"', "account": '"breakglass"'}
    import ssl

    authority.write_text(ssl.DER_cert_to_PEM_cert(b"no certificate, but of its form"))
    one = manual(tmp_path / "life", **table, options=f'{{ ca = "{authority}" }}')
    authority.unlink()
    done = refused(one, COMMANDS["rotate"](one), "--out", one.sheets(2))
    assert "option ca" in done.err


def test_a_credential_that_nobody_can_make_is_asked_for_first(tmp_path: Path) -> None:
    uri = '"postgresql://127.0.0.1:1/db"'
    one = manual(tmp_path / "life", uri=uri, account='"breakglass"', kind='"file"')
    done = refused(one, COMMANDS["rotate"](one), "--out", one.sheets(2))
    assert "expected the new file: nobody here can make one" in done.err
    assert "--new-credential-from FILE" in done.err
    large = one.folder / "large"
    large.write_bytes(b"x" * 5000)
    done = refused(one, COMMANDS["rotate"](one), "--out", one.sheets(2), "--new-credential-from", large)
    assert "at most 4096 bytes" in done.err


def test_a_target_that_nobody_names_is_missed_first(tmp_path: Path) -> None:
    blank = Blank(tmp_path / "blank")
    blank.bring("prod-db", Credential(STRANGE, target="manual:x"))
    out = ("--out", blank.folder / "out", "--typed", blank.brought)
    done = blank.run("rotate", "prod-db", *out)
    assert (done.exit, "--target URI" in done.err) == (3, False), "there is no ledger yet"
    assert blank.opened("--exec", "true").exit == 7
    done = refused(blank, ["rotate", "prod-db", *out])
    assert (done.exit, "--target URI" in done.err) == (2, True)
    alone = hiding(blank, "the terminal")
    done = refused(blank, ["rotate", "prod-db", *out, "--target", "manual:x"], script=alone)
    assert "expected a terminal, got none" in done.err
    done = refused(blank, ["rotate", "prod-db", *out, "--account", "root"])
    assert "expected --target with --account" in done.err


def test_an_attestation_needs_no_terminal(by_people: Life) -> None:
    """Nothing is being applied, so it is refused; not for want of a terminal."""
    done = refused(
        by_people, COMMANDS["rotate"](by_people), "--attest-old-dead", "--officer", "Olga", "--officer", "Oskar"
    )
    assert "nothing is being applied" in done.err


def test_a_generated_credential_is_refused_where_people_change_the_target(tmp_path: Path) -> None:
    """``split --generate`` changes the target last; where nobody here can, nothing is printed for it."""
    one = Life(tmp_path / "life", quorum=groups_text((2, CUSTODIANS[:3])))
    one.folder.mkdir()
    one.write_policy()
    text = one.policy.read_text()
    one.policy.write_text(text.replace(f"ssh-key://{one.key}", "manual:console"))
    one.ok("init", "--terminal", "terminal one")
    done = one.run(
        "split", one.policy, "--generate", "--current-from", "-", "--out", one.sheets(1), stdin=Secret(b"old").reveal()
    )
    assert done.exit == 2, done.err
    assert "people change this target" in done.err
    assert not one.sheets(1).exists()
