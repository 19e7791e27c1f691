# SPDX-License-Identifier: Apache-2.0
"""What one kind of evidence says."""

from dataclasses import dataclass

from breakglass_shamir.operations.audit.controls.facts import Fact


@dataclass(frozen=True, slots=True)
class Answer:
    """The records on which it rests, and what is missing."""

    rests: tuple[Fact, ...] = ()
    lacks: tuple[str, ...] = ()
    """A sentence each."""
