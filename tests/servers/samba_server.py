# SPDX-License-Identifier: Apache-2.0
"""A Samba Active Directory domain of its own for one test run: settings, databases and logs in one folder.

Rules:

1. The ports of a domain controller are fixed, so it has a loopback address of its own, made from this process's id.
2. A domain is provisioned once for a test run (it takes seconds); each worker runs a copy of it.
3. Only what is needed runs: LDAP, Kerberos and RPC, in one process. No SMB, no name service.
4. The worst case for secrets is set: log level 3, and every authentication in a log of its own.
5. What a test asks the server about by NTLM, it asks with rpcclient, not with the connector.
"""

import contextlib
import fcntl
import itertools
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import ldap
from local_server import LocalProcess
from throwaway_ca import ThrowAwayCa

from breakglass_shamir.hygiene import Secret

REALM = "BG.TEST"
DOMAIN = "BG"
BASE = "DC=bg,DC=test"
ADMINISTRATOR = f"Administrator@{REALM}"
ADMINISTRATOR_PASSWORD = "Adm1nistrator-of-the-test-domain"

LDAP_PORT, TLS_PORT, KERBEROS_PORT, KPASSWD_PORT = 389, 636, 88, 464

SETTINGS = """\
[global]
	netbios name = DC1
	realm = {realm}
	workgroup = {domain}
	server role = active directory domain controller
	server services = rpc, ldap, cldap, kdc
	interfaces = {host}/8
	bind interfaces only = yes
	private dir = {folder}/private
	state directory = {folder}/state
	cache directory = {folder}/cache
	lock directory = {folder}/lock
	pid directory = {folder}/run
	ncalrpc dir = {folder}/run/ncalrpc
	winbindd socket directory = {folder}/run/winbindd
	ntp signd socket directory = {folder}/run/ntp
	binddns dir = {folder}/bind-dns
	log file = {folder}/log
	log level = 3 auth_json_audit:3@{folder}/auth.json
	max log size = 0
	tls enabled = yes
	tls certfile = {certificate}
	tls keyfile = {key}
	tls cafile = {ca}
	old password allowed period = {old_minutes}
[sysvol]
	path = {folder}/state/sysvol
[netlogon]
	path = {folder}/state/sysvol
"""


