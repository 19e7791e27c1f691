# SPDX-License-Identifier: Apache-2.0
"""A private key with its X.509 certificate: made anew, signed by an authority, and the old one revoked.

Each scheme is one kind of server that lets in by certificate; the authority is the same for all of them.
"""
