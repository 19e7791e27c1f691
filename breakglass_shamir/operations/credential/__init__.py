# SPDX-License-Identifier: Apache-2.0
"""The life of one credential: put on paper, opened, replaced.

Each module is one use case from beginning to end; the steps they share live in the rooms below.
"""
