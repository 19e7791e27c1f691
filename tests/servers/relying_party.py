# SPDX-License-Identifier: Apache-2.0
"""A relying party on loopback: a page with passkeys, verified by Yubico's server library (python-fido2).

The page has what people would click: log in with a password, log in with a passkey, add one, remove one. What people
would do in a visit is a script of the test's that runs in the page (``people``): it clicks the same buttons. The server
verifies challenge, origin, signature and counter itself, and refuses a counter that does not go up.
"""

import json
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from fido2.server import Fido2Server
from fido2.utils import websafe_encode
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

PAGE = """<!doctype html><meta charset=utf-8><title>console.example</title>
<style>body{font:16px sans-serif;margin:2em}button{padding:.5em 1em;margin:.3em}</style>
<h1>Admin console</h1><p id=who>logged out</p>
<button id=password>Log in with the password</button><button id=passkey>Log in with a passkey</button>
<button id=add>Add a passkey</button><ul id=keys></ul>
<script>
const post = async (path, body) => {
  const said = await fetch(path, {method: "POST", body: JSON.stringify(body || {})});
  return {ok: said.ok, body: await said.json()};
};
const by = id => document.getElementById(id);
async function draw() {
  const said = await fetch("/me");
  by("who").textContent = said.ok ? "logged in as root@console.example" : "logged out";
  by("keys").textContent = "";
  if (!said.ok) return;
  for (const id of (await said.json()).keys) {
    const row = document.createElement("li"), button = document.createElement("button");
    button.textContent = "Remove"; button.dataset.key = id; row.append(id.slice(0, 12) + "... ", button);
    button.onclick = async () => { await post("/remove", {id}); await draw(); };
    by("keys").append(row);
  }
}
by("password").onclick = async () => { await post("/password"); await draw(); };
by("passkey").onclick = async () => {
  try {
    const {publicKey} = (await post("/login/begin")).body;
    const key = await navigator.credentials.get(
      {publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey)});
    await post("/login/end", key.toJSON());
  } catch (error) { by("who").textContent = "" + error; return; }
  await draw();
};
by("add").onclick = async () => {
  try {
    const {publicKey} = (await post("/add/begin")).body;
    const key = await navigator.credentials.create(
      {publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey)});
    await post("/add/end", key.toJSON());
  } catch (error) { by("who").textContent = "" + error; return; }
  await draw();
};
const sees = async text => { while (!by("who").textContent.includes(text)) await new Promise(r => setTimeout(r, 30)); };
const has = async n => { while (by("keys").children.length != n) await new Promise(r => setTimeout(r, 30)); };
draw().then(async () => { const work = PEOPLE; if (work) { await work(); await post("/finished"); } });
</script>"""


@dataclass
class Kept:
    """One passkey as the relying party knows it."""

    data: AttestedCredentialData
    counter: int
    backed_up: bool = False


