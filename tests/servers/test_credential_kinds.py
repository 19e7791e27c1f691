# SPDX-License-Identifier: Apache-2.0
"""Every kind of credential through a rotation: drawn, issued, brought, or changed by people."""

import base64
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fault_matrix import NAME, Matrix, World
from test_aws_example import EXAMPLE as AWS_EXAMPLE
from test_aws_example import FAKE, OLD
from test_exec import hash_of, installed

from breakglass_shamir.custody.credential import CredentialKind
from breakglass_shamir.custody.life.state import Phase
from breakglass_shamir.custody.records.rotations import OldDead
from breakglass_shamir.hygiene import Secret

SEED = base64.b32encode(b"12345678901234567890").decode()
ATTESTED = ("--attest-old-dead", "--officer", "Duty", "--officer", "Second", "--reason", "done together")


@contextmanager
def matrix(world: World, folder: Path) -> Iterator[Matrix]:
    made = Matrix(world, folder)
    try:
        yield made
    finally:
        made.close()


def holds(file: Path, secret: Secret) -> bool:
    salt, digest = map(bytes.fromhex, file.read_text().split())
    return hashlib.scrypt(secret.reveal(), salt=salt, n=2**12, r=8, p=1) == digest


def appliance(folder: Path, kind: str, *split: str) -> World:
    """A target that takes any bytes: the shipped exec example."""
    file = folder / "console.hash"

    def become(secret: Secret) -> None:
        file.write_text(hash_of(secret))

    return World(
        kind, f"exec://{installed(folder / 'bin')}", "console", None,
        become, lambda secret: holds(file, secret),
        options={"settings": str(file), "time_limit": "20"}, kind=kind, split=split,
    )  # fmt: skip


def test_opaque_bytes_are_drawn(tmp_path: Path) -> None:
    with matrix(appliance(tmp_path, "opaque"), tmp_path) as lab:
        assert lab.rotate().status == 0
        (new,) = lab.credentials(2)
        assert (new.kind, len(new.secret)) == (CredentialKind.OPAQUE, 32)
        lab.proven()


def test_a_file_is_brought_and_nothing_is_printed_without_it(tmp_path: Path) -> None:
    with matrix(appliance(tmp_path, "file"), tmp_path) as lab:
        refused = lab.rotate()
        assert refused.status == 2
        assert "--new-credential-from FILE" in refused.hint
        assert not lab.sheets(2).exists()
        content = b"recovery codes\n" * 20
        codes = tmp_path / "codes.txt"
        codes.write_bytes(content)
        ended = lab.rotate(more=["--new-credential-from", str(codes), "--raw"])
        assert ended.status == 0, ended.said
        (new,) = lab.credentials(3)
        assert (new.kind, new.secret) == (CredentialKind.FILE, Secret(content))
        lab.proven()


def test_a_file_may_have_four_kibibytes_and_no_more(tmp_path: Path) -> None:
    with matrix(appliance(tmp_path, "file"), tmp_path) as lab:
        codes = tmp_path / "codes.bin"
        codes.write_bytes(os.urandom(4097))
        assert lab.rotate(more=["--new-credential-from", str(codes)]).status == 2
        codes.write_bytes(os.urandom(4096))
        ended = lab.rotate(more=["--new-credential-from", str(codes), "--raw"])
        assert ended.status == 0, ended.said
        lab.proven()


def test_a_second_factor_and_a_kind_survive_a_rotation(tmp_path: Path) -> None:
    seed = tmp_path / "seed"
    seed.write_text(f"otpauth://totp/console?secret={SEED}&issuer=Appliance\n")
    split = ("--kind", "token", "--totp-from", str(seed))
    with matrix(appliance(tmp_path, "password", *split), tmp_path) as lab:
        assert lab.rotate().status == 0
        (old,), (new,) = lab.credentials(1), lab.credentials(2)
        assert old.totp_seed == new.totp_seed == Secret(b"12345678901234567890")
        assert old.kind is new.kind is CredentialKind.TOKEN
        assert old.secret != new.secret
        assert (new.account, new.target, new.hint) == (old.account, old.target, "envelope B, safe 2")
        lab.proven()


@pytest.mark.parametrize("text", ["not a seed", f"otpauth://totp/x?secret={SEED}&digits=8"])
def test_a_seed_that_is_none_stops_before_anything_is_printed(tmp_path: Path, text: str) -> None:
    with matrix(appliance(tmp_path, "password"), tmp_path) as lab:
        seed, secret = tmp_path / "seed", tmp_path / "secret"
        seed.write_text(text)
        secret.write_bytes(lab.secret.reveal())
        words = ["--credential-from", str(secret), "--totp-from", str(seed), "--out", str(tmp_path / "out")]
        ended = lab.run("split", str(lab.folder / "policy.toml"), *words)
        assert ended.status == 2
        assert SEED not in ended.said
        assert not (tmp_path / "out").exists()


