# SPDX-License-Identifier: Apache-2.0
"""From a policy's sink to what delivers to it; only the module of the wanted kind is imported."""

import importlib

from breakglass_shamir.alerts.sinks.base import Deliverer
from breakglass_shamir.custody.policy.sinks import AnySink

_KINDS = {
    "syslog": "syslog:Syslog",
    "webhook": "webhook:Webhook",
    "splunk": "splunk:Splunk",
    "pagerduty": "pagerduty:PagerDuty",
    "slack": "slack:Slack",
    "smtp": "smtp:Smtp",
    "journald": "journald:Journald",
    "exec": "program:Program",
    "file": "file:File",
    "http": "collector:Collector",
}
"""``type`` in the policy to ``module:class`` beside this file."""


def deliverer(sink: AnySink) -> Deliverer:
    """Make what delivers to a sink; nothing is touched yet."""
    module, _, name = _KINDS[str(sink.__struct_config__.tag)].partition(":")
    made = getattr(importlib.import_module(f"breakglass_shamir.alerts.sinks.{module}"), name)(sink)
    assert isinstance(made, Deliverer)  # noqa: S101 - the table above is ours
    return made
