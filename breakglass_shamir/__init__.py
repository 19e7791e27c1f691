# SPDX-License-Identifier: Apache-2.0
"""Keep one break-glass credential on paper, under a quorum, and make every use leave a signed trace.

The default way in is the command line, ``breakglass``; the library underneath is layered and may be used
by itself:

* :mod:`breakglass_shamir.crypto` - bytes in, bytes out: Shamir over GF(2^128), HKDF, Ed25519, SSHSIG, Merkle.
* :mod:`breakglass_shamir.formats` - the bytes that are printed: share, envelope, plaintext and their text.
* :mod:`breakglass_shamir.custody` - the rules, pure: policy, quorum, records, life of a set.
* :mod:`breakglass_shamir.ledger` - the append-only log on one terminal.
* :mod:`breakglass_shamir.paper` - sheets out, scans in.
* :mod:`breakglass_shamir.connectors` - the targets whose credential is kept.
* :mod:`breakglass_shamir.operations` - one module per use case.

A master key is drawn inside :func:`breakglass_shamir.formats.seal.seal` and never accepted from outside.
What is printed lives ten years in a safe: a share or envelope written by version 1 of the format stays
readable by every later release. ``docs/spec/`` is normative; where code and spec differ, the code is wrong.
"""

from breakglass_shamir.version import __version__ as __version__
