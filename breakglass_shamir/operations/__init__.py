# SPDX-License-Identifier: Apache-2.0
"""One module per use case. They talk to people through a :class:`~breakglass_shamir.operations.desk.Desk`."""
