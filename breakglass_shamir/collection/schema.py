# SPDX-License-Identifier: Apache-2.0
"""What the database of a collection holds, who may do what in it, and how it gets there.

Rules:

1. Migrations are numbered, and run once, in order, in one transaction.
2. A terminal's role inserts into one table and asks one function for the head of a log. It reads no record.
3. The log, its cosignatures and the evidence are append-only for every role: by privileges, and by triggers, which
   hold the owner too. A superuser can drop a trigger; against that stand the signatures.
4. Lengths are bounded by the database, since what a terminal's role sends is anybody's.
"""

from typing import TYPE_CHECKING, Any

from breakglass_shamir.errors import UnsupportedVersion

if TYPE_CHECKING:
    from psycopg import Connection

ROLES = """
DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['breakglass_terminal', 'breakglass_collector', 'breakglass_auditor'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN', name);
    END IF;
  END LOOP;
END $$;
"""
"""Roles that logins are members of. Whoever runs it may create roles."""

_FIRST = """
CREATE SCHEMA breakglass_staging;
CREATE SCHEMA breakglass_log;
REVOKE ALL ON SCHEMA breakglass_staging, breakglass_log FROM PUBLIC;

CREATE TABLE breakglass_log.migrations (
  version integer PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE breakglass_log.terminals (
  log_id bytea PRIMARY KEY CHECK (octet_length(log_id) = 8),
  public_key bytea NOT NULL CHECK (octet_length(public_key) = 32),
  at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE breakglass_log.records (
  log_id bytea NOT NULL REFERENCES breakglass_log.terminals,
  seq bigint NOT NULL,
  data bytea NOT NULL,
  terminal_signature text NOT NULL,
  quorum_signature text NOT NULL,
  checkpoint text NOT NULL,
  PRIMARY KEY (log_id, seq)
);
CREATE TABLE breakglass_log.nodes (
  log_id bytea NOT NULL,
  level smallint NOT NULL,
  position bigint NOT NULL,
  hash bytea NOT NULL,
  PRIMARY KEY (log_id, level, position)
);
CREATE TABLE breakglass_log.cosigned (
  log_id bytea NOT NULL REFERENCES breakglass_log.terminals,
  size bigint NOT NULL,
  note text NOT NULL,
  PRIMARY KEY (log_id, size)
);
CREATE TABLE breakglass_log.evidence (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  kind text NOT NULL,
  reason text NOT NULL,
  pushed_at timestamptz NOT NULL,
  pusher name NOT NULL,
  log_id bytea NOT NULL,
  seq bigint NOT NULL,
  data bytea NOT NULL,
  terminal_signature text NOT NULL,
  quorum_signature text NOT NULL,
  checkpoint text NOT NULL,
  held_checkpoint text NOT NULL
);
CREATE TABLE breakglass_staging.pushed (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  pusher name NOT NULL DEFAULT session_user,
  log_id bytea NOT NULL CHECK (octet_length(log_id) = 8),
  seq bigint NOT NULL CHECK (seq >= 0),
  data bytea NOT NULL CHECK (octet_length(data) <= 262144),
  terminal_signature text NOT NULL CHECK (octet_length(terminal_signature) <= 4096),
  quorum_signature text NOT NULL CHECK (octet_length(quorum_signature) <= 4096),
  checkpoint text NOT NULL CHECK (octet_length(checkpoint) <= 4096)
);
CREATE INDEX pushed_in_order ON breakglass_staging.pushed (log_id, seq, id);

CREATE FUNCTION breakglass_log.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '%.% is append-only', TG_TABLE_SCHEMA, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['migrations', 'terminals', 'records', 'nodes', 'cosigned', 'evidence'] LOOP
    EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON breakglass_log.%I '
      'FOR EACH STATEMENT EXECUTE FUNCTION breakglass_log.refuse()', name);
    EXECUTE format('ALTER TABLE breakglass_log.%I ENABLE ALWAYS TRIGGER append_only', name);
  END LOOP;
END $$;

CREATE FUNCTION breakglass_staging.head(wanted bytea) RETURNS TABLE (size bigint, note text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT size, note FROM breakglass_log.cosigned WHERE log_id = wanted ORDER BY size DESC LIMIT 1
$$;
REVOKE ALL ON FUNCTION breakglass_staging.head(bytea) FROM PUBLIC;

GRANT USAGE ON SCHEMA breakglass_staging TO breakglass_terminal, breakglass_collector;
GRANT INSERT (log_id, seq, data, terminal_signature, quorum_signature, checkpoint)
  ON breakglass_staging.pushed TO breakglass_terminal;
GRANT EXECUTE ON FUNCTION breakglass_staging.head(bytea) TO breakglass_terminal;
GRANT SELECT, DELETE ON breakglass_staging.pushed TO breakglass_collector;
GRANT USAGE ON SCHEMA breakglass_log TO breakglass_collector, breakglass_auditor;
GRANT SELECT ON ALL TABLES IN SCHEMA breakglass_log TO breakglass_collector, breakglass_auditor;
GRANT INSERT ON breakglass_log.terminals, breakglass_log.records, breakglass_log.nodes, breakglass_log.cosigned,
  breakglass_log.evidence TO breakglass_collector;
"""

MIGRATIONS = (_FIRST,)
"""Statements by which version n becomes n + 1, from nothing."""

_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('breakglass migrations', 0))"
_EXISTS = "SELECT to_regclass('breakglass_log.migrations') IS NOT NULL"
_VERSION = "SELECT coalesce(max(version), 0) FROM breakglass_log.migrations"


def as_text() -> str:
    """Return all of it, for whoever runs it by hand."""
    steps = [f"{step}INSERT INTO breakglass_log.migrations (version) VALUES ({n});\n" for n, step in _numbered()]  # noqa: S608 - numbers of ours
    return "".join(["BEGIN;", ROLES, *steps, "COMMIT;\n"])


def migrate(connection: "Connection[Any]") -> tuple[int, int]:
    """Bring a database to this version; returns the version before and after.

    Raises:
        UnsupportedVersion: the database is of a later release.
    """
    with connection.transaction():
        connection.execute(_LOCK)
        before = version(connection)
        if before > len(MIGRATIONS):
            raise UnsupportedVersion(f"the collection is of version {before}, this release knows {len(MIGRATIONS)}")
        if not before:
            connection.execute(ROLES.encode())
        for number, step in _numbered():
            if number > before:
                connection.execute(step.encode())
                connection.execute("INSERT INTO breakglass_log.migrations (version) VALUES (%s)", (number,))
    return before, len(MIGRATIONS)


def version(connection: "Connection[Any]") -> int:
    """Return the version of a database; 0: there is no collection in it."""
    row = connection.execute(_EXISTS).fetchone()
    if row is None or not row[0]:
        return 0
    found = connection.execute(_VERSION).fetchone()
    return int(found[0]) if found else 0


def _numbered() -> list[tuple[int, str]]:
    return list(enumerate(MIGRATIONS, start=1))
