# SPDX-License-Identifier: Apache-2.0
"""A passkey of an account at a web page as a break-glass credential.

Sources: WebAuthn Level 3; Chrome DevTools Protocol, domain WebAuthn.

Rules:

1. People do at the page what only people can: log in by other means, add a passkey, remove one. The browser is shown to
   them, and a window beside it says what comes next. Whether a passkey was made, and whether one was asserted, the
   browser tells.
2. A visit lends the page one passkey, and proves it where the policy has a ``probe``: an address that answers 2xx only
   when somebody is logged in. It has to answer otherwise before, or it proves nothing.
3. *Accepted*: this passkey was asserted, and after it the probe answers 2xx, or people say that the page let them in.
   *Refused*: this passkey was asserted, the page's requests were answered and came to rest, and the probe answers 401,
   403, 404 or a redirection. A page that asks for no assertion, or for another passkey's, is *unknown*, and so is
   people's word that it did not let them in: two officers attest that.
4. A passkey that was made lives before its sheets exist. Its public id is told (``on_made``) as soon as it is there.
5. Old and new are in force side by side until people remove the old one. The page does not tell, so that the engine
   asks about both (``side_by_side``).

What it does not do: it reads nothing on a page, and clicks one element of it where the policy names one.
"""

import enum
from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import SplitResult

from breakglass_shamir.bounded import chromium
from breakglass_shamir.bounded.chromium import Settings, address, page_of
from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.connectors.passkey import panel
from breakglass_shamir.connectors.passkey.browser import Gone
from breakglass_shamir.connectors.passkey.visit import Visit
from breakglass_shamir.connectors.port.answers import Check, CheckResult, Preflight
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.port.cost import Costs
from breakglass_shamir.connectors.port.options import NO_OPTIONS
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.formats.passkey import PasskeyText, read
from breakglass_shamir.hygiene import Secret

PEOPLE_LIMIT_S = 900.0
"""How long people have for one visit."""

QUIET_S = 1.0
"""How long a page has to ask for nothing before its silence is an answer."""

SELECTOR_MAX_CHARS = 200

_TURN_S = 0.25
_LOGGED_OUT = frozenset({0, 401, 403, 404})
"""Statuses of the probe by which it says that nobody is logged in; 0 is a redirection."""

_DONE, _YES, _NO, _AGAIN = "done", "yes", "no", "again"


class _Verdict(enum.Enum):
    IN = enum.auto()
    OUT = enum.auto()
    UNCLEAR = enum.auto()


