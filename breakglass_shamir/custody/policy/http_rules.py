# SPDX-License-Identifier: Apache-2.0
"""What the keys of an HTTP sink ask of each other.

Rules:

1. A secret goes over TLS only, to its own address, and is never in the policy.
2. A preset has the shape, the frame and the header that its vendor documents; what would contradict it is refused.
"""

from collections.abc import Iterator

from breakglass_shamir.custody.policy.problem import PolicyProblem
from breakglass_shamir.custody.policy.sinks import HttpSink
from breakglass_shamir.errors import InvalidInput

OWN_HEADERS = frozenset({
    "host", "content-length", "content-type", "content-encoding", "transfer-encoding", "connection", "te", "trailer",
    "upgrade", "expect", "user-agent", "accept-encoding",
})  # fmt: skip
"""Headers that the client sets by itself."""

SECRET_WORDS = ("authorization", "cookie", "token", "secret", "-key", "apikey", "password", "credential")
"""What in a header's name says that its value is secret."""

_NEEDS = {
    "sentinel": ("token_url", "client_id", "secret"),
    "elastic": ("secret",),
    "datadog": ("secret",),
    "secops": ("secret",),
}
"""What a preset cannot do without; ``secret`` stands for ``secret_file`` or ``secret_argv``."""


def problems(sink: HttpSink, path: str) -> Iterator[PolicyProblem]:
    """Yield what does not fit together in one sink.

    Args:
        sink: what the policy says.
        path: of the sink in the policy, such as ``alerts.sinks[0]``.
    """
    yield from _secrets(sink, path)
    yield from _headers(sink, path)
    yield from _body(sink, path)


def _secrets(sink: HttpSink, path: str) -> Iterator[PolicyProblem]:
    has_secret = sink.secret_file is not None or bool(sink.secret_argv)
    if sink.secret_file is not None and sink.secret_argv:
        yield PolicyProblem(path, "expected one of secret_file and secret_argv, got both")
    if sink.secret_argv and not sink.secret_argv[0].startswith("/"):
        words = f"expected a program by absolute path, got {sink.secret_argv[0]!r}"
        yield PolicyProblem(f"{path}.secret_argv[0]", words)
    if (sink.cert is None) != (sink.key is None):
        yield PolicyProblem(path, "expected both cert and key, or neither")
    if (sink.ca or sink.cert) and not sink.url.startswith("https://"):
        yield PolicyProblem(f"{path}.url", "expected https:// with ca or cert")
    elif has_secret and not sink.url.startswith("https://"):
        yield PolicyProblem(f"{path}.url", "expected https:// where a secret is sent")
    if sink.token_url is not None and not sink.token_url.startswith("https://"):
        yield PolicyProblem(f"{path}.token_url", "expected https:// where a secret is sent")
    asks = sink.token_url is not None and sink.preset != "secops"
    if asks and not (sink.client_id and has_secret):
        yield PolicyProblem(path, "expected client_id and a secret with token_url")
    if not asks and sink.client_id:
        yield PolicyProblem(f"{path}.client_id", "expected a token_url with client_id")
    if sink.scope and sink.token_url is None and sink.preset != "secops":
        yield PolicyProblem(f"{path}.scope", "expected a token_url with scope")
    given = {"token_url": sink.token_url is not None, "client_id": bool(sink.client_id), "secret": has_secret}
    lacks = [one for one in _NEEDS.get(sink.preset, ()) if not given[one]]
    if lacks and not asks:
        words = ", ".join("secret_file or secret_argv" if one == "secret" else one for one in lacks)
        yield PolicyProblem(path, f"expected with {sink.preset}: {words}")


def _headers(sink: HttpSink, path: str) -> Iterator[PolicyProblem]:
    seen: list[str] = [sink.secret_header.lower()] if sink.secret_header else []
    if seen and seen[0] in OWN_HEADERS:
        yield PolicyProblem(f"{path}.secret_header", f"the program sets {sink.secret_header} by itself")
    for number, line in enumerate(sink.headers):
        name = line.partition(":")[0]
        where = f"{path}.headers[{number}]"
        if name.lower() in OWN_HEADERS:
            yield PolicyProblem(where, f"the program sets {name} by itself")
        elif any(word in name.lower() for word in SECRET_WORDS):
            yield PolicyProblem(where, f"{name} is a secret: put it into secret_file, and its name into secret_header")
        elif name.lower() in seen:
            yield PolicyProblem(where, f"{name} is there already")
        seen.append(name.lower())


def _body(sink: HttpSink, path: str) -> Iterator[PolicyProblem]:
    if sink.preset != "none" and sink.framing is not None:
        yield PolicyProblem(f"{path}.framing", f"{sink.preset} has its own")
    if sink.preset != "none" and sink.method != "POST":
        yield PolicyProblem(f"{path}.method", f"expected POST with {sink.preset}, got {sink.method}")
    if sink.preset == "secops" and (sink.shape is not None or sink.template):
        yield PolicyProblem(path, "secops has its own shape of an event: leave out shape and template")
    if sink.template:
        from breakglass_shamir.custody.policy.body_template import BodyTemplate

        try:
            BodyTemplate(sink.template)
        except InvalidInput as error:
            yield PolicyProblem(f"{path}.template", str(error))
