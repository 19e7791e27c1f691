# SPDX-License-Identifier: Apache-2.0
"""Look for an input that ``recover.py`` and ``recover.html`` answer differently.

    python -m tests.browsers.differences [COUNT] [SEED]

Cases are made from a seed: sheets of the vectors' epochs that were damaged, mixed, typed badly or cut; envelopes and
cores whose bytes were changed and signed again; plaintexts of every form; texts in many scripts. Both are asked the
same, and every word of an answer counts. A difference is printed with the seed that makes it again.

Characters are drawn from those that Python's tables of Unicode know. A browser's tables are newer: what was not a
character then is none here, and is not compared.
"""

import functools
import random
import shutil
import sys
import tempfile
import time
import unicodedata
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from breakglass_shamir.standalone import recover as program
from tests.browsers.asked import MOMENT, Answer, Asked, Case, epochs, of_program, operations, screen_at, vectors_of
from tests.browsers.chromium import PAGE, Chromium
from tests.interop.test_recover import OPERATIONS

BATCH = 200
"""Cases that the page is asked at once."""

EPOCHS = list(epochs().values())
SYMBOLS = program.ALPHABET + "?ILOU"
WORDS = ("the directory is down", "LDAP", "INC-4711", "root@host", "2031-05-04", "T279-Z4GW-AQ9R", "Zürich", "Straße",
         "база данных", "データ", "SHA256:", "x9Kq2", "00:1A:2B:3C", "restart", "QX7J", "9F3A", "hello", "", "  ", "?",
         "SN-2KX9-44JD-QP0Z", "a3f9c2e17b",
         "AAAAC3NzaC1lZDI1NTE5AAAAIKiiuvEMj+5kRNJcXC6LD6X8JoFCDJsZyAK69dH1L0AY")  # fmt: skip
KNOWN = [c for c in map(chr, range(0x20, 0x1F000)) if unicodedata.category(c) not in {"Cn", "Cs", "Co"}]
"""Characters that were assigned when Python's tables were made."""

Random = random.Random


# Making cases


def damaged(rng: Random, text: str, most: int = 6) -> str:
    """Return a text after some slips of a finger, a scanner or a stain."""
    letters = list(text)
    for _ in range(rng.choice((0, 0, 1, 1, 2, 3, most))):
        place = rng.randrange(len(letters) + 1)
        slip = rng.randrange(8)
        if slip == 0:
            letters.insert(place, rng.choice(" -\t\v\f\u00a0:" + SYMBOLS))
        elif slip == 1 and letters:
            del letters[place - 1]
        elif slip == 2 and place > 1:
            letters[place - 1], letters[place - 2] = letters[place - 2], letters[place - 1]
        elif letters:
            letters[place - 1] = rng.choice(SYMBOLS if slip < 7 else "?")
    result = "".join(letters)
    return rng.choice((result, result, result.lower(), f" {result} "))


def typed_share(rng: Random, share: dict[str, Any]) -> list[str]:
    """Return a share as somebody types it."""
    lines = [damaged(rng, line, 3) if rng.random() < 0.3 else line for line in share["lines"]]
    if rng.random() < 0.3:
        lost = rng.randrange(4)
        lines[lost : lost + 1] = [f"{lost + 1}: ?"] if rng.random() < 0.5 else []
    if rng.random() < 0.2:
        lines = [f"{number}{rng.choice((':', '.', ')', ' ', ' : '))}{line}" for number, line in enumerate(lines, 1)]
    if rng.random() < 0.1:
        rng.shuffle(lines)
    return [*lines, ""] if rng.random() < 0.6 else lines


