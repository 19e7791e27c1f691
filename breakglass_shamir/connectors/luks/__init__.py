# SPDX-License-Identifier: Apache-2.0
"""Passphrases of LUKS2 volumes: the program cryptsetup, and what a header says.

Nothing here may import another target's room.
"""
