# SPDX-License-Identifier: Apache-2.0
"""What is made elsewhere is on record by its public id before anybody can use it.

A certificate is live from the moment in which its authority signed it, and no authority can be asked to sign it after
its sheets are printed. So whoever has a rotation done lends the connector a place to write down what was made, and
tells it what was made before and never came on paper.

Rule: a public id names a credential and opens nothing: a serial number, a fingerprint.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from breakglass_shamir.hygiene import Secret


@dataclass(frozen=True, slots=True)
class Making:
    """Lent to a connector for one rotation.

    Attributes:
        left: public ids of what earlier runs made and no sheet of this set opens; the connector takes them back.
        made: records what was made, by its public id, and when it ends; raises where it cannot be recorded.
        taken_back: records that something of ``left`` opens nothing any more.
        seal: encrypts what has to wait on a disk, so that only a quorum of the sheets in force can read it.
        unseal: decrypts it; raises DecryptionFailed where it was sealed under other sheets.
        given_up: those of ``left`` that are on sheets which were given up: what is on them is put in force no more.
    """

    left: tuple[str, ...]
    made: Callable[[str, datetime], None]
    taken_back: Callable[[str], None]
    seal: Callable[[Secret], bytes]
    unseal: Callable[[bytes], Secret]
    given_up: tuple[str, ...] = ()
