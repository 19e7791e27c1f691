# SPDX-License-Identifier: Apache-2.0
"""What is known of a set whose sheets were only ever typed; how it comes to be known is in ``confirm.py``."""

import msgspec

from breakglass_shamir.formats.core import Core


class ConfirmedCore(msgspec.Struct, frozen=True):
    """A core without proofs that a quorum confirmed; what a ledger knows of a set that was only typed."""

    core: Core
    set_public_key: bytes
    """Derived from the combined master; its hash is the epoch id."""
