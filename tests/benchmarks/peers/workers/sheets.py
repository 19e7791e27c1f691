# SPDX-License-Identifier: Apache-2.0
"""Sheets with this library and nothing around it: no home, no record, nothing read back.

python sheets.py FOLDER: a secret in hexadecimal on standard input, five PDF files out.
"""

import sys
from datetime import date
from pathlib import Path

from breakglass_shamir import Credential, Group, Secret, Structure, render_sheet, split


def main() -> None:
    """Draw them."""
    credential = Credential(Secret(bytes.fromhex(sys.stdin.read().strip())))
    sealed = split(credential, Structure(1, (Group(3, 5),)), set_name="benchmark")
    for number, share in enumerate(sealed.shares, 1):
        sheet = render_sheet(sealed.envelope, share, printed_on=date(2026, 11, 30), belongs_to="Example Ltd, Security")
        (Path(sys.argv[1]) / f"{number}.pdf").write_bytes(sheet)


if __name__ == "__main__":
    main()
