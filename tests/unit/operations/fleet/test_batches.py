# SPDX-License-Identifier: Apache-2.0
"""A batch for a printer that is interrupted when its paper is out and only some of its sets are on record."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import home
from breakglass_shamir.operations.credential import split as single
from breakglass_shamir.operations.desk import EmptyDesk
from breakglass_shamir.operations.fleet import splitting
from breakglass_shamir.operations.fleet.trays import Trays
from breakglass_shamir.operations.printing import outlet
from breakglass_shamir.operations.printing.sheets import Printing
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.paper.reading.scan import Scanner

POLICY = """\
name = "{name}"
target = {{uri = "manual:safe", account = "safe"}}
quorum = {{group_threshold = 1, groups = [{{threshold = 2, custodians = ["Bo", "Chen"]}}]}}
[declaration]
classes = ["x"]
"""


class Room(EmptyDesk):
    """People who hear warnings."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def warn(self, line: str) -> None:
        """Hear it."""
        self.heard.append(line)


@pytest.fixture
def policies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """Three policies, and a printer that takes everything."""
    monkeypatch.setattr(outlet, "queue", lambda _name: None)
    monkeypatch.setattr(Trays, "put_out", lambda *_: None)
    monkeypatch.setattr(Trays, "covers", lambda *_: None)
    made = []
    for name in ("one", "two", "three"):
        made.append(tmp_path / f"{name}.toml")
        made[-1].write_text(POLICY.format(name=name))
    yield made


def test_what_is_on_record_is_not_told_to_be_destroyed(
    policies: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish, done, room = single.finish, list[str](), Room()

    def interrupted(recorder: Recorder, begun: single.Begun, *rest: Any) -> single.SplitResult:
        if done:
            raise KeyboardInterrupt
        done.append(begun.policy.name)
        finish(recorder, begun, *rest)
        raise KeyboardInterrupt

    monkeypatch.setattr(single, "finish", interrupted)
    with home.create(tmp_path / "home", "office") as ledger, Scanner() as scanner:
        recorder = Recorder(ledger, room)
        with pytest.raises(KeyboardInterrupt):
            splitting.split(
                recorder, policies, Printing(printer="tray"), scanner, credentials=None,
                secret_of=lambda order: Secret(order.set_name.encode()),
            )  # fmt: skip
        assert [name for name, s in ledger.state.sets.items() if s.current] == done == ["one"]
    (told,) = [line for line in room.heard if "destroy it" in line]
    assert told == "whatever came out of the printer of two, three counts for nothing: destroy it"
