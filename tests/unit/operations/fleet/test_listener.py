# SPDX-License-Identifier: Apache-2.0
"""What the sets of one run warn of: each line with its set, what holds for this machine once."""

from breakglass_shamir.operations.desk import EmptyDesk
from breakglass_shamir.operations.fleet.heap import Listener

DESTROY = "the target is unchanged; these sheets open nothing: destroy them"
SPOOL = "the spool is on a disk"


class Room(EmptyDesk):
    """People who hear warnings."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def warn(self, line: str) -> None:
        """Hear it."""
        self.heard.append(line)


def test_what_two_sets_warn_of_in_the_same_words_is_said_of_both() -> None:
    room = Room()
    listener = Listener(room, [SPOOL])
    for name in ("first", "second", "second"):
        listener.set_name = name
        listener.warn(SPOOL)
        listener.warn(DESTROY)
    assert room.heard == [SPOOL, f"first: {DESTROY}", f"second: {DESTROY}"]


def test_the_folder_in_which_sheets_wait_is_not_told_of() -> None:
    room = Room()
    listener = Listener(room)
    listener.set_name, listener.hidden = "first", "/out/unfinished-1"
    listener.warn("all sheets land in /out/unfinished-1")
    listener.set_name = ""
    listener.warn("another")
    listener.warn("another")
    assert room.heard == ["another"]
