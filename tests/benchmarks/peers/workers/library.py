# SPDX-License-Identifier: Apache-2.0
"""One library, kept running: splits and combines as often as it is asked to, and says how long it took.

python library.py NAME, started with the Python of the environment that has the library. A request is a line of JSON on
standard input, its answer one on standard output; ``node.js`` beside it speaks the same. It knows nothing of the
benchmark, and imports one library only.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from msgspec.structs import replace

THRESHOLD, MEMBERS = 3, 5


class Library(Protocol):
    """What a library is asked to do; shares are texts."""

    def split(self, secret: bytes) -> list[str]: ...

    def combine(self, shares: Sequence[str]) -> bytes: ...

    def forge(self, share: str) -> str:
        """Return a share with another value that is well-formed all the same."""
        ...

    def offers(self) -> list[str]:
        """Return the names that the library gives away."""
        ...


class Ours:
    """Breakglass_shamir: the envelope goes with the shares, as it stands on every sheet."""

    def __init__(self) -> None:
        import breakglass_shamir

        self._library = breakglass_shamir
        self._envelope: list[str] = []

    def split(self, secret: bytes) -> list[str]:
        ours = self._library
        structure = ours.Structure(1, (ours.Group(THRESHOLD, MEMBERS),))
        sealed = ours.split(ours.Credential(ours.Secret(secret)), structure, set_name="benchmark")
        self._envelope = sealed.envelope.to_codes()
        return [share.to_text() for share in sealed.shares]

    def combine(self, shares: Sequence[str]) -> bytes:
        pool = self._library.Pool()
        answers = [pool.add(text) for text in (*self._envelope, *shares)]
        try:
            with self._library.hazmat.open_without_record(pool).secret as secret:
                return bytes(secret.reveal())
        except self._library.errors.BreakglassError as error:
            said = [answer.message for answer in answers[len(self._envelope) :]]
            raise ValueError("; ".join([*said, str(error)])) from None

    def forge(self, share: str) -> str:
        read = self._library.read_share(share).share
        other = self._library.Secret(_another(read.value.reveal()))
        return str(self._library.Share(read.kind, read.epoch_id, read.group, read.member, other).to_text())

    def offers(self) -> list[str]:
        return [*self._library.__all__, *(f"Home.{name}" for name in dir(self._library.Home) if name[0] != "_")]


class PyShamir:
    """Shares are bytes; written in hexadecimal here."""

    def __init__(self) -> None:
        import pyshamir

        self._library = pyshamir

    def split(self, secret: bytes) -> list[str]:
        return [bytes(share).hex() for share in self._library.split(secret, MEMBERS, THRESHOLD)]

    def combine(self, shares: Sequence[str]) -> bytes:
        return bytes(self._library.combine([bytearray.fromhex(share) for share in shares]))

    def forge(self, share: str) -> str:
        return _another(bytes.fromhex(share)).hex()

    def offers(self) -> list[str]:
        return list(self._library.__all__)


class ShamirMnemonic:
    """SLIP-39's reference implementation: shares are words."""

    def __init__(self) -> None:
        import shamir_mnemonic

        self._library = shamir_mnemonic

    def split(self, secret: bytes) -> list[str]:
        return list(self._library.generate_mnemonics(1, [(THRESHOLD, MEMBERS)], secret)[0])

    def combine(self, shares: Sequence[str]) -> bytes:
        return bytes(self._library.combine_mnemonics(shares))

    def forge(self, share: str) -> str:
        return _forged_mnemonic(share)

    def offers(self) -> list[str]:
        return list(self._library.__all__)


class Slip39:
    """The cards' own library: words, too, and wallets."""

    def __init__(self) -> None:
        import logging

        import slip39

        logging.disable(logging.CRITICAL)
        self._library = slip39

    def split(self, secret: bytes) -> list[str]:
        return list(self._library.mnemonics(1, [(THRESHOLD, MEMBERS)], secret)[0])

    def combine(self, shares: Sequence[str]) -> bytes:
        return bytes(self._library.recover(list(shares)))

    def forge(self, share: str) -> str:
        return _forged_mnemonic(share)

    def offers(self) -> list[str]:
        return [name for name in dir(self._library) if name[0] != "_"]


LIBRARIES: dict[str, Callable[[], Library]] = {
    "breakglass_shamir": Ours,
    "pyshamir": PyShamir,
    "shamir-mnemonic": ShamirMnemonic,
    "slip39": Slip39,
}


def _another(value: bytes) -> bytes:
    return bytes([value[0] ^ 1, *value[1:]])


def _forged_mnemonic(share: str) -> str:

    from shamir_mnemonic.share import Share

    read = Share.from_mnemonic(share)
    return str(replace(read, value=_another(read.value)).mnemonic())


def answer(library: Library, request: dict[str, Any]) -> dict[str, Any]:
    """Do what one request asks for; what the library refuses is an answer, too."""
    if request["do"] == "offers":
        return {"offers": library.offers()}
    if request["do"] == "forge":
        return {"share": library.forge(request["share"])}
    shares: list[str] = []
    secret = b""
    started = time.perf_counter()
    try:
        for _ in range(request["times"]):
            if request["do"] == "split":
                shares = library.split(bytes.fromhex(request["secret"]))
            else:
                secret = library.combine(request["shares"])
    except Exception as error:  # each library has refusals of its own
        return {"refused": f"{type(error).__name__}: {error}"}
    return {"seconds": time.perf_counter() - started, "shares": shares, "secret": secret.hex()}


def main() -> None:
    """Answer until there are no more requests."""
    library = LIBRARIES[sys.argv[1]]()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(library, json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
