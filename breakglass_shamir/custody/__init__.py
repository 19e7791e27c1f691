# SPDX-License-Identifier: Apache-2.0
"""The rules, pure: records, credential, and in its rooms policy, the life of a set and the way to a quorum.

No file, network, terminal, environment or clock may be touched here; time is passed in.
"""
