# SPDX-License-Identifier: Apache-2.0
"""People at the browser that is shown to them, for tests: they do at the page what its script says, and press a button.

The connector is the real one. Before it opens a page for people, the relying party is told what they will do there;
when they have done it, the button in the panel is clicked, in the panel, as a person would.
"""

import json
import os
import urllib.request
from pathlib import Path
from typing import Any

from breakglass_shamir.connectors.passkey import connector
from breakglass_shamir.connectors.passkey.connector import PasskeyConnector
from breakglass_shamir.connectors.passkey.visit import Visit
from breakglass_shamir.formats.passkey import PasskeyText
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations.recipes import lent

A_MOMENT = "await new Promise(done => setTimeout(done, 300));"
LOGS_IN = f'by("passkey").click(); await sees("logged in"); {A_MOMENT}'
ENROLS = f'by("password").click(); await sees("logged in"); {A_MOMENT} const n = by("keys").children.length; ' \
    'by("add").click(); await has(n + 1);'  # fmt: skip
ADDS = f'{LOGS_IN} const n = by("keys").children.length; by("add").click(); await has(n + 1);'
REMOVES = f'{LOGS_IN} const n = by("keys").children.length; document.querySelector("#keys button").click(); ' \
    "await has(n - 1);"  # fmt: skip

DISPLAY_FILE = "display"
"""File in the home folder with the display of these people."""

ORIGIN_FILE = "origin"
"""File in the home folder with the relying party's origin."""


def _kept(name: str) -> str:
    path = Path.home() / name
    return path.read_text() if path.is_file() else ""


connector.QUIET_S = 0.3
os.environ.setdefault("DISPLAY", _kept(DISPLAY_FILE))


def ask(origin: str, path: str, body: Any = None) -> bool:
    """Ask the relying party, as its test may."""
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(f"{origin}{path}", data, timeout=10) as said:  # noqa: S310 - on loopback
            return bool(said.status == 200)
    except OSError:
        return False


class People(Visit):
    """A visit whose people press the first button when they have done what the page says."""

    origin = _kept(ORIGIN_FILE)
    presses = "done"
    pressed_once = False

    def pressed(self) -> str:
        panels = [session for session, page in self._pages.items() if page.unseen]
        if panels and not self.pressed_once and ask(self.origin, "/finished"):
            self.pressed_once = True
            self.tell(panels[0], f'document.getElementById("{self.presses}").click()')
        return super().pressed()

    @property
    def is_open(self) -> bool:
        """They close the page of a use when they are done, where there is no panel."""
        panels = any(page.unseen for page in self._pages.values())
        return super().is_open and (panels or not ask(self.origin, "/finished"))


for _room in (connector, lent):
    _room.Visit = People  # type: ignore[attr-defined]


class Connector(PasskeyConnector):
    """The connector, with people."""

    adds, removes = ADDS, REMOVES

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        People.origin = f"{self._page.scheme}://{self._page.netloc}"

    def enrol(self) -> Secret:
        self._will(ENROLS)
        return super().enrol()

    def _issue(self, current: Secret) -> Secret:
        self._will(self.adds)
        return super()._issue(current)

    def _rotate(self, old: Secret, new: Secret) -> None:
        self._will(self.removes)
        super()._rotate(old, new)

    def _tried(self, mine: PasskeyText) -> Any:
        if self._click:
            self._will("")
        return super()._tried(mine)

    def _will(self, script: str) -> None:
        ask(People.origin, "/people", script)
