# SPDX-License-Identifier: Apache-2.0
"""One POST, as every HTTP sink makes it: verified TLS, no redirect, no hidden retry, every wait bounded."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import urllib3

from breakglass_shamir.alerts.sinks import tls
from breakglass_shamir.alerts.sinks.base import TIMEOUT_S
from breakglass_shamir.errors import SinkFailure
from breakglass_shamir.version import __version__

MAX_ANSWER_BYTES = 64 * 1024
"""An answer is read no further."""

MAX_RETRY_AFTER_S = 3600
"""What a sink may ask us to wait at most."""

_USER_AGENT = f"breakglass_shamir/{__version__}"


def post(name: str, url: str, body: bytes, headers: Mapping[str, str], ca: str | None) -> bytes:
    """Post, and return the body of an answer that says yes (2xx).

    Args:
        name: the sink's, for messages; the address may itself be a secret and is in none.
        url: where to.
        body: what.
        headers: beyond user agent and content type.
        ca: file of certificates to trust; None for the system's.

    Raises:
        SinkFailure: any other answer, or none in time.
    """
    secure = tls.context(ca) if urlsplit(url).scheme == "https" else None
    sent = {"User-Agent": _USER_AGENT, "Content-Type": "application/json", **headers}
    try:
        with urllib3.PoolManager(ssl_context=secure, retries=False, timeout=urllib3.Timeout(TIMEOUT_S)) as pool:
            answer = pool.request("POST", url, body=body, headers=sent, redirect=False, preload_content=False)
            content = answer.read(MAX_ANSWER_BYTES)
            answer.release_conn()
    except urllib3.exceptions.HTTPError as error:
        raise SinkFailure(f"{name}: {_words(error)}") from None
    if not 200 <= answer.status < 300:
        wait_s = _retry_after_s(answer.headers.get("Retry-After", ""))
        raise SinkFailure(f"{name}: expected an answer 2xx, got {answer.status}", retry_after_s=wait_s)
    return content


def _words(error: urllib3.exceptions.HTTPError) -> str:
    """Say what went wrong without the address, which urllib3 puts into some of its texts."""
    reason = getattr(error, "reason", None) or error
    inner = reason.args[-1] if isinstance(reason, Exception) and reason.args else reason
    if isinstance(inner, OSError):
        return inner.strerror or type(inner).__name__
    if isinstance(error, urllib3.exceptions.TimeoutError):
        return "no answer in time"
    return type(error).__name__


def _retry_after_s(value: str) -> int:
    """Read Retry-After in seconds; the form with a date is taken for no wish, the usual pause will do."""
    return min(int(value), MAX_RETRY_AFTER_S) if value.isascii() and value.isdecimal() else 0
