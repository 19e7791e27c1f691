# SPDX-License-Identifier: Apache-2.0
"""Records: what happened, typed by subject, and the one form in which they are stored, hashed and signed.

What records add up to, and which may follow, is decided in ``life``, not here.
"""
