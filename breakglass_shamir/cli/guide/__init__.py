# SPDX-License-Identifier: Apache-2.0
"""Guided flows: what a command was not given is asked, in the order people think, and no answer ends it.

It decides nothing: the use cases check everything again.
"""
