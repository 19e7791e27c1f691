# SPDX-License-Identifier: Apache-2.0
"""Probes that log in: LDAP and Kerberos. Each is one login, right or wrong, of an account that is not the set's own.

Sources: RFC 4511, section 4.2; RFC 4120, section 3.1.
"""

from pathlib import Path

from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.connectors.port.options import Tls
from breakglass_shamir.connectors.probes.found import no_answer, secret_of, silent, wrong
from breakglass_shamir.custody.policy.when import Probe, parts_of
from breakglass_shamir.errors import ConnectorError

_NOBODY_THERE = ("cannot contact any kdc", "cannot resolve network address", "realm not local", "had no answer")
"""What kinit says where no KDC answers, in small letters."""

_ANSWERED = ("cannot read password", "password read interrupted", "not found in kerberos database")
"""What kinit says without a password, or of a principal that is not there, where a KDC has answered."""


def ldap(probe: Probe, deadline: Deadline) -> None:
    """Connect, over TLS unless that is off; with an account bind as it, else read the server's own entry.

    Raises:
        NotWellError: no server, one that is not who it should be, or a login that it refuses.
    """
    from breakglass_shamir.connectors.directory import session as ldap_session
    from breakglass_shamir.connectors.port.guard import words

    ca = probe.options.get("ca")
    protection = Tls(probe.options.get("tls", "verify") != "off", Path(ca) if ca else None)
    scheme = parts_of(probe.uri).scheme
    endpoint = ldap_session.endpoint_of(probe.uri, scheme, protection, deadline.require_s())
    secret = secret_of(probe) if probe.account else None
    try:
        with ldap_session.connect(endpoint) as session:
            if secret is None:
                if session.read("", "supportedLDAPVersion") is None:
                    raise wrong("the server does not show its own entry")
                return
            answer = session.bind(probe.account, secret, ldap_session.nobody)
    except ConnectorError as error:
        raise no_answer(error) from None
    if answer.code != ldap_session.SUCCESS:
        raise wrong(f"the login was refused: {words(answer.words, [secret])}")


def kerberos(probe: Probe, deadline: Deadline) -> None:
    """Ask a KDC for a ticket (AS-REQ); without a secret it is enough that it asks for the password.

    Raises:
        NotWellError: no KDC, or a login that it refuses.
    """
    from breakglass_shamir.connectors.kerberos import tools

    parts = parts_of(probe.uri)
    host = f"[{parts.host}]" if ":" in parts.host else parts.host
    kdc = f"{host}:{parts.port or 88}"
    realm = probe.options["realm"]
    name = probe.account if "@" in probe.account else f"{probe.account}@{realm}"
    site = tools.Site(realm, kdc, kdc, kdc)
    lines = [secret_of(probe)] if probe.secret_file else []
    done = tools.run(site, ["kinit", "-l", "5m", "--", name], lines, deadline.require_s())
    said = done.complaint.lower()
    if done.status is None or any(one in said for one in _NOBODY_THERE):
        raise silent(done.complaint)
    if done.status and not (not lines and any(one in said for one in _ANSWERED)):
        raise wrong(f"the login was refused: {done.complaint}")
