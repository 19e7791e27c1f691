# SPDX-License-Identifier: Apache-2.0
"""A program of the operator's: one event as a line of JSON on standard input, exit code 0 as the acknowledgement.

It is run without a shell, with no more of the environment than a path, and is killed at its time limit with all it
started. Of what it writes, the last line on standard error is kept as its reason, where it refuses an event.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from breakglass_shamir.alerts.event import Event
from breakglass_shamir.alerts.sinks.base import Deliverer
from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.bounded.program import last_line, run
from breakglass_shamir.custody.policy.sinks import LONGEST_DELIVERY_S, ExecSink
from breakglass_shamir.errors import SinkFailure

ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}


class Program(Deliverer):
    """One program."""

    def __init__(self, sink: ExecSink) -> None:
        super().__init__(sink.name, sink)
        self._sink = sink
        self.limit_s = float(min(sink.timeout.seconds, LONGEST_DELIVERY_S))

    def lacking(self) -> Iterator[str]:
        """Yield why the program could not be run; runs nothing."""
        program = self._sink.argv[0]
        if not Path(program).is_absolute():
            yield f"argv: expected a program by its absolute path, got {program!r}"
        elif not Path(program).is_file():
            yield f"argv: there is no program {program}"
        elif not os.access(program, os.X_OK):
            yield f"argv: {program} may not be run"

    def _deliver(self, events: Sequence[Event], deadline: Deadline) -> None:
        for number, event in enumerate(events):
            problem = self._run(event.json + b"\n", deadline)
            if problem:
                raise SinkFailure(f"{self.name}: {problem}", delivered=number)

    def _run(self, line: bytes, deadline: Deadline) -> str:
        program = self._sink.argv[0]
        try:
            done = run(self._sink.argv, given=line, limit_s=deadline.left_s, env=ENVIRONMENT, listen=False)
        except OSError as error:
            return f"{program} could not be run: {error.strerror}"
        said = f": {last_line(done.errors)}" if done.errors.strip() else ""
        if done.status is None and deadline.over:
            return f"{program} did not end within {self.limit_s:g} s{said}"
        if done.status is None:
            return f"{program} was {done.why}"
        return f"{program} ended with {done.status}{said}" if done.status else ""
