# SPDX-License-Identifier: Apache-2.0
"""What a person asks of a policy file before signing it.

Rules:

1. What is wrong is an error, every problem at once, the target's address included.
2. What is unwise is a warning, and what could not be looked at here is a note; neither makes the file wrong.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Literal

from breakglass_shamir.connectors.registry import connector_for
from breakglass_shamir.custody.life import holders
from breakglass_shamir.custody.life.custody_rules import policy_in_force, weakened_by
from breakglass_shamir.custody.life.state import LedgerState, SetState
from breakglass_shamir.custody.policy import availability, review_points
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.differences import differences
from breakglass_shamir.custody.policy.resolving import Taken
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.custody.policy.weak_points import fewest_people, warnings, weak_points
from breakglass_shamir.errors import ConnectorError, InvalidInput, InvalidPolicy
from breakglass_shamir.operations.arming import second
from breakglass_shamir.operations.policy import surroundings
from breakglass_shamir.operations.policy.loading import PolicyFile

Standing = Literal["adopted", "reworded", "differs", "not here"]
"""Whether a ledger has a policy: this text, another one that means the same, one that does not, or none for the set."""

SchemaKind = Literal["alone", "including", "shared"]
"""Which kind of file a schema is for."""


@dataclass(frozen=True, slots=True)
class Chance:
    """How likely a quorum comes together (docs/guide-operator.md).

    Attributes:
        quorum: from 0 to 1, by what the policy states of people and sites.
        worst_site: the site that is missed most; empty where none is named.
    """

    quorum: float
    one_site_down: float | None
    """With the site that is missed most; None where no site is named."""

    worst_site: str


@dataclass(frozen=True, slots=True)
class PolicyAnswers:
    """What a policy means (docs/guide-operator.md).

    Attributes:
        name: of the set.
        opens_with: in words: ``any 3 of these 5 sheets``.
        smallest_coalition: fewest sheets that open.
        fewest_people: fewest people who open; None where no custodian is named.
        most_losses: sheets that may be lost, whichever they are.
        sheets: how many there are.
        people_that_stop: people without whom there is no quorum.
        sites_that_stop: sites without which there is none.
        sites_that_open: sites that hold a quorum alone.
        chance: of a quorum; None where no availability is stated.
        reviewed_by: who reviews a use, in words.
        generated_characters: length of a generated credential.
        warnings: what is weak, a sentence each.
        notes: what to know, a sentence each.
        digest: SHA-256 of the policy, hexadecimal.
    """

    name: str
    opens_with: str
    smallest_coalition: int
    fewest_people: int | None
    most_losses: int
    sheets: int
    people_that_stop: tuple[str, ...]
    sites_that_stop: tuple[str, ...]
    sites_that_open: tuple[str, ...]
    chance: Chance | None
    reviewed_by: str
    generated_characters: int
    generated_bits: int
    """Entropy of a generated credential, rounded down."""

    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    digest: str
    in_force: Standing | None = None
    """What this terminal's ledger has of the set; None where there is no ledger."""

    differs: tuple[str, ...] = ()
    """Where the ledger has another policy: what this one says otherwise, a sentence each."""

    weakens: tuple[str, ...] = ()
    """What of that takes the set's quorum, a sentence each."""


@dataclass(frozen=True, slots=True)
class FileAnswers(PolicyAnswers):
    """What a policy file means, which may share parts with others (docs/guide-operator.md)."""

    included: tuple[Taken, ...] = ()
    """What it has from each of those."""

    instead: tuple[str, ...] = ()
    """What it says otherwise than those, or leaves out, a sentence each."""


