# SPDX-License-Identifier: Apache-2.0
"""Who signs certificates and revokes them: an authority of this machine, a program of the organisation, or people.

Rules:

1. Options of the policy say which: ``ca_key`` and ``ca_certificate``, or ``ca_command``, or ``requests``.
2. The authority's own key is read for one signature. Where it is under a passphrase, the program of ``ca_passphrase``
   prints that; it may ask somebody at this terminal.
3. What an authority gives is held against what was asked for before anybody relies on it.
4. While people sign, the new key waits in the folder of ``requests``, sealed: only a quorum of the sheets in force
   reads it. So the next run of ``rotate`` goes on with the same request.

What it does not do: it asks no server.
"""

import contextlib
import hashlib
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from breakglass_shamir.bounded import program as programs
from breakglass_shamir.connectors.certificate import pair as pairs
from breakglass_shamir.connectors.certificate import revocation
from breakglass_shamir.connectors.port import one_file
from breakglass_shamir.connectors.port.making import Making
from breakglass_shamir.connectors.port.options import ADMIN_LIMIT_S, ADMIN_SECRET_MAX_BYTES
from breakglass_shamir.connectors.port.trusted_file import file_problems
from breakglass_shamir.custody.names import inside
from breakglass_shamir.errors import BreakglassError, ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.plural import counted

if TYPE_CHECKING:
    from cryptography import x509

OPTIONS = frozenset({"ca_key", "ca_certificate", "ca_passphrase", "ca_command", "requests", "crl", "reload", "days",
                     "crl_days"})  # fmt: skip

DAYS, CRL_DAYS = 397, 397
"""How long a certificate, and a revocation list, is good for where the policy does not say."""

DAYS_MAX = 3650

ANSWER_MAX_BYTES = 64 << 10
"""Longest answer of an authority's program; a revocation list may have as much as its file."""

_FILE_MAX_BYTES = 64 << 10
_BACKDATED = timedelta(minutes=5)
_PATHS = ("ca_key", "ca_certificate", "ca_passphrase", "ca_command", "requests", "crl", "reload")


class Authority(Protocol):
    """Signs and revokes."""

    def problems(self, like: "x509.Certificate | None") -> list[str]:
        """Say what stands against both; nothing is changed."""

    def sign(self, kind: str, like: "x509.Certificate", making: Making) -> Secret:
        """Make a key and have its certificate signed, with the names of another one; returns both.

        Raises:
            ConnectorError: there is no certificate, or none yet.
        """

    def revoke(self, serials: tuple[int, ...]) -> bool:
        """Have certificates revoked; returns whether that was done, and False where it is left to people.

        Raises:
            ConnectorError: it was not done.
        """

    def ends_at(self) -> datetime | None:
        """Return when the revocation list runs out; None where nobody here knows."""

    def lifetime(self) -> timedelta | None:
        """Return how long the next certificate is good for; None where nobody here knows."""

    def done(self) -> None:
        """Clear away what a signature left, now that the certificate is in force."""


def authority_of(options: Mapping[str, str], target: str, account: str, limit_s: float) -> Authority:
    """Return the authority that options name.

    Raises:
        InvalidInput: they name none or several, or half of one.
    """
    for name in _PATHS:
        text = options.get(name, "/")
        if not text.startswith("/") or "\0" in text:
            raise InvalidInput(f"option {name}: expected an absolute path")
    ways = [name for name in ("ca_key", "ca_command", "requests") if name in options]
    if len(ways) != 1:
        raise InvalidInput(
            "expected one authority: options ca_key and ca_certificate, or ca_command, or requests",
            hint="docs/targets.md, Certificates, says what each is",
        )
    allowed = {"ca_key": {"ca_certificate", "ca_passphrase", "crl", "reload", "days", "crl_days"},
               "ca_command": {"crl", "reload"}, "requests": set[str]()}[ways[0]]  # fmt: skip
    for name in sorted((OPTIONS & set(options)) - allowed - {ways[0]}):
        raise InvalidInput(f"option {name}: expected none beside option {ways[0]}")
    if ways[0] == "ca_key":
        return _Local(options)
    if ways[0] == "ca_command":
        return _Command(options, limit_s)
    return _People(Path(options["requests"]), target, account)


