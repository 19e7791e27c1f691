# SPDX-License-Identifier: Apache-2.0
"""The tables that say more than the quorum: people, places, drills, alerts; each key bounded, each name known."""

from datetime import date

import pytest

from breakglass_shamir.custody.policy import sinks
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.duration import Duration
from breakglass_shamir.custody.policy.tables import Custodian, Policy
from breakglass_shamir.errors import InvalidPolicy

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJtQ0GhdyqUDkzd5Zk5k1GyUuuCsqKhlE2YnOQ9DdxXe duty"

PLAIN = """
name = "prod-db"

[target]
uri = "ssh-key:///srv/key"

[[quorum.groups]]
threshold = 2
custodians = ["North", "South", "East"]

[declaration]
classes = ["idp-outage"]
"""


def read(more: str) -> Policy:
    return policies.parse(PLAIN + more)


def refusal(more: str) -> str:
    with pytest.raises(InvalidPolicy) as refused:
        read(more)
    return str(refused.value)


def sink(keys: str) -> str:
    return f'[[alerts.sinks]]\nname = "one"\n{keys}\n'


def test_what_a_policy_does_not_say_has_the_documented_default() -> None:
    policy = read("")
    assert (policy.target.kind, policy.target.options, policy.endpoints) == ("password", {}, ("ssh-key:///srv/key",))
    assert (policy.declaration.signatures, policy.rotation.must_contain, policy.rotation.must_avoid) == (0, (), "")
    assert (str(policy.rotation.max_age), policy.rotation.end_sessions) == ("365d", True)
    drills = policy.drills
    assert (str(drills.roll_call), str(drills.rehearsal), str(drills.access)) == ("90d", "90d", "365d")
    alerts = policy.alerts
    assert (str(alerts.budget), str(alerts.repeat)) == ("5s", "1h")
    assert (alerts.sinks, alerts.require_ack, alerts.name_people) == ((), False, False)
    assert (policy.custodians, policy.sites, policy.officers) == ((), (), ())
    assert policy.details("North") == Custodian(name="North")


