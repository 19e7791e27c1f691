# SPDX-License-Identifier: Apache-2.0
"""From a policy's sink to what delivers to it; only the module of the wanted kind is imported."""

import importlib

from breakglass_shamir.alerts.sinks.base import Deliverer
from breakglass_shamir.custody.policy.sinks import Stored

_KINDS = {
    "syslog": "sinks.syslog:Syslog",
    "webhook": "sinks.webhook:Webhook",
    "splunk": "sinks.splunk:Splunk",
    "pagerduty": "sinks.pagerduty:PagerDuty",
    "slack": "sinks.slack:Slack",
    "smtp": "sinks.smtp:Smtp",
    "journald": "sinks.journald:Journald",
    "exec": "sinks.program:Program",
    "file": "sinks.file:File",
    "ticket": "tickets.sink:Ticket",
    "http": "sinks.collector:Collector",
}
"""``type`` in the policy to ``module:class`` below ``alerts``."""


def deliverer(sink: Stored) -> Deliverer:
    """Make what delivers to a sink; nothing is touched yet."""
    module, _, name = _KINDS[str(sink.__struct_config__.tag)].partition(":")
    made = getattr(importlib.import_module(f"breakglass_shamir.alerts.{module}"), name)(sink)
    assert isinstance(made, Deliverer)  # noqa: S101 - the table above is ours
    return made
