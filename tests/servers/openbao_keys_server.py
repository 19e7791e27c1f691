# SPDX-License-Identifier: Apache-2.0
"""An OpenBao server whose keys are changed, and set back to what they were by its data of before.

Rules:

1. Nobody can tell a server which keys to have. So :meth:`set_back` gives it back the data it had under them.
2. The judge of keys is the standard library's own client: a root token made by them, and revoked. Where a test seals
   the server, it is whether they unseal it.
"""

import base64
import shutil
import time

from openbao_server import HOST, LIMIT_S, OpenBaoServer
from throwaway_ca import ThrowAwayCa

from breakglass_shamir.hygiene import Secret


class OpenBaoKeysServer(OpenBaoServer):
    """A server in a folder, with the keys it was made with.

    Attributes:
        first: its first keys, one a line.
        known: every keys that a test got from it.
        admin_program: prints the administrator's token.
    """

    def __init__(self, authority: ThrowAwayCa, kept: int = 1, needed: int = 1, *, recovery: bool = False) -> None:
        super().__init__(authority)
        self._kept, self._needed, self._recovery = kept, needed, recovery
        self.first = Secret(b"none")
        self.known: list[Secret] = []
        self._in_force = self.first
        self.admin_program = self.folder / "token"
        if recovery:
            key = self.folder / "seal.key"
            key.write_bytes(b"k" * 32)
            with (self.folder / "bao.hcl").open("a") as settings:
                settings.write(f'seal "static" {{\n  current_key_id = "one"\n  current_key = "file://{key}"\n}}\n')

    @property
    def options(self) -> dict[str, str]:
        return {**super().options, "admin": str(self.admin_program)}

    def start(self) -> None:
        """Start it for the first time, and keep its data."""
        self._process.start(HOST, self.port)
        kind = "recovery" if self._recovery else "secret"
        _, made = self.ask("PUT", "sys/init", {f"{kind}_shares": self._kept, f"{kind}_threshold": self._needed})
        self.root = made["root_token"]
        self.first = Secret("\n".join(made["recovery_keys_base64" if self._recovery else "keys_base64"]).encode())
        self.known.append(self.first)
        self.admin_program.write_text(f"#!/bin/sh\necho {self.root}\n")
        self.admin_program.chmod(0o700)
        self._unseal()
        self._process.stop()
        shutil.copytree(self.folder / "data", self.folder / "before")
        self._process.start(HOST, self.port)
        self._unseal()

    def set_back(self, keys: Secret) -> None:
        """Give it the data back that it had under its first keys."""
        assert keys == self.first
        self._in_force = keys
        self._process.stop()
        shutil.rmtree(self.folder / "data")
        shutil.copytree(self.folder / "before", self.folder / "data")
        self._process.start(HOST, self.port)
        self._unseal()

    def restart_under(self, keys: Secret) -> None:
        """Restart it, and unseal it with these keys, which have to be its own."""
        self._process.stop()
        self._process.start(HOST, self.port)
        assert self.unseals(keys)

    def unseals(self, keys: Secret) -> bool:
        """Tell whether keys unseal the server, which is sealed."""
        for key in keys.reveal().decode().split("\n")[: self._needed]:
            status, said = self.ask("PUT", "sys/unseal", {"key": key})
        if status != 200 or said.get("sealed") is not False:
            self.ask("PUT", "sys/unseal", {"reset": True})
            return False
        end = time.monotonic() + LIMIT_S
        while self.ask("GET", "sys/health")[0] != 200:
            assert time.monotonic() < end, "the server is not active"
            time.sleep(0.05)
        return True

    def opens(self, keys: Secret) -> bool:
        """Tell whether keys are in force, whatever change is under way.

        While somebody else's attempt at a root token is under way, nothing changes, and what was true before is.
        """
        path = "sys/generate-root-token"
        if self.admin("GET", f"{path}/attempt")["started"]:
            return self._in_force == keys
        is_in_force = self._makes_root_token(path, keys)
        if is_in_force:
            self._in_force = keys
        return is_in_force

    def _makes_root_token(self, path: str, keys: Secret) -> bool:
        begun = self.admin("POST", f"{path}/attempt", {})
        for key in keys.reveal().decode().split("\n")[: self._needed]:
            status, said = self.ask("POST", f"{path}/update", {"key": key, "nonce": begun["nonce"]}, self.root)
            if status != 200:
                self.ask("DELETE", f"{path}/attempt", token=self.root)
                return False
        encoded = said["data"]["encoded_token"]
        masked = base64.b64decode(encoded + "=" * (-len(encoded) % 4))
        token = bytes(one ^ other for one, other in zip(masked, begun["otp"].encode(), strict=True)).decode()
        assert self.ask("POST", "auth/token/revoke-self", token=token)[0] == 204
        return True

    def in_force(self) -> Secret:
        """Cancel what is under way, and return the keys in force."""
        self.cancel()
        self.ask("DELETE", "sys/generate-root-token/attempt", token=self.root)
        return next(keys for keys in reversed(self.known) if self.opens(keys))

    def cancel(self) -> None:
        """Cancel what is under way, as people do with ``bao operator rotate-keys -cancel``."""
        self.admin("DELETE", f"{self.changes}/init")

    def begin(self) -> str:
        """Begin a change, as somebody else does; returns what names it."""
        body = {"secret_shares": self._kept, "secret_threshold": self._needed, "require_verification": True}
        return str(self.admin("POST", f"{self.changes}/init", body)["nonce"])

    def give(self, nonce: str, keys: Secret) -> None:
        """Give keys to a change, as somebody else does."""
        for key in keys.reveal().decode().split("\n")[: self._needed]:
            self.admin("POST", f"{self.changes}/update", {"key": key, "nonce": nonce})

    def give_one_back(self, keys: Secret) -> None:
        """Give the first of new keys back, and no more, as a run that is interrupted then."""
        nonce = self.admin("GET", f"{self.changes}/verify")["nonce"]
        self.admin("POST", f"{self.changes}/verify", {"key": keys.reveal().decode().split("\n")[0], "nonce": nonce})

    def under_way(self) -> str:
        """Return what names the change that is under way; empty without one."""
        return str(self.admin("GET", f"{self.changes}/init").get("nonce", ""))

    @property
    def changes(self) -> str:
        return f"sys/rotate/{'recovery' if self._recovery else 'root'}"

    def _unseal(self) -> None:
        end = time.monotonic() + LIMIT_S
        while self.ask("GET", "sys/health")[0] != 200:
            assert time.monotonic() < end, "the server is not active"
            if not self._recovery and self.ask("GET", "sys/seal-status")[1].get("sealed"):
                self.unseals(self.first)
            time.sleep(0.05)
