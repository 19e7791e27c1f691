# SPDX-License-Identifier: Apache-2.0
"""The recording of a use: whether one is wanted, what people are told of it, and what is on record afterwards.

Rules:

1. ``use.record`` of the policy decides, and ``--tty`` where it says ``offered``. What holds is said before the command
   runs.
2. ``recording`` is a gate. It stops a drill before anything is revealed. An emergency is neither held up nor ended by
   it: what could not be recorded is said at once, recorded as passed, told, and owed.
3. ``use-recorded`` names the head of what is kept, after it was read again from the disk.
4. What a program left behind that was killed is put on record when the use is closed, or rotated after. Nothing of
   that can keep either from going on.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from breakglass_shamir.bounded import pseudo_terminal
from breakglass_shamir.crypto import age
from breakglass_shamir.crypto.ssh_key import SshKey
from breakglass_shamir.custody.life.custody_rules import policy_in_force
from breakglass_shamir.custody.life.gates import RECORDING
from breakglass_shamir.custody.policy.tables import UseRules
from breakglass_shamir.custody.records.openings import Overridden, Refused, UseRecorded
from breakglass_shamir.custody.records.words import printable
from breakglass_shamir.errors import BreakglassError, GateClosed
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations.recipes import catalogue
from breakglass_shamir.operations.recipes.runner import Runner
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.operations.recording import encodings, keeping, reading
from breakglass_shamir.operations.recording.capture import Beside, InTerminal, Voice
from breakglass_shamir.operations.recording.keeping import Keeper
from breakglass_shamir.operations.recording.tape import CUT_OFF, FAILED, WHOLE, Recorded, Tape

TERMINAL, OUTPUT = "terminal", "output"
"""What is recorded of a command."""

PAGES = "what a browser shows is not recorded"
"""Why the use of a recipe for pages is not."""

CANNOT = "the use cannot be recorded: "
"""What stands before the reason."""

NOT_HELD_UP = "an emergency does not wait for its recording"
"""Reason that stands in the record where an emergency went on without one."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a command is to be run.

    Attributes:
        in_terminal: whether in a terminal of its own.
        records: whether what it shows is recorded.
    """

    in_terminal: bool
    records: bool


def wanted(rules: UseRules, command: Sequence[str], *, tty: bool, at_terminal: bool) -> Wanted:
    """Say how a command is to be run.

    Args:
        rules: of the policy.
        command: a command or a recipe.
        tty: whether people ask for a terminal of its own.
        at_terminal: whether somebody sits at a terminal.
    """
    always = rules.record == "always"
    leaves_keyboard = catalogue.is_recipe(command) and at_terminal
    return Wanted(tty or (always and leaves_keyboard), always or (tty and rules.record != "never"))


def keys_of(rules: UseRules) -> tuple[SshKey, ...]:
    """Return the keys to which recordings are encrypted.

    Raises:
        InvalidSignature: nothing can be encrypted to one of them.
    """
    return tuple(age.recipient(line) for line in rules.auditors)


def check(recorder: Recorder, *, hard: bool) -> None:
    """Try, before anything is opened, whether a use could be recorded that must be.

    Args:
        recorder: at the set.
        hard: whether it stops what is to come; else it is said.

    Raises:
        GateClosed: it could not be, and that is hard.
    """
    state = recorder.state.sets.get(recorder.set_name)
    rules = policy_in_force(state).use if state is not None and state.policy_source else UseRules()
    if rules.record != "always":
        return
    try:
        problem = keeping.trial(recorder.ledger.path.parent, keys_of(rules))
    except BreakglassError as error:
        problem = str(error)
    if problem and hard:
        raise GateClosed(
            RECORDING, f"{CANNOT}{problem}", hint="a drill needs what the policy asks for: make room, or mend the home"
        )
    if problem:
        recorder.desk.warn(f"{CANNOT}{problem}; this emergency goes on, and owes it")


class Hearing:
    """One command that is heard."""

    def __init__(
        self, recorder: Recorder, secret: Secret, command: Sequence[str], program: str, *, tty: bool, output: int | None
    ) -> None:
        """Begin to record, where that is wanted, and say what holds.

        Args:
            recorder: at the opening.
            secret: what is masked.
            command: a command or a recipe.
            program: its path, as it is on record.
            tty: whether people ask for a terminal of its own.
            output: descriptor of standard output; None: ours.

        Raises:
            GateClosed: a drill's use cannot be recorded; nothing was revealed.
        """
        self._recorder, self._program = recorder, program
        rules = policy_in_force(recorder.set_state).use
        out = 1 if output is None else output
        at_terminal = os.isatty(0) and os.isatty(out)
        self._wanted = wanted(rules, command, tty=tty, at_terminal=at_terminal)
        self._shows_pages = catalogue.shows_pages(command)
        if self._shows_pages:
            self._wanted = Wanted(in_terminal=False, records=self._wanted.records)
        self._problem = ""
        self._keys: tuple[SshKey, ...] = ()
        self._keeper = self._begin(rules) if self._wanted.records else None
        self.runner: Runner | None = None
        self._voices: tuple[Voice, ...] = ()
        self._tape: Tape | None = None
        if self._wanted.in_terminal or self._keeper is not None:
            self._listen(secret, out)
        self._tell(rules, tty=tty)

    @property
    def by_keyboard(self) -> bool:
        """Whether the command's standard input is the keyboard."""
        return self._wanted.in_terminal

    def _begin(self, rules: UseRules) -> Keeper | None:
        try:
            if self._shows_pages:
                raise GateClosed(RECORDING, PAGES)
            self._keys = keys_of(rules)
            return Keeper(self._recorder.ledger.path.parent, self._recorder.opening, self._keys)
        except OSError as error:
            self._problem = (error.strerror or "the disk failed").lower()
        except BreakglassError as error:
            self._problem = str(error)
        if not self._may_go_on:
            raise GateClosed(RECORDING, f"{CANNOT}{self._problem}", hint="make room, or mend the home")
        self._owe(self._problem)
        return None

    def _listen(self, secret: Secret, out: int) -> None:
        columns, rows = pseudo_terminal.window_size()
        forms = encodings.patterns(secret.reveal())
        if not forms:
            self._recorder.desk.warn("the credential is too short to be masked in what is shown and recorded")
        tape = Tape(self._keeper, columns, rows, self._program, os.environ.get("TERM", "dumb"))
        voice = Voice(forms, tape, out, columns=columns, rows=rows)
        self._tape, self._voices = tape, (voice,)
        if self._wanted.in_terminal:
            self.runner = InTerminal(voice)
            return
        errors = Voice(forms, tape, 2, columns=columns, rows=rows)
        self._voices = voice, errors
        self.runner = Beside(voice, errors, (out, 2))

    def _tell(self, rules: UseRules, *, tty: bool) -> None:
        desk = self._recorder.desk
        if self._problem:
            return
        if self._keeper is not None:
            what = "what the screen shows" if self._wanted.in_terminal else "what the command says"
            read = f"{len(self._keys)} auditors' keys alone read it" if self._keys else "it lies here in the clear"
            desk.say(f"recorded: {what}; no keys; the credential is masked; {read}")
        elif self._shows_pages:
            desk.say(f"not recorded: {PAGES}")
        elif rules.record == "never":
            why = ", in a terminal of its own" if tty else ""
            desk.say(f"not recorded{why}: the policy says never")
        else:
            desk.say("not recorded: --tty before --exec does that")

    def finish(self) -> None:
        """Put on record what was kept, and what could not be. Nothing here ends the use."""
        for voice in self._voices:
            voice.finish()
        recorded = self._tape.finish() if self._tape else None
        if recorded is not None and self._keeper is not None:
            recorded = self._found_again(recorded)
            self._append(
                UseRecorded(
                    number=recorded.number, program=self._program,
                    way=TERMINAL if self._wanted.in_terminal else OUTPUT, segments=recorded.segments,
                    size=recorded.size, duration_ms=recorded.duration_ms, head=recorded.head, ended=recorded.ended,
                    problem=recorded.problem, masked=sum(voice.masked for voice in self._voices),
                    readers=tuple(key.fingerprint for key in self._keys),
                )
            )  # fmt: skip
            self._keeper.release()
            if recorded.ended != WHOLE:
                self._owe(recorded.problem or "it is as long as a recording may be")

    def _found_again(self, recorded: Recorded) -> Recorded:
        """Look afresh for what was kept."""
        home, opening = self._recorder.ledger.path.parent, self._recorder.opening
        assert self._keeper is not None  # noqa: S101 - the caller looked
        found = reading.find(self._keeper.home, opening, recorded.number)
        if found is not None and found.head == recorded.head:
            return recorded
        where = "" if home == self._keeper.home else f" in {self._keeper.home}"
        why = f"what was kept is not found again{where}"
        return replace(recorded, ended=FAILED, problem="; ".join(filter(None, [recorded.problem, why])))

    @property
    def _may_go_on(self) -> bool:
        return self._recorder.set_state.active_opening.declared.purpose == "emergency"

    def _owe(self, problem: str) -> None:
        self._recorder.desk.warn(f"NOT RECORDED, or not all of it: {problem}; the use goes on, and this is owed")
        if self._may_go_on:
            self._append(Overridden(gate=RECORDING, problem=printable(problem), reason=NOT_HELD_UP))
        else:
            self._append(Refused(stage=RECORDING, error=GateClosed.id, message=problem))

    def _append(self, body: UseRecorded | Overridden | Refused) -> None:
        try:
            self._recorder.append(body)
        except BreakglassError as error:  # the disk is full, or the use was closed from elsewhere and is over
            self._recorder.desk.warn(f"not in the ledger: {error}")


