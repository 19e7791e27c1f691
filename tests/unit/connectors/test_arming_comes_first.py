# SPDX-License-Identifier: Apache-2.0
"""Each question that logs in as the account has it armed first, and none that does not."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.registry import connector_for
from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.hygiene import Secret

SECRET = Secret(b"copper kettle")

ASKS: dict[str, Callable[[Connector], Any]] = {
    "preflight": lambda one: one.preflight(None, SECRET),
    "check": lambda one: one.check(SECRET),
    "rotate": lambda one: one.rotate(SECRET, SECRET),
    "password_changed_at": lambda one: one.password_changed_at(SECRET),
    "open_sessions": lambda one: one.open_sessions(SECRET),
    "end_sessions": lambda one: one.end_sessions(SECRET),
    "allowance": lambda one: one.allowance(SECRET),
    "compare": lambda one: one.compare(SECRET, SECRET),
    "issue": lambda one: one.issue(SECRET),
    "lifetime": lambda one: one.lifetime(SECRET),
    "snapshot": lambda one: one.snapshot(SECRET),
}


@pytest.mark.parametrize("question", ASKS)
def test_what_is_asked_with_the_credential_waits_for_the_arming(question: str) -> None:
    def nobody() -> None:
        raise ConnectorError("nobody is on duty")

    connector = connector_for("ssh-key:///srv/key")
    connector.before_login = nobody
    with pytest.raises(ConnectorError, match="nobody is on duty"):
        ASKS[question](connector)


def test_every_question_that_gets_the_credential_is_tried_here() -> None:
    public = inspect.getmembers(Connector, inspect.isfunction)
    with_it = {
        name
        for name, one in public
        if not name.startswith("_") and {"credential", "current", "old"} & set(inspect.signature(one).parameters)
    }
    assert with_it == set(ASKS)


def test_without_the_credential_nothing_is_armed() -> None:
    armed: list[str] = []
    connector = connector_for("ssh-key:///srv/key")
    connector.before_login = lambda: armed.append("armed")
    connector.allowance(None)
    for ask in (connector.password_changed_at, connector.lifetime):
        try:
            ask(None)
        except ConnectorError:
            continue
    assert not armed
