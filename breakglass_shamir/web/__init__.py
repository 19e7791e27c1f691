# SPDX-License-Identifier: Apache-2.0
"""The way to other machines: a connection, TLS, and HTTP on it, each exchange with one deadline and bounded bytes.

Everything here that speaks to a machine takes a :class:`~breakglass_shamir.web.connection.Bounds`, or makes one. What
the other side does - no answer, a byte now and then, an answer without end, a redirect in a circle - costs the time
and the memory that were set aside for it, and no more.
"""
