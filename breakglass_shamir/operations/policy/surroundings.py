# SPDX-License-Identifier: Apache-2.0
"""What a policy names beyond itself, as seen from this machine: files, secrets, programs, letters, other options.

Rules:

1. Nothing is asked at a target or a sink, nothing is sent, and no secret is repeated.
2. Each finding is one sentence that begins with the key. A policy may be written on another machine than the one it
   is for, so none of them makes the file wrong.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from breakglass_shamir.alerts.sinks.registry import deliverer
from breakglass_shamir.bounded.reading import open_plain
from breakglass_shamir.connectors.port import log_files
from breakglass_shamir.connectors.port.options import LOG_OPTIONS
from breakglass_shamir.connectors.port.trusted_file import file_problems
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.errors import BreakglassError, ConnectorError, InvalidInput

PROGRAMS = frozenset({"admin"})
"""Options that name a program."""

FILES = frozenset({"ca", "certificate", "key", "krb5_conf"})
"""Options that name a file to be read."""

SHOWN_MAX_CHARS = 80
"""Longest value of an option that is repeated."""


def missing_files(policy: Policy) -> Iterator[str]:
    """Yield which files that a policy names are not there, or are not what they should be."""
    for key, value in policy.target.options.items():
        yield from (f"target.options.{key}: {one}" for one in _option_problems(key, value))
    for sink in policy.alerts.sinks:
        try:
            found = [*deliverer(sink).lacking()]
        except BreakglassError as error:
            found = [str(error)]
        yield from (f"alerts.sinks ({sink.name}): {one}" for one in found)


def unprintable(policy: Policy) -> Iterator[str]:
    """Yield which names hold characters that no sheet can print: split would refuse them."""
    # Imported here: it loads the fonts.
    from breakglass_shamir.paper.drawing.typeface import drawable

    named = [("name", policy.name), ("belongs_to", policy.belongs_to), ("kit", policy.kit),
             ("report_to", policy.report_to)]  # fmt: skip
    for number, group in enumerate(policy.quorum.groups):
        named += [(f"quorum.groups[{number}].custodians", name) for name in group.custodians]
    for key, text in named:
        try:
            drawable(text, key)
        except InvalidInput as error:
            whose = f" ({text[:SHOWN_MAX_CHARS]})" if key.endswith("custodians") else ""
            yield f"{error}{whose}; {error.hint}"


def opens_with(policy: Policy) -> str:
    """Say what is needed, with the names of groups that have one."""
    groups = policy.quorum.groups
    if len(groups) == 1 or not any(group.name for group in groups):
        return policy.structure.in_words()
    parts = [
        f"{group.threshold} of {len(group.custodians)} in {group.name or f'group {number}'}"
        for number, group in enumerate(groups, 1)
    ]
    needed = policy.structure.group_threshold
    if needed == len(groups):
        return ", and ".join(parts)
    return f"{needed} of these {len(parts)} groups: " + "; ".join(parts)


def other_options(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    """Yield which of a target's options differ."""
    for key in sorted({*old, *new}):
        before, after = (repr(one[key][:SHOWN_MAX_CHARS]) if key in one else "none" for one in (old, new))
        if old.get(key) != new.get(key):
            yield f"target.options.{key}: {after} instead of {before}"


def _option_problems(key: str, value: str) -> Iterator[str]:
    if key in PROGRAMS:
        yield from file_problems(Path(value))
    elif key in LOG_OPTIONS:
        try:
            log_files.require_files(value, "logins")
        except ConnectorError as error:
            yield str(error)
    elif key in FILES:
        try:
            with open_plain(Path(value)) as file:
                file.read(1)
        except OSError as error:
            yield f"{value} cannot be read: {error.strerror or type(error).__name__}"
    elif key == "socket" and not Path(value).exists():
        yield f"there is no {value}"
