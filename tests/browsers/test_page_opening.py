# SPDX-License-Identifier: Apache-2.0
"""Somebody opens a set with ``recover.html``: keys, clicks and files as from people, in a real browser."""

import base64
import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import rfc8785
import zxingcpp
from PIL import Image

from breakglass_shamir.custody.life import recovery
from tests.browsers.asked import Asked, epochs
from tests.browsers.chromium import PAGE, Chromium
from tests.interop.test_recover import verify_as_documented

QR_ONLY = zxingcpp.barcode_formats_from_str("QRCode")
"""A linear code is found now and then in a photograph of text that has none."""

EPOCHS = epochs()
PLAIN = EPOCHS["2-of-3"]
SECRET = "correct horse battery staple"


def combine(browser: Chromium, epoch: dict[str, Any] = PLAIN) -> None:
    """Scan an epoch's sheets, and open."""
    browser.focus("line")
    for text in [share["text"] for share in epoch["shares"]] + epoch["codes"]:
        browser.type(text)
    browser.click("open")
    browser.until("!part('use').hidden")


def say_why(browser: Chromium, *officers: str, ticket: str = "INC-7", reason: str = "the directory is down") -> None:
    """Say who is there, for which ticket and why."""
    browser.focus("officer")
    for name in officers or ("Olga", "Oskar"):
        browser.type(name)
    for field, text in (("ticket", ticket), ("reason", reason)):
        browser.focus(field)
        browser.type(text)
    browser.until("!part('keep').hidden")


def save(browser: Chromium) -> Path:
    """Save the record."""
    before = {file: file.stat().st_mtime_ns for file in browser.downloads.iterdir()}
    browser.click("save")
    return browser.downloaded(lambda file: file.stat().st_mtime_ns != before.get(file))


def give_back(browser: Chromium, file: Path, *, holds: bool = True) -> None:
    """Choose the file that was saved, and wait for what the page says of it."""
    browser.choose("back", file)
    browser.until("!part('shown').hidden" if holds else "!part('compared').hidden")


def nothing_is_shown(browser: Chromium) -> None:
    """Hold that no byte of the credential is in the page."""
    whole = browser.value("document.documentElement.outerHTML")
    assert SECRET not in whole
    assert PLAIN["credential"]["account"] not in whole.split("<script>")[0].replace("Break-glass", "")


def codes_on(browser: Chromium) -> bytes:
    """Read the codes off a picture of the page, joined in order."""
    found = zxingcpp.read_barcodes(Image.open(io.BytesIO(browser.picture())), formats=QR_ONLY)
    return b"".join(code.bytes for code in sorted(found, key=lambda code: code.position.top_left.y))


def test_the_whole_way_from_sheets_to_secret(browser: Chromium) -> None:
    browser.focus("line")
    for line in PLAIN["shares"][1]["lines"]:
        browser.type(line.lower())
    assert "accepted: share 1.2 of epoch T279-Z4GW-AQ9R; 1 sheet so far" in browser.text("answers")
    combine(browser)
    assert "confirmed: set prod-db, epoch 1, T279-Z4GW-AQ9R, sheets 1.1, 1.2" in browser.text("origin")
    assert PLAIN["set_public_key"] in browser.text("origin")
    say_why(browser)
    nothing_is_shown(browser)
    give_back(browser, save(browser))
    nothing_is_shown(browser)
    browser.click("reveal")
    browser.until("!part('secret').hidden")
    assert browser.text("text").strip() == f"secret (28 bytes):\n{SECRET}"
    assert "account: breakglass" in browser.text("about")
    browser.click("erase")
    nothing_is_shown(browser)
    assert "replace it" in browser.text("over")
    assert browser.console == []
    assert browser.requests == [PAGE.as_uri()]


