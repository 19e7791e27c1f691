# SPDX-License-Identifier: Apache-2.0
"""Access drill: the real thing up to a login by the connector (spec section 9).

Rules:

1. It is an opening with the purpose ``drill``: the same sheets, the same records, the same rotation at its end.
   Its checks are hard, and nobody sees the credential.
2. Without a place for new sheets it does not begin, for it ends in a rotation.
3. Its result is recorded with what the target said and how long each step took, also when it failed.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from breakglass_shamir.connectors.port.answers import CheckResult
from breakglass_shamir.custody.life.gates import Request
from breakglass_shamir.custody.life.history import STATUS_IDS
from breakglass_shamir.custody.records.drills import DrillEnded
from breakglass_shamir.custody.records.openings import UseEnded
from breakglass_shamir.errors import BreakglassError, InvalidInput
from breakglass_shamir.ledger.entry import Entry
from breakglass_shamir.operations.credential.recombine import recombine
from breakglass_shamir.operations.credential.using import LOGIN, Use
from breakglass_shamir.operations.drills.rehearsal import DrillOutcome
from breakglass_shamir.operations.opening.declaring import NOBODY, Overrides
from breakglass_shamir.operations.opening.signing import Signers
from breakglass_shamir.operations.printing.sheets import Printing
from breakglass_shamir.operations.reading.sources import Sources
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.operations.rotation.naming import NOBODY_NAMED
from breakglass_shamir.operations.targets import Named
from breakglass_shamir.paper.reading.scan import Scanner

STEPS = ("opened", "use-ended", "old-dead", "closed")
"""Records whose time after the declaration is kept with the result."""


def access(
    recorder: Recorder,
    request: Request,
    sources: Sources,
    printing: Printing | None,
    scanner: Scanner,
    *,
    signers: Signers = NOBODY,
    named: Named = NOBODY_NAMED,
) -> DrillOutcome:
    """Open, log in, rotate, and say how it went.

    Args:
        recorder: at the set.
        request: who takes part and why; its purpose is ``drill``, its mode ``no-reveal``.
        sources: the sheets.
        printing: where the new ones go.
        scanner: reads them.
        signers: officers who sign the declaration on this terminal.
        named: the target, where no policy names it.

    Raises:
        InvalidInput: nowhere to print new sheets, or nobody says where the credential goes.
        BreakglassError: as an opening does; a drill that had been declared is recorded as failed.
    """
    epoch = recorder.set_state.current_epoch
    if printing is None:
        raise InvalidInput(
            "expected a place for the new sheets: an access drill ends in a rotation", hint="name it with --out DIR"
        )
    with _recorded_when_it_fails(recorder, epoch.epoch_id):
        use = Use(classification="drill")
        found = recombine(recorder, request, Overrides(), sources, use, printing, scanner, signers=signers, named=named)
    login = _login(recorder)
    unproven = [] if login == CheckResult.ACCEPTED else [f"expected an accepted login, got {login or 'none'}"]
    reasons = (*unproven, *(f"owed: {debt}" for debt in found.debts))
    result = "fail" if login == CheckResult.REFUSED else "warning" if reasons else "pass"
    body = _ended(recorder, epoch.epoch_id, result, reasons)
    recorder.append(body)
    return DrillOutcome(
        recorder.set_name, recorder.opening, "access", found.epoch, (), (), login, body.steps_ms, result, reasons,
        STATUS_IDS[result],
    )  # fmt: skip


@contextmanager
def _recorded_when_it_fails(recorder: Recorder, epoch_id: str) -> Iterator[None]:
    """Record a drill that was declared and came to no good end."""
    try:
        yield
    except BreakglassError as error:
        if recorder.opening:
            try:
                recorder.append(_ended(recorder, epoch_id, "fail", (str(error),)))
            except BreakglassError as failure:
                recorder.desk.warn(f"this drill could not be recorded: {failure}")
        raise


def _ended(recorder: Recorder, epoch_id: str, result: str, reasons: tuple[str, ...]) -> DrillEnded:
    return DrillEnded(
        drill="access",
        epoch_id=epoch_id,
        login=_login(recorder),
        steps_ms=_steps(recorder),
        result=result,
        reasons=reasons,
    )


def _mine(recorder: Recorder) -> Iterator[Entry]:
    return (entry for entry in recorder.ledger.entries() if entry.record.opening == recorder.opening)


def _login(recorder: Recorder) -> str:
    """Return what the target said to the credential, from the record of the use."""
    for entry in _mine(recorder):
        body = entry.record.body
        if isinstance(body, UseEnded) and body.outcome.startswith(LOGIN):
            return body.outcome.removeprefix(LOGIN)
    return ""


def _steps(recorder: Recorder) -> dict[str, int]:
    """Return milliseconds from the declaration to each step that was recorded."""
    state = recorder.set_state
    openings = (*state.past, *filter(None, [state.opening]))
    begun = next(one.at for one in openings if one.id == recorder.opening)
    return {
        str(entry.record.body.__struct_config__.tag): max(0, entry.record.uptime_ms - begun.uptime_ms)
        for entry in _mine(recorder)
        if entry.record.boot == begun.boot and entry.record.body.__struct_config__.tag in STEPS
    }
