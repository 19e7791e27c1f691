# SPDX-License-Identifier: Apache-2.0
"""A Redfish service on loopback: sessions and accounts as DSP0266 and the schemas describe them, faults included.

It stands for management controllers, of which none can be had here, and for an emulator: those that are published have
no AccountService. What it does beyond the documents is what controllers are known to do, and a test asks for it.
"""

import json
import secrets
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from throwaway_ca import Certificate

from breakglass_shamir.hygiene import Secret

HOST = "127.0.0.1"
USER = "breakglass"
SESSIONS, ACCOUNTS = "/redfish/v1/SessionService/Sessions", "/redfish/v1/AccountService/Accounts"


class _Server(ThreadingHTTPServer):
    """A client that goes away is no error here."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


@dataclass
class Account:
    """An account as the service keeps it."""

    password: str
    more: dict[str, Any] = field(default_factory=dict)
    version: int = 1


class RedfishService:
    """The service.

    Attributes:
        accounts: by user name.
        rules: more properties of its AccountService.
        keeps: how many bytes of a password it keeps.
        has_etags: whether it tells ETags, and holds who changes something to them.
        logins: how many sessions were asked for that were made, and that were refused.
        before_patch: is called before an account is changed.
        answer: takes the place of an answer: gets method and path, returns status and body, or None.
        paths: every path that was asked for.
    """

    def __init__(self, certificate: Certificate) -> None:
        self.accounts: dict[str, Account] = {}
        self.rules: dict[str, Any] = {}
        self.sessions: dict[str, tuple[str, str]] = {}
        self.keeps, self.has_etags = 200, True
        self.logins = [0, 0]
        self.paths: list[str] = []
        self.before_patch: Callable[[], None] = lambda: None
        self.answer: Callable[[str, str], tuple[int, dict[str, Any]] | None] = lambda _method, _path: None
        self._server = _Server((HOST, 0), self._handler())
        self._server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.certificate, certificate.key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def address(self) -> tuple[str, int]:
        return HOST, self.port

    @property
    def target(self) -> str:
        return f"redfish://{HOST}:{self.port}"

    def become(self, password: Secret) -> None:
        """Be as new, with one account's password."""
        self.accounts = {"root": Account("calvin-and-hobbes"), USER: Account(password.reveal().decode())}
        self.rules, self.sessions, self.logins, self.paths = {}, {}, [0, 0], []
        self.keeps, self.has_etags = 200, True
        self.before_patch, self.answer = (lambda: None), (lambda _method, _path: None)

    def opens(self, password: Secret) -> bool:
        """Tell whether a password is the account's."""
        return self.accounts[USER].password == password.reveal().decode()[: self.keeps]

    def log_in(self, _password: Secret) -> Callable[[], bool]:
        """Begin a session of the account; returns a question: does it live?"""
        token = self._begin(USER)
        return lambda: token in self.sessions

    def stop(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()

    def _begin(self, user: str) -> str:
        token = secrets.token_hex(16)
        self.sessions[token] = (user, secrets.token_hex(4))
        return token

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else {}
                service.paths.append(self.path)
                made = service.answer(self.command, self.path)
                status, said, headers = (
                    (*made, {}) if made else service.act(self.command, self.path, body, self.headers)
                )
                text = json.dumps(said).encode() if said else b""
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(text)), "OData-Version": "4.0"}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PATCH = do_DELETE = do

            def log_message(self, *_args: Any) -> None:
                pass

        return Handler

    def act(
        self, method: str, path: str, body: dict[str, Any], headers: Any
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        """Answer one request: status, body, headers."""
        if path == "/redfish/v1/":
            return 200, {
                "@odata.id": path, "RedfishVersion": "1.15.0", "AccountService": _to("/redfish/v1/AccountService"),
                "Links": {"Sessions": _to(SESSIONS)},
            }, {}  # fmt: skip
        if method == "POST" and path == SESSIONS:
            return self._log_in(body)
        user = self.sessions.get(headers.get("X-Auth-Token", ""), ("", ""))[0]
        if not user:
            return 401, _error("NoValidSession", "there is no such session"), {}
        if path == "/redfish/v1/AccountService":
            return 200, {"@odata.id": path, "Accounts": _to(ACCOUNTS), **self.rules}, {}
        for collection, members in ((ACCOUNTS, self.accounts), (SESSIONS, [one for _, one in self.sessions.values()])):
            if path == collection:
                links = [_to(f"{collection}/{one}") for one in members]
                return 200, {"@odata.id": path, "Members": links, "Members@odata.count": len(links)}, {}
        name = path.rpartition("/")[2]
        if path.startswith(SESSIONS):
            return self._session(method, path, name)
        if path.startswith(ACCOUNTS) and name in self.accounts:
            return self._account(method, path, name, body, headers)
        return 404, _error("ResourceMissingAtURI", "there is nothing"), {}

    def _log_in(self, body: dict[str, Any]) -> tuple[int, dict[str, Any], dict[str, str]]:
        account = self.accounts.get(body.get("UserName", ""))
        if account is None or account.password != body.get("Password") or account.more.get("Locked"):
            self.logins[1] += 1
            return 401, _error("ResourceAtUriUnauthorized", "the login is refused"), {}
        self.logins[0] += 1
        token = self._begin(body["UserName"])
        link = f"{SESSIONS}/{self.sessions[token][1]}"
        said = (
            _error("PasswordChangeRequired", "change it")["error"] if account.more.get("PasswordChangeRequired") else {}
        )
        return 201, {"@odata.id": link, **said}, {"X-Auth-Token": token, "Location": f"https://{HOST}{link}"}

    def _session(self, method: str, path: str, name: str) -> tuple[int, dict[str, Any], dict[str, str]]:
        found = next((token for token, (_, number) in self.sessions.items() if number == name), None)
        if found is None:
            return 404, _error("ResourceMissingAtURI", "there is nothing"), {}
        if method == "DELETE":
            del self.sessions[found]
            return 204, {}, {}
        return 200, {"@odata.id": path, "UserName": self.sessions[found][0]}, {}

    def _account(
        self, method: str, path: str, name: str, body: dict[str, Any], headers: Any
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        account = self.accounts[name]
        if method == "PATCH":
            self.before_patch()
            wanted = headers.get("If-Match")
            if self.has_etags and wanted is None:
                return 428, _error("PreconditionRequired", "an ETag is asked for"), {}
            if self.has_etags and wanted != f'"{account.version}"':
                return 412, _error("PreconditionFailed", "it was changed"), {}
            if "!" in body["Password"]:
                return 400, _error("PropertyValueFormatError", "a password has no exclamation mark"), {}
            account.password = body["Password"][: self.keeps]
            account.version += 1
            return 204, {}, {}
        etag = {"ETag": f'"{account.version}"'} if self.has_etags else {}
        return 200, {"@odata.id": path, "UserName": name, "Password": None, **account.more}, etag


def _to(link: str) -> dict[str, str]:
    return {"@odata.id": link}


def _error(name: str, words: str) -> dict[str, Any]:
    return {"error": {"@Message.ExtendedInfo": [{"MessageId": f"Base.1.16.{name}", "Message": words}]}}
