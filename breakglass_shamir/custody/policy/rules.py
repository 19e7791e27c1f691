# SPDX-License-Identifier: Apache-2.0
"""What must hold between the keys of a policy, beyond each key's own type and bounds.

Rules:

1. A policy whose smallest opening coalition is one person is refused.
2. What a table names must be there: a custodian in a group, a site in the list of sites.
3. Each function here yields every problem it finds, as key path and words; none stops at the first.
4. What only a new policy must keep to is told apart: one that is in force is read as it is, since a rule that came
   later must not keep anybody from opening a set.

What is merely unwise is not here.
"""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from itertools import islice

from breakglass_shamir.crypto import age, ssh_key
from breakglass_shamir.custody.policy import pattern, when
from breakglass_shamir.custody.policy.duration import Duration
from breakglass_shamir.custody.policy.generator import MIN_ENTROPY_BITS
from breakglass_shamir.custody.policy.officer_keys import people, revoked
from breakglass_shamir.custody.policy.person import Person, everybody
from breakglass_shamir.custody.policy.problem import PolicyProblem
from breakglass_shamir.custody.policy.sinks import (
    LONGEST_DELIVERY_S,
    TICKET,
    ExecSink,
    HttpSink,
    SmtpSink,
    SplunkSink,
    SyslogSink,
)
from breakglass_shamir.custody.policy.tables import PERCENTS, Alerts, Custodian, Officer, Policy, Site
from breakglass_shamir.custody.records.rotations import MOST_WAIT_S
from breakglass_shamir.errors import InvalidInput, InvalidSignature, InvalidStructure
from breakglass_shamir.nearest import nearest

_SHORTEST_TOLD = 3
"""Characters of a name that tells something where it stands in another text."""

_MOST_TOLD = 20
"""Sites that a message lists."""

MOST_ARMED_S = 7 * 86_400
"""Longest time for which an account is armed at once: one that is open for weeks is not kept closed."""

_OF_AUTHORITY = {
    "program": ("program",),
    "set": ("set", "operator"),
    "key": ("operator", "operator_secret", "approvers"),
}
"""Keys that an authority needs; those of the others say nothing with it, and are refused."""

_ARMS = ("program", "set", "operator", "operator_secret", "approvers")

LEAST_VALID_S = 60
"""A declaration that is over before sheets can be scanned would stop every rotation, and every other policy."""


def problems(
    policy: Policy, left_out: Collection[str] = (), *, new: bool = False, new_set: bool = False
) -> Iterator[PolicyProblem]:
    """Yield what does not hold.

    Args:
        policy: the typed file.
        left_out: top-level keys that are wrong in themselves and not worth a second complaint.
        new: whether it is to be adopted, and not read from a ledger.
        new_set: whether its set is to be made: a new name is of a narrow alphabet, and one that is on sheets stays.
    """
    if "name" not in left_out:
        yield from new_name(policy) if new_set else _name(policy)
    for needed, rule in (*_RULES, *(_OF_NEW if new else ())):
        if not needed & set(left_out):
            yield from rule(policy)


def new_name(policy: Policy) -> Iterator[PolicyProblem]:
    """Refuse a name that a new set must not have."""
    from breakglass_shamir.custody import names

    if not names.is_plain(policy.name):
        yield PolicyProblem("name", f"expected {names.ALLOWED}, got {policy.name!r}")


def _name(policy: Policy) -> Iterator[PolicyProblem]:
    name = policy.name
    if not name.isprintable() or re.search(r"[\s/\\]", name) or name[0] in ".-" or len(name.encode()) > 64:
        yield PolicyProblem(
            "name",
            "expected up to 64 bytes of printable text without spaces and slashes, and no dot or hyphen in front",
        )


def _kit(policy: Policy) -> Iterator[PolicyProblem]:
    """Refuse a place of the kit that leads whoever finds one sheet to the others."""
    told = policy.kit.casefold()
    for what, several in (("custodian", policy.everyone), ("site", [site.name for site in policy.sites])):
        for name in several:
            if len(name) >= _SHORTEST_TOLD and name.casefold() in told:
                yield PolicyProblem(
                    "kit",
                    f"it names the {what} {name!r}: a sheet that is found must lead to no other",
                )
    for number, custodian in enumerate(policy.custodians):
        site = custodian.site.casefold()
        if len(site) >= _SHORTEST_TOLD and site in told and custodian.site not in [one.name for one in policy.sites]:
            yield PolicyProblem(
                "kit", f"it names custodians[{number}].site: a sheet that is found must lead to no other"
            )


