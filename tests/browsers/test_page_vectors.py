# SPDX-License-Identifier: Apache-2.0
"""The third implementation of the paper format: ``recover.html`` answers every vector, in a real browser.

Rules:

1. The page is the one that people get, opened by ``file://``; what asks its functions comes by the browser's protocol.
2. Whatever recover.py answers to the lines of an opening, the page answers word for word. ``make long`` asks all.
"""

import base64
import hashlib
import re
from typing import Any

import pytest

from breakglass_shamir.standalone import recover as program
from tests.browsers.asked import FILES, MOMENT, Asked, epochs, of_program, vectors_of
from tests.browsers.chromium import PAGE
from tests.interop.test_recover import GCM, RFC_8032
from tests.lengths import some

EPOCHS = epochs()
LIVE = [name for name in EPOCHS if name != "drill"]
PLAIN = EPOCHS["2-of-3"]
NOT_READ = {"write-core-lines"}
"""Operations of who prints sheets, which no recovery program does."""


def test_every_vector(asked: Asked) -> None:
    every = [v for file in FILES for v in vectors_of(file) if v["operation"] not in NOT_READ]
    answers = asked([[v["operation"], v["input"]] for v in every])
    for vector, answer in zip(every, answers, strict=True):
        name = f"{vector['operation']}: {vector['name']}"
        if "error" in vector:
            assert answer == {"error": vector["error"]}, name
        else:
            expected = {part: vector["output"][part] for part in answer["output"]}
            assert answer["output"] == expected, name


def test_every_opening_of_the_vectors_as_recover_py_answers_it(asked: Asked) -> None:
    mine = [v for v in vectors_of("openings") if "set_public_key" not in v["input"]]
    for vector in some(mine):
        lines = lines_of(vector["input"])
        answer = asked.one("session", lines=lines, time=MOMENT)
        assert answer["output"] == of_program(lines), vector["name"]
        if vector["operation"] == "open-typed":
            assert answer["output"].get("error") == vector.get("error"), vector["name"]


def lines_of(given: dict[str, Any]) -> list[str]:
    """Return what is taken, in order; typed lines of a share or a core end with an empty one."""
    if "share_lines" not in given:
        return [*given.get("codes", []), *given.get("core_lines", []), *given["shares"]]
    blocks = (given.get("codes", []), *given["share_lines"], given.get("core_lines", []))
    typed = [[f"{n}: ?" if line is None else line for n, line in enumerate(lines, 1)] for lines in blocks]
    return [line for lines in typed for line in (*lines, "")]


def test_all_32_bytes_of_a_known_set_key_are_compared(asked: Asked) -> None:
    mine = [v for v in vectors_of("openings") if "set_public_key" in v["input"]]
    assert {v["operation"] for v in mine} == {"open", "open-typed"}
    for vector in mine:
        given = vector["input"]
        lines = lines_of(given)
        answer = asked.one("session", lines=lines, set_public_key=given["set_public_key"])["output"]
        assert answer.get("error") == vector.get("error"), vector["name"]
        assert ("output" in answer) == ("output" in vector), vector["name"]


def ways(epoch: dict[str, Any]) -> list[list[str]]:
    """Return the ways in which the sheets of an epoch are taken: scanned, typed, with lines lost or wrong."""
    scanned = [share["text"] for share in epoch["shares"]]
    typed = [line for share in epoch["shares"] for line in share["lines"]]
    lost = [line for share in epoch["shares"] for line in [*share["lines"][:1], "2: ?", *share["lines"][2:], ""]]
    wrong = [line.replace("7", "8", 1) for line in typed]
    core = epoch["core_lines"]
    return [
        [*scanned, *epoch["codes"]],
        [*(code.lower() for code in reversed(epoch["codes"])), *typed],
        [*epoch["codes"], *lost],
        [*epoch["codes"], *wrong, ""],
        *([[*core, *typed], [*core[1:], *scanned], [*core[:-1], *lost], [*wrong, "", *core, ""]] if core else []),
    ]


@pytest.mark.parametrize("name", EPOCHS)
def test_every_epoch_in_every_way_as_recover_py_answers_it(name: str, asked: Asked) -> None:
    every = ways(EPOCHS[name])
    answers = asked([["session", {"lines": lines, "time": MOMENT}] for lines in every])
    for lines, answer in zip(every, answers, strict=True):
        assert answer["output"] == of_program(lines)
    assert name == "drill" or "output" in answers[0]["output"]


