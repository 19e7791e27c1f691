# SPDX-License-Identifier: Apache-2.0
"""What is exported is checked by a plain shell with ssh-keygen and openssl; whatever is altered, it says so.

The log is made in memory of an office: officers sign, one key is revoked later, a quorum opens, a rehearsal and a
recovery are recorded. The judge is the exported script, run by ``sh`` on a machine's own tools.
"""

import base64
import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from breakglass_shamir.crypto import keys, sshsig
from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.crypto.note import Checkpoint as Head
from breakglass_shamir.crypto.note import sign_note
from breakglass_shamir.custody.life import recovery
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.drills import Rehearsed
from breakglass_shamir.custody.records.epochs import Issued, RecoveryImported
from breakglass_shamir.custody.records.ledger import PolicyAdopted
from breakglass_shamir.custody.records.monitoring import Heartbeat
from breakglass_shamir.custody.records.openings import Declared, OfficerSigned, Opened, Refused
from breakglass_shamir.formats.envelope import Checkpoint
from breakglass_shamir.formats.seal import Facts, Sealed, seal, unseal
from breakglass_shamir.formats.structure import Group, Structure
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import verify
from breakglass_shamir.ledger.entry import origin
from breakglass_shamir.ledger.home import create
from breakglass_shamir.ledger.store import Ledger
from breakglass_shamir.operations.audit import export, history, listing, showing
from tests.attacks.test_ledger_tampering import fill as fill_with_opening

OFFICERS = {letter: Secret(letter.encode() * 32) for letter in "ab"}
LINES = {letter: sshsig.public_line(keys.ed25519_public(seed), "") for letter, seed in OFFICERS.items()}

POLICY = f"""
name = "prod-db"
target = {{uri = "ssh-key:///srv/key"}}
quorum = {{groups = [{{threshold = 2, custodians = ["North", "South", "East"]}}]}}
declaration = {{classes = ["idp-outage"], signatures = 1}}
[[officers]]
name = "Duty officer, north"
keys = ["{LINES["a"]} at work"]
valid_from = "2020-01-01"
valid_until = "2999-12-31"
[[officers]]
name = "Second"
keys = ["{LINES["b"]}"]
"""

REVOKED = sshsig.fingerprint(keys.ed25519_public(OFFICERS["a"]))
LATER = POLICY.replace('name = "Second"', f'name = "Second"\nrevoked = ["{REVOKED}"]')


def sealed(kind: Kind) -> Sealed:
    digest = policies.salted_digest(bytes(16), POLICY)
    facts = Facts(kind, "prod-db", 1, Structure(1, (Group(2, 3),)), digest, Checkpoint(bytes(8), 0, bytes(32)))
    return seal(facts, Secret(b"tinned beans"))


def fill(ledger: Ledger) -> None:
    live, drill = sealed(Kind.LIVE), sealed(Kind.DRILL)
    encoded = {
        kind: base64.b64encode(made.envelope.to_bytes()).decode() for kind, made in (("live", live), ("drill", drill))
    }
    epoch_id, public = live.envelope.core.epoch_id.hex(), live.envelope.set_public_key.hex()
    ledger.append(PolicyAdopted(source=POLICY, digest=policies.digest(POLICY).hex()), set_name="prod-db")
    issued = Issued(
        epoch=1, epoch_id=epoch_id, predecessor="", set_public_key=public, envelope=encoded["live"],
        envelope_sha256=live.envelope.digest.hex(), drill_envelope=encoded["drill"],
        drill_set_public_key=drill.envelope.set_public_key.hex(), policy_salt=bytes(16).hex(), proven="accepted",
        custodians={"1.1": "North", "1.2": "South", "1.3": "East"}, policy_digest=policies.digest(POLICY).hex(),
    )  # fmt: skip
    ledger.append(issued, set_name="prod-db")
    rehearse(ledger, epoch_id, unseal(drill.envelope.core, drill.shares).set_key)
    opening = declare(ledger, "emergency", 'the directory\'s "server" is down\\')
    data = ledger.state.of("prod-db").active_opening.data
    signed = OfficerSigned(
        officer="Duty officer, north", key=LINES["a"],
        signature=sshsig.sign(OFFICERS["a"], data, sshsig.OFFICER_NAMESPACE),
    )  # fmt: skip
    ledger.append(signed, set_name="prod-db", opening=opening)
    set_key = unseal(live.envelope.core, live.shares).set_key
    opened = Opened(
        epoch_id=epoch_id, sheets=("1.1", "1.2"), mode="show", program="", witnessed="consistent", pinned=True
    )
    ledger.append(opened, set_name="prod-db", opening=opening, set_key=set_key)
    ledger.append(PolicyAdopted(source=LATER, digest=policies.digest(LATER).hex()), set_name="prod-db")
    import_recovery(ledger, live, set_key)


