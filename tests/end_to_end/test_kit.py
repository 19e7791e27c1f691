# SPDX-License-Identifier: Apache-2.0
"""The kit beside the safe: made from the demonstration's home, checked by programs that are not ours, and opened with.

What its README.txt tells people to type is taken from there and typed.
"""

import hashlib
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pypdfium2
import pytest

from breakglass_shamir.crypto import sshsig
from breakglass_shamir.errors import FileExists, InvalidInput, LedgerUnwritable, WheelhouseError
from breakglass_shamir.ledger import durable, home
from breakglass_shamir.ledger.store import Ledger
from breakglass_shamir.operations.kit import documents, making
from breakglass_shamir.version import __version__
from tests.attacks import wheelhouses
from tests.attacks.stage import Glass
from tests.browsers.chromium import Chromium
from tests.browsers.test_page_opening import give_back, save, say_why
from tests.end_to_end.life import (
    NAME,
    PROGRAM,
    Life,
    live_sheets,
    opens,
    scan_folder,
    secrets_on_paper,
    texts_on_paper,
)

REPOSITORY = Path(__file__).parents[2]
INSTALL_LIMIT_S = 300

NAME_OF_WAY = ("python3 -m venv ~", "--without-pip")
"""What each way to install begins with."""


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the demonstration leaves: a home, and the sheets of its second epoch."""
    kept = tmp_path_factory.mktemp("demo") / "kept"
    life = Life(kept.parent)
    done = subprocess.run([PROGRAM, "demo", "--keep", kept], capture_output=True, env=life.environment(), check=False)
    assert done.returncode == 0, done.stderr.decode()
    return kept


@pytest.fixture(scope="session")
def made(demo: Path, wheelhouse: Path) -> Path:
    """A kit of the demonstration's home, with real wheels."""
    out = demo.parent / "kit"
    life = Life(demo)
    life.ok("kit", "--out", out, "--wheelhouse", wheelhouse)
    return out


@pytest.fixture
def kit(made: Path, tmp_path: Path) -> Path:
    """A copy of the kit, to be changed."""
    return Path(shutil.copytree(made, tmp_path / "kit"))


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A wheelhouse in small."""
    return wheelhouses.write(tmp_path / "house")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with home.create(tmp_path / "home", "a terminal") as opened:
        yield opened


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def commands(kit: Path, section: str) -> list[str]:
    """Return what a section of README.txt tells people to type."""
    text = (kit / "README.txt").read_text(encoding="ascii")
    told = re.search(rf"^{section}.*?\n\n(.*?)(?:\n\n\n|\Z)", text, re.M | re.S)
    assert told, section
    return [
        re.sub(r"\n {6}", "\n", found[1])
        for found in re.finditer(r"^ {4}\$ (.+?)$(?=\n\n|\n {4}\$|\Z)", told[1], re.M | re.S)
    ]


def typed(kit: Path, command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Type a command in the kit's folder."""
    place = folder / "bin"
    place.mkdir(exist_ok=True)
    (place / "python3").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    (place / "python3").chmod(0o755)
    env = {
        "PATH": f"{place}:/usr/bin:/bin", "HOME": str(folder), "PIP_CONFIG_FILE": os.devnull, "LC_ALL": "C.UTF-8",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }  # fmt: skip
    return subprocess.run(
        ["sh", "-c", command], cwd=kit, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=INSTALL_LIMIT_S, check=False,
    )  # fmt: skip


# --- what is in it ---------------------------------------------------------------------------------------