class _Local:
    """An authority whose key and certificate are files of this machine."""

    def __init__(self, options: Mapping[str, str]) -> None:
        for name in ("ca_certificate", "crl"):
            if name not in options:
                raise InvalidInput(f"option {name}: expected beside option ca_key")
        self._key, self._certificate = Path(options["ca_key"]), Path(options["ca_certificate"])
        self._passphrase = Path(options["ca_passphrase"]) if "ca_passphrase" in options else None
        self._crl = Path(options["crl"])
        self._reload = Path(options["reload"]) if "reload" in options else None
        self._days, self._crl_days = _days(options, "days", DAYS), _days(options, "crl_days", CRL_DAYS)

    def problems(self, like: "x509.Certificate | None") -> list[str]:
        found = _program_problems("reload", self._reload) + _program_problems("ca_passphrase", self._passphrase)
        try:
            ca = self._ca()
        except ConnectorError as error:
            return [*found, str(error)]
        found += revocation.problems(self._crl, ca)
        if not os.access(self._key, os.R_OK):
            found.append("the authority's key (option ca_key) cannot be read")
        if ca.not_valid_after_utc < datetime.now(UTC) + timedelta(days=self._days):
            found.append(
                f"the authority's certificate ends at {pairs.in_words(ca.not_valid_after_utc)}, before one of "
                f"{counted(self._days, 'day')} from now would: renew it, or set option days"
            )
        if like is not None and not _is_of(like, ca):
            found.append(
                f"the certificate in force was not issued by option ca_certificate but by {_name(like.issuer)}: its "
                "authority has to revoke it; name that one, or people (option requests)"
            )
        return found

    def sign(self, kind: str, like: "x509.Certificate", making: Making) -> Secret:
        from cryptography import x509

        ca, ca_key = self._ca(), self._ca_key()
        key = pairs.new_key(kind)
        now = datetime.now(UTC)
        made = x509.CertificateBuilder().subject_name(like.subject).issuer_name(ca.subject)
        made = made.public_key(key.public_key()).serial_number(x509.random_serial_number())
        made = made.not_valid_before(now - _BACKDATED).not_valid_after(now + timedelta(days=self._days))
        for one in pairs.carried(like):
            made = made.add_extension(one.value, one.critical)
        made = made.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        issuer: Any = ca.public_key()
        made = made.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer), critical=False)
        certificate = made.sign(ca_key, pairs.digest_for(ca_key))
        making.made(pairs.public_id(certificate), certificate.not_valid_after_utc)
        return pairs.in_one(pairs.key_text(key), (certificate,))

    def revoke(self, serials: tuple[int, ...]) -> bool:
        try:
            revocation.revoke(self._crl, self._ca(), self._ca_key(), serials, self._crl_days)
        except OSError as error:
            raise ConnectorError(f"the revocation list could not be replaced: {error.strerror}") from error
        _reloaded(self._reload)
        return True

    def ends_at(self) -> datetime | None:
        try:
            return revocation.ends_at(self._crl, self._ca())
        except ConnectorError:
            return None

    def lifetime(self) -> timedelta | None:
        return timedelta(days=self._days)

    def done(self) -> None:
        """Nothing is left."""

    def _ca(self) -> "x509.Certificate":
        try:
            return pairs.read_certificates(one_file.read_file(self._certificate, _FILE_MAX_BYTES).content)[0]
        except OSError as error:
            raise ConnectorError(f"option ca_certificate: {self._certificate}: {error.strerror}") from None
        except InvalidInput as error:
            raise ConnectorError(f"option ca_certificate: {error}") from None

    def _ca_key(self) -> Any:
        """Read the authority's key, for one signature.

        Raises:
            ConnectorError: it cannot be read, or is not of the authority's certificate.
        """
        from cryptography.hazmat.primitives import serialization

        passphrase = _printed(self._passphrase) if self._passphrase else None
        try:
            text = one_file.read_file(self._key, _FILE_MAX_BYTES).content
            key: Any = serialization.load_pem_private_key(text, passphrase.reveal() if passphrase else None)
        except OSError as error:
            raise ConnectorError(f"option ca_key: {self._key}: {error.strerror}") from None
        except TypeError:
            raise ConnectorError(
                "the authority's key is under a passphrase, or is not and one was given",
                hint="option ca_passphrase names the program that prints it",
            ) from None
        except Exception:
            raise ConnectorError(
                "the authority's key (option ca_key) cannot be read, or not with this passphrase"
            ) from None
        if key.public_key() != self._ca().public_key():
            raise ConnectorError("option ca_key: it is not the key of option ca_certificate")
        return key


