# SPDX-License-Identifier: Apache-2.0
"""What gives access to a PostgreSQL server, from its catalogs, which every role may read.

Roles with their attributes, members, default privileges, grants, settings of roles, functions that run as their owner,
event triggers, foreign user mappings and subscriptions by name. Roles and members are of the whole server, the rest of
the database that is logged in to. A password, and the options of a mapping, are in no catalog that is read here.

One statement, so that all of it is of one moment, with a bound on what comes back.
"""

from breakglass_shamir.connectors.port.answers import Access
from breakglass_shamir.connectors.postgresql.session import Session

MOST = 2000
"""Entries that are fetched."""

LONGEST = 1000
"""Characters of one entry that are fetched, whose rest is told by its digest."""

# ruff: noqa: S608 - every statement is made of the texts below alone.

_BUILT_IN = "IN ('pg_catalog', 'information_schema', 'pg_toast') OR n.nspname LIKE 'pg\\_temp\\_%'"

_PARTS = (
    """SELECT 'role ' || quote_ident(rolname) || ': ' || concat_ws(', ',
    CASE WHEN rolsuper THEN 'superuser' END, CASE WHEN rolcreaterole THEN 'creates roles' END,
    CASE WHEN rolcreatedb THEN 'creates databases' END, CASE WHEN rolreplication THEN 'replicates' END,
    CASE WHEN rolbypassrls THEN 'passes row security' END, CASE WHEN rolcanlogin THEN 'logs in' ELSE 'no login' END,
    'valid until ' || rolvaliduntil::text) FROM pg_roles WHERE rolname !~ '^pg_'""",
    """SELECT 'member ' || quote_ident(m.rolname) || ' of ' || quote_ident(g.rolname)
    || CASE WHEN a.admin_option THEN ', may give it on' ELSE '' END
    FROM pg_auth_members a JOIN pg_roles m ON m.oid = a.member JOIN pg_roles g ON g.oid = a.roleid""",
    """SELECT 'default privileges of ' || quote_ident(pg_get_userbyid(d.defaclrole)) || ' in '
    || coalesce(quote_ident(n.nspname), 'every schema') || ' on ' || d.defaclobjtype::text || ': ' || d.defaclacl::text
    FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace""",
    """SELECT 'setting of ' || coalesce(quote_ident(pg_get_userbyid(nullif(setrole, 0))), 'every role') || ' in '
    || coalesce((SELECT quote_ident(datname) FROM pg_database WHERE oid = setdatabase), 'every database')
    || ': sha256 ' || encode(sha256(convert_to(setconfig::text, 'UTF8')), 'hex') FROM pg_db_role_setting""",
    """SELECT 'database ' || quote_ident(datname) || ' of ' || quote_ident(pg_get_userbyid(datdba))
    || coalesce(': ' || datacl::text, '') FROM pg_database""",
    f"""SELECT 'schema ' || quote_ident(n.nspname) || ' of ' || quote_ident(pg_get_userbyid(n.nspowner))
    || coalesce(': ' || n.nspacl::text, '') FROM pg_namespace n WHERE NOT (n.nspname {_BUILT_IN})""",
    f"""SELECT 'grant on ' || c.oid::regclass::text || ': ' || c.relacl::text FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relacl IS NOT NULL AND NOT (n.nspname {_BUILT_IN})""",
    f"""SELECT 'function ' || p.oid::regprocedure::text || ' runs as ' || quote_ident(pg_get_userbyid(p.proowner))
    || coalesce(': ' || p.proacl::text, '') || ', sha256 '
    || encode(sha256(convert_to(coalesce(p.prosrc, '') || coalesce(p.proconfig::text, ''), 'UTF8')), 'hex')
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.prosecdef AND NOT (n.nspname {_BUILT_IN})""",
    """SELECT 'event trigger ' || quote_ident(e.evtname) || ' on ' || e.evtevent || ' calls '
    || e.evtfoid::regprocedure::text || ', enabled ' || e.evtenabled::text || ', sha256 '
    || encode(sha256(convert_to(coalesce(p.prosrc, ''), 'UTF8')), 'hex')
    FROM pg_event_trigger e JOIN pg_proc p ON p.oid = e.evtfoid""",
    """SELECT 'user mapping of ' || coalesce(quote_ident(usename), 'public') || ' at ' || quote_ident(srvname)
    FROM pg_user_mappings""",
    """SELECT 'subscription ' || quote_ident(s.subname) FROM pg_stat_subscription s GROUP BY s.subname""",
)
"""One kind of entry each."""

_ALL = " UNION ALL ".join(f"SELECT * FROM ({part}) AS part(entry)" for part in _PARTS)

_ASKED = f"""
SELECT CASE WHEN length(entry) > {LONGEST}
  THEN left(entry, {LONGEST}) || ' sha256 ' || encode(sha256(convert_to(entry, 'UTF8')), 'hex') ELSE entry END,
  count(*) OVER () FROM ({_ALL}) AS every WHERE entry IS NOT NULL ORDER BY entry COLLATE "C" LIMIT {MOST}
"""

UNTOLD = ("pg_hba.conf, server settings and passwords are not told by the catalogs",)
"""What gives access beside them."""


def listed(one: Session) -> Access:
    """Return what the server says of itself.

    Raises:
        Denied: it is older than PostgreSQL 11, or refuses.
        Lost: no answer came.
    """
    one.rows("SET search_path = pg_catalog")
    rows = one.rows(_ASKED)
    every = int(rows[0][1] or 0) if rows else 0
    return Access(tuple(entry or "" for entry, _ in rows), max(0, every - len(rows)), UNTOLD)
