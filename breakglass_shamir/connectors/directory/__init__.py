# SPDX-License-Identifier: Apache-2.0
"""LDAP directories and Active Directory: their rules, sessions and logins.

Nothing here may import another target's room.
"""
