# SPDX-License-Identifier: Apache-2.0
"""A connector from another package: the passphrase of a PEM private key, as OpenSSL writes it.

It is installed beside the program (``pip install ./examples/connector-package``) and found by its entry point.
"""

import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from Crypto.IO import PEM
from Crypto.Util.asn1 import DerSequence

from breakglass_shamir import NO_OPTIONS, Check, CheckResult, Connector, Preflight, Secret, errors

OPENSSL = "/usr/bin/openssl"
"""The program that reads and writes such keys."""


class OpensslKeyConnector(Connector):
    """Passphrase of a PEM private key; target ``openssl-key:///absolute/path/to/key.pem``.

    What it changes: this one file, replaced in one step. What it does not reach: copies of it, and programs that
    have the key open. What it needs: OpenSSL, and write access to the file's folder.
    """

    scheme: ClassVar[str] = "openssl-key"
    grace_window_s: ClassVar[int] = 0
    settle_s: ClassVar[int] = 0
    probe_pause_s: ClassVar[float] = 0
    scope: ClassVar[str] = "this file"

    def __init__(self, target: str, account: str = "", *, options: Mapping[str, str] = NO_OPTIONS) -> None:
        super().__init__(target, account, options=options)
        parts = urlsplit(target)
        if parts.netloc or not parts.path.startswith("/"):
            raise errors.InvalidInput("openssl-key target is not a path: expected openssl-key:///absolute/path")
        self._path = Path(unquote(parts.path))

    def _preflight(self, new: Secret | None) -> Preflight:
        problems = [] if self._path.is_file() else ["the key file is not there"]
        unfit = ("openssl takes 4 to 1023 bytes",) if new is not None and not 4 <= len(new) <= 1023 else ()
        return Preflight(tuple(problems), ("copies of the file are not reached",), None, self.scope, unfit)

    def _check(self, credential: Secret) -> Check:
        if not self._path.is_file():
            return Check(CheckResult.UNKNOWN, "the key file is not there")
        done = self._openssl([credential], "-noout")
        if done.returncode == 0:
            return Check(CheckResult.ACCEPTED, "openssl opened the key")
        if b"maybe wrong password" in done.stderr or b"bad decrypt" in done.stderr:
            return Check(CheckResult.REFUSED, "openssl could not decrypt the key")
        if b"DECODER routines" in done.stderr and self._is_whole():
            return Check(CheckResult.REFUSED, "openssl decrypted the key to noise")
        return Check(CheckResult.UNKNOWN, "openssl failed")

    def _is_whole(self) -> bool:
        """Tell whether the file is an encrypted key from end to end.

        One wrong passphrase in about 200 gives a padding that looks right; what it decrypts to is then no key, and
        openssl says the same as of a damaged file.
        """
        try:
            data, marker, _legacy = PEM.decode(self._path.read_text("ascii"))
            DerSequence().decode(data, strict=True)
        except (ValueError, IndexError):
            return False
        return str(marker) == "ENCRYPTED PRIVATE KEY"

    def _rotate(self, old: Secret, new: Secret) -> None:
        descriptor, name = tempfile.mkstemp(dir=self._path.parent)
        os.close(descriptor)
        copy = Path(name)
        try:
            done = self._openssl([old, new], "-aes256", "-out", name)
            if done.returncode != 0:
                raise errors.ConnectorError("unchanged: the old credential did not open the key")
            copy.replace(self._path)
        finally:
            copy.unlink(missing_ok=True)

    def _openssl(self, secrets: list[Secret], *words: str) -> "subprocess.CompletedProcess[bytes]":
        """Run openssl; it reads each passphrase from a pipe of its own."""
        ends = [_pipe_with(secret) for secret in secrets]
        passes = [
            word for option, end in zip(("-passin", "-passout"), ends, strict=False) for word in (option, f"fd:{end}")
        ]
        try:
            return subprocess.run(
                [OPENSSL, "pkey", "-in", str(self._path), *passes, *words],
                stdin=subprocess.DEVNULL, capture_output=True, pass_fds=ends, timeout=self.time_limit_s, check=False,
            )  # fmt: skip
        finally:
            for end in ends:
                os.close(end)


def _pipe_with(secret: Secret) -> int:
    reading, writing = os.pipe()
    os.write(writing, secret.reveal() + b"\n")
    os.close(writing)
    return reading
