# SPDX-License-Identifier: Apache-2.0
"""From a set's file and the files whose parts it shares to one tree, and where each part of it came from.

Rules:

1. What the set's file says itself stands, key by key; a shared file fills in what it does not say.
2. Custodians and sites of shared files are taken as they are needed: who keeps a sheet of the set, and where.
3. Of officers, reviewers and sinks a set takes all that its shared files list, or, where it has such a list itself,
   those of this list: an entry of a name alone is the shared one of that name.
4. Nobody stands in two places: an entry that has more than its name here and one there, or a key or an entry in two
   shared files, is a problem that names both places. No order of files decides.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from breakglass_shamir.custody.policy.lines import holders
from breakglass_shamir.custody.policy.person import plain
from breakglass_shamir.custody.policy.problem import PolicyProblem, at
from breakglass_shamir.custody.policy.shared import Document
from breakglass_shamir.custody.policy.table import INCLUDE
from breakglass_shamir.nearest import nearest

CHOSEN = ("officers", "review.reviewers", "alerts.sinks")
"""Lists of named tables of which a set may name those that it takes."""

NEEDED = ("custodians", "sites")
"""Lists of named tables of which a set takes what its groups need."""

_NAMED = frozenset({*CHOSEN, *NEEDED})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part of a policy stands."""

    document: Document
    key: str
    """Its key path there."""

    def __str__(self) -> str:
        return at(self.document.file, self.document.line(self.key))


@dataclass(frozen=True, slots=True)
class Instead:
    """Something of a shared file that a set's own file says otherwise, or leaves out."""

    key: str
    own: Any
    """None: left out."""

    shared: Any
    place: Place


@dataclass(slots=True)
class Merged:
    """One tree of several files."""

    own: Document
    tree: dict[str, Any] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    """Key path in the tree to where it came from, for what is not from the set's own file."""

    instead: list[Instead] = field(default_factory=list)
    problems: list[PolicyProblem] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    """What is no mistake in itself and may be one, a sentence each."""

    def place_of(self, key: str) -> Place:
        """Return where a part of the tree came from."""
        for path in (key, *holders(key)):
            if path in self.places:
                place = self.places[path]
                return Place(place.document, place.key + key[len(path) :])
        return Place(self.own, key)

    def placed(self, problem: PolicyProblem) -> PolicyProblem:
        """Return a problem with its file and line, its key as that file has it."""
        place = self.place_of(problem.key)
        return place.document.placed(
            PolicyProblem(place.key, problem.message, problem.nearest, problem.file, problem.line)
        )


def merged(own: Document, shared: Sequence[Document], *, shared_first: bool = False) -> Merged:
    """Merge a set's file with those that it includes, each of which has been checked by itself.

    Args:
        own: the set's file.
        shared: what it includes.
        shared_first: what a shared file says stands instead, for a comparison.
    """
    return _Merger(own, shared, shared_first=shared_first).run()


