# SPDX-License-Identifier: Apache-2.0
"""An OpenLDAP server of its own for one test run: settings, data and log in one folder, on loopback.

Rules:

1. ``slapd`` and its modules are Debian's. Password policy, last-bind and the access log are on.
2. The worst case for secrets is set: it logs at the levels ``stats`` and ``args``, into a file that tests search.
3. Each test makes an account of its own, so that none sees another's lock-out or history.
4. What a test asks the server about, it asks with the OpenLDAP tools, not with the connector.
"""

import itertools
import shutil
import subprocess
from pathlib import Path

from local_server import LocalProcess
from throwaway_ca import ThrowAwayCa

from breakglass_shamir.hygiene import Secret
from tests.ports import free_port

SUFFIX = "dc=example,dc=com"
PEOPLE = f"ou=people,{SUFFIX}"
POLICIES = f"ou=policies,{SUFFIX}"
ROOT = f"cn=root,{SUFFIX}"
ROOT_PASSWORD = "root-of-the-test-tree"

SETTINGS = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload ppolicy
moduleload accesslog
moduleload syncprov
pidfile {folder}/slapd.pid
argsfile {folder}/slapd.args
loglevel stats args
TLSCACertificateFile {ca}
TLSCertificateFile {certificate}
TLSCertificateKeyFile {key}
security simple_bind={ssf}

database mdb
suffix cn=accesslog
rootdn {root}
directory {folder}/accesslog
dbnosync
index reqStart,reqDN,reqType,reqResult eq
access to * by dn.exact=cn=watcher,{suffix} read by dn.exact=uid=reader-of-the-log,{people} read

database mdb
suffix {suffix}
rootdn {root}
rootpw {root_password}
directory {folder}/data
dbnosync
index objectClass,entryCSN,entryUUID eq
lastbind {lastbind}
access to attrs=userPassword by self =xw by anonymous auth by * none
access to attrs=pwdHistory,pwdFailureTime by * none
access to attrs=pwdEndTime by dn.regex="^cn=operator-[0-9a-f]+,{suffix}$" write by * read
access to * by self read by dn.exact=cn=watcher,{suffix} read by users read by anonymous auth
overlay ppolicy
ppolicy_default cn=default,{policies}
ppolicy_use_lockout
{replication}
"""

PROVIDER = """\
overlay syncprov
overlay accesslog
logdb cn=accesslog
logops bind
logsuccess FALSE
"""

CONSUMER = """\
syncrepl rid=001 provider={provider} type=refreshAndPersist retry="1 +" searchbase={suffix}
  bindmethod=simple binddn={root} credentials={root_password} attrs="*,+" starttls=critical tls_cacert={ca}
updateref {provider}
"""

TREE = f"""\
dn: {SUFFIX}
objectClass: domain
dc: example

dn: {PEOPLE}
objectClass: organizationalUnit
ou: people

dn: {POLICIES}
objectClass: organizationalUnit
ou: policies

