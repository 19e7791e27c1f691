# SPDX-License-Identifier: Apache-2.0
"""Waiting for what this program does not control: one deadline, so many bytes, and then it goes on without.

Nothing here judges what came of it, and nothing here speaks to another machine.
"""
