# SPDX-License-Identifier: Apache-2.0
"""Sheets out, scans in; a share is opaque text to everything here.

It knows no record, no policy and no target.
"""
