# SPDX-License-Identifier: Apache-2.0
"""What becomes of a folder when the machine stops, in words for people."""

from pathlib import Path

from breakglass_shamir.ledger import mounts
from breakglass_shamir.ledger.home import KEY_NAME
from breakglass_shamir.ledger.mounts import Kept
from breakglass_shamir.ledger.store import FILE_NAME

_HOMES = {
    Kept.IN_MEMORY: "IN MEMORY ONLY: {} is on no disk. Every record in it is gone when this machine stops: "
    "copy the whole folder to a disk or a stick before that",
    Kept.UNSEEN: "{} is in the layer of a container, which goes when the container is removed and may be in memory: "
    "keep the home on a volume, or copy the whole folder to a disk or a stick before that",
}


def on_memory(folder: Path) -> bool:
    """Tell whether a folder, or where it would be made, is kept in memory and on no disk."""
    return mounts.kept(folder) is Kept.IN_MEMORY


def home_warning(home: Path) -> str:
    """Say that a ledger is where it does not outlive this machine; nothing where it does.

    Each file counts: one may be a link into memory, or mounted from there.
    """
    found = {mounts.kept(home / name) for name in (FILE_NAME, f"{FILE_NAME}-wal", KEY_NAME)}
    return next((text.format(home) for where, text in _HOMES.items() if where in found), "")