def _people(policy: Policy) -> Iterator[PolicyProblem]:
    """Refuse an impossible structure, a person twice in a group or spelled twice, and a coalition of one person."""
    try:
        structure = policy.structure
    except InvalidStructure as error:
        yield PolicyProblem("quorum", str(error))
        return
    for number, group in enumerate(policy.quorum.groups):
        path = f"quorum.groups[{number}].custodians"
        if len(set(group.custodians)) != len(group.custodians):
            yield PolicyProblem(path, "the same custodian twice in one group")
        if not all(_is_printable(name) for name in group.custodians):
            yield PolicyProblem(path, "expected printable names")
    spelled: dict[str, str] = {}
    for name in dict.fromkeys(name for group in policy.quorum.groups for name in group.custodians):
        first = spelled.setdefault(name.strip().casefold(), name)
        if first != name:
            yield PolicyProblem("quorum", f"expected one spelling of a name, got {first!r} and {name!r}")
    for person in dict.fromkeys(name for group in policy.quorum.groups for name in group.custodians):
        seats = [seat for seat in structure.seats() if policy.custodian(seat) == person]
        twice = len({group for group, _ in seats}) < len(seats)
        if structure.is_quorum(seats) and not twice:
            yield PolicyProblem("quorum", f"{person!r} alone could open this set, by holding a sheet in each group")


def _details(policy: Policy) -> Iterator[PolicyProblem]:
    """Hold the tables of custodians and sites against the groups and each other."""
    in_groups = [name for group in policy.quorum.groups for name in group.custodians]
    for number, custodian in enumerate(policy.custodians):
        if custodian.name not in in_groups:
            yield PolicyProblem(
                f"custodians[{number}].name",
                f"no group has a custodian {custodian.name!r}",
                nearest(custodian.name, in_groups),
            )
    yield from stated_places(policy.custodians, policy.sites)


def stated_places(custodians: Sequence[Custodian], sites: Sequence[Site]) -> Iterator[PolicyProblem]:
    """Yield what is wrong with what is known of custodians and sites: names twice, sites not listed, keys."""
    yield from _different("custodians", [one.name for one in custodians])
    yield from _different("sites", [one.name for one in sites])
    listed = dict.fromkeys(site.name for site in sites)
    some = ", ".join([*islice(listed, _MOST_TOLD), *(["..."] if len(listed) > _MOST_TOLD else [])])
    for number, custodian in enumerate(custodians):
        if custodian.site and listed and custodian.site not in listed:
            yield PolicyProblem(
                f"custodians[{number}].site",
                f"expected one of the sites {some}, got {custodian.site!r}",
                nearest(custodian.site, listed),
            )
    yield from _custodian_keys(custodians)


def _custodian_keys(custodians: Sequence[Custodian]) -> Iterator[PolicyProblem]:
    """Refuse what is no key, and a key of two custodians: its signature would not say whose it is."""
    holders: dict[str, str] = {}
    for number, custodian in enumerate(custodians):
        path = f"custodians[{number}]"
        yield from _keys(custodian, path)
        for place, line in enumerate(custodian.keys):
            with suppress(InvalidSignature):
                holder = holders.setdefault(ssh_key.from_line(line).line, custodian.name)
                if holder != custodian.name:
                    yield PolicyProblem(f"{path}.keys[{place}]", f"the key is listed for {holder!r} already")


def _officers(policy: Policy) -> Iterator[PolicyProblem]:
    yield from signing_people("officers", policy.officers)
    needed, signers = policy.declaration.signatures, _signers(policy.officers, revoked(policy))
    if needed > signers:
        yield PolicyProblem(
            "declaration.signatures", f"expected at most {signers}, as many officers have a key, got {needed}"
        )


def signing_people(path: str, listed: Sequence[Officer]) -> Iterator[PolicyProblem]:
    """Yield what is wrong with a list of people who sign: names, keys, days."""
    yield from _different(path, [one.name for one in listed])
    for number, one in enumerate(listed):
        at = f"{path}[{number}]"
        if not _is_printable(one.name):
            yield PolicyProblem(f"{at}.name", "expected a printable name")
        yield from _keys(one, at)
        if one.valid_from and one.valid_until and one.valid_until < one.valid_from:
            yield PolicyProblem(f"{at}.valid_until", f"expected a day from {one.valid_from} on, got {one.valid_until}")


