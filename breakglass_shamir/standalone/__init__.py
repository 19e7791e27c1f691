# SPDX-License-Identifier: Apache-2.0
"""The recovery program that an organisation keeps for the day when this toolkit is gone.

It is one file, of the standard library alone, and imports nothing of ours.
"""
