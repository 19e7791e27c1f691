# SPDX-License-Identifier: Apache-2.0
"""Keys of every type that officers bring: what OpenSSH signs verifies here, and what a token signs verifies there."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from breakglass_shamir.crypto import ssh_key, sshsig
from breakglass_shamir.crypto.ssh_wire import join
from breakglass_shamir.errors import InvalidSignature
from breakglass_shamir.operations.opening import ssh_sign
from tests.unit.crypto.test_ssh_key import signed

MESSAGE = b'{"type":"declared"}'
SPACE = sshsig.OFFICER_NAMESPACE


def run(*command: str | Path, stdin: bytes = b"", **environment: str) -> bytes:
    done = subprocess.run(
        [*map(str, command)], input=stdin, capture_output=True, timeout=60, check=False,
        env={"PATH": os.environ["PATH"], **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("kind", "bits"), [("ed25519", 0), ("ecdsa", 256), ("ecdsa", 384), ("ecdsa", 521), ("rsa", 3072)]
)
def test_what_ssh_keygen_signs_verifies_here(need: Callable[[str], str], tmp_path: Path, kind: str, bits: int) -> None:
    keygen, key = need("ssh-keygen"), tmp_path / "key"
    run(keygen, "-q", "-t", kind, *(["-b", str(bits)] if bits else []), "-N", "", "-f", key)
    public = ssh_key.from_line(key.with_suffix(".pub").read_text())
    signature = run(keygen, "-q", "-Y", "sign", "-f", key, "-n", SPACE, stdin=MESSAGE).decode()
    sshsig.verify_by(public, signature, MESSAGE, SPACE)
    assert public.fingerprint in run(keygen, "-l", "-f", key.with_suffix(".pub")).decode()
    for message, namespace in ((MESSAGE + b"\n", SPACE), (MESSAGE, sshsig.QUORUM_NAMESPACE)):
        with pytest.raises(InvalidSignature):
            sshsig.verify_by(public, signature, message, namespace)


def test_a_short_rsa_key_is_refused(need: Callable[[str], str], tmp_path: Path) -> None:
    run(need("ssh-keygen"), "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", tmp_path / "key")
    with pytest.raises(InvalidSignature, match="expected an RSA key of 3072 to 16384 bits, got 2048"):
        ssh_key.from_line((tmp_path / "key.pub").read_text())


@pytest.fixture
def agent(need: Callable[[str], str], tmp_path: Path) -> Iterator[str]:
    """The socket of a real agent."""
    socket = str(tmp_path / "agent")
    process = subprocess.Popen([need("ssh-agent"), "-D", "-a", socket], stdout=subprocess.DEVNULL)
    try:
        while not Path(socket).exists():
            assert process.poll() is None
        yield socket
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_a_key_that_only_an_agent_holds_signs(
    need: Callable[[str], str], tmp_path: Path, agent: str, kind: str
) -> None:
    keygen, key = need("ssh-keygen"), tmp_path / "key"
    run(keygen, "-q", "-t", kind, "-N", "", "-f", key)
    run(need("ssh-add"), "-q", key, SSH_AUTH_SOCK=agent)
    key.unlink()
    public = key.with_suffix(".pub")
    signature = run(keygen, "-q", "-Y", "sign", "-f", public, "-n", SPACE, stdin=MESSAGE, SSH_AUTH_SOCK=agent).decode()
    sshsig.verify_by(ssh_key.from_line(public.read_text()), signature, MESSAGE, SPACE)


@pytest.mark.parametrize("kind", ssh_key.TYPES)
def test_ssh_keygen_and_this_package_read_the_same_keys_and_signatures(
    need: Callable[[str], str], tmp_path: Path, kind: str
) -> None:
    """Tokens included: their signatures are made here as PROTOCOL.u2f says, and OpenSSH is the judge."""
    blob, _ = signed(kind)
    data = sshsig._signed_data(MESSAGE, SPACE)
    _, signature = signed(kind, data)
    fields = join(blob, SPACE.encode(), b"", b"sha512", signature)
    armored = sshsig._armor(sshsig.MAGIC + sshsig.VERSION + fields)
    key = ssh_key.from_blob(blob)
    sshsig.verify_by(key, armored, MESSAGE, SPACE)
    (tmp_path / "signature").write_text(armored)
    (tmp_path / "allowed").write_text(sshsig.allowed_signer("officer-1", key, [SPACE]) + "\n")
    run(
        need("ssh-keygen"), "-Y", "verify", "-f", tmp_path / "allowed", "-I", "officer-1", "-n", SPACE,
        "-s", tmp_path / "signature", stdin=MESSAGE,
    )  # fmt: skip


SK_PROVIDER = Path("usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so")
"""OpenSSH's own token in software, in Debian's package ``openssh-tests``. ``.ci/token`` unpacks it into its folder,
since installed it brings a server along. ``BREAKGLASS_SK_PROVIDER`` names another."""

ROOTS = (Path("/"), Path(__file__).resolve().parents[2] / "build/token")


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    """A FIDO2 token in software, which ssh-keygen talks to as to any other."""
    named = os.environ.get("BREAKGLASS_SK_PROVIDER")
    places = [Path(named)] if named else [root / SK_PROVIDER for root in ROOTS]
    provider = next((place for place in places if place.is_file()), None)
    if provider is None:
        reason = f"no token in software at {' or '.join(map(str, places))}; .ci/token fetches one"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason}, and CI must not skip")
        pytest.skip(reason)
    monkeypatch.setenv("SSH_SK_PROVIDER", str(provider))


@pytest.mark.parametrize("kind", ["ed25519-sk", "ecdsa-sk"])
def test_a_token_signs_through_ssh_keygen_and_its_helper(
    need: Callable[[str], str], token: None, tmp_path: Path, kind: str
) -> None:
    provider = os.environ["SSH_SK_PROVIDER"]
    run(need("ssh-keygen"), "-q", "-t", kind, "-N", "", "-f", tmp_path / "key", SSH_SK_PROVIDER=provider)
    public = ssh_key.from_line((tmp_path / "key.pub").read_text())
    armored = ssh_sign.sign(tmp_path / "key", MESSAGE, SPACE, asks=False)
    sshsig.verify_by(public, armored, MESSAGE, SPACE)
    with pytest.raises(InvalidSignature, match="does not verify"):
        sshsig.verify_by(public, armored, MESSAGE + b" ", SPACE)