def _review(policy: Policy) -> Iterator[PolicyProblem]:
    """Refuse a review that too few people could ever make, and a settlement likewise."""
    review = policy.review
    if review is None:
        return
    yield from signing_people("review.reviewers", review.reviewers)
    if len(set(review.on)) != len(review.on):
        yield PolicyProblem("review.on", "the same word twice")
    gone, everyone = revoked(policy), everybody(policy)
    whose = "reviewers" if review.reviewers else "officers, since no reviewers are named"
    able = _persons(everyone, [one for one in policy.reviewers if _signs(one, gone)])
    if review.needed > able:
        words = f"expected at most {able}, as many different {whose}, have a key that counts, got {review.needed}"
        yield PolicyProblem("review.needed", words)
    settlement = review.settlement
    able = _persons(everyone, [one for one in policy.settlers if _signs(one, gone) or not settlement.signed])
    if settlement.people > able:
        words = f"expected at most {able}, as many different people may settle, got {settlement.people}"
        yield PolicyProblem("review.settlement.people", words)


def _keys(owner: Officer | Custodian, path: str) -> Iterator[PolicyProblem]:
    for place, line in enumerate(owner.keys):
        try:
            ssh_key.from_line(line)
        except InvalidSignature as error:
            words = f"expected an SSH public key in one line, as in a .pub file: {error}"
            yield PolicyProblem(f"{path}.keys[{place}]", words)


def _auditors(policy: Policy) -> Iterator[PolicyProblem]:
    """Refuse what nothing can be encrypted to."""
    for place, line in enumerate(policy.use.auditors):
        try:
            age.recipient(line)
        except InvalidSignature as error:
            yield PolicyProblem(f"use.auditors[{place}]", f"expected an SSH public key as in a .pub file: {error}")


def _arming(policy: Policy) -> Iterator[PolicyProblem]:
    """Hold that who arms the account is somebody else, and said whole."""
    arming = policy.arming
    if arming is None:
        return
    if not policy.target.account:
        yield PolicyProblem("arming", "expected target.account, which is kept closed, got none")
    for key in ("second_set", "set"):
        if getattr(arming, key) == policy.name:
            yield PolicyProblem(f"arming.{key}", "expected another set, got this one")
    for key in _OF_AUTHORITY[arming.authority]:
        if not getattr(arming, key):
            yield PolicyProblem(f"arming.{key}", f"expected one with the authority {arming.authority}, got none")
    for key in _ARMS:
        if getattr(arming, key) and key not in _OF_AUTHORITY[arming.authority]:
            yield PolicyProblem(f"arming.{key}", f"expected none with the authority {arming.authority}")
    for key in ("program", "operator_secret"):
        if getattr(arming, key) and not getattr(arming, key).startswith("/"):
            yield PolicyProblem(f"arming.{key}", f"expected a program by absolute path, got {getattr(arming, key)!r}")
    if arming.operator and arming.operator == policy.target.account:
        yield PolicyProblem("arming.operator", "expected another account than the one that is kept closed")
    least, most = policy.declaration.use_for, Duration(MOST_ARMED_S)
    if not least.seconds <= arming.window.seconds <= most.seconds:
        words = f"expected at least declaration.use_for, {least}, and at most {most}, got {arming.window}"
        yield PolicyProblem("arming.window", words)
    yield from _approvers(policy, arming.approvers)


def _approvers(policy: Policy, lines: Sequence[str]) -> Iterator[PolicyProblem]:
    """Refuse a key that is none, or that takes part in openings by itself."""
    own: dict[str, str] = {}
    holders = [(one.name, one.keys) for one in policy.officers] + [(one.name, one.keys) for one in policy.custodians]
    for name, keys in holders:
        for line in keys:
            with suppress(InvalidSignature):
                own.setdefault(ssh_key.from_line(line).line, name)
    for place, line in enumerate(lines):
        try:
            key = ssh_key.from_line(line).line
        except InvalidSignature as error:
            yield PolicyProblem(
                f"arming.approvers[{place}]", f"expected an SSH public key in one line, as in a .pub file: {error}"
            )
            continue
        if key in own:
            yield PolicyProblem(f"arming.approvers[{place}]", f"the key is listed for {own[key]!r} already")


