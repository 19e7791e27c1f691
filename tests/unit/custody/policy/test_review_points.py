# SPDX-License-Identifier: Apache-2.0
"""What ``policy check`` says of reviews before anybody signs the policy."""

import pytest

from breakglass_shamir.crypto import keys, sshsig
from breakglass_shamir.custody.policy import review_points
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.hygiene import Secret

KEYS = {letter: sshsig.public_line(keys.ed25519_public(Secret(letter.encode() * 32)), "") for letter in "abcd"}

BASE = """
name = "prod-db"
target = {uri = "ssh-key:///srv/key"}
quorum = {group_threshold = 2, groups = [
  {threshold = 1, custodians = ["North", "South"]}, {threshold = 1, custodians = ["Chair"]},
]}
declaration = {classes = ["idp-outage"]}
"""


def policy(*reviewers: tuple[str, str], officers: tuple[tuple[str, str], ...] = (), needed: int = 1) -> str:
    def table(kind: str, name: str, letter: str) -> str:
        listed = f'"{KEYS[letter]}"' if letter else ""
        return f'[[{kind}]]\nname = "{name}"\nkeys = [{listed}]\n'

    people = "".join(table("officers", *one) for one in officers)
    return f"{BASE}{people}[review]\nneeded = {needed}\n" + "".join(
        table("review.reviewers", *one) for one in reviewers
    )


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (BASE, []),
        (policy(("Rosa", "a")), []),
        (policy(("Rosa", "a"), ("Olga", "b"), officers=(("Olga", "c"),)),
         ["Olga reviews and is an officer, Olga: not of what they declare or sign"]),
        (policy(("Rosa", "a"), ("Neutral", "b"), officers=(("Olga", "b"),)),
         ["Neutral reviews and is an officer, Olga: not of what they declare or sign"]),
        (policy(("Rosa", "a"), (" south ", "b")),
         [" south  reviews and keeps sheet 1.2: not of what it was scanned for"]),
        (policy(("Rosa", "a"), ("Chair", "b")),
         ["Chair reviews and keeps sheet 2.1: not of what it was scanned for",
          "Chair can review nothing: without their sheet there is no quorum"]),
        (policy(("Rosa", "a"), ("Rudi", "")), ["Rudi can review nothing: no key of theirs counts"]),
        (policy(("Rosa", "a"), ("Rudi", "b"), officers=(("Rudi", "b"),), needed=2),
         ["Rudi reviews and is an officer, Rudi: not of what they declare or sign",
          "an opening may leave nobody to review it: 1 of the reviewers neither are officers nor keep a sheet, needed "
          "are 2"]),
        (policy(officers=(("Olga", "b"), ("Oskar", "c"))),
         ["no reviewers are named: an officer reviews who took no part (review.reviewers)"]),
    ],
)  # fmt: skip
def test_who_may_not_review_is_said_by_name(source: str, said: list[str]) -> None:
    assert list(review_points.warnings(policies.parse(source))) == said


def test_who_reviews_is_said() -> None:
    assert review_points.reviewed_by(policies.parse(BASE)) == "nobody (review)"
    assert review_points.reviewed_by(policies.parse(policy(("Rosa", "a")))) == "1 of Rosa, within 7d"
