# SPDX-License-Identifier: Apache-2.0
"""Targets whose credential is kept: one room for each kind, the port they share, and the registry that finds them.

A room imports the port and never another target's room; nothing here knows of records, paper or people.
"""