class _Merger:
    """What one merge goes through."""

    def __init__(self, own: Document, shared: Sequence[Document], *, shared_first: bool) -> None:
        self._own, self._shared_first = own, shared_first
        self._common: dict[str, Any] = {}
        self._common_places: dict[str, Place] = {}
        self._spelled: dict[tuple[str, str], Place] = {}
        self._found = Merged(own)
        for document in shared:
            self._add(document, document.tree, self._common, "")

    def run(self) -> Merged:
        tree = {key: value for key, value in self._own.tree.items() if key != INCLUDE}
        needed = {key: self._common.pop(key, []) for key in NEEDED}
        self._found.tree = self._table(tree, self._common, "")
        self._need("custodians", needed["custodians"], self._keepers(needed["custodians"]))
        people = self._found.tree.get("custodians")
        self._need("sites", needed["sites"], {_of(one, "site") for one in _entries(people)})
        return self._found

    def _add(self, document: Document, tree: Mapping[str, Any], common: dict[str, Any], path: str) -> None:
        """Put a shared file's parts beside those of the others."""
        for key, value in tree.items():
            below = _below(path, key)
            if isinstance(value, dict):
                self._add(document, value, common.setdefault(key, {}), below)
            elif below in _NAMED:
                listed = common.setdefault(key, [])
                for number, item in enumerate(value):
                    self._add_entry(listed, item, below, Place(document, f"{below}[{number}]"))
            elif key in common:
                self._problem(Place(document, below), f"it stands in {self._common_places[below]} already")
            else:
                common[key] = value
                self._common_places[below] = Place(document, below)

    def _add_entry(self, listed: list[Any], item: Any, path: str, place: Place) -> None:
        first = self._spelled.setdefault((path, plain(item["name"])), place)
        if first != place:
            self._problem(Place(place.document, f"{place.key}.name"), f"{item['name']!r} stands in {first} already")
            return
        self._common_places[f"{path}[{len(listed)}]"] = place
        listed.append(item)

    def _table(self, own: Mapping[str, Any], common: Mapping[str, Any], path: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key in {**common, **own}:
            below = _below(path, key)
            if key not in own:
                found[key] = self._filled(common[key], below)
            elif key not in common:
                found[key] = own[key]
            elif isinstance(own[key], dict) and isinstance(common[key], dict):
                found[key] = self._table(own[key], common[key], below)
            elif below in CHOSEN and isinstance(own[key], list):
                found[key] = self._chosen(own[key], common[key], below)
            elif isinstance(common[key], dict) or below in CHOSEN:
                found[key] = own[key]
            else:
                found[key] = self._instead(own[key], common[key], below)
        return found

    def _filled(self, value: Any, path: str) -> Any:
        """Take something from shared files whole, and note from where."""
        if isinstance(value, dict):
            return {key: self._filled(item, _below(path, key)) for key, item in value.items()}
        if path in CHOSEN:
            for number in range(len(value)):
                self._found.places[f"{path}[{number}]"] = self._common_places[f"{path}[{number}]"]
            return list(value)
        self._found.places[path] = self._common_places[path]
        return value

    def _instead(self, own: Any, common: Any, path: str) -> Any:
        if type(own) is type(common) and own == common:
            return own
        self._found.instead.append(Instead(path, own, common, self._common_places[path]))
        return common if self._shared_first else own

    def _chosen(self, own: list[Any], common: list[Any], path: str) -> list[Any]:
        """Take the entries that a set's own list names."""
        at_name = {item["name"]: number for number, item in enumerate(common)}
        found = [
            self._entry(item, common, at_name, path, number, must_be_there=True) for number, item in enumerate(own)
        ]
        names = {_of(item, "name") for item in own}
        for name, number in at_name.items():
            if name in names:
                continue
            self._found.instead.append(Instead(path, None, name, self._common_places[f"{path}[{number}]"]))
            if self._shared_first:
                found.append(common[number])
        return found

    def _entry(
        self, item: Any, common: list[Any], at_name: Mapping[str, int], path: str, number: int, *, must_be_there: bool
    ) -> Any:
        """Return an entry of a set's own list, filled in where it is a name alone."""
        name, key = _of(item, "name"), f"{path}[{number}]"
        if not name:
            return item
        spelled = self._spelled.get((path, plain(name)))
        if set(item) == {"name"}:
            if name in at_name:
                self._found.places[key] = self._common_places[f"{path}[{at_name[name]}]"]
                return common[at_name[name]]
            if must_be_there:
                near = nearest(name, at_name)
                self._problem(Place(self._own, f"{key}.name"), f"no shared file has {name!r} in {path}", near)
        elif spelled:
            words = f"{name!r} stands in {spelled} already: leave all but the name out here, or take another name"
            self._problem(Place(self._own, f"{key}.name"), words)
        return item

    def _need(self, key: str, common: list[Any], needed: set[str]) -> None:
        """Take the custodians, or the sites, that the set's groups need."""
        own = self._found.tree.get(key, [])
        if not isinstance(own, list):
            return
        at_name = {item["name"]: number for number, item in enumerate(common)}
        found = [self._entry(item, common, at_name, key, n, must_be_there=False) for n, item in enumerate(own)]
        names = {_of(item, "name") for item in own}
        for name, number in at_name.items():
            if name in needed and name not in names:
                self._found.places[f"{key}[{len(found)}]"] = self._common_places[f"{key}[{number}]"]
                found.append(common[number])
        if found or key in self._own.tree:
            self._found.tree[key] = found

    def _keepers(self, common: list[Any]) -> set[str]:
        """Return who keeps a sheet by the set's groups; doubt a name that shared files with names do not have."""
        quorum = self._own.tree.get("quorum")
        groups = _entries(quorum.get("groups") if isinstance(quorum, dict) else None)
        names = [(n, name) for n, group in enumerate(groups) for name in _texts(group.get("custodians"))]
        known = dict.fromkeys(item["name"] for item in common)
        own = {_of(item, "name") for item in _entries(self._own.tree.get("custodians"))}
        for number, name in names if known else ():
            if name not in known and name not in own:
                near = nearest(name, known)
                meant = f"; did you mean {near}?" if near else ""
                self._found.doubts.append(
                    f"quorum.groups[{number}].custodians: no shared file has a custodian {name!r}{meant}"
                )
        return {name for _, name in names}

    def _problem(self, place: Place, words: str, near: str = "") -> None:
        self._found.problems.append(place.document.placed(PolicyProblem(place.key, words, near)))


def _below(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _entries(value: Any) -> list[dict[str, Any]]:
    """Return the tables of a list, of whatever a file has in the place of one."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _texts(value: Any) -> Iterator[str]:
    yield from (item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _of(item: Any, key: str) -> str:
    """Return a text of a table; empty where there is none."""
    value = item.get(key) if isinstance(item, dict) else None
    return value if isinstance(value, str) else ""
