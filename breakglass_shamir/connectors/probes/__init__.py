# SPDX-License-Identifier: Apache-2.0
"""Questions that tell whether something is out, each asked by the scheme of its address.

What an answer means for a declaration is not here.
"""
