# SPDX-License-Identifier: Apache-2.0
"""The watch: the target's own logins of the break-glass account, held against the recorded openings.

Rules:

1. It asks the target only what the connector can tell without the credential, and changes nothing there.
2. Each login is recorded once. One that no opening accounts for is an alert at once, and a debt.
3. Attempts that were refused are recorded too, those of one source in one round as one.
4. When the target cannot be asked, or some of what it wrote cannot be read, that is recorded when it begins, with each
   further thing that cannot be read, and when it ends: a watch that sees nothing must not look like a quiet night, and
   one line that cannot be read must not hide the next.
5. It gives a sign as often as it promised, so that its own silence is visible.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from breakglass_shamir.connectors.port.answers import Armed, Login, Logins
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.custody.life import arming_rules, lifecycle
from breakglass_shamir.custody.life.watch_rules import login_key
from breakglass_shamir.custody.life.watching import DEFAULT_SKEW_S, NEAR, OWN_LOGIN, WHILE_CLOSED, Accounts, Seen
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy import tables
from breakglass_shamir.custody.records.arming import ArmedOutside
from breakglass_shamir.custody.records.monitoring import ChangedOutside, LoginSeen, Watched
from breakglass_shamir.errors import ConnectorError, IllegalState, InvalidInput
from breakglass_shamir.ledger import clock
from breakglass_shamir.ledger.entry import Entry
from breakglass_shamir.operations.arming import looking
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.operations.targets import endpoints_of

DEFAULT_EVERY_S = 5
"""How often a watch that runs on asks."""

SIGN_S = 3600
"""How often it gives a sign when nothing happens."""

FIRST_LOOK_S = 86_400
"""How far back the first round of a set looks."""

MAX_WORDS = 200
"""Longest text of a login that is recorded, in characters."""

MAX_PROBLEM = 2000
"""Longest text about what was not seen, in characters."""

MAX_PART = 600
"""Longest text about one thing that was not seen, in characters."""

BETWEEN = "; "
"""Stands between two things that were not seen."""

PAM_OPENS = "open_session"
"""What PAM calls a login that succeeded; see pam_exec(8)."""


@dataclass(frozen=True, slots=True)
class Watching:
    """What one round found (docs/guide-operator.md).

    Attributes:
        set_name: the set.
    """

    set_name: str
    logins: int
    """Logins and attempts that were new."""

    unmatched: tuple[str, ...]
    """Those that nothing accounts for, a sentence each."""

    problem: str
    """Why the target could not be asked, or what could not be read; empty where all was seen."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the targets of a set answered in one round.

    Attributes:
        began: when the round began.
        logins: each with the target that told it.
        changes: when a password changed, each with its target.
        blind: targets that could not be asked, and why.
        gaps: what could not be read.
        armed: until when the target lets in an account that is kept closed; None: it is not, or cannot be asked.
    """

    began: datetime
    logins: tuple[tuple[str, Login], ...] = ()
    changes: tuple[tuple[str, datetime], ...] = ()
    blind: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    armed: Armed | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What the targets of a set are asked in one round. It needs no ledger, so that it may wait anywhere.

    Attributes:
        connectors: of the targets.
        began: when the round began.
        since: from when on.
        armed: asks until when the target lets in an account that is kept closed; None: it is not, or nobody could.
    """

    connectors: tuple[Connector, ...]
    began: datetime
    since: datetime
    armed: Callable[[], Armed] | None = None

    def ask(self) -> Told:
        """Ask every target, one after the other."""
        found: list[tuple[str, Login]] = []
        changes: list[tuple[str, datetime]] = []
        blind: list[str] = []
        gaps: list[str] = []
        for connector in self.connectors:
            try:
                seen = connector.logins_since(self.since)
                found += [(connector.target, login) for login in seen if login.at > self.since]
                gaps += [f"{connector.target}: {line}" for line in _unread(seen)]
                at = _changed_at(connector)
                changes += [(connector.target, at)] if at else []
            except ConnectorError as error:
                blind.append(f"{connector.target}: {error}")
        armed = None
        if self.armed is not None:
            try:
                armed = self.armed()
            except ConnectorError as error:
                gaps.append(f"whether the account is closed is not known: {error}")
        return Told(self.began, tuple(found), tuple(changes), tuple(blind), tuple(gaps), armed)


