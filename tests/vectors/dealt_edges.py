# SPDX-License-Identifier: Apache-2.0
"""Vectors of policies, tickets and reasons where a rule could be read otherwise."""

import json
from collections.abc import Iterator
from typing import get_args

from dealt import Vector, bad, good
from dealt_policies import DUTY_FINGERPRINT, DUTY_KEY, LEAST, meaning
from made_logs import line_of, public_test_key

from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.filler import is_filler
from breakglass_shamir.custody.policy.pattern import mismatch
from breakglass_shamir.custody.policy.tables import StandardName
from breakglass_shamir.custody.policy.weakening import weakenings


def edges() -> Iterator[Vector]:
    """Texts at the edge of a rule: what is a policy, and what weakens."""
    longest = LEAST.replace('name = "least"', f'name = "{"é" * 32}"')
    yield good("a name of 64 bytes", "read-policy", {"text": longest}, meaning(policies.parse(longest), longest))
    for name, standards in (("every standard, the last one first", get_args(StandardName)[::-1]), ("no standard", ())):
        text = LEAST + f"[audit]\nstandards = {json.dumps(standards)}\n"
        yield good(name, "read-policy", {"text": text}, meaning(policies.parse(text), text))
    named = [LEAST + f'[audit]\nstandards = ["{one}", "ism"]\n' for one in ("pci-dss-4.0.1", "soc-2")]
    yield good(
        "a standard less, in the order of the old ones", "weakens", {"old": named[0], "new": LEAST},
        {"weakens": list(weakenings(policies.parse(named[0]), policies.parse(LEAST)))},
    )  # fmt: skip
    file = LEAST + "[[alerts.sinks]]\ntype = 'file'\nname = 'f'\npath = 'PLACE'\n"
    mail = LEAST + "[[alerts.sinks]]\ntype = 'smtp'\nname = 'm'\nhost = 'h'\nfrom = 'PLACE'\nto = ['a@b']\n"
    site = LEAST.replace('name = "least"', 'name = "least"\nkit = "beside the safe of BERN"')
    for name, text in (
        ("a name of 65 bytes", LEAST.replace('name = "least"', f'name = "{"é" * 32}x"')),
        ("a path that begins with no slash", file.replace("PLACE", "var/log")),
        ("an address without its name", mail.replace("PLACE", "@b")),
        ("an address with a comma", mail.replace("PLACE", "a,c@b")),
        ("an address with two signs", mail.replace("PLACE", "a@b@c")),
        ("a kit that names a site", site + '[[sites]]\nname = "Bern"\n'),
        ("a range of letters that are not ASCII", LEAST + '[rotation]\nmust_contain = ["é-z"]\n'),
        ("a range of digits that are not ASCII", LEAST + '[rotation]\nmust_contain = ["\u0660-9"]\n'),
        ("a range that runs backwards", LEAST + '[rotation]\nmust_contain = ["z-a"]\n'),
        ("a set of which nothing is left", LEAST + '[rotation]\nmust_contain = ["0"]\n'),
        ("nine sets", LEAST + f"[rotation]\nmust_contain = {[*'ABCDEFGHJ']}\n"),
        ("a number of more than 64 bits", LEAST + "[rotation]\nlength = 9223372036854775808\n"),
        ("a standard in capitals", LEAST + '[audit]\nstandards = ["ISM"]\n'),
        ("another key beside the standards", LEAST + '[audit]\nscope = "x"\n'),
        ("an inline table that goes on", LEAST + "target.account = 'x'\n"),
    ):  # fmt: skip
        yield bad(name, "read-policy", {"text": text}, "invalid-policy")
    signed = LEAST.replace('classes = ["x"]', 'classes = ["x"], signatures = 1')
    officer = signed + f'[[officers]]\nname = "D"\nkeys = ["{DUTY_KEY}"]\n'
    more = [line_of(public_test_key(label)) for label in "xy"]
    keys = officer.replace(f'["{DUTY_KEY}"]', f'["{DUTY_KEY}", "{more[0]}", "{more[1]}"]')
    loose = officer + f'revoked = ["{DUTY_FINGERPRINT[:-1]}{_after(DUTY_FINGERPRINT[-1])}"]\n'
    unlisted = LEAST.replace('["x"]', '["unlisted"]')
    first = officer + "valid_from = 0001-01-01\n"
    ends = LEAST + '[rotation]\nendpoints = ["manual:", "manual:old"]\n'
    elsewhere = LEAST.replace('"manual:"', '"manual:new"') + '[rotation]\nendpoints = ["manual:", "manual:new"]\n'
    for name, old, new in (
        ("classes beside unlisted alone, by a file", unlisted, LEAST), ("two keys more of one officer", officer, keys),
        ("from any day, and from the first", first, officer), ("a fingerprint with bits left over", loose, officer),
        ("the old target is an endpoint of the new one", ends, elsewhere),
        ("a group threshold that is written", LEAST, LEAST.replace("}]}", "}], group_threshold = 1}")),
    ):  # fmt: skip
        yield good(name, "weakens", {"old": old, "new": new}, {
            "weakens": list(weakenings(policies.parse(old), policies.parse(new)))})  # fmt: skip
    for text in ("\u2155", "\u4e94", "\u2460", "五 六", "x_", "ab/"):
        yield good(f"the reason {text!a}", "is-filler", {"text": text}, {"filler": is_filler(text)})
    for pattern, text in (("a{,", "a{,"), ("a**", "aa"), ("(a{100}){11}", "a" * 1100), ("(a{10}){10}", "a" * 100)):
        name = f"{pattern} and {len(text)}"
        yield good(name, "match-ticket", {"pattern": pattern, "ticket": text}, {"matches": not mismatch(pattern, text)})


def _after(digit: str) -> str:
    """Return the next character of base64: the same bytes, with bits left over."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return alphabet[alphabet.index(digit) + 1]
