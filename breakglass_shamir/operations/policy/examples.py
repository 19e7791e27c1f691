# SPDX-License-Identifier: Apache-2.0
"""An example policy for each connector, every key explained."""

from dataclasses import asdict, dataclass
from string import Template

from breakglass_shamir.connectors.registry import known_schemes
from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.nearest import did_you_mean
from breakglass_shamir.operations.policy.shared_examples import SHARED

_EXAMPLE = Template("""# One break-glass credential under custody. Every key that is not marked optional must be there.

name = "$name"                          # the set's name: on every sheet, in every record and file name
belongs_to = "Example Ltd, Security"    # optional: whom a found sheet is returned to

[target]
uri = "$uri"
account = "$account"                    # optional: the account the credential belongs to
second_account = "envelope B, safe 2"   # optional: the other way in, should this one fail
kind = "$kind"                          # optional: password, key-pair, key-certificate, token, ...
options = { $options }                  # optional: what this connector needs beyond the URI

[quorum]
# One group is plain k-of-n. With several groups, group_threshold of them are needed (default: all).
[[quorum.groups]]
threshold = 3
custodians = ["head of IT", "head of security", "chief financial officer", "site lead north", "site lead south"]

# Optional, one table for each custodian: where the sheet is kept and how likely its custodian comes when called, if the
# site can be reached at all. "policy check" computes from it how likely a quorum is.
[[custodians]]
name = "head of IT"
site = "north"
availability = 0.9

[[custodians]]
name = "head of security"
site = "south"
availability = 0.9

[[custodians]]
name = "chief financial officer"
site = "bank"
availability = 0.8

[[custodians]]
name = "site lead north"
site = "north"
availability = 0.95

[[custodians]]
name = "site lead south"
site = "south"
availability = 0.95

# keys = ["ssh-ed25519 AAAA... site lead south"]   # optional: signs for the sheet, with "ack --sign"

[[sites]]
name = "north"
availability = 0.99

[[sites]]
name = "south"
availability = 0.99

[[sites]]
name = "bank"
availability = 0.5                      # open in the daytime only

# Optional, one table for each officer. Keys are whole lines of .pub files.
# [[officers]]
# name = "duty officer"
# keys = ["ssh-ed25519 AAAA... duty officer"]
# valid_from = "2026-01-01"             # optional: the first day
# valid_until = "2027-12-31"            # optional: the last day
# revoked = ["SHA256:..."]              # optional: fingerprints of keys that count no more

[declaration]
classes = ["idp-outage", "mfa-outage", "network-outage"]   # the closed list of incident classes
ticket = "INC-[0-9]{4,}"                # optional: regular expression that a ticket must match
officers = 2                            # optional: how many officers must be named
signatures = 0                          # optional: how many different officers' keys must sign
valid_for = "30m"                       # optional: how long a declaration holds before the sheets are combined
use_for = "1h"                          # optional: the longest use

# Optional: what owes a review, and who reviews. Without reviewers an officer does who took no part.
# [review]
# needed = 1                            # optional: how many different people must review
# deadline = "7d"                       # optional: when a review that is owed is overdue
# on = ["opening", "override", "unmatched-login", "fork"]   # optional: what owes a review
# settlement = { by = "reviewers", people = 1, signed = true }   # optional: who settles other debts, with own keys
# [[review.reviewers]]
# name = "internal audit"
# keys = ["ssh-ed25519 AAAA... internal audit"]   # valid_from, valid_until and revoked as with officers

[reveal]
modes = ["exec", "show", "no-reveal"]   # optional: how the credential may leave the program
show_for = "60s"                        # optional: how long --show keeps it on the screen

[use]
record = "offered"                      # optional: what a command shows is recorded: always, offered by --tty, or never
auditors = []                           # optional: SSH public keys that alone can read recordings; none: in the clear

[rotation]
deadline = "1d"                         # optional: when a rotation that is owed is overdue
may_defer = false                       # optional: whether a quorum may put it off
length = $length                             # optional: characters of a generated credential
must_contain = ["A-Z", "a-z", "2-9"]    # optional: sets of which it holds one character or more each
must_avoid = ""                         # optional: characters it never holds
max_age = "365d"                        # optional: when a credential that nobody used is due for rotation
endpoints = []                          # optional: URIs at which a rotation is proven; default: the target's
end_sessions = true                     # optional: whether a rotation ends sessions that are logged in
wait_for_sessions = "10m"               # optional: how long a change waits for sessions that are still open

# Optional, and it costs: the account is kept closed at its target and armed for a use by a second authority. Then every
# opening, check, drill and rotation needs that authority too, no override passes the target's own lock, and a second
# set for the same target must be there that is never closed. docs/arming.md has the authorities set and key, too.
# [arming]
# authority = "program"                 # who arms it: program, set or key
# second_set = "NAME-2"                 # the set that is never closed
# window = "2h"                         # optional: the longest time at once; not shorter than declaration.use_for
# program = "/usr/local/sbin/arm"       # arms, closes, and says until when the account is open

[drills]
roll_call = "90d"                       # optional: how often every sheet is looked at
rehearsal = "90d"                       # optional: how often a quorum rehearses on the drill cards
access = "365d"                         # optional: how often the real thing is done, up to a login

[audit]
standards = []                          # optional: the report assesses controls of nist-800-53, pci-dss-4.0.1, ...

[alerts]
budget = "5s"                           # optional: how long an opening waits for its alerts
require_ack = false                     # optional: whether it waits until one sink has taken the alert
name_people = false                     # optional: whether an alert names custodians; officers it always names
repeat = "1h"                           # optional: how often an alert about something overdue is repeated

# Optional, one table for each place that is told. Types: syslog, webhook, splunk, pagerduty, slack, smtp, journald,
# exec, file; docs/guide-operator.md has their keys. Secrets are in files of their own.
[[alerts.sinks]]
name = "journal"
type = "journald"

# [[alerts.sinks]]
# name = "collector"
# type = "syslog"
# host = "siem.example.net"
# transport = "tls"
# ca = "/etc/breakglass/siem-ca.pem"
""")