def settle_cut_off(recorder: Recorder) -> None:
    """Put on record the recordings of this set whose programs were gone before they could; it never fails."""
    try:
        _settle_cut_off(recorder)
    except BreakglassError as error:
        recorder.desk.warn(f"a recording that was cut off is not in the ledger: {error}")


def _settle_cut_off(recorder: Recorder) -> None:
    home = recorder.ledger.path.parent
    if not (home / keeping.FOLDER).is_dir():
        return
    state = recorder.set_state
    lying = {
        (one.id, number)
        for one in (*state.past, *filter(None, [state.opening]))
        if one.was_opened
        for number in keeping.recorded(home, one.id)
    }
    if not lying:
        return
    lying -= {
        (entry.record.opening, entry.record.body.number)
        for entry in recorder.ledger.entries()
        if isinstance(entry.record.body, UseRecorded)
    }
    before = recorder.opening
    for opening, number in sorted(lying):
        found = reading.find(home, opening, number)
        if found is None or keeping.is_under_way(home, opening, number):
            continue
        recorder.opening = opening
        try:
            recorder.append(
                UseRecorded(
                    number=number, program="", way="", segments=found.segments, size=found.size, duration_ms=0,
                    head=found.head, ended=CUT_OFF, problem=found.problem, masked=0, readers=(),
                )
            )  # fmt: skip
        finally:
            recorder.opening = before
        recorder.desk.warn(f"the recording {number} of opening {opening[:12]} was cut off; what is left is on record")