def session(rng: Random) -> Case:
    """Somebody scans and types what is there, in some order."""
    mine = rng.choice(EPOCHS)
    others = [mine, mine, mine, rng.choice(EPOCHS)]
    lines: list[str] = []
    parts: list[list[str]] = []
    for share in rng.sample(mine["shares"], min(len(mine["shares"]), rng.randrange(1, 6))):
        parts.append([share["text"]] if rng.random() < 0.6 else typed_share(rng, share))
    if rng.random() < 0.3:
        parts.append([damaged(rng, rng.choice(rng.choice(others)["shares"])["text"], 9)])
    core = mine["core_lines"]
    if core and rng.random() < 0.4:
        chosen = [damaged(rng, line, 2) if rng.random() < 0.08 else line for line in core if rng.random() > 0.03]
        parts.append([*chosen, ""])
    else:
        parts.append([damaged(rng, code, 1) if rng.random() < 0.05 else code for code in rng.choice(others)["codes"]])
    if rng.random() < 0.3:
        parts.append([text(rng)[:60]])
    rng.shuffle(parts)
    lines = [line for part in parts for line in part]
    wanted = rng.choice(("",) * 9 + (mine["sha256"][:6],))
    return ["session", {"lines": lines, "wanted": wanted, "time": MOMENT}]


def text(rng: Random) -> str:
    """Return what people may write, or what may be a share after all."""
    share = rng.choice(rng.choice(EPOCHS)["shares"])
    makes: tuple[Callable[[], str], ...] = (
        lambda: rng.choice(WORDS),
        lambda: rng.choice(WORDS),
        lambda: damaged(rng, rng.choice(share["lines"])),
        lambda: damaged(rng, share["text"])[: rng.randrange(8, 102)],
        lambda: "".join(rng.choice(SYMBOLS) for _ in range(rng.randrange(1, 30))),
        lambda: "".join(rng.choice(KNOWN) for _ in range(rng.randrange(1, 12))),
        lambda: rng.randbytes(rng.randrange(1, 20)).hex(),
        lambda: on_keyboard(rng, rng.choice((share["text"], share["lines"][1]))),
        lambda: rng.choice(vectors_of("likeness"))["input"]["text"],
    )
    pieces = [rng.choice(makes)() for _ in range(rng.choice((1, 1, 2, 3, 5)))]
    return rng.choice((" ", "", "  ", "-", "/", "\\", ", ", "\n", " : ", "\u2028")).join(pieces)[:400]


def on_keyboard(rng: Random, typed: str) -> str:
    """Return what another keyboard makes of a text."""
    digits, letters, _ = rng.choice(program.KEYBOARDS)
    rows = dict(zip("1234567890", digits, strict=False)) | dict(zip("QZ", letters, strict=False))
    return "".join(rows.get(c, c) for c in typed)


def fields(rng: Random, tags: list[int]) -> bytes:
    """Return fields of tag, length and value; mostly in order."""
    made = b""
    for tag in sorted(tags) if rng.random() < 0.95 else tags:
        length = {1: 1, 8: 1, 9: 1, 10: 2, 14: 4}.get(tag, rng.choice((1, 3, 10, 32, 60)))
        length = max(0, length + rng.choice((0,) * 30 + (1, -1)))
        value = rng.choice((rng.randbytes(length), bytes(rng.choice(b"abcXYZ 019\n") for _ in range(length)),
                            bytes([rng.randrange(10)]) * length, "Zürich\ufeff"[:length].encode()))  # fmt: skip
        made += bytes([tag]) + len(value).to_bytes(2, "big") + value
    return made if rng.random() < 0.97 else made[: rng.randrange(len(made) + 1)]


def credential(rng: Random) -> Case:
    tags = {1, 2, *rng.sample(range(1, 20), rng.randrange(5)), *([200] if rng.random() < 0.1 else [])}
    tags |= {7} if tags & {8, 9, 10} and rng.random() < 0.9 else set()
    data = bytes([1 if rng.random() < 0.97 else 2]) + fields(rng, list(tags))
    return ["screen", {"plaintext": data.hex(), "time": rng.randrange(2**33)}]