def test_the_record_is_canonical_signed_and_says_that_a_page_made_it(
    browser: Chromium, tmp_path: Path, need: Callable[[str], str]
) -> None:
    need("ssh-keygen")
    combine(browser, EPOCHS["2-of-3 and 1-of-2"])
    say_why(browser, "head of security", "Büro Süd", reason='the "directory" is down')
    file = save(browser)
    data, signature = recovery.divide(file.read_bytes())
    record = json.loads(data)
    assert rfc8785.dumps(record) == data
    record.pop("time")
    epoch = EPOCHS["2-of-3 and 1-of-2"]
    assert record == {
        "v": 1, "type": "recovery", "set": "Zürich firewall", "epoch": epoch["epoch"], "epoch_id": epoch["epoch_id"],
        "set_public_key": epoch["set_public_key"], "envelope_sha256": epoch["sha256"], "sheets": ["1.1", "1.2", "2.1"],
        "officers": ["head of security", "Büro Süd"], "ticket": "INC-7", "reason": 'the "directory" is down',
        "tool": "recover.html 0.1.0", "made_in": "browser",
    }  # fmt: skip
    assert recovery.parse(data).in_browser
    (tmp_path / "allowed").write_text(
        "set-key ssh-ed25519 " + signature_key(epoch["set_public_key"]) + "\n", encoding="ascii"
    )
    (tmp_path / "signature").write_bytes(signature)
    command = [
        "ssh-keygen", "-Y", "verify", "-f", "allowed", "-I", "set-key", "-n", recovery.NAMESPACE, "-s", "signature",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def signature_key(public: str) -> str:
    return base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes.fromhex(public)).decode()


def test_the_documented_commands_take_the_one_file_apart(
    browser: Chromium, tmp_path: Path, need: Callable[[str], str]
) -> None:
    need("ssh-keygen")
    combine(browser)
    say_why(browser)
    (tmp_path / "recovery.txt").write_bytes(save(browser).read_bytes())
    done = verify_as_documented(tmp_path, one_file=True)
    assert done.returncode == 0, done.stderr
    assert b"Good" in done.stdout


@pytest.mark.parametrize("damage", ["another file", "one byte", "cut", "longer", "empty", "an earlier record"])
def test_what_is_not_the_record_that_was_saved_shows_nothing(damage: str, browser: Chromium, tmp_path: Path) -> None:
    combine(browser)
    say_why(browser)
    file = save(browser)
    data, other = file.read_bytes(), tmp_path / "other"
    if damage == "an earlier record":
        file = file.rename(tmp_path / "earlier")
        browser.click("change")
        say_why(browser, reason="something else is down")
        give_back(browser, file, holds=False)
    else:
        other.write_bytes({
            "another file": b"x" * len(data), "one byte": data[:-3] + b"!" + data[-2:], "cut": data[:-1],
            "longer": data + b"\n", "empty": b"",
        }[damage])  # fmt: skip
        give_back(browser, other, holds=False)
    assert "This is not the record" in browser.text("compared")
    assert not browser.is_shown("shown")
    nothing_is_shown(browser)
    give_back(browser, save(browser))
    assert browser.is_shown("reveal")


def test_the_code_on_the_screen_is_the_file_byte_by_byte(browser: Chromium) -> None:
    combine(browser)
    say_why(browser)
    file = save(browser)
    assert codes_on(browser) == b""
    give_back(browser, file)
    assert codes_on(browser) == file.read_bytes()
    nothing_is_shown(browser)


def test_a_long_record_is_several_codes_that_readers_join(browser: Chromium) -> None:
    combine(browser)
    say_why(browser, *(f"{name} {'ü' * 150}" for name in ("Olga", "Oskar", "Otto", "Olaf")))
    file = save(browser)
    give_back(browser, file)
    assert codes_on(browser) == file.read_bytes()
    assert "Code 3 of" in browser.text("codes")


def test_codes_of_every_size_are_read(asked: Asked) -> None:
    for size in (1, 2, 100, 101, 458, 898, 899, 900, 901, 2000):
        data = bytes(i * 7 % 251 for i in range(size))
        codes = asked.one("codes", data=data.hex())["output"]["codes"]
        assert b"".join(read_off(picture_of(rows)) for rows in codes) == data, size


def test_another_reader_joins_codes_in_any_order(asked: Asked) -> None:
    text = "".join(f"{number:05d}" for number in range(24))
    codes = asked.one("codes", data=text.encode().hex(), piece=40)["output"]["codes"]
    drawn = [picture_of(rows) for rows in codes]
    whole = Image.new("L", (3 * drawn[0].width, drawn[0].height), 255)
    for place, each in enumerate([drawn[2], drawn[0], drawn[1]]):
        whole.paste(each, (place * drawn[0].width, 0))
    _, texts, _, _ = cv2.QRCodeDetector().detectAndDecodeMulti(np.array(whole))
    assert text in texts


