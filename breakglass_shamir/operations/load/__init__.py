# SPDX-License-Identifier: Apache-2.0
"""Load drills: many rehearsals at once, on sets of terminals that are made for it and thrown away.

No connector is ever made here of a set, and no live share and no live credential is read.
"""
