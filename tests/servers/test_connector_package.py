# SPDX-License-Identifier: Apache-2.0
"""A connector from another package: installed by pip, found by its entry point, and as good as ours."""

import base64
import hashlib
import os
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from connector_contract import ConnectorContract, Stage
from key_workshop import passphrase

from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.hygiene import Secret

PACKAGE = Path(__file__).parents[2] / "examples" / "connector-package"
MODULE = "breakglass_openssl_key.py"


def build_wheel(folder: Path) -> Path:
    """Build the package's wheel from its own pyproject.toml, without a network (PEP 427)."""
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    name, version = project["name"].replace("-", "_"), project["version"]
    info = f"{name}-{version}.dist-info"
    points = "".join(
        f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in offers.items())
        for group, offers in project["entry-points"].items()
    )
    files = {
        MODULE: (PACKAGE / MODULE).read_bytes(),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": points.encode(),
    }
    digests = {
        path: base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
        for path, data in files.items()
    }
    record = "".join(f"{path},sha256={digests[path]},{len(data)}\n" for path, data in files.items())
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, data in {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n".encode()}.items():
            archive.writestr(path, data)
    return wheel


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip installed the package."""
    folder = tmp_path_factory.mktemp("package")
    target = folder / "site"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(target)]
    subprocess.run([*command, str(build_wheel(folder))], check=True, capture_output=True)
    return target


def make_key(folder: Path, secret: Secret) -> Path:
    path = folder / "key.pem"
    command = ["openssl", "genpkey", "-algorithm", "ed25519", "-aes256", "-pass", "stdin", "-out", str(path)]
    subprocess.run(command, input=secret.reveal() + b"\n", check=True, capture_output=True)
    return path


UNLUCKY = """-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjZIv9SEA3WwgICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEE2CBQVa7Hpanyr450x3wV8EQAc1
19RNPJTN720u+nEyIsk3o9S6EOkw+zliNbCmSBQr0kUUjVPBc6mKZK9guH+wm6ln
Do6INPw8rQmiD0yikfg=
-----END ENCRYPTED PRIVATE KEY-----
"""
"""A key that the passphrase ``noise-31`` decrypts to noise with a padding that looks right; ``right`` opens it."""


class TestTheExamplePackage(ConnectorContract):
    @pytest.fixture(autouse=True)
    def installed(self, site: Path, monkeypatch: pytest.MonkeyPatch, need: Callable[[str], str]) -> None:
        need("openssl")
        monkeypatch.syspath_prepend(str(site))

    @pytest.fixture
    def stage(self, tmp_path: Path) -> Stage:
        from breakglass_shamir.connectors.registry import connector_for

        right = passphrase()
        path = make_key(tmp_path, right)
        return Stage(connector_for(f"openssl-key://{path}"), right, passphrase(), passphrase())

    @pytest.fixture
    def unreachable(self, tmp_path: Path) -> Connector:
        from breakglass_shamir.connectors.registry import connector_for

        return connector_for(f"openssl-key://{tmp_path}/not-there.pem")

    @pytest.mark.parametrize(
        ("whole", "said", "expected"),
        [(True, "right", "accepted"), (True, "noise-31", "refused"), (False, "noise-31", "unknown")],
    )
    def test_a_passphrase_that_decrypts_to_noise(self, tmp_path: Path, whole: bool, said: str, expected: str) -> None:
        from breakglass_shamir.connectors.registry import connector_for

        path = tmp_path / "key.pem"
        path.write_text(UNLUCKY if whole else UNLUCKY.replace("Do6INPw8rQmiD0yikfg=\n", ""))
        assert connector_for(f"openssl-key://{path}").check(Secret(said.encode())).result == expected


def test_the_program_finds_it_where_it_is_installed_and_not_elsewhere(site: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(
        'name = "tls-key"\ntarget = {uri = "openssl-key:///etc/ssl/private/site.pem"}\n'
        '[[quorum.groups]]\nthreshold = 2\ncustodians = ["North", "South"]\n[declaration]\nclasses = ["outage"]\n'
    )
    program = [
        sys.executable,
        "-c",
        "from breakglass_shamir.cli.program import main; main()",
        "policy",
        "check",
        str(policy),
    ]
    environment = {**os.environ, "BREAKGLASS_HOME": str(tmp_path / "home")}
    without = subprocess.run(program, capture_output=True, text=True, check=False, env=environment)
    assert without.returncode == 2
    assert "no connector for openssl-key" in without.stderr
    environment["PYTHONPATH"] = f"{site}:{environment.get('PYTHONPATH', '')}".rstrip(":")
    found = subprocess.run(program, capture_output=True, text=True, check=False, env=environment)
    assert found.returncode == 0, found.stderr