def _standards(policy: Policy) -> Iterator[PolicyProblem]:
    if len(set(policy.audit.standards)) != len(policy.audit.standards):
        yield PolicyProblem("audit.standards", "the same standard twice")


def _declaration(policy: Policy) -> Iterator[PolicyProblem]:
    if not all(name.strip() for name in policy.declaration.classes):
        yield PolicyProblem("declaration.classes", "expected names that are not empty")
    got, least = policy.declaration.valid_for, Duration(LEAST_VALID_S)
    if got.seconds < LEAST_VALID_S:
        words = f"expected {least} or more, in which sheets can be scanned, got {got}"
        yield PolicyProblem("declaration.valid_for", words)


def _ticket(policy: Policy) -> Iterator[PolicyProblem]:
    if why := pattern.unusable(policy.declaration.ticket):
        yield PolicyProblem("declaration.ticket", why)


def _programs(policy: Policy) -> Iterator[PolicyProblem]:
    """Refuse a sink that is given more time than any delivery is."""
    most = Duration(LONGEST_DELIVERY_S)
    for number, sink in enumerate(policy.alerts.sinks):
        if isinstance(sink, ExecSink) and sink.timeout.seconds > most.seconds:
            yield PolicyProblem(f"alerts.sinks[{number}].timeout", f"expected {most} or less, got {sink.timeout}")


def _generator(policy: Policy) -> Iterator[PolicyProblem]:
    rotation = policy.rotation
    try:
        bits = rotation.generator.bits()
    except InvalidInput as error:
        key = "rotation" if rotation.must_contain or rotation.must_avoid else "rotation.alphabet"
        yield PolicyProblem(key, str(error))
        return
    if bits < MIN_ENTROPY_BITS:
        yield PolicyProblem("rotation.length", f"expected {MIN_ENTROPY_BITS} bits of entropy or more, got {bits:.0f}")


def _sessions(policy: Policy) -> Iterator[PolicyProblem]:
    got, most = policy.rotation.wait_for_sessions, Duration(MOST_WAIT_S)
    if got.seconds > MOST_WAIT_S:
        words = f"expected {most} or less, since the old credential is honoured meanwhile, got {got}"
        yield PolicyProblem("rotation.wait_for_sessions", words)


def _sinks(policy: Policy) -> Iterator[PolicyProblem]:
    alerts: Alerts = policy.alerts
    yield from _different("alerts.sinks", [sink.name for sink in alerts.sinks])
    for number, sink in enumerate(alerts.sinks):
        path = f"alerts.sinks[{number}]"
        match sink:
            case SyslogSink() if (sink.cert is None) != (sink.key is None):
                yield PolicyProblem(path, "expected both cert and key, or neither")
            case SyslogSink() if sink.transport != "tls" and (sink.ca or sink.cert):
                yield PolicyProblem(f"{path}.transport", f"expected tls with ca or cert, got {sink.transport}")
            case SplunkSink() if sink.ack and sink.channel is None:
                yield PolicyProblem(f"{path}.channel", "expected a channel with ack")
            case SmtpSink() if bool(sink.user) != (sink.password_file is not None):
                yield PolicyProblem(path, "expected both user and password_file, or neither")
            case SmtpSink() if sink.user and sink.encryption == "none":
                yield PolicyProblem(f"{path}.encryption", "expected starttls or tls with a password, got none")
            case ExecSink() if not sink.argv[0].startswith("/"):
                yield PolicyProblem(f"{path}.argv[0]", f"expected a program by absolute path, got {sink.argv[0]!r}")
            case HttpSink():
                from breakglass_shamir.custody.policy import http_rules

                yield from http_rules.problems(sink, path)
            case _:
                pass
    if alerts.require_ack and not alerts.sinks:
        yield PolicyProblem("alerts.require_ack", "expected a sink that could acknowledge, got none")


