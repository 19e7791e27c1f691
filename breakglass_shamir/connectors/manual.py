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
"""What people do where the policy says nothing."""

GRUB = (
    "log in to {target} as root, and keep that session open to the end: it is the way back",
    "run grub-mkpasswd-pbkdf2 and type the new credential twice; what it prints from grub.pbkdf2.sha512 on is the hash",
    'in /etc/grub.d/40_custom two lines: set superusers="{account}" and password_pbkdf2 {account} HASH, with the new '
    "hash in the place of the old one; the file is for root alone (chmod 700)",
    "run update-grub, or grub2-mkconfig -o FILE where it is called so; then look into grub.cfg: the new hash stands "
    "there once and the old one nowhere, and the file is for root alone (chmod 600)",
    "see that every entry that is to start unasked has --unrestricted, or nobody can start the machine without this",
    "restart, press e at an entry, and give the old credential: it must be refused; keys are read as on a US keyboard",
    "press e again, and give the new credential: the entry is shown; leave it with Esc, and let the machine start",
    "bring the new hash to whatever else writes that file: images, configuration management, other machines of the set",
)
"""What people do to a superuser's password of GRUB."""

FIRMWARE = (
    "be at {target} itself, or at its console, with hands free for both of you, and the old credential at hand",
    "look up how long a password it takes and of which characters, and whether it locks after some wrong ones; where "
    "the new credential does not fit, stop here and set rotation.length, alphabet and must_avoid in the policy",
    "restart, open the firmware's setup with the old credential, and go to the password of {account}",
    "set the new credential, typed as on a US keyboard unless the setup says otherwise; leave other passwords alone, a "
    "disk's above all",
    "save, switch the machine off, wait until it is, and switch it on",
    "open the setup with the old credential once: it must be refused",
    "open the setup with the new credential: it must let in; leave without saving",
    "look for what else opens it: a jumper, codes of the maker, a management controller, tools of the system that runs",
)
"""What people do to a password of a BIOS or of UEFI."""

CHECKLISTS = {"any": STEPS, "grub": GRUB, "firmware": FIRMWARE}
"""What option ``checklist`` names."""


class ManualConnector(Connector):
    """A target that people change; target ``manual:NAME``, such as ``manual:aws-root-account``.

    What it changes: nothing by itself. ``rotate`` prints and hands out the new sheets as always, shows the new
    credential and the checklist, and leaves the rotation open. When it is done two different officers say so with
    ``rotate --attest-old-dead``. The record says *attested*, and a debt to review it stays.

    Options: ``checklist``, one of ``any`` (the default), ``grub`` and ``firmware``; or ``instructions``, your own, its
    steps separated by ``;``. ``{target}`` and ``{account}`` are filled in.

    What it needs: a terminal, because people must see the new credential to type it.

    What it cannot tell: anything about the target. An opening with ``--no-reveal`` makes no sense there.
    """

    scheme: ClassVar[str] = "manual"
    grace_window_s: ClassVar[int] = 0
    settle_s: ClassVar[int] = 0
    costs: ClassVar[Costs] = NOTHING
    scope: ClassVar[str] = "what the officers attest"
    by_people: ClassVar[bool] = True
    option_names: ClassVar[frozenset[str]] = frozenset({"checklist", "instructions"})

    def __init__(self, target: str, account: str = "", *, options: Mapping[str, str] = NO_OPTIONS) -> None:
        """Bind to a name.

        Raises:
            InvalidInput: no name, or instructions without a step.
        """
        super().__init__(target, account, options=options)
        self._name = target.partition(":")[2].strip("/")
        if not self._name:
            raise InvalidInput("manual target has no name: expected manual:NAME")
        if options.get("checklist", "any") not in CHECKLISTS:
            raise InvalidInput(f"option checklist: expected one of {', '.join(CHECKLISTS)}")
        if "checklist" in options and "instructions" in options:
            raise InvalidInput("options checklist and instructions: expected one of them")
        if "instructions" in options and not self.checklist():
            raise InvalidInput("option instructions: expected one step or more, separated by ;")

    def checklist(self) -> tuple[str, ...]:
        """Return what people do, step by step."""
        own, known = self.options.get("instructions"), CHECKLISTS[self.options.get("checklist", "any")]
        steps = tuple(filter(None, map(str.strip, own.split(";")))) if own is not None else known
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
