# SPDX-License-Identifier: Apache-2.0
"""The append-only log of records on one terminal."""
