# SPDX-License-Identifier: Apache-2.0
"""What the state remembers of an account that is kept closed."""

from breakglass_shamir.custody.life import arming_rules
from breakglass_shamir.custody.life.state import SetState
from breakglass_shamir.custody.records.arming import ArmedOutside, Arming, Disarmed
from breakglass_shamir.custody.records.record import AnyBody, Record

POLICY = """name = "prod-db"
target = {uri = "postgresql://db.example/postgres", account = "root"}
declaration = {classes = ["x"]}
[[quorum.groups]]
threshold = 2
custodians = ["A", "B", "C"]
[arming]
authority = "program"
second_set = "other-db"
program = "/usr/local/sbin/arm"
"""


def record(seq: int, body: AnyBody) -> Record:
    return Record(
        v=1, log="00" * 8, seq=seq, previous="", root="", time="2026-11-30T12:00:00Z", boot="b", uptime_ms=seq,
        set="prod-db", opening="", body=body,
    )  # fmt: skip


def test_an_account_that_is_opened_a_second_time_without_end_is_told_again_once_it_was_closed() -> None:
    outside, closed = ArmedOutside(until="", detail="x"), Disarmed(authority="x", detail="x")
    s = arming_rules.armed_outside(SetState("prod-db", policy_source=POLICY), outside, record(1, outside), b"")
    assert s.watch.armed == arming_rules.NO_END
    assert not arming_rules.disarmed(s, closed, record(2, closed), b"").watch.armed
    arming = Arming(until="2026-11-30T13:00:00Z", authority="x", why="x", clock="target", ahead_s=0)
    assert not arming_rules.arming(s, arming, record(2, arming), b"").watch.armed
