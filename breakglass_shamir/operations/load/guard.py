# SPDX-License-Identifier: Apache-2.0
"""What a load drill must never touch: a break-glass account that is alive, and a sink that nobody here adopted.

Rules:

1. A policy is refused whose target a set on record has or had: the same text, the same server, or the same account
   on whatever server, since servers share accounts. So is one of which that cannot be told.
2. A server is the same by its name or by an address of it, whatever the port. A name that cannot be resolved is not
   known to be another one. This machine is one server under all its names.
3. Nobody logs in but where people name target and account in the words of the policy, over the network, by a
   connector of this program that asks one server, with options that name no other place, account or program.
4. A sink is sent to only if a policy in force here has it in the same words, and lets load drills at it: a file to
   append to, a program, and an address to post to are all ways to an account.

What it cannot see: sets that only other terminals know, and a name that resolves to another address afterwards. The
account's name is compared, and people type it.
"""

import re
import socket
import threading
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from breakglass_shamir.connectors.port.base import scheme_of
from breakglass_shamir.custody.life.state import LedgerState
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.sinks import AnySink
from breakglass_shamir.custody.policy.tables import LoadDrill, Policy
from breakglass_shamir.custody.records.ledger import PolicyAdopted, PolicyWeakened
from breakglass_shamir.custody.records.monitoring import Asked
from breakglass_shamir.custody.records.rotations import TargetNamed
from breakglass_shamir.errors import BreakglassError, IllegalState
from breakglass_shamir.ledger.store import Ledger
from breakglass_shamir.operations.targets import Named

BY_PEOPLE = "manual"
LOGS_IN = ("ldap", "ldaps", "mysql", "openbao-userpass", "postgresql")
"""Schemes of one server that asks for one account's password."""

HARMLESS = frozenset({"ca", "time_limit", "tls"})
"""Options that name no other place, account or program."""

RESOLVE_S = 10.0
"""Longest wait for all names of servers together."""

_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NAMED_ENTRY = re.compile(r"(?:cn|uid)\s*=([^,+=\\\"#<>;]*)(?:,.*)?", re.DOTALL)
_HERE = "this machine"