def declare(ledger: Ledger, purpose: str, reason: str) -> str:
    declared = Declared(
        purpose=purpose, incident_class="idp-outage", ticket="INC-1", reason=reason, officers=("Duty", "IT"),
        valid_for_s=1800, use_for_s=3600, debts=(), supersedes="", policy_digest=policies.digest(POLICY).hex(),
    )  # fmt: skip
    return ledger.append(declared, set_name="prod-db").digest


def rehearse(ledger: Ledger, epoch_id: str, drill_key: Secret) -> None:
    body = Rehearsed(
        epoch_id=epoch_id, sheets=("1.1", "1.3"), live=(), steps_ms={"quorum": 5}, result="pass", reasons=()
    )
    ledger.append(body, set_name="prod-db", opening=declare(ledger, "drill", "quarterly"), set_key=drill_key)


def import_recovery(ledger: Ledger, live: Sealed, set_key: Secret) -> None:
    fields = {
        "v": 1, "type": "recovery", "set": "prod-db", "epoch": 1, "epoch_id": live.envelope.core.epoch_id.hex(),
        "set_public_key": live.envelope.set_public_key.hex(), "envelope_sha256": live.envelope.digest.hex(),
        "sheets": ["1.1", "1.2"], "officers": ["Duty"], "ticket": "INC-2", "reason": "Büro \"Süd\" burned",
        "time": "2026-01-05T03:00:00Z", "tool": "recover.py 1",
    }  # fmt: skip
    source = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    body = RecoveryImported(
        epoch_id=live.envelope.core.epoch_id.hex(), status="good", source=source,
        sha256=recovery.digest(source.encode()), signature=sshsig.sign(set_key, source.encode(), recovery.NAMESPACE),
    )  # fmt: skip
    ledger.append(body, set_name="prod-db")


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    with create(tmp_path_factory.mktemp("log") / "home", "office terminal") as made:
        fill(made)
        verify.verify(made)
        yield made


@pytest.fixture(scope="module")
def whole(ledger: Ledger, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("export") / "all"
    export.export(ledger, "all", out)
    return out


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "evidence"))


@pytest.fixture(scope="session")
def check(need: Callable[[str], str]) -> Callable[[Path], subprocess.CompletedProcess[str]]:
    """Run the exported script with a plain shell."""
    shell = need("dash")
    need("ssh-keygen"), need("openssl")

    def run(folder: Path, *words: str, tools: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [shell, str(folder / "verify.sh"), *words], capture_output=True, text=True, check=False, timeout=60,
            cwd="/", env={"PATH": f"{tools}:/usr/bin:/bin".lstrip(":"), "TZ": "America/Los_Angeles"},
        )  # fmt: skip

    return run


Check = Callable[..., subprocess.CompletedProcess[str]]


def test_everything_holds_and_its_root_is_that_of_the_log(ledger: Ledger, whole: Path, check: Check) -> None:
    done = check(whole)
    assert (done.returncode, done.stderr) == (0, "")
    root = ledger.root_at(ledger.size).hex()
    said = (
        f"all {ledger.size} records hold, with {ledger.size} signatures and checkpoints of the terminal and 4 of others"
    )
    first, *_, holds, complete, last = done.stdout.splitlines()
    assert holds == f"{said}; their tree has the root {root}"
    assert complete == (
        f"none is missing from record 000000 to record {ledger.size - 1:06d}: {ledger.size} are here, and 0 are "
        "withheld, each by its hash"
    )
    assert first == last
    assert first.startswith(f"not shown here: what the log has behind record {ledger.size - 1:06d}; ")
    for principal in ("quorum-", "drill-", "officer:Duty-officer-north"):
        assert f"signature for {principal}" in done.stdout