class PasskeyConnector(Connector):
    """A passkey of an account; target ``passkey:https://HOST[:PORT]/PATH``, the page at which one logs in by it.

    ``target.kind`` is ``passkey``. The account is what people call it; the page knows it by the passkey.

    What it changes: nothing by itself. People add the new passkey at the page, in a browser that is shown to them, and
    remove the old one there when the new sheets are in custody.

    What it needs: Chromium, a display, an account that is not root, and an account at the page whose passkeys people
    may add and remove by themselves.

    Options: ``probe``, an address of the same site that answers 2xx only when somebody is logged in; without it people
    say whether the page let them in, and two officers attest that the old passkey is dead. ``click``, a CSS selector
    of the element by which a login with a passkey begins: then a login is tried without people and without a display.
    ``browser``, a Chromium by its path. ``sandbox``, ``off`` where it has to run as root.

    What it cannot tell: which other passkeys and ways of login the account has, and who logged in.
    """

    scheme: ClassVar[str] = "passkey"
    grace_window_s: ClassVar[int] = 0
    settle_s: ClassVar[int] = 0
    scope: ClassVar[str] = "this passkey; other passkeys, sessions and ways of login of the account stay"
    abilities: ClassVar[frozenset[str]] = frozenset({"issue"})
    option_names: ClassVar[frozenset[str]] = frozenset({"probe", "click", "browser", "sandbox"})
    costs: ClassVar[Costs] = Costs(check=1, preflight=1, rotate=1)
    side_by_side: ClassVar[bool] = True

    def __init__(self, target: str, account: str = "", *, options: Mapping[str, str] = NO_OPTIONS) -> None:
        super().__init__(target, account, options=options)
        self._url = target.partition(":")[2]
        self._page = page_of(self._url)
        self._probe = options.get("probe", "")
        if self._probe and _origin(address("option probe", self._probe)) != _origin(self._page):
            raise InvalidInput("option probe: expected an address of the same scheme, host and port as the target")
        self._click = options.get("click", "")
        if "click" in options and not (0 < len(self._click) <= SELECTOR_MAX_CHARS and self._click.isprintable()):
            raise InvalidInput(f"option click: expected a CSS selector of 1 to {SELECTOR_MAX_CHARS} characters")
        if self._click and not self._probe:
            raise InvalidInput("option click: expected option probe beside it, since nobody else would see the outcome")
        if options.get("sandbox", "on") not in ("on", "off"):
            raise InvalidInput("option sandbox: expected on or off")
        if not options.get("browser", "/").startswith("/"):
            raise InvalidInput("option browser: expected an absolute path")

    def missing(self) -> tuple[str, ...]:
        """Return what keeps the browser from running here."""
        return tuple(f"{words} ({todo})" for words, todo in chromium.problems(self._settings(shown=True)))

    def enrol(self) -> Secret:
        """Let people log in and add a passkey; returns it.

        Raises:
            ConnectorError: none was made, or too many; or the browser could not be run.
        """
        return self._guarded("enrol", [], lambda: self._let_add(None))

    def _preflight(self, new: Secret | None) -> Preflight:
        notes = []
        if not self._probe:
            notes.append("nobody but people see whether the page lets a passkey in (option probe): two officers attest "
                         "that the old one is dead")  # fmt: skip
        if not self._click:
            notes.append("people log in at the page each time a passkey is tried (option click)")
        unfit: tuple[str, ...] = ()
        if new is not None:
            try:
                self._mine(new)
            except ConnectorError as error:
                unfit = (str(error),)
        return Preflight(self.missing(), tuple(notes), None, self.scope, unfit)

    def _check(self, credential: Secret) -> Check:
        try:
            mine = self._mine(credential)
        except ConnectorError as error:
            return Check(CheckResult.UNKNOWN, str(error))
        return self._tried(mine)

    def _issue(self, current: Secret) -> Secret:
        return self._let_add(self._mine(current))

    def _rotate(self, old: Secret, new: Secret) -> None:
        was, will_be = self._mine(old), self._mine(new)
        if was.credential_id == will_be.credential_id:
            raise ConnectorError("unchanged: the new passkey is the old one")
        steps = (
            "Log in with the new passkey: this browser has it and no other.",
            f"Remove the old passkey at the page. Its id begins with {was.public_id}, should the page show ids.",
            "Remove every other passkey that nobody has a use for. Leave the new one.",
            "End other sessions of the account, where the page can.",
        )
        with self._visit([will_be], shown=True) as visit:
            self._open(visit)
            self._with_people(visit, "Remove the old passkey", steps, {_DONE: "The old passkey is removed"})
            if not visit.seen.asserted.get(will_be.public_id):
                raise ConnectorError(
                    "unchanged: nobody logged in with the new passkey, so that the old one may be the only one"
                )

    def _let_add(self, current: PasskeyText | None) -> Secret:
        """Let people add a passkey, and return it."""
        how = "with the old passkey: this browser has it" if current else "as you do today"
        steps = (
            f"Log in at the page {how}.",
            "Add a passkey there. This browser makes it; no key or phone has to be touched.",
            "Give it a name at the page by which you will know it.",
            "Wait until the page lists it. Remove no other passkey yet.",
        )
        with self._visit([current] if current else [], shown=True, once=True) as visit:
            self._open(visit)
            answers = {_DONE: "The page lists the new passkey"} | ({_AGAIN: "Log in once more"} if current else {})
            self._with_people(visit, "Add the new passkey", steps, answers, current)
            made = visit.seen.made
        if not made:
            raise ConnectorError("no passkey was made at the page; nothing was printed")
        ids = _named(made)
        if len(made) > 1:
            raise ConnectorError(f"expected one new passkey, the page made {len(made)} ({ids}): remove them there")
        (one,) = made
        if not one.fits(self._page.hostname or ""):
            raise ConnectorError(f"{ids} was made for {one.rp_id}, which is not the target's page")
        return one.write()

    def _tried(self, mine: PasskeyText) -> Check:
        """Try to log in with one passkey."""
        with self._visit([mine], shown=not self._click) as visit:
            self._open(visit)
            before = visit.probe(self._probe, limit_s=self.time_limit_s) if self._probe else 0
            if 200 <= before < 300:
                return Check(
                    CheckResult.UNKNOWN, f"the probe answers {before} before anybody logged in: it proves nothing"
                )
            verdict, why = self._by_itself(visit, mine) if self._click else self._by_people(visit, mine)
            seen = visit.seen.asserted.get(mine.public_id, 0)
        if not seen:
            return Check(CheckResult.UNKNOWN, f"the page did not ask for this passkey; {why}")
        if verdict is _Verdict.IN:
            return Check(CheckResult.ACCEPTED, f"the passkey was asserted, and {why}")
        if verdict is _Verdict.OUT:
            return Check(CheckResult.REFUSED, f"the passkey was asserted, and {why}")
        return Check(CheckResult.UNKNOWN, why)

    def _by_itself(self, visit: Visit, mine: PasskeyText) -> tuple[_Verdict, str]:
        """Begin a login, and see what comes of it."""
        deadline = Deadline(self.time_limit_s)
        if not visit.click(self._click, deadline):
            return _Verdict.UNCLEAR, "the page has nothing that option click names"
        while not deadline.over:
            visit.pump(_TURN_S)
            if visit.seen.asserted.get(mine.public_id) and visit.is_quiet(QUIET_S):
                return self._asked(visit)
        return _Verdict.UNCLEAR, f"it came to no rest within {self.time_limit_s:g} s"

    def _by_people(self, visit: Visit, mine: PasskeyText) -> tuple[_Verdict, str]:
        """Let people log in, and say or see what came of it."""
        steps = (
            "Log in at the page with the passkey: this browser has it and no other.",
            "Use no other way of login, and change nothing.",
            "Say here whether the page let you in.",
        )
        said = self._with_people(
            visit, "Does this passkey open the account?", steps,
            {_YES: "It let us in", _NO: "It did not let us in"},
        )  # fmt: skip
        if self._probe:
            return self._rested(visit, mine, said)
        if said == _YES:
            return _Verdict.IN, "people at the browser say that the page let them in"
        return _Verdict.UNCLEAR, "people at the browser say that the page did not let them in"

    def _rested(self, visit: Visit, mine: PasskeyText, said: str) -> tuple[_Verdict, str]:
        """Ask the probe; people may press before the page is done, and only one at rest says that it lets nobody in."""
        verdict, why = self._asked(visit)
        if verdict is _Verdict.IN or not visit.seen.asserted.get(mine.public_id):
            return verdict, why
        deadline = Deadline(self.time_limit_s)
        while not visit.is_quiet(QUIET_S):
            if deadline.over:
                return _Verdict.UNCLEAR, f"it came to no rest within {self.time_limit_s:g} s; {why}"
            visit.pump(_TURN_S)
        verdict, why = self._asked(visit)
        if verdict is _Verdict.OUT and said == _YES:
            return _Verdict.UNCLEAR, f"people at the browser say that the page let them in, and {why}"
        return verdict, why

    def _asked(self, visit: Visit) -> tuple[_Verdict, str]:
        """Ask the probe whether somebody is logged in."""
        status = visit.probe(self._probe, limit_s=self.time_limit_s)
        answer = f"the probe answers {status}" if status else "the probe answers by a redirection"
        if 200 <= status < 300:
            return _Verdict.IN, answer
        return (_Verdict.OUT if status in _LOGGED_OUT else _Verdict.UNCLEAR), answer

    def _with_people(
        self, visit: Visit, title: str, steps: tuple[str, ...], answers: dict[str, str],
        current: PasskeyText | None = None,
    ) -> str:  # fmt: skip
        """Let people work until they give an answer; returns it.

        Raises:
            ConnectorError: they closed the page, or their time is over.
        """
        account = f"{self.account} at {self._page.hostname}" if self.account else str(self._page.hostname)
        window = visit.panel(panel.page(f"{title}: {account}", steps, answers))
        deadline, told = Deadline(PEOPLE_LIMIT_S), (-1, -1)
        try:
            while not deadline.over and visit.is_open:
                visit.pump(_TURN_S)
                facts = (visit.seen.assertions, len(visit.seen.made))
                if facts != told:
                    told = facts
                    visit.tell(window, panel.shown({"asserted": facts[0], "made": facts[1]}, ""))
                pressed = visit.pressed()
                if pressed == _AGAIN and current:
                    visit.lend([current, *visit.seen.made])
                elif pressed in answers and pressed != _AGAIN:
                    return pressed
        except Gone:
            pass
        else:
            if visit.is_open:
                raise ConnectorError(f"nobody said within {PEOPLE_LIMIT_S / 60:.0f} minutes how it went")
        left = _named(visit.seen.made)
        raise ConnectorError(
            "the browser was closed before anybody said how it went"
            + (f"; a passkey was made and is on no paper: remove it at the page ({left})" if left else "")
        )

    def _open(self, visit: Visit) -> None:
        visit.open(self._url, limit_s=self.time_limit_s)

    def _visit(self, lent: list[PasskeyText], *, shown: bool, once: bool = False) -> Visit:
        return Visit(self._settings(shown=shown), lent, once=once, on_made=lambda one: self.on_made(one.public_id))

    def _settings(self, *, shown: bool) -> Settings:
        return Settings(self.options.get("browser", ""), self.options.get("sandbox", "on") == "on", shown)

    def _mine(self, credential: Secret) -> PasskeyText:
        """Read the passkey, and hold that it is for this page.

        Raises:
            ConnectorError: it is none, or for another one.
        """
        try:
            mine = read(credential)
        except InvalidInput as error:
            raise ConnectorError(f"the credential is no passkey: {error}") from None
        if not mine.fits(self._page.hostname or ""):
            raise ConnectorError(f"the passkey is for {mine.rp_id}, and the target's page is at {self._page.hostname}")
        return mine


def _named(made: list[PasskeyText]) -> str:
    """Name passkeys by their ids."""
    return ", ".join(f"the passkey {one.public_id}" for one in made)


def _origin(page: SplitResult) -> tuple[str, str | None, int]:
    return page.scheme, page.hostname, page.port or (443 if page.scheme == "https" else 80)
