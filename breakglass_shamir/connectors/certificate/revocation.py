# SPDX-License-Identifier: Apache-2.0
"""The revocation list of a local authority: read, and replaced by one that names more.

Source: RFC 5280, section 5.

Rules:

1. The list is the record of what was revoked: everything in it stays. Its number goes up by one.
2. It takes the place of the old one in one step, under a lock on its folder, with its owner and mode.
3. A file may hold the lists of several authorities, as nginx wants them: the others stay as they are.
4. A list that the authority did not sign is nobody's to replace.
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from breakglass_shamir.connectors.certificate.pair import digest_for
from breakglass_shamir.connectors.port import one_file
from breakglass_shamir.errors import ConnectorError

if TYPE_CHECKING:
    from cryptography import x509

FILE_MAX_BYTES = 8 << 20
"""Longest file of lists."""

CLOCKS_DIFFER = timedelta(minutes=5)
"""How far clocks may differ: a list is from a little before it was made."""

_BEGIN, _END = b"-----BEGIN X509 CRL-----", b"-----END X509 CRL-----"


def problems(path: Path, ca: "x509.Certificate") -> list[str]:
    """Say what stands against replacing the list; nothing is changed."""
    try:
        found = one_file.read_file(path, FILE_MAX_BYTES)
    except FileNotFoundError:
        folder = path.parent
        if folder.is_dir() and os.access(folder, os.W_OK | os.X_OK):
            return []
        return [f"the revocation list {path} is not there, and cannot be made in its folder"]
    except OSError as error:
        return [f"the revocation list {path} cannot be read: {error.strerror}"]
    try:
        _parts(found.content, ca)
    except ConnectorError as error:
        return [str(error)]
    return one_file.replacing_problems(found.path, len(found.content), "the revocation list")


def ends_at(path: Path, ca: "x509.Certificate") -> datetime | None:
    """Return when the authority's list in a file runs out; None where there is none that can be read."""
    try:
        _, mine = _parts(one_file.read_file(path, FILE_MAX_BYTES).content, ca)
    except (OSError, ConnectorError):
        return None
    return mine.next_update_utc if mine is not None else None


def revoke(path: Path, ca: "x509.Certificate", key: Any, serials: tuple[int, ...], days: int) -> None:
    """Put serial numbers on the authority's list, and the list in its place; those that are on it stay.

    Raises:
        ConnectorError: the list cannot be read or is not this authority's.
        OSError: it cannot be replaced.
    """
    with one_file.locked_folder(path.parent, one_file.LOCK_WAIT_S):
        if not path.exists():
            _put_new(path, _made(None, ca, key, serials, days))
            return
        real = one_file.real_path(path)
        one_file.remove_leftovers(real)
        found = one_file.read_file(real, FILE_MAX_BYTES)
        others, mine = _parts(found.content, ca)
        content = b"".join((*others, _made(mine, ca, key, serials, days)))
        with one_file.working_copy(found) as copy:
            copy.write_bytes(content)
            one_file.put_in_place(copy, found)


def put(path: Path, content: bytes) -> None:
    """Put a list that an authority's own program printed in the place of the file.

    Raises:
        ConnectorError: it is no list.
        OSError: it cannot be put there.
    """
    from cryptography import x509

    try:
        x509.load_pem_x509_crl(content)
    except ValueError:
        raise ConnectorError("what the authority's program printed is no revocation list in PEM") from None
    with one_file.locked_folder(path.parent, one_file.LOCK_WAIT_S):
        if not path.exists():
            _put_new(path, content)
            return
        real = one_file.real_path(path)
        one_file.remove_leftovers(real)
        found = one_file.read_file(real, FILE_MAX_BYTES)
        with one_file.working_copy(found) as copy:
            copy.write_bytes(content)
            one_file.put_in_place(copy, found)


def _parts(content: bytes, ca: "x509.Certificate") -> tuple[tuple[bytes, ...], "x509.CertificateRevocationList | None"]:
    """Return the lists of other authorities, as they are, and this one's.

    Raises:
        ConnectorError: the file holds something else, or a list in this authority's name that it did not sign.
    """
    from cryptography import x509

    found, rest = [], content.strip()
    while rest:
        one, end, rest = rest.partition(_END)
        if not one.startswith(_BEGIN) or not end:
            raise ConnectorError("the file of option crl holds something else than revocation lists in PEM")
        found.append(one + end + b"\n")
        rest = rest.lstrip()
    others, mine = [], None
    for one in found:
        try:
            read = x509.load_pem_x509_crl(one)
        except ValueError:
            raise ConnectorError("a revocation list in the file of option crl cannot be read") from None
        if read.issuer != ca.subject:
            others.append(one)
        elif mine is not None:
            raise ConnectorError("the file of option crl holds two revocation lists of this authority")
        elif not read.is_signature_valid(ca.public_key()):  # type: ignore[arg-type] # a key that signs lists
            raise ConnectorError("the revocation list in the file of option crl is not signed by this authority")
        else:
            mine = read
    return tuple(others), mine


def _made(
    before: "x509.CertificateRevocationList | None", ca: "x509.Certificate", key: Any, serials: tuple[int, ...],
    days: int,
) -> bytes:  # fmt: skip
    """Return the next list."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    now = datetime.now(UTC)
    made = x509.CertificateRevocationListBuilder().issuer_name(ca.subject)
    made = made.last_update(now - CLOCKS_DIFFER).next_update(now + timedelta(days=days))
    number, there = 0, set()
    if before is not None:
        try:
            number = before.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        except x509.ExtensionNotFound:
            number = 0
        for one in before:
            there.add(one.serial_number)
            made = made.add_revoked_certificate(one)
    for serial in dict.fromkeys(serials):
        if serial not in there:
            one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now).build()
            made = made.add_revoked_certificate(one)
    made = made.add_extension(x509.CRLNumber(number + 1), critical=False)
    made = made.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.public_key()),  # type: ignore[arg-type] # as above
        critical=False,
    )  # fmt: skip
    return made.sign(key, digest_for(key)).public_bytes(serialization.Encoding.PEM)


def _put_new(path: Path, content: bytes) -> None:
    """Make the file whole or not at all."""
    copy = path.with_name(f".{path.name}.breakglass-new")
    copy.unlink(missing_ok=True)
    descriptor = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    copy.rename(path)
