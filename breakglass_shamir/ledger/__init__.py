# SPDX-License-Identifier: Apache-2.0
"""The append-only log of records on one terminal, its proofs, its home folder and the only clock.

What a record means, and whether it may follow, is not decided here.
"""