def test_a_log_of_every_shape_has_its_tree_computed(ledger: Ledger, folder: Path, whole: Path, check: Check) -> None:
    lines = (whole / "records").read_text().splitlines(keepends=True)
    others = (whole / "signatures").read_text().splitlines(keepends=True)
    for size in (6, 5, 3, 2, 1):
        leave(folder, lines[:size])
        (folder / "signatures").write_text("".join(line for line in others if int(line.split()[0]) < size))
        sum_up(folder)
        done = check(folder)
        assert f"their tree has the root {ledger.root_at(size).hex()}" in done.stdout, done.stderr


def test_it_runs_with_the_plainest_awk(whole: Path, tmp_path: Path, need: Callable[[str], str], check: Check) -> None:
    (tmp_path / "awk").symlink_to(need("mawk"))
    assert check(whole, tools=str(tmp_path)).stdout == check(whole).stdout != ""


def test_it_takes_no_other_word(whole: Path, check: Check) -> None:
    for words in (["fast"], ["full", "full"], [""]):
        assert "expected no word, or the word full" in check(whole, *words).stderr


# --- more records than are all computed -------------------------------------------------------------------


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of 1001 records, exported."""
    with create(tmp_path_factory.mktemp("long") / "home", "office terminal") as made:
        with made.transaction():
            while made.size < 1001:
                entry, _ = made._make(Heartbeat(every_s=60), "", "", None)
                made._insert(entry)
                made.catch_up()
        out = tmp_path_factory.mktemp("exported") / "all"
        export.export(made, "all", out)
        return out


def test_a_long_log_is_checked_by_sample_and_says_so(long: Path, check: Check) -> None:
    done = check(long)
    assert (done.returncode, done.stderr) == (0, "")
    found = re.search(r"all 1001 records hold, with a sample of (\d+) \(all of them: sh verify.sh full\)", done.stdout)
    assert found is not None
    assert 4 <= int(found[1]) < 100


@pytest.mark.parametrize("what", ["record", "checkpoint", "root"])
def test_a_sample_misses_no_byte_of_any_record(what: str, long: Path, tmp_path: Path, check: Check) -> None:
    """Whoever has the terminal's key, and signs anew what was altered, does not get by."""
    folder = Path(shutil.copytree(long, tmp_path / "evidence"))
    file, words = folder / "000500.json", "000501.json does not follow the record in front"
    if what == "record":
        file.write_bytes(file.read_bytes().replace(b'"every_s":60', b'"every_s":61'))
    else:
        note, words = folder / "000500.json.checkpoint", "000501.json names another tree than the checkpoint in front"
        lines = note.read_text().split("\n")
        if what == "checkpoint":
            lines[1], words = "777", "000500.json.checkpoint is of another record"
        else:
            lines[2] = base64.b64encode(bytes(32)).decode()
        note.write_text("\n".join(lines))
    sum_up(folder)
    assert words in check(folder).stderr


def test_only_a_signature_of_the_terminal_that_was_swapped_is_left_to_the_whole_check(
    long: Path, tmp_path: Path, check: Check
) -> None:
    folder = Path(shutil.copytree(long, tmp_path / "evidence"))
    kept = (folder / "records").read_text().splitlines(keepends=True)
    shutil.copy(folder / "000003.json.sig", folder / "000002.json.sig")
    sum_up(folder)
    assert "the terminal's signature of 000002.json" in check(folder, "full").stderr
    leave(folder, kept[:500] + kept[501:])
    sum_up(folder)
    assert "record 000500 is missing, and no hash stands in its place" in check(folder).stderr
    for file in long.glob("000500.json*"):
        shutil.copy(file, folder)
    withhold(folder, 500)
    sum_up(folder)
    assert "the terminal's signature of 000002.json" in check(folder).stderr, "a log with a gap is never sampled"


