# SPDX-License-Identifier: Apache-2.0
"""Where alerts go, as far as a policy says: which ways end in one place.

Rules:

1. A way is a kind of sink and its destination; of a preset, its name is the kind. The same destination
   under two names is one way.
2. A set's ways are single where they are one, where all lead to one host, or to hosts of one domain. What stays on the
   machine, its journal, a file, a program, is one host.
3. A destination that only a secret file knows is told by the file: two files may hold one address.
"""

import re
from collections.abc import Sequence
from typing import Literal

from breakglass_shamir.custody.policy.sinks import (
    AnySink,
    ExecSink,
    FileSink,
    HttpSink,
    JournaldSink,
    SlackSink,
    SmtpSink,
    SyslogSink,
)

HERE = "this machine"
"""The host of what stays here."""

_SHORT_LABEL = 3
"""Letters of a second label that belongs to the suffix, as in ``co.uk``."""

Narrow = Literal["way", "host", "domain"]
"""By what a set's ways are single."""


def way(sink: AnySink) -> str:
    """Return where a sink leads, in words."""
    kind = type(sink).__struct_config__.tag
    match sink:
        case SyslogSink() | SmtpSink():
            return f"{kind} {sink.host}"
        case SlackSink():
            return f"{kind} {sink.url_file}"
        case JournaldSink():
            return "journald"
        case ExecSink():
            return f"{kind} {sink.argv[0]}"
        case FileSink():
            return f"{kind} {sink.path}"
        case HttpSink() if sink.preset != "none":
            return f"{sink.preset} {sink.url}"
        case _:
            return f"{kind} {sink.url}"


def single(sinks: Sequence[AnySink]) -> tuple[Narrow, str] | None:
    """Return by what all of a set's ways are one, and which that is; None where they are several, or none."""
    ways = {way(sink) for sink in sinks}
    if len(ways) == 1:
        return "way", ways.pop()
    hosts = {_host(sink) for sink in sinks}
    if len(hosts) == 1:
        return "host", hosts.pop()
    domains = {_domain(host) for host in hosts}
    if len(domains) == 1 and (domain := domains.pop()):
        return "domain", domain
    return None


def _host(sink: AnySink) -> str:
    match sink:
        case SyslogSink() | SmtpSink():
            return sink.host.casefold()
        case SlackSink():
            return f"whatever {sink.url_file} names"
        case JournaldSink() | ExecSink() | FileSink():
            return HERE
        case _:
            return _host_of(sink.url)


def _host_of(url: str) -> str:
    """Return the host of an address that has one, as all of them have by their pattern."""
    authority = re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0].rpartition("@")[2]
    if authority.startswith("["):
        return authority[1:].partition("]")[0].casefold()
    return authority.partition(":")[0].casefold()


def _domain(host: str) -> str:
    """Return the domain that somebody registered, as far as a name shows it; empty for an address and a bare name."""
    labels = host.rstrip(".").split(".")
    if ":" in host or " " in host or len(labels) < 2 or labels[-1].isdigit():
        return ""
    is_suffix = len(labels[-1]) == 2 and len(labels[-2]) <= _SHORT_LABEL
    return ".".join(labels[-3 if is_suffix else -2 :])
