# SPDX-License-Identifier: Apache-2.0
"""An emergency while a rotation is interrupted: two credentials, and only the target knows which one lives."""

from pathlib import Path

import pytest

from tests.end_to_end.life import DECLARATION, NAME, Done, Life, secrets_on_paper
from tests.end_to_end.test_crash_matrix import Crash

BEFORE, AFTER = "before connector.rotate", "after connector.rotate"


def interrupt(life: Life, step: str) -> Life:
    """Kill a rotation at a named step, and scan the new sheets."""
    assert Crash(life, "rotate").kill_at(step)
    life.scan(2)
    return life


def emergency(life: Life, *scans: int, more: tuple[str | Path, ...] = ()) -> Done:
    """Open with the sheets of some printings; the credential goes to ``got``."""
    words = [word for number in scans for word in ("--scan", life.scans(number))]
    debts = [word for debt in life.status()["debts"] for word in ("--debt", debt["id"])]
    return life.run(
        "recombine", NAME, *DECLARATION, *debts, *words, *more, "--exec", "sh", "-c", f"cat > {life.folder}/got"
    )


@pytest.mark.parametrize(("step", "living", "other"), [(BEFORE, 1, 2), (AFTER, 2, 1)])
def test_either_quorum_opens_and_is_told_of_the_other(life: Life, step: str, living: int, other: int) -> None:
    interrupt(life, step)
    tried = emergency(life, other)
    assert tried.exit == 7, tried.err
    assert f"open again with the sheets of epoch {living} alone" in tried.err
    assert "the old and the new sheets together: breakglass rotate" in tried.err
    opened = emergency(life, living)
    assert opened.exit == 7, opened.err
    (secret,) = secrets_on_paper(life.sheets(living))
    assert (life.folder / "got").read_bytes() == secret.reveal()
    assert life.opens(secret)


def test_no_target_hears_a_credential_before_the_record_when_both_quorums_are_there(life: Life) -> None:
    interrupt(life, AFTER)
    asked, script = life.folder / "asked", life.folder / "listen.py"
    script.write_text(
        "from pathlib import Path\n"
        "from breakglass_shamir.cli.program import main\n"
        "from breakglass_shamir.connectors.ssh.connector import SshKeyConnector\n"
        f"SshKeyConnector._check = lambda *_: Path({str(asked)!r}).touch()\n"
        "main()\n"
    )
    debts = [word for debt in life.status()["debts"] for word in ("--debt", debt["id"])]
    scans = ("--scan", life.scans(1), "--scan", life.scans(2))
    command = ("--exec", "sh", "-c", f"cat > {life.folder}/got")
    opened = life.script(script, "recombine", NAME, *DECLARATION, *debts, *scans, *command)
    assert opened.exit == 7, opened.err
    assert not asked.exists()
    assert "open again with the sheets of epoch 1 alone" in opened.err
    (secret,) = secrets_on_paper(life.sheets(2))
    assert (life.folder / "got").read_bytes() == secret.reveal()


def test_a_new_printing_is_not_begun_before_the_interrupted_one_is_settled(life: Life) -> None:
    interrupt(life, AFTER)
    done = emergency(life, 2, more=tuple(life.rotating(3)))
    assert done.exit == 7, done.err
    assert not life.sheets(3).exists()


def test_a_use_of_the_new_credential_is_still_owed_when_the_interrupted_rotation_is_done(life: Life) -> None:
    interrupt(life, AFTER)
    emergency(life, 2)
    done = life.run("rotate", NAME, "--scan", life.scans(1), "--scan", life.scans(2))
    assert done.exit == 0, done.err
    assert [debt["kind"] for debt in life.status()["debts"]] == ["rotation"]


LIARS = {
    "takes anything": "SshKeyConnector._check = lambda *_: Check(CheckResult.ACCEPTED, 'it takes anything')",
    "changes nothing": "SshKeyConnector._rotate = lambda *_: None",
    "cannot tell": "SshKeyConnector._check = lambda *_: Check(CheckResult.UNKNOWN, 'timed out')",
}
"""What a target may do that must not be taken for a proof."""


@pytest.mark.parametrize("liar", LIARS)
def test_no_rotation_is_done_before_the_old_credential_is_proven_dead(life: Life, liar: str) -> None:
    script = life.folder / "liar.py"
    script.write_text(
        "from breakglass_shamir.cli.program import main\n"
        "from breakglass_shamir.connectors.port.answers import Check, CheckResult\n"
        "from breakglass_shamir.connectors.ssh.connector import SshKeyConnector\n"
        f"{LIARS[liar]}\n"
        "main()\n"
    )
    with life.office(2):
        done = life.script(script, "rotate", NAME, "--scan", life.scans(1), *life.rotating(2))
    assert done.exit == 6, done.err
    assert "the rotation is not proven" in done.err
    assert "keep both sets of sheets together" in done.err
    assert "old-dead" not in life.kinds()
    status = life.status()
    assert status["phase"] == "applying"
    assert [debt["kind"] for debt in status["debts"]] == ["rotation"]
    life.scan(2)
    resumed = life.run("rotate", NAME, "--scan", life.scans(1), "--scan", life.scans(2))
    assert resumed.exit == 0, resumed.err
    assert not life.opens(life.secret)
    assert life.nothing_due()
