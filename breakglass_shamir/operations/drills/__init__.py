# SPDX-License-Identifier: Apache-2.0
"""Roll-call, rehearsal and access drill.

No live share is read here, except by the one process that looks at one sheet and keeps nothing.
"""
