# SPDX-License-Identifier: Apache-2.0
"""Write the public surface as it is now, to be looked at and committed: python -m tests.public_api"""

from pathlib import Path

from tests.public_api import surface

Path(__file__).with_name("surface.txt").write_text(surface.text(), encoding="utf-8")
