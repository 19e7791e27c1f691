# SPDX-License-Identifier: Apache-2.0
"""Whether a home has witnesses, told without loading what reads what they cosigned."""

import os
from pathlib import Path

FOLDER = "witnesses"
"""In the home: the pinned policy, and what each witness cosigned."""


def is_there(home: Path) -> bool:
    """Tell whether witnesses were ever pinned in a home; a folder that nobody may read counts."""
    return os.path.lexists(home / FOLDER)
