# SPDX-License-Identifier: Apache-2.0
"""Vectors of the primitives and of the text layer."""

from collections.abc import Iterator

from Crypto.Cipher import AES
from dealt import Epoch, Vector, bad, good, mask_of

from breakglass_shamir.crypto import cipher, keys
from breakglass_shamir.formats import parity, text
from breakglass_shamir.formats.share import Share
from breakglass_shamir.hygiene import Secret


def primitives(epochs: list[Epoch]) -> Iterator[Vector]:
    """Key derivation, masks, sharing, commitments, cipher."""
    for epoch in epochs:
        yield _keys_of(epoch)
    two = epochs[2]
    for member in (1, 2):
        yield mask_of(two, two.share(2, member))
    yield from _combinations(epochs[0], epochs[1])
    yield from _ciphers(epochs[0])


def _keys_of(epoch: Epoch) -> Vector:
    kind = epoch.facts.kind
    public = keys.ed25519_public(epoch.seed)
    key, nonce = keys.credential_key(epoch.master, kind)
    output = {
        "set_key_seed": epoch.seed.reveal().hex(),
        "set_public_key": public.hex(),
        "epoch_id": keys.epoch_id_of(public).hex(),
        "shown": text.short_id(keys.epoch_id_of(public)),
        "credential_key": key.hex(),
        "credential_nonce": nonce.hex(),
    }
    given = {"master": epoch.master.reveal().hex(), "kind": kind.word}
    return good(f"keys of {epoch.name}", "derive", given, output)


def _combinations(two: Epoch, three: Epoch) -> Iterator[Vector]:
    def given(threshold: int, *points: tuple[int, Share]) -> Vector:
        return {"threshold": threshold, "points": [[x, share.value.reveal().hex()] for x, share in points]}

    def points(epoch: Epoch, *members: int) -> list[tuple[int, Share]]:
        return [(member, epoch.share(1, member)) for member in members]

    for members in ((1, 2), (3, 1)):
        output = {"secret": two.master.reveal().hex()}
        yield good(f"2 of 3 with {members}", "combine", given(2, *points(two, *members)), output)
    output = {"secret": three.master.reveal().hex()}
    yield good("3 of 5", "combine", given(3, *points(three, 5, 1, 4)), output)
    yield bad("too few", "combine", given(3, *points(three, 1, 2)), "insufficient-shares")
    yield bad("one too many", "combine", given(2, *points(two, 1, 2, 3)), "insufficient-shares")
    yield bad("the same x twice", "combine", given(2, *points(two, 1, 1)), "duplicate-share")
    yield bad("x is 0", "combine", given(2, (0, two.share(1, 1)), *points(two, 2)), "malformed-text")
    yield bad("x is 256", "combine", given(2, (256, two.share(1, 1)), *points(two, 2)), "malformed-text")
    yield bad("threshold 1", "combine", given(1, *points(two, 1)), "invalid-structure")


def _ciphers(epoch: Epoch) -> Iterator[Vector]:
    key, nonce = keys.credential_key(epoch.master, epoch.facts.kind)
    header = epoch.core.header()

    def given(ciphertext: bytes) -> Vector:
        return {
            "key": key.hex(),
            "nonce": nonce.hex(),
            "header": header.hex(),
            "ciphertext": ciphertext.hex(),
        }

    def raw(padded: bytes) -> bytes:
        aes = AES.new(key, AES.MODE_GCM, nonce=nonce).update(header)
        return b"".join(aes.encrypt_and_digest(padded))

    for length in (0, 62, 63, 64):
        content = bytes(range(length))
        sealed = cipher.encrypt(key, nonce, header, Secret(content))
        yield good(f"{length} bytes of content", "decrypt", given(sealed), {"plaintext": content.hex()})
    content = bytes([0x80, 0, 0])
    sealed = cipher.encrypt(key, nonce, header, Secret(content))
    yield good("content that looks like padding", "decrypt", given(sealed), {"plaintext": content.hex()})
    held = raw(b"x\x80" + bytes(62))
    yield bad("last bit of the tag", "decrypt", given(held[:-1] + bytes([held[-1] ^ 1])), "decryption-failed")
    yield bad("first bit of the body", "decrypt", given(bytes([held[0] ^ 128]) + held[1:]), "decryption-failed")
    yield bad("no 0x80", "decrypt", given(raw(bytes(64))), "decryption-failed")
    yield bad("another byte than 0x80", "decrypt", given(raw(b"x\x81" + bytes(62))), "decryption-failed")
    yield bad("64 bytes of padding too many", "decrypt", given(raw(b"x\x80" + bytes(126))), "decryption-failed")
    yield bad("not whole blocks", "decrypt", given(raw(b"x\x80" + bytes(61))), "decryption-failed")
    yield bad("48 bytes, whole blocks of AES only", "decrypt", given(raw(b"x\x80" + bytes(46))), "decryption-failed")
    yield bad("no block at all", "decrypt", given(raw(b"")), "decryption-failed")