def envelope(rng: Random) -> Case:
    """Return an envelope whose bytes were changed, mostly signed again."""
    epoch = rng.choice(EPOCHS)
    body = bytearray(bytes.fromhex(epoch["bytes"])[:-64])
    for _ in range(rng.choice((0, 1, 1, 2))):
        place = rng.choice(
            (rng.randrange(len(body)), rng.randrange(min(40, len(body))), len(body) - 1 - rng.randrange(40))
        )
        change = rng.randrange(4)
        if change == 0:
            del body[place]
        elif change == 1:
            body.insert(place, rng.randrange(256))
        else:
            body[place] = rng.choice((0, 1, 2, 255, body[place] ^ 1, rng.randrange(256)))
    if rng.random() < 0.4:  # another extension block in the place of the one of 19 bytes that the vectors have
        block = fields(rng, rng.sample([1, 2, 3, 4, 100, 127, 128, 250], rng.randrange(4)))
        name = rng.choice(("Zürich", "x" * 64, "x" * 65, "a\u202eb", "\ufeffname ", "n\u0085", "ok")).encode()
        start = bytes(body).find(epoch["set_name"].encode()) - 1 if "set_name" in epoch else -1
        if start > 0:
            body[start:] = bytes([len(name) & 255]) + name + len(block).to_bytes(2, "big") + block
    seed = seed_of(epoch["master"], epoch["kind"])
    signature = program.sign(seed, b"breakglass-shamir envelope\x00" + bytes(body))
    if rng.random() < 0.1:
        signature = rng.randbytes(32) + signature[32:]
    whole = bytes(body) + signature
    return ["read-envelope", {"codes": ["BGE1:" + program.encode32(whole)]}]


@functools.cache
def seed_of(master: str, kind: str) -> bytes:
    return program.hkdf(bytes.fromhex(master), {"live": 1, "drill": 2}[kind], b"set key")


def core_lines(rng: Random) -> Case:
    epoch = rng.choice([each for each in EPOCHS if each["core_lines"]])
    lines: list[str | None] = list(epoch["core_lines"])
    for _ in range(rng.choice((0, 1, 2, 3))):
        place = rng.randrange(len(lines))
        line = lines[place]
        lines[place] = None if rng.random() < 0.4 or line is None else swapped(rng, line)
    return [
        "read-core-lines",
        {"lines": lines[: rng.choice((len(lines), len(lines), rng.randrange(1, len(lines) + 1)))]},
    ]


def swapped(rng: Random, line: str) -> str:
    """Change characters of a typed line, and leave it one."""
    letters = list(line)
    for place in rng.sample([i for i, c in enumerate(letters) if c != " "], rng.choice((1, 1, 2, 4, 9))):
        letters[place] = rng.choice(program.ALPHABET + "?")
    return "".join(letters)


def repair(rng: Random) -> Case:
    size = rng.choice((18, 40, 60, 120, 255, 10, 256))
    word = bytearray(rng.randbytes(size))
    if rng.random() < 0.9 and size == 60:
        text = rng.choice(rng.choice(EPOCHS)["shares"])["text"]
        word = bytearray(program.decode32(text[5:]))
    for _ in range(rng.randrange(12)):
        word[rng.randrange(len(word))] = rng.randrange(256)
    erased = sorted(rng.sample(range(len(word)), min(len(word), rng.choice((0, 0, 1, 5, 15, 16, 17, 18)))))
    return ["repair", {"codeword": word.hex(), "erased": erased}]


def share_text(rng: Random) -> Case:
    return ["read-share-text", {"text": damaged(rng, rng.choice(rng.choice(EPOCHS)["shares"])["text"], 9)}]


def line(rng: Random) -> Case:
    epoch = rng.choice(EPOCHS)
    lines = [each for share in epoch["shares"] for each in share["lines"]] + (epoch["core_lines"] or [])
    return ["read-line", {"typed": damaged(rng, rng.choice(lines), 3)}]


def code_stream(rng: Random) -> Case:
    every = [code for epoch in rng.sample(EPOCHS, 2) for code in epoch["codes"]]
    codes = [
        damaged(rng, code, 1) if rng.random() < 0.1 else code for code in every for _ in range(rng.choice((1, 1, 2)))
    ]
    rng.shuffle(codes)
    return ["read-envelopes", {"codes": codes[: rng.choice((len(codes), 3))]}]


