# SPDX-License-Identifier: Apache-2.0
"""From a request to an opened credential and its reveal: declaration, signatures, gates, receipts.

Nothing here reaches a target, and nothing is revealed before its record is durable.
"""
