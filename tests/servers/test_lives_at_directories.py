# SPDX-License-Identifier: Apache-2.0
"""From sheet to login to new sheet, at OpenLDAP, Active Directory and Kerberos, by the program as people run it."""

import json
import time
from functools import partial
from pathlib import Path

import pytest
from kdc_server import KdcServer
from samba_server import BASE, SambaServer
from slapd_server import SlapdServer
from target_life import Place, TargetLife, live_through
from throwaway_ca import ThrowAwayCa

from breakglass_shamir.custody.policy.generator import generate
from breakglass_shamir.hygiene import Secret
from tests.end_to_end.life import NAME


@pytest.fixture
def secret() -> Secret:
    return Secret(b"aA7" + generate(24).reveal())


def test_an_entry_of_openldap_and_its_replica(
    slapd: SlapdServer, throwaway_ca: ThrowAwayCa, secret: Secret, tmp_path: Path
) -> None:
    dn = slapd.add_account(secret)
    replica = SlapdServer(tmp_path / "replica", throwaway_ca, provider=slapd.uri, lastbind=False)
    replica.start()
    try:
        while not replica.admits(dn, secret):
            time.sleep(0.05)
        endpoints = json.dumps([slapd.uri, replica.uri])
        place = Place(
            slapd.uri, dn, secret, {"ca": str(throwaway_ca.certificate), "time_limit": "10"},
            partial(slapd.admits, dn), None, lambda: slapd.log() + replica.log(), f"endpoints = {endpoints}",
        )  # fmt: skip
        live_through(place, tmp_path)
    finally:
        replica.stop()


def test_a_user_of_active_directory(
    samba: SambaServer, throwaway_ca: ThrowAwayCa, secret: Secret, tmp_path: Path
) -> None:
    samba.modify(BASE, minPwdAge="0")
    name = samba.add_account(secret)
    place = Place(
        samba.uri, name, secret, {"ca": str(throwaway_ca.certificate), "time_limit": "10"},
        partial(samba.admits_by_ntlm, name), None, samba.log, 'must_contain = ["A-Z", "a-z", "0-9"]',
    )  # fmt: skip
    live_through(place, tmp_path)


def test_a_principal_of_kerberos(kdc: KdcServer, secret: Secret, tmp_path: Path) -> None:
    policy = kdc.add_policy("of-a-life", "-minlength 20", "-history 5", "-maxfailure 10")
    name = kdc.add_account(secret, policy)
    place = Place(kdc.uri, name, secret, {**kdc.options, "time_limit": "10"}, partial(kdc.admits, name), None, kdc.log)
    live_through(place, tmp_path)


def test_a_login_that_no_opening_accounts_for_is_seen_at_a_kdc(kdc: KdcServer, secret: Secret, tmp_path: Path) -> None:
    name = kdc.add_account(secret)
    options = {**kdc.options, "time_limit": "10", "kdc_log": str(kdc.kdc_log)}
    place = Place(kdc.uri, name, secret, options, partial(kdc.admits, name), None, kdc.log)
    sees_a_strange_login(place, tmp_path)


def test_a_login_that_no_opening_accounts_for_is_seen_at_openldap(
    slapd: SlapdServer, throwaway_ca: ThrowAwayCa, secret: Secret, tmp_path: Path
) -> None:
    reader, program = generate(24), tmp_path / "reader"
    dn, watcher = slapd.add_account(secret), slapd.add_account(reader, name="reader-of-the-log")
    program.write_text(f"#!/bin/sh\necho '{reader.reveal().decode()}'\n")
    program.chmod(0o700)
    options = {
        "ca": str(throwaway_ca.certificate), "time_limit": "10", "access_log": "cn=accesslog",
        "admin_account": watcher, "admin": str(program),
    }  # fmt: skip
    place = Place(slapd.uri, dn, secret, options, partial(slapd.admits, dn), None, slapd.log)
    sees_a_strange_login(place, tmp_path)


def test_a_login_that_no_opening_accounts_for_is_seen_in_a_domain(
    samba: SambaServer, throwaway_ca: ThrowAwayCa, secret: Secret, tmp_path: Path
) -> None:
    name = samba.add_account(secret)
    options = {"ca": str(throwaway_ca.certificate), "time_limit": "10", "audit_log": str(samba.audit_log)}
    place = Place(samba.uri, name, secret, options, partial(samba.admits_by_ntlm, name), None, samba.log)
    sees_a_strange_login(place, tmp_path)


def sees_a_strange_login(place: Place, folder: Path) -> None:
    """Log in beside the program, and hold that the watch tells this login from the program's own."""
    life = TargetLife(folder / "life", secret=place.secret, place=place)
    life.begin()
    life.seal()
    watch = ("watch", NAME, "--once", "--skew", "5s")
    own = life.run(*watch)
    assert own.exit == 0, own.out + own.err
    time.sleep(6)
    assert place.opens(place.secret)
    strange = life.run(*watch)
    assert strange.exit == 7, strange.out + strange.err
    assert "login" in [debt["kind"] for debt in life.status()["debts"]]
