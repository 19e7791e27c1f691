# SPDX-License-Identifier: Apache-2.0
"""A second terminal learns sets before the first night.

Fields and their meaning: docs/spec/7-records.md.
"""

from breakglass_shamir.custody.records.body import Body


class EnrolmentExported(Body, frozen=True, tag="enrolment-exported"):
    """What this terminal knows of some sets was written to a file for another one; public data only."""

    sets: tuple[str, ...]
    size: int
    """Records in this log when the file was made: what its checkpoint covers."""

    sha256: str
    """Of the file, hexadecimal."""


class Enrolled(Body, frozen=True, tag="enrolled"):
    """This terminal learned a set, or news of it, from another one that people pinned by its fingerprint."""

    terminal: str
    """The other one's name, as it says."""

    log: str
    """Id of its log, hexadecimal."""

    size: int
    """Records in its log at the time."""

    statement: str
    """What it says of the set, its exact text."""

    signature: str
    """Armored SSHSIG over it by the other terminal's key, in the namespace ``enrolment@breakglass-shamir``."""

    sha256: str
    """Of the file that brought it, hexadecimal."""

    policy: str
    """``taken``, or ``kept``: the one here, or none, stayed."""

    sinks_tested: tuple[str, ...]
    """Sinks that came with the policy and took a test event."""

    sinks_declined: tuple[str, ...]
    """Sinks that came with it and did not, and were declined by name."""
