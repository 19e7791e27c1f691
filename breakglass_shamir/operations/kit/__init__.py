# SPDX-License-Identifier: Apache-2.0
"""What must lie beside the safe, in one folder: recovery files, specification, runbooks, wheels, signed checksums.

Everything in it is public, and of a home it takes nothing but the terminal's public key and a signature.
"""
