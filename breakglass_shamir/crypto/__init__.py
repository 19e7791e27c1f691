# SPDX-License-Identifier: Apache-2.0
"""Bytes in, bytes out: no file, network, terminal, environment or clock."""
