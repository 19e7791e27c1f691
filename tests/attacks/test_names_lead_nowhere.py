# SPDX-License-Identifier: Apache-2.0
"""A set's name from its sheets leads files out of their folder, or passes for another name: it does neither.

An envelope with any name opens. Its files are named by epoch id.
"""

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import breakglass_shamir
from breakglass_shamir.custody import names
from breakglass_shamir.custody.credential import Credential
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.errors import InvalidInput, InvalidPolicy
from breakglass_shamir.formats.envelope import is_set_name
from breakglass_shamir.hygiene import Secret
from tests.attacks.strangers import Blank
from tests.end_to_end.life import Life, make_key, office, passphrase

HOSTILE = (
    "../../x", "/etc/cron.d/x", "..", ".", "-x", "--help", "a/b", "a\\b", "con", "NUL.txt", "COM1", "name.", ".hidden",
    "a b", "rk;id>&2;#", "$(touch x)", "`id`", "'", '"', "%00", "pr\u043ed-db", "\u202fprod", "\u00e9t\u00e9",
    "prod-db\u200b", "\ufeffx", "x" * 64, "\U0001f511", "~root", "*", "?", "CON.prod", "lpt9.a.b",
)  # fmt: skip
"""Names that an envelope may carry, and a new set but one may not."""

POLICY = """name = "{name}"
[target]
uri = "manual:x"
[[quorum.groups]]
threshold = 2
custodians = ["North", "South", "East"]
[declaration]
classes = ["outage"]
"""


@pytest.mark.parametrize("name", HOSTILE)
def test_no_file_gets_its_name_from_it(name: str) -> None:
    assert is_set_name(name)
    folder = Path("/srv/out")
    made = [
        names.sheet(name, "ABCD-EFGH-JKMN", 2, 1, 3), names.drill_card(name, "ABCD-EFGH-JKMN", 2, 1, 3),
        *names.receipts(name, "ABCD-EFGH-JKMN", "0123456789ab", 7, (name, name, "Olga")),
    ]  # fmt: skip
    assert len(set(made)) == len(made)
    for file in made:
        path = names.inside(folder, file)
        assert (path.parent, path.name) == (folder, file)
        assert file.startswith(name if names.is_plain(name) else "epoch-ABCD-EFGH-JKMN")


@given(st.text(max_size=80), st.lists(st.text(max_size=80), max_size=4))
def test_whatever_the_names_are_the_files_are_in_their_folder(name: str, officers: list[str]) -> None:
    folder = Path("out")
    for file in (names.sheet(name, "ID", 1, 1, 1), *names.receipts(name, "ID", "0123", 1, officers)):
        assert names.inside(folder, file).parent == folder


@given(st.text(max_size=300))
def test_a_name_either_stays_in_the_folder_or_is_refused(name: str) -> None:
    folder = Path("/srv/out")
    try:
        path = names.inside(folder, name)
    except InvalidInput:
        return
    assert path.parent == folder
    assert path.name == name
    assert not name.startswith(("-", "."))
    assert len(name.encode()) <= 200


@pytest.mark.parametrize("name", [name for name in HOSTILE if name != "x" * 64])
def test_a_new_set_gets_no_such_name(name: str) -> None:
    source = POLICY.format(name=name.replace("\\", "\\\\").replace('"', '\\"'))
    with pytest.raises(InvalidPolicy, match="name: expected up to 64 letters"):
        policies.parse_new(source, new_set=True)


@pytest.mark.parametrize("name", ["prod-db", "a", "0", "Prod_DB.2", "x" * 64, "console", "nullify"])
def test_a_plain_name_is_taken(name: str) -> None:
    assert policies.parse_new(POLICY.format(name=name), new_set=True).name == name


@pytest.mark.parametrize("name", ["\u00e9t\u00e9", "a;b", "con"])
def test_a_set_that_has_such_a_name_keeps_its_policy(name: str) -> None:
    """A ledger that was begun before the alphabet was narrow is read, and its sets are rotated."""
    assert policies.parse(POLICY.format(name=name)).name == name


def test_split_and_check_refuse_it_at_the_door(fresh_life: Life) -> None:
    fresh_life.write_policy(name="\u00e9t\u00e9")
    for command in (("policy", "check"), ("split",)):
        more = ("--credential-from", "-", "--out", fresh_life.sheets(1)) if command == ("split",) else ()
        done = fresh_life.run(*command, fresh_life.policy, *more, stdin=b"secret")
        assert done.exit == 2, done.err
        assert "name: expected up to 64 letters" in done.err
    assert not fresh_life.sheets(1).exists()


