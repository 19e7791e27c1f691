# SPDX-License-Identifier: Apache-2.0
"""Making an epoch's paper: seal, render, write, and read every written file back.

Rules:

1. A file is new or the whole step is refused; mode 0600; nothing half-written stays behind.
2. Each file is rasterised and decoded before the step reports success: both share codes, the envelope, and no
   code of the other kind.
3. Live and drill are sealed apart, under independent masters.
"""

import base64
import functools
import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from breakglass_shamir.crypto.keys import Kind, random_bytes
from breakglass_shamir.custody import policy as policies
from breakglass_shamir.custody.credential import Credential
from breakglass_shamir.custody.policy import Policy
from breakglass_shamir.custody.record import Issued
from breakglass_shamir.custody.state import write_seat
from breakglass_shamir.errors import FileExists, InvalidInput, PaperError
from breakglass_shamir.formats import text
from breakglass_shamir.formats.envelope import NO_PREDECESSOR, Checkpoint
from breakglass_shamir.formats.seal import Facts, Sealed, seal
from breakglass_shamir.formats.share import Share
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations.folders import on_memory
from breakglass_shamir.paper.scan import Scanner
from breakglass_shamir.paper.sheet import Paper, SheetContent, render
from breakglass_shamir.standalone import recover

SALT_BYTES = 16
"""Salt of the policy digest in the envelope."""

DEFAULT_TIMEOUT_S = 600.0
"""How long to wait for people with scans and sheets."""

MAX_TYPED_SECRET_BYTES = 128
"""Above this the envelope's core is not printed for typing."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """A sealed epoch, live and drill, before and after it is on paper."""

    policy: Policy
    source: str
    live: Sealed = field(repr=False)
    drill: Sealed = field(repr=False)
    salt: bytes
    predecessor: bytes
    typed_core: bool

    @property
    def number(self) -> int:
        """The epoch's number."""
        return self.live.envelope.core.epoch

    def record(self, proven: str) -> Issued:
        """Return the record that says its sheets exist."""
        live, drill = self.live.envelope, self.drill.envelope
        structure = live.core.structure
        return Issued(
            epoch=self.number,
            epoch_id=live.core.epoch_id.hex(),
            predecessor="" if self.predecessor == NO_PREDECESSOR else self.predecessor.hex(),
            set_public_key=live.set_public_key.hex(),
            envelope=base64.b64encode(live.to_bytes()).decode(),
            envelope_sha256=live.digest.hex(),
            drill_envelope=base64.b64encode(drill.to_bytes()).decode(),
            drill_set_public_key=drill.set_public_key.hex(),
            custodians={write_seat(seat): self.policy.custodian(seat) for seat in structure.seats()},
            policy_digest=policies.digest(self.source).hex(),
            policy_salt=self.salt.hex(),
            proven=proven,
        )


@dataclass(frozen=True, slots=True)
class Printing:
    """Where the sheets go and how they come back."""

    out: Path
    paper: Paper = "a4"
    readback: Path | None = None
    timeout_s: float = DEFAULT_TIMEOUT_S
    acknowledged: tuple[str, ...] = ()
    """Sheets whose custodians are known to hold them the moment they are printed."""


def seal_epoch(
    policy: Policy,
    source: str,
    credential: Credential,
    checkpoint: Checkpoint,
    number: int,
    predecessor: bytes,
) -> Epoch:
    """Seal a credential and, apart from it, the drill that stands in for it."""
    salt = random_bytes(SALT_BYTES)
    digest = policies.salted_digest(salt, source)

    def facts(kind: Kind, before: bytes) -> Facts:
        return Facts(kind, policy.name, number, policy.structure, digest, checkpoint, before)

    with credential.to_bytes() as plaintext:
        live = seal(facts(Kind.LIVE, predecessor), plaintext)
    rehearsal = Credential(Secret(b"this is a drill"), target="drill:")
    drill = seal(facts(Kind.DRILL, NO_PREDECESSOR), rehearsal.to_bytes())
    typed = len(credential.secret) <= MAX_TYPED_SECRET_BYTES
    return Epoch(policy, source, live, drill, salt, predecessor, typed)


