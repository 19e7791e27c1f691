# SPDX-License-Identifier: Apache-2.0
"""OpenBao and Vault: passwords of userpass, root tokens, secret ids of AppRole, and the audit file.

Nothing here may import another target's room.
"""