@dataclass(slots=True)
class Watch:
    """Watches one set; keeps what the records account for between two rounds."""

    recorder: Recorder
    every_s: int = DEFAULT_EVERY_S
    sign_s: int = SIGN_S
    skew_s: int = DEFAULT_SKEW_S
    promise_s: int = 0
    """Within how long a single round promises the next one; 0: not at all."""

    catch_up: Callable[[], None] | None = None
    """Lets :meth:`learn` hear of every record that came since, where watches share one reading; None: none do."""

    set_name: str = ""
    _accounts: Accounts = field(init=False)
    _read: int = 0

    def __post_init__(self) -> None:
        """Begin with no record read."""
        self.set_name = self.set_name or self.recorder.set_name
        self._accounts = Accounts(self.skew_s)

    def once(self, *, runs_on: bool = False) -> Watching:
        """Ask the target once, and record what is new.

        Args:
            runs_on: whether more rounds follow, so that no sign is given in each.

        Raises:
            IllegalState: the set has no policy, its connector cannot tell logins, or this terminal is retired.
            LedgerUnwritable, LedgerBusy: it could not be recorded.
        """
        return self.take(self.question().ask(), runs_on=runs_on)

    def question(self) -> "Question":
        """Return what the target is to be asked now.

        Raises:
            IllegalState: the set has no policy, its connector cannot tell logins, or this terminal is retired.
        """
        lifecycle.refuse_ended(self.recorder.state)
        connectors = self._connectors()
        began = datetime.now(UTC)
        self._catch_up()
        return Question(connectors, began, self._since(began), looking.question(self._policy()))

    def check(self) -> None:
        """See that there is something to ask.

        Raises:
            IllegalState: the set has no policy, its connector cannot tell logins, or this terminal is retired.
        """
        lifecycle.refuse_ended(self.recorder.state)
        self._connectors()

    def take(self, told: "Told", *, runs_on: bool = False) -> Watching:
        """Record what is new of an answer.

        Args:
            told: the answer to :meth:`question`.
            runs_on: whether more rounds follow, so that no sign is given in each.

        Raises:
            LedgerUnwritable, LedgerBusy: it could not be recorded.
        """
        self._catch_up()
        unmatched = [line for target, at in told.changes for line in self._changed(target, at)]
        unmatched += self._armed_by_others(told.armed)
        logins, strangers = self._record(told.logins)
        problem = _within((*told.blind, *told.gaps))
        self._sign(told.began, problem, looked=not told.blind, runs_on=runs_on)
        return Watching(self.recorder.set_name, logins, (*strangers, *unmatched), problem)

    def run(self, tell: Callable[[Watching], None], ended: Callable[[], bool] = lambda: False) -> None:
        """Ask again and again, until ended."""
        while not ended():
            tell(self.once(runs_on=True))
            time.sleep(self.every_s)

    def login_now(self, environment: Mapping[str, str]) -> Watching:
        """Record the login that PAM tells of at this moment.

        Args:
            environment: what ``pam_exec`` sets: ``PAM_TYPE``, ``PAM_USER``, ``PAM_RHOST``, ``PAM_TTY`` and
                ``PAM_SERVICE``.

        Raises:
            InvalidInput: this is no call by ``pam_exec``.
            IllegalState: the policy names no account, or this terminal is retired.
        """
        if "PAM_USER" not in environment or "PAM_TYPE" not in environment:
            raise InvalidInput("expected to be called by pam_exec, with PAM_USER and PAM_TYPE set")
        lifecycle.refuse_ended(self.recorder.state)
        self._catch_up()
        account, wanted = environment["PAM_USER"], self._policy().target.account
        if not wanted:
            raise IllegalState(
                f"the policy of {self.recorder.set_name} names no account whose logins would be meant",
                hint="name it under [target] as account, and adopt the policy",
            )
        if environment["PAM_TYPE"] != PAM_OPENS or account != wanted:
            return Watching(self.recorder.set_name, 0, (), "")
        source = environment.get("PAM_RHOST") or environment.get("PAM_TTY") or "this machine"
        detail = f"PAM service {environment.get('PAM_SERVICE', 'unknown')}"
        login = Login(datetime.now(UTC), account, source, accepted=True, detail=detail)
        logins, unmatched = self._record([("", login)])
        return Watching(self.recorder.set_name, logins, tuple(unmatched), "")

    def _policy(self) -> tables.Policy:
        state = self.recorder.refresh()
        if not state.policy_source:
            raise IllegalState(
                f"set {state.name} has no policy in this ledger, which would name the target to watch",
                hint="adopt one with: breakglass policy adopt FILE",
            )
        return policies.parse(state.policy_source)

    def _connectors(self) -> tuple[Connector, ...]:
        connectors = endpoints_of(self._policy())
        able = tuple(one for one in connectors if "logins_since" in one.abilities)
        if not able:
            raise IllegalState(
                f"the target {connectors[0].target} cannot tell who logged in",
                hint="watch it where it logs, with the rules of your SIEM",
            )
        return able

    def learn(self, entry: Entry) -> None:
        """Add up one record of the ledger, where it is about this set."""
        if entry.record.set == self.set_name:
            self._accounts.add(entry.record, entry.digest)

    def _catch_up(self) -> None:
        """Add up the set's records that came since."""
        self.recorder.refresh()
        if self.catch_up is not None:
            self.catch_up()
            return
        for entry in self.recorder.ledger.entries(self._read):
            self._read += 1
            self.learn(entry)

    def _since(self, now: datetime) -> datetime:
        """Return from when on to ask: where the last round was, and a little before."""
        until = self.recorder.set_state.watch.until
        last = datetime.fromisoformat(until) if until else now - timedelta(seconds=FIRST_LOOK_S)
        return last - timedelta(seconds=self.skew_s)

    def _record(self, found: Iterable[tuple[str, Login]]) -> tuple[int, list[str]]:
        """Record logins that were not recorded; returns how many and those that nothing accounts for."""
        count, unmatched = 0, []
        for one in self._grouped(found):
            count += 1
            self.recorder.append(one)
            if one.accepted and not one.matched:
                whence = one.source or "an unknown place"
                unmatched.append(f"login of {one.account} from {whence} at {one.at}: no opening accounts for it")
        return count, unmatched

    def _grouped(self, found: Iterable[tuple[str, Login]]) -> list[LoginSeen]:
        """Return what is new, oldest first, the refused attempts of one source as one.

        Args:
            found: logins, each with the target that told it.
        """
        seen = set(self.recorder.set_state.watch.seen)
        new: list[LoginSeen] = []
        refused: dict[tuple[str, str, str], int] = {}
        told: list[tuple[Seen, Login]] = []
        for target, login in sorted(((one, _recordable(login)) for one, login in found), key=lambda one: one[1].at):
            key = login_key(_written(login.at), login.account, login.source, login.mark, accepted=login.accepted)
            if key not in seen:
                seen.add(key)
                told.append((Seen(login.at, target, login.mark), login))
        own = self._accounts.own(seen for seen, _ in told)
        closes = arming_rules.is_kept_closed(self.recorder.set_state)
        for one, login in told:
            at = _written(login.at)
            matched, detail = self._matched(one, login.detail, own)
            if closes and login.accepted and self._accounts.was_closed(one.at):
                matched, detail = "", f"{login.detail}; {WHILE_CLOSED}".removeprefix("; ")
            place = (login.account, login.source, matched)
            if place in refused and not login.accepted:
                before = new[refused[place]]
                new[refused[place]] = _again(before, at)
                continue
            if not login.accepted and matched != OWN_LOGIN:
                refused[place] = len(new)
            new.append(
                LoginSeen(
                    at=at, account=login.account, source=login.source, accepted=login.accepted, count=1,
                    matched=matched, detail=detail, mark=login.mark,
                )
            )  # fmt: skip
        return new

    def _matched(self, one: Seen, detail: str, own: frozenset[Seen]) -> tuple[str, str]:
        """Return what a record says of a login, and its words."""
        if one in own:
            return OWN_LOGIN, detail
        span = self._accounts.of_login(one.at)
        if span is None:
            return "", detail
        if not span.own:
            return span.opening, detail
        if self._accounts.is_strange(one, own):
            return "", f"{detail}; {span.not_ours}".removeprefix("; ")
        return NEAR, f"{detail}; {span.near}".removeprefix("; ")

    def _changed(self, target: str, at: datetime) -> list[str]:
        """Record a password that changed outside a rotation; returns it in words."""
        if self._accounts.of_change(at) or not self._began_before(at):
            return []
        written = _written(at)
        if written <= self.recorder.set_state.watch.changed:
            return []
        self.recorder.append(ChangedOutside(at=written, detail=target))
        return [f"the password changed at {written} without a rotation"]

    def _armed_by_others(self, told: Armed | None) -> list[str]:
        """Record an account that its target lets in and that nothing here armed; returns it in words."""
        state = self.recorder.set_state
        if told is None or not looking.by_others(state, told, datetime.now(UTC), self.skew_s):
            return []
        until = f"{told.until.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if told.until else ""
        if state.watch.armed == (until or arming_rules.NO_END):
            return []
        self.recorder.append(ArmedOutside(until=until, detail=self._policy().target.uri))
        return [f"the target lets the account in {arming_rules.until_words(until)}, and no arming here accounts for it"]

    def _began_before(self, at: datetime) -> bool:
        """Tell whether the set was there already: what was changed before it is nobody's business here."""
        began = self.recorder.set_state.current_epoch.since
        return datetime.fromisoformat(began) + timedelta(seconds=self.skew_s) < at

    def _sign(self, until: datetime, problem: str, *, looked: bool, runs_on: bool) -> None:
        """Record a sign of the watch: when it is due, or when something is not seen or all is seen again.

        Args:
            until: when this round began.
            problem: what was not seen; empty where all was.
            looked: whether every target was looked at, so that the next round begins here.
            runs_on: whether more rounds follow.
        """
        watch = self.recorder.set_state.watch
        due = watch.at is None or watch.at.seconds_until(clock.now()) >= self.sign_s or not runs_on
        before = set(watch.problem.split(BETWEEN)) if watch.problem else set()
        more = problem and set(problem.split(BETWEEN)) - before
        if not due and not more and bool(problem) == bool(watch.problem):
            return
        every_s = self.sign_s if runs_on else self.promise_s
        last = _written(until) if looked or not watch.until else watch.until
        self.recorder.append(Watched(until=last, every_s=every_s, problem=problem))


