# SPDX-License-Identifier: Apache-2.0
"""What files are called while sheets are gathered: by their name, and by their folder too where two have one name."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class Labels:
    """The files that were read; the first of a name keeps it alone."""

    _folders: dict[str, list[Path]] = field(default_factory=dict)
    """Where files of a name lie, in the order in which they came."""

    def of(self, source: str, folder: Path) -> str:
        """Return what a file, or a page of one, is called.

        Args:
            source: its name, and the page.
            folder: where it lies.
        """
        folder = folder.absolute()
        known = self._folders.setdefault(source, [])
        if folder not in known:
            known.append(folder)
        if known[0] == folder:
            return source
        same = [one for one in known if one != folder and one.name == folder.name]
        return f"{source} in {folder if same else folder.name or folder}"
