# SPDX-License-Identifier: Apache-2.0
"""A management controller of its own for one test run: Debian's ``ipmi_sim``, on loopback.

Rules:

1. What the controller keeps is set by a configuration and an empty state, before it starts. It keeps 16 bytes of a
   password, whatever it says, as real ones do; and a password that was changed not over a restart, as none does.
2. The judge is a session of IPMI 1.5, which the connector does not speak.
3. A relay of datagrams stands between, which counts logins and can lose what comes back.
"""

import contextlib
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from local_server import LocalProcess

from breakglass_shamir.hygiene import Secret
from tests.ports import free_port

HOST = "127.0.0.1"
USER = "breakglass"
LIMIT_S = 20.0

_LAN = """name "bmc"
set_working_mc 0x20
  startlan 1
    addr 127.0.0.1 {port}
    priv_limit admin
    allowed_auths_callback none md5
    allowed_auths_user none md5
    allowed_auths_operator none md5
    allowed_auths_admin none md5
    guid a123456789abcdefa123456789abcdef
  endlan
  user 1 true "" "{second}" user 10 none md5
  user 2 true "{user}" "{password}" {privilege} 10 none md5
  user 3 {enabled} "second" "{second}" admin 10 none md5
"""
_COMMANDS = "mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr\nmc_enable 0x20\n"

RAKP_1 = 0x12
"""Payload of the message that names a user (IPMI 2.0, table 13-16)."""


class Relay:
    """Passes datagrams on, one client at a time.

    Attributes:
        port: where it listens.
        logins: how many sessions were begun, as whoever.
    """

    def __init__(self, to: int) -> None:
        self._to, self._left = (HOST, to), -1
        self.logins = 0
        self._near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._near.bind((HOST, 0))
        self.port = int(self._near.getsockname()[1])
        self._far: dict[tuple[str, int], socket.socket] = {}
        threading.Thread(target=self._pass_on, daemon=True).start()

    def lose(self, after: int) -> None:
        """Lose every answer once so many were passed on; -1 loses none."""
        self._left = after

    def close(self) -> None:
        """Pass nothing on any more."""
        self._near.close()
        for one in self._far.values():
            one.close()

    def _pass_on(self) -> None:
        while True:
            try:
                data, client = self._near.recvfrom(65536)
            except OSError:
                return
            if len(data) > 5 and data[3:5] == b"\x07\x06" and data[5] & 0x3F == RAKP_1:
                self.logins += 1
            if client not in self._far:
                self._far[client] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                self._far[client].connect(self._to)
                threading.Thread(target=self._answer, args=(self._far[client], client), daemon=True).start()
            self._far[client].send(data)

    def _answer(self, far: socket.socket, client: tuple[str, int]) -> None:
        with far, contextlib.suppress(OSError):
            while True:
                data = far.recv(65536)
                if self._left == 0:
                    continue
                self._left -= self._left > 0
                self._near.sendto(data, client)


class IpmiController:
    """A controller in a folder.

    Attributes:
        folder: with its configuration, its state and its log.
        port: of UDP.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="breakglass-bmc-"))
        self.port = free_port()
        (self.folder / "sim.emu").write_text(_COMMANDS)
        self._process = LocalProcess(
            [
                "/usr/bin/ipmi_sim", "-c", str(self.folder / "lan.conf"), "-f", str(self.folder / "sim.emu"), "-s",
                str(self.folder / "state"), "-n",
            ],
            self.folder / "log",
        )  # fmt: skip

    @property
    def target(self) -> str:
        return f"ipmi://{HOST}:{self.port}"

    def become(
        self, password: Secret, privilege: str = "admin", second: str = "second-one", *, two: bool = True
    ) -> None:
        """Start it with one administrator's password, whatever it had."""
        self._process.stop()
        shutil.rmtree(self.folder / "state", ignore_errors=True)
        (self.folder / "state").mkdir()
        (self.folder / "lan.conf").write_text(
            _LAN.format(
                port=self.port, user=USER, password=password.reveal().decode(), privilege=privilege, second=second,
                enabled=str(two).lower(),
            )
        )  # fmt: skip
        self._start()

    def remove(self) -> None:
        """End it and remove its folder."""
        self._process.stop()
        shutil.rmtree(self.folder)

    def opens(self, password: Secret, user: str = USER) -> bool:
        """Tell whether a password opens a session of IPMI 1.5."""
        with tempfile.NamedTemporaryFile(dir="/dev/shm") as file:
            file.write(password.reveal() + b"\n")
            file.flush()
            done = subprocess.run(
                [
                    "ipmitool", "-I", "lan", "-A", "MD5", "-H", HOST, "-p", str(self.port), "-U", user, "-N", "1", "-R",
                    "1", "-f", file.name, "raw", "0x06", "0x01",
                ],
                capture_output=True, check=False, timeout=60,
            )  # fmt: skip
        return done.returncode == 0

    def _start(self) -> None:
        self._process.start(HOST)
        end = time.monotonic() + LIMIT_S
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.settimeout(0.1)
            one.connect((HOST, self.port))
            while True:
                try:
                    one.send(bytes.fromhex("06 00 ff 06 00 00 11 be 80 00 00 00"))  # a ping of ASF
                    one.recv(1024)
                except OSError:
                    assert time.monotonic() < end, "the controller does not answer"
                    time.sleep(0.02)
                else:
                    return
