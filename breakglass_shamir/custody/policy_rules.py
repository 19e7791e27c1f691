# SPDX-License-Identifier: Apache-2.0
"""What must hold between the keys of a policy, beyond each key's own type and bounds.

Rules:

1. A policy whose smallest opening coalition is one person is refused.
2. What a table names must be there: a custodian in a group, a site in the list of sites.
3. Each function here yields every problem it finds, as key path and words; none stops at the first.

What is merely unwise is not here.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from breakglass_shamir.custody.generator import MIN_ENTROPY_BITS
from breakglass_shamir.custody.policy_tables import Alerts, Officer, Policy
from breakglass_shamir.custody.sinks import ExecSink, SmtpSink, SplunkSink, SyslogSink
from breakglass_shamir.errors import InvalidInput, InvalidStructure

_KEY_LINE = re.compile(r"(sk-)?(ssh|ecdsa)-[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,2}( [^\x00-\x1f]*)?")


def problems(policy: Policy) -> Iterator[tuple[str, str]]:
    """Yield what does not hold, as key path and words."""
    for rule in (_name, _people, _details, _officers, _declaration, _generator, _sinks):
        yield from rule(policy)


def _name(policy: Policy) -> Iterator[tuple[str, str]]:
    name = policy.name
    if not name.isprintable() or re.search(r"[\s/\\]", name) or name[0] in ".-" or len(name.encode()) > 64:
        yield (
            "name",
            "expected up to 64 bytes of printable text without spaces and slashes, and no dot or hyphen in front",
        )


def _people(policy: Policy) -> Iterator[tuple[str, str]]:
    """Refuse an impossible structure, a person twice in a group, and a coalition of one person."""
    try:
        structure = policy.structure
    except InvalidStructure as error:
        yield "quorum", str(error)
        return
    for number, group in enumerate(policy.quorum.groups):
        path = f"quorum.groups[{number}].custodians"
        if len(set(group.custodians)) != len(group.custodians):
            yield path, "the same custodian twice in one group"
        if not all(_is_printable(name) for name in group.custodians):
            yield path, "expected printable names"
    for person in dict.fromkeys(name for group in policy.quorum.groups for name in group.custodians):
        seats = [seat for seat in structure.seats() if policy.custodian(seat) == person]
        if structure.is_quorum(seats):
            yield "quorum", f"{person!r} alone could open this set, by holding a sheet in each group"


def _details(policy: Policy) -> Iterator[tuple[str, str]]:
    """Hold the tables of custodians and sites against the groups and each other."""
    yield from _different("custodians", [one.name for one in policy.custodians])
    yield from _different("sites", [one.name for one in policy.sites])
    in_groups = {name for group in policy.quorum.groups for name in group.custodians}
    sites = [site.name for site in policy.sites]
    for number, custodian in enumerate(policy.custodians):
        if custodian.name not in in_groups:
            yield f"custodians[{number}].name", f"no group has a custodian {custodian.name!r}"
        if custodian.site and sites and custodian.site not in sites:
            listed = ", ".join(sites)
            yield f"custodians[{number}].site", f"expected one of the sites {listed}, got {custodian.site!r}"


def _officers(policy: Policy) -> Iterator[tuple[str, str]]:
    yield from _different("officers", [one.name for one in policy.officers])
    for number, officer in enumerate(policy.officers):
        path = f"officers[{number}]"
        if not _is_printable(officer.name):
            yield f"{path}.name", "expected a printable name"
        for place, line in enumerate(officer.keys):
            if _KEY_LINE.fullmatch(line) is None:
                yield f"{path}.keys[{place}]", "expected an SSH public key in one line, as in a .pub file"
        if officer.valid_from and officer.valid_until and officer.valid_until < officer.valid_from:
            yield f"{path}.valid_until", f"expected a day from {officer.valid_from} on, got {officer.valid_until}"
    needed, signers = policy.declaration.signatures, _signers(policy.officers)
    if needed > signers:
        yield "declaration.signatures", f"expected at most {signers}, as many officers have a key, got {needed}"


def _declaration(policy: Policy) -> Iterator[tuple[str, str]]:
    if not all(name.strip() for name in policy.declaration.classes):
        yield "declaration.classes", "expected names that are not empty"
    try:
        re.compile(policy.declaration.ticket)
    except (re.error, OverflowError, RecursionError) as error:
        yield "declaration.ticket", f"not a regular expression: {error}"


def _generator(policy: Policy) -> Iterator[tuple[str, str]]:
    rotation = policy.rotation
    try:
        bits = rotation.generator.bits()
    except InvalidInput as error:
        yield "rotation" if rotation.must_contain or rotation.must_avoid else "rotation.alphabet", str(error)
        return
    if bits < MIN_ENTROPY_BITS:
        yield "rotation.length", f"expected {MIN_ENTROPY_BITS} bits of entropy or more, got {bits:.0f}"


def _sinks(policy: Policy) -> Iterator[tuple[str, str]]:
    alerts: Alerts = policy.alerts
    yield from _different("alerts.sinks", [sink.name for sink in alerts.sinks])
    for number, sink in enumerate(alerts.sinks):
        path = f"alerts.sinks[{number}]"
        match sink:
            case SyslogSink() if (sink.cert is None) != (sink.key is None):
                yield path, "expected both cert and key, or neither"
            case SyslogSink() if sink.transport != "tls" and (sink.ca or sink.cert):
                yield f"{path}.transport", f"expected tls with ca or cert, got {sink.transport}"
            case SplunkSink() if sink.ack and sink.channel is None:
                yield f"{path}.channel", "expected a channel with ack"
            case SmtpSink() if bool(sink.user) != (sink.password_file is not None):
                yield path, "expected both user and password_file, or neither"
            case SmtpSink() if sink.user and sink.encryption == "none":
                yield f"{path}.encryption", "expected starttls or tls with a password, got none"
            case ExecSink() if not sink.argv[0].startswith("/"):
                yield f"{path}.argv[0]", f"expected a program by absolute path, got {sink.argv[0]!r}"
            case _:
                pass
    if alerts.require_ack and not alerts.sinks:
        yield "alerts.require_ack", "expected a sink that could acknowledge, got none"


def _different(path: str, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    for number, name in enumerate(names):
        if name in names[:number]:
            yield f"{path}[{number}].name", f"{name!r} is there already"


def _signers(officers: Iterable[Officer]) -> int:
    return sum(bool(officer.keys) for officer in officers)


def _is_printable(name: str) -> bool:
    return bool(name.strip()) and name.isprintable()
