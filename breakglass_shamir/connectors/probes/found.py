# SPDX-License-Identifier: Apache-2.0
"""What a probe found, as an exception where it is not well; and the secret with which one logs in."""

from pathlib import Path

from breakglass_shamir.bounded.reading import open_plain
from breakglass_shamir.custody.policy.when import Probe
from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.hygiene import Secret

SECRET_MAX_BYTES = 1022
"""Longest secret that a probe may log in with."""


class NotWellError(Exception):
    """A probe found something else than what it should.

    Attributes:
        verdict: ``silent``, ``wrong`` or ``unknown``.
        why: in words, without a secret.
    """

    def __init__(self, verdict: str, why: str) -> None:
        super().__init__(f"{verdict}: {why}")
        self.verdict = verdict
        self.why = why


def silent(why: str) -> NotWellError:
    """Return that nobody answered in time."""
    return NotWellError("silent", why)


def wrong(why: str) -> NotWellError:
    """Return that what answered is not as it should be."""
    return NotWellError("wrong", why)


def unknown(why: str) -> NotWellError:
    """Return that the question could not be asked."""
    return NotWellError("unknown", why)


def secret_of(probe: Probe) -> Secret:
    """Return the one line that the file of a probe's secret holds.

    Raises:
        NotWellError: unknown; it cannot be read, or holds nothing or too much.
    """
    try:
        with open_plain(Path(probe.secret_file or "")) as file:
            held = file.read(SECRET_MAX_BYTES + 2)
    except OSError as error:
        raise unknown(f"the secret's file cannot be read: {error.strerror}") from None
    line = held.removesuffix(b"\n").removesuffix(b"\r")
    if not 1 <= len(line) <= SECRET_MAX_BYTES or b"\n" in line or b"\0" in line:
        raise unknown(f"expected a secret of 1 to {SECRET_MAX_BYTES} bytes on one line in the secret's file")
    return Secret(line)


def no_answer(error: ConnectorError | OSError) -> NotWellError:
    """Return what an error of a connection means; a certificate that does not hold is an answer."""
    words = str(error) if isinstance(error, ConnectorError) else (error.strerror or type(error).__name__)
    return wrong(words) if "certificate" in words.lower() else silent(words)
