# SPDX-License-Identifier: Apache-2.0
"""From a policy to connectors and to what stands on paper beside the secret."""

import hashlib
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from breakglass_shamir.custody.credential import CredentialKind
from breakglass_shamir.custody.life.two_targets import elsewhere
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.errors import IllegalState, InvalidInput
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations import targets

SECRET = Secret(b"copper kettle")


def policy(target: str, rotation: str = "") -> Policy:
    return policies.parse(
        f'name = "set"\n[target]\nsecond_account = "safe 2"\n{target}\n[[quorum.groups]]\nthreshold = 2\n'
        f'custodians = ["North", "South"]\n[declaration]\nclasses = ["outage"]\n[rotation]\n{rotation}\n'
    )


def test_a_rotation_is_proven_where_it_is_changed_and_at_every_endpoint_once() -> None:
    rules = policy('uri = "manual:a"\naccount = "root"', 'endpoints = ["manual:b", "manual:a", "manual:b"]')
    found = targets.endpoints_of(rules)
    assert [(one.target, one.account) for one in found] == [("manual:a", "root"), ("manual:b", "root")]


def test_a_set_without_a_policy_is_changed_by_people_until_they_name_its_target() -> None:
    blank = policies.built_in("set", policy('uri = "manual:a"').structure)
    found = targets.connector_of(blank)
    assert (found.by_people, found.account) == (True, "")
    named = targets.connector_of(blank.aimed_at("ssh-key:///srv/key", "root"))
    assert (named.target, named.account, named.options) == ("ssh-key:///srv/key", "root", {})


@pytest.mark.parametrize("uri", ["exec:///bin/sh", "EXEC:///bin/sh", "exec:///usr/local/lib/breakglass/program"])
def test_people_name_no_program(uri: str) -> None:
    with pytest.raises(IllegalState, match="only an adopted policy"):
        targets.named_connector(targets.Named(uri), account_follows=True)


@pytest.mark.parametrize(
    "uri", ["telnet://host", "no uri", "postgresql://u:p@host/db", "postgresql://a,b/db", "manual:"]
)
def test_people_name_no_target_that_no_connector_takes(uri: str) -> None:
    with pytest.raises(InvalidInput):
        targets.named_connector(targets.Named(uri), account_follows=True)


def test_an_account_may_follow_later_and_is_asked_for_where_it_does_not() -> None:
    for uri in (
        "postgresql://db/x",
        "ldap://host",
        "kerberos://kdc/REALM",
        "linux:///breakglass",
        "ssh-key:///srv/key",
    ):
        assert targets.named_connector(targets.Named(uri), account_follows=True).target == uri
    with pytest.raises(InvalidInput, match="account"):
        targets.named_connector(targets.Named("postgresql://db/x"))


def test_the_credential_carries_what_a_blank_machine_needs() -> None:
    made = targets.describe(
        policy('uri = "manual:a"\naccount = "root"\nkind = "file"'), SECRET, totp_seed=Secret(b"seed")
    )
    assert (made.account, made.target, made.hint, made.kind) == ("root", "manual:a", "safe 2", CredentialKind.FILE)
    assert made.totp_seed == Secret(b"seed")
    assert targets.describe(policy('uri = "manual:a"'), SECRET, kind="token").kind is CredentialKind.TOKEN


def test_the_next_credential_carries_what_the_policy_says_now() -> None:
    old = targets.describe(policy('uri = "manual:a"\naccount = "root"'), SECRET, totp_seed=Secret(b"seed"))
    moved = policy('uri = "manual:b"\naccount = "admin"')
    new = targets.carried(moved, old)
    assert (new.target, new.account, new.hint, new.totp_seed) == ("manual:b", "admin", "safe 2", Secret(b"seed"))
    assert targets.carried(policies.built_in("set", moved.structure), new) == new
    named = targets.carried(policies.built_in("set", moved.structure).aimed_at("manual:c", ""), new)
    assert (named.target, named.account) == ("manual:c", "admin")


@pytest.mark.parametrize(("line", "said"), [
    ('uri = "manual:a"\naccount = "root"', False), ('uri = "manual:a"', False),
    ('uri = "manual:elsewhere"\naccount = "root"', True), ('uri = "manual:a"\naccount = "other"', True),
])  # fmt: skip
def test_a_policy_that_hands_the_credential_to_another_target_is_said(line: str, *, said: bool) -> None:
    paper = targets.describe(policy('uri = "manual:a"\naccount = "root"'), SECRET)
    assert bool(elsewhere(policy(line), paper)) is said


def test_the_private_authority_is_named_by_its_fingerprint(tmp_path: Path, need: Callable[[str], str]) -> None:
    need("openssl")
    ca = tmp_path / "ca.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=ca"]
    subprocess.run([*command, "-out", str(ca)], check=True, capture_output=True)
    rules = policy(f'uri = "postgresql://db/x"\naccount = "root"\noptions = {{ ca = "{ca}" }}')
    der = ssl.PEM_cert_to_DER_cert(ca.read_text())
    assert targets.describe(rules, SECRET).ca_fingerprint == hashlib.sha256(der).hexdigest()
    ca.write_text("nothing of the kind")
    with pytest.raises(InvalidInput, match="expected a certificate"):
        targets.describe(rules, SECRET)
    ca.unlink()
    with pytest.raises(InvalidInput, match="cannot be read"):
        targets.describe(rules, SECRET)
