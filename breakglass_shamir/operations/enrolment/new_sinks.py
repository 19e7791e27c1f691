# SPDX-License-Identifier: Apache-2.0
"""Sinks that come with another terminal's policy: do alerts leave from here?

Rules:

1. A sink that a policy in force here names in the same words works here already and is not asked again.
2. Files with sinks' secrets never travel. One that is missing here is named before anything is sent.
3. Each other sink takes a test event, marked as one, or somebody declines it by its name. Nobody declines by silence.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from breakglass_shamir.custody.life.state import LedgerState
from breakglass_shamir.custody.policy import sinks
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.sinks import AnySink, ExecSink, FileSink, HttpSink
from breakglass_shamir.errors import InvalidInput, SinkFailure
from breakglass_shamir.operations.monitoring import alerting
from breakglass_shamir.shell import word

_FILES = ("secret_file", "token_file", "routing_key_file", "url_file", "password_file", "cert", "key", "ca")
"""Keys of a sink that name a file which must be on this machine; those with secrets first."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A sink that does not take alerts from here."""

    set_name: str
    sink: str
    kind: str
    words: str


Decide = Callable[[Problem], bool | None]
"""Asks people about a sink that does not work: True: try it again; False: it is declined; None: nobody is there."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the sinks of one set."""

    tested: tuple[str, ...]
    declined: tuple[str, ...]


def new_in(state: LedgerState, set_name: str, source: str) -> tuple[AnySink, ...]:
    """Return the sinks of a policy that the one in force here does not name in the same words."""
    here = state.sets[set_name].policy_source if set_name in state.sets else ""
    known = {sinks.to_json(one) for one in policies.parse(here).alerts.sinks} if here else set()
    return tuple(one for one in policies.parse(source).alerts.sinks if sinks.to_json(one) not in known)


def check_declined(names: Sequence[str], offered: Iterable[str]) -> None:
    """Refuse to decline what no policy names.

    Args:
        names: what is declined.
        offered: the policies that come.

    Raises:
        InvalidInput: naming the sinks there are.
    """
    known = sorted({sink.name for source in offered for sink in policies.parse(source).alerts.sinks})
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InvalidInput(
            f"expected --decline-sink to name a sink of a policy that comes ({', '.join(known) or 'none'}), "
            f"got {', '.join(unknown)}"
        )


def settle(state: LedgerState, found: Mapping[str, tuple[AnySink, ...]], declined: Sequence[str],
           decide: Decide) -> Mapping[str, Outcome]:  # fmt: skip
    """Have each sink take a test event, or be declined.

    Args:
        state: of this ledger.
        found: set to the sinks that are new.
        declined: names that were declined beforehand.
        decide: asks people.

    Raises:
        SinkFailure: a sink does not work and nobody declined it.
    """
    outcomes, refused = {}, list[Problem]()
    tried: dict[bytes, bool] = {}
    for name, every in found.items():
        works = list[str]()
        for sink in every:
            if sink.name in declined:
                continue
            key = sinks.to_json(sink)
            if key not in tried:
                left = _left(name, sink, state, decide)
                tried[key] = left is None
                refused += [left] if left is not None and left.words else []
            works += [sink.name] if tried[key] else []
        outcomes[name] = Outcome(tuple(works), tuple(sink.name for sink in every if sink.name not in works))
    if refused:
        raise SinkFailure(
            "this import is not done: "
            + "; ".join(f"sink {one.sink} of {one.set_name}: {one.words}" for one in refused),
            hint=f"mend it and import again, or go on without: --decline-sink {word(refused[0].sink)}",
        )
    return outcomes


def _left(name: str, sink: AnySink, state: LedgerState, decide: Decide) -> Problem | None:
    """Try a sink until it works or people decline it; returns what is left, without words where it was declined."""
    kind = str(sink.__struct_config__.tag)
    while True:
        words = "; ".join(missing(sink)) or _try(name, sink, state)
        if not words:
            return None
        problem = Problem(name, sink.name, kind, words)
        again = decide(problem)
        if again is None:
            return problem
        if not again:
            return Problem(name, sink.name, kind, "")


def missing(sink: AnySink) -> Iterator[str]:
    """Yield which files a sink needs on this machine and does not find, a sentence each."""
    for field in _FILES:
        path = getattr(sink, field, None)
        if path and not _readable(Path(path)):
            yield f"the file {path} ({field}) is not here, or cannot be read"
    if isinstance(sink, ExecSink) and not Path(sink.argv[0]).is_file():
        yield f"the program {sink.argv[0]} is not here"
    if isinstance(sink, HttpSink) and sink.secret_argv and not Path(sink.secret_argv[0]).is_file():
        yield f"the program {sink.secret_argv[0]} is not here"
    if isinstance(sink, FileSink) and not Path(sink.path).parent.is_dir():
        yield f"the folder {Path(sink.path).parent} is not here"


def _readable(path: Path) -> bool:
    try:
        with path.open("rb"):
            return True
    except OSError:
        return False


def _try(name: str, sink: AnySink, state: LedgerState) -> str:
    """Send a test event; returns why it was not taken, empty where it was."""
    tried = alerting.try_one(name, sink, state)
    return "" if tried.delivered else tried.detail
