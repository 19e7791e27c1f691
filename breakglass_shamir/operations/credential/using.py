# SPDX-License-Identifier: Apache-2.0
"""The use of an opened credential: revealed, perhaps once more or in another way, until its people end it.

Rules:

1. Each reveal is on record before it happens: the first by ``opened`` and ``in-use``, each later one by ``revealing``,
   and by that also a first one to a command that people were warned of. What cannot be recorded is not revealed.
2. A command that could not be started, ended badly or ended at once leaves the use open where somebody is there: they
   are asked how it goes on. What became of it is on record. Where nobody is there, its end is the end of the use.
3. Before the first time on a screen people are asked whether they are ready; else they choose another way.
4. The use ends when the people say so, by ``close`` from elsewhere, or at its deadline. After that it takes the sheets.
5. Only ways that the policy allows may follow, and the one that was declared.
6. The rotation is owed from the opening on, whatever comes of the use: nobody can prove that nothing was read.
"""

import functools
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from breakglass_shamir.connectors.port.answers import CheckResult
from breakglass_shamir.custody.life.custody_rules import policy_in_force
from breakglass_shamir.custody.life.drill_rules import CONTRARY
from breakglass_shamir.custody.life.gates import Request
from breakglass_shamir.custody.records.openings import InUse, Refused, Revealing, UseEnded
from breakglass_shamir.errors import BreakglassError, IllegalState, InvalidInput, LedgerBusy, LedgerUnwritable
from breakglass_shamir.ledger import clock
from breakglass_shamir.operations import targets
from breakglass_shamir.operations.desk import Desk, HowNext, OpenUse
from breakglass_shamir.operations.opening import described, opening, reveal
from breakglass_shamir.operations.opening.opening import OpenedSet
from breakglass_shamir.operations.recipes import catalogue, interpreters, running
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.operations.recording import snapshots, trail
from breakglass_shamir.operations.recording.use import Hearing
from breakglass_shamir.operations.rotation import elsewhere
from breakglass_shamir.operations.rotation.making import note_endings
from breakglass_shamir.operations.rotation.naming import Way

CLASSIFICATIONS = ("emergency", "drill", "misuse")
"""What a closed opening was."""

LOGIN = "login by the connector: "
"""What the outcome of a use begins with where nobody saw the credential."""

STAGE = "reveal"
"""Stage of a ``refused`` record that says what became of a command."""


@dataclass(frozen=True, slots=True)
class Use:
    """How the credential is used (docs/guide-officer.md).

    Attributes:
        command: what gets the credential, on standard input and on the descriptor numbered by ``BREAKGLASS_FD``; or a
            recipe and its arguments.
        defer_s: seconds for which the rotation is put off; 0: not.
        defer_reason: why, in words.
    """

    command: tuple[str, ...] = ()
    command_output: int | None = None
    """Descriptor for the command's standard output; None: ours."""

    classification: str = ""
    """How the opening is classified when its use ends; empty: by its purpose."""

    defer_s: int = 0
    defer_reason: str = ""
    tty: bool = False
    """Whether the command runs in a terminal of its own, which is recorded unless the policy says never."""


@dataclass(frozen=True, slots=True)
class _Came:
    """What a reveal came to.

    Attributes:
        words: what it was.
        over: whether the use is over with it.
        problem: what people are told before they are asked how it goes on; empty: nothing went wrong.
        nothing: whether nothing was done with the credential.
    """

    words: str
    over: bool = False
    problem: str = ""
    nothing: bool = False


def heed(desk: Desk, command: tuple[str, ...], *, tty: bool) -> tuple[str, ...]:
    """Warn of a command that would run the credential as its program; returns what was warned of, to be recorded.

    Args:
        desk: where it is said.
        command: what gets the credential.
        tty: whether its standard input is the keyboard, so that nothing of that kind can happen.

    Raises:
        InvalidInput: people were asked, and want another one.
    """
    said = "" if tty else interpreters.warning(command)
    if not said:
        return ()
    instead = interpreters.recipe_instead(command)
    desk.warn(f"{said}; {instead}")
    if desk.can_ask() and not desk.agrees("Run it all the same?"):
        raise InvalidInput(f"not run: {said}", hint=instead)
    return (said,)


