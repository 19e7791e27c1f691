# SPDX-License-Identifier: Apache-2.0
"""``chromium`` with a passkey: a browser of its own that is lent it, and nothing else of the credential leaves.

Rules:

1. The page is the person's to name. A passkey is lent to no page that it was not made for.
2. People drive the browser, and closing its last page ends the use; so do an interrupt at the
   terminal and the end of the use's time.
3. What goes wrong once the page is there ends the use, and does not undo it: it is said as its end.
4. How often the passkey was asserted, and whether another one was made, is said when it ends, for the record.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress

from breakglass_shamir.bounded.chromium import page_of
from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.connectors.passkey.browser import Gone
from breakglass_shamir.connectors.passkey.visit import Visit
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.formats.passkey import read
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations.recipes import pages
from breakglass_shamir.plural import counted

OPEN_LIMIT_S = 60.0
"""How long the page may take to be there."""

LONGEST_S = 86_400
"""How long a browser is kept where no time of a use ends it."""

_TURN_S = 0.25


def run(arguments: Sequence[str], secret: Secret, limit_s: int, told: Callable[[str], None]) -> int:
    """Lend the passkey to a browser until people close it; returns 0, or 1 where something else ended it.

    Args:
        arguments: the page, and :data:`.pages.NO_SANDBOX` before it where the browser has to run as root.
        secret: the passkey's JSON.
        limit_s: how long the use may last, in seconds; 0: a day.
        told: gets what the record should hold.

    Raises:
        InvalidInput: it is no passkey, or for another page.
        ConnectorError: the browser could not be run, or the page not be reached.
    """
    settings, url = pages.parsed(arguments)
    host = page_of(url).hostname or ""
    passkey = read(secret)
    if not passkey.fits(host):
        raise InvalidInput(f"the passkey is for {passkey.rp_id}, and the page is at {host}", hint="name a page of it")
    deadline = Deadline(limit_s or LONGEST_S)
    is_there = False
    with Visit(settings, [passkey]) as visit:
        try:
            visit.open(url, limit_s=min(OPEN_LIMIT_S, deadline.left_s))
            is_there = True
            with suppress(Gone):
                while visit.is_open and not deadline.over:
                    visit.pump(_TURN_S)
        except ConnectorError as error:
            if not (is_there or visit.seen.assertions):
                raise
            told(f"the browser was ended: {error}")
            return 1
        except KeyboardInterrupt:
            if not is_there:
                raise
            told("ended at the terminal")
        finally:
            told(f"{passkey.rp_id}: {counted(visit.seen.asserted.get(passkey.public_id, 0), 'login')} by the passkey")
            for one in visit.seen.made:
                told(f"a passkey was made and is on no paper: {one.public_id}, for {one.rp_id}: remove it at the page")
    if deadline.over:
        told("the time of the use was over")
    return 0
