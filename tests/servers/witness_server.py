# SPDX-License-Identifier: Apache-2.0
"""Witnesses for tests: one that speaks C2SP tlog-witness as its document says, and one that others wrote.

``Witness`` checks what the document asks it to check, keeps its state, and misbehaves where a test says how. It stands
for faults that no honest witness has. ``StockWitness`` is the program ``aics-witness`` in a process of its own, which
``make witness`` fetches.
"""

import base64
import re
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from http_receiver import Answer, Receiver, Request
from throwaway_ca import Certificate

from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.crypto import cosignature, merkle
from breakglass_shamir.crypto.cosignature import Cosigner
from breakglass_shamir.crypto.keys import ed25519_public
from breakglass_shamir.crypto.note import Checkpoint, open_note
from breakglass_shamir.errors import BreakglassError, InvalidProof
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.web import client

PROGRAM = Path(__file__).resolve().parents[2] / "build/witness/bin/aics-witness"
"""What ``make witness`` fetched."""

START_S = 90

Lie = Callable[[Answer], Answer]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, taken apart."""

    old: int
    proof: list[bytes]
    note: str


class Witness:
    """A witness of one log, on loopback.

    Attributes:
        state: size and root of what it cosigned last.
        asked: each request, in order.
        answers: what is answered in the place of the next honest answers.
        lie: what becomes of an honest yes.
        clock: seconds since 1970.
    """

    def __init__(self, name: str, certificate: Certificate | None = None) -> None:
        self.name = name
        self._seed = Secret(name.encode().ljust(32, b"."))
        self.cosigner = Cosigner(f"{name}.example/w", ed25519_public(self._seed))
        self.log: tuple[str, bytes] | None = None
        self.state: tuple[int, bytes] = (0, b"")
        self.asked: list[Asked] = []
        self.answers: list[Answer] = []
        self.lie: Lie = lambda answer: answer
        self.before: Callable[[], None] = lambda: None
        self.clock: Callable[[], int] = lambda: int(time.time())
        self._receiver = Receiver(certificate)
        self._receiver.answer = self._answer
        self.url = f"{self._receiver.url}/prefix"

    def stop(self) -> None:
        self._receiver.stop()

    def knows(self, origin: str, public_key: bytes) -> None:
        """Let a log in."""
        self.log = (origin, public_key)

    def line(self, url: str | None = None) -> str:
        """Return this witness's line of a policy."""
        return f"witness {self.name} {self.cosigner.to_text()} {self.url if url is None else url}".rstrip()

    def cosigned(self, note: str) -> str:
        """Return its cosignature of a note, a line."""
        return cosignature.cosign(note, self.cosigner.name, self._seed, self.clock()).removeprefix(note)

    def _answer(self, request: Request) -> Answer:
        assert request.path == "/prefix/add-checkpoint"
        head, _, note = request.body.decode().partition("\n\n")
        first, *proof = head.split("\n")
        old = re.fullmatch("old (0|[1-9][0-9]*)", first)
        assert old and len(proof) <= 63
        asked = Asked(int(old[1]), [base64.b64decode(line, validate=True) for line in proof], note)
        self.asked.append(asked)
        self.before()
        return self.answers.pop(0) if self.answers else self._honest(asked)

    def _honest(self, asked: Asked) -> Answer:
        if self.log is None or asked.note.partition("\n")[0] != self.log[0]:
            return Answer(404, b"unknown log")
        try:
            head = Checkpoint.from_text(open_note(asked.note, *self.log))
        except BreakglassError:
            return Answer(403, b"no signature by a known key")
        size, root = self.state
        if asked.old > head.size:
            return Answer(400, b"old size beyond the checkpoint")
        if asked.old != size:
            return Answer(409, f"{size}\n".encode(), {"Content-Type": "text/x.tlog.size"})
        if size == head.size and root != head.root:
            return Answer(409, b"another root")
        if not _leads_on(size, root, head, asked.proof):
            return Answer(422, b"the proof does not hold")
        self.state = (head.size, head.root)
        return self.lie(Answer(200, self.cosigned(asked.note).encode()))


def _leads_on(size: int, root: bytes, head: Checkpoint, proof: list[bytes]) -> bool:
    if not size:
        return not proof
    try:
        merkle.verify_consistency(size, head.size, proof, root, head.root)
    except InvalidProof:
        return False
    return True


class StockWitness:
    """``aics-witness``: a program of its own, with a database and a key of its own."""

    def __init__(self, folder: Path) -> None:
        self._config = folder / "witness.json"
        made = self._run("init", "--name", "stock.example/w1", "--listen", "127.0.0.1:0")
        self.vkey = made.strip().splitlines()[-1]
        self._log = folder / "witness.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def knows(self, key: str) -> None:
        """Let a log in, by its verifier key."""
        self._run("add-log", "--origin", key.partition("+")[0], "--vkey", key)

    def start(self) -> None:
        with self._log.open("wb") as log:
            words = [str(PROGRAM), "serve", "--config", str(self._config)]
            self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + START_S
        while time.monotonic() < end and self._process.poll() is None:
            found = re.search(r"listening on (http://127\.0\.0\.1:[1-9][0-9]*)", self._log.read_text())
            if found:
                self.url = found[1]
                return
            time.sleep(0.05)
        raise AssertionError(self._log.read_text())

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(START_S)
            self._process = None

    def latest(self, origin_sha256: str) -> str:
        """Return the checkpoint that it serves to monitors."""
        request = client.Request("GET", f"{self.url}/{origin_sha256}/checkpoint", answer_max=1 << 16)
        return client.ask(request, Deadline(START_S)).body.decode()

    def _run(self, verb: str, *options: str) -> str:
        done = subprocess.run(
            [PROGRAM, verb, "--config", self._config, *options], capture_output=True, text=True, timeout=START_S,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout
