# SPDX-License-Identifier: Apache-2.0
"""Make the contract suite of this folder importable by the tests beside it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
