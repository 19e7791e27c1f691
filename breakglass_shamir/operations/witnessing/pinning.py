# SPDX-License-Identifier: Apache-2.0
"""Whom a terminal asks: the policy of witnesses is pinned in its home, and replaced by a word only."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from breakglass_shamir.crypto.note import verifier_key
from breakglass_shamir.custody import trust_policy
from breakglass_shamir.custody.trust_policy import TrustPolicy
from breakglass_shamir.errors import InvalidInput, KeyMismatch
from breakglass_shamir.ledger import durable
from breakglass_shamir.ledger.cosigned import WitnessFiles
from breakglass_shamir.ledger.entry import origin
from breakglass_shamir.ledger.unreadable import unreadable

if TYPE_CHECKING:
    from breakglass_shamir.ledger.store import Ledger


@dataclass(frozen=True, slots=True)
class Pinned:
    """Witnesses that a terminal asks from now on (docs/json.md).

    Attributes:
        file: where the policy is kept.
        witnesses: their names.
        needs: how many of them are needed, in words.
        key: the log's verifier key, which the witnesses' people need.
    """

    file: Path
    witnesses: tuple[str, ...]
    needs: str
    key: str


def pin(ledger: "Ledger", path: Path, *, replace: bool) -> Pinned:
    """Pin a policy of witnesses.

    Args:
        ledger: this terminal's.
        path: the file.
        replace: whether it may take the place of another one.

    Raises:
        InvalidInput: it cannot be read, is none, has no witness, or is for other logs.
        KeyMismatch: another one is pinned.
        LedgerUnwritable: it could not be kept.
    """
    policy, key = read(path), log_key(ledger)
    if not policy.witnesses:
        raise InvalidInput(f"{path} names no witness")
    if not policy.is_for(key):
        raise InvalidInput(
            f"{path} is for other logs than this one", hint=f"add a line, or take all lines of logs out: log {key}"
        )
    files = WitnessFiles(ledger.path.parent, ledger.public_key)
    before = None if replace else files.policy()
    if before is not None and before.text != policy.text:
        raise KeyMismatch(
            f"another policy of witnesses is pinned in {files.policy_path}",
            hint="compare the two; where the new one is meant, give --replace",
        )
    files.pin(policy)
    return Pinned(files.policy_path, tuple(one.name for one in policy.witnesses), policy.in_words(), key)


def read(path: Path) -> TrustPolicy:
    """Read a policy of witnesses.

    Raises:
        InvalidInput: it cannot be read, or is none.
    """
    try:
        text = durable.read_plain(path, trust_policy.MAX_BYTES)
    except OSError as error:
        raise unreadable(path, error) from None
    try:
        return trust_policy.parse(text)
    except InvalidInput as error:
        raise InvalidInput(f"{path}: {error}", hint=error.hint) from error


def pinned(ledger: "Ledger") -> tuple[WitnessFiles, TrustPolicy]:
    """Return the files of a home and the policy that is pinned there.

    Raises:
        InvalidInput: none is.
    """
    files = WitnessFiles(ledger.path.parent, ledger.public_key)
    policy = files.policy()
    if policy is None:
        raise InvalidInput(
            "no witness is pinned yet", hint="name them in a file, and pin it: breakglass witness pin FILE"
        )
    return files, policy


def log_key(ledger: "Ledger") -> str:
    """Return the log's verifier key, which witnesses are configured with."""
    return verifier_key(origin(ledger.public_key), ledger.public_key)
