# SPDX-License-Identifier: Apache-2.0
"""A use was looked at by somebody who took no part, and debts were settled by who may.

Fields and their meaning: docs/spec/7-records.md. What exactly is signed stands beside each type: a statement that is
made anew from the record, so that nothing in the record can say something else than what was signed.
"""

from collections.abc import Mapping

import rfc8785

from breakglass_shamir.custody.records.body import Body
from breakglass_shamir.errors import InvalidInput

AS_DECLARED, WITH_FINDINGS, MISUSE = "as declared", "with findings", "misuse"
VERDICTS = (AS_DECLARED, WITH_FINDINGS, MISUSE)
"""What a review can come to."""

VERSION = 1
"""Format version of a statement."""


class Reviewed(Body, frozen=True, tag="reviewed"):
    """A reviewer's own SSH key signed what they found."""

    subject: str
    """The opening id, 64 hexadecimal digits; or the id of a debt, where that is about no opening."""

    last: str
    """SHA-256 of the last record that the reviewer looked at, hexadecimal."""

    verdict: str
    """One of ``VERDICTS``."""

    reason: str
    reviewer: str
    """For whom the policy lists the key."""

    key: str
    """The public key: type and base64, without comment."""

    signature: str
    """Armored SSHSIG over :func:`review_statement` in the namespace ``review@breakglass-shamir``."""


class DebtsSettled(Body, frozen=True, tag="debts-settled"):
    """Somebody who may settle debts signed with an own SSH key that these can go."""

    debts: dict[str, str]
    """Id of each debt to the SHA-256 of the record that made it, hexadecimal."""

    reason: str
    officer: str
    """For whom the policy lists the key."""

    key: str
    """The public key: type and base64, without comment."""

    signature: str
    """Armored SSHSIG over :func:`settlement_statement` in the namespace ``settlement@breakglass-shamir``."""


def review_statement(log: str, set_name: str, subject: str, last: str, verdict: str, reason: str) -> bytes:
    """Return the bytes that a reviewer signs: for one log, one set, one subject, and what had happened by then.

    Raises:
        InvalidInput: a text that cannot be written.
    """
    said = {"last": last, "log": log, "reason": reason, "set": set_name, "subject": subject, "verdict": verdict}
    return _dumps({**said, "type": "review", "v": VERSION})


def settlement_statement(log: str, set_name: str, debts: Mapping[str, str], reason: str) -> bytes:
    """Return the bytes that whoever settles debts signs: they hold for these debts of this set in this log.

    Raises:
        InvalidInput: a text that cannot be written.
    """
    said = {"debts": dict(debts), "log": log, "reason": reason, "set": set_name}
    return _dumps({**said, "type": "settlement", "v": VERSION})


def _dumps(fields: Mapping[str, object]) -> bytes:
    try:
        return rfc8785.dumps(dict(fields))  # type: ignore[arg-type]
    except rfc8785.CanonicalizationError as error:
        raise InvalidInput(f"this cannot be signed: {error}") from None