def picture_of(rows: list[str]) -> Image.Image:
    """Draw a code with its quiet zone."""
    size = len(rows) + 8
    picture = Image.new("L", (size, size), 255)
    for r, row in enumerate(rows):
        for c, module in enumerate(row):
            picture.putpixel((c + 4, r + 4), 0 if module == "1" else 255)
    return picture.resize((size * 4, size * 4), Image.Resampling.NEAREST)


def read_off(picture: Image.Image) -> bytes:
    """Read the one code of a picture."""
    (found,) = zxingcpp.read_barcodes(picture, formats=QR_ONLY)
    data: bytes = found.bytes
    return data


@pytest.mark.parametrize("field", ["officer", "ticket", "reason"])
def test_a_share_in_a_field_of_the_record_is_refused_and_does_not_stay(field: str, browser: Chromium) -> None:
    combine(browser)
    for name, text in (("officer", "Olga"), ("ticket", "INC-7"), ("reason", "down")):
        browser.focus(name)
        browser.type(PLAIN["shares"][0]["lines"][1] if name == field else text, enter=False)
    browser.click("make")
    assert "that looks like a share" in browser.text("refusal")
    assert browser.value(f"part('{field}').value") == ""
    assert PLAIN["shares"][0]["lines"][1] not in browser.value("document.documentElement.outerHTML")
    assert not browser.is_shown("keep")


@pytest.mark.parametrize("text", ["", " ", "\u202eabc", "x" * 201])
def test_a_text_that_no_record_holds_is_refused(text: str, browser: Chromium) -> None:
    combine(browser)
    browser.focus("officer")
    browser.type("Olga")
    browser.focus("reason")
    browser.type("down")
    browser.focus("ticket")
    browser.type(text, enter=False)
    browser.click("make")
    assert "1 to 200 characters" in browser.text("refusal")
    assert not browser.is_shown("keep")


def test_no_mistake_ends_the_session_and_no_answer_repeats_it(browser: Chromium) -> None:
    browser.focus("line")
    for text in ("hello", "open", "BGS1;2788", "99: 0000", "status", "\u00e9", "BGE1:1/2:ABCD:00"):
        browser.type(text)
    answers = browser.text("answers")
    for words in (
        "not ours",
        "US layout",
        "lines are numbered 1 to 31",
        "no quorum yet, nothing was opened",
        "no envelope yet",
    ):
        assert words in answers
    assert "hello" not in answers
    assert browser.value("part('line').value") == ""
    combine(browser)


def test_lines_that_are_pasted_or_in_a_file_are_taken_one_by_one(browser: Chromium, tmp_path: Path) -> None:
    lines = [share["text"] for share in PLAIN["shares"][:1]] + PLAIN["codes"]
    browser.value(
        f"""(() => {{ const data = new DataTransfer(); data.setData("text/plain", {json.dumps(chr(10).join(lines))});
        part("line").dispatchEvent(new ClipboardEvent("paste", {{ clipboardData: data, cancelable: true }})); }})()"""
    )
    assert "1 of 2 needed" in browser.text("state")
    file = tmp_path / "codes.txt"
    file.write_text("\ufeff" + "\r\n".join(PLAIN["shares"][2]["lines"]), encoding="utf-8")
    browser.choose("texts", file)
    browser.until("!part('open').disabled")
    assert "[file: 4] accepted: share 1.3" in browser.text("answers")
    large = tmp_path / "large"
    large.write_bytes(b"0" * (1 << 21))
    browser.choose("texts", large)
    browser.until("part('answers').innerText.includes('no set of sheets has so many')")


