# SPDX-License-Identifier: Apache-2.0
"""Cryptography, bytes in and bytes out: sharing, keys, cipher, signatures, Merkle tree, notes.

No file, network, terminal, environment or clock may be touched here.
"""
