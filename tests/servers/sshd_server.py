# SPDX-License-Identifier: Apache-2.0
"""An OpenSSH server of its own for one test run, on loopback: who may come in is one ``authorized_keys`` file.

Rules:

1. The programs are Debian's. The server reads no settings but its own, asks no PAM, and runs nothing: every login is
   ended by a forced command.
2. What a test asks about a key, it asks with ssh, and takes the client's word that it was let in.
"""

import getpass
import shutil
import subprocess
from pathlib import Path

from local_server import LocalProcess

from tests.ports import free_port

SETTINGS = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
PidFile {folder}/pid
AuthorizedKeysFile {folder}/authorized_keys
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
PubkeyAuthentication yes
PermitUserEnvironment yes
MaxStartups 100
ForceCommand /bin/true
"""


class SshdServer:
    """A running server.

    Attributes:
        keys: the file that says who may come in.
        identity: a private key file of whoever asks.
        public: its public half, as it stands in a line.
    """

    def __init__(self, folder: Path, settings: str = "") -> None:
        self._folder, self._port = folder, free_port()
        self.keys, self.identity = folder / "authorized_keys", folder / "identity"
        for name in ("host", "identity"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
        self.public = " ".join((folder / "identity.pub").read_text().split()[:2])
        (folder / "sshd_config").write_text(SETTINGS.format(port=self._port, folder=folder) + settings)
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        sshd = shutil.which("sshd", path="/usr/sbin:/usr/bin") or "sshd"
        self._process = LocalProcess([sshd, "-D", "-e", "-f", str(folder / "sshd_config")], folder / "log")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process.start("127.0.0.1", self._port)

    def stop(self) -> None:
        """End it."""
        self._process.stop()

    def lets_in(self, content: bytes) -> bool:
        """Ask whether the identity is let in with this content of the file."""
        self.keys.write_bytes(content)
        return self.takes(self.identity)

    def takes(self, identity: Path, certificate: Path | None = None) -> bool:
        """Ask whether a private key is let in, with a certificate where there is one."""
        shown = ["-o", f"CertificateFile={certificate}"] if certificate else []
        options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "BatchMode=yes", "IdentitiesOnly=yes",
                   "IdentityAgent=none", "ConnectTimeout=20", "PreferredAuthentications=publickey"]  # fmt: skip
        done = subprocess.run(
            ["ssh", "-v", "-T", "-F", "/dev/null", *(word for one in options for word in ("-o", one)), *shown,
             "-i", str(identity), "-p", str(self._port), f"{getpass.getuser()}@127.0.0.1"],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False,
        )  # fmt: skip
        is_in, is_out = b"Authenticated to 127.0.0.1" in done.stderr, b"Permission denied (publickey)" in done.stderr
        assert is_in is not is_out, done.stderr[-2000:]
        return is_in
