# SPDX-License-Identifier: Apache-2.0
"""What every connector is made of: the port, its answers and options, the guard around it, files that may be trusted.

It imports no target's room.
"""