@dataclass(frozen=True, slots=True)
class Sample:
    """What differs between the examples: a name, an address, and what a connector needs beside it."""

    name: str
    uri: str
    account: str = ""
    kind: str = "password"
    options: str = ""
    length: int = 24


_DATABASE_OPTIONS = 'ca = "/etc/breakglass/db-ca.pem"'
_AUTHORITY_OPTIONS = (
    'ca = "/etc/breakglass/server-ca.pem", ca_key = "/etc/breakglass/clients.key", '
    'ca_certificate = "/etc/breakglass/clients.pem", crl = "/etc/breakglass/clients.crl", '
    'reload = "/usr/local/lib/breakglass/reload"'
)

_EXAMPLES = {
    "ad": Sample("domain-admin", "ad://dc1.example.net", "breakglass@example.net"),
    "aws-iam": Sample("cloud-admin", "aws-iam://123456789012", "breakglass", "token"),
    "exec": Sample(
        "console",
        "exec:///usr/local/lib/breakglass/hashed_file.py",
        "console",
        options='settings = "/etc/appliance/console.hash", abilities = "password_changed_at"',
    ),
    "ipmi": Sample("rack-7-bmc", "ipmi://bmc-7.example.net", "breakglass", length=16),
    "keepass": Sample("team-safe", "keepass:///srv/safe/team.kdbx"),
    "kerberos": Sample("realm-admin", "kerberos://kdc1.example.net/EXAMPLE.NET", "breakglass/admin"),
    "ldap": Sample("directory-admin", "ldap://ldap.example.net", "uid=breakglass,ou=people,dc=example,dc=net"),
    "ldaps": Sample("directory-admin", "ldaps://ldap.example.net", "uid=breakglass,ou=people,dc=example,dc=net"),
    "linux": Sample("host", "linux:///breakglass", "breakglass", options='service = "login"'),
    "luks": Sample("backup-disk", "luks:///dev/disk/by-uuid/2d3c7a5e-8f0b-4c1d-9e6a-7b5f4d3c2a10"),
    "manual": Sample("cloud-root", "manual:cloud-root-account", "root"),
    "mysql": Sample("shop-db", "mysql://db.example.net/", "breakglass", options=_DATABASE_OPTIONS),
    "openbao-approle": Sample(
        "bao-deploy",
        "openbao-approle://bao.example.net/approle",
        "breakglass",
        "token",
        'audit_log = "/var/log/openbao/audit.log"',
    ),
    "openbao-keys": Sample(
        "bao-unseal",
        "openbao-keys://bao.example.net",
        kind="list",
        options='admin = "/etc/breakglass/bao-token"',
    ),
    "openbao-token": Sample(
        "bao-root", "openbao-token://bao.example.net", "root", "token", 'audit_log = "/var/log/openbao/audit.log"'
    ),
    "openbao-userpass": Sample(
        "bao-admin",
        "openbao-userpass://bao.example.net/userpass",
        "breakglass",
        options='audit_log = "/var/log/openbao/audit.log"',
    ),
    "passkey": Sample(
        "cloud-console",
        "passkey:https://console.example.com/login",
        "root@example.com",
        "passkey",
        'probe = "https://console.example.com/api/me"',
    ),
    "postgresql": Sample("prod-db", "postgresql://db.example.net/postgres", "breakglass", options=_DATABASE_OPTIONS),
    "redfish": Sample(
        "rack-7-bmc", "redfish://bmc-7.example.net", "breakglass", options='ca = "/etc/breakglass/bmc-ca.pem"'
    ),
    "redis": Sample(
        "shop-cache", "redis://cache.example.net", "breakglass", options='ca = "/etc/breakglass/cache-ca.pem"'
    ),
    "ssh-authorized-keys": Sample(
        "host-key", "ssh-authorized-keys:///home/breakglass/.ssh/authorized_keys", "breakglass", "key-pair"
    ),
    "ssh-ca": Sample(
        "user-ca",
        "ssh-ca:///etc/ssh/trusted_user_ca_keys",
        "user-ca",
        "key-pair",
        'revoked = "/etc/ssh/revoked_keys"',
    ),
    "ssh-key": Sample("recovery-key", "ssh-key:///srv/breakglass/id_recovery"),
    "x509-https": Sample(
        "admin-console",
        "x509-https://console.example.net",
        "breakglass",
        "key-certificate",
        _AUTHORITY_OPTIONS + ', header = "Breakglass-Verdict"',
    ),
    "x509-postgresql": Sample(
        "prod-db", "x509-postgresql://db.example.net/postgres", "breakglass", "key-certificate", _AUTHORITY_OPTIONS
    ),
}
"""What differs, by scheme."""


def sample(connector: str) -> Sample:
    """Return what the example of a connector has in it."""
    return _EXAMPLES[connector]


def connectors_with_example() -> tuple[str, ...]:
    """Return the schemes that have an example: those of every connector that ships here."""
    return tuple(sorted(set(_EXAMPLES) & set(known_schemes())))


def example(connector: str) -> str:
    """Return an example policy for a connector, with every key explained, or one of the two where sets share parts.

    Args:
        connector: its scheme; ``organisation`` is the file that sets share, ``set`` the file of a set that includes it.

    Raises:
        InvalidInput: no such connector.
    """
    if connector in SHARED:
        return SHARED[connector]
    if connector not in connectors_with_example():
        known = (*connectors_with_example(), *SHARED)
        raise InvalidInput(
            f"expected a connector of {', '.join(known)}, got {connector!r}", hint=did_you_mean(connector, known)
        )
    return _EXAMPLE.substitute(asdict(_EXAMPLES[connector]))