def test_it_holds_what_must_lie_beside_the_safe(kit: Path) -> None:
    found = files(kit)
    for folder in documents.FOLDERS:
        here = {name: data for name, data in found.items() if name.startswith(f"{folder}/")}
        there = {f"{folder}/{path.name}": path.read_bytes() for path in (REPOSITORY / "docs" / folder).glob("*.md")}
        assert here == there
    assert {name.removeprefix("runbooks/").removesuffix(".md") for name in found if name.startswith("runbooks/")} == {
        "terminal-dead", "sheet-damaged", "custodian-unreachable", "quorum-lost", "nothing-installs", "alert-received",
    }  # fmt: skip
    assert f"wheels/breakglass_shamir-{__version__}-py3-none-any.whl" in found
    folders = ("spec/", "runbooks/", "wheels/")
    assert {name for name in found if not name.startswith(folders)} == {
        "README.txt", "SHA256SUMS", "SHA256SUMS.sig", "allowed_signers", "recover.html", "recover.py", "terminal.pub",
    }  # fmt: skip
    text = found["README.txt"].decode("ascii")
    assert max(map(len, text.splitlines())) <= 80
    for name in set(found) - {"README.txt"}:
        assert name in text or f"{name.split('/', maxsplit=1)[0]}/" in text


def test_the_sheets_print_the_digests_of_its_recovery_files(kit: Path, demo: Path) -> None:
    for sheet in live_sheets(demo / "sheets-2"):
        document = pypdfium2.PdfDocument(sheet)
        printed = "".join("".join(page.get_textpage().get_text_range().split()) for page in document)
        document.close()
        for name in ("recover.py", "recover.html"):
            digest = hashlib.sha256((kit / name).read_bytes()).hexdigest()
            assert digest in printed
            assert digest in (kit / "README.txt").read_text()


def test_a_stick_takes_every_name(kit: Path) -> None:
    """FAT: no link, no two names that differ in capital letters alone, none of a device, nothing odd."""
    names = [path.relative_to(kit) for path in kit.rglob("*")]
    assert len({str(name).lower() for name in names}) == len(names)
    for name in names:
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*[A-Za-z0-9]", name.name), name
        assert len(name.name) <= 200
        assert not (kit / name).is_symlink()


def test_it_tells_nothing_of_the_set_or_the_people(life: Life, house: Path) -> None:
    source = life.policy.read_text().replace(
        "belongs_to", 'kit = "red cabinet at the reception"\nreport_to = "+00 000 555 0100"\nbelongs_to'
    )
    life.policy.write_text(source)
    adopted = life.run("policy", "adopt", life.policy)
    assert adopted.exit in (0, 3), adopted.err
    life.ok("kit", "--out", life.folder / "kit", "--wheelhouse", house)
    found = files(life.folder / "kit")
    own = {name: data for name, data in found.items() if not name.startswith(("wheels/", "spec/", "runbooks/"))}
    seed = (life.home / "terminal-key.pem").read_bytes().splitlines()[1]
    told = [
        b"terminal one", b"red cabinet", b"555 0100", b"Example Ltd", b"North", b"South", b"envelope B", seed,
        life.secret.reveal(), str(life.folder).encode(),
    ]  # fmt: skip
    assert [
        words for words in told for name, data in found.items() if words in data and not name.endswith(".whl")
    ] == []
    assert not [name for name, data in own.items() if NAME.encode() in data]


def test_it_is_not_recorded(life: Life, house: Path) -> None:
    before = life.kinds()
    life.ok("kit", "--out", life.folder / "kit", "--wheelhouse", house)
    assert life.kinds() == before


# --- checked by others -----------------------------------------------------------------------------------


def test_what_readme_tells_people_to_check_holds(kit: Path, tmp_path: Path, need: Callable[[str], str]) -> None:
    need("sha256sum")
    need("ssh-keygen")
    sums, signature, python = commands(kit, "CHECK")
    done = typed(kit, sums, tmp_path)
    assert (done.returncode, done.stdout) == (0, "every file is as it was made\n"), done.stderr
    done = typed(kit, signature, tmp_path)
    assert done.returncode == 0, done.stderr
    fingerprint = sshsig.fingerprint(sshsig.public_of_line((kit / "terminal.pub").read_text()))
    assert done.stdout == (
        f'Good "kit@breakglass-shamir" signature for terminal with ED25519 key {fingerprint}\n'
    )  # what people compare
    done = typed(kit, python, tmp_path)
    lines = done.stdout.splitlines()
    assert [line for line in lines if not line.startswith("True ")] == []
    assert {line.removeprefix("True ") for line in lines} | {"SHA256SUMS", "SHA256SUMS.sig"} == set(files(kit))


