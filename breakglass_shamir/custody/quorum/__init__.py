# SPDX-License-Identifier: Apache-2.0
"""The way from untrusted scans and typed lines to a quorum whose every share is confirmed.

It records nothing and asks nobody; nothing unconfirmed leaves it as confirmed.
"""
