# SPDX-License-Identifier: Apache-2.0
"""Keep one break-glass credential on paper, under a quorum, and make every use leave a signed trace.

What to use by default
    The command line, ``breakglass``. From a program, :class:`Home`: the same use cases, with a :class:`Desk` of your
    own where the command line has its terminal. An opening goes through :meth:`Home.recombine`, which makes a signed
    record durable before a byte of the credential leaves it, and owes a rotation afterwards.

    In memory, without a home, :func:`split` deals a :class:`Credential` into a public :class:`Envelope` and secret
    shares, and a :class:`Pool` takes texts of them from any source and answers each. :func:`render_sheet`,
    :func:`render_drill_card` and :func:`read_pages` go between those texts and paper.

    Opening a pool leaves no record, no alert and no debt. The call that does it stands in :mod:`hazmat`, so that it
    is found wherever it is used.

    A target of your own is a :class:`Connector` in a package of your own.

How keys are handled
    The master is drawn inside :func:`split` and :meth:`Home.split`, is split, proven and wiped, and is never accepted
    from outside: a master seals exactly once. Secrets are :class:`Secret`, which no ``repr``, ``str``, pickle or
    comparison gives away; ``reveal`` does, and is easy to find. Python copies bytes freely, so wiping lowers the
    exposure and does not end it (docs/threat-model.md). :func:`harden_process` hardens the process that calls it;
    nothing here does that by itself.

What stays compatible
    The names in ``__all__``, their signatures and public attributes, and the leaves of :mod:`errors` with their
    ``id``; what changes there is in the changelog. Everything else is private, whatever its name: the modules below
    this package, and what they hold beside those names. Words meant for people - messages, hints, ``Answer.message`` -
    may change in any release.

    What is printed lives ten years in a safe: a share or envelope of version 1 stays readable by every later release.
    ``docs/spec/`` is normative; where code and specification differ, the code is wrong.

Bad input is refused by a leaf of :mod:`errors` that says what was expected and what to do next; no message holds a
secret. Importing this package loads nothing else: each name is loaded when it is first used.
"""

from breakglass_shamir.version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from breakglass_shamir import errors as errors
    from breakglass_shamir.connectors.port.answers import (
        Access,
        Allowance,
        Armed,
        Check,
        CheckResult,
        Lifetime,
        Login,
        Operator,
        Preflight,
    )
    from breakglass_shamir.connectors.port.base import Connector
    from breakglass_shamir.connectors.port.cost import Costs
    from breakglass_shamir.connectors.port.options import NO_OPTIONS
    from breakglass_shamir.crypto.keys import Kind
    from breakglass_shamir.crypto.totp import TotpScheme
    from breakglass_shamir.custody.credential import Credential, CredentialKind, Passkey
    from breakglass_shamir.custody.life.chain import Chain
    from breakglass_shamir.custody.life.due import Due
    from breakglass_shamir.custody.life.gates import Request
    from breakglass_shamir.custody.life.passed import PassedGate
    from breakglass_shamir.custody.quorum.answer import Answer, Verdict
    from breakglass_shamir.custody.quorum.tally import GroupTally, Tally
    from breakglass_shamir.formats.core import Core
    from breakglass_shamir.formats.envelope import Checkpoint, Envelope
    from breakglass_shamir.formats.extensions import Extensions
    from breakglass_shamir.formats.seal import Sealed
    from breakglass_shamir.formats.share import ReadShare, Share
    from breakglass_shamir.formats.structure import Group, Structure
    from breakglass_shamir.hygiene import Secret, harden_process
    from breakglass_shamir.library import hazmat as hazmat
    from breakglass_shamir.library.audit import Audit, Verification
    from breakglass_shamir.library.custody import Home
    from breakglass_shamir.library.drills import Drills
    from breakglass_shamir.library.memory import (
        GatheredQuorum,
        Pool,
        read_envelope,
        read_share,
        read_share_lines,
        split,
        split_drill,
    )
    from breakglass_shamir.library.pages import read_pages, render_drill_card, render_sheet
    from breakglass_shamir.library.sheets import Sheets
    from breakglass_shamir.operations.audit.export import Exported
    from breakglass_shamir.operations.audit.recovery_import import ImportedRecovery
    from breakglass_shamir.operations.audit.witnesses import Witness
    from breakglass_shamir.operations.credential.recombine import OpeningResult
    from breakglass_shamir.operations.credential.split import SplitResult
    from breakglass_shamir.operations.credential.using import Use
    from breakglass_shamir.operations.desk import Board, Desk, EmptyDesk, Given, HowNext, OpenUse
    from breakglass_shamir.operations.drills.rehearsal import DrillOutcome
    from breakglass_shamir.operations.drills.roll_call import RollCallResult
    from breakglass_shamir.operations.monitoring.heartbeat import Beat
    from breakglass_shamir.operations.monitoring.status import (
        DebtStatus,
        DrillStatus,
        ProbeStatus,
        SetStatus,
        WatchStatus,
    )
    from breakglass_shamir.operations.monitoring.to_do import ToDo
    from breakglass_shamir.operations.monitoring.watch import Watching
    from breakglass_shamir.operations.opening.declaring import Overrides
    from breakglass_shamir.operations.opening.signing import Declaration, Signed, Signers
    from breakglass_shamir.operations.policy.adopt import Adoption
    from breakglass_shamir.operations.policy.checking import Chance, PolicyAnswers
    from breakglass_shamir.operations.printing.ceremony import Destruction, Note
    from breakglass_shamir.operations.printing.custodians import Reassignment
    from breakglass_shamir.operations.printing.sheets import Printing
    from breakglass_shamir.operations.reading.held import Held
    from breakglass_shamir.operations.reading.sources import Sources
    from breakglass_shamir.paper.reading.health import Health
    from breakglass_shamir.paper.reading.scan import ScannedCode, ScannedPage

