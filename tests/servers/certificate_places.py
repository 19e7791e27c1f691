# SPDX-License-Identifier: Apache-2.0
"""Servers that let in by certificate, and the authority they believe, for one test run: PostgreSQL and nginx.

Rules:

1. Both are Debian's, on loopback, with all of their data in one folder.
2. Both read one revocation list; each is told to read it anew by a program of its own, as option ``reload`` runs it.
3. The judge is psql and curl, in processes of their own, with key and certificate in files.
"""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from postgres_server import PostgresServer
from throwaway_ca import ThrowAwayCa

from breakglass_shamir.hygiene import Secret
from tests.ports import free_port

HOST = "127.0.0.1"
HEADER = "Breakglass-Verdict"
LIMIT_S = 20

_NGINX = """daemon off; pid {folder}/pid; error_log {folder}/error.log info; events {{}} {user}
http {{ access_log off; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
server {{ listen {host}:{port} ssl; ssl_certificate {certificate}; ssl_certificate_key {key};
ssl_client_certificate {ca}; ssl_crl {crl}; ssl_verify_client {verify};
add_header {header} $ssl_client_verify always; location / {{ return 204; }} }} }}
"""


class Authority:
    """An authority for clients, whose key and list are files.

    Attributes:
        folder: of everything.
        crl: the revocation list.
    """

    def __init__(self, passphrase: bytes = b"") -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="bgca"))
        self.key_file, self.file, self.crl = (self.folder / name for name in ("ca.key", "ca.pem", "crl.pem"))
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"clients {secrets.token_hex(4)}")])
        sealed: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if passphrase:
            sealed = serialization.BestAvailableEncryption(passphrase)
        self.key_file.touch(mode=0o600)
        self.key_file.write_bytes(
            self._key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealed)
        )
        self.certificate = self._signed(self.name, self._key.public_key(), timedelta(days=4000), is_ca=True)
        self.file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        self.write_list()

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder)

    def issue(
        self, name: str, lives: timedelta = timedelta(days=30), begins: timedelta = -timedelta(hours=1),
        key: Any = None,
    ) -> Secret:  # fmt: skip
        """Return a key with its certificate behind it."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = self._signed(subject, key.public_key(), lives, begins=begins)
        text: bytes = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return Secret(text + made.public_bytes(serialization.Encoding.PEM))

    def sign(self, request: bytes, lives: timedelta = timedelta(days=30)) -> bytes:
        """Sign a request, as an authority elsewhere would; returns the certificate."""
        asked = x509.load_pem_x509_csr(request)
        assert asked.is_signature_valid
        return self._signed(asked.subject, asked.public_key(), lives).public_bytes(serialization.Encoding.PEM)

    def write_list(self, *revoked: int, ends: timedelta = timedelta(days=2)) -> None:
        """Write the list anew."""
        now = datetime.now(UTC)
        made = x509.CertificateRevocationListBuilder().issuer_name(self.name)
        made = made.last_update(now - timedelta(days=3)).next_update(now + ends)
        for serial in revoked:
            one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now - timedelta(hours=1))
            made = made.add_revoked_certificate(one.build())
        made = made.add_extension(x509.CRLNumber(7), critical=False)
        self.crl.write_bytes(made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def listed(self) -> set[int]:
        """Return the serial numbers on the list."""
        return {one.serial_number for one in x509.load_pem_x509_crl(self.crl.read_bytes())}

    def _signed(
        self, subject: x509.Name, public: Any, lives: timedelta, *, begins: timedelta = -timedelta(hours=1),
        is_ca: bool = False,
    ) -> x509.Certificate:  # fmt: skip
        now = datetime.now(UTC)
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(public)
        made = made.serial_number(x509.random_serial_number())
        made = made.not_valid_before(now + begins).not_valid_after(now + lives)
        made = made.add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        if not is_ca:
            made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        return made.sign(self._key, hashes.SHA256())


def serial_of(pair: Secret) -> int:
    """Return the serial number of the certificate in a credential."""
    return x509.load_pem_x509_certificates(pair.reveal())[0].serial_number


class CertifiedPostgres(PostgresServer):
    """PostgreSQL that lets roles in by certificate alone."""

    def __init__(self, ca: ThrowAwayCa, clients: Authority) -> None:
        super().__init__(ca)
        self.clients = clients
        self.target = f"x509-postgresql://{HOST}:{self.port}/postgres"
        # The server runs as an account of its own, which reads nobody's temporary folder.
        for path in (clients.folder, clients.file, clients.crl):
            path.chmod(0o755 if path.is_dir() else 0o644)
        with (self.folder / "data/postgresql.conf").open("a") as file:
            file.write(f"ssl_ca_file = '{clients.file}'\nssl_crl_file = '{clients.crl}'\n")
        (self.folder / "data/pg_hba.conf").write_text(
            "local all postgres trust\nhostssl all asks_more 127.0.0.1/32 scram-sha-256\n"
            "hostssl all open 127.0.0.1/32 trust\nhostssl all all 127.0.0.1/32 cert\n"
        )
        self.reload_program = _program(
            clients.folder / "reload-postgresql", f"kill -HUP $(head -1 {self.folder / 'data/postmaster.pid'})"
        )

    @property
    def options(self) -> dict[str, str]:
        return {"ca": str(self.ca), "time_limit": "5", **with_authority(self.clients, self.reload_program)}

    def add_client(self, name: str = "") -> str:
        """Make a role; returns its name."""
        name = name or f"c{secrets.token_hex(6)}"
        self.admin(f"CREATE ROLE {name} LOGIN")
        return name

    def opens(self, role: str, pair: Secret) -> bool:
        """Ask psql whether a key with its certificate logs a role in."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "pair.pem"
            file.touch(mode=0o600)
            file.write_bytes(pair.reveal())
            done = subprocess.run(
                ["psql", "-X", "-w", "-c", "SELECT 1", "-h", HOST, "-p", str(self.port), "-U", role, "-d", "postgres"],
                env={"PATH": os.environ["PATH"], "PGSSLMODE": "verify-full", "PGSSLROOTCERT": str(self.ca),
                     "PGSSLCERT": str(file), "PGSSLKEY": str(file)},
                capture_output=True, text=True, timeout=LIMIT_S, check=False,
            )  # fmt: skip
        assert done.returncode == 0 or "certificate" in done.stderr or "alert" in done.stderr, done.stderr
        return done.returncode == 0

    def reload(self) -> None:
        """Let it read the list anew."""
        subprocess.run([self.reload_program], check=True, timeout=LIMIT_S)
        time.sleep(0.2)


