# SPDX-License-Identifier: Apache-2.0
"""The few operations of the Internet Printing Protocol that printing a sheet needs (RFC 8010 and 8011).

Rules:

1. Only the server that ``lp`` uses is asked, over its socket file or its address.
2. Whatever it answers, or does not in time, becomes a value or a ``PaperError``. One question has one time limit.
3. That a purged job is gone is looked up, not assumed.

It never holds a document; ``printer`` decides what is asked.
"""

import os
import pwd
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.errors import PaperError, WebError
from breakglass_shamir.paper.printing.cups_programs import CALL_LIMIT_S, run, shown
from breakglass_shamir.web import client

FILTERS_END_S = 5.0
"""Longest time for the filters of a cancelled job to end by themselves."""

POLL_S = 0.2
"""Time between two looks at a job."""

ANSWER_MAX_BYTES = 4 << 20
"""Longest answer that is read: all of a user's jobs may be in it."""

# IPP: operations, tags and values (RFC 8010 section 3.5, RFC 8011 sections 4 and 5).
_CANCEL_JOB, _GET_JOB, _GET_JOBS, _GET_PRINTER = 0x08, 0x09, 0x0A, 0x0B
_GROUP_OPERATION, _GROUP_END, _LAST_GROUP = 0x01, 0x03, 0x0F
_INTEGER, _BOOLEAN, _NAME, _KEYWORD, _URI, _CHARSET, _LANGUAGE = 0x21, 0x22, 0x42, 0x44, 0x45, 0x47, 0x48
_JOB_PROCESSING, _PRINTER_PROCESSING = 5, 4
_NOT_FOUND = 0x0406
_LAST_SUCCESS = 0x00FF
JOB_HELD, JOB_COMPLETED, PRINTER_STOPPED = 4, 9, 5
"""States that a caller looks for, RFC 8011 sections 5.3.7 and 5.4.11."""

JOB_ENDS = {JOB_HELD: "is held", 6: "was stopped", 7: "was cancelled", 8: "was aborted"}
"""States in which a job stays unprinted, in words; RFC 8011 section 5.3.7."""

Values = dict[str, tuple[bytes, ...]]
"""Attributes of one group of an IPP answer."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """An IPP response: its status, and the attributes of each group after the operation's."""

    status: int
    message: str
    groups: tuple[Values, ...]


class Server:
    """The few IPP operations that are needed, on the server that ``lp`` uses, about one queue."""

    def __init__(self, queue: str) -> None:
        code, place, complaint = run("lpstat", ("-H",))
        if code != 0 or not place.strip():
            raise PaperError(f"the print server is not known: {complaint}")
        self._place = place.strip()
        self._user = _user_name()
        self._printer = f"ipp://localhost/printers/{quote(queue, safe='')}"

    def job_state(self, job: int) -> tuple[int, str]:
        """Return a job's state, and what CUPS tells about it."""
        answer = self._ask(_GET_JOB, job, ("job-state", "job-printer-state-message"))
        if answer.status == _NOT_FOUND:
            raise PaperError(
                f"the print server has forgotten job {job}, so that nobody knows whether it was printed",
                hint="set PreserveJobHistory in cupsd.conf to Yes; finished jobs are purged anyway",
            )
        values = _only(answer)
        return _number(values, "job-state"), _told(values.get("job-printer-state-message", ()))

    def printer_state(self) -> tuple[int, str]:
        """Return the queue's state, and the reasons it gives."""
        wanted = ("printer-state", "printer-state-reasons", "printer-state-message")
        values = _only(self._ask(_GET_PRINTER, None, wanted))
        reasons = [reason for reason in values.get("printer-state-reasons", ()) if reason not in {b"none", b"paused"}]
        return _number(values, "printer-state"), _told((*reasons, *values.get("printer-state-message", ())))

    def own_jobs(self, title: str) -> set[int]:
        """Return this user's jobs with a title, finished or not."""
        mine = ((_BOOLEAN, "my-jobs", b"\x01"), (_KEYWORD, "which-jobs", b"all"))
        answer = self._ask(_GET_JOBS, None, ("job-id", "job-name"), *mine)
        named = (group for group in answer.groups if group.get("job-name") == (title.encode(errors="replace"),))
        return {_number(group, "job-id") for group in named}

    def purge(self, job: int) -> None:
        """Cancel a job if it is not over, delete it with its document, and see that it is gone."""
        self._end(job)
        limit = time.monotonic() + CALL_LIMIT_S
        while (answer := self._ask(_CANCEL_JOB, job, (), (_BOOLEAN, "purge-job", b"\x01"))).status != _NOT_FOUND:
            if answer.status > _LAST_SUCCESS:
                raise _refusal(answer)
            if time.monotonic() > limit:
                raise PaperError("the print server still lists it")
            time.sleep(POLL_S)

    def _end(self, job: int) -> None:
        """Let a job that runs end by itself: purging at once kills its filters, which then leave all their files."""
        (values, *_) = self._ask(_GET_JOB, job, ("job-state",)).groups or ({},)
        if _number(values, "job-state") != _JOB_PROCESSING or self._ask(_CANCEL_JOB, job, ()).status > _LAST_SUCCESS:
            return
        limit = time.monotonic() + FILTERS_END_S
        while self.printer_state()[0] == _PRINTER_PROCESSING and time.monotonic() < limit:
            time.sleep(POLL_S)

    def _ask(self, operation: int, job: int | None, wanted: Sequence[str], *more: tuple[int, str, bytes]) -> _Answer:
        """Send one request and decode its answer."""
        attributes = [
            (_CHARSET, "attributes-charset", b"utf-8"),
            (_LANGUAGE, "attributes-natural-language", b"en"),
            (_URI, "printer-uri", self._printer.encode()),
            *([] if job is None else [(_INTEGER, "job-id", struct.pack(">i", job))]),
            (_NAME, "requesting-user-name", self._user.encode()),
            *more,
            *((_KEYWORD, "" if at else "requested-attributes", name.encode()) for at, name in enumerate(wanted)),
        ]
        path = "/jobs/" if operation == _CANCEL_JOB else "/"
        try:
            return _decode(self._post(path, _encode(operation, attributes)))
        except (WebError, struct.error, LookupError, ValueError) as error:
            raise PaperError(f"the print server at {self._place} does not answer as it should: {error}") from error

    def _post(self, path: str, body: bytes) -> bytes:
        headers = {"Content-Type": "application/ipp"}
        local = Path(self._place) if self._place.startswith("/") else None
        if local:
            # The server compares this name with the socket's peer; over a network it would prove nothing.
            headers["Authorization"] = f"PeerCred {self._user}"
        url = f"http://{'localhost' if local else self._place}{path}"
        request = client.Request("POST", url, body, headers, answer_max=ANSWER_MAX_BYTES, local=local)
        return client.ask(request, Deadline(CALL_LIMIT_S)).body


