# SPDX-License-Identifier: Apache-2.0
"""A second terminal learns sets before the first night: written here, taken there.

Public data only; what is taken is signed by the terminal that wrote it, and people compared its fingerprint.
"""
