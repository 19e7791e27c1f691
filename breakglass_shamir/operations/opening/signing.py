# SPDX-License-Identifier: Apache-2.0
"""Officers sign the declaration: on this terminal, or anywhere else and brought here.

Rules:

1. What is signed is the ``declared`` record, its exact bytes, in the namespace ``officer@breakglass-shamir``.
2. A signature is verified, and its key looked up in the policy, before it is recorded. One that does not count is
   refused by name and recorded nowhere.
3. It is taken while the declaration is under way and nothing is opened; so it is in the log before the reveal.
4. Whoever waits for signatures sees those that another process records, too.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from breakglass_shamir.crypto import ssh_key, sshsig
from breakglass_shamir.custody.life import gates, officers
from breakglass_shamir.custody.life.gates import Problem
from breakglass_shamir.custody.life.state import Opening, Phase
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.custody.records.openings import OfficerSigned, Refused
from breakglass_shamir.errors import (
    BreakglassError,
    FileExists,
    IllegalState,
    InvalidInput,
    InvalidSignature,
    LedgerUnwritable,
)
from breakglass_shamir.ledger import clock, durable
from breakglass_shamir.operations.opening import ssh_sign
from breakglass_shamir.operations.reading.files import ascii_text, read_file
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.shell import breakglass

MAX_SIGNATURE_BYTES = 16 * 1024
"""Largest file that is read as a signature; one by an RSA key of 16384 bits has about 6 KB."""


@dataclass(frozen=True, slots=True)
class Signers:
    """Who signs on this terminal (docs/guide-officer.md).

    Attributes:
        keys: officers' key files, or the ``.pub`` files of keys that an agent or token holds.

    Raises:
        InvalidInput: a key file is not there; nothing is declared yet.
    """

    keys: tuple[Path, ...] = ()
    asks: bool = False
    """Whether people can be asked, and are waited for."""

    def __post_init__(self) -> None:
        if not isinstance(self.keys, tuple) or not all(isinstance(file, Path) for file in self.keys):
            raise InvalidInput("expected the paths of officers' key files, got something else")
        absent = [str(file) for file in self.keys if not file.is_file()]
        if absent:
            raise InvalidInput(f"expected a key file, found none at {', '.join(absent)}")


@dataclass(frozen=True, slots=True)
class Signed:
    """One signature of a declaration (docs/guide-officer.md).

    Attributes:
        officer: whose key it is by the policy.
        fingerprint: of the key, ``SHA256:...``.
        time: ISO time of its record.
    """

    officer: str
    fingerprint: str
    time: str


@dataclass(frozen=True, slots=True)
class Declaration:
    """A declaration under way, as officers see it before they sign (docs/guide-officer.md).

    Attributes:
        set_name: the set.
        opening: id of the opening: SHA-256 of its ``declared`` record, hexadecimal.
        incident_class: of the policy's list.
        ticket: of the incident.
        reason: in words.
        officers: who take part.
        declared_at: ISO time, by this terminal's clock.
        valid_for_s: how long it holds, in seconds.
        namespace: what ``ssh-keygen -Y sign -n`` is given.
        signed: the signatures that count.
    """

    set_name: str
    opening: str
    incident_class: str
    ticket: str
    reason: str
    officers: tuple[str, ...]
    declared_at: str
    valid_for_s: int
    namespace: str
    needed: int
    """Officers whose signatures the policy asks for."""

    counted: int
    """Officers who have signed, each once."""

    signed: tuple[Signed, ...]
    file: Path | None = None
    """Where the bytes to be signed were written."""


def declaration(recorder: Recorder, file: Path | None = None) -> Declaration:
    """Describe the declaration under way and who has signed it.

    Raises:
        IllegalState: nothing is declared, or it was opened already.
    """
    opening, policy = _to_be_signed(recorder), _policy(recorder)
    said = opening.declared
    signed = tuple(
        Signed(one.officer, ssh_key.from_line(one.key).fingerprint, one.at.time) for one in opening.signatures
    )
    return Declaration(
        recorder.set_name, opening.id, said.incident_class, said.ticket, said.reason, said.officers, opening.at.time,
        said.valid_for_s, sshsig.OFFICER_NAMESPACE, policy.declaration.signatures if policy else 0,
        officers.count(policy, opening) if policy else 0, signed, file,
    )  # fmt: skip


def export(recorder: Recorder, out: Path) -> None:
    """Write the exact bytes that an officer signs to a new file.

    Raises:
        FileExists: it is there already.
        LedgerUnwritable: it could not be written.
        IllegalState: nothing is declared, or it was opened already.
    """
    data = _to_be_signed(recorder).data
    try:
        durable.write_new(out, data, 0o644)
    except FileExistsError:
        raise FileExists(f"{out} is there already", hint="choose another --out") from None
    except OSError as error:
        raise LedgerUnwritable(f"{out} could not be written: {error.strerror}") from error


def sign_here(recorder: Recorder, key_files: Iterable[Path], *, asks: bool) -> None:
    """Let officers sign with their own keys on this terminal.

    Raises:
        InvalidInput: ssh-keygen made no signature.
        IllegalState: the key counts for nobody, or nothing is declared.
    """
    for key_file in key_files:
        data = _to_be_signed(recorder).data
        recorder.desk.say(f"signing the declaration with {key_file}")
        _record(recorder, ssh_sign.sign(key_file, data, sshsig.OFFICER_NAMESPACE, asks=asks))


def take(recorder: Recorder, files: Iterable[Path]) -> None:
    """Take signatures that were made elsewhere.

    Raises:
        InvalidInput: a file cannot be read.
        InvalidSignature: it is no signature of this declaration.
        IllegalState: the key counts for nobody, or nothing is declared.
    """
    for file in files:
        _record(recorder, _read(file))


def collect(recorder: Recorder, signers: Signers, *, passes: bool) -> list[Problem]:
    """Have the declaration signed as its policy asks, and return what is still missing.

    A key that makes no signature, or counts for nobody, is said and recorded, and stops nothing by itself.

    Args:
        recorder: at an opening that is declared.
        signers: who signs here.
        passes: an override passes what is missing, so nobody is waited for.
    """
    here = {one.key for one in recorder.refresh().active_opening.signatures}
    for file in signers.keys:
        if not _has_signed(file, here):
            _try(recorder, file, asks=signers.asks)
    while _missing(recorder) and signers.asks and not passes:
        said = recorder.desk.key_file(_question(recorder), _over(recorder))
        if said is None or (not said and _is_stale(recorder.set_state.active_opening)):
            break
        if said:
            _try(recorder, Path(said).expanduser(), asks=True)
    return _missing(recorder)


def _try(recorder: Recorder, file: Path, *, asks: bool) -> None:
    """Let one officer sign; what goes wrong is said and recorded."""
    try:
        sign_here(recorder, [file], asks=asks)
    except (InvalidInput, IllegalState, InvalidSignature) as error:
        recorder.append(Refused(stage="sign", error=error.id, message=str(error)))
        recorder.desk.warn(f"{error}; {error.hint}" if error.hint else str(error))


def _missing(recorder: Recorder) -> list[Problem]:
    return gates.before_scanning(_policy(recorder), recorder.refresh().active_opening)


def _question(recorder: Recorder) -> str:
    name = recorder.set_name
    return (
        f"{_missing(recorder)[0].text}. Name a key file to sign here, or in another window: "
        f"{breakglass('sign', name, options='--key FILE')}, or --out FILE and --signature FILE for somebody "
        "elsewhere. Empty: stop"
    )


def _over(recorder: Recorder) -> Callable[[], bool]:
    """Tell whether the waiting is over: everybody has signed, or the declaration holds no more."""

    def over() -> bool:
        opening = recorder.refresh().opening
        return opening is None or _is_stale(opening) or not gates.before_scanning(_policy(recorder), opening)

    return over


def _is_stale(opening: Opening) -> bool:
    return opening.at.seconds_until(clock.now()) > opening.declared.valid_for_s


def _has_signed(key_file: Path, lines: set[str]) -> bool:
    """Tell whether the key beside which a public half lies has signed already: a repeated command asks nobody twice."""
    for path in (key_file, key_file.with_name(key_file.name + ".pub")):
        try:
            line = ascii_text(read_file(path, MAX_SIGNATURE_BYTES), path, "a public key")
            return ssh_key.from_line(line).line in lines
        except BreakglassError:
            continue
    return False


def _record(recorder: Recorder, armored: str) -> None:
    opening, policy = _to_be_signed(recorder), _policy(recorder)
    claimed = sshsig.parse(armored)
    key = ssh_key.from_blob(claimed.key_blob)
    if any(one.key == key.line for one in opening.signatures):
        recorder.desk.say(f"signed already with {key.fingerprint}")
        return
    body = OfficerSigned(officer=officers.signer(policy, key, clock.now().time), key=key.line, signature=armored)
    officers.verify(body, opening.data)
    recorder.opening = opening.id
    recorder.append(body)
    recorder.desk.say(f"signed: {body.officer} with {key.fingerprint}")


def _read(file: Path) -> str:
    """Read a signature; how a mail program ends its lines does not matter."""
    lines = ascii_text(read_file(file, MAX_SIGNATURE_BYTES), file, "an armored SSH signature").split("\n")
    return "\n".join(line.strip() for line in lines).strip() + "\n"


def _to_be_signed(recorder: Recorder) -> Opening:
    """Return the declaration under way.

    Raises:
        IllegalState: there is none, or it was opened already.
    """
    opening = recorder.refresh().opening
    if opening is None or opening.phase is not Phase.DECLARED:
        raise IllegalState(
            f"there is no declaration of set {recorder.set_name} to sign",
            hint="declare with: breakglass recombine NAME ...; officers sign before anything is opened",
        )
    return opening


def _policy(recorder: Recorder) -> Policy | None:
    source = recorder.set_state.policy_source
    return policies.parse(source) if source else None
