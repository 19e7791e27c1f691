# SPDX-License-Identifier: Apache-2.0
"""An account of this machine: its shadow entry, PAM, and its sessions.

Nothing here may import another target's room.
"""
