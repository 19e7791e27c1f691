# SPDX-License-Identifier: Apache-2.0
"""Marks: what tells one login from every other in a target's log, the same on both sides.

The program says them of its own logins (``Connector.on_login``); a reader of logs says them of what it finds
(``Login.mark``). They are compared as texts, so each kind is written here and nowhere else.

Rules:

1. A name has 8 random bytes, is used for one login, and no stranger can know it before.
2. A port is that of a socket of this machine which is open: while it is, nobody else comes from there.
3. What stands in a log as a name is believed only in the form that is made here.
"""

import re
import secrets
import socket

PROGRAM = "breakglass"
"""What a name begins with, and the whole of it where nothing has to be told apart."""

NAME = re.compile(rf"{PROGRAM}-[0-9a-f]{{16}}")
"""Every name that is made here."""

_RANDOM_BYTES = 8
_WORDS_MAX = 100


def new_name() -> str:
    """Return a name for one login."""
    return f"{PROGRAM}-{secrets.token_hex(_RANDOM_BYTES)}"


def of_name(name: str) -> str:
    """Return the mark of a name that a client gave itself."""
    return f"name {name}"


def of_port(host: str, port: object) -> str:
    """Return the mark of the place a connection comes from, as a server's log has it."""
    return f"port {host}:{port}"[:_WORDS_MAX]


def of_socket(one: socket.socket) -> tuple[str, ...]:
    """Return the mark of a connected socket of this machine; none where it has no port."""
    try:
        place = one.getsockname()
    except OSError:
        return ()
    return (of_port(place[0], place[1]),) if isinstance(place, tuple) else ()


def of_connection(number: object, *, accepted: bool = True) -> str:
    """Return the mark of a number that the server gave a connection, whose login it accepted or not."""
    return f"{'' if accepted else 'refused '}connection {number}"[:_WORDS_MAX]


def of_ticket(authtime: int) -> str:
    """Return the mark of a Kerberos ticket: the second in which the KDC let the principal in, since 1970."""
    return f"ticket of {authtime}"


def of_service(name: str) -> str:
    """Return the mark of a ticket for one of the services that change or tell passwords, which hide the ticket."""
    return f"ticket for {'kadmin/changepw' if name.startswith('kadmin/changepw') else 'kadmin'}"


REFUSED_TICKET = "refused ticket"
"""The mark of a ticket that was refused: nothing tells one from another, so they are counted."""


def of_process(number: object) -> str:
    """Return the mark of a process of this machine."""
    return f"process {number}"[:_WORDS_MAX]


def of_terminal(name: str) -> str:
    """Return the mark of a terminal of this machine."""
    return f"terminal {name}"[:_WORDS_MAX]