def combine(rng: Random) -> Case:
    count = rng.randrange(6)
    numbers = [
        rng.choice((rng.randrange(1, 256), rng.randrange(1, 8), rng.choice((0, 1, 255, 256)))) for _ in range(count)
    ]
    points = [[number, rng.randbytes(32).hex()] for number in numbers]
    return ["combine", {"threshold": rng.choice((count, count, count, rng.randrange(6))), "points": points}]


def decrypt(rng: Random) -> Case:
    vector = rng.choice([v for v in vectors_of("primitives") if v["operation"] == "decrypt"])
    given = dict(vector["input"])
    part = rng.choice(("key", "nonce", "header", "ciphertext", ""))
    if part:
        data = bytearray(bytes.fromhex(given[part]) or b"\0")
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        given[part] = bytes(
            data[: rng.choice((len(data), len(data), max(0, len(data) - 1) if part == "ciphertext" else len(data)))]
        ).hex()
    return ["decrypt", given]


KINDS: tuple[tuple[int, Callable[[Random], Case]], ...] = (
    (20, session),
    (30, lambda rng: ["looks-like-share", {"text": text(rng)}]),
    (10, lambda rng: ["human-text", {"text": text(rng)}]),
    (12, credential),
    (3, envelope),
    (4, core_lines),
    (5, repair),
    (5, share_text),
    (5, line),
    (1, code_stream),
    (3, combine),
    (2, decrypt),
)
"""What is made how often."""


def case(seed: str) -> Case:
    """Return the case of a seed."""
    rng = Random(seed)
    (make,) = rng.choices([each for _, each in KINDS], [weight for weight, _ in KINDS])
    return make(rng)


# Asking both


def screen(given: dict[str, Any]) -> Answer:
    credential = program.read_credential(bytes.fromhex(given["plaintext"]))
    texts = [[name, program.shown(each)] for name, each in credential.texts.items()]
    return {
        "kind": credential.kind_name,
        "screen": screen_at(credential, given["time"]),
        "warnings": program.warnings_of(credential),
        "texts": texts,
    }


ASKED: dict[str, Callable[[dict[str, Any]], Answer]] = {
    **OPERATIONS,
    "screen": screen,
    "session": lambda given: of_program(given["lines"], given["wanted"]),
    "human-text": lambda given: {"text": program.human_text(given["text"])},
}


def of_recover_py(asked: Case) -> Answer:
    """Return what recover.py answers."""
    try:
        return {"output": ASKED[asked[0]](asked[1])}
    except program.Refused as refusal:
        return {"error": refusal.failure}


def agree(ours: Answer, theirs: Answer) -> bool:
    """Tell whether two answers are one: what recover.py says, the page must say."""
    if "output" not in ours or "output" not in theirs:
        return ours == theirs
    return bool(ours["output"] == {name: theirs["output"].get(name) for name in ours["output"]})


def differences(asked: Asked, seeds: Iterator[str]) -> Iterator[tuple[str, Case, Answer, Answer]]:
    """Yield every case that the two answer differently, with its seed and both answers."""
    while batch := list(islice(seeds, BATCH)):
        cases = [case(seed) for seed in batch]
        for seed, each, theirs in zip(batch, cases, asked(cases), strict=True):
            ours = of_recover_py(each)
            if not agree(ours, theirs):
                yield seed, each, ours, theirs


def main(count: int, name: str) -> int:
    """Compare so many cases; return the exit status."""
    browser = shutil.which("chromium")
    if browser is None:
        print("chromium is not installed", file=sys.stderr)
        return 2
    program.verify_signature = functools.lru_cache(maxsize=10_000)(program.verify_signature)
    begun, found = time.monotonic(), 0
    with tempfile.TemporaryDirectory() as folder, Chromium(browser, Path(folder)) as opened:
        opened.open(PAGE)
        opened.value(operations())
        for seed, each, ours, theirs in differences(Asked(opened), (f"{name}-{n}" for n in range(count))):
            found += 1
            print(f"{seed}: {each}\n  recover.py:   {ours}\n  recover.html: {theirs}")
    print(f"{count} cases, {found} differences, {time.monotonic() - begun:.0f} s")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000, sys.argv[2] if len(sys.argv) > 2 else "1"))
