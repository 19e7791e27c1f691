# SPDX-License-Identifier: Apache-2.0
"""Vectors of policies: which text is one, what it means with every default, and what one weakens in another."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from dealt import Vector, bad, good
from made_logs import OFFICERS, POLICY, WEAKER, like, line_of, public_test_key
from made_reviews import REVIEWED, REVIEWERS

from breakglass_shamir.crypto import sshsig
from breakglass_shamir.crypto.keys import ed25519_public
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.duration import Duration
from breakglass_shamir.custody.policy.filler import FILLERS, is_filler
from breakglass_shamir.custody.policy.generator import UNAMBIGUOUS
from breakglass_shamir.custody.policy.pattern import mismatch
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.custody.policy.weakening import weakenings
from breakglass_shamir.formats.structure import Group, Structure

LEAST = """\
name = "least"
target = {uri = "manual:"}
quorum = {groups = [{threshold = 2, custodians = ["A", "B"]}]}
declaration = {classes = ["x"]}
"""

DUTY_KEY = line_of(OFFICERS["Duty"])
DUTY_FINGERPRINT = sshsig.fingerprint(ed25519_public(OFFICERS["Duty"]))
_SECOND = line_of(OFFICERS["Second"])

REVIEWER = line_of(REVIEWERS["Rosa"])

_TOKEN = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBGFYbm8="
"""Of a type that nothing can be encrypted to."""

MOST = f"""\
name = "Zürich"
belongs_to = "Example Ltd"
report_to = "+41 44 000 00 00"
kit = "the safe in the cellar"

[target]
uri = "postgresql://db.example:5432/postgres"
account = "bg"
second_account = "envelope B"
kind = "password"
options = {{sslmode = "verify-full"}}

[quorum]
group_threshold = 2
groups = [
  {{threshold = 2, custodians = ["North", "South", "East"], name = "sites"}},
  {{threshold = 2, custodians = ["Board", "Chair"]}},
  {{threshold = 2, custodians = ["North", "Audit", "Law"]}},
]

[[custodians]]
name = "North"
site = "North house"
availability = 0.9
keys = ["{line_of(public_test_key("custodian North"))}"]

[[custodians]]
name = "Board"
availability = 1

[[sites]]
name = "North house"
availability = 0.99

[[officers]]
name = "Duty"
keys = ["{DUTY_KEY} at work"]
valid_from = 2026-01-01
valid_until = "2026-12-31"

[[officers]]
name = "Second"
keys = ["{line_of(OFFICERS["Second"])}"]
revoked = ["SHA256:{"A" * 43}"]

[declaration]
classes = ["idp-outage"]
ticket = "INC-[0-9]{{4,}}"
officers = 3
signatures = 2
valid_for = "20m"
use_for = "90m"

[[declaration.rules]]
name = "office"
classes = ["idp-outage"]
hours = ["Mon-Fri 08:00-18:00", "Sun 22:00-06:00", "daily 12:00-24:00"]
zone = "Europe/Zurich"
use_for = "45m"
most = 2
per = "30d"

[reveal]
modes = ["no-reveal", "exec"]
show_for = "5s"

[use]
record = "always"
auditors = ["{DUTY_KEY} at home"]
snapshots = true

[rotation]
deadline = "2h"
may_defer = true
length = 30
alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-"
must_contain = ["A-Z", "0-9", "+-"]
must_avoid = "IlO0"
max_age = "100d"
endpoints = ["postgresql://a.example", "postgresql://b.example"]
end_sessions = false
wait_for_sessions = "1d"

[drills]
roll_call = "30d"
rehearsal = "60d"
access = "300d"

[drills.load]
sinks = ["siem", "hec"]
limits = [
  {{step = "quorum", p50 = "5s", p95 = "10s", p99 = "1m"}},
  {{step = "alert-acknowledged", p95 = "30s"}},
]

[arming]
authority = "key"
second_set = "Bern"
window = "3h"
operator = "opener"
operator_secret = "/usr/local/sbin/opener"
approvers = ["{line_of(public_test_key("approver"))} duty manager"]

[audit]
standards = ["ism", "pci-dss-4.0.1"]

[outage]
budget = "6s"

[[outage.probes]]
name = "directory"
uri = "ldaps://ldap.example:636"
account = "uid=probe,dc=example"
secret_file = "/etc/bg/probe"
options = {{ca = "/etc/bg/ca.pem"}}
within = "3s"
failed_on = ["silent"]
classes = ["idp-outage"]

[[outage.probes]]
name = "way round"
uri = "oidc+https://standby.example/realms/staff"
standby = true

[ticket]
system = "jira"
url = "https://jira.example"
project = "INC"
user = "bg"
secret_file = "/etc/bg/jira"
kinds = ["Incident"]
open = ["In Progress", "Open"]
within = "2s"
ca = "/etc/bg/ca.pem"
settles = true
writes_back = true

[alerts]
budget = "9s"
require_ack = true
name_people = true
repeat = "30m"

[[alerts.sinks]]
type = "syslog"
name = "siem"
host = "log.example"
transport = "tcp"
port = 601
facility = "local0"

[[alerts.sinks]]
type = "webhook"
name = "hook"
url = "https://hook.example/x"
secret_file = "/etc/bg/hook"
ca = "/etc/bg/ca.pem"

[[alerts.sinks]]
type = "splunk"
name = "hec"
url = "https://hec.example"
token_file = "/etc/bg/hec"
channel = "0aa0bb00-1111-2222-3333-444455556666"
ack = true
index = "main"

