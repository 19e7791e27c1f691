# SPDX-License-Identifier: Apache-2.0
"""Management controllers of machines (BMC): a user's password, by IPMI or by Redfish.

Nothing here may import another target's room.
"""