@pytest.mark.parametrize("name", ["../../x", "/x", "-x", "con", "pr\u043ed-db", "x\\..\\y", "a b;$(touch y)"])
def test_sheets_with_such_a_name_open_and_are_rotated_inside_the_folder(name: str, tmp_path: Path) -> None:
    blank, key, secret = Blank(tmp_path / "deep" / "blank"), tmp_path / "key", passphrase()
    make_key(key, secret)
    blank.bring(name, Credential(secret, target=f"ssh-key://{key}"))
    before = everything_below(tmp_path)
    out, receipts = blank.folder / "out", blank.folder / "receipts"
    done = blank.opened("--receipts", receipts, "--exec", "true")
    assert done.exit == 7, done.err
    back = blank.folder / "back"
    back.mkdir()
    rotating: list[str | Path] = ["--out", out, "--readback", back, "--timeout", "60", "--ack", "1", "--ack", "2"]
    with office(out, back, 3):
        given = ("--target", f"ssh-key://{key}", "--receipts", receipts)
        done = blank.noted("rotate", "--typed", blank.brought, *rotating, *given, "--", name)
    assert done.exit == 0, done.err
    made = everything_below(tmp_path) - before
    mine = {path for path in made if path.suffix == ".pdf" or path.name.endswith("tlog-proof")}
    assert {path.parent for path in mine} == {out, receipts}
    assert all(path.name.startswith("epoch-") for path in mine)
    assert len([path for path in mine if path.parent == out]) == 6
    assert {path for path in made if blank.folder not in path.parents} <= {blank.folder}


def everything_below(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def test_a_name_that_reads_like_another_is_said(tmp_path: Path) -> None:
    blank = Blank(tmp_path / "blank")
    blank.bring("pr\u043ed-db", Credential(Secret(b"secret"), target="manual:x"))
    done = blank.opened("--exec", "true")
    assert done.exit == 7, done.err
    assert "pr\\u{43e}d-db" in done.err


def test_a_link_in_the_folder_is_not_followed(fresh_life: Life, tmp_path: Path) -> None:
    """Whoever can write to the folder could have the sheet go through a link of its name."""
    elsewhere = tmp_path / "elsewhere.pdf"
    fresh_life.sheets(1).mkdir()
    (fresh_life.sheets(1) / "recovery-key-e1-g1-m1.pdf").symlink_to(elsewhere)
    done = fresh_life.run(
        "split", fresh_life.policy, "--credential-from", "-", "--out", fresh_life.sheets(1),
        stdin=fresh_life.secret.reveal(),
    )  # fmt: skip
    assert (done.exit, "would be overwritten" in done.err) == (2, True), done.err
    assert not elsewhere.exists()


LOOKERS = {
    "connectors/linux/lockout.py",
    "ledger/durable.py",
    "ledger/home.py",
    "ledger/guarded.py",
    "ledger/standing.py",
    "connectors/port/log_files.py",
    "connectors/port/trusted_file.py",
    "operations/folders.py",
    "operations/policy/loading.py",
}
"""These make no file of such a name: they look at what is there, by names that a folder lists or a policy includes."""


def test_file_names_are_put_together_in_one_module() -> None:
    """Only ``custody/names.py`` builds a name, and only ``inside`` puts one below a folder."""
    package = Path(breakglass_shamir.__file__).parent
    found = []
    for path in package.rglob("*.py"):
        where = path.relative_to(package).as_posix()
        if where in {"custody/names.py", "operations/demo.py", "standalone/recover.py", *LOOKERS}:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and _names_a_file(node.right):
                found.append(f"{where}:{node.lineno}: {ast.unparse(node)}")
    assert found == []


def _names_a_file(node: ast.expr) -> bool:
    """Whether what stands behind a slash is put together there, or is a name from elsewhere."""
    if isinstance(node, ast.JoinedStr):
        return True
    if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("_ASKPASS", "Path(name)"):
        return False  # our own file's, and a last step that was cut off to be read
    word = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return "name" in word.lower() and not word.isupper()


@pytest.fixture
def fresh_life(tmp_path: Path) -> Life:
    life = Life(tmp_path / "life")
    life.begin()
    return life
