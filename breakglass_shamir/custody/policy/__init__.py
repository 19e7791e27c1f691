# SPDX-License-Identifier: Apache-2.0
"""Policy as code: from the text of a file to a checked policy, its weak points, and what a change of it weakens.

It knows no record, no set's state and no shares.
"""
