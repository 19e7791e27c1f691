# SPDX-License-Identifier: Apache-2.0
"""Policies as people handle them: examples, checking a file, adopting one for a set.

What a policy means is decided in custody, not here.
"""
