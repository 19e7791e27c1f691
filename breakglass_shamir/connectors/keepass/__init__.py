# SPDX-License-Identifier: Apache-2.0
"""Master passwords of KeePass databases: the process that opens one, and the file's replacement.

Nothing here may import another target's room.
"""
