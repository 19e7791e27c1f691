# SPDX-License-Identifier: Apache-2.0
"""A passkey's JSON, in every shape that is read, and onto paper and back."""

import base64
import json
from typing import Any

import pytest
from Crypto.PublicKey import ECC, RSA

from breakglass_shamir.connectors.passkey import counting
from breakglass_shamir.crypto.private_key import algorithm_of
from breakglass_shamir.custody.credential import BACKUP_TAG, Credential, CredentialKind
from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.formats.passkey import BACKED_UP, ELIGIBLE, PasskeyText, read
from breakglass_shamir.hygiene import Secret

EC = ECC.generate(curve="p256")
DER = EC.export_key(format="DER", use_pkcs8=True)
PEM = EC.export_key(format="PEM", use_pkcs8=True)
ID, USER = bytes(range(16)), b"user-1"


def url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


BROWSER: dict[str, Any] = {
    "credentialId": base64.b64encode(ID).decode(), "isResidentCredential": True, "rpId": "login.example",
    "privateKey": base64.b64encode(DER).decode(), "userHandle": base64.b64encode(USER).decode(), "signCount": 7,
}  # fmt: skip
CXF = {"accounts": [{"items": [{"credentials": [
    {"type": "basic-auth", "password": {"value": "x"}},
    {"type": "passkey", "credentialId": url(ID), "rpId": "login.example", "username": "root", "userHandle": url(USER),
     "key": url(DER)},
]}]}]}  # fmt: skip
KEEPASSXC = {
    "credentialId": url(ID), "privateKey": PEM, "relyingParty": "login.example", "userHandle": url(USER),
    "username": "root",
}  # fmt: skip
BITWARDEN = {"items": [{"login": {"fido2Credentials": [{
    "credentialId": "00010203-0405-0607-0809-0a0b0c0d0e0f", "keyValue": url(DER), "rpId": "login.example",
    "userHandle": url(USER), "userName": "root", "counter": "0",
}]}}]}  # fmt: skip


def secret(document: Any) -> Secret:
    return Secret(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("document", "counter", "flags"),
    [(BROWSER, 7, 0), ([BROWSER], 7, 0), (CXF, 0, ELIGIBLE | BACKED_UP), (KEEPASSXC, 0, 0),
     (BITWARDEN, 0, ELIGIBLE | BACKED_UP)],
    ids=["browser", "a list", "CXF", "KeePassXC", "Bitwarden"],
)  # fmt: skip
def test_every_shape_is_read(document: Any, counter: int, flags: int) -> None:
    found = read(secret(document), "www.login.example")
    assert (found.credential_id, found.user_handle, found.rp_id) == (ID, USER, "login.example")
    assert found.private_key == Secret(DER)
    assert (found.counter, found.flags) == (counter, flags)
    assert read(found.write()).write() == found.write()


def test_of_several_the_one_of_the_page_and_the_account_is_meant() -> None:
    other = KEEPASSXC | {"relyingParty": "elsewhere.example"}
    second = KEEPASSXC | {"username": "guest", "credentialId": url(b"2")}
    assert read(secret([other, KEEPASSXC]), "login.example").credential_id == ID
    assert read(secret([KEEPASSXC, second]), "login.example", "guest").credential_id == b"2"
    with pytest.raises(InvalidInput, match="found 2 of them"):
        read(secret([KEEPASSXC, second]), "login.example")
    with pytest.raises(InvalidInput, match="found none"):
        read(secret(KEEPASSXC), "evil-login.example")


@pytest.mark.parametrize(
    "wrong",
    [
        {"privateKey": "AAAA"}, {"privateKey": 7}, {"privateKey": base64.b64encode(EC.public_key().export_key(
            format="DER")).decode()},
        {"credentialId": ""}, {"credentialId": "?"}, {"credentialId": url(bytes(1024))}, {"userHandle": url(bytes(65))},
        {"rpId": "Login.Example"}, {"rpId": "a b"}, {"rpId": ""}, {"signCount": -1}, {"signCount": 2**32},
        {"signCount": True}, {"signCount": "9" * 99}, {"backupState": True},
    ],
)  # fmt: skip
def test_a_part_that_makes_no_sense_is_refused_and_not_repeated(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as refused:
        read(secret(BROWSER | wrong))
    assert base64.b64encode(DER).decode()[:20] not in f"{refused.value}{refused.value.hint}"


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[" * 200_000, b"3", b"{}"])
def test_what_is_no_document_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput):
        read(Secret(data))


def test_it_goes_onto_paper_and_back_with_all_that_belongs_to_it() -> None:
    document = secret(BROWSER | {"backupEligibility": True, "backupState": True})
    kept = Credential(document, CredentialKind.PASSKEY, account="root").renewed(document)
    assert kept.secret == Secret(DER)
    assert (kept.passkey.rp_id, kept.passkey.user_handle, kept.passkey.credential_id, kept.passkey.counter) == (
        "login.example", USER, ID, 7,
    )  # fmt: skip
    assert [(tag, value.reveal()) for tag, value in kept.others] == [(BACKUP_TAG, b"\x03")]
    again = Credential.from_bytes(kept.to_bytes())
    assert again.presented == kept.presented == read(document).write()
    assert again.public_id == url(ID)[:12]


def test_other_kinds_are_handed_as_they_are() -> None:
    password = Credential(Secret(b"correct horse"))
    assert (password.presented, password.public_id) == (password.secret, "")
    bare = Credential(Secret(DER), CredentialKind.PASSKEY)
    assert bare.presented == bare.secret


def test_which_keys_a_passkey_can_have() -> None:
    assert algorithm_of(DER) == "ES256"
    assert algorithm_of(ECC.generate(curve="ed25519").export_key(format="DER", use_pkcs8=True)) == "EdDSA"
    assert algorithm_of(RSA.generate(2048).export_key("DER", pkcs=8)) == "RS256"
    for wrong in (ECC.generate(curve="p384").export_key(format="DER", use_pkcs8=True), b"", b"0" * 5000, DER[:-1]):
        with pytest.raises(InvalidInput):
            algorithm_of(wrong)


@pytest.mark.parametrize(
    ("paper", "now", "given"),
    [(1, 1_800_000_000.9, 1_800_000_000), (1_900_000_000, 1_800_000_000, 1_900_000_000), (0, 1_800_000_000, -1),
     (2**32 - 1, 1, 2**32 - 2)],
)  # fmt: skip
def test_the_counter_is_the_clock_and_never_below_the_paper(paper: int, now: float, given: int) -> None:
    assert counting.given(paper, now) == given


def test_an_rp_id_is_a_suffix_at_a_dot() -> None:
    one = PasskeyText("example.com", ID, Secret(DER))
    assert [one.fits(host) for host in ("example.com", "a.example.com", "evilexample.com", "com")] == [
        True, True, False, False,
    ]  # fmt: skip
