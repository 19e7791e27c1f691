# SPDX-License-Identifier: Apache-2.0
"""Sheets out, scans in; a share is opaque text to everything here.

* :mod:`breakglass_shamir.paper.qr` - QR codes as vectors.
* :mod:`breakglass_shamir.paper.sheet` - the printed page, live or drill.
* :mod:`breakglass_shamir.paper.scan` - pictures and PDFs back to text, decoded in a separate process.
"""