def test_an_opening_and_a_single_record_hold_without_the_rest(ledger: Ledger, tmp_path: Path, check: Check) -> None:
    signed = next(one for one in listing.lines(ledger, kinds=("officer-signed",)))
    export.export(ledger, signed.opening[:12], tmp_path / "opening")
    done = check(tmp_path / "opening")
    assert (done.returncode, done.stderr) == (0, "")
    assert "all 3 records hold, with 3 signatures and checkpoints of the terminal and 2 of others" in done.stdout
    declared = signed.seq - 1
    hidden = f"what the log has before record {declared:06d} and behind record {declared + 2:06d}"
    first, *_, holds, complete, last = done.stdout.splitlines()
    assert hidden in first == last
    assert f"none is missing from record {declared:06d} to record {declared + 2:06d}" in complete
    assert f"; their tree has the root {ledger.root_at(declared + 3).hex()}" in holds
    export.export(ledger, str(signed.seq), tmp_path / "record")
    assert (tmp_path / "record" / f"{signed.seq - 1:06d}.json").is_file()
    assert check(tmp_path / "record").returncode == 0


@pytest.fixture
def thin(ledger: Ledger, tmp_path: Path) -> Path:
    """Two records of an opening between which another one was withheld, as an export of what is between writes it."""
    signed = next(one for one in listing.lines(ledger, kinds=("officer-signed",)))
    export.export(ledger, signed.opening, tmp_path / "thin")
    return tmp_path / "thin"


def withhold(folder: Path, number: int) -> None:
    """Put the hash of a record in its place, as whoever hands an export over can do."""
    name = f"{number:06d}"
    leaf = hashlib.sha256(b"\0" + (folder / f"{name}.json").read_bytes()).hexdigest()
    held = (folder / "withheld").read_text().splitlines()
    (folder / "withheld").write_text("".join(f"{line}\n" for line in sorted([*held, f"{name} {leaf}"])))
    for file in folder.glob(f"{name}.json*"):
        file.unlink()
    for listed in ("records", "signatures"):
        lines = (folder / listed).read_text().splitlines(keepends=True)
        (folder / listed).write_text("".join(line for line in lines if not line.startswith(name)))


def test_what_is_withheld_is_counted_and_is_the_record_of_its_hash(thin: Path, check: Check) -> None:
    first, middle, last = (int(line) for line in (thin / "records").read_text().split())
    withhold(thin, middle)
    sum_up(thin)
    done = check(thin)
    assert done.returncode == 0, done.stderr
    assert "not shown here: what 1 withheld record says" in done.stdout.splitlines()[0] == done.stdout.splitlines()[-1]
    assert f"from record {first:06d} to record {last:06d}: 2 are here, and 1 are withheld" in done.stdout
    line = (thin / "withheld").read_text()
    for text, words in (
        ("", f"record {middle:06d} is missing, and no hash stands in its place"),
        (f"{line[:7]}{'0' if line[7] != '0' else '1'}{line[8:]}", "do not have the root"),
        (line + f"{last + 1:06d} {'0' * 64}\n", "stand between no two records"),
        (line + line, "has a line that is none"),
        (line.upper(), "has a line that is none"),
        (line[:-2] + "\n", "has a line that is none"),
    ):
        (thin / "withheld").write_text(text)
        sum_up(thin)
        assert words in check(thin).stderr
    (thin / "withheld").write_text(line)
    before = (thin / "before").read_text()
    for text, words in (("", "before has no hash of level"), (before.replace("a", "b"), "do not have the root")):
        (thin / "before").write_text(text)
        sum_up(thin)
        assert words in check(thin).stderr


