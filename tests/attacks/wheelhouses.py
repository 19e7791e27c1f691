# SPDX-License-Identifier: Apache-2.0
"""A wheelhouse in small: three wheels of a few bytes that say of themselves what real ones do, and their pins.

Nothing in them can be installed; whoever needs that asks for the fixture ``wheelhouse``.
"""

import hashlib
import io
import zipfile
from pathlib import Path

from breakglass_shamir.operations.kit.wheelhouse import PINS
from breakglass_shamir.operations.printing import recovery_files
from breakglass_shamir.version import __version__

OWN = f"breakglass_shamir-{__version__}-py3-none-any.whl"
NEEDED = "example_codec-2.1-cp311-cp311-manylinux_2_28_x86_64.whl"
INSTALLER = "pip-26.3-py3-none-any.whl"

RECOVERY = {name: recovery_files.content(name) for name in (recovery_files.PROGRAM, recovery_files.PAGE)}
"""The recovery files of this program."""


def wheel(project: str, version: str, *, needs: tuple[str, ...] = (), files: dict[str, bytes] | None = None) -> bytes:
    """Return the bytes of a wheel."""
    headers = [f"Name: {project}", f"Version: {version}", *(f"Requires-Dist: {one}" for one in needs)]
    metadata = "\n".join(["Metadata-Version: 2.4", *headers, "", "Name: what follows is a description"])
    info = f"{project.replace('-', '_')}-{version}.dist-info/METADATA"
    return packed({**(files or {}), info: metadata.encode()})


def packed(files: dict[str, bytes]) -> bytes:
    """Return an archive of files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def own(version: str = __version__, recovery: dict[str, bytes] | None = None) -> bytes:
    """Return a wheel of this program."""
    found = RECOVERY if recovery is None else recovery
    files = {f"breakglass_shamir/standalone/{name}": data for name, data in found.items()}
    needs = ("example-codec>=2", 'psycopg[binary]>=3.2; extra == "postgresql"')
    return wheel("breakglass-shamir", version, needs=needs, files=files)


def whole() -> dict[str, bytes]:
    """Return the wheels of a wheelhouse that can be taken, by file."""
    return {OWN: own(), NEEDED: wheel("example.codec", "2.1"), INSTALLER: wheel("pip", "26.3")}


def pin(file: str, data: bytes) -> str:
    """Return the pin of a wheel, as ``make kit-wheels`` writes it."""
    project, version = file.split("-")[:2]
    return f"{project}=={version} --hash=sha256:{hashlib.sha256(data).hexdigest()}\n"


def write(folder: Path, wheels: dict[str, bytes] | None = None) -> Path:
    """Write a wheelhouse with its pins; returns the folder."""
    folder.mkdir(parents=True)
    found = whole() if wheels is None else wheels
    for file, data in found.items():
        (folder / file).write_bytes(data)
    (folder / PINS).write_text("# as made\n" + "".join(pin(file, data) for file, data in found.items()))
    return folder
