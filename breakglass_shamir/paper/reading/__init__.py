# SPDX-License-Identifier: Apache-2.0
"""Pictures and PDFs back to text, decoded in a separate process.

It knows of no set or share: a code's text is opaque here, and what it means is decided above.
"""