_ANOTHER = "use a policy of a server and an account that are there for drills alone"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a set opens, or opened."""

    set_name: str
    uri: str
    account: str


def check(ledger: Ledger, policy: Policy, named: Named) -> LoadDrill:
    """Refuse a policy by which a load drill could touch what it must not.

    Args:
        ledger: of this terminal.
        policy: what the load drill goes by.
        named: where people say that each rehearsal logs in; an empty one: nowhere.

    Returns:
        What the policy says of load drills.

    Raises:
        IllegalState: saying which rule it breaks.
    """
    load = policy.drills.load
    if load is None:
        raise IllegalState(
            f"the policy of {policy.name} has no [drills.load], which says what a load drill is held against",
            hint="add [drills.load] to it; an empty one has no limits and tells nobody",
        )
    if policy.name in ledger.state.sets:
        raise IllegalState(f"{policy.name} is a set on record, and load drills have sets of their own", hint=_ANOTHER)
    _check_sinks(ledger.state, policy, load)
    _check_target(ledger, policy)
    if named.uri:
        _check_login(policy, named)
    return load


def _check_sinks(state: LedgerState, policy: Policy, load: LoadDrill) -> None:
    adopted = [*_adopted_sinks(state)]
    for sink in policy.alerts.sinks:
        if sink.name in load.sinks and sink not in adopted:
            raise IllegalState(
                f"no policy in force here has the sink {sink.name} in these words and lets load drills at it",
                hint="name it in [drills.load] of the set that it is of, and adopt that: breakglass policy adopt FILE",
            )


def _adopted_sinks(state: LedgerState) -> Iterator[AnySink]:
    for one in state.sets.values():
        policy = _parsed(one.policy_source)
        load = policy.drills.load if policy else None
        if policy and load:
            yield from (sink for sink in policy.alerts.sinks if sink.name in load.sinks)


def _check_target(ledger: Ledger, policy: Policy) -> None:
    """Hold every place that a policy names against every place that is or was one of a set."""
    account, places = policy.target.account, tuple(dict.fromkeys(_on_record(ledger)))
    mine = dict.fromkeys((policy.target.uri, *policy.rotation.endpoints))
    for place in places:
        if place.uri in mine:
            raise IllegalState(f"{place.uri} is the target of set {place.set_name}, on record", hint=_ANOTHER)
        if account and _short(account) == _short(place.account):
            raise IllegalState(
                f"the account {account} has the name of the account of set {place.set_name}, on record", hint=_ANOTHER
            )
    if all(_is_by_people(uri) for uri in mine):
        return
    if unknown := [name for name, one in ledger.state.sets.items() if not one.policy_source and name not in
                   {place.set_name for place in places if place.uri}]:  # fmt: skip
        raise IllegalState(
            f"nobody knows here where set {unknown[0]} opens: this target could be its own",
            hint="adopt a policy of that set, which names its target",
        )
    resolver = _Resolver([host for uri in (*mine, *(place.uri for place in places)) if (host := _host(uri))])
    own = {uri: resolver.addresses(_host(uri)) for uri in mine if not _is_by_people(uri)}
    for place in places:
        if _is_by_people(place.uri):
            continue
        there = resolver.addresses(_host(place.uri))
        for uri, found in own.items():
            if found & there:
                raise IllegalState(f"{uri} is at the server of set {place.set_name}, on record", hint=_ANOTHER)
            if not found or not there:
                unresolved = _host(place.uri) if found else _host(uri)
                raise IllegalState(
                    f"the server {unresolved!r} cannot be resolved, so nobody knows whether {uri} is at that of set "
                    f"{place.set_name}",
                    hint="mend the name, or use a terminal that knows it",
                )


def _check_login(policy: Policy, named: Named) -> None:
    target = policy.target
    if (named.uri, named.account) != (target.uri, target.account):
        raise IllegalState(
            f"people name {named.in_words}, the policy {Named(target.uri, target.account).in_words}",
            hint="a load drill logs in only where both say the same",
        )
    scheme = scheme_of(target.uri)
    if scheme not in LOGS_IN:
        raise IllegalState(f"a load drill logs in at {', '.join(LOGS_IN)} alone, not at {scheme}", hint=_ANOTHER)
    parts = urlsplit(target.uri)
    if parts.query or parts.fragment or "@" in parts.netloc or "," in parts.netloc:
        raise IllegalState(f"expected one server and nothing else in the target, got {target.uri}", hint=_ANOTHER)
    if more := sorted(set(target.options) - HARMLESS):
        raise IllegalState(
            f"the target's options {', '.join(more)} may lead elsewhere",
            hint=f"a load drill takes {', '.join(sorted(HARMLESS))} alone",
        )
    if not _ACCOUNT.fullmatch(_short(target.account)):
        raise IllegalState(
            f"the account {target.account!r} cannot be told from others by its name",
            hint="use one of ASCII letters, digits, dots and hyphens, or cn= or uid= and such a name",
        )


def _on_record(ledger: Ledger) -> Iterator[_Place]:
    """Yield every place that a set of this ledger has or had, as policies, people and this program's logins name it."""
    sources = dict.fromkeys((name, one.policy_source) for name, one in ledger.state.sets.items())
    for entry in ledger.entries():
        name, body = entry.record.set, entry.record.body
        match body:
            case PolicyAdopted() | PolicyWeakened():
                sources[name, body.source] = None
            case TargetNamed():
                yield _Place(name, body.target, body.account)
            case Asked():
                yield _Place(name, body.target, "")
            case _:
                pass
    for name, source in sources:
        if policy := _parsed(source):
            for uri in dict.fromkeys((policy.target.uri, *policy.rotation.endpoints)):
                yield _Place(name, uri, policy.target.account)


def _parsed(source: str) -> Policy | None:
    with suppress(BreakglassError):
        return policies.parse(source) if source else None
    return None


def _is_by_people(uri: str) -> bool:
    with suppress(BreakglassError):
        return scheme_of(uri) == BY_PEOPLE
    return False


def _host(uri: str) -> str:
    """Return the name of the server in a URI; one without a server is of this machine."""
    try:
        return (urlsplit(uri).hostname or "").rstrip(".").casefold() or _HERE
    except ValueError:
        return uri


def _short(account: str) -> str:
    """Return what an account is called, without realm, domain and the rest of a distinguished name."""
    plain = unicodedata.normalize("NFKC", account).casefold().strip()
    if entry := _NAMED_ENTRY.fullmatch(plain):
        return entry[1].strip()
    return plain.rpartition("\\")[2].partition("@")[0]


class _Resolver:
    """Names of servers to what tells them apart: their names and addresses, or that it is this machine."""

    def __init__(self, hosts: Sequence[str]) -> None:
        self._found: dict[str, frozenset[str]] = {}
        looking = threading.Thread(target=self._look, args=(dict.fromkeys(hosts),), daemon=True)
        looking.start()
        looking.join(RESOLVE_S)

    def addresses(self, host: str) -> frozenset[str]:
        """Return what was found; nothing where it could not be resolved in time."""
        return self._found.get(host, frozenset())

    def _look(self, hosts: Sequence[str]) -> None:
        for host in hosts:
            if host == _HERE:
                self._found[host] = frozenset({_HERE})
                continue
            with suppress(OSError, UnicodeError):
                each = {str(one[4][0]) for one in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
                self._found[host] = frozenset({host, *(_HERE if _is_mine(one) else one for one in each)})


def _is_mine(address: str) -> bool:
    """Tell whether an address is one of this machine's: only those can be bound."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as one:
        one.bind((address.partition("%")[0], 0))
        return True
    return False