class TestIssuedByTheTarget:
    @pytest.fixture
    def cloud(self, tmp_path: Path) -> Path:
        folder = tmp_path / "cloud"
        folder.mkdir()
        (folder / "aws").write_text(FAKE.format(python=sys.executable))
        (folder / "aws").chmod(0o755)
        return folder

    def keys(self, cloud: Path) -> list[str]:
        return list(json.loads((cloud / "state.json").read_text())["keys"])

    @pytest.fixture
    def lab(self, cloud: Path, tmp_path: Path) -> Iterator[Matrix]:
        programs = tmp_path / "bin"
        programs.mkdir(mode=0o755)
        shutil.copy(AWS_EXAMPLE, programs)

        def become(secret: Secret) -> None:
            name, _, key = secret.reveal().decode().partition(":")
            (cloud / "state.json").write_text(json.dumps({"keys": {name: key}, "count": 0, "down": False}))

        def opens(secret: Secret) -> bool:
            name, _, key = secret.reveal().decode().partition(":")
            return bool(json.loads((cloud / "state.json").read_text())["keys"].get(name) == key)

        world = World(
            "aws", f"exec://{programs / AWS_EXAMPLE.name}", "break-glass", None, become, opens, kind="token",
            options={"abilities": "issue", "settings": str(cloud / "aws"), "time_limit": "20"}, secret=OLD,
        )  # fmt: skip
        with matrix(world, tmp_path) as made:
            yield made

    def test_it_is_issued_printed_and_then_put_in_force(self, lab: Matrix, cloud: Path) -> None:
        seen: list[list[str]] = []
        ended = lab.rotate(lambda _name: seen.append(self.keys(cloud)), pauses=["before connector.rotate"])
        assert ended.status == 0, ended.said
        assert seen == [["AKIAOLD", "AKIANEW1"]]
        assert self.keys(cloud) == ["AKIANEW1"]
        lab.proven()

    def test_what_was_issued_and_never_printed_is_taken_back(self, lab: Matrix, cloud: Path) -> None:
        ended = lab.rotate(kill="after connector.issue")
        assert ended.status < 0
        assert self.keys(cloud) == ["AKIAOLD", "AKIANEW1"]
        lab.bring_back(ended)
        assert self.keys(cloud) == ["AKIANEW2"]
        lab.proven()


class TestChangedByPeople:
    @pytest.fixture
    def lab(self, tmp_path: Path) -> Iterator[Matrix]:
        instructions = "log in to {target} as {account}; change the password"
        world = World(
            "manual", "manual:cloud-root", "root@example.net", None, lambda _secret: None, lambda _secret: True,
            options={"instructions": instructions},
        )  # fmt: skip
        with matrix(world, tmp_path) as made:
            yield made

    def test_two_officers_follow_the_checklist_and_attest(self, lab: Matrix, tmp_path: Path) -> None:
        noted = tmp_path / "noted"
        ended = lab.rotate(screen=str(noted))
        assert ended.status == 6, ended.said
        assert "1. log in to cloud-root as root@example.net" in ended.said
        assert "2. change the password" in ended.said
        assert lab.state().phase is Phase.APPLYING
        (new,) = lab.credentials(2)
        assert noted.read_bytes() == new.secret.reveal()
        lab.scan(2)
        attested = lab.run("rotate", NAME, "--scan", str(lab.scans(1)), "--scan", str(lab.scans(2)), *ATTESTED)
        assert attested.status == 0, attested.said
        (dead,) = (body for body in lab.entries() if isinstance(body, OldDead))
        assert dead.attested_by == ("Duty", "Second")
        assert all("attested" in proof and "not proven" in proof for proof in dead.proofs)
        assert [debt.kind for debt in lab.state().debts] == ["old-unproven"]
        assert lab.state().phase is Phase.SEALED

    def test_one_officer_is_not_enough(self, lab: Matrix, tmp_path: Path) -> None:
        lab.rotate(screen=str(tmp_path / "noted"))
        lab.scan(2)
        words = ["--attest-old-dead", "--officer", "Duty", "--officer", "duty"]
        ended = lab.run("rotate", NAME, "--scan", str(lab.scans(2)), *words)
        assert ended.status == 2
        assert lab.state().phase is Phase.APPLYING

    def test_without_a_screen_nothing_is_printed(self, lab: Matrix) -> None:
        ended = lab.rotate()
        assert ended.status == 2
        assert "expected a terminal" in ended.said
        assert not lab.sheets(2).exists()