def _encode(operation: int, attributes: Sequence[tuple[int, str, bytes]]) -> bytes:
    """Build an IPP 1.1 request; an attribute without a name is a further value of the one before it."""
    parts = [struct.pack(">BBHIB", 1, 1, operation, 1, _GROUP_OPERATION)]
    for tag, name, value in attributes:
        parts.append(struct.pack(">BH", tag, len(name)) + name.encode() + struct.pack(">H", len(value)) + value)
    return b"".join([*parts, bytes([_GROUP_END])])


def _decode(body: bytes) -> _Answer:
    """Read an IPP response: groups of attributes, each a name with one or more values."""
    _, status, _ = struct.unpack_from(">HHI", body)
    groups: list[dict[str, list[bytes]]] = []
    name, at = "", 8
    while body[at] != _GROUP_END:
        tag, at = body[at], at + 1
        if tag <= _LAST_GROUP:
            groups.append({})
            continue
        label, at = _field(body, at)
        value, at = _field(body, at)
        name = label.decode() or name
        groups[-1].setdefault(name, []).append(value)
    message = groups[0].get("status-message", [b""])[0]
    told = tuple({name: tuple(values) for name, values in group.items()} for group in groups[1:])
    return _Answer(status, shown(message.decode(errors="backslashreplace")), told)


def _field(body: bytes, at: int) -> tuple[bytes, int]:
    """Return a field that its length precedes, and where the next one begins."""
    (length,) = struct.unpack_from(">H", body, at)
    start = at + 2
    return body[start : start + length], start + length


def _only(answer: _Answer) -> Values:
    if answer.status > _LAST_SUCCESS or not answer.groups:
        raise _refusal(answer)
    return answer.groups[0]


def _refusal(answer: _Answer) -> PaperError:
    return PaperError(f"the print server refuses: {answer.message or hex(answer.status)}")


def _number(values: Values, name: str) -> int:
    return int.from_bytes(values[name][0], "big") if name in values else 0


def _told(texts: Sequence[bytes]) -> str:
    """Return what CUPS tells as the tail of a sentence, or nothing."""
    told = ", ".join(dict.fromkeys(filter(None, (shown(text.decode(errors="backslashreplace")) for text in texts))))
    return f": {told}" if told else ""


def _user_name() -> str:
    """Return the name under which lp submits when the environment names none."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return "unknown"
