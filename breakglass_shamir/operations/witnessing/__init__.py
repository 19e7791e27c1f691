# SPDX-License-Identifier: Apache-2.0
"""Witnesses that are not ours cosign the log: whom a terminal asks, how it asks them, and what it keeps of it.

Nothing here adds a record to a ledger.
"""
