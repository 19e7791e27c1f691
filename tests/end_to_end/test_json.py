# SPDX-License-Identifier: Apache-2.0
"""With ``--json`` standard output is one document, whatever happens, and nothing else."""

from tests.end_to_end.life import DECLARATION, NAME, Life


def test_every_success_is_one_document(fresh: Life) -> None:
    def document(*args: object, stdin: bytes = b"", exit_code: int = 0) -> dict[str, object]:
        done = fresh.run("--json", *map(str, args), stdin=stdin)
        assert done.exit == exit_code, done.err
        assert isinstance(done.document, dict)
        return dict(done.document)

    assert "policy" in document("policy", "example")
    assert document("policy", "check", fresh.policy)["name"] == NAME
    split = document(
        "split", fresh.policy, "--credential-from", "-", "--out", fresh.sheets(1), stdin=fresh.secret.reveal()
    )
    assert (split["proven"], split["sealed"]) == ("accepted", False)
    fresh.scan(1)
    assert document("status", exit_code=7)["due"] is True
    assert document("confirm", NAME, fresh.scans(1))["sealed"] is True
    assert document("ack", NAME, "1", "--bag", "B-1")["custodian"] == "North"
    for sheet in ("2", "3"):
        document("ack", NAME, sheet)
    assert document("status")["due"] is False
    assert "records" in document("audit", "list")
    assert document("audit", "verify")["records"] == 7
    assert document("audit", "export", "2", "--out", fresh.folder / "exported")["files"]
    assert document("audit", "report", "--out", fresh.folder / "report.html")["records"] == 7
    assert document("void", NAME, "3", "--reason", "lost")["losses_left"] == 0
    rotated = fresh.rotated("--json", "rotate", NAME, "--scan", fresh.scans(1))
    assert rotated.document["rotated"] is True
    assert rotated.document["epoch"] == 2


def test_every_failure_is_one_document_with_its_class_and_exit_code(life: Life) -> None:
    scan = ("--scan", str(life.scans(1)))
    failures = {
        ("no-such-command",): ("usage", 2),
        ("split",): ("invalid-input", 2),
        ("policy", "check", "no-such-file"): ("invalid-input", 2),
        ("status", "no-such-set"): ("unknown-set", 3),
        ("recombine", NAME, *scan, "--no-reveal"): ("invalid-input", 2),
        ("recombine", NAME, *DECLARATION, "--scan", str(life.some_scans(1, 1)[0]), "--no-reveal"): (
            "insufficient-shares", 4,
        ),
        ("recombine", NAME, *DECLARATION, *scan, "--no-reveal"): ("rotation-due", 7),
        ("settle", NAME, "no-such-debt", "--officer", "a", "--reason", "b"): ("illegal-state", 3),
        ("audit", "show-me"): ("usage", 2),
    }  # fmt: skip
    for arguments, (identifier, code) in failures.items():
        done = life.run("--json", *arguments)
        assert done.exit == code, (arguments, done.err)
        assert done.document["error"]["id"] == identifier
        assert done.document["error"]["message"]
        assert done.document["exit"] == code


def test_a_missing_home_is_a_document_too(life: Life) -> None:
    done = life.run("--json", "--home", str(life.folder / "nowhere"), "status")
    assert done.exit == 3
    assert done.document["error"]["id"] == "no-home"
    assert "breakglass init" in done.document["error"]["hint"]


def test_what_the_command_writes_does_not_mix_with_the_document(life: Life) -> None:
    done = life.rotated(
        "--json", "recombine", NAME, *DECLARATION, "--scan", life.scans(1), last=("--exec", "echo", "hello")
    )
    assert done.exit == 0, done.err
    assert done.document["outcome"] == "the command ended well"
    assert "hello" in done.err
