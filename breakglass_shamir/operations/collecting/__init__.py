# SPDX-License-Identifier: Apache-2.0
"""A terminal gives its records to the collection, and a collector keeps what holds.

Nothing here adds a record to a ledger.
"""
