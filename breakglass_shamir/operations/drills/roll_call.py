# SPDX-License-Identifier: Apache-2.0
"""Roll-call: one custodian's sheet, alone (spec section 9).

Rules:

1. Seal inspection opens nothing: the bag is whole, and its serial is the one that is on record.
2. Live verification scans this one sheet in a process that keeps nothing; afterwards it is in a new bag.
3. Whatever comes of it is recorded, then said: a roll-call that failed is a finding, not an accident.
4. Two live shares in one run are refused, and nothing of either is taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from breakglass_shamir.custody.confirmed import ConfirmedCore
from breakglass_shamir.custody.life import under_way
from breakglass_shamir.custody.life.history import STATUS_IDS
from breakglass_shamir.custody.life.state import EpochState
from breakglass_shamir.custody.quorum.answer import Answer, Verdict
from breakglass_shamir.custody.quorum.known import known_epochs
from breakglass_shamir.custody.records.drills import RollCall
from breakglass_shamir.custody.records.openings import Refused
from breakglass_shamir.custody.records.words import check_human_text
from breakglass_shamir.errors import Exposed, IllegalState, InvalidInput, RollCallFailed
from breakglass_shamir.operations.drills.one_sheet import Look, look_apart
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.paper.reading import health
from breakglass_shamir.paper.reading.health import FRESH_UP_TO, PRINTS
from breakglass_shamir.shell import breakglass

SEVERAL = "expected one live sheet, got several at once: a roll-call looks at one sheet alone"


@dataclass(frozen=True, slots=True)
class RollCallResult:
    """What a roll-call found (docs/json.md).

    Attributes:
        set_name: the set.
        epoch: number of the epoch in force.
        sheet: the seat.
        custodian: who keeps it.
        level: ``seal`` or ``live``.
        bag: serial of its bag; empty: none.
        health: ``fresh``, ``worn`` or ``replace``; empty where nothing was scanned.
        used_percent: part of the print's error correction that is used.
        result: ``pass``, ``warning`` or ``fail``.
        reasons: why it is no pass, a sentence each.
        compliance_status_id: the result as OCSF has it: 1, 2 or 3.
    """

    set_name: str
    epoch: int
    sheet: str
    custodian: str
    level: str
    bag: str
    health: str
    used_percent: int
    result: str
    reasons: tuple[str, ...]
    compliance_status_id: int


def what_now(found: RollCallResult) -> tuple[str, ...]:
    """Say what a custodian does after a roll-call that did not fail, a line each."""
    if found.level == "seal":
        again = () if found.result == "pass" else (f"serial {found.bag} is on record from now on: write it down",)
        return (*again, "put the bag back where it was, and write the date on your own list")
    if found.bag:
        new = f"put the sheet into bag {found.bag}, close it, write the serial down, and put it back where it was"
    else:
        record = breakglass("ack", found.set_name, found.sheet, options="--bag SERIAL")
        new = f"put the sheet into a new bag, and record its serial: {record}"
    return (new, "fill in a line of the table on the sheet before you close the bag")


def inspect_seal(recorder: Recorder, sheet: str, serial: str, findings: Sequence[str]) -> RollCallResult:
    """Record what the custodian sees: the bag's serial, and whatever is not as it should be.

    Args:
        recorder: at the set.
        sheet: the seat.
        serial: as it stands on the bag.
        findings: what is wrong with the bag, in words; none: it is whole.

    Raises:
        Exposed: something is not as it should be; it is recorded.
        IllegalState: no such sheet.
        InvalidInput: no serial, or empty words.
    """
    epoch = _epoch(recorder, sheet)
    serial = check_human_text("bag serial", serial)
    said = [check_human_text("finding", finding) for finding in findings]
    expected = recorder.set_state.history.sheet(epoch.epoch_id, sheet).bag
    if sheet in epoch.voided:
        said.append(f"sheet {sheet} was voided ({epoch.voided[sheet]})")
    if expected and serial.casefold() != expected.casefold():
        said.append(f"expected the bag {expected}, got {serial}")
    warnings = [] if expected else ["no serial was on record to compare with; it is now"]
    found = _record(recorder, epoch, sheet, "seal", serial, None, said, warnings)
    if found.result == "fail":
        raise Exposed(
            f"roll-call of sheet {sheet} of {recorder.set_name} failed: {'; '.join(said)}",
            hint=f"take the sheet for seen: {_void(recorder.set_name, sheet)}, then rotate",
        )
    return found


def _void(name: str, sheet: str) -> str:
    return breakglass("void", name, sheet, options="--reason R")


_NOT_THE_SHEET = "look for the right sheet; what cannot be found is void"
_UNREAD = (
    "scan it again, as said; a sheet that was not read still opens: its lines can be typed, and it can be replaced"
)
"""What to do after a roll-call that failed."""


def verify_live(
    recorder: Recorder, sheet: str, paths: Sequence[Path], serial: str, findings: Sequence[str] = ()
) -> RollCallResult:
    """Scan one sheet, hold it against its commitment, grade its print, record the new bag.

    Args:
        recorder: at the set.
        sheet: the seat it should be.
        paths: scans of this sheet and no other.
        serial: of the bag it goes into; empty: none.
        findings: what was wrong with the bag it came from, in words.

    Raises:
        RollCallFailed: the sheet is not what it should be; that is recorded.
        IllegalState: no such sheet, several sheets at once, or nothing to verify a single sheet against.
        InvalidInput: a scan does not exist.
        PaperError: the look came to no end.
    """
    epoch = _epoch(recorder, sheet)
    if isinstance(epoch.envelope, ConfirmedCore):
        raise IllegalState(
            f"the envelope of epoch {epoch.number} was only typed: there is no commitment to hold a sheet against",
            hint="inspect the seal with --bag, and rotate",
        )
    for path in paths:
        if not path.exists():
            raise InvalidInput(f"expected a scan at {path}, found nothing there")
    found = look_apart(known_epochs(recorder.state), recorder.set_name, paths)
    for source, verdict, message in found.answers:
        recorder.desk.answer(source, Answer(Verdict(verdict), message))
    if found.several:
        _refuse_several(recorder)
    said = [*(check_human_text("finding", one) for one in findings), *_problems(epoch, sheet, found)]
    warnings = [] if said else _warnings(recorder, epoch, sheet, serial, found)
    result = _record(recorder, epoch, sheet, "live", serial, found, said, warnings)
    if result.result == "fail":
        other = found.sheet if found.epoch_id == epoch.epoch_id and found.sheet != sheet else ""
        raise RollCallFailed(
            f"roll-call of sheet {sheet} of {recorder.set_name} failed: {'; '.join(said)}",
            hint=(_UNREAD if found.unread else _NOT_THE_SHEET) + _bagged(epoch, recorder.set_name, other),
            out_of_bag=other,
        )
    return result


def _bagged(epoch: EpochState, name: str, sheet: str) -> str:
    """Say what becomes of another sheet that was on the scanner, and so out of its bag; empty: of none."""
    if not sheet:
        return ""
    record = breakglass("ack", name, sheet, options="--bag SERIAL")
    named = under_way.held(epoch, [sheet])
    return f"; sheet {named} was out of its bag: put it into a new one, and record that: {record}"


def _refuse_several(recorder: Recorder) -> None:
    """Record and refuse a run in which a second live share turned up."""
    again = breakglass("ack", recorder.set_name, "SHEET", options="--bag SERIAL")
    error = IllegalState(
        SEVERAL,
        hint="take the other sheets off the scanner and out of the folder, one run for each; each of them goes into a "
        f"new bag: {again}",
    )
    recorder.append(Refused(stage="roll-call", error=error.id, message=str(error)))
    raise error


def _epoch(recorder: Recorder, sheet: str) -> EpochState:
    epoch = recorder.set_state.current_epoch
    if sheet not in epoch.seats:
        raise IllegalState(f"expected a sheet of epoch {epoch.number} ({', '.join(epoch.seats)}), got {sheet}")
    return epoch


def _problems(epoch: EpochState, sheet: str, found: Look) -> list[str]:
    """Return why the sheet is not what it should be; empty when it is."""
    if found.sheet and (found.sheet, found.epoch_id) != (sheet, epoch.epoch_id):
        other = "" if found.epoch_id == epoch.epoch_id else " of another epoch"
        return [f"expected sheet {sheet}, got sheet {found.sheet}{other}", *found.problems]
    return list(found.problems)


def _warnings(recorder: Recorder, epoch: EpochState, sheet: str, serial: str, found: Look) -> list[str]:
    """Return what is not wrong, but should not stay so."""
    said = []
    if found.health and found.health.used > FRESH_UP_TO:
        again = f", with {breakglass('rotate', recorder.set_name)}" if found.health.word == "replace" else ""
        said.append(f"the print is {health.said(found.health.word, _percent(found))}{again}")
    if found.copies < PRINTS:
        said.append(
            f"the sheet is worn: {found.copies} of its {PRINTS} share codes was read; scan the whole sheet again, and "
            f"if that does not help, print it anew: breakglass rotate"
        )
    before = recorder.set_state.history.sheet(epoch.epoch_id, sheet).bag
    if not serial:
        said.append("no serial of a new bag was given")
    elif serial.casefold() == before.casefold():
        said.append(f"bag {serial} is the one it came from: an opened bag does not show the next opening")
    return said


def _record(
    recorder: Recorder, epoch: EpochState, sheet: str, level: str, bag: str, found: Look | None,
    failures: Sequence[str], warnings: Sequence[str],
) -> RollCallResult:  # fmt: skip
    result = "fail" if failures else "warning" if warnings else "pass"
    body = RollCall(
        epoch_id=epoch.epoch_id,
        sheet=sheet,
        custodian=epoch.custodians.get(sheet, ""),
        level=level,
        bag=bag,
        health=found.health.word if found and found.health else "",
        used_percent=_percent(found),
        result=result,
        reasons=(*failures, *warnings),
    )
    recorder.append(body)
    for reason in warnings:
        recorder.desk.warn(reason)
    return RollCallResult(
        recorder.set_name, epoch.number, sheet, body.custodian, level, bag, body.health, body.used_percent, result,
        body.reasons, STATUS_IDS[result],
    )  # fmt: skip


def _percent(found: Look | None) -> int:
    return round(found.health.used * 100) if found and found.health else 0
