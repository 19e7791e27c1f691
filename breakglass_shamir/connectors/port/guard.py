# SPDX-License-Identifier: Apache-2.0
"""What may leave a connector: one kind of exception, and words, without a secret in their text or in their chain.

Rule: what a target says goes into records, alerts and onto a screen, so it is one printable line that is not endless,
whoever wrote it. A text that no record could hold would keep a rotation from ever being recorded.
"""

import base64
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar, cast
from urllib.parse import quote_from_bytes

from breakglass_shamir.connectors.port.answers import Check, Logins, Preflight
from breakglass_shamir.crypto import key_and_certificate
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret

LEAK_MIN_BYTES = 4
"""Shorter secrets are not searched for in error texts: they would match any text."""

WORDS_MAX_CHARS = 1000
"""Longest text of a target that is passed on."""

WITHHELD = "words of the target that are withheld: they held the credential"

_Answer = TypeVar("_Answer")


def plain(answer: _Answer, secrets: Sequence[Secret]) -> _Answer:
    """Return an answer whose words a record may hold; what is none with words is returned as it is."""
    if isinstance(answer, Check):
        return replace(answer, detail=words(answer.detail, secrets))
    if isinstance(answer, Preflight):
        problems, notes, unfit = (
            tuple(words(one, secrets) for one in texts) for texts in (answer.problems, answer.notes, answer.unfit)
        )
        login = plain(answer.login, secrets) if answer.login else None
        return replace(answer, problems=problems, notes=notes, unfit=unfit, login=login)
    if isinstance(answer, Logins):
        return cast(_Answer, Logins(answer, (words(one, secrets) for one in answer.unread)))
    return answer


def words(text: str, secrets: Sequence[Secret]) -> str:
    """Return a target's words in one printable line, shortened; none that hold a secret."""
    if any(form in text for secret in secrets for one in _alone(secret) for form in _printed_forms(one)):
        return WITHHELD
    line = "".join(one if one.isprintable() else " " if one.isspace() else "?" for one in text)
    return line if len(line) <= WORDS_MAX_CHARS else f"{line[:WORDS_MAX_CHARS]}..."


def presentable(step: str, error: Exception, secrets: Sequence[Secret]) -> ConnectorError:
    """Make the error that may leave: the same, one that wraps it, or one that withholds it."""
    text = "\n".join(_chain_text(error))
    if any(form in text for secret in secrets for one in _alone(secret) for form in _printed_forms(one)):
        kind = type(error).__name__
        rejected = isinstance(error, ConnectorError) and error.rejected
        text = f"{step} failed with {kind}, whose text is withheld: it held the credential"
        return ConnectorError(text, rejected=rejected)
    if isinstance(error, ConnectorError) and words(str(error), ()) == str(error):
        return error
    if isinstance(error, ConnectorError):
        failure = ConnectorError(words(str(error), ()), hint=words(error.hint, ()), rejected=error.rejected)
    else:
        failure = ConnectorError(words(f"{step} failed: {type(error).__name__}: {error}", ()))
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


def _alone(secret: Secret) -> Iterator[Secret]:
    """Yield a secret, and what is secret in it where a target is given more: a key before its certificate, a passkey's.

    A text may hold the key and nothing of what was around it.
    """
    yield secret
    key, certificate = key_and_certificate.parted(secret)
    if certificate:
        yield Secret(key.reveal().rstrip())
    if secret.reveal().startswith(b"{"):
        # Imported here: what reads private keys is needed for passkeys alone.
        from breakglass_shamir.formats import passkey

        with suppress(InvalidInput):
            yield passkey.read(secret).private_key


def _printed_forms(secret: Secret) -> set[str]:
    """Return how a secret could look inside a text."""
    if len(secret) < LEAK_MIN_BYTES:
        return set()
    value = secret.reveal()
    read = value.decode("utf-8", errors="backslashreplace")
    encoded = base64.b64encode(value).decode()
    return {read, repr(read)[1:-1], repr(value)[2:-1], quote_from_bytes(value), value.hex(), encoded}
