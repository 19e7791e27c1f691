# SPDX-License-Identifier: Apache-2.0
"""A program of the operator's: one event as a line of JSON on standard input, exit code 0 as the acknowledgement.

It is run without a shell, with no more of the environment than a path, and is killed at its time limit.
"""

import subprocess
from collections.abc import Sequence

from breakglass_shamir.alerts.event import Event
from breakglass_shamir.alerts.sinks.base import Deliverer
from breakglass_shamir.custody.policy.sinks import ExecSink
from breakglass_shamir.errors import SinkFailure

ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}


class Program(Deliverer):
    """One program."""

    def __init__(self, sink: ExecSink) -> None:
        super().__init__(sink.name)
        self._sink = sink

    def _deliver(self, events: Sequence[Event]) -> None:
        for number, event in enumerate(events):
            problem = self._run(event.json + b"\n")
            if problem:
                raise SinkFailure(f"{self.name}: {problem}", delivered=number)

    def _run(self, line: bytes) -> str:
        try:
            done = subprocess.run(
                self._sink.argv, input=line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT,
                timeout=self._sink.timeout.seconds, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return f"{self._sink.argv[0]} did not end within {self._sink.timeout}"
        except OSError as error:
            return f"{self._sink.argv[0]} could not be run: {error.strerror}"
        return f"{self._sink.argv[0]} ended with {done.returncode}" if done.returncode else ""
