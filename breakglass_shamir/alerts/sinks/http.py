# SPDX-License-Identifier: Apache-2.0
"""One POST, as every HTTP sink makes it: the guarded client, its errors in a sink's words."""

from collections.abc import Mapping, Sequence

from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.errors import SinkFailure, WebError
from breakglass_shamir.web import client


def post(
    name: str,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    ca: str | None,
    deadline: Deadline,
    *,
    secrets: Sequence[str] = (),
    answer_max: int = 0,
) -> bytes:
    """Post, and return the body of an answer that says yes (2xx), as far as it is wanted.

    Args:
        name: the sink's, for messages; the address may itself be a secret and is in none.
        url: where to.
        body: what.
        headers: beyond the content type.
        ca: file of certificates to trust; None for the system's.
        deadline: until when.
        secrets: of the request, which a receiver may repeat.
        answer_max: how much of the body is wanted, in bytes; 0: the status is the answer.

    Raises:
        SinkFailure: any other answer, or none in time.
    """
    request = client.Request(
        "POST", url, body, {"Content-Type": "application/json", **headers}, ca, answer_max=answer_max,
        secrets=tuple(secrets),
    )  # fmt: skip
    try:
        return client.ask(request, deadline).body
    except WebError as error:
        raise SinkFailure(f"{name}: {error}", retry_after_s=error.retry_after_s, hint=error.hint) from None
