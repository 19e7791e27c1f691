# SPDX-License-Identifier: Apache-2.0
"""What somebody else's program looks like to a type checker; copied, checked with ``mypy --strict``, and run.

A line that is marked must be an error: under ``--strict`` a mark without one is an error, too.
"""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import ClassVar

import breakglass_shamir as bg
from breakglass_shamir import Connector, EmptyDesk, Home, Pool, errors, hazmat


class Front(EmptyDesk):
    def has_sheet(self, sheet: str, custodian: str) -> bool:
        return sheet == "1.1"

    def how_next(self, use: bg.OpenUse) -> bg.HowNext:
        over = use.ended() or use.seconds_left() < 1
        return bg.HowNext(classification="emergency") if over else bg.HowNext("exec", ("true",))


class Door(Connector):
    """A door (docs/targets.md)."""

    scheme: ClassVar[str] = "door"
    grace_window_s: ClassVar[int] = 0
    scope: ClassVar[str] = "this door"

    def _preflight(self, new: bg.Secret | None) -> bg.Preflight:
        return bg.Preflight((), (), datetime.now(UTC), self.scope)

    def _check(self, credential: bg.Secret) -> bg.Check:
        return bg.Check(bg.CheckResult.UNKNOWN, "nobody answers")

    def _rotate(self, old: bg.Secret, new: bg.Secret) -> None:
        raise errors.ConnectorError("unchanged: the door is closed")

    def _logins_since(self, since: datetime) -> tuple[bg.Login, ...]:
        return (bg.Login(since, self.account, "front", accepted=True),)


def in_memory() -> bg.GatheredQuorum:
    credential = bg.Credential(bg.Secret(b"secret"), bg.CredentialKind.TOKEN)
    sealed: bg.Sealed = bg.split(credential, bg.Structure(1, (bg.Group(2, 3),)), set_name="users")
    drill = bg.split_drill(sealed.envelope.core.structure, set_name="users")
    pool = Pool(pinned=[sealed.envelope])
    answers: list[bg.Answer] = [pool.add(share.to_text()) for share in sealed.shares[:1]]
    for line in sealed.shares[1].to_lines():
        answers += pool.type_line(line)
    assert answers[-1].verdict is bg.Verdict.ACCEPTED
    read: bg.ReadShare = bg.read_share(drill.shares[0].to_text())
    assert read == bg.read_share_lines(drill.shares[0].to_lines())
    assert read.share.kind is bg.Kind.DRILL
    assert bg.read_envelope(sealed.envelope.to_codes()) == sealed.envelope
    assert hazmat.open_without_record(pool) == credential
    return pool.quorum()


def on_paper(sealed: bg.Sealed, day: date) -> tuple[str, ...]:
    pdf: bytes = bg.render_sheet(sealed.envelope, sealed.shares[0], printed_on=day, belongs_to="Users", paper="letter")
    pages: tuple[bg.ScannedPage, ...] = bg.read_pages([pdf], timeout_s=30)
    return tuple(code.text for page in pages for code in page.codes if code.health is not None)


def in_custody(folder: Path) -> bg.OpeningResult:
    with Home.create(folder, "users", Front()) as home:
        made: bg.SplitResult = home.split("name = 'users'", bg.Secret(b"secret"), bg.Printing(folder / "out"))
        status: bg.SetStatus = home.sheets.confirm(made.set_name, [folder / "scans"])
        request = bg.Request("emergency", "outage", "T-1", "no way in", ("one", "two"), "exec", 600)
        overrides = bg.Overrides(frozenset({"ticket"}), "there is no ticket")
        verification: bg.Verification = home.audit.verify()
        assert verification.in_full
        outcome: bg.RollCallResult = home.drills.inspect_seal(status.name, "1", bag="B-1")
        assert outcome.result == "pass"
        try:
            return home.recombine(
                status.name, request, bg.Sources(scans=(folder,)), bg.Use(("true",)), overrides=overrides
            )
        except (errors.GateClosed, errors.RotationDue) as error:
            hint: str = error.hint
            raise SystemExit(hint) from error


def wrong() -> None:
    bg.split(b"secret", bg.Structure(1, (bg.Group(2, 3),)), set_name="users")  # type: ignore[arg-type]
    bg.Structure(1, [bg.Group(2, 3)])  # type: ignore[arg-type]
    bg.Pool(pinned=["BGE1:"])  # type: ignore[list-item]
    bg.Pool().add(b"BGS1:")  # type: ignore[arg-type]
    hazmat.open_without_record("BGS1:")  # type: ignore[arg-type]
    bg.read_pages([Path("scan.jpg")])  # type: ignore[list-item]
    Home(Path("home"), print)  # type: ignore[arg-type]
    bg.Recorder()  # type: ignore[attr-defined]
    Door("door://front").secret  # type: ignore[attr-defined]  # noqa: B018
    bg.Answer(bg.Verdict.VOID, "void").message = "good"  # type: ignore[misc]
    Pool().quorum().secret  # type: ignore[attr-defined]  # noqa: B018


if __name__ == "__main__":
    print(in_memory().sheets)
