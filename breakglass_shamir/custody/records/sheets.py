# SPDX-License-Identifier: Apache-2.0
"""What happens to sheets between printing and the shredder, and what people wrote down on the way.

Fields and their meaning: docs/spec/7-records.md.
"""

from breakglass_shamir.custody.records.body import Body


class ReadBack(Body, frozen=True, tag="read-back"):
    """Printed sheets were scanned and verified against the envelope."""

    epoch_id: str
    sheets: tuple[str, ...]


class Acknowledged(Body, frozen=True, tag="acknowledged"):
    """A custodian holds the sheet."""

    epoch_id: str
    sheet: str
    custodian: str
    bag: str


class CustodianSigned(Body, frozen=True, tag="custodian-signed"):
    """A custodian's own SSH key signed an ``acknowledged`` record, its exact bytes."""

    epoch_id: str
    sheet: str
    custodian: str
    """For whom the policy lists the key."""

    acknowledged: str
    """SHA-256 of that record, hexadecimal."""

    key: str
    """The public key: type and base64, without comment."""

    signature: str
    """Armored SSHSIG in the namespace ``custodian@breakglass-shamir``."""


class Reassigned(Body, frozen=True, tag="reassigned"):
    """A sheet changed hands; who held it before may know its share for ever."""

    epoch_id: str
    sheet: str
    custodian: str
    """Who keeps it from now on."""
    reason: str
    despite: tuple[str, ...] = ()
    """What stands against it, where it had happened already; empty: nothing does."""


class SheetVoided(Body, frozen=True, tag="sheet-voided"):
    """One sheet is lost or was seen; it counts no more."""

    epoch_id: str
    sheet: str
    reason: str


class Destroyed(Body, frozen=True, tag="destroyed"):
    """Sheets that open nothing any more were destroyed before witnesses."""

    epoch_id: str
    sheets: tuple[str, ...]
    witnesses: tuple[str, ...]


class Noted(Body, frozen=True, tag="noted", omit_defaults=True):
    """A line of a ceremony's protocol, as people wrote it down."""

    text: str
    by: str
    infrastructure_changed: bool = False
    """Whether what the credential is for, or the way to it, has changed, so that drills are due; left out if not."""
