# SPDX-License-Identifier: Apache-2.0
"""What a target made for the first sheets of a set is owed until those sheets are in custody."""

from typing import Any, cast

import pytest

from breakglass_shamir.connectors.port.answers import Check, CheckResult
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.errors import PaperError
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations import targets
from breakglass_shamir.operations.credential import split


class Terminal:
    """Recorder, desk, connector, policy and printing of one split, and what was done in which order."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.desk = self.set_state = self.target = self
        self.current, self.uri = "e1", "passkey:https://login.example/"
        self.acknowledged, self.timeout_s = (), 0

    def append(self, body: Any) -> None:
        self.done.append(type(body).__name__)

    def on_sheets(self, _target: str, public_id: str, epoch_id: str) -> None:
        self.done.append(f"{public_id} on sheets of {epoch_id}")

    def warn(self, words: str) -> None:
        self.done.append(words)

    def rotate(self, _old: Secret, _new: Secret) -> None:
        self.done.append("rotate")

    def learn(self, *_: Any) -> None:
        """Nothing is counted."""

    def ask(self, *_: Any, **__: Any) -> Check:
        return Check(CheckResult.ACCEPTED, "let in")


def put_in_force(monkeypatch: pytest.MonkeyPatch, back: Exception | None = None) -> list[str]:
    one: Any = Terminal()

    def read_back(*_: Any) -> None:
        if back:
            raise back

    monkeypatch.setattr(targets, "connector_of", lambda *_: one)
    monkeypatch.setattr(split, "Prober", lambda: one)
    for name in ("read_back_folder", "read_back_by_people", "wait_for_custodians"):
        monkeypatch.setattr(split, name, read_back)
    begun = split.Begun(cast(Policy, one), cast(Any, None), "unproven", Secret(b"new"), Secret(b"old"), "VbR3mTq81kZa")
    if back:
        with pytest.raises(type(back)):
            split._put_in_force(one, one, begun, Secret(b"old"), one, one, one)
    else:
        split._put_in_force(one, one, begun, Secret(b"old"), one, one, one)
    return list(one.done)


def test_it_is_owed_until_then(monkeypatch: pytest.MonkeyPatch) -> None:
    assert put_in_force(monkeypatch) == ["VbR3mTq81kZa on sheets of e1", "rotate", "Proven"]


def test_it_stays_owed_where_the_sheets_were_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    done = put_in_force(monkeypatch, PaperError("nobody confirmed in time"))
    assert done == ["Abandoned", "these sheets count no more: destroy them, and remove VbR3mTq81kZa at the target"]