def test_people_and_places_are_read() -> None:
    policy = read(f"""
[[custodians]]
name = "North"
site = "cellar"
availability = 0.9

[[sites]]
name = "cellar"
availability = 1

[[officers]]
name = "duty"
keys = ["{KEY}"]
valid_from = "2026-01-01"
valid_until = 2027-12-31
revoked = ["SHA256:{"A" * 43}"]
""")
    assert policy.details("North") == Custodian(name="North", site="cellar", availability=0.9)
    assert policy.sites[0].availability == 1
    officer = policy.officers[0]
    assert (officer.keys, officer.valid_from, officer.valid_until) == ((KEY,), date(2026, 1, 1), date(2027, 12, 31))


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ('type = "syslog"\nhost = "siem"', sinks.SyslogSink(name="one", host="siem")),
        ('type = "webhook"\nurl = "https://h"\nsecret_file = "/s"',
         sinks.WebhookSink(name="one", url="https://h", secret_file="/s")),
        ('type = "splunk"\nurl = "https://h"\ntoken_file = "/t"',
         sinks.SplunkSink(name="one", url="https://h", token_file="/t")),
        ('type = "pagerduty"\nrouting_key_file = "/r"', sinks.PagerDutySink(name="one", routing_key_file="/r")),
        ('type = "slack"\nurl_file = "/u"', sinks.SlackSink(name="one", url_file="/u")),
        ('type = "smtp"\nhost = "mx"\nfrom = "a@b"\nto = ["c@d"]',
         sinks.SmtpSink(name="one", host="mx", from_="a@b", to=("c@d",))),
        ('type = "journald"', sinks.JournaldSink(name="one")),
        ('type = "exec"\nargv = ["/bin/cat", "-"]\ntimeout = "3s"',
         sinks.ExecSink(name="one", argv=("/bin/cat", "-"), timeout=Duration(3))),
        ('type = "file"\npath = "/var/log/breakglass.jsonl"',
         sinks.FileSink(name="one", path="/var/log/breakglass.jsonl")),
    ],
)  # fmt: skip
def test_every_kind_of_sink_is_read(keys: str, expected: sinks.AnySink) -> None:
    assert read(sink(keys)).alerts.sinks == (expected,)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ('[[custodians]]\nname = "West"', "custodians[0].name: no group has a custodian 'West'; did you mean East?"),
        ('[[custodians]]\nname = "North"\n[[custodians]]\nname = "North"',
         "custodians[1].name: 'North' is there already"),
        ('[[sites]]\nname = "a"\n[[sites]]\nname = "a"', "sites[1].name: 'a' is there already"),
        ('[[sites]]\nname = "a"\n[[custodians]]\nname = "North"\nsite = "b"',
         "custodians[0].site: expected one of the sites a, got 'b'"),
        ('[[officers]]\nname = "d"\nkeys = ["no key"]',
         "officers[0].keys[0]: expected an SSH public key in one line, as in a .pub file: expected a public key line "
         "that begins with one of ssh-ed25519, ecdsa-sha2-nistp256, ecdsa-sha2-nistp384, ecdsa-sha2-nistp521, ssh-rsa, "
         "sk-ssh-ed25519@openssh.com, sk-ecdsa-sha2-nistp256@openssh.com, got 'no'"),
        ('[[officers]]\nname = "d"\nvalid_from = "2026-02-01"\nvalid_until = "2026-01-31"',
         "officers[0].valid_until: expected a day from 2026-02-01 on, got 2026-01-31"),
        (sink('type = "syslog"\nhost = "h"\ncert = "/c"'), "alerts.sinks[0]: expected both cert and key, or neither"),
        (sink('type = "syslog"\nhost = "h"\nca = "/c"\ntransport = "udp"'),
         "alerts.sinks[0].transport: expected tls with ca or cert, got udp"),
        (sink('type = "splunk"\nurl = "https://h"\ntoken_file = "/t"\nack = true'),
         "alerts.sinks[0].channel: expected a channel with ack"),
        (sink('type = "smtp"\nhost = "h"\nfrom = "a@b"\nto = ["c@d"]\nuser = "u"'),
         "alerts.sinks[0]: expected both user and password_file, or neither"),
        (sink('type = "smtp"\nhost = "h"\nfrom = "a@b"\nto = ["c@d"]\nuser = "u"\npassword_file = "/p"\n'
              'encryption = "none"'),
         "alerts.sinks[0].encryption: expected starttls or tls with a password, got none"),
        (sink('type = "exec"\nargv = ["cat"]'),
         "alerts.sinks[0].argv[0]: expected a program by absolute path, got 'cat'"),
        (sink('type = "journald"') * 2, "alerts.sinks[1].name: 'one' is there already"),
        ("[alerts]\nrequire_ack = true", "alerts.require_ack: expected a sink that could acknowledge, got none"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_named(more: str, message: str) -> None:
    assert refusal(more) == message


@pytest.mark.parametrize(
    ("kit", "more", "named"),
    [
        ("with the north, in a box", "", "the custodian 'North'"),
        ("Cellar of the annex", '[[sites]]\nname = "cellar"', "the site 'cellar'"),
        ("in the vault, too", '[[custodians]]\nname = "South"\nsite = "vault"', "custodians[0].site"),
    ],
)
def test_the_place_of_the_kit_leads_nobody_from_one_sheet_to_another(kit: str, more: str, named: str) -> None:
    with pytest.raises(InvalidPolicy) as refused:
        policies.parse(f'kit = "{kit}"\n{PLAIN}{more}')
    assert str(refused.value) == f"kit: it names {named}: a sheet that is found must lead to no other"


def test_the_place_of_the_kit_and_a_telephone_are_words_of_people() -> None:
    policy = policies.parse(f'kit = "red cabinet at the reception"\nreport_to = "+00 000 555 0100"\n{PLAIN}')
    assert (policy.kit, policy.report_to) == ("red cabinet at the reception", "+00 000 555 0100")


def test_more_signatures_than_officers_with_keys_are_refused() -> None:
    asked = PLAIN.replace("[declaration]", "[declaration]\nsignatures = 2")
    with pytest.raises(InvalidPolicy) as refused:
        policies.parse(f'{asked}\n[[officers]]\nname = "d"\nkeys = ["{KEY}"]\n[[officers]]\nname = "e"')
    message = "declaration.signatures: expected at most 1, as many officers have a key, got 2"
    assert str(refused.value) == message
