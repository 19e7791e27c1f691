# SPDX-License-Identifier: Apache-2.0
"""IAM and STS of their own for one test run, on loopback with TLS, by moto.

Rules:

1. Signatures and policies are enforced from the moment on at which the administrator is there.
2. The judge is botocore in the process of the tests, told everything, as the connector's own process is not this one.
"""

import json
import secrets
import shutil
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError
from local_server import LocalProcess
from throwaway_ca import ThrowAwayCa

from breakglass_shamir.hygiene import Secret
from tests.ports import free_port

HOST = "127.0.0.1"
NUMBER = "123456789012"
LIMIT_S = 90
FIRST_ACTIONS = 3
"""Things that are done before anybody is asked who he is."""

ON_ITSELF = ("CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey", "ListAccessKeys", "GetAccessKeyLastUsed")
"""What docs/targets.md says that a user needs."""


class AwsCloud:
    """A running cloud.

    Attributes:
        folder: of its log.
        port: TCP port of IAM and STS.
        ca: what clients trust.
    """

    def __init__(self, authority: ThrowAwayCa) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="breakglass-aws-"))
        self.port, self._door, self.ca = free_port(), free_port(), authority.certificate
        made = authority.issue(self.folder.name, HOST)
        program = Path(__file__).with_name("moto_cloud.py")
        command = [sys.executable, str(program), str(self.port), str(made.certificate), str(made.key), str(self._door)]
        more = {"INITIAL_NO_AUTH_ACTION_COUNT": str(FIRST_ACTIONS), "HOME": str(self.folder)}
        self._process = LocalProcess(command, self.folder / "log", more)
        self._session = botocore.session.Session()
        self._admin = ("AKIA0000000000000000", "x")

    @property
    def address(self) -> tuple[str, int]:
        return HOST, self.port

    @property
    def target(self) -> str:
        return f"aws-iam://{NUMBER}"

    @property
    def options(self) -> dict[str, str]:
        return {"endpoint": f"https://{HOST}:{self.port}", "ca": str(self.ca), "time_limit": "20"}

    def start(self) -> None:
        """Start it, with an administrator."""
        self._process.start(HOST, self.port, self._door)
        self.admin("create_user", UserName="admin")
        self._may("admin", "*")
        made = self.admin("create_access_key", UserName="admin")["AccessKey"]
        self._admin = (made["AccessKeyId"], made["SecretAccessKey"])

    def remove(self) -> None:
        """End it and remove its folder."""
        self._process.stop()
        shutil.rmtree(self.folder)

    def admin(self, operation: str, **arguments: Any) -> Any:
        """Ask IAM one thing as the administrator."""
        return getattr(self._client("iam", *self._admin), operation)(**arguments)

    def new_key(self) -> Secret:
        """Make an access key that nobody has yet."""
        return Secret(f"AKIA{secrets.token_hex(8).upper()}:{secrets.token_hex(20)}".encode())

    def add_user(self, *keys: Secret, may: tuple[str, ...] = ON_ITSELF) -> str:
        """Make a user; returns its name."""
        user = f"bg-{secrets.token_hex(4)}"
        self.admin("create_user", UserName=user)
        self._may(user, *(f"iam:{one}" for one in may))
        self.become(user, *keys)
        return user

    def become(self, user: str, *keys: Secret) -> None:
        """Set a user's keys, the oldest first, whatever they were."""
        self.control(user=user, keys=[key.reveal().decode().split(":") for key in keys])

    def control(self, **asked: Any) -> None:
        """Say something at the door."""
        request = urllib.request.Request(f"http://{HOST}:{self._door}", json.dumps(asked).encode(), method="POST")
        urllib.request.urlopen(request, timeout=LIMIT_S).close()  # noqa: S310 - a door of our own

    def lets_in(self, key: Secret) -> bool:
        """Tell whether STS takes a key."""
        try:
            self._client("sts", *key.reveal().decode().split(":")).get_caller_identity()
        except ClientError:
            return False
        return True

    def statuses(self, user: str) -> dict[str, str]:
        """Return the status of each key of a user, by its id."""
        told = self.admin("list_access_keys", UserName=user)["AccessKeyMetadata"]
        return {one["AccessKeyId"]: one["Status"] for one in told}

    def log(self) -> bytes:
        """Return all that it wrote."""
        return (self.folder / "log").read_bytes()

    def _may(self, user: str, *actions: str) -> None:
        allowed = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        self.admin("put_user_policy", UserName=user, PolicyName="may", PolicyDocument=document)

    def _client(self, service: str, key: str, secret: str) -> Any:
        return self._session.create_client(
            service, region_name="us-east-1", endpoint_url=f"https://{HOST}:{self.port}", verify=str(self.ca),
            aws_access_key_id=key, aws_secret_access_key=secret,
            config=Config(connect_timeout=LIMIT_S, read_timeout=LIMIT_S, retries={"total_max_attempts": 1}),
        )  # fmt: skip