def _load_drill(policy: Policy) -> Iterator[PolicyProblem]:
    """Hold what a load drill is measured by, and whom it tells, against itself and the sinks."""
    load = policy.drills.load
    if load is None:
        return
    known = [sink.name for sink in policy.alerts.sinks]
    for number, name in enumerate(load.sinks):
        path = f"drills.load.sinks[{number}]"
        if name not in known:
            words = f"expected the name of a sink ({', '.join(known) or 'there is none'}), got {name!r}"
            yield PolicyProblem(path, words, nearest(name, known))
        if name in load.sinks[:number]:
            yield PolicyProblem(path, f"{name!r} is there already")
    steps = [one.step for one in load.limits]
    for number, one in enumerate(load.limits):
        path = f"drills.load.limits[{number}]"
        if one.step in steps[:number]:
            yield PolicyProblem(f"{path}.step", f"{one.step!r} is there already")
        if all(one.at(percent) is None for percent in PERCENTS):
            yield PolicyProblem(path, "expected one of p50, p95 and p99, got none")


def _use_rules(policy: Policy) -> Iterator[PolicyProblem]:
    """Hold the rules of use against the classes, the officers and the clock."""
    rules = policy.declaration.rules
    yield from _different("declaration.rules", [one.name for one in rules])
    officers = [one.name for one in policy.officers]
    for number, rule in enumerate(rules):
        path = f"declaration.rules[{number}]"
        yield from _known_classes(policy, f"{path}.classes", rule.classes)
        for place, one in enumerate(rule.hours):
            if why := when.wrong_hours(one):
                yield PolicyProblem(f"{path}.hours[{place}]", f"{why}, got {one!r}")
        for place, name in enumerate(rule.declarers):
            if name not in officers:
                near = nearest(name, officers)
                yield PolicyProblem(f"{path}.declarers[{place}]", f"no officer is called {name!r}", near)
        different = len({name.casefold() for name in rule.declarers})
        if different != len(rule.declarers):
            yield PolicyProblem(f"{path}.declarers", "the same name twice")
        elif rule.declarers and different < policy.declaration.officers:
            needed = policy.declaration.officers
            words = f"expected {needed} or more, as many officers as a declaration needs, got {different}"
            yield PolicyProblem(f"{path}.declarers", words)
        if (rule.most is None) != (rule.per is None):
            yield PolicyProblem(path, "expected both most and per, or neither")


def _zones(policy: Policy) -> Iterator[PolicyProblem]:
    """Refuse a zone that this machine does not know; elsewhere it may be known."""
    for number, rule in enumerate(policy.declaration.rules):
        if when.zone_of(rule.zone) is None:
            words = f"expected a time zone such as UTC or Europe/Zurich, got {rule.zone!r}"
            yield PolicyProblem(f"declaration.rules[{number}].zone", words)


def _known_classes(policy: Policy, path: str, classes: Sequence[str]) -> Iterator[PolicyProblem]:
    known = policy.declaration.classes
    for place, name in enumerate(classes):
        if name not in known:
            words = f"expected a class of {', '.join(known)}, got {name!r}"
            yield PolicyProblem(f"{path}[{place}]", words, nearest(name, known))
    if len(set(classes)) != len(classes):
        yield PolicyProblem(path, "the same class twice")


def _outage(policy: Policy) -> Iterator[PolicyProblem]:
    """Hold probes against their schemes: an option that means nothing would be believed to mean something."""
    outage = policy.outage
    if outage is None:
        return
    most = Duration(when.LONGEST_BUDGET_S)
    if outage.budget.seconds > most.seconds:
        yield PolicyProblem("outage.budget", f"expected {most} or less, got {outage.budget}")
    yield from _different("outage.probes", [one.name for one in outage.probes])
    for number, probe in enumerate(outage.probes):
        path = f"outage.probes[{number}]"
        yield from _known_classes(policy, f"{path}.classes", probe.classes)
        if not _is_printable(probe.name):
            yield PolicyProblem(f"{path}.name", "expected a printable name")
        if len(set(probe.failed_on)) != len(probe.failed_on):
            yield PolicyProblem(f"{path}.failed_on", "the same word twice")
        if why := when.wrong_address(probe.uri):
            yield PolicyProblem(f"{path}.uri", why)
            continue
        scheme = when.parts_of(probe.uri).scheme
        known = when.PROBE_OPTIONS[scheme]
        for name in probe.options:
            if name not in known:
                words = f"{scheme} takes {', '.join(sorted(known)) or 'no option'}, not {name!r}"
                yield PolicyProblem(f"{path}.options", words)
        if scheme == "kerberos" and not (probe.account and probe.options.get("realm")):
            yield PolicyProblem(path, "expected an account and options.realm with kerberos")
        if probe.secret_file and not probe.account:
            yield PolicyProblem(path, "expected an account with secret_file")
        if probe.account and scheme not in when.WITH_A_SECRET:
            yield PolicyProblem(f"{path}.account", f"nobody logs in at {scheme}")
        elif probe.account and not probe.secret_file and scheme != "kerberos":
            yield PolicyProblem(path, "expected secret_file with an account")


