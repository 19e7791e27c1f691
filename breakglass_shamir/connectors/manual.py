# SPDX-License-Identifier: Apache-2.0
"""A target that only people can change: a checklist to follow, and two officers who attest.

Rules:

1. Nothing here claims to know: every check is *unknown*, and a rotation is attested, never proven.
2. The change is made by people after the new sheets are in custody, with the new credential on the screen.
"""

from collections.abc import Mapping
from typing import ClassVar

from breakglass_shamir.connectors.port.answers import Check, CheckResult, Preflight
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.port.cost import NOTHING, Costs
from breakglass_shamir.connectors.port.options import NO_OPTIONS
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret

STEPS = (
    "log in to {target} as {account} with the old credential, on a machine you trust",
    "change the credential to the new one, typed by one of you and read aloud from the screen by nobody",
    "log out, and log in with the new credential",
    "try to log in with the old credential once, in a private window: it must be refused",
    "end every other session of the account, and look for what else opens it: access keys, recovery codes, devices",
    "log in with the new credential once more",
)
"""What people do where the policy has no instructions of its own."""


class ManualConnector(Connector):
    """A target that people change; target ``manual:NAME``, such as ``manual:aws-root-account``.

    What it changes: nothing by itself. ``rotate`` prints and hands out the new sheets as always, shows the new
    credential and the checklist, and leaves the rotation open. When it is done two different officers say so with
    ``rotate --attest-old-dead``. The record says *attested*, and a debt to review it stays.

    Options: ``instructions``, your own checklist, its steps separated by ``;``; ``{target}`` and ``{account}`` are
    filled in.

    What it needs: a terminal, because people must see the new credential to type it.

    What it cannot tell: anything about the target. An opening with ``--no-reveal`` makes no sense there.
    """

    scheme: ClassVar[str] = "manual"
    grace_window_s: ClassVar[int] = 0
    settle_s: ClassVar[int] = 0
    costs: ClassVar[Costs] = NOTHING
    scope: ClassVar[str] = "what the officers attest"
    by_people: ClassVar[bool] = True
    option_names: ClassVar[frozenset[str]] = frozenset({"instructions"})

    def __init__(self, target: str, account: str = "", *, options: Mapping[str, str] = NO_OPTIONS) -> None:
        """Bind to a name.

        Raises:
            InvalidInput: no name, or instructions without a step.
        """
        super().__init__(target, account, options=options)
        self._name = target.partition(":")[2].strip("/")
        if not self._name:
            raise InvalidInput("manual target has no name: expected manual:NAME")
        if "instructions" in options and not self.checklist():
            raise InvalidInput("option instructions: expected one step or more, separated by ;")

    def checklist(self) -> tuple[str, ...]:
        """Return what people do, step by step."""
        own = self.options.get("instructions")
        steps = tuple(filter(None, map(str.strip, own.split(";")))) if own is not None else STEPS
        facts = {"{target}": self._name, "{account}": self.account or "the account"}
        for name, value in facts.items():
            steps = tuple(step.replace(name, value) for step in steps)
        return steps

    def _preflight(self, new: Secret | None) -> Preflight:
        return Preflight((), ("people change this target, and two officers attest it",), None, self.scope)

    def _check(self, credential: Secret) -> Check:
        return Check(CheckResult.UNKNOWN, "nobody but people can ask this target")

    def _rotate(self, old: Secret, new: Secret) -> None:
        raise ConnectorError("unchanged: people change this target", hint="follow the checklist")
