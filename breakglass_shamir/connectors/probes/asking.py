# SPDX-License-Identifier: Apache-2.0
"""One probe of a policy: ask, and say in one line what was found.

Rules:

1. The scheme of the address chooses what is asked, and only the module of that kind is loaded.
2. A question ends with its deadline, whatever the other side does with its time: one that hangs is left behind.
3. Whatever goes wrong is an answer. What cannot be asked at all is ``unknown``, and neither well nor failed.
"""

import importlib
from collections.abc import Callable, Mapping

from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.bounded.waiting import within
from breakglass_shamir.connectors.probes.found import NotWellError
from breakglass_shamir.custody.policy.when import Probe, parts_of
from breakglass_shamir.errors import BreakglassError

ANSWER_MAX_CHARS = 200
"""Longest answer that is recorded."""

Ask = Callable[[Probe, Deadline], None]
"""Asks, and returns where all is well."""

_KINDS: Mapping[str, str] = {
    "ldap": "logins:ldap",
    "ldaps": "logins:ldap",
    "kerberos": "logins:kerberos",
    "oidc+https": "servers:oidc",
    "oidc+http": "servers:oidc",
    "https": "servers:http",
    "http": "servers:http",
    "tcp": "servers:tcp",
    "dns": "servers:dns",
    "exec": "servers:program",
}
"""Scheme of the address to ``module:function`` beside this file."""


def ask(probe: Probe, deadline: Deadline) -> str:
    """Return what a probe finds: ``well``, or a verdict, a colon and why, on one printable line. Never raises.

    Args:
        probe: of a policy.
        deadline: until when; it holds for all of it.
    """
    try:
        module, _, name = _KINDS[parts_of(probe.uri).scheme].partition(":")
        question: Ask = getattr(importlib.import_module(f"breakglass_shamir.connectors.probes.{module}"), name)
        within(deadline, f"probe {probe.name} {probe.uri}", lambda: question(probe, deadline))
    except NotWellError as found:
        return _line(found.verdict, found.why)
    except TimeoutError:
        return _line("silent", f"no answer within {deadline.limit_s:g} s")
    except ImportError as error:
        return _line("unknown", f"it cannot be asked here: {error.name or 'a library'} is not installed")
    except (BreakglassError, OSError) as error:
        return _line("unknown", f"it could not be asked: {error}")
    except Exception as error:
        return _line("unknown", f"it could not be asked: {type(error).__name__}")
    return "well"


def _line(verdict: str, why: str) -> str:
    """Write an answer: what servers said in it is of no length and no signs of their own."""
    words = " ".join("".join(one if one.isprintable() else " " for one in why).split()) or "no reason"
    shown = words if len(words) <= ANSWER_MAX_CHARS else f"{words[:ANSWER_MAX_CHARS]}..."
    return f"{verdict}: {shown}"
