# SPDX-License-Identifier: Apache-2.0
"""The worked AWS example, against an ``aws`` that behaves like IAM and writes down how it was called."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from connector_contract import assert_no_secret

from breakglass_shamir.connectors.port.answers import CheckResult
from breakglass_shamir.connectors.program.connector import ExecConnector
from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.hygiene import Secret

EXAMPLE = Path(__file__).parents[2] / "examples" / "aws" / "access_key.py"

FAKE = """#!{python}
import configparser, json, os, pathlib, sys
here = pathlib.Path(__file__).parent
state = json.loads((here / "state.json").read_text())
words = [word for word in sys.argv[1:] if word not in ("--output", "json")]
file = pathlib.Path(os.environ["AWS_SHARED_CREDENTIALS_FILE"])
with (here / "calls").open("a") as log:
    print(json.dumps([words, dict(os.environ), oct(file.stat().st_mode)]), file=log)
given = configparser.ConfigParser()
given.read(file)
key, secret = given["default"]["aws_access_key_id"], given["default"]["aws_secret_access_key"]
def fail(code):
    sys.exit(f"An error occurred ({{code}}) when calling the operation")
if state["down"]:
    sys.exit("Could not connect to the endpoint URL")
if key not in state["keys"]:
    fail("InvalidClientTokenId")
if state["keys"][key] != secret:
    fail("SignatureDoesNotMatch")
action = words[1]
answer = {{}}
if action == "get-caller-identity":
    answer = {{"Arn": "arn:aws:iam::123456789012:user/break-glass"}}
elif action == "list-access-keys":
    dates = "2026-01-01T00:00:00+00:00"
    answer = {{"AccessKeyMetadata": [{{"AccessKeyId": name, "CreateDate": dates}} for name in state["keys"]]}}
elif action == "create-access-key":
    if len(state["keys"]) > 1:
        fail("LimitExceeded")
    state["count"] += 1
    name = "AKIANEW%d" % state["count"]
    state["keys"][name] = "fresh/secret+%d" % state["count"]
    answer = {{"AccessKey": {{"AccessKeyId": name, "SecretAccessKey": state["keys"][name]}}}}
elif action == "delete-access-key":
    del state["keys"][words[words.index("--access-key-id") + 1]]
(here / "state.json").write_text(json.dumps(state))
print(json.dumps(answer))
"""

OLD = Secret(b"AKIAOLD:wJalrXUtnFEMI/K7MDENG")


class Cloud:
    """IAM's side: which keys there are, and how it was called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write({"keys": {"AKIAOLD": "wJalrXUtnFEMI/K7MDENG"}, "count": 0, "down": False})

    def write(self, state: dict[str, object]) -> None:
        (self.folder / "state.json").write_text(json.dumps(state))

    @property
    def state(self) -> dict[str, object]:
        found: dict[str, object] = json.loads((self.folder / "state.json").read_text())
        return found

    @property
    def keys(self) -> list[str]:
        keys = self.state["keys"]
        assert isinstance(keys, dict)
        return list(keys)

    @property
    def calls(self) -> str:
        return (self.folder / "calls").read_text()


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    folder = tmp_path / "cloud"
    folder.mkdir()
    (folder / "aws").write_text(FAKE.format(python=sys.executable))
    (folder / "aws").chmod(0o755)
    return Cloud(folder)


@pytest.fixture
def key(cloud: Cloud, tmp_path: Path) -> ExecConnector:
    folder = tmp_path / "bin"
    folder.mkdir(mode=0o755)
    shutil.copy(EXAMPLE, folder)
    aws = str(cloud.folder / "aws")
    options = {"abilities": "issue password_changed_at", "time_limit": "30", "settings": aws}
    return ExecConnector(f"exec://{folder / EXAMPLE.name}", "break-glass", options=options)


def test_a_key_is_issued_put_in_force_and_the_old_one_deleted(cloud: Cloud, key: ExecConnector) -> None:
    assert key.preflight(None, OLD).ready
    assert key.check(OLD).result is CheckResult.ACCEPTED
    new = key.issue(OLD)
    assert cloud.keys == ["AKIAOLD", "AKIANEW1"]
    key.rotate(OLD, new)
    assert cloud.keys == ["AKIANEW1"]
    assert key.check(new).result is CheckResult.ACCEPTED
    assert key.check(OLD).result is CheckResult.REFUSED
    assert key.password_changed_at(new) is not None
    assert_no_secret(cloud.calls.encode(), (OLD, new, Secret(b"wJalrXUtnFEMI/K7MDENG"), Secret(b"fresh/secret+1")))
    assert all(json.loads(line)[2].endswith("600") for line in cloud.calls.splitlines())


def test_what_an_interrupted_run_issued_is_taken_back(cloud: Cloud, key: ExecConnector) -> None:
    key.issue(OLD)
    assert key.issue(OLD).reveal().startswith(b"AKIANEW2:")
    assert cloud.keys == ["AKIAOLD", "AKIANEW2"]


def test_a_cloud_out_of_reach_says_nothing_about_a_key(cloud: Cloud, key: ExecConnector) -> None:
    cloud.write({**cloud.state, "down": True})
    assert key.check(OLD).result is CheckResult.UNKNOWN
    with pytest.raises(ConnectorError) as failed:
        key.rotate(OLD, Secret(b"AKIANEW1:fresh"))
    assert not failed.value.rejected
    assert not key.preflight(None, OLD).ready


def test_a_wrong_old_key_changes_nothing(cloud: Cloud, key: ExecConnector) -> None:
    new = key.issue(OLD)
    with pytest.raises(ConnectorError, match="unchanged"):
        key.rotate(Secret(b"AKIAWRONG:x"), new)
    assert cloud.keys == ["AKIAOLD", "AKIANEW1"]


def test_nothing_is_left_in_memory_files(cloud: Cloud, key: ExecConnector) -> None:
    key.check(OLD)
    named = json.loads(cloud.calls.splitlines()[-1])[1]["AWS_SHARED_CREDENTIALS_FILE"]
    assert not Path(named).exists()
    assert subprocess.run(["ls", str(Path(named).parent)], capture_output=True, check=False).returncode != 0