dn: cn=default,{POLICIES}
objectClass: pwdPolicy
objectClass: device
cn: default
pwdAttribute: userPassword
pwdSafeModify: TRUE
pwdMinLength: 8
pwdCheckQuality: 2
pwdInHistory: 3
pwdLockout: TRUE
pwdMaxFailure: 4
pwdLockoutDuration: 0
pwdAllowUserChange: TRUE
"""


class SlapdServer:
    """A running server.

    Args:
        folder: of its own.
        ca: makes its certificate.
        provider: URI of the server it copies; None for a server that is written to.
        lastbind: whether it keeps the time of the last login.

    Attributes:
        host, port: where it speaks LDAP with StartTLS.
        tls_port: where it speaks LDAPS.
    """

    host = "127.0.0.1"

    def __init__(self, folder: Path, ca: ThrowAwayCa, *, provider: str = "", lastbind: bool = True) -> None:
        self._folder, self._ca = folder, ca
        self._lastbind = lastbind
        self.port, self.tls_port = free_port(), free_port()
        self._numbers = itertools.count(1)
        self._log = folder / "slapd.log"
        for name in ("data", "accesslog"):
            (folder / name).mkdir(parents=True)
        self._own = ca.issue(f"slapd-{self.port}", self.host)
        self.follow(provider)
        urls = f"ldap://{self.host}:{self.port} ldaps://{self.host}:{self.tls_port}"
        command = [shutil.which("slapd", path="/usr/sbin:/usr/bin") or "slapd"]
        self._process = LocalProcess(
            [*command, "-f", str(folder / "slapd.conf"), "-h", urls, "-d", "stats,args"], self._log
        )
        if not provider:
            self._load(TREE)

    @property
    def uri(self) -> str:
        """Where a connector reaches it with StartTLS."""
        return f"ldap://{self.host}:{self.port}"

    @property
    def tls_uri(self) -> str:
        """Where a connector reaches it with LDAPS."""
        return f"ldaps://{self.host}:{self.tls_port}"

    @property
    def log_file(self) -> Path:
        """Where it logs."""
        return self._log

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process.start(self.host, self.port, self.tls_port)

    def stop(self) -> None:
        """End it."""
        self._process.stop()

    def follow(self, provider: str) -> None:
        """Write the settings, with the server to copy; for one that is not running."""
        facts = {
            "folder": self._folder, "ca": self._ca.certificate, "certificate": self._own.certificate,
            "key": self._own.key, "suffix": SUFFIX, "people": PEOPLE, "policies": POLICIES,
            "root": ROOT, "provider": provider, "root_password": ROOT_PASSWORD, "ssf": 112,
            "lastbind": "on" if self._lastbind else "off",
        }  # fmt: skip
        replication = (CONSUMER if provider else PROVIDER).format(**facts)
        settings = self._folder / "slapd.conf"
        settings.write_text(SETTINGS.format(**facts, replication=replication))
        settings.chmod(0o600)

    def log(self) -> bytes:
        """Return all it has logged."""
        return self._log.read_bytes()

    def add_policy(self, name: str, **rules: object) -> str:
        """Make a password policy; returns its DN."""
        dn = f"cn={name},{POLICIES}"
        lines = [f"{key}: {value}" for key, value in {"pwdAttribute": "userPassword", **rules}.items()]
        self.add("\n".join([f"dn: {dn}", "objectClass: pwdPolicy", "objectClass: device", f"cn: {name}", *lines]))
        return dn

    def add_account(self, secret: Secret, policy: str = "", name: str = "") -> str:
        """Make an account with a password; returns its DN."""
        name = name or f"breakglass{next(self._numbers)}"
        dn = f"uid={name},{PEOPLE}"
        lines = [f"dn: {dn}", "objectClass: inetOrgPerson", f"uid: {name}", f"cn: {name}", f"sn: {name}"]
        lines.append(f"userPassword: {secret.reveal().decode()}")
        self.add("\n".join([*lines, *([f"pwdPolicySubentry: {policy}"] if policy else [])]))
        return dn

    def set_password(self, dn: str, secret: Secret) -> None:
        """Set an account's password, as the root of the tree."""
        self.modify(dn, "replace: userPassword", f"userPassword: {secret.reveal().decode()}")

    def restart(self) -> None:
        """End it and start it anew."""
        self.stop()
        self.start()

    def add(self, entry: str) -> None:
        """Add an entry as the root of the tree."""
        self._as_root("ldapadd", entry)

    def modify(self, dn: str, *changes: str) -> None:
        """Change an entry as the root of the tree; ``changes`` are lines of LDIF."""
        self._as_root("ldapmodify", "\n".join([f"dn: {dn}", "changetype: modify", *changes]), "-e", "relax")

    def entry(self, dn: str) -> bytes:
        """Return an entry with what the server keeps of it, as the root of the tree sees it."""
        done = subprocess.run(
            ["ldapsearch", "-x", "-LLL", "-H", self.uri, "-ZZ", "-D", ROOT, "-w", ROOT_PASSWORD, "-b", dn, "-s", "base",
             "*", "+"],
            capture_output=True, env=self._client(), timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def admits(self, dn: str, secret: Secret) -> bool:
        """Ask the server with ldapwhoami whether a password opens an account."""
        done = subprocess.run(
            ["ldapwhoami", "-x", "-H", self.uri, "-ZZ", "-D", dn, "-y", "/dev/stdin"],
            input=secret.reveal(), capture_output=True, env=self._client(), timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode in (0, 49), done.stderr
        return done.returncode == 0

    def _as_root(self, tool: str, ldif: str, *more: str) -> None:
        done = subprocess.run(
            [tool, "-x", "-H", self.uri, "-ZZ", "-D", ROOT, "-w", ROOT_PASSWORD, *more],
            input=ldif.encode() + b"\n", capture_output=True, env=self._client(), timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    def _client(self) -> dict[str, str]:
        return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "LDAPTLS_CACERT": str(self._ca.certificate)}

    def _load(self, ldif: str) -> None:
        command = [shutil.which("slapadd", path="/usr/sbin:/usr/bin") or "slapadd", "-b", SUFFIX]
        done = subprocess.run(
            [*command, "-f", str(self._folder / "slapd.conf")], input=ldif, capture_output=True, text=True,
            timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
