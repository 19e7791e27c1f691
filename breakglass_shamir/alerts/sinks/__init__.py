# SPDX-License-Identifier: Apache-2.0
"""Ways out of this machine for events: one file per kind of sink, one port, one registry."""