class Using:
    """One use, from its first reveal to its end."""

    def __init__(
        self, recorder: Recorder, request: Request, use: Use, opened: OpenedSet, way: Way, program: str,
        warned: tuple[str, ...],
    ) -> None:  # fmt: skip
        """Prepare it.

        Args:
            recorder: at the opening.
            request: what was declared.
            use: how it was asked for.
            opened: what was opened.
            way: to the target.
            program: path of the command, as it is on record.
            warned: what was said against the command.
        """
        self._recorder = recorder
        self._desk = recorder.desk
        self._request = request
        self._use = use
        self._opened = opened
        self._way = way
        self._program, self._warned = program, warned
        self._begun = False
        self._snapshots = snapshots.Snapshots(recorder, opened.credential.presented)
        self._outcomes: list[str] = []
        self._started, self._allowed_s = clock.now(), recorder.set_state.active_opening.declared.use_for_s
        self.came_to_nothing = False
        """Whether the use ended without anything having been done with the credential."""

    def until_over(self) -> str:
        """Reveal in the way that was declared, then as people ask for it; returns how the use ended."""
        self._snapshots.take(snapshots.OPENING)
        came = self._first()
        while not came.over:
            if came.words:
                self._outcomes.append(came.words)
            wanted = self._next(came.problem)
            if self._closed_elsewhere():
                self._snapshots.take(snapshots.CLOSE)
                return "the use was closed from elsewhere"
            if not wanted.mode:
                return self._ended_by_people(wanted.classification)
            came = self._once_more(wanted)
        self.came_to_nothing = came.nothing
        self._outcomes.append(came.words)
        return self._end(self._use.classification or self._request.purpose)

    def _first(self) -> _Came:
        """Reveal for the first time, as it was declared and opened for."""
        if self._request.mode == "no-reveal":
            return self._log_in()
        if self._request.mode == "exec":
            self._hand_over(self._use.command)
            self._begin()
            if self._warned and self._begun:
                self._tell_record(Revealing(mode="exec", program=self._program, warned=self._warned))
            return self._run(self._use.command, tty=self._use.tty)
        self._warn(whole=True)
        if not self._desk.is_ready() or self._seconds_left() <= 0:
            return _Came("")
        self._begin()
        return self._show()

    def _once_more(self, wanted: HowNext) -> _Came:
        """Reveal again, with that on record first; what stands in the way of it is said, and the use stays open."""
        try:
            if wanted.mode not in self._modes():
                raise InvalidInput(f"the policy of this set allows {', '.join(self._modes())}, not {wanted.mode}")
            program, warned = "", tuple[str, ...]()
            if wanted.mode == "show":
                self._desk.require_screen()
                self._warn(whole=True)
            if wanted.mode == "exec":
                program = reveal.find_program(wanted.command)
                warned = heed(self._desk, wanted.command, tty=wanted.tty)
                self._hand_over(wanted.command)
            if not self._begun:
                self._recorder.append(InUse())
                self._begun = True
            self._recorder.append(Revealing(mode=wanted.mode, program=program, warned=warned))
        except IllegalState:
            if self._closed_elsewhere():
                return _Came("")
            raise
        except BreakglassError as error:
            hint = f"; {error.hint}" if error.hint else ""
            return _Came("", problem=f"nothing was revealed: {error}{hint}")
        if wanted.mode == "show":
            return self._show()
        if wanted.mode == "exec":
            return self._run(wanted.command, tty=wanted.tty)
        return replace(self._log_in(), over=False)

    def _next(self, problem: str) -> HowNext:
        """Ask how it goes on, unless the time is over."""
        purpose = self._request.purpose
        named = self._recorder.set_state.policy_source
        target = policy_in_force(self._recorder.set_state).target if named else None
        asked = OpenUse(
            self._recorder.set_name,
            problem,
            self._modes(),
            tuple(word for word in CLASSIFICATIONS if (purpose, word) not in CONTRARY),
            target.uri if target else "",
            target.account if target else "",
            self._closed_elsewhere,
            self._seconds_left,
            policy_in_force(self._recorder.set_state).use.record,
        )
        return self._desk.how_next(asked) if self._seconds_left() > 0 else HowNext()

    def _modes(self) -> tuple[str, ...]:
        """Return the ways that may follow: those of the policy, and the one that was declared."""
        allowed = policy_in_force(self._recorder.set_state).reveal.modes
        return tuple(mode for mode in ("show", "exec", "no-reveal") if mode in allowed or mode == self._request.mode)

    def _show(self) -> _Came:
        show_for_s = policy_in_force(self._recorder.set_state).reveal.show_for.seconds
        self._desk.show(self._opened.credential, max(1, min(show_for_s, self._seconds_left())))
        return _Came("shown on the screen")

    def _run(self, command: tuple[str, ...], *, tty: bool) -> _Came:
        output = self._use.command_output
        secret = self._opened.credential.secret
        hearing = Hearing(self._recorder, secret, command, reveal.find_program(command), tty=tty, output=output)
        begun, told = datetime.now(UTC), list[str]()
        by_recipe = functools.partial(
            running.run, command, runner=hearing.runner, output=output, limit_s=max(1, self._seconds_left()),
            told=told.append,
        )  # fmt: skip
        try:
            ran = reveal.run_command(
                command, self._opened.credential, output=output, runner=hearing.runner,
                by_keyboard=hearing.by_keyboard, by_recipe=by_recipe if catalogue.is_recipe(command) else None,
            )  # fmt: skip
        finally:
            hearing.finish()
        ran = replace(ran, words="; ".join((ran.words, *told)))
        if ran.started and self._way.source:
            trail.pull(self._recorder, self._way.policy(), begun)
        asks = self._desk.can_ask()
        if not ran.started or (asks and not ran.well):
            self._tell_record(Refused(stage=STAGE, error="command-failed", message=f"{command[0]}: {ran.words}"))
        if not asks:
            return _Came(ran.words, over=True, nothing=not ran.started)
        if ran.well and not ran.at_once:
            return _Came(ran.words, over=True)
        return _Came(ran.words, problem=f"{command[0]}: {ran.words}" + (", at once" if ran.well else ""))

    def _log_in(self) -> _Came:
        """Let the connector log in, so that nobody sees the credential."""
        said, well = self._logged_in()
        asks = self._desk.can_ask() and self._request.purpose == "emergency"
        return _Came(said, over=well or not asks, problem="" if well else said)

    def _logged_in(self) -> tuple[str, bool]:
        credential = self._opened.credential.presented
        try:
            connector = targets.connector_of(self._way.policy(), self._recorder)
            check = connector.check(credential)
        except BreakglassError as error:
            return f"no login: {error}", False
        self._desk.say(f"{LOGIN}{check.result} ({check.detail})")
        if check.result is CheckResult.ACCEPTED and not connector.costs.lifetime:
            note_endings(self._recorder, connector, credential, self._opened.quorum.epoch_id)
        elsewhere.note(self._recorder, self._opened.quorum.epoch_id, check)
        if check.result is CheckResult.REFUSED:
            way_on = elsewhere.way_on(self._recorder, self._opened.quorum.epoch_id)
            self._desk.warn(f"the target refuses this credential: {way_on}")
        return f"{LOGIN}{check.result}", check.result is CheckResult.ACCEPTED

    def _hand_over(self, command: tuple[str, ...]) -> None:
        self._desk.say(f"the credential goes to {command[0]}")
        if catalogue.is_recipe(command) and self._opened.credential.totp_seed:
            self._desk.warn("a recipe gives no one-time codes: if the program asks for one, end it, and have it shown")
        self._warn(whole=catalogue.shows_pages(command))

    def _warn(self, *, whole: bool) -> None:
        for warning in described.warnings(self._opened.credential, whole=whole):
            self._desk.warn(warning)

    def _begin(self) -> None:
        """Record that the use begins; where only that fails and the opening is found on record, it only warns.

        Raises:
            LedgerUnwritable, LedgerBusy: the opening is not found on record any more; nothing was revealed.
        """
        try:
            self._recorder.append(InUse())
        except (LedgerUnwritable, LedgerBusy) as error:
            with opening.nothing_revealed():
                self._recorder.require_found()
            self._desk.warn(f"the beginning of the use could not be recorded: {error}")
            return
        self._begun = True

    def _tell_record(self, body: Revealing | Refused) -> None:
        """Record what is worth knowing and stops nothing; where that fails, it is said."""
        try:
            self._recorder.append(body)
        except (LedgerUnwritable, LedgerBusy) as error:
            self._desk.warn(f"not recorded: {error}")

    def _ended_by_people(self, said: str) -> str:
        self._outcomes.append("the officers ended the use" if said else "the time was over")
        return self._end(said or self._use.classification or self._request.purpose)

    def _end(self, classification: str) -> str:
        """Record the end of the use.

        Raises:
            LedgerUnwritable, LedgerBusy: it could not be; the rotation is owed all the same.
        """
        outcome = "; ".join(self._outcomes)
        self._snapshots.take(snapshots.CLOSE)
        word = classification if classification in CLASSIFICATIONS else "drill"
        if self._closed_elsewhere():
            self._desk.say("the use was closed from elsewhere")
            return outcome
        purpose = self._recorder.set_state.active_opening.declared.purpose
        if (purpose, word) in CONTRARY:
            self._desk.warn(f"what was declared with the purpose {purpose} is not closed as {word}: it stays {purpose}")
            word = purpose
        try:
            self._recorder.append(UseEnded(outcome=outcome, classification=word))
        except (LedgerUnwritable, LedgerBusy) as error:
            raise type(error)(
                f"{error}; the credential was opened and its rotation is owed, whatever the ledger says of it by now: "
                "keep the receipts",
                hint=error.hint,
            ) from error
        self._desk.say(f"the use has ended: {outcome}")
        return outcome

    def _closed_elsewhere(self) -> bool:
        state = self._recorder.refresh()
        return state.opening is None or state.opening.id != self._recorder.opening or state.opening.use_ended

    def _seconds_left(self) -> int:
        return self._allowed_s - self._started.seconds_until(clock.now())
