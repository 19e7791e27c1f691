# SPDX-License-Identifier: Apache-2.0
"""What the security team's systems are told, and how it gets there: records become events, events wait in the outbox.

Nothing here decides what may happen, and no failure here stops an opening.
"""
