# SPDX-License-Identifier: Apache-2.0
"""Alerts: what the security team's systems are told, and how it gets there."""
