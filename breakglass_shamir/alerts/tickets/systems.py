# SPDX-License-Identifier: Apache-2.0
"""The requests of four systems of tickets, and what their answers say.

Sources: ServiceNow, Table API (``/api/now/table``); Jira REST API, version 2 (``/rest/api/2/issue``); GitHub REST API,
version 2022-11-28 (``/repos/OWNER/REPO/issues``); GitLab REST API, version 4 (``/projects/ID/issues``).

Rules:

1. A ticket is put into an address only in the narrow form that the system's own numbers have.
2. An answer is believed only where it is of the ticket that was asked about.
"""

import base64
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from breakglass_shamir.custody.policy.when import TicketSystem
from breakglass_shamir.web import client

ANSWER_MAX_BYTES = 1 << 20
"""Longest answer that is read: an issue has its whole text in it."""


class NotUnderstoodError(Exception):
    """An answer that is none of the system's."""


class NoSuchTicketError(Exception):
    """The system has no such ticket."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A ticket as its system shows it.

    Attributes:
        state: in the system's word.
        is_open: whether the system calls it open.
        kinds: its kind, or its labels.
        handle: what a note is addressed to, beside the number.
    """

    state: str
    is_open: bool
    kinds: tuple[str, ...]
    handle: str = ""


class System(ABC):
    """One system, as a policy names it."""

    address = ""
    """Where its interface is, where the policy does not say."""

    form: re.Pattern[str]
    """What its numbers look like."""

    def __init__(self, policy: TicketSystem, secret: str) -> None:
        self.policy = policy
        self._secret = secret
        self._url = (policy.url or self.address).rstrip("/")

    def number(self, ticket: str) -> str:
        """Return what the ticket is in an address; empty where it can be none of the system's."""
        found = self.form.fullmatch(ticket)
        return found[1] if found else ""

    def question(self, number: str) -> client.Request:
        """Return the request that asks about a ticket."""
        return self._request("GET", self._of(number))

    def note(self, number: str, seen: Seen, text: str) -> client.Request:
        """Return the request that writes a note to a ticket."""
        del seen
        return self._request("POST", f"{self._of(number)}/{self.notes}", {"body": text})

    notes = "comments"
    """Where notes go, below the ticket."""

    @abstractmethod
    def _of(self, number: str) -> str:
        """Return the path of a ticket."""

    @abstractmethod
    def read(self, tree: Any, number: str) -> Seen:
        """Return what an answer says.

        Raises:
            NotUnderstoodError: it is none of the system's.
            NoSuchTicketError: there is no such ticket.
        """

    def _request(self, method: str, path: str, body: Mapping[str, str] | None = None) -> client.Request:
        sent = None if body is None else json.dumps(body).encode()
        headers = {"Accept": "application/json", **self._headers(), **self._login()}
        if sent is not None:
            headers["Content-Type"] = "application/json"
        return client.Request(
            method, f"{self._url}{path}", sent, headers, self.policy.ca, answer_max=ANSWER_MAX_BYTES,
            secrets=(self._secret,) if self._secret else (),
        )  # fmt: skip

    def _headers(self) -> dict[str, str]:
        return {}

    def _login(self) -> dict[str, str]:
        if not self._secret:
            return {}
        if self.policy.user:
            given = base64.b64encode(f"{self.policy.user}:{self._secret}".encode()).decode()
            return {"Authorization": f"Basic {given}"}
        return self._token()

    def _token(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._secret}"}


class ServiceNow(System):
    """A record of a table, by its number; open while it is active."""

    form = re.compile(r"([A-Z]{2,10}[0-9]{1,20})")

    def _of(self, number: str) -> str:
        return f"/api/now/table/{quote(self.policy.project or 'incident', safe='')}/{number}"

    def question(self, number: str) -> client.Request:
        """Return the query for a record's number."""
        table = quote(self.policy.project or "incident", safe="")
        query = urlencode({
            "sysparm_query": f"number={number}", "sysparm_limit": "2",
            "sysparm_fields": "sys_id,number,state,active,sys_class_name",
        })  # fmt: skip
        return self._request("GET", f"/api/now/table/{table}?{query}")

    def read(self, tree: Any, number: str) -> Seen:
        """Return what the one record that was found says."""
        rows = _table(tree).get("result")
        if not isinstance(rows, list):
            raise NotUnderstoodError
        if not rows:
            raise NoSuchTicketError
        row = _table(rows[0])
        _require(len(rows) == 1 and row.get("number") == number)
        handle = _text(row, "sys_id")
        _require(re.fullmatch(r"[0-9a-f]{32}", handle) is not None)
        return Seen(_text(row, "state"), row.get("active") == "true", (_text(row, "sys_class_name"),), handle)

    def note(self, number: str, seen: Seen, text: str) -> client.Request:
        """Return the request that adds a work note."""
        del number
        return self._request("PATCH", self._of(seen.handle), {"work_notes": text})


