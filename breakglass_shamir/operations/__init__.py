# SPDX-License-Identifier: Apache-2.0
"""One room for each family of use cases; they talk to people through the port in ``desk``.

Nothing here prints, parses arguments or knows which screen people sit at.
"""
