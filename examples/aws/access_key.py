#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An AWS IAM user's access key under custody, through the aws command line.

    [target]
    uri = "exec:///usr/local/lib/breakglass/access_key.py"
    account = "break-glass"                     # the IAM user
    kind = "token"
    options = { abilities = "issue password_changed_at", grace_window = "60", time_limit = "60",
                settings = "/usr/bin/aws" }     # which aws to run

The credential on paper is one line, ACCESS_KEY_ID:SECRET_ACCESS_KEY. AWS makes the keys, so the next one is
issued before it is printed, and the old one is deleted once the new sheets are in custody. A user may have two
keys: what an earlier, broken-off run issued is deleted before another is.

The user needs, on itself: iam:CreateAccessKey, iam:DeleteAccessKey, iam:ListAccessKeys. IAM takes some seconds
until a change is known everywhere; grace_window covers that.

The key reaches aws in a file of its own in a folder with mode 0700 on a memory file system, named by
AWS_SHARED_CREDENTIALS_FILE; it stands in no argument and no variable, and is gone when aws ends.
"""

import base64
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

WRONG = ("InvalidClientTokenId", "SignatureDoesNotMatch", "InvalidAccessKeyId", "UnrecognizedClientException")
"""What AWS answers to a key that does not exist, is inactive, or has another secret."""


class AwsError(Exception):
    """The aws command said no."""


def main() -> None:
    _, line = sys.stdin.read().splitlines()
    question = json.loads(bytes.fromhex(line))
    actions = {"preflight": preflight, "check": check, "rotate": rotate, "issue": issue, "password_changed_at": changed}
    try:
        answer = actions[question["action"]](question)
    except KeyError:
        answer = {"error": f"{question['action']} is not supported"}
    except AwsError as error:
        answer = {"error": str(error)}
    json.dump(answer, sys.stdout)


def preflight(question: dict) -> dict:
    if not question["account"]:
        return {"problems": ["expected the IAM user as target.account"]}
    notes = ["console passwords and other credentials of this user are not reached"]
    if "credential" not in question:
        return {"problems": [], "notes": notes}
    try:
        keys(question, "credential")
    except AwsError as error:
        return {"problems": [f"this key may not list the user's keys: {error}"], "notes": notes}
    return {"problems": [], "notes": notes}


def check(question: dict) -> dict:
    try:
        said = aws(question, "credential", "sts", "get-caller-identity")
    except AwsError as error:
        wrong = any(code in str(error) for code in WRONG)
        return {"result": "refused" if wrong else "unknown", "detail": str(error)}
    return {"result": "accepted", "detail": f"AWS knows the key as {said.get('Arn', 'a user')}"}


def issue(question: dict) -> dict:
    mine = key_id(question, "credential")
    for key in keys(question, "credential"):
        if key["AccessKeyId"] != mine:
            delete(question, "credential", key["AccessKeyId"])
    made = aws(question, "credential", "iam", "create-access-key", "--user-name", question["account"])["AccessKey"]
    line = f"{made['AccessKeyId']}:{made['SecretAccessKey']}"
    return {"new": base64.b64encode(line.encode()).decode()}


def rotate(question: dict) -> dict:
    old = key_id(question, "credential")
    there = [key["AccessKeyId"] for key in keys(question, "new")]
    if old not in there:
        return {"detail": "unchanged: the old key is not one of this user's keys"}
    delete(question, "new", old)
    return {"done": True}


def changed(question: dict) -> dict:
    if "credential" not in question:
        return {"error": "AWS tells only who has a key"}
    mine = key_id(question, "credential")
    dates = [key["CreateDate"] for key in keys(question, "credential") if key["AccessKeyId"] == mine]
    return {"changed_at": dates[0] if dates else None}


def keys(question: dict, which: str) -> list:
    return aws(question, which, "iam", "list-access-keys", "--user-name", question["account"])["AccessKeyMetadata"]


def delete(question: dict, which: str, key: str) -> None:
    aws(question, which, "iam", "delete-access-key", "--user-name", question["account"], "--access-key-id", key)


def key_id(question: dict, which: str) -> str:
    return credential(question, which)[0]


def credential(question: dict, which: str) -> tuple:
    name, colon, secret = base64.b64decode(question[which]).decode().partition(":")
    if not colon or not name.isalnum():
        raise AwsError("expected the credential as ACCESS_KEY_ID:SECRET_ACCESS_KEY")
    return name, secret


def aws(question: dict, which: str, *words: str) -> dict:
    """Run aws with one of the two keys; returns its JSON."""
    name, secret = credential(question, which)
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        file = Path(folder) / "credentials"
        file.touch(mode=0o600)
        file.write_text(f"[default]\naws_access_key_id = {name}\naws_secret_access_key = {secret}\n")
        environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "HOME": folder,
            "AWS_SHARED_CREDENTIALS_FILE": str(file),
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        command = [question.get("settings", "aws"), "--output", "json", *words]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise AwsError((done.stderr.strip().splitlines() or ["aws failed"])[-1])
    return json.loads(done.stdout) if done.stdout.strip() else {}


if __name__ == "__main__":
    main()
