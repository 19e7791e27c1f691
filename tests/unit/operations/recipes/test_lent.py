# SPDX-License-Identifier: Apache-2.0
"""What is said of a passkey that was lent to a browser, where the browser or the page ends the use."""

from typing import Any

import pytest
from Crypto.PublicKey import ECC

from breakglass_shamir.connectors.passkey.browser import Gone
from breakglass_shamir.connectors.passkey.visit import Seen
from breakglass_shamir.custody.credential import Credential, CredentialKind
from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.formats.passkey import PasskeyText
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations.opening import reveal
from breakglass_shamir.operations.recipes import lent

ONE = PasskeyText(
    "login.example", bytes(16), Secret(ECC.generate(curve="p256").export_key(format="DER", use_pkcs8=True)), b"user-1"
)
PAGE = ("https://login.example/",)


class Visit:
    """A visit whose page asserts the passkey, and then ends as it is told to."""

    opens: Exception | None = None
    ends: BaseException = Gone("the browser was closed")
    is_open = True

    def __init__(self, *_: Any, **__: Any) -> None:
        self.seen = Seen()

    def __enter__(self) -> "Visit":
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left."""

    def open(self, _url: str, *, limit_s: float) -> None:
        if self.opens:
            raise self.opens

    def pump(self, limit_s: float) -> None:
        self.seen.asserted[ONE.public_id] = 1
        raise self.ends


def test_what_goes_wrong_after_a_login_is_the_end_of_a_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lent, "Visit", Visit)
    told: list[str] = []
    assert lent.run(PAGE, ONE.write(), 60, told.append) == 0
    assert told == ["login.example: 1 login by the passkey"]
    told.clear()
    monkeypatch.setattr(Visit, "ends", ConnectorError("the page makes more events than can be looked at"))
    assert lent.run(PAGE, ONE.write(), 60, told.append) == 1
    assert sorted(told) == [
        "login.example: 1 login by the passkey",
        "the browser was ended: the page makes more events than can be looked at",
    ]


def test_an_interrupt_at_the_terminal_ends_the_use_as_the_last_page_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lent, "Visit", Visit)
    monkeypatch.setattr(Visit, "ends", KeyboardInterrupt())
    told: list[str] = []
    assert lent.run(PAGE, ONE.write(), 60, told.append) == 0
    assert sorted(told) == ["ended at the terminal", "login.example: 1 login by the passkey"]


def test_a_page_that_is_not_reached_is_no_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lent, "Visit", Visit)
    monkeypatch.setattr(Visit, "opens", ConnectorError("the page could not be reached: no such name"))
    with pytest.raises(ConnectorError, match="no such name"):
        lent.run(PAGE, ONE.write(), 60, list[str]().append)


def test_no_program_that_takes_a_password_is_given_a_passkey() -> None:
    credential = Credential(Secret(b"x"), CredentialKind.PASSKEY).renewed(ONE.write())
    given: list[Secret] = []

    def take(secret: Secret) -> int:
        given.append(secret)
        return 0

    ran = reveal.run_command(["recipe:ldapwhoami"], credential, by_recipe=take)
    assert (ran.started, ran.words) == (False, "could not be started: recipe:ldapwhoami takes no passkey")
    assert not given
    ran = reveal.run_command(["recipe:chromium"], credential, by_recipe=take)
    assert (ran.well, len(given)) == (True, 1)
