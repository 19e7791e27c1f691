# SPDX-License-Identifier: Apache-2.0
"""Targets: one port (``base``), one way in (:func:`connector_for`), and one module per kind of target."""

from breakglass_shamir.connectors.base import Check, CheckResult, Connector, Login, Preflight
from breakglass_shamir.connectors.registry import connector_for, known_schemes

__all__ = ["Check", "CheckResult", "Connector", "Login", "Preflight", "connector_for", "known_schemes"]
