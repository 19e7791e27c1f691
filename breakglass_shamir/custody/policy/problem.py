# SPDX-License-Identifier: Apache-2.0
"""One thing that is wrong with a policy file."""

from collections.abc import Sequence

import msgspec

from breakglass_shamir.errors import InvalidPolicy


class PolicyProblem(msgspec.Struct, frozen=True):
    """A key, what is wrong with it, and what was probably meant."""

    key: str
    """Path such as ``quorum.groups[0].threshold``; empty where the file as a whole is meant."""

    message: str
    """Says what was expected and what was found."""

    nearest: str = ""
    """The nearest valid spelling; empty where there is none."""

    file: str = ""
    """The file it stands in, where a policy is made of several; else empty."""

    line: int = 0
    """The line, from 1; 0 where it is not known."""

    def __str__(self) -> str:
        words = f"{self.key}: {self.message}" if self.key else self.message
        if self.file:
            words = f"{at(self.file, self.line)}: {words}"
        return f"{words}; did you mean {self.nearest}?" if self.nearest else words

    def details(self) -> dict[str, str | int]:
        """Return it for a machine; file and line only where they are known."""
        found: dict[str, str | int] = {"key": self.key, "message": self.message, "nearest": self.nearest}
        if self.file:
            found["file"] = self.file
        if self.line:
            found["line"] = self.line
        return found


def at(file: str, line: int) -> str:
    """Say where something stands."""
    return f"{file} line {line}" if line else file


def invalid(found: Sequence[PolicyProblem], what: str = "this policy") -> InvalidPolicy:
    """Return the error that says every problem at once."""
    details = [one.details() for one in found]
    if len(found) == 1:
        return InvalidPolicy(str(found[0]), problems=details)
    lines = "".join(f"\n  {one}" for one in found)
    return InvalidPolicy(f"{len(found)} problems in {what}:{lines}", problems=details)
