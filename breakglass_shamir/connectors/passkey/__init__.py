# SPDX-License-Identifier: Apache-2.0
"""Passkeys: a browser that is given one for a while, and what people do in it at the target's page.

Nothing here may import another target's room.
"""
