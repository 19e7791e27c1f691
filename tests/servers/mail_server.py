# SPDX-License-Identifier: Apache-2.0
"""A real Exim on loopback, with STARTTLS, TLS from the first byte, and a password; mails land in a maildir."""

import email
import email.policy
import os
import pwd
import time
from email.message import EmailMessage
from pathlib import Path

from local_server import LocalProcess
from throwaway_ca import Certificate

from tests.ports import free_port

HOST = "127.0.0.1"
USER, PASSWORD = "terminal", "tinned-beans-41"
ACCOUNT = "Debian-exim"

_CONFIGURATION = """
primary_hostname = mail.example
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port} : {secure}
tls_on_connect_ports = {secure}
tls_advertise_hosts = *
tls_certificate = {certificate}
tls_privatekey = {key}
auth_advertise_hosts = ${{if eq{{$tls_in_cipher}}{{}}{{}}{{*}}}}
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
host_lookup = :
rfc1413_hosts = :
acl_smtp_rcpt = rcpt
acl_smtp_data = accept
message_size_limit = 1M
begin acl
rcpt:
  deny message = no such mailbox
       condition = ${{if eq{{$local_part}}{{nobody-here}}}}
  accept
begin routers
all:
  driver = accept
  transport = folder
begin transports
folder:
  driver = appendfile
  directory = {folder}/mail
  maildir_format
  create_directory
  batch_max = 10
  user = {account}
  group = {account}
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{{user}}}}}{{eq{{$auth3}}{{{password}}}}}}}}}
  server_set_id = $auth2
"""


class MailServer:
    """One server.

    Attributes:
        port: plain, with STARTTLS.
        secure: TLS from the first byte.
    """

    def __init__(self, folder: Path, certificate: Certificate) -> None:
        self.port, self.secure = free_port(), free_port()
        self._mail = folder / "mail" / "new"
        for path in (folder, folder / "spool", folder / "log"):
            path.mkdir(parents=True)
            path.chmod(0o755)
        account = pwd.getpwnam(ACCOUNT)
        for path in (folder, folder / "spool", folder / "log", certificate.key, certificate.certificate):
            os.chown(path, account.pw_uid, account.pw_gid)
        configuration = folder / "exim.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                port=self.port, secure=self.secure, certificate=certificate.certificate, key=certificate.key,
                folder=folder, account=ACCOUNT, user=USER, password=PASSWORD,
            )
        )  # fmt: skip
        command = ["exim4", "-C", str(configuration), "-bdf", "-oP", str(folder / "pid")]
        self._process = LocalProcess(command, folder / "exim.out")

    def start(self) -> None:
        self._process.start(HOST, self.port, self.secure)

    def stop(self) -> None:
        self._process.stop()

    def mails(self, count: int, limit_s: float = 60) -> list[EmailMessage]:
        """Return the mails that arrived, by subject, once there are that many or the time is over."""
        end = time.monotonic() + limit_s
        while True:
            files = sorted(self._mail.iterdir()) if self._mail.is_dir() else []
            if len(files) >= count or time.monotonic() > end:
                break
            time.sleep(0.05)
        found = [email.message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in files]
        return sorted(found, key=lambda mail: mail["Message-ID"])

    def forget(self) -> None:
        for path in self._mail.iterdir() if self._mail.is_dir() else ():
            path.unlink()
