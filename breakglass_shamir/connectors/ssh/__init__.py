# SPDX-License-Identifier: Apache-2.0
"""SSH keys: the passphrase of a private key file, and a key pair in ``authorized_keys``.

Nothing here may import another target's room.
"""
