# SPDX-License-Identifier: Apache-2.0
"""The way to other machines: a connection, TLS, and HTTP on it, each exchange with one deadline and bounded bytes.

Nothing here knows what is sent or why, follows another side elsewhere, or costs more than was set aside for it.
"""
