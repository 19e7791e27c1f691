# SPDX-License-Identifier: Apache-2.0
"""What a drill showed.

Fields and their meaning: docs/spec/7-records.md.
"""

from breakglass_shamir.custody.records.body import Body


class RollCall(Body, frozen=True, tag="roll-call"):
    """One sheet was looked at, in its custodian's hands or by a scan of it alone; no quorum was there."""

    epoch_id: str
    sheet: str
    custodian: str
    level: str
    """``seal``: nothing was opened; ``live``: the sheet itself was scanned and held against its commitment."""

    bag: str
    """The serial found, or the new bag's where the sheet was scanned; empty: none."""

    health: str
    """``fresh``, ``worn`` or ``replace``; empty where no code was graded."""

    used_percent: int
    """Error-correction budget that damage has used, worst code."""

    result: str
    """``pass``, ``warning`` or ``fail``."""

    reasons: tuple[str, ...]


class Rehearsed(Body, frozen=True, tag="rehearsed"):
    """A quorum of drill cards combined. Also signed by the drill set key, which never counts for a live quorum."""

    epoch_id: str
    """The live epoch whose drill cards they are."""

    sheets: tuple[str, ...]
    live: tuple[str, ...]
    """Live sheets that were among the scans: named, and not used."""

    steps_ms: dict[str, int]
    """Step to milliseconds since the declaration: ``signed``, ``first-scan``, ``quorum``, ``confirmed``, and
    ``alert-acknowledged`` where an alert was."""

    result: str
    reasons: tuple[str, ...]


class DrillEnded(Body, frozen=True, tag="drill-ended"):
    """What a drill showed: an access drill at its end, or a rehearsal that found no quorum."""

    drill: str
    """``rehearsal`` or ``access``."""

    epoch_id: str
    login: str
    """What the target said to the credential; empty where it was not asked."""

    steps_ms: dict[str, int]
    result: str
    reasons: tuple[str, ...]


class LoadDrilled(Body, frozen=True, tag="load-drilled"):
    """Many rehearsals at once, on sets that were thrown away, and how long their steps took. Names no set."""

    policy_digest: str
    """Of the policy that it went by, SHA-256, hexadecimal; no set need have it."""

    target: str
    """Where each rehearsal logged in, a URI; empty: nowhere."""

    terminals: int
    at_once: int
    """Rehearsals that ran at a time, over all terminals."""

    rounds: int
    """How often each was to run."""

    done: int
    """Rehearsals that came to a quorum."""

    failed: int
    """Rehearsals that began and did not."""

    elapsed_ms: int
    steps_ms: dict[str, tuple[int, ...]]
    """Step to the least, percentiles 10, 25, 50, 75, 90, 95, 99, and the most; -1 where so many did not come to it."""

    limits_ms: dict[str, tuple[int, ...]]
    """Step to the limits of the 50th, 95th and 99th percentile; 0: none."""

    alerts: dict[str, tuple[int, ...]]
    """Sink to the events that were made for it, those that it acknowledged, and those that still waited."""

    records: int
    """Records in the ledgers that were thrown away; all were verified, or ``reasons`` says of which not."""

    collected: int
    """How many of them a collector cosigned; -1: no collection was given."""

    result: str
    reasons: tuple[str, ...]
