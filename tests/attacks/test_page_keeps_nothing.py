# SPDX-License-Identifier: Apache-2.0
"""Somebody takes the machine's disk after a browser was killed in the middle of an opening with ``recover.html``.

Every file of the browser's profile is searched for what was typed, scanned and shown: as it was typed, without its
spaces, and in UTF-16, which Chromium keeps its sessions in. A page that does keep such things shows that the search
finds them.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.browsers.asked import epochs
from tests.browsers.chromium import PAGE, Chromium
from tests.browsers.test_page_opening import PLAIN, combine, give_back, save, say_why

SETTLE_S = 4
"""Longer than Chromium takes to write a session to its disk (2.5 s)."""


def whispers() -> Iterator[bytes]:
    """Every text that must not be found: lines and codes of shares, the secret, the master."""
    texts = [line for share in PLAIN["shares"] for line in share["lines"]]
    texts += [share["text"][29:] for share in PLAIN["shares"]]
    texts += [bytes.fromhex(PLAIN["credential"]["secret"]).decode(), PLAIN["master"]]
    for text in texts:
        for form in (text, text.replace(" ", ""), text.lower()):
            piece = form[:24]
            yield piece.encode()
            yield piece.encode("utf-16-le")


def found_in(folder: Path) -> list[str]:
    """Return the files of a profile that hold one of them."""
    every = set(whispers())
    files = [file for file in folder.rglob("*") if file.is_file() and not file.is_symlink()]
    assert len(files) > 20, "this is no profile"
    return [str(file.relative_to(folder)) for file in files if any(each in file.read_bytes() for each in every)]


def typed_half(browser: Chromium) -> None:
    """Leave lines taken, and one half typed."""
    browser.focus("line")
    for line in PLAIN["shares"][0]["lines"]:
        browser.type(line)
    browser.type(PLAIN["shares"][1]["text"], enter=False)


def shown(browser: Chromium) -> None:
    """Leave the secret on the screen."""
    combine(browser)
    say_why(browser)
    give_back(browser, save(browser))
    browser.click("reveal")
    browser.until("part('text').textContent.includes('correct horse')")


def left(browser: Chromium) -> None:
    """Leave the secret on the screen, and go elsewhere and back."""
    shown(browser)
    browser.call("Page.navigate", url="about:blank")
    browser.until("location.href === 'about:blank'")
    assert browser.questions == ["beforeunload"]
    browser.value("void setTimeout(() => history.back())")
    browser.until(f"location.href === {PAGE.as_uri()!r} && document.readyState === 'complete'")
    assert "correct horse" not in browser.value("document.documentElement.outerHTML")


@pytest.mark.parametrize("moment", [typed_half, shown, left])
def test_a_killed_browser_has_kept_no_share_and_no_secret(
    moment: Callable[[Chromium], None], browser: Chromium
) -> None:
    moment(browser)
    time.sleep(SETTLE_S)
    browser.kill()
    assert found_in(browser.folder) == []


def test_the_search_finds_what_a_page_keeps(tmp_path: Path, need: Callable[[str], str]) -> None:
    page = tmp_path / "keeps.html"
    page.write_text("<!DOCTYPE html><title>keeps</title><input id=line><script>0</script>", encoding="utf-8")
    with Chromium(need("chromium"), tmp_path / "browser") as browser:
        browser.open(page)
        browser.focus("line")
        browser.type(epochs()["2-of-3"]["shares"][0]["lines"][1], enter=False)
        browser.value("history.pushState(line.value, '', ''); localStorage.setItem('line', line.value)")
        time.sleep(SETTLE_S)
        browser.kill()
        assert found_in(browser.folder) != []