@dataclass(frozen=True, slots=True)
class Ledgered:
    """What a ledger says of a policy that may not be in it yet."""

    others: tuple[Policy, ...] = ()
    """Policies of the terminal's other sets."""

    in_force: SetState | None = None
    """The set of this policy's name."""

    out_of_service: frozenset[str] = frozenset()
    """Names of sets that are retired."""

    @classmethod
    def of(cls, state: LedgerState, name: str) -> "Ledgered":
        """Take it from a ledger's state."""
        known = adopted(state)
        retired = frozenset(one.name for one in state.sets.values() if one.retired)
        return cls(tuple(policy for other, policy in known.items() if other != name), state.sets.get(name), retired)

    def weakens(self, new: Policy) -> tuple[str, ...]:
        """Return what adopting a policy would weaken."""
        return weakened_by(self.in_force, new) if self.in_force else ()

    def standing(self, source: str, new: Policy) -> tuple[Standing, tuple[str, ...]]:
        """Tell whether the ledger has a policy, and in what the one that it has differs."""
        if self.in_force is None or not self.in_force.policy_source:
            return "not here", ()
        if self.in_force.policy_source == source:
            return "adopted", ()
        found = differences(policies.parse(self.in_force.policy_source), new)
        return ("differs", found) if found else ("reworded", ())

    def require_second(self, new: Policy) -> None:
        """Refuse a policy that keeps an account closed and leaves no other way in.

        Raises:
            InvalidPolicy: saying why.
        """
        second.require_among(new, {one.name: one for one in self.others if one.name not in self.out_of_service})

    def sets_beside(self, new: Policy) -> int:
        """Count the other sets that open what this policy opens: the same target, or one names the other."""
        return sum(
            other.target.uri == new.target.uri
            or _names(new.target.second_account, other.name)
            or _names(other.target.second_account, new.name)
            for other in self.others
        )

    def warnings(self, new: Policy) -> Iterator[str]:
        """Yield what adopting a policy would weaken, and what the custody of its sheets has come to."""
        if self.in_force is None or not self.in_force.current:
            return
        for line in self.weakens(new):
            yield f"adopting it takes a quorum: {line}"
        old = policy_in_force(self.in_force, new.target.uri)
        yield from surroundings.other_options(old.target.options, new.target.options)
        yield from holders.rotation_reasons(self.in_force)


def adopted(state: LedgerState) -> dict[str, Policy]:
    """Return the policies that a ledger has, by set."""
    return {one.name: policies.parse(one.policy_source) for one in state.sets.values() if one.policy_source}


def check_file(file: PolicyFile, ledger: Ledgered | None = None) -> FileAnswers:
    """Say what a policy file means, with all that it includes.

    Args:
        file: the file, read.
        ledger: what this terminal's ledger says of it; None where there is no ledger.

    Raises:
        InvalidPolicy: it does not describe a set that can be kept, with every problem, its file and its line.
    """
    with file.located():
        found = check(file.text, ledger)
    said = {one.name: getattr(found, one.name) for one in fields(found)}
    said["warnings"] = (*file.warnings, *found.warnings)
    return FileAnswers(**said, included=file.resolved.taken, instead=file.resolved.instead)


def check(source: str, ledger: Ledgered | None = None) -> PolicyAnswers:
    """Say what a policy means.

    Args:
        source: the file's text.
        ledger: what this terminal's ledger says of it; None where there is no ledger.

    Raises:
        InvalidPolicy: it does not describe a set that can be kept, with every problem.
    """
    policy = policies.parse_new(source, new_set=ledger is None or ledger.in_force is None)
    if ledger is not None:
        ledger.require_second(policy)
    structure = policy.structure
    chance, notes = _chance(policy)
    sets_of_this_target = ledger.sets_beside(policy) + 1 if ledger else None
    weak = weak_points(policy)
    in_force, differs = ledger.standing(source, policy) if ledger else (None, ())
    return PolicyAnswers(
        policy.name,
        surroundings.opens_with(policy),
        structure.smallest_coalition,
        fewest_people(policy),
        structure.most_losses,
        structure.sheets,
        weak.people_that_stop,
        weak.sites_that_stop,
        weak.sites_that_open,
        chance,
        review_points.reviewed_by(policy),
        policy.rotation.length,
        int(policy.rotation.generator.bits()),
        (
            *warnings(policy, sets_of_this_target),
            *review_points.warnings(policy),
            *(ledger.warnings(policy) if ledger else ()),
            *surroundings.unprintable(policy),
            *surroundings.missing_files(policy),
        ),
        (*_connector_notes(policy), *notes, *_arming_notes(policy, ledger)),
        policies.digest(source).hex(),
        in_force,
        differs,
        ledger.weakens(policy) if ledger else (),
    )