def lines(epochs: list[Epoch]) -> Iterator[Vector]:
    """Base32, typed lines and parity."""
    for data in ("", "00", "ff", "f800", "0123456789abcdef", "00443214c74254b635cf84653a56d7c6"):
        output = {"bytes": data}
        yield good(f"base32 of {data or 'nothing'}", "decode", {"text": text.encode(bytes.fromhex(data))}, output)
    typed = "\t il-oO 0a 1L\r\n"
    output = {"bytes": text.decode("11000A11").hex()}
    yield good("look-alikes, case, white space and hyphens", "decode", {"text": typed}, output)
    around = " \t\r\n\v\f-"
    yield good("everything that is dropped", "decode", {"text": f"{around}1{around}0{around}"}, {"bytes": "08"})
    for name, text_of in (
        ("a no-break space", "\u00a008"),
        ("a next-line control", "08\x85"),
        ("a file separator", "08\x1c"),
        ("a zero byte", "08\x00"),
        ("a delete character", "08\x7f"),
        ("a minus sign that is no hyphen", "0\u22128"),
        ("a character that cannot be read", "?0"),
        ("a character that cannot be read, beside what is complete", "08?"),
    ):
        yield bad(name, "decode", {"text": text_of}, "malformed-text")
    yield bad("U is not in the alphabet", "decode", {"text": "0U"}, "malformed-text")
    yield bad("a character that is not ASCII", "decode", {"text": "0\uff10"}, "malformed-text")
    yield bad("unused bits that are not zero", "decode", {"text": "01"}, "malformed-text")
    yield bad("a length that no bytes have", "decode", {"text": "000"}, "malformed-text")
    yield from _typed_lines(epochs[0])
    yield from _codewords(epochs[0])


def _typed_lines(epoch: Epoch) -> Iterator[Vector]:
    row = "0123456789ABCDEFGHJKMNPQ"
    for number in (1, 4, 5, 31):
        typed = text.group(row) + "  " + text.check_character(row, number)
        yield good(f"line {number}", "read-line", {"typed": typed}, {"symbols": row, "number": number})
    one = row + text.check_character(row, 1)
    yield good("lower case without spaces", "read-line", {"typed": one.lower()}, {"symbols": row, "number": 1})
    wrong = text.read_line("1" + one[1:])
    yield good(
        "one wrong character proves another number",
        "read-line",
        {"typed": "1" + one[1:]},
        {"symbols": wrong[0], "number": wrong[1]},
    )
    for name, typed in (("a symbol", "?" + one[1:]), ("the check character", one[:-1] + "?")):
        output = {"symbols": typed[:-1], "number": None}
        yield good(f"{name} that cannot be read", "read-line", {"typed": typed}, output)
    zero = row + text.check_character(row, 0)
    yield good("a line that proves 0, no line's number", "read-line", {"typed": zero}, {"symbols": row, "number": 0})
    spread = "-".join(one) + " \t"
    told: Vector = {"symbols": row, "number": 1}
    yield good("hyphens and blanks, dropped before characters are counted", "read-line", {"typed": spread}, told)
    unread = "?" * text.LINE_CHARACTERS
    output = {"symbols": unread, "number": None}
    yield good("25 characters that cannot be read", "read-line", {"typed": unread + "?"}, output)
    yield bad("24 characters that cannot be read", "read-line", {"typed": unread}, "malformed-text")
    yield bad("24 characters", "read-line", {"typed": row}, "malformed-text")
    yield bad("26 characters", "read-line", {"typed": one + "0"}, "malformed-text")
    yield bad("U", "read-line", {"typed": "U" + one[1:]}, "malformed-text")
    for name, typed in (
        ("a no-break space in front of a line", "\u00a0" + one),
        ("a no-break space at the end of a line", one + "\u00a0"),
        ("a byte order mark in front of a line", "\ufeff" + one),
        ("a next-line control at the end of a line", one + "\x85"),
        ("a file separator at the end of a line", one + "\x1c"),
        ("an em space between two groups of a line", f"{one[:4]}\u2003{one[4:]}"),
    ):
        yield bad(name, "read-line", {"typed": typed}, "malformed-text")


