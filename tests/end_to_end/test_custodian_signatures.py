# SPDX-License-Identifier: Apache-2.0
"""Custodians sign for their sheets with keys of their own; what does not count; what an auditor sees of it."""

import subprocess
from pathlib import Path

import pytest

from breakglass_shamir.crypto import sshsig
from breakglass_shamir.custody.records.monitoring import Heartbeat
from breakglass_shamir.custody.records.sheets import CustodianSigned
from breakglass_shamir.errors import InvalidSignature
from breakglass_shamir.ledger import home, verify
from tests.end_to_end.life import NAME, Life

KEYS = ("north", "south", "stranger")


class Vault(Life):
    """A sealed set whose policy lists keys of two custodians."""

    def own(self, name: str) -> Path:
        """A custodian's key."""
        return self.folder / "own" / name

    def line(self, name: str) -> str:
        return " ".join(self.own(name).with_suffix(".pub").read_text().split()[:2])


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Vault:
    vault = Vault(tmp_path_factory.mktemp("custodians") / "life")
    vault.begin()
    (vault.folder / "own").mkdir()
    for name in KEYS:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", vault.own(name)], check=True)
    tables = [f'\n[[custodians]]\nname = "{name.title()}"\nkeys = ["{vault.line(name)}"]\n' for name in KEYS[:2]]
    vault.policy.write_text(vault.policy.read_text() + "".join(tables))
    vault.seal()
    vault.keep()
    return vault


@pytest.fixture
def vault(sealed: Vault) -> Vault:
    sealed.restore()
    return sealed


def test_a_custodian_signs_and_an_auditor_verifies_it_without_this_program(vault: Vault) -> None:
    done = vault.ok("--json", "ack", NAME, "1", "--bag", "B-1", "--sign", vault.own("north")).document
    said, signed = vault.entries()[-2:]
    body = signed.record.body
    assert isinstance(body, CustodianSigned)
    assert (body.sheet, body.custodian, body.acknowledged, body.key) == (
        "1.1", "North", said.digest, vault.line("north"),
    )  # fmt: skip
    printed = subprocess.run(["ssh-keygen", "-l", "-f", vault.own("north")], check=True, capture_output=True, text=True)
    assert done == {
        "set": NAME, "epoch": 1, "sheet": "1.1", "custodian": "North", "bag": "B-1",
        "signed_with": printed.stdout.split()[1],
    }  # fmt: skip
    assert vault.run("audit", "verify").exit == 0
    assert "custodian-signed   sheet 1.1; custodian North" in vault.ok("audit", "list").out
    shown = vault.ok("audit", "show", str(signed.record.seq)).out
    assert f"signed by custodian North, {done['signed_with']}, over record {said.record.seq}" in shown
    for what in ("all", str(signed.record.seq)):
        out = vault.folder / f"evidence-{what}"
        vault.ok("audit", "export", what, "--out", out)
        checked = subprocess.run(["sh", out / "verify.sh"], capture_output=True, text=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, "")
        assert 'Good "custodian@breakglass-shamir" signature for custodian:North' in checked.stdout


def test_without_a_signature_a_sheet_is_held_as_well(vault: Vault) -> None:
    vault.ok("ack", NAME, "1")
    vault.ok("ack", NAME, "3", "--bag", "B-3")
    assert "signed" not in vault.ok("ack", NAME, "2").out
    assert vault.kinds()[-3:] == ["acknowledged"] * 3
    assert vault.run("audit", "verify").exit == 0


@pytest.mark.parametrize(
    ("sheet", "key", "code", "words"),
    [
        ("1", "south", 3, "does not sign for North: it is listed for South"),
        ("1", "stranger", 3, "does not sign for North: it is listed for nobody"),
        ("3", "north", 3, "does not sign for East: it is listed for North"),
        ("9", "north", 3, "expected a sheet of epoch 1 (1.1, 1.2, 1.3), got 1.9"),
        ("1", "absent", 2, "expected a key file, found none at"),
        ("1", "../policy.toml", 2, "expected one SSH key in"),
    ],
)
def test_what_does_not_count_is_refused_by_name_before_anything_is_recorded(
    vault: Vault, sheet: str, key: str, code: int, words: str
) -> None:
    before = vault.kinds()
    done = vault.run("ack", NAME, sheet, "--sign", vault.own(key))
    assert (done.exit, words in done.err) == (code, True), done.err
    assert vault.kinds() == before


def test_a_key_that_makes_no_signature_leaves_an_acknowledgement_and_says_so(vault: Vault) -> None:
    words = ["-N", "a custodian's own words", "-P", ""]
    subprocess.run(["ssh-keygen", "-q", "-p", *words, "-f", vault.own("north")], check=True, stdout=subprocess.DEVNULL)
    done = vault.run("ack", NAME, "1", "--sign", vault.own("north"))
    assert (done.exit, "sheet 1.1 is acknowledged, but not signed for: ssh-keygen made no" in done.err) == (2, True)
    assert vault.kinds()[-1] == "acknowledged"


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("what", ["key", "namespace", "record", "nothing"])
def test_a_forged_signature_in_the_log_is_found(vault: Vault, what: str, full: bool) -> None:
    vault.ok("ack", NAME, "2")
    other = vault.entries()[-1].data
    vault.ok("ack", NAME, "1")
    said = vault.entries()[-1]
    key, namespace, data = "north", sshsig.CUSTODIAN_NAMESPACE, said.data
    if what == "key":
        key = "south"
    elif what == "namespace":
        namespace = sshsig.OFFICER_NAMESPACE
    elif what == "record":
        data = other
    message = vault.folder / "message"
    message.write_bytes(data)
    command = ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", str(vault.own(key)), str(message)]
    subprocess.run(command, check=True)
    armored = "nothing" if what == "nothing" else message.with_name("message.sig").read_text()
    with home.open_home(vault.home) as ledger:
        body = CustodianSigned(
            epoch_id=ledger.state.of(NAME).current, sheet="1.1", custodian="North", acknowledged=said.digest,
            key=vault.line("north"), signature=armored,
        )  # fmt: skip
        seq = ledger.append(body, set_name=NAME).record.seq
        for number in range(8):
            ledger.append(Heartbeat(every_s=number), set_name="")
        with pytest.raises(InvalidSignature, match=f"record {seq}: "):
            verify.verify(ledger, full=full)
    done = vault.run("audit", "show", str(seq))
    assert (done.exit, f"record {seq}: " in done.err) == (5, True)
