# SPDX-License-Identifier: Apache-2.0
"""Redis and Valkey: the password of an ACL user, the protocol, and who is logged in.

Nothing here may import another target's room.
"""
