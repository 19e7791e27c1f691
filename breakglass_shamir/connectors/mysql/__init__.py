# SPDX-License-Identifier: Apache-2.0
"""A MySQL or MariaDB account: its rules, sessions, password hashes and logs.

Nothing here may import another target's room.
"""
