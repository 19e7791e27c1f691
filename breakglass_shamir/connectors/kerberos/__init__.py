# SPDX-License-Identifier: Apache-2.0
"""A Kerberos principal: its rules, the programs that ask the KDC, and the KDC's log.

Nothing here may import another target's room.
"""
