# SPDX-License-Identifier: Apache-2.0
"""Accounts that their targets keep closed: who opens one for a while, and that it is closed again.

Nothing here reveals a credential.
"""