def test_each_altered_file_is_seen(kit: Path, tmp_path: Path, need: Callable[[str], str]) -> None:
    need("sha256sum")
    sums, signature, python = commands(kit, "CHECK")
    for name, data in files(kit).items():
        path = kit / name
        path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
        seen = [typed(kit, sums, tmp_path).returncode != 0, typed(kit, signature, tmp_path).returncode != 0]
        assert any(seen), name
        if name not in ("SHA256SUMS", "SHA256SUMS.sig"):
            assert f"False {name}" in typed(kit, python, tmp_path).stdout
        path.write_bytes(data)


def test_new_sums_are_not_signed(kit: Path, tmp_path: Path) -> None:
    _, signature, _ = commands(kit, "CHECK")
    sums = (kit / "SHA256SUMS").read_text()
    (kit / "SHA256SUMS").write_text(sums.replace(sums[:64], "0" * 64))
    assert typed(kit, signature, tmp_path).returncode != 0


def test_an_altered_wheel_is_not_installed(kit: Path, tmp_path: Path) -> None:
    wheel = next((kit / "wheels").glob("reedsolo-*.whl"))
    wheel.write_bytes(wheel.read_bytes() + b"\0")
    make, install, _ = commands(kit, "INSTALL")[:3]
    done = typed(kit, f"{make} && {install}", tmp_path)
    assert done.returncode != 0
    assert "DO NOT MATCH THE HASHES" in done.stderr


# --- opened with -----------------------------------------------------------------------------------------


def apart(need: Callable[[str], str]) -> list[str]:
    """Return what runs a program in a network of its own, in which nothing is; or skip."""
    unshare = need("unshare")
    ways = ([unshare, "-n"], [unshare, "-rn"])
    for way in ways:
        if subprocess.run([*way, "true"], capture_output=True, check=False).returncode == 0:
            return way
    pytest.skip("this machine makes no network namespaces")


