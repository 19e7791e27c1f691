# SPDX-License-Identifier: Apache-2.0
"""Printers, through CUPS.

It takes finished PDF bytes and knows nothing of what stands on them.
"""
