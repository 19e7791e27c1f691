# SPDX-License-Identifier: Apache-2.0
"""For auditors: list, show, verify, export, report, and the import of recoveries.

It reads what is there; only the import of a recovery adds a record.
"""
