# SPDX-License-Identifier: Apache-2.0
"""The shortest program that splits or combines with this library, for a comparison of whole processes.

python program.py split: a secret on standard input, the envelope's and the shares' texts out, one a line.
python program.py combine: such lines in, the secret out.
"""

import sys

from breakglass_shamir import Credential, Group, Pool, Secret, Structure, errors, hazmat, split


def main() -> None:
    """Do the one or the other."""
    if sys.argv[1] == "split":
        credential = Credential(Secret(sys.stdin.buffer.read()))
        sealed = split(credential, Structure(1, (Group(3, 5),)), set_name="benchmark")
        print("\n".join([*sealed.envelope.to_codes(), *(share.to_text() for share in sealed.shares)]))
        return
    pool = Pool()
    said = [pool.add(text).message for text in sys.stdin.read().splitlines()]
    try:
        with hazmat.open_without_record(pool).secret as secret:
            sys.stdout.buffer.write(secret.reveal())
    except errors.BreakglassError as error:
        sys.exit("\n".join([*said, str(error)]))


if __name__ == "__main__":
    main()