class _Command:
    """An authority that a program of the organisation speaks to."""

    def __init__(self, options: Mapping[str, str], limit_s: float) -> None:
        self._program = Path(options["ca_command"])
        self._crl = Path(options["crl"]) if "crl" in options else None
        self._reload = Path(options["reload"]) if "reload" in options else None
        self._limit_s = limit_s

    def problems(self, like: "x509.Certificate | None") -> list[str]:
        return _program_problems("ca_command", self._program) + _program_problems("reload", self._reload)

    def sign(self, kind: str, like: "x509.Certificate", making: Making) -> Secret:
        key = pairs.new_key(kind)
        printed = self._run(["sign"], pairs.request_for(key, like), ANSWER_MAX_BYTES)
        chain = _given(printed, "what the authority's program printed", key, like)
        making.made(pairs.public_id(chain[0]), chain[0].not_valid_after_utc)
        return pairs.in_one(pairs.key_text(key), chain)

    def revoke(self, serials: tuple[int, ...]) -> bool:
        printed = b""
        for serial in serials:
            printed = self._run(["revoke", f"{serial:x}"], b"", revocation.FILE_MAX_BYTES)
        if self._crl is not None:
            try:
                revocation.put(self._crl, printed)
            except OSError as error:
                raise ConnectorError(f"the revocation list could not be replaced: {error.strerror}") from error
        _reloaded(self._reload)
        return True

    def ends_at(self) -> datetime | None:
        return None

    def lifetime(self) -> timedelta | None:
        return None

    def done(self) -> None:
        """Nothing is left."""

    def _run(self, arguments: list[str], given: bytes, most: int) -> bytes:
        """Run the program.

        Raises:
            ConnectorError: others could replace it, or it did not say that it did what it was asked for.
        """
        return _run_program("ca_command", self._program, arguments, given, self._limit_s, most)


class _People:
    """People who take a request to an authority and bring its certificate back."""

    def __init__(self, folder: Path, target: str, account: str) -> None:
        name = hashlib.sha256(f"{target}\n{account}".encode()).hexdigest()[:16]
        self._folder = folder
        self._request = inside(folder, f"breakglass-{name}.csr")
        self._sealed = inside(folder, f"breakglass-{name}.key.sealed")
        self._certificate = inside(folder, f"breakglass-{name}.crt")

    def problems(self, like: "x509.Certificate | None") -> list[str]:
        if self._folder.is_dir() and os.access(self._folder, os.W_OK | os.X_OK):
            return []
        return [f"the folder of option requests, {self._folder}, is not there or cannot be written"]

    def sign(self, kind: str, like: "x509.Certificate", making: Making) -> Secret:
        key = self._waiting(making)
        if key is None:
            key = pairs.new_key(kind)
            self._certificate.unlink(missing_ok=True)
            self._write(self._sealed, making.seal(pairs.key_text(key)))
            self._write(self._request, pairs.request_for(key, like))
        try:
            brought = one_file.read_file(self._certificate, _FILE_MAX_BYTES).content
        except FileNotFoundError:
            raise ConnectorError(
                f"the certificate is not there yet: have {self._request} signed",
                hint=f"put the certificate at {self._certificate}, then rotate again with the same sheets",
            ) from None
        except OSError as error:
            raise ConnectorError(f"{self._certificate} cannot be read: {error.strerror}") from None
        chain = _given(brought, f"{self._certificate}", key, like)
        making.made(pairs.public_id(chain[0]), chain[0].not_valid_after_utc)
        return pairs.in_one(pairs.key_text(key), chain)

    def revoke(self, serials: tuple[int, ...]) -> bool:
        return False

    def ends_at(self) -> datetime | None:
        return None

    def lifetime(self) -> timedelta | None:
        return None

    def done(self) -> None:
        for path in (self._sealed, self._request, self._certificate):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)

    def _waiting(self, making: Making) -> Any:
        """Return the key of a request that waits; None where there is none that these sheets can read."""
        try:
            return pairs.key_from(making.unseal(one_file.read_file(self._sealed, _FILE_MAX_BYTES).content))
        except (OSError, BreakglassError, ValueError):
            return None

    def _write(self, path: Path, content: bytes) -> None:
        copy = path.with_name(f".{path.name}.new")
        try:
            copy.unlink(missing_ok=True)
            descriptor = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            copy.rename(path)
        except OSError as error:
            raise ConnectorError(f"the request could not be written to {path}: {error.strerror}") from error