def test_two_valid_envelopes_stop_it_until_one_is_left_out(browser: Chromium, asked: Asked) -> None:
    other = asked.browser.value(
        f"""(() => {{ const body = unhex("{PLAIN["bytes"]}").slice(0, -64);
        const at = hex(body).indexOf(hex(join("prod-db")));
        body[at / 2 + 6] += 1; const seed = hkdf(unhex("{PLAIN["master"]}"), LIVE, "set key");
        return "BGE1:" + encode32(join(body, sign(seed, join("breakglass-shamir envelope", [0], body)))); }})()"""
    )
    browser.focus("line")
    for text in [*PLAIN["codes"], other, *(share["text"] for share in PLAIN["shares"])]:
        browser.type(text)
    assert "two valid envelopes" in browser.text("answers")
    assert "with the codes of that one alone" in browser.text("answers")
    assert browser.value("part('open').disabled")
    browser.click("restart")
    browser.until("typeof state !== 'undefined' && state.session !== null && !state.session.held.length")
    combine(browser)


def test_the_secret_erases_itself_and_goes_with_the_page(browser: Chromium) -> None:
    combine(browser)
    say_why(browser)
    give_back(browser, save(browser))
    browser.value("(() => { const now = Date.now; Date.now = () => now() + (window.late || 0); })()")
    browser.click("reveal")
    browser.until("part('text').textContent.includes('correct horse')")
    browser.value("window.late = 299000; 0")
    browser.until("part('left').textContent === 'in 1 s it erases itself'")
    browser.value("window.late = 301000; 0")
    browser.until("part('secret').hidden")
    nothing_is_shown(browser)
    assert browser.value("state.opened") is None


def test_leaving_the_page_leaves_nothing_to_come_back_to(browser: Chromium) -> None:
    combine(browser)
    say_why(browser)
    give_back(browser, save(browser))
    browser.click("reveal")
    browser.until("part('text').textContent.includes('correct horse')")
    browser.value("window.dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
    nothing_is_shown(browser)
    assert "INC-7" not in browser.value("document.body.innerText")


def test_a_secret_that_is_no_text_is_saved_with_its_exact_bytes(browser: Chromium) -> None:
    epoch = next(e for e in EPOCHS.values() if b"\0" in bytes.fromhex(e["credential"]["secret"]))
    combine(browser, epoch)
    say_why(browser)
    give_back(browser, save(browser))
    browser.click("reveal")
    browser.until("!part('secret').hidden")
    assert epoch["credential"]["secret"] in browser.text("text").replace("\n", "")
    browser.click("file")
    file = browser.downloaded(lambda file: file.name.startswith("secret"))
    assert file.read_bytes() == bytes.fromhex(epoch["credential"]["secret"])


def test_no_field_is_spelled_completed_or_corrected(browser: Chromium) -> None:
    fields = browser.value(
        """Array.from(document.querySelectorAll("input, textarea, [contenteditable]"), (field) => [field.id,
        field.autocomplete, field.spellcheck, field.getAttribute("autocorrect"), Boolean(field.form)])"""
    )
    assert len(fields) == 6
    for name, *settings in fields:
        assert settings == ["off", False, "off", False], name


@pytest.mark.parametrize("attempt", ["fetch('data:,x')", "new Function('return 1')()", "eval('1')"])
def test_its_policy_holds_in_the_browser(attempt: str, browser: Chromium) -> None:
    script = f"(async () => {{ try {{ await ({attempt}); return 'done'; }} catch (e) {{ return 'refused'; }} }})()"
    done = browser.call(
        "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, allowUnsafeEvalBlockedByCSP=False
    )
    assert done["result"]["value"] == "refused"


@pytest.mark.parametrize("size", [(1280, 900), (390, 844), (320, 568)])
def test_nothing_is_wider_than_the_screen(size: tuple[int, int], browser: Chromium) -> None:
    browser.call(
        "Emulation.setDeviceMetricsOverride", width=size[0], height=size[1], deviceScaleFactor=1, mobile=size[0] < 600
    )
    wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    browser.value("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert not browser.value(wide)
    combine(browser, EPOCHS["2-of-3 and 1-of-2"])
    assert not browser.value(wide)
    say_why(browser, "x" * 200)
    assert not browser.value(wide)
    give_back(browser, save(browser))
    assert not browser.value(wide)
    browser.click("reveal")
    browser.until("!part('secret').hidden")
    assert not browser.value(wide)
