# SPDX-License-Identifier: Apache-2.0
"""The rules, pure: policy, credential, quorum, records, life of a set. Time is passed in."""
