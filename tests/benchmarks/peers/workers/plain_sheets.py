# SPDX-License-Identifier: Apache-2.0
"""The shortest way to printed sheets: ssss-split, and each of its shares as a QR code and a line on a page of its own.

python plain_sheets.py FOLDER: a secret in hexadecimal on standard input, five PDF files out. With the library's own
dependencies: qrcode and reportlab.
"""

import io
import subprocess
import sys
from pathlib import Path

import qrcode
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas


def main() -> None:
    """Draw them."""
    secret = sys.stdin.read().strip()
    command = ["ssss-split", "-q", "-x", "-t", "3", "-n", "5", "-s", str(4 * len(secret))]
    shares = subprocess.run(command, input=secret + "\n", capture_output=True, text=True, check=True).stdout.split()
    for number, share in enumerate(shares, 1):
        code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_Q)
        code.add_data(share)
        picture = io.BytesIO()
        code.make_image().save(picture)
        canvas = Canvas(str(Path(sys.argv[1]) / f"{number}.pdf"), pagesize=A4)
        canvas.drawImage(ImageReader(picture), 75 * mm, 180 * mm, 60 * mm, 60 * mm)
        canvas.drawString(20 * mm, 160 * mm, share)
        canvas.save()


if __name__ == "__main__":
    main()