def _codewords(epoch: Epoch) -> Iterator[Vector]:
    for data in (bytes(43), bytes(range(43)), epoch.share(1, 1).to_bytes()):
        codeword = parity.protect(data)
        output = {"codeword": codeword.hex(), "changed": [], "spare_parity": 17}
        yield good(f"codeword of {data[:4].hex()}...", "repair", {"codeword": codeword.hex(), "erased": []}, output)
    for errors, erasures in ((8, 0), (1, 15), (0, 17), (4, 9)):
        damaged = bytearray(codeword)
        erased = list(range(3, 3 + erasures))
        for position in (*erased, *range(30, 30 + errors)):
            damaged[position] ^= 0xA5
        changed = sorted([*erased, *range(30, 30 + errors)])
        output = {"codeword": codeword.hex(), "changed": changed, "spare_parity": 17 - 2 * errors - erasures}
        given = {"codeword": damaged.hex(), "erased": erased}
        yield good(f"{errors} errors and {erasures} erasures", "repair", given, output)
    output = {"codeword": codeword.hex(), "changed": [], "spare_parity": 12}
    given = {"codeword": codeword.hex(), "erased": [0, 1, 20, 40, 59]}
    yield good("erased bytes that are right are not changed, and use up parity", "repair", given, output)
    for name, errors, erasures in (("9 errors", 9, 0), ("9 errors by 1", 8, 2), ("18 erasures", 0, 18)):
        damaged = bytearray(codeword)
        erased = list(range(3, 3 + erasures))
        for position in (*erased, *range(30, 30 + errors)):
            damaged[position] ^= 0xA5
        given = {"codeword": damaged.hex(), "erased": erased}
        yield bad(f"too much: {name}", "repair", given, "malformed-text")
    yield from _codeword_edges(codeword)


def _codeword_edges(codeword: bytes) -> Iterator[Vector]:
    """The shortest and the longest codeword, and parity that an erased byte uses up although it is right."""
    for length in (1, 238):
        whole = parity.protect(bytes(range(1, length + 1)))
        damaged = bytes([*(byte ^ 0xA5 for byte in whole[:8]), *whole[8:]])
        output: Vector = {"codeword": whole.hex(), "changed": list(range(8)), "spare_parity": 1}
        yield good(f"a codeword of {len(whole)} bytes", "repair", {"codeword": damaged.hex(), "erased": []}, output)
    for name, word in (
        ("17 bytes, which hold nothing", bytes(17)),
        ("256 bytes, zeros that a longer code would take", bytes(256)),
    ):
        yield bad(name, "repair", {"codeword": word.hex(), "erased": []}, "malformed-text")
    erased, errors = [0, 10, 20, 40], [5, 30, 50]
    wrong = sorted([*errors, 10, 40])
    damaged = bytes(byte ^ 0xA5 if i in wrong else byte for i, byte in enumerate(codeword))
    output = {"codeword": codeword.hex(), "changed": wrong, "spare_parity": 7}
    given = {"codeword": damaged.hex(), "erased": erased}
    yield good("errors, and erased bytes of which two are right", "repair", given, output)
