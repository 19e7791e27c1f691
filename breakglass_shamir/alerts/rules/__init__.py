# SPDX-License-Identifier: Apache-2.0
"""Files that a security team's tools load: detection rules for events, alert rules and a dashboard for metrics.

They are printed as they are; nothing here looks at an event.
"""