def _ticket_system(policy: Policy) -> Iterator[PolicyProblem]:
    """Refuse a system that could not be asked with what is there."""
    ticket = policy.ticket
    if ticket is None:
        return
    for number, sink in enumerate(policy.alerts.sinks):
        if ticket.writes_back and sink.name == TICKET:
            yield PolicyProblem(f"alerts.sinks[{number}].name", f"{TICKET!r} is the queue of notes to tickets")
    if ticket.system == "exec":
        if not ticket.argv or not ticket.argv[0].startswith("/"):
            yield PolicyProblem("ticket.argv", "expected a program by absolute path with exec")
        for key in ("url", "project", "user", "secret_file", "ca"):
            if getattr(ticket, key):
                yield PolicyProblem(f"ticket.{key}", "expected none with exec")
        return
    if ticket.argv:
        yield PolicyProblem("ticket.argv", f"expected none with {ticket.system}")
    if ticket.url is None and ticket.system in ("servicenow", "jira"):
        yield PolicyProblem("ticket.url", f"expected an address with {ticket.system}")
    if not ticket.project and ticket.system in ("github", "gitlab"):
        yield PolicyProblem("ticket.project", f"expected one with {ticket.system}")
    if ticket.user and not ticket.secret_file:
        yield PolicyProblem("ticket.secret_file", "expected one with a user")


def _different(path: str, names: Sequence[str]) -> Iterator[PolicyProblem]:
    seen: set[str] = set()
    for number, name in enumerate(names):
        if name in seen:
            yield PolicyProblem(f"{path}[{number}].name", f"{name!r} is there already")
        seen.add(name)


def _signers(officers: Sequence[Officer], gone: Collection[str]) -> int:
    """Count the people who have a key that is not revoked; who share one are one."""
    with suppress(InvalidSignature):
        return len({number for key, number in people(officers).items() if key not in gone})
    return sum(bool(officer.keys) for officer in officers)


def _signs(one: Officer, gone: Collection[str]) -> bool:
    """Tell whether somebody has a key that is not revoked."""
    with suppress(InvalidSignature):
        return any(ssh_key.from_line(line).fingerprint not in gone for line in one.keys)
    return bool(one.keys)


def _persons(everyone: Sequence[Person], listed: Sequence[Officer]) -> int:
    """Count the different people among those who are listed, as reviews and settlements count them."""
    return sum(any(who.is_called(one.name) for one in listed) for who in everyone)


def _is_printable(name: str) -> bool:
    return bool(name.strip()) and name.isprintable()


_RULES: tuple[tuple[frozenset[str], Callable[[Policy], Iterator[PolicyProblem]]], ...] = (
    (frozenset({"quorum"}), _people),
    (frozenset({"quorum", "custodians", "sites", "kit"}), _kit),
    (frozenset({"quorum", "custodians", "sites"}), _details),
    (frozenset({"officers", "declaration", "review"}), _officers),
    (frozenset({"declaration"}), _declaration),
    (frozenset({"use"}), _auditors),
    (frozenset({"rotation"}), _generator),
    (frozenset({"rotation"}), _sessions),
    (frozenset({"alerts"}), _sinks),
    (frozenset({"alerts", "drills"}), _load_drill),
    (frozenset({"officers", "custodians", "review"}), _review),
    (frozenset({"audit"}), _standards),
    (frozenset({"declaration", "officers"}), _use_rules),
    (frozenset({"declaration", "outage"}), _outage),
    (frozenset({"ticket", "alerts"}), _ticket_system),
    (frozenset({"arming", "name", "target", "declaration", "officers", "custodians"}), _arming),
)
"""Each rule with the top-level keys it looks at."""

_OF_NEW: tuple[tuple[frozenset[str], Callable[[Policy], Iterator[PolicyProblem]]], ...] = (
    (frozenset({"declaration"}), _ticket),
    (frozenset({"alerts"}), _programs),
    (frozenset({"declaration"}), _zones),
)
"""Those that a policy in force need not keep to."""
