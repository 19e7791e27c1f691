# SPDX-License-Identifier: Apache-2.0
"""The end of a set, and the end of a terminal.

They act on what the credential's life left behind, and make nothing new.
"""
