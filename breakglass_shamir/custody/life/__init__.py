# SPDX-License-Identifier: Apache-2.0
"""What records add up to, and which record may follow: the state of every set, its gates, debts, drills and due dates.

It reads no paper and no policy file, and decides nothing that the records do not say.
"""