_MODULES = {"errors": "errors", "hazmat": "library.hazmat"}
"""Public modules, and where they are."""

_NAMES = {
    "connectors.port.answers": (
        "Access", "Allowance", "Armed", "Check", "CheckResult", "Lifetime", "Login", "Operator", "Preflight",
    ),
    "connectors.port.base": ("Connector",),
    "connectors.port.cost": ("Costs",),
    "connectors.port.options": ("NO_OPTIONS",),
    "crypto.keys": ("Kind",),
    "crypto.totp": ("TotpScheme",),
    "custody.credential": ("Credential", "CredentialKind", "Passkey"),
    "custody.life.chain": ("Chain",),
    "custody.life.due": ("Due",),
    "custody.life.gates": ("Request",),
    "custody.life.passed": ("PassedGate",),
    "custody.quorum.answer": ("Answer", "Verdict"),
    "custody.quorum.tally": ("GroupTally", "Tally"),
    "formats.core": ("Core",),
    "formats.envelope": ("Checkpoint", "Envelope"),
    "formats.extensions": ("Extensions",),
    "formats.seal": ("Sealed",),
    "formats.share": ("ReadShare", "Share"),
    "formats.structure": ("Group", "Structure"),
    "hygiene": ("Secret", "harden_process"),
    "library.audit": ("Audit", "Verification"),
    "library.custody": ("Home",),
    "library.drills": ("Drills",),
    "library.memory": (
        "GatheredQuorum", "Pool", "read_envelope", "read_share", "read_share_lines", "split", "split_drill",
    ),
    "library.pages": ("read_pages", "render_drill_card", "render_sheet"),
    "library.sheets": ("Sheets",),
    "operations.audit.export": ("Exported",),
    "operations.audit.recovery_import": ("ImportedRecovery",),
    "operations.audit.witnesses": ("Witness",),
    "operations.credential.recombine": ("OpeningResult",),
    "operations.credential.using": ("Use",),
    "operations.credential.split": ("SplitResult",),
    "operations.desk": ("Board", "Desk", "EmptyDesk", "Given", "HowNext", "OpenUse"),
    "operations.drills.rehearsal": ("DrillOutcome",),
    "operations.drills.roll_call": ("RollCallResult",),
    "operations.monitoring.heartbeat": ("Beat",),
    "operations.monitoring.status": ("DebtStatus", "DrillStatus", "ProbeStatus", "SetStatus", "WatchStatus"),
    "operations.monitoring.to_do": ("ToDo",),
    "operations.monitoring.watch": ("Watching",),
    "operations.opening.declaring": ("Overrides",),
    "operations.opening.signing": ("Declaration", "Signed", "Signers"),
    "operations.policy.adopt": ("Adoption",),
    "operations.policy.checking": ("Chance", "PolicyAnswers"),
    "operations.printing.ceremony": ("Destruction", "Note"),
    "operations.printing.custodians": ("Reassignment",),
    "operations.printing.sheets": ("Printing",),
    "operations.reading.held": ("Held",),
    "operations.reading.sources": ("Sources",),
    "paper.reading.health": ("Health",),
    "paper.reading.scan": ("ScannedCode", "ScannedPage"),
}  # fmt: skip
"""Public names by the module that holds them; the block above tells the same to type checkers."""

__all__ = [
    "NO_OPTIONS",
    "Access",
    "Adoption",
    "Allowance",
    "Answer",
    "Armed",
    "Audit",
    "Beat",
    "Board",
    "Chain",
    "Chance",
    "Check",
    "CheckResult",
    "Checkpoint",
    "Connector",
    "Core",
    "Costs",
    "Credential",
    "CredentialKind",
    "DebtStatus",
    "Declaration",
    "Desk",
    "Destruction",
    "DrillOutcome",
    "DrillStatus",
    "Drills",
    "Due",
    "EmptyDesk",
    "Envelope",
    "Exported",
    "Extensions",
    "GatheredQuorum",
    "Given",
    "Group",
    "GroupTally",
    "Health",
    "Held",
    "Home",
    "HowNext",
    "ImportedRecovery",
    "Kind",
    "Lifetime",
    "Login",
    "Note",
    "OpenUse",
    "OpeningResult",
    "Operator",
    "Overrides",
    "PassedGate",
    "Passkey",
    "PolicyAnswers",
    "Pool",
    "Preflight",
    "Printing",
    "ProbeStatus",
    "ReadShare",
    "Reassignment",
    "Request",
    "RollCallResult",
    "ScannedCode",
    "ScannedPage",
    "Sealed",
    "Secret",
    "SetStatus",
    "Share",
    "Sheets",
    "Signed",
    "Signers",
    "Sources",
    "SplitResult",
    "Structure",
    "Tally",
    "ToDo",
    "TotpScheme",
    "Use",
    "Verdict",
    "Verification",
    "WatchStatus",
    "Watching",
    "Witness",
    "__version__",
    "errors",
    "harden_process",
    "hazmat",
    "read_envelope",
    "read_pages",
    "read_share",
    "read_share_lines",
    "render_drill_card",
    "render_sheet",
    "split",
    "split_drill",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Load a public name when it is first used."""
        module = _MODULES.get(name) or next((where for where, names in _NAMES.items() if name in names), None)
        if module is None:
            raise AttributeError(f"module {__name__!r} has no public name {name!r}")
        from importlib import import_module

        loaded = import_module(f"{__name__}.{module}")
        found = loaded if name in _MODULES else getattr(loaded, name)
        globals()[name] = found
        return found

    def __dir__() -> list[str]:
        """List the public names, loaded or not."""
        return sorted({*globals(), *__all__})
