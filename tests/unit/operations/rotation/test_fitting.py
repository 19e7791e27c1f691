# SPDX-License-Identifier: Apache-2.0
"""The next credential fits what the target tells of its rules, whatever was drawn first."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import ClassVar

import pytest

from breakglass_shamir.connectors.port.answers import Check, CheckResult, Preflight
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.custody.credential import Credential, CredentialKind
from breakglass_shamir.custody.policy.generator import Generator
from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations.rotation.fitting import DRAWS, STRENGTHS, Source, next_credential

OLD = Credential(Secret(b"copper kettle"), CredentialKind.PASSWORD, account="root", target="picky:")


class PickyConnector(Connector):
    """A target that tells its rule beforehand."""

    scheme: ClassVar[str] = "picky"
    grace_window_s: ClassVar[int] = 0
    scope: ClassVar[str] = "this account"

    takes: Callable[[str], bool]
    asked = 0

    def _preflight(self, new: Secret | None) -> Preflight:
        self.asked += 1
        fits = new is not None and self.takes(new.reveal().decode())
        return Preflight((), ("the rule is short",), None, self.scope, () if fits else ("not to the rule",))

    def _check(self, _credential: Secret) -> Check:
        return Check(CheckResult.UNKNOWN, "nobody asks")

    def _rotate(self, _old: Secret, _new: Secret) -> None:
        raise AssertionError("nothing is changed before sheets are printed")


class Asked:
    """One search for a credential, and what it said."""

    def __init__(self, takes: Callable[[str], bool]) -> None:
        self.said: list[str] = []
        self.connector = PickyConnector("picky:")
        self.connector.takes = takes
        self.source = Source(self.connector, Generator(24), self.said.append, self._too_early)

    def _too_early(self, _until: datetime, _why: str) -> None:
        raise AssertionError("no minimum age was told")


def test_a_rule_that_only_chance_meets_is_met() -> None:
    for _ in range(300):
        asked = Asked(lambda text: "+" in text or "=" in text)
        new = next_credential(asked.source, OLD)
        assert set(new.secret.reveal().decode()) & {"+", "="}
        assert asked.said.count("the rule is short") == 1, "what the target tells is passed on once"


def test_a_rule_that_the_policys_own_generator_meets_keeps_its_length() -> None:
    asked = Asked(lambda text: "7" in text or "4" in text or "w" in text)
    assert len(next_credential(asked.source, OLD).secret) == 24
    assert asked.said == ["the rule is short"]


def test_a_rule_that_nothing_meets_ends_with_what_to_change() -> None:
    asked = Asked(lambda _text: False)
    with pytest.raises(ConnectorError, match="not to the rule") as refused:
        next_credential(asked.source, OLD)
    assert "rotation.length" in str(refused.value.hint)
    assert asked.connector.asked == STRENGTHS * DRAWS


def test_what_people_brought_is_asked_about_once() -> None:
    asked = Asked(lambda _text: False)
    brought = replace(asked.source, brought=Secret(b"brought along"))
    with pytest.raises(ConnectorError, match="not to the rule"):
        next_credential(brought, OLD)
    assert asked.connector.asked == 1


def test_a_credential_that_would_run_out_before_it_is_rotated_is_refused() -> None:
    class ShortLived(PickyConnector):
        def _preflight(self, new: Secret | None) -> Preflight:
            return Preflight((), (), None, self.scope, lives_s=29 * 86_400)

    asked = Asked(lambda _: True)
    connector = ShortLived("picky:")
    with pytest.raises(ConnectorError, match=r"would run out after 29 d, before rotation\.max_age"):
        next_credential(replace(asked.source, connector=connector, max_age_s=30 * 86_400), OLD)
    assert next_credential(replace(asked.source, connector=connector, max_age_s=29 * 86_400), OLD).kind is OLD.kind
