# SPDX-License-Identifier: Apache-2.0
"""Pages as PDF: sheets, drill cards, receipts, the protocol, and codes as vectors.

It reads nothing back and prints nothing.
"""
