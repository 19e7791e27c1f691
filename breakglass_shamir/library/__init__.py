# SPDX-License-Identifier: Apache-2.0
"""What other programs call: splitting and opening in memory, pages, and custody with a desk of their own.

Nothing here prints or knows the command line; people import it from ``breakglass_shamir``, where its names are listed.
"""
