# SPDX-License-Identifier: Apache-2.0
"""The bytes that are printed, and their text. Pure: no file, network, terminal, environment or clock."""
