# SPDX-License-Identifier: Apache-2.0
"""Prepare, apply, prove dead: the engine that changes a target's credential.

Nothing here asks for a quorum or reveals a credential.
"""
