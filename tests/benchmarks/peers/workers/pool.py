# SPDX-License-Identifier: Apache-2.0
"""Page images to the credential with this library, in memory: no home, no record. python pool.py PICTURE..."""

import sys
from pathlib import Path

from breakglass_shamir import Pool, errors, hazmat, read_pages


def main() -> None:
    """Print what the pictures open."""
    pool = Pool()
    for page in read_pages([Path(name).read_bytes() for name in sys.argv[1:]]):
        for code in page.codes:
            pool.add(code.text)
    try:
        with hazmat.open_without_record(pool).secret as secret:
            sys.stdout.buffer.write(secret.reveal())
    except errors.BreakglassError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
