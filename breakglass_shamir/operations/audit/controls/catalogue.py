# SPDX-License-Identifier: Apache-2.0
"""The controls that a log can say something of: what each asks, in our words, and which kinds of evidence count.

What a standard says stands in the standard. ``docs/compliance.md`` has the same table, and a test holds them together.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from breakglass_shamir.custody.policy.tables import StandardName


@dataclass(frozen=True, slots=True)
class Control:
    """One control of one standard."""

    number: str
    asks: str
    """What it asks for, in our words."""

    kinds: tuple[str, ...]
    """Names of the kinds of evidence that it takes, each of them; see :data:`.evidence.KINDS`."""


@dataclass(frozen=True, slots=True)
class Standard:
    """One standard, in one edition."""

    name: str
    controls: tuple[Control, ...]


STANDARDS: Mapping[StandardName, Standard] = {
    "nist-800-53": Standard("NIST SP 800-53 Rev. 5", (
        Control("AC-2(2)", "emergency access ends by itself after a time that was set before", ("ended", "rotated")),
        Control(
            "AC-3(10)", "access control is overridden under stated conditions by named people, and that is audited",
            ("declared", "quorum", "reviewed", "settled"),
        ),
        Control("AU-5", "where logging fails, people are told and something is done", ("heartbeat", "alerted")),
        Control("AU-10", "it can be proven who did something", ("quorum", "signed")),
        Control("AU-14", "what is done in a session can be recorded and looked at", ("recorded",)),
    )),
    "pci-dss-4.0.1": Standard("PCI DSS 4.0.1", (
        Control("3.7.6", "nobody alone knows or handles a whole key", ("quorum", "held")),
        Control("3.7.8", "who keeps a part of a key says so formally", ("signed-for",)),
        Control(
            "8.2.2", "a shared account is used by exception: justified, approved, for a time, by people who are known",
            ("declared", "signed", "ended"),
        ),
        Control("10.2.1.2", "what is done with administrative access is logged", ("recorded",)),
    )),
    "iso-27001-2022": Standard("ISO/IEC 27001:2022, Annex A", (
        Control("A.5.17", "secrets for logging in are handed out and replaced in a managed way", ("held", "rotated")),
        Control("A.5.18", "who has access is on record, and looked at again", ("held", "roll-call")),
        Control(
            "A.8.2", "privileged access is restricted and managed", ("declared", "quorum", "reviewed", "settled")
        ),
        Control("A.8.15", "what happens is logged, and the logs are kept and looked at", ("heartbeat", "reviewed")),
        Control("A.8.16", "what is out of the ordinary is noticed", ("watched", "alerted")),
    )),
    "dora-rts": Standard("DORA RTS, Delegated Regulation (EU) 2024/1774", (
        Control(
            "Art. 12", "access is logged, logs are protected, and a failure of logging is noticed",
            ("heartbeat", "alerted"),
        ),
        Control("Art. 21(c)", "people can be told apart by what they do, with shared accounts too", ("signed",)),
        Control(
            "Art. 21(e)(ii)", "privileged and emergency access is given for a need, from case to case",
            ("declared", "quorum", "ended"),
        ),
        Control("Art. 21(e)(iii)", "access is withdrawn without delay when it is not needed any more", ("rotated",)),
        Control("Art. 21(e)(iv)", "access rights are looked at again and kept current", ("held", "roll-call")),
    )),
    "nis2-2024-2690": Standard("NIS2, Implementing Regulation (EU) 2024/2690, Annex", (
        Control("3.2", "systems and privileged access are monitored and logged", ("watched", "alerted")),
        Control("11.2.2", "access rights are given by rules, and on record", ("held",)),
        Control("11.2.3", "access rights are looked at again, as planned", ("roll-call",)),
        Control(
            "11.3.2", "privileged accounts take strong identification and authorisation",
            ("declared", "quorum", "signed"),
        ),
    )),
    "ism": Standard("ASD Information Security Manual", (
        Control("ISM-1610", "a way to get in in an emergency is written down and tested", ("policy", "access")),
        Control(
            "ISM-1611", "break-glass accounts are used where the usual ways to log in fail, and else not",
            ("declared", "reviewed"),
        ),
        Control(
            "ISM-1612", "break-glass accounts are used for what was authorised alone",
            ("declared", "signed", "watched"),
        ),
        Control("ISM-1613", "the use of break-glass accounts is logged in a central place", ("alerted",)),
        Control("ISM-1614", "credentials are changed after somebody else had them", ("rotated",)),
        Control("ISM-1615", "break-glass accounts are tested after their credentials changed", ("tested",)),
    )),
    "hipaa": Standard("HIPAA Security Rule, 45 CFR", (
        Control(
            "164.312(a)(2)(ii)", "there are procedures to get at health records in an emergency",
            ("policy", "rehearsal"),
        ),
    )),
    "soc-2": Standard("SOC 2, Trust Services Criteria", (
        Control("CC6.1", "logical access is restricted", ("quorum", "held")),
        Control(
            "CC6.2", "access is authorised before it is given, and credentials are removed after it",
            ("declared", "rotated"),
        ),
        Control("CC7.2", "systems are monitored for what is out of the ordinary", ("watched", "alerted")),
    )),
    "cis-8.1": Standard("CIS Controls 8.1", (
        Control("6.1", "access is granted by a process", ("declared", "signed")),
        Control("6.2", "access is revoked by a process", ("ended", "rotated")),
        Control("8.2", "audit logs are collected", ("heartbeat", "recorded")),
        Control("8.11", "audit logs are reviewed", ("reviewed",)),
    )),
}  # fmt: skip
"""By the name in a policy."""
