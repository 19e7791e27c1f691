# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL role: its rules, sessions and logs.

Nothing here may import another target's room.
"""