@pytest.mark.parametrize("way", [0, 1], ids=["with ensurepip", "without"])
def test_it_installs_without_a_network_and_opens_the_sheets_of_the_demo(
    way: int, made: Path, demo: Path, tmp_path: Path, need: Callable[[str], str]
) -> None:
    told = commands(made, "INSTALL")
    assert len(told) == 6
    assert NAME_OF_WAY[way] in told[3 * way]
    scan_folder(demo / "sheets-2", tmp_path / "scans")
    opened = tmp_path / "opened"
    program = "~/breakglass/bin/breakglass --home ~/spare"
    rest = [
        f"{program} init",
        f"{program} recombine --class idp-outage --ticket INC-1 --reason 'the terminal is dead' "
        f"--officer one --officer two --scan {shlex.quote(str(tmp_path / 'scans'))} "
        f"--exec sh -c 'cat > {shlex.quote(str(opened))}'; test $? = 7",
        f"{program} kit --out ~/again --wheelhouse wheels",
    ]
    alone = "test \"$(grep -c : /proc/net/dev)\" = 1 && grep -q '^ *lo:' /proc/net/dev"
    script = " && ".join([alone, *told[3 * way : 3 * way + 3], *(f"({one})" for one in rest)])
    done = typed(made, shlex.join([*apart(need), "sh", "-c", script]), tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"breakglass {__version__}" in done.stdout
    (secret,) = {one.reveal() for one in secrets_on_paper(demo / "sheets-2")}
    assert opened.read_bytes() == secret
    assert opens(demo / "id_recovery", secrets_on_paper(demo / "sheets-2")[0])
    signed = {"SHA256SUMS", "SHA256SUMS.sig", "allowed_signers", "terminal.pub"}
    ours, theirs = files(made), files(tmp_path / "again")
    assert {name: data for name, data in theirs.items() if name not in signed} == {
        name: data for name, data in ours.items() if name not in signed
    }
    assert all(ours[name] != theirs[name] for name in signed)


def test_its_page_opens_the_sheets_of_the_demo(kit: Path, demo: Path, browser: Chromium) -> None:
    page = kit / "recover.html"
    browser.open(page)
    sheets = list(texts_on_paper(demo / "sheets-2").values())[1:4]
    browser.focus("line")
    for text in dict.fromkeys(text for found in sheets for text in found):
        browser.type(text)
    browser.click("open")
    browser.until("!part('use').hidden")
    say_why(browser, "Olga", "Oskar")
    give_back(browser, save(browser))
    browser.click("reveal")
    browser.until("!part('secret').hidden")
    secret = secrets_on_paper(demo / "sheets-2")[0].reveal().decode()
    assert secret in browser.text("text")
    assert browser.console == []


def test_its_program_begins_with_the_steps(kit: Path) -> None:
    (command,) = commands(kit, "WHAT TO DO FIRST")
    glass = Glass(rows=40)
    process = subprocess.Popen(
        ["sh", "-c", f"exec {command}"], cwd=kit, stdin=glass.theirs, stdout=glass.theirs, stderr=glass.theirs,
        start_new_session=True, env={"PATH": os.environ["PATH"], "TERM": "xterm", "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    try:
        glass.sees("sheet")
        assert "Traceback" not in glass.shown()
    finally:
        process.kill()
        process.wait(timeout=INSTALL_LIMIT_S)
        glass.close()


# --- how it is made --------------------------------------------------------------------------------------


def test_the_same_again_gives_the_same_bytes(ledger: Ledger, house: Path, tmp_path: Path) -> None:
    one, two = (making.make(ledger, tmp_path / name, house) for name in ("one", "two"))
    assert files(tmp_path / "one") == files(tmp_path / "two")
    assert (one.files, one.sums_sha256) == (two.files, two.sums_sha256)
    assert set(one.files) == set(files(tmp_path / "one"))
    assert one.total_bytes == sum(map(len, files(tmp_path / "one").values()))
    assert one.recovery == {name: hashlib.sha256(data).hexdigest() for name, data in wheelhouses.RECOVERY.items()}


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077, 0o777])
def test_everybody_may_read_it_whatever_the_umask_is(ledger: Ledger, house: Path, tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        making.make(ledger, tmp_path / "kit", house)
    finally:
        os.umask(before)
    for path in [tmp_path / "kit", *(tmp_path / "kit").rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o755 if path.is_dir() else 0o644), path


def test_a_file_system_without_modes_takes_it(
    ledger: Ledger, house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(path: Path, mode: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refuses)
    before = os.umask(0o077)
    try:
        assert making.make(ledger, tmp_path / "kit", house).files
    finally:
        os.umask(before)


@pytest.mark.parametrize("step", ["_new_file", "sign", "require_all_found", "sync_folder"])
def test_a_half_of_a_kit_never_has_its_name(
    ledger: Ledger, house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Whatever fails at whatever time: the place is empty, and so is the one beside it."""
    place, calls = tmp_path / "place", 0

    def fails(*_: object) -> None:
        nonlocal calls
        calls += 1
        raise OSError(28, "No space left on device")

    if step == "_new_file":
        monkeypatch.setattr(making, "_new_file", fails)
    elif step == "sign":
        monkeypatch.setattr(Ledger, "sign_kit", fails)
    else:
        monkeypatch.setattr(durable, step, fails)
    place.mkdir()
    (place / "kit").mkdir()
    with pytest.raises(LedgerUnwritable, match="No space left on device"):
        making.make(ledger, place / "kit", house)
    assert calls
    left = [] if step != "sync_folder" else [path.name for path in (place / "kit").iterdir()]
    assert [path.name for path in place.iterdir()] == ["kit"]
    assert [path.name for path in (place / "kit").iterdir()] == left


def test_a_wheel_that_changes_meanwhile_leaves_nothing(
    ledger: Ledger, house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = documents.read

    def meanwhile() -> dict[str, bytes]:
        (house / wheelhouses.NEEDED).write_bytes(wheelhouses.wheel("evil", "1"))
        return real()

    monkeypatch.setattr(documents, "read", meanwhile)
    with pytest.raises(WheelhouseError, match="was altered while it was read"):
        making.make(ledger, tmp_path / "place" / "kit", house)
    assert list((tmp_path / "place").iterdir()) == []


def test_a_place_that_is_none(ledger: Ledger, house: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for place in ("full", "file"):
        with pytest.raises(FileExists, match="has files in it"):
            making.make(ledger, tmp_path / place, house)
    for out in (Path("/"), Path("/proc"), tmp_path / "file" / "kit", tmp_path / ("x" * 300), tmp_path / "a\0b"):
        with pytest.raises((InvalidInput, LedgerUnwritable, FileExists)):
            making.make(ledger, out, house)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "full", "home", "house"]


def test_a_whole_file_system_is_no_place_and_a_folder_on_it_is_named(
    ledger: Ledger, house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing can be renamed onto it; what is named instead can be pasted."""
    stick = tmp_path / "a stick"
    stick.mkdir()
    monkeypatch.setattr(Path, "is_mount", lambda path: path == stick)
    with pytest.raises(InvalidInput, match="is a whole file system") as refused:
        making.make(ledger, stick, house)
    assert shlex.split(refused.value.hint.partition(": ")[2]) == ["--out", str(stick / "kit")]
    assert making.make(ledger, stick / "kit", house).files


def test_a_link_leads_to_the_place(ledger: Ledger, house: Path, tmp_path: Path) -> None:
    (tmp_path / "stick").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "stick")
    making.make(ledger, tmp_path / "link", house)
    assert (tmp_path / "stick" / "README.txt").is_file()
    assert (tmp_path / "link").is_symlink()


def test_without_wheels_it_says_what_to_type(life: Life) -> None:
    done = life.run("kit", "--out", "kit")
    assert done.exit == 6
    assert done.err == (
        "breakglass: there are no wheels at dist/wheelhouse\n"
        "  hint: make them with: make kit-wheels, in the source of this program; elsewhere they are named by "
        "--wheelhouse DIR\n"
    )
    assert not (life.folder / "kit").exists()
    assert life.run("kit").exit == 2
    assert life.run("--home", life.folder / "none", "kit", "--out", "kit").exit != 0


def test_it_tells_a_program_what_it_made(life: Life) -> None:
    wheelhouses.write(life.folder / "dist" / "wheelhouse")
    found = life.ok("--json", "kit", "--out", "kit").document
    assert set(found) == {
        "out", "files", "total_bytes", "wheels", "fits", "recovery", "terminal_key", "sums_sha256",
    }  # fmt: skip
    sums = (life.folder / "kit" / "SHA256SUMS").read_bytes()
    assert found["sums_sha256"] == hashlib.sha256(sums).hexdigest()
    assert found["fits"] == {"python": "CPython 3.11", "system": "Linux x86_64, glibc 2.28 or newer"}
    key = sshsig.fingerprint(sshsig.public_of_line((life.folder / "kit" / "terminal.pub").read_text()))
    assert found["terminal_key"] == key
    shown = life.ok("kit", "--out", "more kits").out
    assert key in shown
    assert "check it with: cd 'more kits' && sha256sum -c --quiet SHA256SUMS" in shown
