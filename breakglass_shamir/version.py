# SPDX-License-Identifier: Apache-2.0
"""The version, for whatever below the front door names it: records, reports, alerts.

It stands apart from the package's ``__init__``, so that no module imports the front door and, with it, the library
above itself.
"""

__version__ = "0.1.0"
