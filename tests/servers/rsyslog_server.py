# SPDX-License-Identifier: Apache-2.0
"""A real rsyslog on loopback, over UDP, TCP and mutual TLS, that writes what it parsed as JSON lines.

It has no queue in memory, which it would drop when it is stopped: what it has read it has written.
"""

import json
import time
from pathlib import Path
from typing import Any

from local_server import LocalProcess
from throwaway_ca import Certificate, ThrowAwayCa

from tests.ports import free_port

HOST = "127.0.0.1"

_CONFIGURATION = """
global(workDirectory="{folder}" maxMessageSize="64k" net.enableDNS="off"
  defaultNetstreamDriver="gtls" defaultNetstreamDriverCAFile="{ca}"
  defaultNetstreamDriverCertFile="{certificate}" defaultNetstreamDriverKeyFile="{key}")
module(load="imudp")
module(load="imtcp" streamDriver.name="{driver}" streamDriver.mode="{mode}" streamDriver.authMode="{auth}"
  maxSessions="50")
input(type="imudp" address="127.0.0.1" port="{udp}" ruleset="all")
input(type="imtcp" address="127.0.0.1" port="{tcp}" ruleset="all")
template(name="parsed" type="list" option.jsonf="on") {{
  property(outname="pri" name="pri" format="jsonf")
  property(outname="app" name="app-name" format="jsonf")
  property(outname="msgid" name="msgid" format="jsonf")
  property(outname="host" name="hostname" format="jsonf")
  property(outname="data" name="structured-data" format="jsonf")
  property(outname="at" name="timereported" dateFormat="rfc3339" format="jsonf")
  property(outname="msg" name="msg" format="jsonf")
}}
ruleset(name="all" queue.type="Direct") {{ action(type="omfile" file="{out}" template="parsed") }}
"""


class Rsyslog:
    """One collector; stops and starts again on the same ports.

    Attributes:
        ca: the authority it and its clients trust.
        udp: port for datagrams.
        tcp: port for plain TCP, or for TLS with client certificates where ``secure``.
    """

    def __init__(self, folder: Path, ca: ThrowAwayCa, certificate: Certificate, *, secure: bool) -> None:
        folder.mkdir(parents=True)
        self.ca = ca
        self.udp, self.tcp = free_port(), free_port()
        self._out = folder / "received.jsonl"
        configuration = folder / "rsyslog.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                folder=folder, ca=ca.certificate, certificate=certificate.certificate, key=certificate.key,
                driver="gtls" if secure else "ptcp", mode=int(secure), auth="x509/certvalid" if secure else "anon",
                udp=self.udp, tcp=self.tcp, out=self._out,
            )
        )  # fmt: skip
        command = ["rsyslogd", "-n", "-f", str(configuration), "-i", str(folder / "pid")]
        self._process = LocalProcess(command, folder / "rsyslogd.log")

    def start(self) -> None:
        self._process.start(HOST, self.tcp)

    def stop(self) -> None:
        self._process.stop()

    def received(self, count: int, limit_s: float = 20) -> list[dict[str, Any]]:
        """Return what it parsed, once there is that much of it or the time is over."""
        end = time.monotonic() + limit_s
        while True:
            lines = self._out.read_text().splitlines() if self._out.exists() else []
            if len(lines) >= count or time.monotonic() > end:
                return [json.loads(line) for line in lines]
            time.sleep(0.05)

    def forget(self) -> None:
        """Empty the file it writes to."""
        if self._out.exists():
            self._out.write_text("")
