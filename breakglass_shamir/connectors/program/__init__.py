# SPDX-License-Identifier: Apache-2.0
"""A target that a program of the organisation changes, spoken to by a documented JSON protocol.

Nothing here may import another target's room.
"""
