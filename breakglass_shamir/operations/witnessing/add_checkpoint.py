# SPDX-License-Identifier: Apache-2.0
"""One call ``add-checkpoint`` of a witness: what is sent, and what each answer means.

Source: C2SP tlog-witness, ``add-checkpoint``.

Rules:

1. What is sent is public: an old size, a proof, a checkpoint. No redirect is followed, and the answer has a bound.
2. A size that a witness gives is its unsigned word. It is used to prove from, and believed in nothing else.
3. A yes counts only with the pinned key's signature over this checkpoint, at a time that is not yet to come.
"""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass

from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.crypto import cosignature
from breakglass_shamir.crypto.cosignature import Cosignature
from breakglass_shamir.crypto.note import MAX_TREE_SIZE, take_apart
from breakglass_shamir.custody.trust_policy import Witness
from breakglass_shamir.errors import BreakglassError, InvalidProof, InvalidSignature
from breakglass_shamir.web.client import Answer, Request, send

ANSWER_MAX_BYTES = 64 * 1024
"""Longest answer that is read: some signatures, of which those by other keys may be of a longer kind."""

SIZE_TYPE = "text/x.tlog.size"
"""Media type of the size that a conflict names."""

CLOCKS_APART_S = 600
"""How far a witness's clock may be ahead of this machine's."""

_PATH = "/add-checkpoint"
_LINE_START = "\u2014 "
_SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n")


@dataclass(frozen=True, slots=True)
class Submission:
    """What a witness is asked to cosign.

    Attributes:
        old: size that it cosigned before; 0: none that we know of.
        proof: that the tree only grew since then, 32 bytes each; empty for 0.
        note: the checkpoint, signed by the log alone.
    """

    old: int
    proof: Sequence[bytes]
    note: str

    def to_bytes(self) -> bytes:
        """Return the body of the request."""
        lines = [f"old {self.old}", *(base64.b64encode(one).decode() for one in self.proof), "", self.note]
        return "\n".join(lines).encode()


@dataclass(frozen=True, slots=True)
class Conflict:
    """The witness cosigned another size before than it was told.

    Attributes:
        size: which, by its word; None: it does not say, since it cosigned this very size with another root.
    """

    size: int | None


class Unprovable:
    """The proof does not lead from what the witness cosigned."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that cosigns nothing and accuses nobody, in words."""

    outcome: str
    """``unknown-log``, ``refused`` or ``bad-answer``."""

    words: str


def submit(
    witness: Witness, asked: Submission, deadline: Deadline, *, ca: str | None, now: int
) -> Cosignature | Conflict | Unprovable | Refusal:
    """Ask a witness to cosign a checkpoint.

    Args:
        witness: with an address.
        asked: what to cosign.
        deadline: until when.
        ca: file of certificates to trust; None: the system's.
        now: this machine's time, in seconds since 1970.

    Raises:
        WebError: there is no answer in time, or it is too long.
    """
    request = Request(
        "POST", witness.url + _PATH, asked.to_bytes(), {"Content-Type": "text/plain; charset=utf-8"}, ca=ca,
        answer_max=ANSWER_MAX_BYTES,
    )  # fmt: skip
    answer = send(request, deadline)
    if answer.status == 200:
        return _cosignature(witness, asked.note, answer.body, now)
    if answer.status == 409:
        return _conflict(answer)
    if answer.status == 422:
        return Unprovable()
    return _refusal(answer)


def _cosignature(witness: Witness, note: str, body: bytes, now: int) -> Cosignature | Refusal:
    """Return the witness's own cosignature of a note; lines by other keys are left out."""
    try:
        lines = body.decode()
        if not lines.startswith(_LINE_START):
            raise InvalidProof("expected signatures, got something else")
        text, _ = take_apart(note + lines)
        if text != take_apart(note)[0]:
            raise InvalidProof("expected signatures, got more than them")
        found = cosignature.latest(note + lines, witness.cosigner)
        if found is None:
            raise InvalidSignature(f"expected a cosignature by {witness.cosigner.to_text()}, got none")
        if found.time == 0:
            raise InvalidSignature("the cosignature does not say when it was made")
    except UnicodeDecodeError:
        return Refusal("bad-answer", "it says yes, and its answer is no text")
    except BreakglassError as error:
        return Refusal("bad-answer", f"it says yes, and its answer does not hold: {error}")
    if found.time > now + CLOCKS_APART_S:
        ahead = found.time - now
        return Refusal("bad-answer", f"its cosignature is of {ahead} s from now: its clock is wrong, or this machine's")
    return found


def _conflict(answer: Answer) -> Conflict | Refusal:
    if answer.headers.get("content-type", "").partition(";")[0].strip().lower() != SIZE_TYPE:
        return Conflict(None)
    size = _SIZE.fullmatch(answer.body)
    if size is None or int(size[1]) > MAX_TREE_SIZE:
        return Refusal("bad-answer", "it says that it cosigned another size, and gives none")
    return Conflict(int(size[1]))


def _refusal(answer: Answer) -> Refusal:
    said = f": {answer.reason}" if answer.reason else ""
    if answer.status == 404:
        return Refusal("unknown-log", f"it does not know this log, or the address is not its own{said}")
    if answer.status == 403:
        return Refusal("unknown-log", f"it does not know this log's key{said}")
    if 300 <= answer.status < 400:
        return Refusal("refused", f"it answers with {answer.status}, and a redirect is not followed")
    if answer.is_yes:
        return Refusal("bad-answer", f"expected the status 200 for a yes, got {answer.status}")
    return Refusal("refused", f"it answers with {answer.status}{said}")