def schema(kind: SchemaKind = "alone") -> str:
    """Return the JSON Schema of a policy file: one that stands alone, one that includes others, or a shared one."""
    # Imported here: only an editor's maker asks.
    from breakglass_shamir.custody.policy import schema as made

    found = {"alone": made.schema, "including": made.including_schema, "shared": made.shared_schema}[kind]()
    return json.dumps(found, indent=2, ensure_ascii=False)


def _names(text: str, name: str) -> bool:
    """Tell whether a text names a set, as a word of its own."""
    return name in text and re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text) is not None


def _connector_notes(policy: Policy) -> list[str]:
    """Ask the registry about every address; nothing reaches a target.

    Raises:
        InvalidPolicy: no connector takes one of them.
    """
    notes = []
    wrong = []
    for key, uri in (("target.uri", policy.target.uri), *_endpoints(policy)):
        try:
            connector = connector_for(uri, policy.target.account, policy.target.options)
            if policy.arming and policy.arming.authority != "program" and not connector.arms:
                wrong.append(("arming.authority", f"{connector.scheme} ends no account by itself", _PROGRAM_DOES))
        except InvalidInput as error:
            wrong.append((key, str(error), error.hint))
        except ConnectorError as error:
            notes.append(f"{key} was not looked at: {error}; {error.hint}")
    if wrong:
        lines = [f"{key}: {message}" for key, message, _ in wrong]
        problems = [{"key": key, "message": message, "nearest": ""} for key, message, _ in wrong]
        raise InvalidPolicy("\n".join(lines), hint=wrong[0][2], problems=problems)
    return list(dict.fromkeys(notes))


_PROGRAM_DOES = 'a program can arm it: arming.authority = "program", see docs/arming.md'


def _arming_notes(policy: Policy, ledger: Ledgered | None) -> Iterator[str]:
    """Say what keeping an account closed costs, and what nobody could look at."""
    if policy.arming is None:
        return
    yield (
        "the account is kept closed: an opening, a check, a drill and a rotation each need the second authority, and "
        f"no override passes the target's own lock; the way in then is the set {policy.arming.second_set}"
    )
    if ledger is None:
        yield f"arming.second_set was not looked at: there is no ledger here; {policy.arming.second_set} must be in it"
    if policy.arming.authority != "program" and "admin" not in policy.target.options:
        yield "the watch cannot ask this target until when the account is open, so it sees no arming by somebody else"


def _endpoints(policy: Policy) -> list[tuple[str, str]]:
    return [(f"rotation.endpoints[{n}]", uri) for n, uri in enumerate(policy.rotation.endpoints)]


def _chance(policy: Policy) -> tuple[Chance | None, list[str]]:
    """Compute how likely a quorum is, or say what is not stated."""
    if missing := availability.unstated(policy):
        if not policy.custodians and not policy.sites:
            return None, ["how likely a quorum comes together is not known: no availability is stated"]
        return None, [f"how likely a quorum comes together is not known: not stated for {', '.join(missing)}"]
    structure, places = policy.structure, availability.places(policy)
    quorum = availability.chance_of_quorum(structure, places)
    if quorum is None:
        return None, ["how likely a quorum comes together was not computed: too many groups share too many sites"]
    down = {
        place.name: chance
        for place in places
        if place.name and (chance := availability.chance_of_quorum(structure, places, place.name)) is not None
    }
    worst = min(down, key=lambda name: down[name], default="")
    return Chance(quorum, down.get(worst), worst), []
