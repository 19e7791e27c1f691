# SPDX-License-Identifier: Apache-2.0
"""Receipts: given to each officer when an opening closes, read again, held against a ledger.

Rules:

1. Each officer leaves with one: a file that any machine verifies, and a slip of paper with its code. All of one
   opening say the same; the name on it says who was to keep it.
2. It is about the ``opened`` record, and remembers every record up to the moment it was given.
3. What keeps a receipt from being written never undoes or hides how the opening ended: it is said, and
   ``audit receipt`` gives another one.
4. A receipt is read from its file, or from a picture or scan of its code; the code carries all but the record and
   the path to it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from breakglass_shamir.crypto.proof import FILE_ENDING, HEADER
from breakglass_shamir.custody import names
from breakglass_shamir.custody.life.state import Opening
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.openings import Opened
from breakglass_shamir.errors import BreakglassError, FileExists, InvalidInput, LedgerUnwritable
from breakglass_shamir.formats.receipt import PREFIX, Receipt
from breakglass_shamir.ledger import durable
from breakglass_shamir.ledger import receipt as ledger_receipts
from breakglass_shamir.ledger.receipt import FOLDER_NAME, MAX_FILE_BYTES, HeldReceipt
from breakglass_shamir.ledger.store import Ledger
from breakglass_shamir.ledger.unreadable import unreadable
from breakglass_shamir.operations.reading.files import read_file, utf8_text
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.paper.reading.scan import Scanner

SHORTEST_ID = 6
"""Hexadecimal digits of an opening id that a person must give."""


@dataclass(frozen=True, slots=True)
class Given:
    """Receipts that were written."""

    held: HeldReceipt
    files: tuple[Path, ...]
    """One for each officer, and the slips in one PDF at the end."""

    officers: tuple[str, ...]


def give(recorder: Recorder, folder: Path | None = None) -> Given | None:
    """Write a receipt for each officer of the opening at hand; None where nothing was opened.

    Args:
        recorder: at the opening.
        folder: where; None: in the home.

    Raises:
        LedgerUnwritable: a file could not be written.
        FileExists: one of this name is there and says something else.
    """
    opening = _opening(recorder)
    if opening is None or not opening.was_opened:
        return None
    held = ledger_receipts.make(recorder.ledger, _opened_record(recorder.ledger, opening.id))
    officers = opening.declared.officers or (names.NOBODY,)
    out = folder or recorder.ledger.path.parent / FOLDER_NAME
    epoch = recorder.set_state.epochs[opening.epoch_id]
    *own, slips = names.receipts(recorder.set_name, epoch.short_id, opening.short_id, held.receipt.size, officers)
    content = {name: held.to_text().encode() for name in own} | {slips: _slips(held, officers)}
    return Given(held, tuple(_write(names.inside(out, name), data) for name, data in content.items()), officers)


def write_one(ledger: Ledger, identifier: str, out: Path) -> HeldReceipt:
    """Write the receipt of a record, or of an opening, to a new file.

    Args:
        ledger: whose.
        identifier: a record's number, or the beginning of an opening id.
        out: the file.

    Raises:
        InvalidInput: nothing of that id.
        FileExists: the file is there and says something else.
        LedgerUnwritable: it could not be written.
    """
    return write_record(ledger, _find(ledger, identifier), out)


def write_record(ledger: Ledger, seq: int, out: Path) -> HeldReceipt:
    """Write the receipt of the record with a number to a new file.

    Raises:
        InvalidProof: there is no such record.
        FileExists: the file is there and says something else.
        LedgerUnwritable: it could not be written.
    """
    held = ledger_receipts.make(ledger, seq)
    _write(out, held.to_text().encode())
    return held


def keep(held: HeldReceipt, folder: Path, name: str) -> Path:
    """Write a receipt that came from elsewhere into a folder; returns the file.

    Args:
        held: the receipt.
        folder: made where it is not there.
        name: of the file, of ``custody/names.py``.

    Raises:
        FileExists: one of this name is there and says something else.
        LedgerUnwritable: it could not be written.
    """
    return _write(names.inside(folder, name), held.to_text().encode())


def read(paths: Iterable[Path], scanner: Scanner) -> list[tuple[str, HeldReceipt]]:
    """Read receipts from files, pictures and scans; each with where it was found.

    Raises:
        InvalidInput: a file cannot be read, or holds no receipt.
        InvalidProof, InvalidSignature, InvalidRecord, MalformedText: one is damaged, or was altered.
    """
    return [(name, held) for path in paths for name, held in _read(path, scanner)]


def _read(path: Path, scanner: Scanner) -> list[tuple[str, HeldReceipt]]:
    begins = _beginning(path)
    try:
        if begins == HEADER.encode():
            text = utf8_text(read_file(path, MAX_FILE_BYTES), path)
            return [(path.name, ledger_receipts.read_text(text))]
        if begins[: len(PREFIX)].upper() == PREFIX.encode():
            text = utf8_text(read_file(path, MAX_FILE_BYTES), path)
            return [(path.name, HeldReceipt(Receipt.from_code(text)))]
        pages = scanner.read_path(path)
        texts = dict.fromkeys(code.text for page in pages for code in page.codes if code.text.startswith(PREFIX))
        found = [(path.name, HeldReceipt(Receipt.from_code(text))) for text in texts]
    except BreakglassError as error:
        raise type(error)(f"{path.name}: {error}", hint=error.hint) from error
    if not found:
        raise InvalidInput(
            f"expected a receipt in {path}, found none",
            hint=f"give its {FILE_ENDING} file, or a picture of its code, closer and in better light",
        )
    return found


def _beginning(path: Path) -> bytes:
    """Return as many bytes as tell a receipt's text from a picture; of a folder, none.

    Raises:
        InvalidInput: it cannot be read, or is no plain file.
    """
    if path.is_dir():
        return b""
    if not path.is_file():
        raise InvalidInput(f"expected a receipt at {path}, found no file there")
    try:
        with path.open("rb") as file:
            return file.read(len(HEADER))
    except OSError as error:
        raise unreadable(path, error) from None


def _opening(recorder: Recorder) -> Opening | None:
    s = recorder.state.sets.get(recorder.set_name)
    if s is None:
        return None
    known = (*s.past, *filter(None, [s.opening]))
    return next((one for one in known if one.id == recorder.opening), None)


def _opened_record(ledger: Ledger, opening: str) -> int:
    """Return the number of the record that opened; it is near the end."""
    for seq, data in ledger.newest_first():
        if opening.encode() in data:
            record = records.parse(data)
            if record.opening == opening and isinstance(record.body, Opened):
                return seq
    raise InvalidInput(f"opening {opening[:12]} was not opened, so there is no receipt of it")


def _find(ledger: Ledger, identifier: str) -> int:
    """Return the number of a record: the one that is named, or the one that opened the opening that is."""
    wanted = identifier.strip().lower()
    if wanted.isdecimal() and len(wanted) < SHORTEST_ID:
        if int(wanted) < ledger.size:
            return int(wanted)
    elif len(wanted) >= SHORTEST_ID:
        declared = next((opening for opening in _openings(ledger) if opening.startswith(wanted)), "")
        if declared:
            return _opened_record(ledger, declared)
    raise InvalidInput(
        f"expected a record's number or at least {SHORTEST_ID} digits of an opening's id, got {identifier!r}",
        hint="see them with: breakglass audit list",
    )


def _openings(ledger: Ledger) -> Iterator[str]:
    """Yield the ids of the openings, the newest first."""
    for _, data in ledger.newest_first():
        if b'"type":"declared"' in data:
            yield records.digest(data)


def _slips(held: HeldReceipt, officers: Sequence[str]) -> bytes:
    """Draw the slips; names that the page cannot take are written plainly and shortened."""
    try:
        return _draw(held, held.receipt.set_name, officers)
    except InvalidInput:
        short = [names.plain(officer) for officer in officers]
        return _draw(held, names.plain(held.receipt.set_name), short)


def _draw(held: HeldReceipt, set_name: str, officers: Sequence[str]) -> bytes:
    from breakglass_shamir.paper.drawing.receipt_slip import SlipContent, render

    record = held.parsed()
    receipt = held.receipt
    slips = [
        SlipContent(
            receipt.to_code(), set_name, record.opening[:12] if record else "", officer, held.time,
            receipt.size, receipt.index, held.log_id.hex(),
        )
        for officer in officers
    ]  # fmt: skip
    return render(slips)


def _write(path: Path, data: bytes) -> Path:
    """Write a file once; the same file again is left as it is."""
    try:
        durable.make_folder(path.parent, 0o700)
        durable.write_new(path, data, 0o644)
    except FileExistsError:
        if _says(path, data):
            return path
        raise FileExists(f"{path} is there already and says something else", hint="name another place") from None
    except OSError as error:
        raise LedgerUnwritable(f"the receipt {path} could not be written: {error.strerror}") from error
    return path


def _says(path: Path, data: bytes) -> bool:
    try:
        return durable.read_plain(path, len(data)) == data
    except OSError:
        return False
