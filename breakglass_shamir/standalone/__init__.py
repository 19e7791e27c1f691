# SPDX-License-Identifier: Apache-2.0
"""What an organisation keeps for the day when this toolkit is gone: two recovery programs, a file each.

``recover.py`` is of the standard library alone and imports nothing of ours; ``recover.html`` needs a browser, no
network and nothing else. Both are kept beside the safe as they are.
"""