def _given(data: bytes, where: str, key: Any, like: "x509.Certificate") -> tuple["x509.Certificate", ...]:
    """Read what an authority gave, and hold it against what was asked for.

    Raises:
        ConnectorError: it is not that.
    """
    try:
        chain = pairs.read_certificates(data)
    except InvalidInput as error:
        raise ConnectorError(f"{where} is no certificate in PEM: {error}") from None
    if stands := pairs.unfit_for(chain, key, like):
        raise ConnectorError(f"{where} is a certificate that was not asked for: {stands}")
    return chain


def _is_of(certificate: "x509.Certificate", ca: "x509.Certificate") -> bool:
    """Tell whether an authority issued a certificate."""
    try:
        certificate.verify_directly_issued_by(ca)
    except Exception:
        return False
    return True


def _name(name: "x509.Name") -> str:
    return name.rfc4514_string()


def _days(options: Mapping[str, str], name: str, usual: int) -> int:
    text = options.get(name, str(usual))
    if not (text.isascii() and text.isdecimal() and 1 <= len(text) <= 4 and 1 <= int(text) <= DAYS_MAX):
        raise InvalidInput(f"option {name}: expected days from 1 to {DAYS_MAX}")
    return int(text)


def _program_problems(name: str, program: Path | None) -> list[str]:
    return [f"option {name}: {one}" for one in file_problems(program)] if program else []


def _printed(program: Path) -> Secret:
    """Run the program that prints the passphrase of the authority's key.

    Raises:
        ConnectorError: it printed none.
    """
    if stands := file_problems(program):
        raise ConnectorError(f"the program of option ca_passphrase was not run: {'; '.join(stands)}")
    try:
        told = programs.run(
            [str(program)], limit_s=ADMIN_LIMIT_S, env=_environment(), output_max=ADMIN_SECRET_MAX_BYTES, asks=True
        )
    except OSError as error:
        raise ConnectorError(f"the program of option ca_passphrase could not be run: {error.strerror}") from None
    secret = told.output.removesuffix(b"\n")
    if told.status != 0 or not secret:
        raise ConnectorError(f"the program of option ca_passphrase printed none: {told.why or told.status}")
    return Secret(secret)


def _reloaded(program: Path | None) -> None:
    """Let the server take the list.

    Raises:
        ConnectorError: its program failed; the certificate is on the list.
    """
    if program is None:
        return
    try:
        _run_program("reload", program, [], b"", ADMIN_LIMIT_S, ANSWER_MAX_BYTES)
    except ConnectorError as error:
        raise ConnectorError(f"the list names the old certificate, and the server was not reloaded: {error}") from None


def _run_program(name: str, program: Path, arguments: list[str], given: bytes, limit_s: float, most: int) -> bytes:
    """Run a program that the policy names; returns what it printed.

    Raises:
        ConnectorError: others could replace it, it could not be run, or failed.
    """
    if stands := file_problems(program):
        raise ConnectorError(f"the program of option {name} was not run: {'; '.join(stands)}")
    try:
        told = programs.run(
            [str(program), *arguments], limit_s=limit_s, env=_environment(), given=given, output_max=most
        )  # fmt: skip
    except OSError as error:
        raise ConnectorError(f"the program of option {name} could not be run: {error.strerror}") from None
    if told.status != 0:
        raise ConnectorError(f"the program of option {name} failed: {told.complaint}")
    return told.output


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