class Jira(System):
    """An issue, by its key; open unless the category of its state is ``done``."""

    form = re.compile(r"([A-Z][A-Z0-9_]{0,49}-[1-9][0-9]{0,17})")
    notes = "comment"

    def number(self, ticket: str) -> str:
        """Return an issue's key, of the project that the policy names."""
        found = super().number(ticket)
        return found if found.startswith(f"{self.policy.project}-" if self.policy.project else "") else ""

    def _of(self, number: str) -> str:
        return f"/rest/api/2/issue/{number}"

    def question(self, number: str) -> client.Request:
        """Return the query for an issue's state and type."""
        return self._request("GET", f"{self._of(number)}?fields=status,issuetype")

    def read(self, tree: Any, number: str) -> Seen:
        """Return what an issue says."""
        found = _table(tree)
        _require(found.get("key") == number)
        fields = _table(found.get("fields"))
        status, kind = _table(fields.get("status")), _table(fields.get("issuetype"))
        category = _text(_table(status.get("statusCategory")), "key")
        return Seen(_text(status, "name"), category != "done", (_text(kind, "name"),))


class GitHub(System):
    """An issue of a repository, by its number; no pull request is one."""

    address = "https://api.github.com"
    form = re.compile(r"#?([1-9][0-9]{0,17})")

    def _of(self, number: str) -> str:
        return f"/repos/{quote(self.policy.project, safe='/')}/issues/{number}"

    def _headers(self) -> dict[str, str]:
        return {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}

    def read(self, tree: Any, number: str) -> Seen:
        """Return what an issue says."""
        found = _table(tree)
        _require(_is_number(found.get("number"), number))
        if "pull_request" in found:
            raise NoSuchTicketError
        labels = (one if isinstance(one, str) else _text(_table(one), "name") for one in _list(found.get("labels")))
        return Seen(_text(found, "state"), found.get("state") == "open", tuple(labels))


class GitLab(System):
    """An issue of a project, by its number there."""

    address = "https://gitlab.com"
    form = re.compile(r"#?([1-9][0-9]{0,17})")
    notes = "notes"

    def _of(self, number: str) -> str:
        return f"/api/v4/projects/{quote(self.policy.project, safe='')}/issues/{number}"

    def read(self, tree: Any, number: str) -> Seen:
        """Return what an issue says."""
        found = _table(tree)
        _require(_is_number(found.get("iid"), number))
        kinds = (found.get("issue_type", ""), *_list(found.get("labels")))
        words = tuple(one for one in kinds if isinstance(one, str) and one)
        return Seen(_text(found, "state"), found.get("state") == "opened", words)

    def _token(self) -> dict[str, str]:
        return {"PRIVATE-TOKEN": self._secret}


SYSTEMS: Mapping[str, type[System]] = {"servicenow": ServiceNow, "jira": Jira, "github": GitHub, "gitlab": GitLab}
"""Name in the policy to its requests."""


def verdict(policy: TicketSystem, seen: Seen) -> str:
    """Return what a ticket is to a policy: ``open``, or another word, a colon and why."""
    if policy.kinds and not _any_of(policy.kinds, seen.kinds):
        return f"kind: expected {', '.join(policy.kinds)}, it is {', '.join(filter(None, seen.kinds)) or 'of none'}"
    is_open = _any_of(policy.open, [seen.state]) if policy.open else seen.is_open
    return "open" if is_open else f"closed: its state is {seen.state}"


def _any_of(wanted: Iterable[str], found: Iterable[str]) -> bool:
    return not {one.casefold() for one in wanted}.isdisjoint(one.casefold() for one in found)


def _is_number(value: Any, number: str) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and str(value) == number


def _require(holds: bool) -> None:
    if not holds:
        raise NotUnderstoodError


def _table(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise NotUnderstoodError
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise NotUnderstoodError
    return value


def _text(table: Mapping[str, Any], key: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value:
        raise NotUnderstoodError
    return value