[[alerts.sinks]]
type = "pagerduty"
name = "page"
routing_key_file = "/etc/bg/page"

[[alerts.sinks]]
type = "slack"
name = "chat"
url_file = "/etc/bg/chat"

[[alerts.sinks]]
type = "smtp"
name = "mail"
host = "mx.example"
from = "bg@example.com"
to = ["soc@example.com"]
encryption = "tls"
user = "bg"
password_file = "/etc/bg/mail"

[[alerts.sinks]]
type = "http"
name = "tenant"
url = "https://dce.example/dataCollectionRules/dcr-1/streams/Custom-B_CL?api-version=2023-01-01"
preset = "sentinel"
token_url = "https://login.example/T/oauth2/v2.0/token"
client_id = "c-1"
secret_file = "/etc/bg/client"
headers = ["X-Team: on call, north"]
template = '{{"TimeGenerated": "${{TimeGenerated}}", "m": "$$ ${{message}}"}}'

[[alerts.sinks]]
type = "journald"
name = "journal"

[[alerts.sinks]]
type = "exec"
name = "program"
argv = ["/usr/bin/logger", "-t", "bg"]
timeout = "20s"

[[alerts.sinks]]
type = "file"
name = "lines"
path = "/var/log/bg.jsonl"
"""


ARMED = LEAST.replace('"manual:"', '"manual:", account = "a"')
"""Of an account that could be kept closed."""

BY_OFFICERS = f"""{LEAST}
[[officers]]
name = "Duty"
keys = ["{DUTY_KEY}"]

