# SPDX-License-Identifier: Apache-2.0
"""What recover.html saves becomes a record, a debt and a rotation, in one file, also after a message carried it."""

import json

from breakglass_shamir.custody.records.epochs import RecoveryImported
from tests.browsers.chromium import Chromium
from tests.browsers.test_page_opening import codes_on, give_back, save, say_why
from tests.end_to_end.life import NAME, Life, texts_on_paper


def test_a_recovery_in_a_browser_is_recorded_said_and_owed(life: Life, browser: Chromium) -> None:
    texts = [text for found in list(texts_on_paper(life.sheets(1)).values())[:2] for text in dict.fromkeys(found)]
    browser.focus("line")
    for text in texts:
        browser.type(text)
    browser.click("open")
    browser.until("!part('use').hidden")
    say_why(browser, "Olga", "Oskar", ticket="INC-9", reason="the terminal burned down")
    file = save(browser)
    give_back(browser, file)

    damaged = life.folder / "damaged.txt"
    for data, code, words in (
        (file.read_bytes().replace(b"INC-9", b"INC-8"), 5, "does not verify"),
        (file.read_bytes().replace(b'"browser"', b'"garden"'), 5, "not a recovery record"),
        (file.read_bytes().split(b"\n")[0], 2, "what recover.html saves is one file"),
        (file.read_bytes()[:-40], 5, "signature"),
        (b"\n" + file.read_bytes(), 2, "what recover.html saves is one file"),
    ):
        damaged.write_bytes(data)
        done = life.run("audit", "import", damaged)
        assert (done.exit, words in done.err) == (code, True), done.err

    photographed = life.folder / "photographed.txt"
    photographed.write_bytes(codes_on(browser).rstrip().replace(b"\n", b"\r\n"))
    done = life.ok("--json", "audit", "import", photographed)
    found = done.document
    assert (found["set"], found["officers"], found["in_browser"]) == (NAME, ["Olga", "Oskar"], True)
    body = life.entries()[-1].record.body
    assert isinstance(body, RecoveryImported)
    assert body.source.encode() + b"\n" + body.signature.encode() == file.read_bytes()
    assert json.loads(body.source)["made_in"] == "browser"
    assert [debt["id"] for debt in life.status()["debts"]] == [found["debt"]]
    again = life.run("audit", "import", file)
    assert (again.exit, "is in this ledger already" in again.err) == (3, True), again.err
    life.ok("audit", "report", "--out", life.folder / "report.html")
    assert "a browser" in (life.folder / "report.html").read_text(encoding="utf-8")
    life.ok("audit", "verify", "--full")
