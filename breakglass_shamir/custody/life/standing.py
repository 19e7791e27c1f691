# SPDX-License-Identifier: Apache-2.0
"""What is known of an epoch's place in its set's lineage: superseded, outlived, or perhaps alive. Pure questions.

Rules:

1. *Superseded* is an epoch with a proven link to another one. It is never in force again.
2. *Outlived* is an epoch of which the target accepted a descendant, as this terminal saw, while nothing proves that its
   own credential died. It is opened in the same way, by override, and stays owed what it owes.
3. An envelope that names a predecessor is a claim: anybody can print one. A claim alone supersedes nothing.
4. Lineage orders epochs: the ids that envelopes name, never numbers and never clocks.

What a record changes is in ``lineage_rules.py``; whether foreign records prove a link, in ``lineage.py``.
"""

from collections.abc import Iterator

from breakglass_shamir.custody.life.gates import SUPERSEDED, Problem
from breakglass_shamir.custody.life.link import Link
from breakglass_shamir.custody.life.state import EpochState, EpochStatus, SetState
from breakglass_shamir.formats import text


def links_from(s: SetState, epoch_id: str) -> tuple[Link, ...]:
    """Return the links from an epoch to what is known to have followed it."""
    return tuple(link for link in s.links if link.predecessor == epoch_id)


def is_superseded(s: SetState, epoch_id: str) -> bool:
    """Tell whether an epoch is known to have a proven successor."""
    return any(link.proven for link in links_from(s, epoch_id))


def is_past(s: SetState, epoch_id: str) -> bool:
    """Tell whether an epoch is superseded, or outlived and not in force: only an override opens it."""
    epoch = s.epochs.get(epoch_id)
    if epoch is None or epoch_id == s.current:
        return False
    return is_superseded(s, epoch_id) or bool(epoch.outlived_by and epoch.status is EpochStatus.GOOD)


def ancestors(s: SetState, epoch_id: str) -> Iterator[EpochState]:
    """Yield the epochs before one, as far as envelopes name epochs that this ledger knows, the latest first."""
    seen = {epoch_id}
    epoch = s.epochs.get(epoch_id)
    while epoch is not None and epoch.predecessor not in seen:
        seen.add(epoch.predecessor)
        epoch = s.epochs.get(epoch.predecessor)
        if epoch is not None:
            yield epoch


def claimants(s: SetState, epoch_id: str) -> tuple[EpochState, ...]:
    """Return the epochs whose envelopes name one as their predecessor, proven or not."""
    return tuple(one for one in s.epochs.values() if one.predecessor == epoch_id)


def latest(s: SetState, epoch_id: str) -> str:
    """Follow proven links from an epoch to the last one; of two successors the one that was learned first."""
    seen = set[str]()
    while epoch_id not in seen:
        seen.add(epoch_id)
        epoch_id = next((link.successor for link in links_from(s, epoch_id) if link.proven), epoch_id)
    return epoch_id


def problem(s: SetState, epoch_id: str, purpose: str) -> Problem | None:
    """Return what stands against opening an epoch that is past; None where it is not.

    Nor is there where an override opened it, and a rotation goes on from it that pays what that owes.

    Args:
        s: the set.
        epoch_id: of the quorum.
        purpose: of the opening.
    """
    if not is_past(s, epoch_id) or (purpose == "rotation" and s.forking == epoch_id):
        return None
    return Problem(SUPERSEDED, why_past(s, epoch_id))


def why_past(s: SetState, epoch_id: str) -> str:
    """Say why an epoch is superseded or outlived, and what is known of it; empty where it is neither."""
    epoch = s.epochs[epoch_id]
    name = f"epoch {epoch.number} of {s.name}"
    proven = [link for link in links_from(s, epoch_id) if link.proven]
    if proven:
        return f"{name} is superseded: " + "; ".join(_followed(s, link) for link in proven)
    if is_past(s, epoch_id):
        other = s.epochs[epoch.outlived_by]
        return (
            f"{name} is outlived: the target accepted epoch {other.number}, which descends from it; "
            "no proof says when this one died"
        )
    return ""


def named(s: SetState, epoch_id: str) -> str:
    """Name an epoch by number and short id; one that is not known by its id alone."""
    epoch = s.epochs.get(epoch_id)
    short = text.short_id(bytes.fromhex(epoch_id))
    return f"epoch {epoch.number} ({short})" if epoch else f"an epoch not known here ({short})"


def _followed(s: SetState, link: Link) -> str:
    who = f"as the terminal of log {link.terminal} proved" if link.terminal else "as was proven here"
    return f"{named(s, link.successor)} followed it, {who}, {link.at}"
