# SPDX-License-Identifier: Apache-2.0
"""Hold a ledger against what its witnesses cosigned, as the home keeps it and as auditors bring it along.

Rules:

1. Whose cosignatures count says the policy that is pinned in the home, or the one that the auditor gives in its place.
2. Every checkpoint that is kept is read, its signatures verified, and its tree held against the ledger.
3. Where the auditor gives a policy, enough of its witnesses must have cosigned one checkpoint: of those in the home, or
   of those that were brought along. Where it is the home's own, it is said how far they have.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from breakglass_shamir.custody.trust_policy import TrustPolicy
from breakglass_shamir.errors import BreakglassError, InvalidSignature, KeyMismatch
from breakglass_shamir.ledger.cosigned import MAX_NOTE_BYTES, Cosigned, WitnessFiles
from breakglass_shamir.ledger.durable import read_plain
from breakglass_shamir.ledger.entry import origin
from breakglass_shamir.ledger.store import Ledger
from breakglass_shamir.operations.audit.witnesses import Asked, Witness, ask
from breakglass_shamir.operations.witnessing import pinning, standing
from breakglass_shamir.operations.witnessing.standing import Witnessed


def hold(ledger: Ledger, policy_file: Path | None, against: Sequence[Path]) -> tuple[list[Asked], Witnessed | None]:
    """Hold a ledger, verified, against what witnesses cosigned of it.

    Args:
        ledger: what was verified.
        policy_file: whose cosignatures count; None: those that the home's own policy names.
        against: files of which some may be checkpoints.

    Returns:
        What each kept checkpoint says, and how far enough witnesses have cosigned; None: none is configured.

    Raises:
        InvalidInput: the policy cannot be read.
        InvalidProof: a kept checkpoint does not hold.
        KeyMismatch: a policy was given, and is for other logs.
        InvalidSignature: a policy was given, and too few of its witnesses cosigned.
    """
    files = WitnessFiles(ledger.path.parent, ledger.public_key)
    policy = pinning.read(policy_file) if policy_file else files.policy()
    if policy is None:
        return [], None
    if policy_file and not policy.is_for(key := pinning.log_key(ledger)):
        raise KeyMismatch(
            f"{policy_file} is for other logs than this one",
            hint=f"compare the keys with those that the terminal's people told you; this log's is: {key}",
        )
    kept = [(files.path_of(one), files.last_of(one)) for one in policy.witnesses]
    kept.append((files.witnessed, files.witnessed_by(policy)))
    asked = [_ask(ledger, path, found) for path, found in kept if found is not None]
    brought = [found for path in against if (found := _cosigned(files, policy, ledger, path)) is not None]
    reached = standing.standing(ledger, policy, brought)
    if policy_file is not None and reached is not None and reached.age_s is None:
        raise InvalidSignature(
            f"no checkpoint here is cosigned by enough of the witnesses that {policy_file} names: {policy.in_words()}",
            hint="ask the operator for witnessed.checkpoint, and name it with --against",
        )
    return asked, reached


def _ask(ledger: Ledger, path: Path, found: Cosigned) -> Asked:
    witness = Witness(str(path.relative_to(ledger.path.parent)), "checkpoint", "", found.checkpoint.size, ledger.log_id)
    return ask(witness, ledger.log_id, partial(standing.hold, ledger, found.checkpoint, "witnesses cosigned"))


def _cosigned(files: WitnessFiles, policy: TrustPolicy, ledger: Ledger, path: Path) -> Cosigned | None:
    """Return a checkpoint of this log that was brought along; None: the file is something else."""
    try:
        note = read_plain(path, MAX_NOTE_BYTES).decode()
    except (OSError, UnicodeDecodeError):
        return None
    if not note.startswith(f"{origin(ledger.public_key)}\n"):
        return None
    try:
        return files.opened(note, policy.witnesses)
    except BreakglassError as error:
        raise type(error)(f"{path}: {error}", hint=error.hint) from error