def _within(said: tuple[str, ...]) -> str:
    """Put what was not seen into one text, as much as a record takes."""
    parts, told = [one.replace(BETWEEN, ", ")[:MAX_PART] for one in said], list[str]()
    for number, one in enumerate(parts):
        left = f"and {len(parts) - number} more, the last: {parts[-1]}"
        if len(BETWEEN.join((*told, one, left))) > MAX_PROBLEM:
            return BETWEEN.join((*told, left))
        told.append(one)
    return BETWEEN.join(told)


def _unread(seen: tuple[Login, ...]) -> tuple[str, ...]:
    """Return what a target could not read of its own logins."""
    return seen.unread if isinstance(seen, Logins) else ()


def _changed_at(connector: Connector) -> datetime | None:
    """Ask when the password changed; None: it cannot be told, or only to who logs in."""
    if "password_changed_at" not in connector.abilities:
        return None
    try:
        return connector.password_changed_at(None)
    except ConnectorError:
        return None


def _recordable(login: Login) -> Login:
    """Return a login whose words a record may hold: they come from whoever logs in."""
    account, source, detail, mark = (
        "".join(character if character.isprintable() else "?" for character in words)[:MAX_WORDS]
        for words in (login.account, login.source, login.detail, login.mark)
    )
    return replace(login, account=account, source=source, detail=detail, mark=mark)


def _again(before: LoginSeen, at: str) -> LoginSeen:
    return LoginSeen(
        at=at, account=before.account, source=before.source, accepted=False, count=before.count + 1,
        matched=before.matched, detail=before.detail, mark=before.mark,
    )  # fmt: skip


def _written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
