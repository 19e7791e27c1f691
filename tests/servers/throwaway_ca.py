# SPDX-License-Identifier: Apache-2.0
"""A certificate authority for one test run, made with openssl; its certificates live for a day."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

OPENSSL = "openssl"


@dataclass(frozen=True, slots=True)
class Certificate:
    """A server's certificate and key, as PEM files."""

    certificate: Path
    key: Path


class ThrowAwayCa:
    """An authority in a folder.

    Attributes:
        certificate: what clients trust, as a PEM file.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.certificate = folder / "ca.pem"
        self._key = folder / "ca.key"
        self._self_signed(self.certificate, self._key, "/CN=throw-away authority")

    def issue(self, name: str, *addresses: str) -> Certificate:
        """Issue a certificate for IP addresses."""
        made = Certificate(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        request = self._folder / f"{name}.csr"
        extension = self._folder / f"{name}.ext"
        extension.write_text(f"subjectAltName={','.join(f'IP:{address}' for address in addresses)}\n")
        self._run(
            "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", str(made.key), "-out", str(request), "-subj", f"/CN={name}",
        )  # fmt: skip
        self._run(
            "x509", "-req", "-in", str(request), "-CA", str(self.certificate), "-CAkey", str(self._key),
            "-CAcreateserial", "-days", "1", "-extfile", str(extension), "-out", str(made.certificate),
        )  # fmt: skip
        made.key.chmod(0o600)
        return made

    def _self_signed(self, certificate: Path, key: Path, subject: str) -> None:
        self._run(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
            "-keyout", str(key), "-out", str(certificate), "-subj", subject,
        )  # fmt: skip

    @staticmethod
    def _run(*arguments: str) -> None:
        done = subprocess.run([OPENSSL, *arguments], capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
