# SPDX-License-Identifier: Apache-2.0
"""AWS: the access key of an IAM user, and the process that asks IAM and STS.

Nothing here may import another target's room.
"""
