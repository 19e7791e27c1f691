# SPDX-License-Identifier: Apache-2.0
"""What closes a use: somebody who took no part looks at it, here or elsewhere; and debts settled by who may.

Which of them may is decided in ``custody/life``, not here.
"""