[review]
on = ["override", "fork"]
settlement = {{by = "officers", signed = false}}
"""
"""Nobody but officers reviews, and their names settle."""


ADDRESSES = (
    "ldap://dir.example", "ldaps://[2001:db8::1]:636/", "tcp://h:65535", "http://h", "https://h:443/a/b?c=d&e=%20",
    "oidc+http://h:8080/realms/x", "dns:_sip.example.com", "exec:/usr/bin/true",
)  # fmt: skip
"""Of probes that ask without an account."""

NO_ADDRESSES = (
    "dir.example", "ldap:dir.example", "ldap://dir.example/dc=x", "tcp://h", "tcp://h:0", "tcp://h:65536", "http:///x",
    "https://u:p@h", "https://h/a b", "https://h/#a", "https://h\u00e9", "dns:", "dns:-a", "dns:a/b", "dns://a",
    "exec:true", "exec://true", "exec:///true", "oidc://h", "HTTP://h", "https://[h]",
)  # fmt: skip


def probing(uri: str, more: str = "") -> str:
    """Return a policy with one probe."""
    return f'{LEAST}\n[[outage.probes]]\nname = "p"\nuri = "{uri}"\n{more}'


def ruled(lines: str, officers: str = "") -> str:
    """Return a policy with one rule of use."""
    return f'{LEAST}{officers}\n[[declaration.rules]]\nname = "r"\n{lines}\n'.replace(
        'declaration = {classes = ["x"]}', '[declaration]\nclasses = ["x"]'
    )


def read(source: str) -> Vector:
    """Return what a policy means, with every default, durations in seconds."""
    return meaning(policies.parse(source), source)


def meaning(policy: Policy, source: str) -> Vector:
    """Return a policy as JSON can hold it."""
    found: Vector = msgspec.json.decode(msgspec.json.encode(policy, enc_hook=_seconds))
    return {"digest": policies.digest(source).hex(), "policy": found}


def _seconds(value: Any) -> int:
    assert isinstance(value, Duration)
    return value.seconds


UNFIT_HTTP = (
    'url = "https://h"\nsecret_file = "/s"\nsecret_argv = ["/p"]', 'url = "https://h"\nsecret_argv = ["p"]',
    'url = "https://h"\ncert = "/c"', 'url = "http://h"\nca = "/c"', 'url = "http://h"\nsecret_file = "/s"',
    'url = "https://h"\nsecret_file = "/s"\nclient_id = "c"\ntoken_url = "http://t"',
    'url = "https://h"\nsecret_file = "/s"\ntoken_url = "https://t"', 'url = "https://h"\nclient_id = "c"',
    'url = "https://h"\nscope = "s"', 'url = "https://h"\npreset = "elastic"', 'url = "https://h"\npreset = "fax"',
    'url = "https://h"\npreset = "sentinel"\nsecret_file = "/s"', 'url = "https://h"\nheaders = ["A:b"]',
    'url = "https://h"\nheaders = ["X-Token: t"]', 'url = "https://h"\nheaders = ["Host: x"]',
    'url = "https://h"\nheaders = ["A: b", "a: c"]', 'url = "https://h"\npreset = "loki"\nframing = "one"',
    'url = "https://h"\npreset = "loki"\nmethod = "PUT"', "url = \"https://h\"\ntemplate = '[]'",
    "url = \"https://h\"\ntemplate = '{\"a\": \"$\"}'", "url = \"https://h\"\ntemplate = '{\"a\": \"${a b}\"}'",
    'url = "https://h"\nbatch = 0', 'url = "https://h"\nbatch_bytes = 100',
    'url = "https://h"\npreset = "secops"\nsecret_file = "/s"\nshape = "ecs"',
)  # fmt: skip
"""Keys of an http sink that do not fit together."""


def with_line(where: str, line: str, text: str = LEAST) -> str:
    """Return a policy with one more line in a table."""
    return f"{text}\n[{where}]\n{line}\n" if where else f"{line}\n{text}"


def policies_of(_: object = None) -> Iterator[Vector]:
    """Every vector of ``policies.json``."""
    for name, source in (("the least", LEAST), ("every table", MOST), ("of the logs", POLICY),
                         ("with reviews", REVIEWED), ("a review by officers", BY_OFFICERS),
    ("without a last line feed", LEAST[:-1]),
                         ("a name that a new set must not have", LEAST.replace('"least"', '"con"')),
                         ("a pattern that RE2 has not", LEAST.replace('["x"]', '["x"], ticket = "(?=x)"')),
                         ("a pattern of 501 characters", LEAST.replace('["x"]', f'["x"], ticket = "{"x" * 501}"')),
                         ("a pattern with a brace and a comma", LEAST.replace('["x"]', '["x"], ticket = "a{,3}"')),
                         ("a fingerprint with bits left over",
                         with_line("[officers]", f'name = "D"\nrevoked = ["SHA256:{"B" * 43}"]')),
                         ("an exec sink with an hour",
                         with_line("[alerts.sinks]", 'type="exec"\nname="p"\nargv=["/p"]\ntimeout="1h"'))):  # fmt: skip
        yield good(name, "read-policy", {"text": source}, read(source))
    for uri in ADDRESSES:
        yield good(f"the address {uri[:40]}", "read-policy", {"text": (asks := probing(uri))}, read(asks))
    for name, source in _wrong():
        yield bad(name, "read-policy", {"text": like(source, "the least", LEAST)}, "invalid-policy")
    yield from _weaker()
    yield from _tickets()
    yield from _reasons()
    built = policies.built_in("bare", Structure(2, (Group(2, 3), Group(1, 2))))
    structure = {"group_threshold": 2, "groups": [{"threshold": 2, "members": 3}, {"threshold": 1, "members": 2}]}
    yield good("built in", "built-in-policy", {"set": "bare", "structure": structure}, meaning(built, "")["policy"])


def _wrong() -> Iterator[tuple[str, str]]:
    def less(old: str, new: str, text: str = LEAST) -> str:
        assert old in text, old
        return text.replace(old, new)

    yield "nothing", ""
    yield "no TOML", "name = "
    yield "a byte order mark", f"\ufeff{LEAST}"
    yield "CRLF", LEAST.replace("\n", "\r\n")
    yield "a control character", less("least", "le\x07ast")
    yield "an escape that makes a control character", less("least", "le\\u0007ast")
    yield "a line feed in a text", less("manual:", "manual:\\n")
    yield "a character that turns the text, in a comment", f"# \u202e\n{LEAST}"
    yield "201 full stops in a line", f"{'.' * 201 and '# ' + '.' * 201}\n{LEAST}"
    yield "a key twice", f'name = "x"\n{LEAST}'
    yield "a table that is not known", with_line("more", "x = 1")
    yield "a key that is not known", with_line("reveal", "shown = 1")
    for key in ("name", "target", "quorum", "declaration"):
        lines = [line for line in LEAST.split("\n") if not line.startswith(key)]
        yield f"no {key}", "\n".join(lines)
    for name in ("a b", "a/b", "a\\\\b", ".a", "-a", "", "x" * 65, "a\u00a0b", "a\u200bb"):
        yield f"the name {ascii(name)[:24]}", less("least", name)
    yield "a uri of two characters", less("manual:", "ab")
    yield "a uri of 401 characters", less("manual:", "m" * 401)
    yield "a kind that is not known", less('"manual:"', '"manual:", kind = "picture"')
    yield "an option that is a number", less('"manual:"', '"manual:", options = {a = 1}')
    yield "a threshold of 0", less("threshold = 2", "threshold = 0")
    yield "a threshold above the group", less("threshold = 2", "threshold = 3")
    yield "a threshold of 1, one group", less("threshold = 2", "threshold = 1")
    yield "a threshold as text", less("threshold = 2", 'threshold = "2"')
    yield "a threshold with a fraction", less("threshold = 2", "threshold = 2.0")
    yield "a custodian twice in a group", less('["A", "B"]', '["A", "B", "A"]')
    yield "a custodian spelled twice", less('["A", "B"]', '["A", " a", "B"]')
    yield "a custodian without a name", less('["A", "B"]', '["A", " "]')
    two = (
        'group_threshold = 2, groups = [{threshold = 1, custodians = ["A", "B"]}, {threshold = 1, custodians = ["A"]}]'
    )
    yield "one person opens alone", less('groups = [{threshold = 2, custodians = ["A", "B"]}]', two)
    yield "a group threshold above the groups", less("groups = [", "group_threshold = 2, groups = [")
    yield "no groups", less('[{threshold = 2, custodians = ["A", "B"]}]', "[]")
    yield "no classes", less('["x"]', "[]")
    yield "a class without a name", less('["x"]', '[" "]')
    for uri in NO_ADDRESSES:
        yield f"a probe at {uri[:30]}", probing(uri)
    for name, line in (
        ("an option of another scheme", 'options = {status = "200"}'), ("a class that is none", 'classes = ["y"]'),
        ("a class twice", 'classes = ["x", "x"]'), ("nothing that counts as failed", "failed_on = []"),
        ("a word twice", 'failed_on = ["wrong", "wrong"]'), ("another word", 'failed_on = ["well"]'),
        ("a secret without an account", 'secret_file = "/s"'), ("an account without a secret", 'account = "a"'),
        ("a path that is none", 'account = "a"\nsecret_file = "s"'),
        ("a name twice", '[[outage.probes]]\nname = "p"\nuri = "tcp://h:1"'),
    ):  # fmt: skip
        yield f"a probe: {name}", probing("ldap://h", f"{line}\n")
    yield "a probe: an account where nobody logs in", probing("tcp://h:1", 'account = "a"\nsecret_file = "/s"\n')
    yield "a probe: no realm", probing("kerberos://h", 'account = "a"\n')
    yield "a probe: no account", probing("kerberos://h", 'options = {realm = "R"}\n')
    yield "a budget of 31 s", with_line("outage", 'budget = "31s"')
    for name, rule in (
        ("no days", 'hours = ["08:00-18:00"]'), ("a day that is none", 'hours = ["Mo 08:00-18:00"]'),
        ("no end", 'hours = ["Mon 08:00"]'), ("24:00 at the beginning", 'hours = ["Mon 24:00-08:00"]'),
        ("24:01", 'hours = ["Mon 08:00-24:01"]'), ("no time", 'hours = ["Mon 08:00-08:00"]'),
        ("60 minutes", 'hours = ["Mon 08:60-09:00"]'), ("most alone", "most = 1"), ("per alone", 'per = "1d"'),
        ("most of 16", 'most = 16\nper = "1d"'), ("a class that is none", 'classes = ["y"]'),
        ("a declarer who is no officer", 'declarers = ["A", "B"]'),
        ("a name twice", '[[declaration.rules]]\nname = "r"'),
    ):  # fmt: skip
        yield f"a rule of use: {name}", ruled(rule)
    one = '[[officers]]\nname = "D"\n'
    yield "a rule of use: fewer declarers than officers", ruled('declarers = ["D"]', officers=one)
    for name, line in (
        ("no address", 'system = "jira"'), ("no project", 'system = "github"'), ("no program", 'system = "exec"'),
        ("a program by no path", 'system = "exec"\nargv = ["x"]'), ("another system", 'system = "fax"'),
        ("a program and an address", 'system = "exec"\nargv = ["/x"]\nurl = "https://h"'),
        ("a user without a secret", 'system = "gitlab"\nproject = "a"\nuser = "u"'),
        ("a program beside a system", 'system = "gitlab"\nproject = "a"\nargv = ["/x"]'),
        ("a sink of its name",
         'system = "exec"\nargv = ["/x"]\nwrites_back = true\n[[alerts.sinks]]\ntype = "journald"\nname = "ticket"'),
    ):  # fmt: skip
        yield f"tickets: {name}", with_line("ticket", line)
    for key, value in (("officers", "0"), ("officers", "21"), ("signatures", "1"), ("valid_for", '"59s"'),
                       ("valid_for", '"1 h"'), ("valid_for", '"01h"'), ("valid_for", '"0s"'),
                       ("valid_for", '"1000000s"'),
                       ("valid_for", "60"), ("use_for", '"1h30m"'), ("use_for", '"1w"'), ("ticket", "5")):  # fmt: skip
        yield f"declaration: {key} = {value}", less('["x"]', f'["x"], {key} = {value}')
    for table, line in (
        ("reveal", "modes = []"), ("reveal", 'modes = ["ask"]'), ("reveal", 'show_for = "0s"'),
        ("use", "snapshots = 1"), ("use", 'record = "yes"'),
        ("use", f'auditors = ["{_TOKEN}"]'), ("use", 'auditors = ["x"]'),
        ("rotation", "length = 7"), ("rotation", "length = 513"), ("rotation", "length = 13"),
        ("rotation", 'alphabet = "aa"'), ("rotation", f'alphabet = "{UNAMBIGUOUS}A"'),
        ("rotation", 'alphabet = "é"'), ("rotation", 'alphabet = "ab"'), ("rotation", 'must_contain = ["!"]'),
        ("rotation", 'must_contain = ["Z-A"]'), ("rotation", 'must_contain = ["A-z"]'), ("rotation", "may_defer = 1"),
        ("rotation", 'wait_for_sessions = "25h"'), ("rotation", 'endpoints = ["ab"]'), ("drills", "access = 365"),
        ("drills", 'load = {sinks = ["siem"]}'), ("drills", "load = true"),
        ("drills", 'load = {limits = [{step = "sealed", p50 = "1s"}]}'),
        ("drills", 'load = {limits = [{step = "quorum"}]}'), ("drills", 'load = {limits = [{p50 = "1s"}]}'),
        ("drills", 'load = {limits = [{step = "quorum", p50 = "1s"}, {step = "quorum", p95 = "1s"}]}'),
        ("drills", 'load = {limits = [{step = "quorum", p90 = "1s"}]}'),
        ("drills", 'load = {sinks = ["s", "s"]}\n[[alerts.sinks]]\ntype = "journald"\nname = "s"'),
        ("arming", 'authority = "program"\nsecond_set = "other"\nprogram = "/p"'),
        ("alerts", "require_ack = true"), ("alerts", 'sinks = [{name = "x"}]'),
        ("alerts", 'sinks = [{type = "fax", name = "x"}]'),
        ("[custodians]", 'name = "C"'), ("[custodians]", 'name = "A"\nkeys = ["ssh-dss AAAA"]'),
        ("[custodians]", 'name = "A"\navailability = 1.1'), ("[custodians]", 'name = "A"\n[[custodians]]\nname = "A"'),
        ("[custodians]", 'name = "A"\nsite = "X"\n[[sites]]\nname = "Y"'),
        ("[officers]", 'name = "D"\nvalid_from = 2026-02-01\nvalid_until = 2026-01-01'),
        ("[officers]", 'name = "D"\nvalid_from = 2026-02-30'),
        ("[officers]", 'name = "D"\nvalid_from = 2026-02-01T00:00:00Z'),
        ("[officers]", 'name = "D"\nrevoked = ["SHA256:AA"]'), ("[officers]", 'name = "D"\nkeys = ["x"]'),
        ("[officers]", 'name = ""'), ("[officers]", 'name = "D"\n[[officers]]\nname = "D"'),
        ("[alerts.sinks]", 'type = "syslog"\nname = "s"\nhost = "a b"'),
        ("[alerts.sinks]", 'type = "syslog"\nname = "s"\nhost = "h"\nport = 0'),
        ("[alerts.sinks]", 'type = "syslog"\nname = "s"\nhost = "h"\ncert = "/c"'),
        ("[alerts.sinks]", 'type = "syslog"\nname = "s"\nhost = "h"\ntransport = "udp"\nca = "/c"'),
        ("[alerts.sinks]", 'type = "splunk"\nname = "s"\nurl = "https://h"\ntoken_file = "/t"\nack = true'),
        ("[alerts.sinks]", 'type = "smtp"\nname = "s"\nhost = "h"\nfrom = "a@b"\nto = ["c@d"]\nuser = "u"'),
        ("[alerts.sinks]", 'type = "smtp"\nname = "s"\nhost = "h"\nfrom = "a@b"\nto = ["c@d"]\nuser = "u"\n'
         'password_file = "/p"\nencryption = "none"'),
        ("[alerts.sinks]", 'type = "exec"\nname = "s"\nargv = ["p"]'),
        ("[alerts.sinks]", 'type = "file"\nname = "s"\npath = "p"'),
        ("[alerts.sinks]", 'type = "webhook"\nname = "s"\nurl = "ftp://h"\nsecret_file = "/s"'),
        ("[alerts.sinks]", 'type = "journald"\nname = "s"\n[[alerts.sinks]]\ntype = "journald"\nname = "s"'),
        ("[alerts.sinks]", 'type = "journald"\nname = "s"\nhost = "h"'),
        *((("[alerts.sinks]", f'type = "http"\nname = "s"\n{keys}')) for keys in UNFIT_HTTP),
    ):  # fmt: skip
        yield f"{table}: {line.replace(chr(10), '; ')}", with_line(table, line)
    for line in ("needed = 2", "needed = 0", 'deadline = "0s"', "on = []", 'on = ["login"]', 'on = ["fork", "fork"]',
                 'settlement = {by = "anybody"}', "settlement = {people = 2}",
                 "settlement = {people = 2, signed = false}"):  # fmt: skip
        yield f"review: {line}", with_line("review", line, BY_OFFICERS.partition("[review]")[0])
    program = 'authority = "program"\nsecond_set = "other"\nprogram = "/p"'
    by_set = 'authority = "set"\nsecond_set = "other"\nset = "keys"\noperator = "o"'
    by_key = (
        f'authority = "key"\nsecond_set = "other"\noperator = "o"\noperator_secret = "/s"\napprovers = ["{_SECOND}"]'
    )
    for name, said in (
        ("no second set", 'authority = "program"\nprogram = "/p"'),
        ("the set itself", program.replace("other", "least")),
        ("an authority that is not known", program.replace('"program"', '"nobody"', 1)),
        ("no program", 'authority = "program"\nsecond_set = "other"'),
        ("a program by no path", program.replace("/p", "p")),
        ("a program and an operator", f'{program}\noperator = "o"'),
        ("a window below the use", f'{program}\nwindow = "59m"'),
        ("a window of eight days", f'{program}\nwindow = "8d"'),
        ("no set", by_set.replace('set = "keys"\n', "")), ("no operator", by_set.replace('\noperator = "o"', "")),
        ("the set that it is of", by_set.replace("keys", "least")),
        ("the account is the operator", by_set.replace('"o"', '"a"')),
        ("a secret by no path", by_key.replace("/s", "s")), ("no approver", by_key.partition("\napprovers")[0]),
        ("no key", by_key.replace(_SECOND, "ssh-dss AAAA")),
        ("an approver who is an officer", f'{by_key}\n[[officers]]\nname = "D"\nkeys = ["{_SECOND}"]'),
        ("an approver who is a custodian", f'{by_key}\n[[custodians]]\nname = "A"\nkeys = ["{_SECOND}"]'),
    ):  # fmt: skip
        yield f"arming: {name}", with_line("arming", said, ARMED)
    yield "a standard that is not known", with_line("audit", 'standards = ["iso-9001"]')
    yield "a standard twice", with_line("audit", 'standards = ["ism", "ism"]')
    yield "review: nobody could", with_line("review", "", LEAST)
    revoking = f'[[review.reviewers]]\nname = "R"\nkeys = ["{DUTY_KEY}"]\nrevoked = ["{DUTY_FINGERPRINT}"]\n'
    yield "review: a revoked key", f"{LEAST}\n{revoking}"
    twice = "".join(f'[[review.reviewers]]\nname = "{one}"\nkeys = ["{DUTY_KEY}"]\n' for one in "RS")
    yield "review: two of one person", f"{LEAST}\n[review]\nneeded = 2\n{twice}"
    both = f'[[officers]]\nname = "D"\nkeys = ["{DUTY_KEY}", "{_SECOND}"]\n'
    apart = twice.replace(f'"S"\nkeys = ["{DUTY_KEY}"]', f'"S"\nkeys = ["{_SECOND}"]')
    yield "review: two reviewers who are one officer", f"{LEAST}\n{both}[review]\nneeded = 2\n{apart}"
    settling = "settlement = {people = 2, signed = false}"
    yield "review: two who settle are one officer", f"{LEAST}\n{both}[review]\n{settling}\n{apart}"
    yield (
        "review: a signature of a key that a reviewer revokes",
        less('["x"]', '["x"], signatures = 1') + f'[[officers]]\nname = "D"\nkeys = ["{DUTY_KEY}"]\n'
        f'[[review.reviewers]]\nname = "R"\nkeys = ["{_SECOND}"]\nrevoked = ["{DUTY_FINGERPRINT}"]\n',
    )
    yield "review: a name twice", f"{LEAST}\n{twice.replace(chr(34) + 'S', chr(34) + 'R')}"
    yield (
        "a kit that names a custodian",
        f'kit = "with BOARD"\n{less(chr(34) + "A" + chr(34), chr(34) + "Board" + chr(34))}',
    )
    shared = f'[[officers]]\nname = "D"\nkeys = ["{DUTY_KEY}"]\n[[officers]]\nname = "E"\nkeys = ["{DUTY_KEY}"]\n'
    yield "two signatures of one person", less('["x"]', '["x"], signatures = 2') + shared
    yield (
        "a signature of a revoked key",
        less('["x"]', '["x"], signatures = 1')
        + (f'[[officers]]\nname = "D"\nkeys = ["{DUTY_KEY}"]\nrevoked = ["{DUTY_FINGERPRINT}"]\n'),
    )
    yield (
        "a key of two custodians",
        LEAST + "".join(f'[[custodians]]\nname = "{one}"\nkeys = ["{DUTY_KEY}"]\n' for one in "AB"),
    )


def _weaker() -> Iterator[Vector]:
    bases = {"of the logs": POLICY, "every table": MOST, "the least": LEAST, "with reviews": REVIEWED}

    def of(name: str, old: str, new: str) -> Vector:
        found = weakenings(policies.parse(old), policies.parse(new))
        base = next((one for one, text in bases.items() if text in (old, new)), "the least")
        given = {"old": like(old, base, bases[base]), "new": like(new, base, bases[base])}
        return good(name, "weakens", given, {"weakens": list(found)})

    yield of("nothing", POLICY, POLICY)
    yield of("the policy of the logs", POLICY, WEAKER)
    yield of("stronger", WEAKER, POLICY)
    yield of("no review any more", REVIEWED, POLICY)
    yield of("a review", POLICY, REVIEWED)
    for name, old, new in (
        ("fewer reviewers, later", 'needed = 2\ndeadline = "3d"', 'needed = 1\ndeadline = "4d"\non = ["opening"]'),
        ("names settle, and officers",
         'deadline = "3d"', 'deadline = "3d"\nsettlement = {by = "officers", signed = false}'),
        ("another key of a reviewer", f'keys = ["{line_of(REVIEWERS["Rosa"])} rosa"]',
         f'keys = ["{line_of(REVIEWERS["Rosa"])} rosa", "{DUTY_KEY}"]'),
    ):  # fmt: skip
        assert old in REVIEWED, old
        yield of(f"review: {name}", REVIEWED, REVIEWED.replace(old, new))
    dated = REVIEWED.replace(' rosa"]', f' rosa"]\nvalid_until = 2026-12-31\nrevoked = ["SHA256:{"A" * 43}"]')
    yield of("review: a revoked key and days of a reviewer", dated, REVIEWED)
    yield of("review: who had a revoked key is no reviewer any more", dated, REVIEWED.partition("[[review.rev")[0])
    gone = f'[[officers]]\nname = "Gone"\nrevoked = ["SHA256:{"A" * 43}"]\n'
    yield of("an officer who leaves, with a revoked key, where no officer signs", f"{LEAST}\n{gone}", LEAST)
    kept = gone.replace("Gone", "Stays")
    yield of("an officer who leaves, whose revoked key another one revokes", f"{LEAST}\n{gone}", f"{LEAST}\n{kept}")
    settling = REVIEWED.replace('deadline = "3d"', 'deadline = "3d"\nsettlement = {people = 2}')
    yield of("review: fewer settle", settling, REVIEWED)
    officers = REVIEWED.partition("[[review.reviewers]]")[0]
    yield of("review: officers review", REVIEWED, officers)
    signs = f'name = "Duty"\nkeys = ["{DUTY_KEY}", "{line_of(REVIEWERS["Rosa"])}"]'
    yield of("review: another key of an officer who reviews", BY_OFFICERS,
             BY_OFFICERS.replace(f'name = "Duty"\nkeys = ["{DUTY_KEY}"]', signs))  # fmt: skip
    for name, old, new in (
        ("another target",
         'uri = "postgresql://db.example:5432/postgres"\naccount = "bg"\nsecond_account = "envelope B"\n'
         'kind = "password"\noptions = {sslmode = "verify-full"}',
         'uri = "ssh://it\'s"\naccount = "a \\"b\\" \'c\' \\\\"\nkind = "token"'),
        ("characters that are not printable", 'account = "bg"', 'account = "b\u00a0g\u200b\U000e0001\ue000 é€𝄞"'),
        ("another telephone and kit",
         'report_to = "+41 44 000 00 00"\nkit = "the safe in the cellar"', 'kit = "elsewhere"'),
        ("a lower threshold", 'threshold = 2, custodians = ["Board"', 'threshold = 1, custodians = ["Board"'),
        ("a sheet more", '"East"]', '"East", "West"]'), ("fewer groups", "group_threshold = 2", "group_threshold = 1"),
        ("a group more", '"Law"]},', '"Law"]},\n  {threshold = 2, custodians = ["X", "Y"]},'),
        ("a person in a second group", '"Chair"]', '"Chair", "South"]'),
        ("a class more", '["idp-outage"]', '["idp-outage", "network", "weather"]'),
        ("another pattern", 'ticket = "INC-[0-9]{4,}"', "ticket = 'INC-\\d+'"),
        ("fewer officers and signatures", "officers = 3\nsignatures = 2", "officers = 2\nsignatures = 1"),
        ("longer", 'valid_for = "20m"\nuse_for = "90m"', 'valid_for = "90m"\nuse_for = "7200s"'),
        ("an officer's days", 'valid_from = 2026-01-01\nvalid_until = "2026-12-31"', ""),
        ("another key", f'keys = ["{DUTY_KEY} at work"]', f'keys = ["{DUTY_KEY}"]'),
        ("a key no longer revoked", f'revoked = ["SHA256:{"A" * 43}"]', ""),
        ("a mode more", '"exec"]', '"exec", "show"]'),
        ("recorded where it is asked for", 'record = "always"', 'record = "offered"'),
        ("no snapshots", "snapshots = true", "snapshots = false"),
        ("recordings in the clear", f'auditors = ["{DUTY_KEY} at home"]', "auditors = []"),
        ("another auditor", f'["{DUTY_KEY} at home"]', f'["{_SECOND}"]'),
        ("an auditor's comment", f'["{DUTY_KEY} at home"]', f'["{DUTY_KEY}"]'),
        ("a standard less, and another one", '["ism", "pci-dss-4.0.1"]', '["soc-2", "pci-dss-4.0.1"]'),
        ("no standards, one by one", 'standards = ["ism", "pci-dss-4.0.1"]', ""),
        ("standards in another order", '["ism", "pci-dss-4.0.1"]', '["pci-dss-4.0.1", "ism"]'),
        ("a longer look", 'show_for = "5s"', 'show_for = "6s"'), ("fewer bits", "length = 30", "length = 20"),
        ("a rotation put off longer", 'deadline = "2h"', 'deadline = "49h"'),
        ("a longer age", 'max_age = "100d"', 'max_age = "101d"'),
        ("another endpoint", '"postgresql://b.example"]', '"postgresql://c.example"]'),
        ("no endpoints", 'endpoints = ["postgresql://a.example", "postgresql://b.example"]', ""),
        ("arming taken away", f"[arming]{MOST.partition('[arming]')[2].partition('[audit]')[0]}", ""),
        ("armed by another set",
         f"""authority = "key"{MOST.partition('authority = "key"')[2].partition('[audit]')[0]}""",
         'authority = "set"\nsecond_set = "Basel"\nset = "openers"\noperator = "other"\n'),
        ("armed for longer", 'window = "3h"', 'window = "4h"'),
        ("another approver", f'["{line_of(public_test_key("approver"))} duty manager"]', f'["{REVIEWER}"]'),
        ("another secret of the operator", '"/usr/local/sbin/opener"', '"/usr/local/sbin/other"'),
        ("longer drills", 'roll_call = "30d"\nrehearsal = "60d"\naccess = "300d"', ""),
        ("no load drill", f"[drills.load]{MOST.partition('[drills.load]')[2].partition('[audit]')[0]}", ""),
        ("a limit of a load drill longer, another gone", 'p50 = "5s", p95 = "10s"', 'p95 = "11s"'),
        ("a limit of a load drill shorter, and a step's gone",
         'p95 = "10s", p99 = "1m"},\n  {step = "alert-acknowledged", p95 = "30s"},', 'p95 = "9s", p99 = "60s"},'),
        ("more and other sinks of load drills", '["siem", "hec"]', '["hec", "journal", "lines"]'),
        ("no acknowledgement, later", 'require_ack = true\nname_people = true\nrepeat = "30m"', ""),
        ("a sink is gone, another is another one",
         'type = "journald"\nname = "journal"', 'type = "file"\nname = "hec2"\npath = "/x"'),
        ("a sink with another key", 'index = "main"', 'index = "other"'),
        ("a key at its default is no change", "port = 601\n", ""),
    ):  # fmt: skip
        assert old in MOST, old
        yield of(name, MOST, MOST.replace(old, new))
    yield from _when(of)
    yield of("officers where nobody had to sign", LEAST, LEAST + f'[[officers]]\nname = "D"\nkeys = ["{DUTY_KEY}"]\n')
    may = with_line("rotation", "may_defer = true")
    yield of("put off at all", LEAST, may)
    sinks = '[[alerts.sinks]]\ntype = "journald"\nname = "s"\n'
    first = f'{LEAST}\n{sinks}[drills.load]\nlimits = [{{step = "login", p99 = "1s"}}]\n'
    yield of("a load drill where there was none", f"{LEAST}\n{sinks}", f'{first}sinks = ["s"]\n')
    yield of("a limit of a load drill more", f"{LEAST}\n{sinks}", first)
    yield of("sessions go on", LEAST, with_line("rotation", 'end_sessions = false\nwait_for_sessions = "1h"'))
    many = ", ".join(f'"P{number:02}"' for number in range(13))
    two = f"[{{threshold = 2, custodians = [{many}]}}, {{threshold = 2, custodians = [{many}]}}]"
    crowd = LEAST.replace('[{threshold = 2, custodians = ["A", "B"]}]', two)
    yield of("too many people in two groups", crowd, crowd.replace("threshold = 2", "threshold = 3", 1))
    built = policies.built_in("least", Structure(1, (Group(2, 3),)), "manual:")
    sheets = LEAST.replace('["A", "B"]', '["A", "B", "C"]').replace('["x"]', '["x", "y"], use_for = "2h"')
    found = weakenings(built, policies.parse(sheets))
    given = {"built_in": {"group_threshold": 1, "groups": [{"threshold": 2, "members": 3}]}, "new": sheets}
    yield good("over the built-in policy", "weakens", given, {"weakens": list(found)})


def _when(of: Callable[[str, str, str], Vector]) -> Iterator[Vector]:
    """What is measured, and rules of use."""
    rule = MOST.partition("[[declaration.rules]]")[2].partition("[reveal]")[0]
    outage = f"[outage]{MOST.partition('[outage]')[2].partition('[ticket]')[0]}"
    ticket = f"[ticket]{MOST.partition('[ticket]')[2].partition('[alerts]')[0]}"
    for name, old, new in (
        ("a rule of use is gone", f"[[declaration.rules]]{rule}", ""),
        ("a rule of use has other hours", "08:00-18:00", "07:00-18:00"),
        ("a rule of use for longer", 'use_for = "45m"', 'use_for = "46m"'),
        ("a rule of use without an end", 'use_for = "45m"\n', ""),
        ("a rule of use more often", "most = 2", "most = 3"),
        ("a rule of use in less time", 'per = "30d"', 'per = "29d"'),
        ("a rule of use as often as one likes", 'most = 2\nper = "30d"\n', ""),
        ("a stricter rule of use", 'use_for = "45m"\nmost = 2\nper = "30d"', 'use_for = "44m"\nmost = 1\nper = "31d"'),
        ("one more rule of use", "[reveal]", '[[declaration.rules]]\nname = "more"\nmost = 1\nper = "1d"\n\n[reveal]'),
        ("nothing is measured", outage, ""), ("another probe", "ldap.example:636", "ldap.example:637"),
        ("a probe is gone, another one there", 'name = "directory"', 'name = "dir"'),
        ("one more way round", "[ticket]",
         '[[outage.probes]]\nname = "second"\nuri = "tcp://h:1"\nstandby = true\n\n[ticket]'),
        ("a longer budget", 'budget = "6s"', 'budget = "7s"'),
        ("a shorter budget", 'budget = "6s"', 'budget = "1s"'), ("no tickets", ticket, ""),
        ("another state counts", '"Open"]', '"Open", "Done"]'), ("nothing written back", "writes_back = true\n", ""),
        ("asked for less time, and settles no more", 'within = "2s"', 'within = "1s"'),
    ):  # fmt: skip
        assert old in MOST, old
        yield of(name, MOST, MOST.replace(old, new))
    yield of("a later answer settles", MOST.replace("settles = true\n", ""), MOST)
    none = MOST.replace(outage, "").replace(ticket, "")
    yield of("measured where nothing was", none, MOST)


def _tickets() -> Iterator[Vector]:
    for pattern, text in (
        ("\\S+", "INC-1"), ("\\S+", "INC 1"), ("\\S+", ""), ("INC-[0-9]{4,}", "INC-12345"),
        ("INC-[0-9]{4,}", "xINC-12345"),
        ("INC-[0-9]{4,}", "INC-12345\n"), ("a|ab", "ab"), ("\\d+", "\u0661"), ("(?i)inc", "INC"), (".", "é"),
        (".", "𝄞"),
        ("(?=x)x", "x"), ("(a)\\1", "aa"), ("a{,3}", "aa"), ("a{1001}", "a" * 1001), ("(", "("), (".*", "x" * 1000),
        (".*", "x" * 1001), ("x" * 500, "x" * 500), ("x" * 501, "x" * 501), ("\\w+", "é"), ("$", ""),
        ("(a*)*b", "a" * 50),
    ):  # fmt: skip
        name = f"{pattern[:20]} and {ascii(text)[1:21]}, {len(pattern)} and {len(text)}"
        yield good(name, "match-ticket", {"pattern": pattern, "ticket": text}, {"matches": not mismatch(pattern, text)})


def _reasons() -> Iterator[Vector]:
    for text in (
        "test", "TEST", "Test test", "nobody can log in", "xxx", "x", "...", "", "12345", "n/a", "N/A!", "because",
        "kein Grund", "razón", "RAZO\u0301N", "a b c", "aaa bbb", "te st", "test1", "\u0661\u0662", "tbd: ldap", "the",
        "//", "_", "ß", "ﬀ", "²", "none, really", "no-reason", "lorem_ipsum",
    ):  # fmt: skip
        yield good(f"the reason {text!a}", "is-filler", {"text": text}, {"filler": is_filler(text)})
    yield good("every word of the list", "is-filler", {"text": " ".join(sorted(FILLERS))}, {"filler": True})
