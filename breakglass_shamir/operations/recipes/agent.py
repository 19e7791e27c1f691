# SPDX-License-Identifier: Apache-2.0
"""``ssh`` with a protected key: a private agent has the key, and nothing else has the passphrase.

Why an agent and no askpass for ``ssh`` itself:

1. With ``SSH_ASKPASS_REQUIRE=force`` ssh asks the helper everything: whether to trust a host, and for the password of
   an account. A helper that has the passphrase would send it to a stranger's server.
2. ssh closes what it inherited. Its questions stay with the person, at the terminal.

``ssh-add`` is the one who asks for the passphrase, without a terminal, and gets it as ssh-keygen does
(``connectors/ssh/keygen.py``). A credential that is itself a private key goes in on standard input. The agent listens
in a folder that nobody else may enter, holds the key for as long as the use may last, and ends with the program.
"""

import contextlib
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from breakglass_shamir.bounded import program as programs
from breakglass_shamir.connectors.ssh import keygen
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations.recipes import catalogue
from breakglass_shamir.operations.recipes.passfile import Invocation

START_LIMIT_S = 10.0
"""How long the agent may take to listen."""

END_LIMIT_S = 5.0
"""How long it may take to end."""

_POLL_S = 0.01
_KEY_BEGINS = b"-----BEGIN "
_MOST_KEYS = 20


@contextlib.contextmanager
def invocation(
    program: str, arguments: Sequence[str], secret: Secret, inherited: Mapping[str, str], lifetime_s: int
) -> Iterator[Invocation]:
    """Have the agent there, with the key in it, while the program runs.

    Raises:
        InvalidInput: no key file is named, or this credential does not open it.
        ConnectorError: OpenSSH is not here, or its agent does not start.
        OSError: the same.
    """
    is_key = secret.reveal().startswith(_KEY_BEGINS)
    keys = [] if is_key else catalogue.key_files(arguments)[:_MOST_KEYS]
    if not (is_key or keys):
        raise InvalidInput(
            "expected the key file that this passphrase opens, got none", hint="name it: recipe:ssh -i KEYFILE ..."
        )
    with _agent() as place:
        limit = ["-t", str(max(1, lifetime_s))]
        _add_protected(keys, secret, place, limit)
        if is_key:
            _add_key(secret, place, limit)
        own = ("-o", f"IdentityAgent={place}", "-o", "AddKeysToAgent=no")
        yield Invocation((program, *own, *arguments), dict(inherited))


@contextlib.contextmanager
def _agent() -> Iterator[Path]:
    program = keygen.find_program("ssh-agent")
    with tempfile.TemporaryDirectory(prefix="breakglass-") as folder:
        place = Path(folder) / "agent"
        agent = subprocess.Popen(
            [program, "-D", "-a", str(place)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env={"PATH": keygen.SYSTEM_PATH}, start_new_session=True,
        )  # fmt: skip
        try:
            end = time.monotonic() + START_LIMIT_S
            while not _listens(place):
                if agent.poll() is not None or time.monotonic() > end:
                    raise ConnectorError("the agent for the key does not start", hint="use --show")
                time.sleep(_POLL_S)
            yield place
        finally:
            agent.terminate()
            try:
                agent.wait(END_LIMIT_S)
            except subprocess.TimeoutExpired:
                agent.kill()
                agent.wait()


def _listens(path: Path) -> bool:
    """Tell whether the agent takes connections: its socket is there a moment before that."""
    with socket.socket(socket.AF_UNIX) as line:
        try:
            line.connect(str(path))
        except OSError:
            return False
    return True


def _add_protected(keys: Sequence[str], secret: Secret, place: Path, limit: Sequence[str]) -> None:
    """Add every key that the passphrase opens.

    Raises:
        InvalidInput: it opens none of them.
    """
    problems = []
    for key in keys:
        path = Path(key).expanduser().absolute()
        if not path.is_file():
            problems.append(f"expected a key file, found none at {path}")
            continue
        run = keygen.run_asking("ssh-add", [*limit, str(path)], [secret], more={"SSH_AUTH_SOCK": str(place)})
        if run.status != 0:
            why = "this credential does not open it" if run.given else f"it was not asked for: {run.complaint}"
            problems.append(f"the key {path} could not be loaded: {why}")
    if keys and len(problems) == len(keys):
        raise InvalidInput("; ".join(problems), hint="name the key file of this set after -i")


def _add_key(secret: Secret, place: Path, limit: Sequence[str]) -> None:
    """Add the credential itself; an agent takes a key that ends with a newline."""
    environment = {"PATH": keygen.SYSTEM_PATH, "LC_ALL": "C", "SSH_AUTH_SOCK": str(place)}
    text = secret.reveal()
    ended = programs.run(
        [keygen.find_program("ssh-add"), *limit, "-"], given=text if text.endswith(b"\n") else text + b"\n",
        limit_s=keygen.TIME_LIMIT_S, env=environment,
    )  # fmt: skip
    if ended.status != 0:
        raise InvalidInput(f"the credential is a private key that could not be loaded: {ended.complaint}")
