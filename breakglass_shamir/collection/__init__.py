# SPDX-License-Identifier: Apache-2.0
"""The logs of many terminals in one PostgreSQL database: its schema, the door for terminals, and who keeps it.

Whether a record was a legal step is not asked here.
"""
