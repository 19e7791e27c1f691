# SPDX-License-Identifier: Apache-2.0
"""What may leave a connector: one kind of exception, without a secret in its text or in its chain.

What it does not do: it cannot see a secret that a connector hands out in an answer; the contract suite looks.
"""

from collections.abc import Sequence
from urllib.parse import quote_from_bytes

from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.hygiene import Secret

LEAK_MIN_BYTES = 4
"""Shorter secrets are not searched for in error texts: they would match any text."""


def presentable(step: str, error: Exception, secrets: Sequence[Secret]) -> ConnectorError:
    """Make the error that may leave: the same, one that wraps it, or one that withholds it."""
    text = "\n".join(_chain_text(error))
    if any(form in text for secret in secrets for form in _printed_forms(secret)):
        kind = type(error).__name__
        rejected = isinstance(error, ConnectorError) and error.rejected
        text = f"{step} failed with {kind}, whose text is withheld: it held the credential"
        return ConnectorError(text, rejected=rejected)
    if isinstance(error, ConnectorError):
        return error
    failure = ConnectorError(f"{step} failed: {type(error).__name__}: {error}")
    failure.__cause__ = error
    return failure


def _chain_text(error: BaseException | None) -> list[str]:
    """Return what ``repr`` shows of an error and of everything chained to it, displayed or not."""
    texts: list[str] = []
    pending: list[BaseException | None] = [error]
    seen: set[int] = set()
    while pending:
        one = pending.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        texts.append(f"{one}\n{one!r}\n{vars(one)!r}")
        pending += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]
    return texts


def _printed_forms(secret: Secret) -> set[str]:
    """Return how a secret could look inside a text."""
    if len(secret) < LEAK_MIN_BYTES:
        return set()
    value = secret.reveal()
    plain = value.decode("utf-8", errors="replace")
    return {plain, repr(plain)[1:-1], repr(value)[2:-1], quote_from_bytes(value), value.hex()}
