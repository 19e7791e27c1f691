# SPDX-License-Identifier: Apache-2.0
"""What is installed is what is kept: the wheel holds every file of the package, and works where nothing else is.

The wheel is built in this process, without a network; the package is looked at as it lies on disk where there is no
git.
"""

import email
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PACKAGE = "breakglass_shamir"

USE = """
import sys
from pathlib import Path
import breakglass_shamir
from breakglass_shamir.operations.audit import report, report_view
from breakglass_shamir.operations.kit import documents
from breakglass_shamir.paper.drawing import typeface
here = Path(breakglass_shamir.__file__).parents[1]
assert here == Path(sys.argv[1]), here
page = report_view.page(report._NOTHING, report_view.Verdict("none", None), {}, made="2026-01-01", software="x")
print(len("".join(report.render(page))) > 10000, [typeface.register(face) for face in typeface._FILES] != [])
print(sorted({name.split("/")[0] for name in documents.read()}))
"""
"""Needs every template, font and document, and finds them beside itself."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from hatchling import build

    out = tmp_path_factory.mktemp("wheel")
    before = Path.cwd()
    os.chdir(REPOSITORY)
    try:
        return out / build.build_wheel(str(out))
    finally:
        os.chdir(before)


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


CARRIED = {
    PACKAGE: PACKAGE,
    "docs/spec": f"{PACKAGE}/standalone/documents/spec",
    "docs/runbooks": f"{PACKAGE}/standalone/documents/runbooks",
}
"""Folders of the source to where a wheel has them: the package, and what a kit needs of the documents."""


def kept(need: Callable[[str], str]) -> dict[str, Path]:
    """Return the files of these folders as git lists them, new ones too, by where a wheel has them."""
    return {
        f"{there}{file.removeprefix(here)}": REPOSITORY / file
        for here, there in CARRIED.items()
        for file in _files(here, need)
    }


def _files(folder: str, need: Callable[[str], str]) -> set[str]:
    if (REPOSITORY / ".git").exists():
        command = [need("git"), "ls-files", "--cached", "--others", "--exclude-standard", folder]
        listed = subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout
        return {line for line in listed.splitlines() if (REPOSITORY / line).exists()}
    files = (path for path in (REPOSITORY / folder).rglob("*") if path.is_file())
    return {str(path.relative_to(REPOSITORY)) for path in files if "__pycache__" not in path.parts}


def test_every_file_of_the_package_is_in_the_wheel_and_no_other(
    wheel: Path, names: set[str], need: Callable[[str], str]
) -> None:
    of_package = {name for name in names if ".dist-info/" not in name}
    files = kept(need)
    assert of_package == set(files)
    with zipfile.ZipFile(wheel) as archive:
        assert [name for name, path in files.items() if archive.read(name) != path.read_bytes()] == []
    for suffix in (".html", ".css", ".ttf", ".sh", "-OFL.txt", "-LICENSE.txt"):
        assert any(name.endswith(suffix) for name in of_package), suffix
    assert {f"{PACKAGE}/standalone/recover.py", f"{PACKAGE}/standalone/recover.html"} <= of_package
    assert f"{PACKAGE}/py.typed" in of_package, "without it no type checker looks at the package (PEP 561)"


def test_what_is_run_as_a_program_stays_one(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        runnable = {one.filename for one in archive.infolist() if one.external_attr >> 16 & 0o111}
    assert f"{PACKAGE}/connectors/ssh/askpass.sh" in runnable


def test_the_license_the_readme_and_the_command_are_in_its_metadata(wheel: Path, names: set[str]) -> None:
    from breakglass_shamir import __version__

    info = f"{PACKAGE}-{__version__}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        metadata = email.message_from_bytes(archive.read(f"{info}/METADATA"))
        entry_points = archive.read(f"{info}/entry_points.txt").decode()
        assert archive.read(f"{info}/licenses/LICENSE") == (REPOSITORY / "LICENSE").read_bytes()
    assert (metadata["Version"], metadata["License-File"]) == (__version__, "LICENSE")
    assert (REPOSITORY / "README.md").read_text().strip() in str(metadata.get_payload())
    assert "breakglass = breakglass_shamir.cli.program:main" in entry_points
    assert {name for name in names if name.startswith(info)} == {
        f"{info}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")
    }


def test_what_was_installed_finds_its_templates_and_fonts_and_recover_runs_alone(wheel: Path, tmp_path: Path) -> None:
    installed = tmp_path / "site"
    shutil.unpack_archive(wheel, installed, "zip")
    done = subprocess.run(
        [sys.executable, "-c", USE, str(installed)], capture_output=True, text=True, check=False, cwd=tmp_path,
        env={"PYTHONPATH": str(installed)},
    )  # fmt: skip
    assert (done.stdout.splitlines(), done.returncode) == (["True True", "['runbooks', 'spec']"], 0), done.stderr
    recover = installed / PACKAGE / "standalone" / "recover.py"
    alone = subprocess.run([sys.executable, "-I", "-S", recover, "--help"], capture_output=True, check=True)
    assert b"usage" in alone.stdout.lower()
