# SPDX-License-Identifier: Apache-2.0
"""An MIT Kerberos realm of its own for one test run: KDC, kadmind, database and logs in one folder, on loopback.

Rules:

1. The programs are Debian's. Each test makes a principal of its own.
2. What a test asks the realm about, it asks with kinit and settings of this folder, not with the connector.
"""

import itertools
import shutil
import subprocess
from pathlib import Path

from local_server import LocalProcess

from breakglass_shamir.hygiene import Secret
from tests.ports import free_port

REALM = "EXAMPLE.COM"
ADMINISTRATOR = "watcher/admin"

OPERATOR = "operator/admin"
"""The principal that may move the end of another one, and inquire."""

CLIENT = """\
[libdefaults]
  default_realm = {realm}
  dns_lookup_kdc = false
  dns_lookup_realm = false
  udp_preference_limit = 1
[realms]
  {realm} = {{
    kdc = {host}:{port}
    admin_server = {host}:{admin_port}
    kpasswd_server = {host}:{kpasswd_port}
  }}
"""

SETTINGS = """\
[kdcdefaults]
  kdc_listen = {host}:{port}
  kdc_tcp_listen = {host}:{port}
[realms]
  {realm} = {{
    database_name = {folder}/principal
    key_stash_file = {folder}/stash
    acl_file = {folder}/kadm5.acl
    kadmind_listen = {host}:{admin_port}
    kpasswd_listen = {host}:{kpasswd_port}
    max_life = 10h
    default_principal_flags = +preauth
  }}
[logging]
  kdc = FILE:{folder}/kdc.log
  admin_server = FILE:{folder}/kadmin.log
"""


class KdcServer:
    """A running realm.

    Attributes:
        host, port: of the KDC.
        kpasswd_port, admin_port: of the services of kadmind.
    """

    host = "127.0.0.1"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port, self.kpasswd_port, self.admin_port = free_port(), free_port(), free_port()
        self._numbers = itertools.count(1)
        facts = {
            "realm": REALM, "host": self.host, "port": self.port, "folder": folder,
            "admin_port": self.admin_port, "kpasswd_port": self.kpasswd_port,
        }  # fmt: skip
        (folder / "krb5.conf").write_text(CLIENT.format(**facts))
        (folder / "kdc.conf").write_text(SETTINGS.format(**facts))
        (folder / "kadm5.acl").write_text(f"{ADMINISTRATOR}@{REALM} il\n{OPERATOR}@{REALM} im\n")
        self._tool("kdb5_util", "create", "-s", "-P", "master-of-the-test-realm", "-r", REALM, "-W")
        self._kdc = LocalProcess([_path("krb5kdc"), "-n"], folder / "kdc.out", self.environment)
        self._kadmind = LocalProcess([_path("kadmind"), "-nofork"], folder / "kadmind.out", self.environment)

    @property
    def environment(self) -> dict[str, str]:
        """What the realm's programs need."""
        return {"KRB5_CONFIG": str(self.settings), "KRB5_KDC_PROFILE": str(self._folder / "kdc.conf"), "TZ": "UTC"}

    @property
    def settings(self) -> Path:
        """A krb5.conf that knows this realm."""
        return self._folder / "krb5.conf"

    @property
    def uri(self) -> str:
        """Where the connector reaches it."""
        return f"kerberos://{self.host}:{self.port}/{REALM}"

    @property
    def options(self) -> dict[str, str]:
        """What the connector has to know besides."""
        return {
            "kpasswd_server": f"{self.host}:{self.kpasswd_port}",
            "admin_server": f"{self.host}:{self.admin_port}",
            "time_limit": "5",
        }

    @property
    def kdc_log(self) -> Path:
        """The KDC's log."""
        return self._folder / "kdc.log"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._kdc.start(self.host, self.port)
        self._kadmind.start(self.host, self.kpasswd_port, self.admin_port)

    def stop(self) -> None:
        """End it."""
        self._kadmind.stop()
        self._kdc.stop()

    def restart(self) -> None:
        """End it and start it anew."""
        self.stop()
        self.start()

    @property
    def log_files(self) -> list[Path]:
        """Where it logs."""
        return [self._folder / name for name in ("kdc.log", "kadmin.log", "kdc.out", "kadmind.out")]

    def log(self) -> bytes:
        """Return all it has logged."""
        return b"\n".join(place.read_bytes() for place in self.log_files if place.is_file())

    def add_policy(self, name: str, *rules: str) -> str:
        """Make a policy; ``rules`` are options of kadmin's ``addpol``."""
        self.admin(f"addpol {' '.join(rules)} {name}")
        return name

    def add_account(self, secret: Secret, policy: str = "", name: str = "") -> str:
        """Make a principal with a password; returns its name."""
        name = name or f"breakglass{next(self._numbers)}"
        kind = f"-policy {policy}" if policy else "-clearpolicy"
        self.admin(f"addprinc {kind} -pw {secret.reveal().decode()} {name}")
        return name

    def set_password(self, name: str, secret: Secret) -> None:
        """Set a principal's password, as the administrator."""
        self.admin(f"cpw -pw {secret.reveal().decode()} {name}")

    def admin(self, question: str) -> str:
        """Do something as the administrator of the database."""
        return self._tool("kadmin.local", "-r", REALM, "-q", question)

    def admits(self, name: str, secret: Secret) -> bool:
        """Ask the realm with kinit whether a password opens a principal."""
        done = subprocess.run(
            ["kinit", "-c", "MEMORY:", name], input=secret.reveal() + b"\n", capture_output=True,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", **self.environment}, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0 or b"Password incorrect" in done.stderr, done.stderr
        return done.returncode == 0

    def _tool(self, name: str, *arguments: str) -> str:
        done = subprocess.run(
            [_path(name), *arguments], env={"PATH": "/usr/sbin:/usr/bin:/bin", "LC_ALL": "C", **self.environment},
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        errors = [line for line in done.stderr.splitlines() if " while " in line]
        assert done.returncode == 0 and not errors, done.stderr
        return done.stdout


def _path(name: str) -> str:
    return shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin") or name