@dataclass
class RelyingParty:
    """The server; a context manager that ends it."""

    people: str = ""
    """What people do at the page, in JavaScript."""

    is_finished: bool = False
    """Whether they did all of it."""

    redirects: bool = False
    """Whether the probe sends who is logged out to the page."""

    names_keys: bool = False
    """Whether a login names the account's passkeys to the browser."""

    discards: bool = False
    """Whether new passkeys are verified, and then not kept."""

    keys: dict[str, Kept] = field(default_factory=dict)
    seen: list[tuple[str, int]] = field(default_factory=list)
    """Public id and counter of each assertion that was verified or not."""

    refused: list[str] = field(default_factory=list)
    sessions: set[str] = field(default_factory=set)
    dawdles: Callable[[str], None] = lambda _path: None
    """Is called with the path of each request, before it is answered."""

    def __enter__(self) -> Self:
        party = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                party.answer(self, {})

            def do_POST(self) -> None:
                party.is_finished = party.is_finished or self.path == "/finished"
                party.answer(self, json.loads(self.rfile.read(int(self.headers["content-length"])) or b"{}"))

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://localhost:{self.server.server_port}"
        self.fido = Fido2Server(
            PublicKeyCredentialRpEntity(id="localhost", name="console.example"),
            verify_origin=lambda origin: origin == self.origin,
        )
        self.state: Any = None
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def target(self) -> str:
        return f"passkey:{self.origin}/"

    @property
    def probe(self) -> str:
        return f"{self.origin}/me"

    def answer(self, request: BaseHTTPRequestHandler, body: Any) -> None:
        self.dawdles(request.path)
        cookie = request.headers.get("cookie", "").partition("session=")[2].partition(";")[0]
        status, said, headers = self.asked(request.path, body, logged_in=cookie in self.sessions)
        data = said.encode() if isinstance(said, str) else json.dumps(dict(said)).encode()
        request.send_response(status)
        kind = "text/html" if isinstance(said, str) else "application/json"
        for name, value in {"content-type": kind, "content-length": str(len(data)), **headers}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(data)

    def asked(self, path: str, body: Any, *, logged_in: bool) -> tuple[int, Any, dict[str, str]]:
        if path == "/people":
            self.people, self.is_finished = body, False
            return 200, {}, {}
        if path == "/finished":
            return (200 if self.is_finished else 404), {}, {}
        return self.of_the_page(path, body, logged_in=logged_in)

    def of_the_page(self, path: str, body: Any, *, logged_in: bool) -> tuple[int, Any, dict[str, str]]:
        if path == "/":
            return 200, PAGE.replace("PEOPLE", f"async () => {{ {self.people} }}" if self.people else "null"), {}
        if path == "/me":
            if logged_in:
                return 200, {"keys": list(self.keys)}, {}
            return (302, {}, {"location": "/"}) if self.redirects else (401, {}, {})
        if path == "/password":
            return 200, {}, self.session()
        if path == "/login/begin":
            named = [kept.data for kept in self.keys.values()] if self.names_keys else None
            asked, self.state = self.fido.authenticate_begin(
                named, user_verification=UserVerificationRequirement.REQUIRED
            )
            return 200, asked, {}
        if path == "/login/end":
            return self.login(body)
        if not logged_in:
            return 401, {}, {}
        if path == "/add/begin":
            user = PublicKeyCredentialUserEntity(id=b"user-1", name="root@console.example", display_name="root")
            options, self.state = self.fido.register_begin(
                user, [kept.data for kept in self.keys.values()], ResidentKeyRequirement.REQUIRED,
                UserVerificationRequirement.REQUIRED,
            )  # fmt: skip
            return 200, options, {}
        if path == "/add/end":
            made = self.fido.register_complete(self.state, body)
            assert made.credential_data is not None
            if not self.discards:
                self.keys[websafe_encode(made.credential_data.credential_id)] = Kept(
                    made.credential_data, made.counter, made.is_backup_eligible()
                )
            return 200, {}, {}
        if path == "/remove":
            self.keys.pop(body["id"], None)
            return 200, {}, {}
        return 404, {}, {}

    def login(self, body: Any) -> tuple[int, Any, dict[str, str]]:
        response = AuthenticationResponse.from_dict(body)
        data, kept = response.response.authenticator_data, self.keys.get(body["id"])
        self.seen.append((body["id"], data.counter))
        if kept is None:
            self.refused.append("unknown passkey")
            return 403, {}, {}
        self.fido.authenticate_complete(self.state, [kept.data], body)
        if (data.counter or kept.counter) and data.counter <= kept.counter:
            self.refused.append("a clone: the counter did not go up")
            return 403, {}, {}
        if data.is_backup_eligible() != kept.backed_up:
            self.refused.append("another flag BE")
            return 403, {}, {}
        kept.counter = data.counter
        return 200, {}, self.session()

    def session(self) -> dict[str, str]:
        name = secrets.token_hex(8)
        self.sessions.add(name)
        return {"set-cookie": f"session={name}; HttpOnly; SameSite=Strict; Path=/"}