def print_epoch(epoch: Epoch, printing: Printing, scanner: Scanner) -> list[Path]:
    """Write every sheet and drill card and read each file back.

    Returns:
        The files, live sheets first.

    Raises:
        FileExists: a file is already there; nothing was written.
        PaperError: a file could not be written or does not read back; what was written is removed.
        InvalidInput: a name has a character that cannot be printed; nothing was written.
    """
    rendered = {printing.out / name: pdf for name, pdf in _render_all(epoch, printing.paper)}
    taken = [path.name for path in rendered if path.exists()]
    if taken:
        raise FileExists(f"{', '.join(taken)} in {printing.out} would be overwritten", hint="choose another --out")
    written: list[Path] = []
    try:
        _make_folder(printing.out)
        for path, pdf in rendered.items():
            written.append(path)
            _write(path, pdf)
        _verify_all(epoch, written, scanner)
    except BaseException:
        remove(written)
        raise
    return written


def remove(paths: Sequence[Path]) -> None:
    """Remove files that must not stay."""
    for path in paths:
        path.unlink(missing_ok=True)


def folder_warning(folder: Path) -> str:
    """Say why a folder is a poor place for sheets, or nothing when it is a good one."""
    if on_memory(folder):
        return ""
    return (
        f"{folder} is on a disk: shares written there can be found later. Use a folder on a memory file system "
        "(/dev/shm), or wipe the disk"
    )


def _render_all(epoch: Epoch, paper: Paper) -> Iterator[tuple[str, bytes]]:
    kinds: tuple[tuple[Sealed, Literal["live", "drill"]], ...] = (
        (epoch.live, "live"),
        (epoch.drill, "drill"),
    )
    for sealed, kind in kinds:
        for share in sealed.shares:
            yield _file_name(epoch, share), render(_content(epoch, share, kind), paper)


def _file_name(epoch: Epoch, share: Share) -> str:
    tail = "" if share.kind is Kind.LIVE else "-drill"
    return f"{epoch.policy.name}-e{epoch.number}-g{share.group}-m{share.member}{tail}.pdf"


def _content(epoch: Epoch, share: Share, kind: Literal["live", "drill"]) -> SheetContent:
    core = epoch.live.envelope.core
    structure = core.structure
    seat = (share.group, share.member)
    live = kind == "live"
    lines = core.to_lines() if live and epoch.typed_core else ()
    return SheetContent(
        kind=kind,
        set_name=epoch.policy.name,
        epoch=epoch.number,
        epoch_id=text.short_id(share.epoch_id),
        group=share.group,
        group_count=len(structure.groups),
        member=share.member,
        number=structure.index(seat) + 1,
        total=structure.sheets,
        needed=structure.in_words(),
        share_code=share.to_text(),
        share_lines=share.to_lines(),
        envelope_codes=epoch.live.envelope.to_codes() if live else (),
        core_lines=lines,
        core_omitted=live and not lines,
        custodian=epoch.policy.custodian(seat),
        belongs_to=epoch.policy.belongs_to,
        printed_on=datetime.now(UTC).date().isoformat(),
        bag_serial="",
        recovery_tool=f"recover.py {recover.VERSION}",
        recovery_sha256=_recovery_digest(),
    )


@functools.cache
def _recovery_digest() -> str:
    """Return the SHA-256 of the standalone recovery tool as it ships here, hexadecimal."""
    return hashlib.sha256(Path(recover.__file__).read_bytes()).hexdigest()


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise PaperError(f"the folder {folder} could not be made: {error.strerror}") from error


def _write(path: Path, pdf: bytes) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pdf)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise PaperError(
            f"{path.name} could not be written: {error.strerror}", hint="free space or another --out"
        ) from error


def _verify_all(epoch: Epoch, files: Sequence[Path], scanner: Scanner) -> None:
    shares = [*epoch.live.shares, *epoch.drill.shares]
    for path, share in zip(files, shares, strict=True):
        expected = {share.to_text()}
        if share.kind is Kind.LIVE:
            expected |= set(epoch.live.envelope.to_codes())
        _verify(path, expected, scanner)


def _verify(path: Path, expected: set[str], scanner: Scanner) -> None:
    """Compare what a file reads back as with what was meant: nothing missing, nothing more."""
    found: set[str] = set()
    for page in scanner.read_once(path):
        if page.problem:
            raise PaperError(f"{page.source} does not read back: {page.problem}")
        found |= {code.text for code in page.codes}
    if found != expected:
        raise PaperError(f"{path.name} does not read back as it was meant: do not use it")


def check_out(folder: Path | None) -> Path:
    """Return the folder for sheets.

    Raises:
        InvalidInput: none was named, or it is a file.
    """
    if folder is None:
        raise InvalidInput("expected a folder for the sheets", hint="name it with --out DIR")
    if folder.exists() and not folder.is_dir():
        raise InvalidInput(f"expected a folder for the sheets, got the file {folder}")
    return folder
