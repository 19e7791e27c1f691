# SPDX-License-Identifier: Apache-2.0
"""A visit to a page: a browser in which each page has an authenticator with the passkeys that are lent to it.

Sources: Chrome DevTools Protocol, domains WebAuthn, Target, Network; WebAuthn Level 3.

Rules:

1. Every page gets its authenticator before it runs anything, pop-ups too, so that no page ever reaches a real one.
2. A passkey is lent for the time of the visit. Which page may ask for it, WebAuthn decides by the RP id.
3. Assertions and new passkeys are counted as the browser tells them, never as a page does.
4. ``probe`` asks an address as the page's own session would, in a tab that nobody sees: cookies stay in the browser.
   A redirection is no answer of the address, nor is what the page's own service worker has kept.
5. Downloads are refused.

What it does not do: it judges nothing; ``connector.py`` does.
"""

import json
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from breakglass_shamir.bounded.chromium import Settings
from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.connectors.passkey import counting
from breakglass_shamir.connectors.passkey.browser import Browser, Gone, Message
from breakglass_shamir.errors import BreakglassError, ConnectorError, InvalidInput
from breakglass_shamir.formats.passkey import MOST_COUNTER, PasskeyText, of_browser

_AUTHENTICATOR = {
    "protocol": "ctap2", "ctap2Version": "ctap2_1", "transport": "internal", "hasResidentKey": True,
    "hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip
_PAGES_ONLY = [{"type": "page"}, {"exclude": True}]
_BLANK = "about:blank"


@dataclass(slots=True)
class _Page:
    target: str
    authenticator: str = ""
    unseen: bool = False
    """Whether it is a tab of this program's: a panel, or one that asks an address."""

    asked: set[str] = field(default_factory=set)
    """Requests that are under way, and began after the last assertion."""

    answered: int = 0
    """Requests since the last assertion that were answered."""

    at: float = 0.0
    """When the last of them began or ended."""

    wanted: str = ""
    """Address of the first document that was asked for, as the browser writes it; without a fragment."""

    document: tuple[str, int] | None = None
    """Address and status of the last document."""


@dataclass(slots=True)
class Seen:
    """What the browser told of a visit."""

    asserted: dict[str, int] = field(default_factory=dict)
    """Assertions, by the public id of their passkey."""

    made: list[PasskeyText] = field(default_factory=list)
    """New passkeys, in their order."""

    @property
    def assertions(self) -> int:
        """All assertions."""
        return sum(self.asserted.values())


class Visit:
    """One browser and what it was lent; a context manager that ends it.

    Raises:
        ConnectorError: the browser could not be started.
    """

    def __init__(
        self, settings: Settings, lent: Sequence[PasskeyText] = (), *, once: bool = False,
        on_made: Callable[[PasskeyText], None] = lambda _one: None,
    ) -> None:  # fmt: skip
        """Start the browser; no page is open yet.

        Args:
            settings: which browser.
            lent: passkeys that its pages may use.
            once: whether a passkey is taken away when it was asserted. A page tells the browser which passkeys it has
                already, and an authenticator that has one of them makes no other.
            on_made: gets each new passkey as soon as it is there; may raise.
        """
        self.seen = Seen()
        self._lent = {one.public_id: one for one in lent}
        self._once, self._on_made = once, on_made
        self._pages: dict[str, _Page] = {}
        self._unseen: set[str] = set()
        self._pressed: list[str] = []
        self._counters: dict[str, int] = {}
        self.browser = Browser(settings)
        try:
            self.browser.call("Browser.setDownloadBehavior", behavior="deny")
            self.browser.call(
                "Target.setAutoAttach", autoAttach=True, waitForDebuggerOnStart=True, flatten=True, filter=_PAGES_ONLY
            )
        except BaseException:
            self.browser.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the browser, and leave no assertion whose counter the next visit could say again."""
        self.browser.close()
        counting.pass_by(self._counters.values())

    def open(self, url: str, *, limit_s: float) -> None:
        """Open the page, and wait until it is there.

        Raises:
            ConnectorError: it could not be reached in time.
        """
        target = str(self.browser.call("Target.createTarget", url=_BLANK)["targetId"])
        deadline = Deadline(limit_s)
        session = self._session_of(target, deadline)
        self.browser.call("Page.enable", session)
        went = self.browser.call("Page.navigate", session, url=url, limit_s=limit_s)
        if why := went.get("errorText"):
            raise ConnectorError(f"the page could not be reached: {why}")

    def panel(self, html: str) -> str:
        """Open a window of this program's own beside the page; returns its session."""
        place: dict[str, Any] = {"newWindow": True, "width": 460, "height": 420, "left": 0, "top": 0}
        session = self._own(place)
        self.browser.call("Runtime.enable", session)
        self.browser.call("Runtime.addBinding", session, name="breakglass")
        self.browser.call("Page.enable", session)
        frame = self.browser.call("Page.getFrameTree", session)["frameTree"]["frame"]["id"]
        self.browser.call("Page.setDocumentContent", session, frameId=frame, html=html)
        return session

    def tell(self, panel: str, script: str) -> None:
        """Run a script of this program's in its own panel."""
        self.browser.call("Runtime.evaluate", panel, expression=script)

    def click(self, selector: str, deadline: Deadline) -> bool:
        """Click the first element that a selector finds, as soon as there is one; returns whether there was."""
        found = f"document.querySelector({json.dumps(selector)})"
        script = f"(one => one && !one.disabled && (one.click(), true) || false)({found})"
        while not deadline.over:
            for session in self._shown():
                with suppress(ConnectorError):
                    said = self.browser.call("Runtime.evaluate", session, expression=script, userGesture=True)
                    if said.get("result", {}).get("value") is True:
                        return True
            self.pump(0.1)
        return False

    def probe(self, url: str, *, limit_s: float) -> int:
        """Return the status with which an address answers this session; 0: another address answered in its place.

        Raises:
            ConnectorError: nothing answered in time.
        """
        deadline = Deadline(limit_s)
        session = self._own({"hidden": True})
        page = self._pages[session]
        try:
            self.browser.call("Network.enable", session)
            self.browser.call("Network.setCacheDisabled", session, cacheDisabled=True)
            self.browser.call("Network.setBypassServiceWorker", session, bypass=True)
            went = self.browser.call("Page.navigate", session, url=url, limit_s=deadline.require_s())
            while page.document is None:
                if why := went.get("errorText"):
                    raise ConnectorError(f"the probe could not be reached: {why}")
                if deadline.over:
                    raise ConnectorError("the probe did not answer in time")
                self.pump(min(0.1, deadline.left_s))
        except TimeoutError:
            raise ConnectorError("the probe did not answer in time") from None
        else:
            where, status = page.document
            return status if where == page.wanted else 0
        finally:
            with suppress(ConnectorError):
                self.browser.call("Target.closeTarget", targetId=page.target)

    def is_quiet(self, for_s: float) -> bool:
        """Tell whether the pages asked for something since the last assertion, were answered, and ask no more."""
        pages = [self._pages[session] for session in self._shown()]
        if any(page.asked for page in pages) or not any(page.answered for page in pages):
            return False
        return time.monotonic() - max(page.at for page in pages) >= for_s

    def pressed(self) -> str:
        """Return what was pressed in the panel since the last time; empty: nothing."""
        return self._pressed.pop(0) if self._pressed else ""

    def lend(self, passkeys: Sequence[PasskeyText]) -> None:
        """Let the pages have these passkeys and no other ones."""
        self._lent = {one.public_id: one for one in passkeys}
        for session, page in self._pages.items():
            if page.authenticator:
                self._fill(session, page)

    @property
    def is_open(self) -> bool:
        """Whether a page is open that people see, beside the panel."""
        return bool(self._shown()) and not self.browser.is_gone

    def pump(self, limit_s: float) -> None:
        """Take what the browser says, for so long at most.

        Raises:
            Gone: it has ended.
            ConnectorError: a new passkey could not be taken, or not be recorded.
        """
        deadline = Deadline(limit_s)
        while self.browser.listen(deadline.left_s):
            self._hear(self.browser.events.popleft())
            if deadline.over:
                return

    def _shown(self) -> list[str]:
        return [session for session, page in self._pages.items() if not page.unseen]

    def _own(self, place: dict[str, Any]) -> str:
        """Open a tab of this program's, which no passkey is lent to."""
        target = str(self.browser.call("Target.createTarget", url=_BLANK, **place)["targetId"])
        # What the browser said of it meanwhile waits in its events.
        self._unseen.add(target)
        if place.get("hidden"):
            self.browser.call("Target.attachToTarget", targetId=target, flatten=True)
        return self._session_of(target, Deadline(20.0))

    def _session_of(self, target: str, deadline: Deadline) -> str:
        while True:
            for session, page in self._pages.items():
                if page.target == target:
                    return session
            if deadline.over:
                raise ConnectorError("the browser opened no page in time")
            self.pump(min(0.1, deadline.left_s))

    def _hear(self, said: Message) -> None:
        params, session = said.get("params", {}), said.get("sessionId", "")
        page = self._pages.get(session)
        match said.get("method"):
            case "Target.attachedToTarget":
                self._attached(params)
            case "Target.detachedFromTarget":
                self._pages.pop(params.get("sessionId", ""), None)
            case "WebAuthn.credentialAdded":
                self._added(session, params["credential"])
            case "WebAuthn.credentialAsserted":
                self._asserted(session, params["credential"])
            case "Runtime.bindingCalled" if page and page.unseen:
                self._pressed.append(str(params.get("payload", ""))[:20])
            case "Network.requestWillBeSent" if page and page.unseen:
                page.wanted = page.wanted or str(params["request"]["url"])
            case "Network.requestWillBeSent" if page and self.seen.assertions:
                page.asked.add(params["requestId"])
                page.at = time.monotonic()
            case "Network.responseReceived" if page and params.get("type") == "Document" and page.unseen:
                page.document = (str(params["response"]["url"]), int(params["response"]["status"]))
            case "Network.loadingFinished" | "Network.loadingFailed" if page and params["requestId"] in page.asked:
                page.asked.discard(params["requestId"])
                page.answered += said["method"] == "Network.loadingFinished"
                page.at = time.monotonic()

    def _attached(self, params: Message) -> None:
        """Give a new page its authenticator, then let it run."""
        session, target = params["sessionId"], str(params["targetInfo"]["targetId"])
        page = _Page(target, unseen=target in self._unseen)
        try:
            if not page.unseen:
                self.browser.call("WebAuthn.enable", session)
                made = self.browser.call("WebAuthn.addVirtualAuthenticator", session, options=_AUTHENTICATOR)
                page.authenticator = str(made["authenticatorId"])
                self._fill(session, page)
                self.browser.call("Network.enable", session)
            self.browser.call("Runtime.runIfWaitingForDebugger", session)
        except Gone:
            raise
        except ConnectorError:
            # A page that is closed again before it ran.
            return
        self._pages[session] = page

    def _fill(self, session: str, page: _Page) -> None:
        self.browser.call("WebAuthn.clearCredentials", session, authenticatorId=page.authenticator)
        for one in self._lent.values():
            last = max(one.counter, self._counters.get(one.public_id, 0)) if one.counter else 0
            fields = one.fields() | {"signCount": counting.given(last, time.time())}
            self.browser.call("WebAuthn.addCredential", session, authenticatorId=page.authenticator, credential=fields)

    def _added(self, session: str, fields: Message) -> None:
        try:
            made = of_browser(fields)
        except InvalidInput as error:
            raise ConnectorError(
                f"the page made a passkey that cannot be kept: {error}", hint="remove it at the page: it is on no paper"
            ) from None
        if made.public_id in self._lent:
            return
        self.seen.made.append(made)
        self._lent[made.public_id] = made
        try:
            self._on_made(made)
        except BreakglassError as error:
            raise ConnectorError(
                f"the passkey {made.public_id} was made at the page and could not be recorded: {error}",
                hint="remove it at the page: it is on no paper",
            ) from error

    def _asserted(self, session: str, fields: Message) -> None:
        made = of_browser(fields | {"signCount": fields["signCount"] & MOST_COUNTER})
        self._counters[made.public_id] = made.counter
        self.seen.asserted[made.public_id] = self.seen.asserted.get(made.public_id, 0) + 1
        for one in self._pages.values():
            one.asked, one.answered, one.at = set(), 0, time.monotonic()
        lent = self._lent.get(made.public_id)
        if self._once:
            self.lend([one for one in self._lent.values() if one.public_id != made.public_id])
        if lent is None or lent.counter or self._once:
            return
        page = self._pages.get(session)
        if page is not None:
            self._fill(session, page)