def test_an_opening_that_others_came_between_is_exported_with_their_hashes(tmp_path: Path, check: Check) -> None:
    with create(tmp_path / "home", "office terminal") as made:
        fill_with_opening(made)
        opening = next(one.opening for one in listing.lines(made, kinds=("declared",)))
        for _ in range(5):
            made.append(Heartbeat(every_s=60))
        note = Refused(stage="open", error="insufficient-shares", message="no quorum")
        made.append(note, set_name="prod-db", opening=opening)
        export.export(made, opening, tmp_path / "out")
    done = check(tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "from record 000003 to record 000017: 10 are here, and 5 are withheld" in done.stdout
    assert len((tmp_path / "out" / "before").read_text().splitlines()) == 2, "3 is 2 and 1"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def opening(ledger: Ledger, tmp_path: Path) -> Path:
    """A declaration, an officer's signature and an opening."""
    signed = next(one for one in listing.lines(ledger, kinds=("officer-signed",)))
    export.export(ledger, signed.opening, tmp_path / "opening")
    return tmp_path / "opening"


def test_whatever_file_is_altered_or_taken_away_it_fails(opening: Path, check: Check) -> None:
    for name in names(opening):
        path = opening / name
        data = path.read_bytes()
        if name != "verify.sh":
            path.write_bytes(bytes([data[0] ^ 1]) + data[1:] if data else b"x")
            assert check(opening).returncode != 0, f"{name} was altered"
            path.unlink()
            assert check(opening).returncode != 0, f"{name} is gone"
            path.write_bytes(data)
    (opening / "000099.json").write_bytes(b"{}")
    assert "000099.json is not in SHA256SUMS" in check(opening).stderr


def leave(folder: Path, lines: list[str]) -> None:
    """Leave these records in an export, and no file of another one."""
    (folder / "records").write_text("".join(lines))
    kept = {line.strip() for line in lines}
    for name in names(folder):
        if name[:6].isdecimal() and name[:6] not in kept:
            (folder / name).unlink()


def sum_up(folder: Path) -> None:
    """What somebody does who alters a file and knows the sums."""
    lines = [
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}"
        for name in names(folder) if name != "SHA256SUMS"
    ]  # fmt: skip
    (folder / "SHA256SUMS").write_text("\n".join(lines) + "\n")


UNSIGNED = {"README.txt", "SHA256SUMS", "verify.sh", "allowed_signers"}
"""Files that only the sums hold; a reader checks the digest of the sums, reads the script, and compares the keys."""