def test_a_polluted_pool_is_answered_word_for_word(asked: Asked) -> None:
    others = [share["text"] for epoch in EPOCHS.values() for share in epoch["shares"]]
    codes = [code for epoch in EPOCHS.values() for code in epoch["codes"]]
    forged = next(v for v in vectors_of("openings") if v["name"] == "one bit of a value")["input"]["shares"][1]
    junk = ["hello", "BGS1:", "BGE1:0", "BGS1;2788", "http://example.org/", "0" * 5000, "\x00\x1b[2J", "ü", "99: 0000"]
    lines = [
        *others,
        *junk,
        forged,
        *codes,
        *others,
        "12",
        "?",
        "-",
        "BGE1:1/2:ABCD:00",
        "bg\u017f1:",
        "\u00a0",
        "",
        " ",
    ]
    assert asked.one("session", lines=lines, time=MOMENT)["output"] == of_program(lines)


def test_an_envelope_that_was_asked_for(asked: Asked) -> None:
    seed = bytes.fromhex(next(v for v in vectors_of("primitives"))["output"]["set_key_seed"])
    body = bytes.fromhex(PLAIN["bytes"])[:-64].replace(b"prod-db", b"prod-dc")
    other = body + program.sign(seed, b"breakglass-shamir envelope\x00" + body)
    lines = [*PLAIN["codes"], "BGE1:" + program.encode32(other), *(share["text"] for share in PLAIN["shares"])]
    for wanted in ("", PLAIN["sha256"], PLAIN["sha256"][:8].upper(), "0"):
        answer = asked.one("session", lines=lines, wanted=wanted, time=MOMENT)["output"]
        assert answer == of_program(lines, wanted)


# Its cryptography, against what others published


def test_ed25519_against_rfc_8032(asked: Asked) -> None:
    for seed, public, message, signature in RFC_8032:
        given = f"unhex('{seed}'), unhex('{message}')"
        assert asked.browser.value(f"hex(publicKey(unhex('{seed}')))") == public
        assert asked.browser.value(f"hex(sign({given}))") == signature
        late = int.from_bytes(bytes.fromhex(signature)[32:], "little") + program.ORDER
        forged = signature[:64] + late.to_bytes(32, "little").hex()
        for text, signed in ((message, signature), (f"{message}78", signature), (message, forged)):
            call = f"verifySignature(unhex('{public}'), unhex('{text}'), unhex('{signed}'))"
            refused = asked.browser.value(f"outcome(() => {{ {call}; return 1; }})")
            assert ("output" in refused) == (text == message and signed == signature)


def test_aes_256_gcm_against_known_answers(asked: Asked) -> None:
    for key, nonce, header, plaintext, sealed in GCM:
        given = ", ".join(f"unhex('{part}')" for part in (key, nonce, header))
        bad = sealed[:-2] + format(int(sealed[-2:], 16) ^ 1, "02x")
        assert asked.browser.value(f"hex(gcmDecrypt({given}, unhex('{sealed}')))") == plaintext
        assert asked.browser.value(f"gcmDecrypt({given}, unhex('{bad}'))") is None


@pytest.mark.parametrize("name", ["sha1", "sha256", "sha512"])
def test_hashes_at_every_length_around_a_block(name: str, asked: Asked) -> None:
    lengths = [*range(140), 255, 256, 1000]
    found = asked.browser.value(f"{lengths}.map((length) => hex({name}(new Uint8Array(length).fill(7))))")
    assert found == [hashlib.new(name, b"\7" * length).hexdigest() for length in lengths]


def test_one_time_codes_against_rfc_6238(asked: Asked) -> None:
    for moment, code in ((59, "287082"), (1111111109, "081804"), (20000000000, "353130")):
        assert asked.browser.value(f"totp(join('12345678901234567890'), {moment}, 'sha1', 6, 30)") == code


# The file itself


def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def test_it_is_one_small_file_of_this_release() -> None:
    assert len(PAGE.read_bytes()) < 100_000
    assert f'const VERSION = "{program.VERSION}";' in page()


@pytest.mark.parametrize("tag", ["script", "style"])
def test_its_policy_names_its_script_and_style_by_their_hashes(tag: str) -> None:
    (body,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page(), re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
    assert f"{tag}-src 'sha256-{digest}'" in page(), f"the {tag} was changed: its hash is sha256-{digest}"


def test_its_policy_allows_nothing_else() -> None:
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page())
    rules = [re.sub(r"sha256-[^']*", "sha256", rule.strip()) for rule in policy.split(";")]
    assert rules == [
        "default-src 'none'", "script-src 'sha256'", "style-src 'sha256'", "base-uri 'none'", "form-action 'none'",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "word",
    ["innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "new Function", "fetch(", "XMLHttpRequest",
     "WebSocket", "sendBeacon", "import(", "localStorage", "sessionStorage", "indexedDB", "cookie", "caches",
     "serviceWorker", "history.", "clipboard.", "crypto.subtle.", "http://", "https://", "<form", " src=", " href="],
)  # fmt: skip
def test_it_neither_sends_nor_stores_nor_runs_what_it_was_given(word: str) -> None:
    assert word not in page().split("-->", 1)[1]
