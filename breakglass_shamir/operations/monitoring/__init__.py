# SPDX-License-Identifier: Apache-2.0
"""What is due, what the target's logins show, and what has to be told: status, watch, heartbeat, alerts.

Nothing here opens, rotates or decides; it reads, records what it saw, and tells.
"""
