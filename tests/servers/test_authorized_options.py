# SPDX-License-Identifier: Apache-2.0
"""Lines of ``authorized_keys`` against the installed sshd: what is called in force lets in, what is refused not."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sshd_server import SshdServer

from breakglass_shamir.connectors.port.answers import CheckResult
from breakglass_shamir.connectors.registry import connector_for
from breakglass_shamir.hygiene import Secret


@pytest.fixture(scope="module")
def sshd(need: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshdServer]:
    """A server that reads one file."""
    for name in ("/usr/sbin/sshd", "ssh", "ssh-keygen"):
        need(name)
    if os.geteuid() != 0:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("sshd wants /run/sshd, which root makes")
    server = SshdServer(tmp_path_factory.mktemp("sshd"))
    server.start()
    yield server
    server.stop()


def hold(sshd: SshdServer, text: str, expected: CheckResult | None = None) -> None:
    """Hold what the connector says of a file against what sshd does with it; ``KEY`` stands for our key."""
    content = text.replace("KEY", sshd.public).encode("latin-1")
    sshd.keys.write_bytes(content)
    said = connector_for(f"ssh-authorized-keys://{sshd.keys}").check(Secret(sshd.identity.read_bytes()))
    let_in = sshd.lets_in(content)
    assert said.result is not CheckResult.ACCEPTED or let_in, (text, said)
    assert said.result is not CheckResult.REFUSED or not let_in, (text, said)
    assert expected in (None, said.result), (text, said)


IN, OUT, DOUBT = CheckResult.ACCEPTED, CheckResult.REFUSED, CheckResult.UNKNOWN


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("KEY\r\n", IN),
        ("\t KEY  a comment, with a comma\n", IN),
        ('COMMAND="a, b \\" c",No-PTY,X11-Forwarding KEY', IN),
        ('expiry-time="20990101",expiry-time="20200101" KEY', DOUBT),
        ('expiry-time="20200101",expiry-time="20990101" KEY', DOUBT),
        ('Expiry-Time="20990101" KEY', IN),
        ('EXPIRY-TIME="20200101" KEY', DOUBT),
        ('expiry-time="20990101z" KEY', IN),
        ('expiry-time="209901010000UTC" KEY', IN),
        ('expiry-time="20990231" KEY', DOUBT),
        ('expiry-time="2099-01-01" KEY', DOUBT),
        ("expiry-time=20990101 KEY", DOUBT),
        ('command="x,cert-authority" KEY', IN),
        ("CERT-authority KEY", DOUBT),
        ("ptyx KEY", DOUBT),
        ("no-restrict KEY", DOUBT),
        ("pty,,no-pty KEY", DOUBT),
        ("pty, KEY", DOUBT),
        ('command="a",command="b" KEY', DOUBT),
        ('from="*" KEY', IN),
        ('from="!10.0.0.1" KEY', DOUBT),
        ('from="127.0.0.1/8" KEY', DOUBT),
        ('environment="A=1",environment="B=2" KEY', IN),
        ('environment="A B=1" KEY', DOUBT),
        ('permitopen="nowhere" KEY', DOUBT),
        ('command="never closed KEY', OUT),
        ("no-such-option KEY", DOUBT),
        (" # KEY", OUT),
        ("pty\x00 KEY", OUT),
        ("nothing KEY\nKEY", IN),
        ("x\rKEY", OUT),
    ],
)
def test_what_people_write(sshd: SshdServer, text: str, expected: CheckResult) -> None:
    hold(sshd, text, expected)


def cased(word: str) -> st.SearchStrategy[str]:
    return st.sampled_from([word, word.upper(), word.title()])


VALUES = st.sampled_from(
    [
        "", "a b", "a,b", 'say \\"x\\"', "\\", "20990101", "20200101", "20990101Z", "209912312359", "20991231235960Z",
        "0", "127.0.0.1", "127.0.0.0/8", "10.0.0.0/8,127.*", "!127.0.0.1,*", "A=b", "localhost:22", "*:*", "[::1]:22",
        "22", "7",
    ]
)  # fmt: skip
FLAGS = st.sampled_from(
    [
        "restrict",
        "pty",
        "no-pty",
        "cert-authority",
        "user-rc",
        "no-touch-required",
        "verify-required",
        "no-restrict",
        "x",
    ]
).flatmap(cased)
NAMES = st.sampled_from(["command", "from", "expiry-time", "environment", "permitopen", "tunnel", "principals"])
QUOTE = st.sampled_from(['"'] * 6 + [""])
VALUED = st.builds(
    "{}{}{}{}{}".format, NAMES.flatmap(cased), st.sampled_from(["=", "=", "=", " ="]), QUOTE, VALUES, QUOTE
)
LINES = st.builds(
    "{}{}{}KEY{}".format,
    st.sampled_from(["", "", " ", "\t", "#"]),
    st.lists(st.one_of(FLAGS, VALUED, VALUED), max_size=3).flatmap(
        lambda parts: st.sampled_from([",", ",", ",", ", ", ",,"]).map(lambda comma: comma.join(parts))
    ),
    st.sampled_from([" ", " ", "\t", "  ", ""]),
    st.sampled_from(["", " comment", "\r", " # x"]),
)


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(LINES)
def test_nothing_is_believed_that_sshd_does_not_do(sshd: SshdServer, line: str) -> None:
    hold(sshd, line)


def test_an_entry_that_is_over_is_told_before_anything_is_printed(sshd: SshdServer, tmp_path: Path) -> None:
    path = tmp_path / "authorized_keys"
    path.write_text(f'expiry-time="20990101",Expiry-Time="20200101" {sshd.public}\n')
    path.chmod(0o600)
    connector = connector_for(f"ssh-authorized-keys://{path}")
    found = connector.preflight(None, Secret(sshd.identity.read_bytes()))
    assert any("expiry-time is over" in problem for problem in found.problems)
