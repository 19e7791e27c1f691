# SPDX-License-Identifier: Apache-2.0
"""The report for programs: what its page shows, as one JSON document (docs/json.md).

Rules:

1. It says what the page says, from the same parts; nothing is decided here.
2. Fields may be added. Names are those of the stories.
"""

import json
from collections.abc import Iterator
from typing import Any

from breakglass_shamir.formats.named_fields import names_of
from breakglass_shamir.operations.audit.report_parts import AcrossPage, Page, Part, SetPage

VERSION = 1
"""Of the document."""


def parts(page: Page) -> Iterator[str]:
    """Yield the document's text, a part at a time."""
    yield from json.JSONEncoder(indent=1, ensure_ascii=True).iterencode(document(page))
    yield "\n"


def document(page: Page) -> dict[str, Any]:
    """Return what the page shows."""
    return {
        "v": VERSION, "made": page.made, "software": page.software, "holds_all": page.verdict.holds,
        "problem": page.verdict.problem, "set": page.only, "since": page.since, "until": page.until,
        "holds": _plain(page.holds), "open": _plain(page.open), "due": _plain(page.due),
        "terminals": [_terminal(one) for one in page.parts],
        "sets": [_set(one) for one in page.sets],
        "across": [_across(one) for one in page.across],
        "controls": _plain(page.controls.standards),
    }  # fmt: skip


def _terminal(one: Part) -> dict[str, Any]:
    log, verified = one.log, one.verdict.verified
    said: dict[str, Any] = {
        "terminal": log.terminal, "log": log.log, "fingerprint": log.terminal_fingerprint, "records": log.records,
        "first": log.first, "last": log.last, "trust": one.trust, "unpinned": one.unpinned, "scope": one.scope,
        "gaps": list(one.gaps), "events": _plain(log.events), "loads": _plain(log.loads),
    }  # fmt: skip
    if verified is not None:
        report = verified.report
        said |= {
            "root": report.root.hex(), "checked": _plain(report.checked), "passed_gates": _plain(report.passed_gates),
            "broken_promises": _plain(report.broken_promises), "longest_silence": _plain(report.longest_silence),
            "clock_steps_back": list(report.clock_steps_back), "clock_steps_forward": list(report.clock_steps_forward),
            "witnesses": _plain(verified.witnesses),
        }  # fmt: skip
    return said


def _set(one: SetPage) -> dict[str, Any]:
    story = one.story
    return {
        "set": one.name, "terminal": one.terminal, "phase": story.phase, "custody": one.custody,
        "chain": _plain(one.chain), "epochs": _plain(story.epochs), "openings": _plain(one.openings),
        "recoveries": _plain(one.recoveries), "debts": _plain(one.debts), "drills": _plain(one.drills),
        "policies": _plain(one.policies), "logins": _plain(one.logins), "events": _plain(one.events),
        "reviews": _plain(one.reviews), "reviews_owed": [debt.id for debt in one.reviews_owed],
        "delivered": _plain(story.delivered), "watched_until": story.watched_until,
        "timeline": _plain(one.timeline),
        "due": list(one.status.due) if one.status else [],
    }  # fmt: skip


def _across(one: AcrossPage) -> dict[str, Any]:
    said = _plain(one.set)
    timeline = [{"terminal": terminal, **_plain(moment)} for terminal, moment in one.timeline]
    return {**said, "timeline": timeline}


def _plain(value: Any) -> Any:
    """Turn stories into what JSON knows; what leads to places on the page is left out."""
    if names := names_of(type(value)):
        named = ((name, getattr(value, name)) for name in names)
        return {"set" if name == "set_name" else name: _plain(item) for name, item in named if name != "href"}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.hex() if isinstance(value, bytes) else value
