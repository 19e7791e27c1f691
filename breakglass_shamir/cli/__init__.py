# SPDX-License-Identifier: Apache-2.0
"""The command line: one file for each noun, and each command parses, calls one operation and renders.

No rule lives here, and nothing is printed except through the rooms in ``screen``.
"""
