# SPDX-License-Identifier: Apache-2.0
"""Paper out and back in: sheets, read-back, custodians, the protocol of the day.

Nothing here opens a credential or reaches a target.
"""
