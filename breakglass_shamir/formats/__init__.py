# SPDX-License-Identifier: Apache-2.0
"""The bytes that are printed, and their text: parity, share, core, envelope, sealing, receipts.

No file, network, terminal, environment or clock may be touched here.
"""