class CertifiedNginx:
    """nginx that lets in by certificate, and says in a header what it found."""

    def __init__(self, ca: ThrowAwayCa, clients: Authority, verify: str = "on") -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="bgng"))
        self.port, self.clients, self.ca = free_port(), clients, ca.certificate
        self.target = f"x509-https://{HOST}:{self.port}/"
        issued = ca.issue("nginx", HOST)
        self._settings = self.folder / "nginx.conf"
        self._settings.write_text(
            _NGINX.format(
                folder=self.folder, host=HOST, port=self.port, certificate=issued.certificate, key=issued.key,
                ca=clients.file, crl=clients.crl, verify=verify, header=HEADER,
                user="user root;" if os.geteuid() == 0 else "",
            )
        )  # fmt: skip
        self.reload_program = _program(
            clients.folder / f"reload-nginx-{self.port}", f"kill -HUP $(cat {self.folder / 'pid'}); sleep 0.3"
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def options(self) -> dict[str, str]:
        own = with_authority(self.clients, self.reload_program)
        return {"ca": str(self.ca), "time_limit": "5", "header": HEADER, **own}

    def start(self) -> None:
        """Start it, and wait until it answers."""
        program = shutil.which("nginx", path="/usr/sbin:/usr/bin")
        assert program, "nginx-light is not installed"
        self._process = subprocess.Popen(
            [program, "-c", str(self._settings), "-e", str(self.folder / "error.log")],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        limit = time.monotonic() + LIMIT_S
        while not (self.folder / "pid").exists():
            assert time.monotonic() < limit and self._process.poll() is None, (self.folder / "error.log").read_text()
            time.sleep(0.02)

    def remove(self) -> None:
        """End it and remove its folder."""
        if self._process:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(LIMIT_S)
        shutil.rmtree(self.folder)

    def reload(self) -> None:
        """Let it read the list anew."""
        subprocess.run([self.reload_program], check=True, timeout=LIMIT_S)

    def opens(self, pair: Secret) -> bool:
        """Ask curl whether a key with its certificate gets the page."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "pair.pem"
            file.touch(mode=0o600)
            file.write_bytes(pair.reveal())
            done = subprocess.run(
                ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", str(self.ca), "--cert", str(file),
                 "--key", str(file), f"https://{HOST}:{self.port}/"],
                capture_output=True, text=True, timeout=LIMIT_S, check=False,
            )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout == "204"


def with_authority(clients: Authority, reload_program: str) -> dict[str, str]:
    """Return the options of an authority whose key is a file."""
    return {
        "ca_key": str(clients.key_file), "ca_certificate": str(clients.file), "crl": str(clients.crl),
        "reload": reload_program,
    }  # fmt: skip


def _program(path: Path, lines: str) -> str:
    """Write a program that nobody else can replace; returns its path."""
    path.write_text(f"#!/bin/sh\nset -e\n{lines}\n")
    path.chmod(0o755)
    if os.geteuid() == 0:
        os.chown(path, 0, 0)
    return str(path)
