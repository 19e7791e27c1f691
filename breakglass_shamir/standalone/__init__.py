# SPDX-License-Identifier: Apache-2.0
"""What an organisation keeps for the day when this toolkit is gone: two recovery programs, a file each.

``recover.py`` is of the standard library alone, ``recover.html`` needs a browser; neither imports anything of ours.
"""
