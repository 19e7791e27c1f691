# SPDX-License-Identifier: Apache-2.0
"""Ways out of this machine for events: one file for each kind of sink, one port, one registry.

A sink knows how to speak to its receiver and nothing of records, sets or people.
"""
