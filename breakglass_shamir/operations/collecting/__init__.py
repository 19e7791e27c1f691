# SPDX-License-Identifier: Apache-2.0
"""Terminals give their records to the collection and take what others proved; a collector keeps what holds.

What comes back of other terminals counts by their own signatures, and by nothing that the collection says.
"""