class SambaServer:
    """A running domain controller.

    Args:
        folder: of its own.
        shared: where the domain is provisioned once, for all workers of a test run.
        ca: makes its certificate.

    Attributes:
        host: the loopback address it listens on.
    """

    def __init__(self, folder: Path, shared: Path, ca: ThrowAwayCa) -> None:
        pid = os.getpid()
        self.host = f"127.{64 + (pid >> 16) % 64}.{(pid >> 8) % 256}.{pid % 256}"
        self._folder, self._ca = folder, ca
        self._own = ca.issue("samba", self.host, "127.0.0.1")
        self._numbers = itertools.count(1)
        shutil.copytree(_provisioned(shared), folder, dirs_exist_ok=True)
        for name in ("cache", "lock", "run", "bind-dns"):
            (folder / name).mkdir(exist_ok=True)
        self.write_settings()
        samba = shutil.which("samba", path="/usr/sbin:/usr/bin") or "samba"
        command = [samba, "-F", "--no-process-group", "-M", "single", "-s", str(folder / "smb.conf")]
        self._process = LocalProcess(command, folder / "output")

    @property
    def uri(self) -> str:
        """Where the connector ``ad`` reaches it."""
        return f"ad://{self.host}"

    @property
    def audit_log(self) -> Path:
        """Where it writes every authentication."""
        return self._folder / "auth.json"

    def write_settings(self, old_minutes: int = 0) -> None:
        """Write the settings; ``old_minutes`` is how long NTLM takes an old password."""
        facts = {
            "realm": REALM, "domain": DOMAIN, "host": self.host, "folder": self._folder, "ca": self._ca.certificate,
            "certificate": self._own.certificate, "key": self._own.key, "old_minutes": old_minutes,
        }  # fmt: skip
        (self._folder / "smb.conf").write_text(SETTINGS.format(**facts))

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process.start(self.host, LDAP_PORT, TLS_PORT, KERBEROS_PORT, KPASSWD_PORT)

    def stop(self) -> None:
        """End it."""
        self._process.stop()

    def restart(self, old_minutes: int = 0) -> None:
        """Start it anew with another allowance for old passwords."""
        self.stop()
        self.write_settings(old_minutes)
        self.start()

    @property
    def log_files(self) -> list[Path]:
        """Where it logs."""
        return [self._folder / "output", *self._folder.glob("log*"), self.audit_log]

    def log(self) -> bytes:
        """Return all it has logged."""
        return b"\n".join(place.read_bytes() for place in self.log_files if place.is_file())

    def add_account(self, secret: Secret, **more: str) -> str:
        """Make an account with a password; returns its name."""
        name = f"breakglass{next(self._numbers)}"
        facts = {"sAMAccountName": name, "userAccountControl": "512", **more}
        entry = [(key, [value.encode()]) for key, value in facts.items()]
        entry += [("objectClass", [b"user"]), ("unicodePwd", [quoted(secret)])]
        with self.administrator() as connection:
            connection.add_s(self.dn(name), entry)
        return name

    def set_password(self, name: str, secret: Secret) -> None:
        """Set an account's password, as the administrator."""
        self.modify(self.dn(name), unicodePwd=quoted(secret))

    def dn(self, name: str) -> str:
        """Return the DN of an account."""
        return f"CN={name},CN=Users,{BASE}"

    def modify(self, dn: str, **values: str | bytes) -> None:
        """Set attributes of an entry, as the administrator."""
        changes = [
            (ldap.MOD_REPLACE, key, [value.encode() if isinstance(value, str) else value])
            for key, value in values.items()
        ]
        with self.administrator() as connection:
            connection.modify_s(dn, changes)

    def add(self, dn: str, **values: str) -> None:
        """Make an entry, as the administrator."""
        with self.administrator() as connection:
            connection.add_s(dn, [(key, [value.encode()]) for key, value in values.items()])

    def admits_by_ntlm(self, name: str, secret: Secret) -> bool:
        """Ask the server with rpcclient, which logs in by NTLM, whether a password opens an account."""
        # Processes are watched for secrets: none in an argument or the environment.
        login = self._folder / "login"
        login.write_text(f"username={name}\ndomain={DOMAIN}\npassword={secret.reveal().decode()}\n")
        done = subprocess.run(
            ["rpcclient", "-s", "/dev/null", "-A", str(login), f"ncacn_ip_tcp:{self.host}[seal]", "-c", "querydominfo"],
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"}, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        login.unlink()
        admitted = "ROLE_DOMAIN_PDC" in done.stdout
        assert admitted or "NT_STATUS" in done.stdout + done.stderr, done.stderr
        return admitted

    @contextlib.contextmanager
    def administrator(self) -> Any:
        """A connection of the administrator."""
        connection = ldap.initialize(f"ldaps://{self.host}")
        connection.set_option(ldap.OPT_X_TLS_CACERTFILE, str(self._ca.certificate))
        connection.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_DEMAND)
        connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
        connection.set_option(ldap.OPT_REFERRALS, 0)
        connection.simple_bind_s(ADMINISTRATOR, ADMINISTRATOR_PASSWORD)
        try:
            yield connection
        finally:
            connection.unbind_s()


def quoted(secret: Secret) -> bytes:
    """Write a password as ``unicodePwd`` wants it."""
    return f'"{secret.reveal().decode()}"'.encode("utf-16-le")


def _provisioned(shared: Path) -> Path:
    """Return the folder of a provisioned domain that nobody runs; made by the first who asks."""
    shared.mkdir(parents=True, exist_ok=True)
    made = shared / "domain"
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.is_dir():
            unfinished = shared / f"unfinished-{os.getpid()}"
            unfinished.mkdir()
            _provision(unfinished)
            unfinished.rename(made)
    return made


def _provision(folder: Path) -> None:
    command = [
        "samba-tool", "domain", "provision", "--quiet", f"--realm={REALM}", f"--domain={DOMAIN}", "--server-role=dc",
        f"--adminpass={ADMINISTRATOR_PASSWORD}", "--dns-backend=NONE", f"--targetdir={folder}", "--host-name=dc1",
        "--host-ip=127.0.0.1", "--base-schema=2008_R2", "-s", "/dev/null",
        # Inside a container root may not write the usual attribute, security.NTACL.
        "--option=acl_xattr:security_acl_name=user.NTACL",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
