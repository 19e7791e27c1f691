# SPDX-License-Identifier: Apache-2.0
"""What several terminals know of one set: proofs of what followed what, given away and taken, and people's word.

What counts as a proof is decided in ``custody/life``; nothing here believes a file.
"""