def test_nor_do_new_sums_help(opening: Path, check: Check) -> None:
    """Records, signatures, checkpoints and keys hold each other: one altered character in each is tried."""
    survivors = []
    for name in set(names(opening)) - UNSIGNED:
        data = (opening / name).read_bytes() or b"  000000 ab\n"
        place = next(at for at in range(len(data) * 3 // 5, 0, -1) if data[at : at + 1].isalnum())
        (opening / name).write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        sum_up(opening)
        if check(opening).returncode == 0:
            survivors.append(name)
        (opening / name).write_bytes(data)
    assert survivors == []


def test_a_checkpoint_has_one_spelling(opening: Path, check: Check) -> None:
    """Signs that are no base64, and bits that stand for nothing, are not read as the bytes beside them."""
    path = next(path for path in sorted(opening.glob("*.checkpoint")))
    note = path.read_text()
    origin, size, root, _, signed = note.splitlines()
    dash, name, signature = signed.split()

    def next_digit(text: str) -> str:
        return f"{text[:-2]}{chr(ord(text[-2]) + 1)}="

    for altered in (
        note.replace(root, next_digit(root)),
        note.replace(signature, next_digit(signature)),
        note.replace(root, f"{root[:-1]}A"),
        note.replace(signature, f"{signature[:-1]}A"),
        *(note.replace(text, text[:at] + "@" + text[at + 1 :]) for text in (root, signature) for at in range(0, 43, 3)),
    ):
        assert altered != note
        path.write_text(altered)
        sum_up(opening)
        assert check(opening).returncode != 0, altered
    assert (dash, name) == ("—", origin)
    assert size.isdecimal()


def test_a_key_id_in_a_checkpoint_is_spelt_in_base64(tmp_path: Path, check: Check) -> None:
    """Of awk each sign that is no digit has the value of an A, which key ids have now and then."""
    for attempt in range(250):
        with create(tmp_path / f"home-{attempt}", "office terminal") as made:
            made.append(Heartbeat(every_s=60))
            signature = next(iter(made.entries())).checkpoint.splitlines()[-1].split()[-1]
            if "A" in signature[:5]:
                fill_with_opening(made)
                opening = next(one.opening for one in listing.lines(made, kinds=("declared",)))
                export.export(made, opening, tmp_path / "out")
                break
    else:
        pytest.fail("no key id with an A in 250")
    assert check(tmp_path / "out").returncode == 0
    path = next(path for path in sorted((tmp_path / "out").glob("*.checkpoint")))
    note = path.read_text()
    path.write_text(note.replace(signature[:5], signature[:5].replace("A", "@")))
    assert path.read_text() != note
    sum_up(tmp_path / "out")
    assert "the signature of" in check(tmp_path / "out").stderr


def test_a_record_cannot_be_left_out_swapped_or_renumbered(folder: Path, whole: Path, check: Check) -> None:
    def fails(words: str) -> None:
        sum_up(folder)
        done = check(folder)
        assert done.returncode != 0
        assert words in done.stderr, done.stderr
        for name in names(whole):
            shutil.copy(whole / name, folder / name)

    lines = (whole / "records").read_text().splitlines(keepends=True)
    (folder / "records").write_text("".join(lines[:2] + lines[3:]))
    fails("000002.json is not in records")
    leave(folder, lines[:2] + lines[3:])
    sum_up(folder)
    assert "record 000002 is missing, and no hash stands in its place" in check(folder).stderr
    shutil.copytree(whole, folder, dirs_exist_ok=True)
    leave(folder, lines[:-1])
    sum_up(folder)
    assert f"behind record {len(lines) - 2:06d}" in check(folder).stdout, "an end that is cut off is not shown"
    shutil.copytree(whole, folder, dirs_exist_ok=True)
    (folder / "records").write_text("".join([*lines[:2], lines[3], lines[2], *lines[4:]]))
    fails("record 000002 is missing, and no hash stands in its place")
    for ending in ("", ".sig", ".checkpoint"):
        shutil.copy(whole / f"000003.json{ending}", folder / f"000002.json{ending}")
    fails("000002.json is not record 000002 of this log")
    shutil.copy(whole / "000003.json.checkpoint", folder / "000002.json.checkpoint")
    fails("000002.json.checkpoint is of another record")
    shutil.copy(whole / "000003.json.sig", folder / "000002.json.sig")
    fails("the terminal's signature of 000002.json")


def test_a_second_signature_cannot_be_stripped_or_swapped(folder: Path, whole: Path, check: Check) -> None:
    lines = (whole / "signatures").read_text().splitlines(keepends=True)
    for left_out in range(len(lines)):
        (folder / "signatures").write_text("".join(lines[:left_out] + lines[left_out + 1 :]))
        sum_up(folder)
        done = check(folder)
        assert re.search(r"0000\d\d\.json lacks its second signature", done.stderr), done.stderr
    officer = next(line.split() for line in lines if "officer" in line)
    words = " ".join([*officer[:1], "000003.json", *officer[2:]]) + "\n"
    (folder / "signatures").write_text("".join(words if line.split() == officer else line for line in lines))
    sum_up(folder)
    assert "is not about 000003.json" in check(folder).stderr


def test_a_second_signature_is_by_whom_the_type_of_the_record_asks_for(
    folder: Path, whole: Path, ledger: Ledger, check: Check
) -> None:
    """Whoever has the terminal's key, and no quorum, does not pass its own or another signature off as one."""
    lines = (whole / "signatures").read_text().splitlines(keepends=True)
    (at,) = [number for number, line in enumerate(lines) if "quorum@" in line]
    number, file, signature, quorum, *_ = lines[at].split()
    own = sshsig.allowed_signer(quorum, ledger.public_key, [sshsig.QUORUM_NAMESPACE])
    by_terminal = sshsig.sign(ledger._key, (whole / file).read_bytes(), sshsig.QUORUM_NAMESPACE)
    officers = next(name for name in names(whole) if name.startswith("officers-"))

    def fails(line: str, words: str, **files: str) -> None:
        (folder / "signatures").write_text("".join([*lines[:at], line, *lines[at + 1 :]]))
        for name, text in files.items():
            (folder / {"theirs": signature}.get(name, name)).write_text(text)
        sum_up(folder)
        done = check(folder)
        assert (done.returncode, words in done.stderr) == (1, True), done.stderr
        for name in names(whole):
            shutil.copy(whole / name, folder / name)

    allowed = (whole / "allowed_signers").read_text()
    fails(f"{number} {file} {file}.sig terminal record@breakglass-shamir allowed_signers -\n", "does not sign that")
    fails(lines[at].replace("allowed_signers", officers), "does not sign that")
    fails(lines[at].replace(quorum, "quorum-" + 12 * "A"), "does not sign that")
    fails(lines[at].rstrip("\n") + " heartbeat - -\n", "signatures has a line of no record")
    fails(lines[at] + f"000000 000000.json {signature} terminal x allowed_signers -\n", "000000.json needs no second")
    renamed = "".join(own + "\n" if line.startswith(quorum) else line for line in allowed.splitlines(keepends=True))
    fails(lines[at], "in allowed_signers is another one's", allowed_signers=renamed, theirs=by_terminal)
    for pattern in ("*", "quorum-*", f"x,{quorum}"):
        more = allowed + own.replace(quorum, pattern)  # the last line is read without a line feed, too
        fails(lines[at], "allowed_signers", allowed_signers=more, theirs=by_terminal)


@pytest.mark.parametrize("name", ["terminal", " terminal", "t*"])
def test_nobody_else_signs_a_single_record(name: str, ledger: Ledger, tmp_path: Path, check: Check) -> None:
    """Without the whole log only the terminal's signature holds a record's words."""
    seed, folder = Secret(b"z" * 32), tmp_path / "record"
    export.export(ledger, "8", folder)
    assert check(folder).returncode == 0
    line = sshsig.allowed_signer("terminal", keys.ed25519_public(seed), [sshsig.RECORD_NAMESPACE])
    allowed, file = folder / "allowed_signers", folder / "000008.json"
    allowed.write_text(line.replace("terminal", name, 1) + "\n" + allowed.read_text())
    file.write_bytes(file.read_bytes().replace(b"Duty officer, north", b"Duty officer, south"))
    (folder / f"{file.name}.sig").write_text(sshsig.sign(seed, file.read_bytes(), sshsig.RECORD_NAMESPACE))
    sum_up(folder)
    done = check(folder)
    assert (done.returncode, "allowed_signers" in done.stderr) == (1, True), done.stdout


def test_an_officers_key_is_looked_for_in_the_policy_of_that_time(folder: Path, check: Check) -> None:
    """A policy that came later, or was there before, may list other keys."""
    (officers,) = [name for name in names(folder) if name.startswith("officers-")]
    (folder / officers).rename(folder / "officers-000008")
    signatures = folder / "signatures"
    signatures.write_text(signatures.read_text().replace(officers, "officers-000008"))
    sum_up(folder)
    assert f"who does not sign that: expected officer@breakglass-shamir officer:* {officers}" in check(folder).stderr


def test_a_terminal_key_that_is_not_the_logs_is_refused(folder: Path, check: Check) -> None:
    other = keys.ed25519_public(Secret(b"o" * 32))
    pem = export._PEM.format(base64.b64encode(export._SPKI + other).decode())
    (folder / "terminal.pem").write_text(pem)
    sum_up(folder)
    assert "terminal.pem and allowed_signers name two terminal keys" in check(folder).stderr
    allowed = folder / "allowed_signers"
    line = sshsig.allowed_signer("terminal", other, [sshsig.RECORD_NAMESPACE])
    allowed.write_text(re.sub("^terminal .*", line, allowed.read_text(), flags=re.M))
    sum_up(folder)
    assert "000000.json is not record 000000 of this log" in check(folder).stderr


def test_whoever_has_the_terminals_key_cannot_alter_what_others_follow(
    folder: Path, whole: Path, ledger: Ledger, check: Check
) -> None:
    """What is signed anew does not fit the records after it, nor the tree; the newest alone could be made anew."""

    def forge(seq: int) -> None:
        file = folder / f"{seq:06d}.json"
        data = re.sub(rb'"boot":"[0-9a-f]{16}"', b'"boot":"' + b"0" * 16 + b'"', file.read_bytes())
        file.write_bytes(data)
        (folder / f"{file.name}.sig").write_text(sshsig.sign(ledger._key, data, sshsig.RECORD_NAMESPACE))
        sum_up(folder)

    forge(2)
    assert "000003.json does not follow the record in front" in check(folder).stderr
    for name in names(whole):
        shutil.copy(whole / name, folder / name)
    forge(ledger.size - 1)
    assert "the records do not have the root of the last checkpoint" in check(folder).stderr
    for name in names(whole):
        shutil.copy(whole / name, folder / name)
    name = origin(ledger.public_key)
    other = sign_note(Head(name, 3, bytes(32)).to_text(), name, ledger._key)
    (folder / "000002.json.checkpoint").write_text(other)
    sum_up(folder)
    assert "000003.json names another tree than the checkpoint in front" in check(folder).stderr


def test_a_key_is_judged_by_the_time_of_the_record(folder: Path, check: Check) -> None:
    """Expired and revoked keys do not count; those that were good then do, whatever is revoked today."""
    (officers,) = [name for name in names(folder) if name.startswith("officers-")]
    path = folder / officers
    written = path.read_text()
    assert 'valid-after="20200101000000",valid-before="29991231235959"' in written
    for old, new in (("29991231235959", "20200102235959"), ("20200101000000", "29980101000000")):
        path.write_text(written.replace(old, new))
        sum_up(folder)
        done = check(folder)
        assert (done.returncode, "000006.json.officer.sig by officer:Duty-officer-north" in done.stderr) == (1, True), (
            done.stderr
        )
    path.write_text(written)
    revoked = folder / officers.replace("officers", "revoked")
    revoked.write_text(f"hash: {REVOKED}\n")
    signatures = folder / "signatures"
    signatures.write_text(signatures.read_text().replace(f"{officers} -", f"{officers} {revoked.name}"))
    sum_up(folder)
    assert "000006.json.officer.sig by officer:Duty-officer-north" in check(folder).stderr


def test_the_script_knows_every_type_that_others_sign_too(whole: Path) -> None:
    signed = {str(body.__struct_config__.tag) for body in (*records.QUORUM_SIGNED, *records.DRILL_SIGNED)}
    script = (whole / "verify.sh").read_text()
    (listed,) = re.findall(r"case \$type in\n([a-z| \\\n-]+)\)\n +die \S+ lacks its second", script)
    others = {"officer-signed", "custodian-signed", "recovery-imported", "enrolled", "reviewed", "debts-settled"}
    assert set(re.findall(r"[a-z-]+", listed)) == signed | others


def test_the_list_shows_what_is_asked_for(ledger: Ledger) -> None:
    every = list(listing.lines(ledger))
    assert [one.seq for one in every] == list(range(ledger.size))
    assert [one.type for one in listing.lines(ledger, kinds=("opened", "declared"))] == [
        "declared",
        "declared",
        "opened",
    ]
    assert [one.type for one in listing.lines(ledger, set_name="prod-db")] == [
        one.type for one in every if one.set_name
    ]
    assert list(listing.lines(ledger, since="2999-01-01")) == []
    assert list(listing.lines(ledger, since=every[0].time)) == every


def test_the_history_tells_of_drills_recoveries_and_signatures(ledger: Ledger) -> None:
    (told,) = history.build(ledger.entries()).sets
    (drill,) = told.drills
    assert (drill.drill, drill.sheets, drill.result, told.openings[0].outcome) == (
        "rehearsal", ("1.1", "1.3"), "pass", "rehearsed",
    )  # fmt: skip
    (found,) = told.recoveries
    assert (found.ticket, found.status, found.officers, found.claimed) == (
        "INC-2", "good", ("Duty",), "2026-01-05T03:00:00Z",
    )  # fmt: skip
    assert [one.fingerprint for one in told.openings[1].signed_by] == [REVOKED]
    assert [policy.seq for policy in told.policies] == [1, 8]
    assert [debt.kind for debt in told.owed] == ["rotation"]


def test_a_record_is_shown_in_full_with_who_signed_it(ledger: Ledger) -> None:
    signed = next(one for one in listing.lines(ledger, kinds=("officer-signed",)))
    shown = showing.show(ledger, signed.opening[:12])
    assert [one.type for one in shown] == ["declared", "officer-signed", "opened"]
    assert [[one.by for one in record.signatures] for record in shown] == [
        ["terminal office terminal"],
        ["terminal office terminal", "officer Duty officer, north"],
        ["terminal office terminal", "quorum of epoch 1"],
    ]
    assert shown[1].signatures[1].over == shown[0].seq
    for record in shown:
        assert hashlib.sha256(record.text.encode()).hexdigest() == record.sha256
    story = showing.story(ledger, signed.opening[:12])
    assert story is not None
    told = showing.story_lines(story)
    assert told[0] == f"opening {signed.opening[:12]}: emergency, idp-outage, ticket INC-1: {story.reason}"
    assert f"  signed by Duty officer, north with {REVOKED} at {signed.time}" in told
    assert told[-1] == "  under way"
    assert showing.story(ledger, str(signed.seq)) is showing.story(ledger, "all") is None
    words = "\n".join(showing.lines(shown[1]))
    assert f"signed by officer Duty officer, north, {REVOKED}, over record {shown[0].seq}" in words
