# SPDX-License-Identifier: Apache-2.0
"""What the database of a collection holds, who may do what in it, and how it gets there.

Rules:

1. Migrations are numbered, and run once, in order, in one transaction.
2. A terminal's role inserts into two tables of staging and asks functions for heads, checkpoints and tellings. It reads
   no record.
3. The log, its cosignatures and the evidence are append-only for every role: by privileges, and by triggers, which
   hold the owner too. A superuser can drop a trigger; against that stand the signatures.
4. Lengths are bounded by the database, since what a terminal's role sends is anybody's; and so is how much one login
   has waiting, and how much of what it pushed is kept as evidence.
5. A row that waits already, of the same login and the same bytes, is not taken a second time: terminals push again what
   is not cosigned yet.
6. What terminals tell one another is asked for by an address that only who knows an epoch can compute.
7. Logins wait for each other on rows that they cannot lock for another one: an advisory lock could be anybody's.
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

_SECOND = """
CREATE TABLE breakglass_log.told (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  log_id bytea NOT NULL REFERENCES breakglass_log.terminals,
  address bytea NOT NULL,
  size bigint NOT NULL,
  data bytea NOT NULL,
  signature text NOT NULL,
  UNIQUE (address, log_id, size)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON breakglass_log.told
  FOR EACH STATEMENT EXECUTE FUNCTION breakglass_log.refuse();
ALTER TABLE breakglass_log.told ENABLE ALWAYS TRIGGER append_only;

CREATE TABLE breakglass_staging.told (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  pusher name NOT NULL DEFAULT session_user,
  log_id bytea NOT NULL CHECK (octet_length(log_id) = 8),
  address bytea NOT NULL CHECK (octet_length(address) = 32),
  size bigint NOT NULL CHECK (size > 0),
  data bytea NOT NULL CHECK (octet_length(data) <= 262144),
  signature text NOT NULL CHECK (octet_length(signature) <= 4096)
);
CREATE INDEX told_in_order ON breakglass_staging.told (log_id, id);
CREATE INDEX told_by ON breakglass_staging.told (pusher);
CREATE INDEX pushed_by ON breakglass_staging.pushed (pusher);

CREATE TABLE breakglass_staging.turns (log_id bytea PRIMARY KEY);
CREATE TABLE breakglass_staging.logins (
  pusher name PRIMARY KEY,
  xact xid8 NOT NULL,
  xact_rows bigint NOT NULL,
  xact_bytes bigint NOT NULL
);
CREATE TABLE breakglass_log.limits (
  waiting_rows bigint NOT NULL,
  waiting_bytes bigint NOT NULL,
  evidence_rows bigint NOT NULL,
  evidence_bytes bigint NOT NULL
);
CREATE UNIQUE INDEX only_one ON breakglass_log.limits ((true));
INSERT INTO breakglass_log.limits VALUES (4096, 67108864, 256, 16777216);

CREATE FUNCTION breakglass_staging.bound_row() RETURNS trigger LANGUAGE plpgsql
  SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  most breakglass_log.limits;
  now breakglass_staging.logins;
BEGIN
  INSERT INTO breakglass_staging.logins AS l VALUES (session_user, pg_current_xact_id(), 1, pg_column_size(NEW))
    ON CONFLICT (pusher) DO UPDATE SET xact = excluded.xact,
      xact_rows = excluded.xact_rows + CASE WHEN l.xact = excluded.xact THEN l.xact_rows ELSE 0 END,
      xact_bytes = excluded.xact_bytes + CASE WHEN l.xact = excluded.xact THEN l.xact_bytes ELSE 0 END
    RETURNING l.* INTO STRICT now;
  SELECT * INTO STRICT most FROM breakglass_log.limits;
  IF now.xact_rows > most.waiting_rows OR now.xact_bytes > 2 * most.waiting_bytes THEN
    RAISE EXCEPTION 'the login % pushes % rows of % bytes at once, at most % of % bytes may wait', session_user,
      now.xact_rows, now.xact_bytes, most.waiting_rows, most.waiting_bytes
      USING ERRCODE = 'configuration_limit_exceeded';
  END IF;
  RETURN NEW;
END $$;
CREATE FUNCTION breakglass_staging.bound() RETURNS trigger LANGUAGE plpgsql
  SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  most breakglass_log.limits;
  waiting bigint;
  bytes bigint;
BEGIN
  SELECT * INTO STRICT most FROM breakglass_log.limits;
  SELECT count(*), coalesce(sum(o), 0) INTO waiting, bytes FROM (
    SELECT octet_length(data) + octet_length(terminal_signature) + octet_length(quorum_signature)
      + octet_length(checkpoint) AS o FROM breakglass_staging.pushed WHERE pusher = session_user
    UNION ALL
    SELECT octet_length(data) + octet_length(signature) FROM breakglass_staging.told WHERE pusher = session_user
  ) AS every;
  IF waiting > most.waiting_rows OR bytes > most.waiting_bytes THEN
    RAISE EXCEPTION 'the login % has % rows of % bytes waiting, at most % of % bytes may', session_user, waiting, bytes,
      most.waiting_rows, most.waiting_bytes USING ERRCODE = 'configuration_limit_exceeded';
  END IF;
  RETURN NULL;
END $$;
DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['pushed', 'told'] LOOP
    EXECUTE format('CREATE TRIGGER bound AFTER INSERT ON breakglass_staging.%I '
      'FOR EACH STATEMENT EXECUTE FUNCTION breakglass_staging.bound()', name);
    EXECUTE format('ALTER TABLE breakglass_staging.%I ENABLE ALWAYS TRIGGER bound', name);
    EXECUTE format('CREATE TRIGGER bound_row BEFORE INSERT ON breakglass_staging.%I '
      'FOR EACH ROW EXECUTE FUNCTION breakglass_staging.bound_row()', name);
    EXECUTE format('ALTER TABLE breakglass_staging.%I ENABLE ALWAYS TRIGGER bound_row', name);
  END LOOP;
END $$;

ALTER TABLE breakglass_log.evidence ADD COLUMN digest bytea NOT NULL DEFAULT '';
CREATE INDEX evidence_once ON breakglass_log.evidence (pusher, kind, digest);
CREATE INDEX evidence_of ON breakglass_log.evidence (log_id, kind, id);
CREATE TABLE breakglass_log.evidence_counts (
  pusher name NOT NULL,
  kind text NOT NULL,
  kept bigint NOT NULL DEFAULT 0,
  bytes bigint NOT NULL DEFAULT 0,
  repeated bigint NOT NULL DEFAULT 0,
  beyond bigint NOT NULL DEFAULT 0,
  last timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (pusher, kind)
);
INSERT INTO breakglass_log.evidence_counts (pusher, kind, kept, bytes)
  SELECT pusher, kind, count(*), sum(octet_length(data) + octet_length(checkpoint)) FROM breakglass_log.evidence
  GROUP BY pusher, kind;
CREATE FUNCTION breakglass_log.count_evidence() RETURNS trigger LANGUAGE plpgsql
  SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  most breakglass_log.limits;
  so_far breakglass_log.evidence_counts;
  more bigint := octet_length(NEW.data) + octet_length(NEW.checkpoint);
BEGIN
  NEW.digest := sha256(NEW.log_id || int8send(NEW.seq) || sha256(NEW.data)
    || sha256(convert_to(NEW.terminal_signature, 'UTF8')) || sha256(convert_to(NEW.quorum_signature, 'UTF8'))
    || sha256(convert_to(NEW.checkpoint, 'UTF8')));
  INSERT INTO breakglass_log.evidence_counts AS c (pusher, kind) VALUES (NEW.pusher, NEW.kind)
    ON CONFLICT (pusher, kind) DO UPDATE SET last = clock_timestamp() RETURNING c.* INTO STRICT so_far;
  SELECT * INTO STRICT most FROM breakglass_log.limits;
  IF EXISTS (SELECT FROM breakglass_log.evidence AS e
      WHERE e.pusher = NEW.pusher AND e.kind = NEW.kind AND e.digest = NEW.digest) THEN
    UPDATE breakglass_log.evidence_counts AS c SET repeated = c.repeated + 1
      WHERE c.pusher = NEW.pusher AND c.kind = NEW.kind;
    RETURN NULL;
  END IF;
  IF so_far.kept >= most.evidence_rows OR so_far.bytes + more > most.evidence_bytes THEN
    UPDATE breakglass_log.evidence_counts AS c SET beyond = c.beyond + 1
      WHERE c.pusher = NEW.pusher AND c.kind = NEW.kind;
    RETURN NULL;
  END IF;
  UPDATE breakglass_log.evidence_counts AS c SET kept = c.kept + 1, bytes = c.bytes + more
    WHERE c.pusher = NEW.pusher AND c.kind = NEW.kind;
  RETURN NEW;
END $$;
CREATE TRIGGER counted BEFORE INSERT ON breakglass_log.evidence
  FOR EACH ROW EXECUTE FUNCTION breakglass_log.count_evidence();
ALTER TABLE breakglass_log.evidence ENABLE ALWAYS TRIGGER counted;

ALTER TABLE breakglass_log.cosigned ADD COLUMN cosigner text NOT NULL DEFAULT '';
ALTER TABLE breakglass_log.cosigned DROP CONSTRAINT cosigned_pkey, ADD PRIMARY KEY (log_id, size, cosigner);

CREATE FUNCTION breakglass_staging.head(wanted bytea, wanted_cosigner text) RETURNS TABLE (size bigint, note text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT size, note FROM breakglass_log.cosigned WHERE log_id = wanted AND cosigner IN (wanted_cosigner, '')
  ORDER BY size DESC, cosigner DESC LIMIT 1
$$;
CREATE FUNCTION breakglass_staging.checkpoint(wanted bytea, wanted_size bigint) RETURNS TABLE (note text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT checkpoint FROM breakglass_log.records WHERE log_id = wanted AND seq = wanted_size - 1
$$;
CREATE FUNCTION breakglass_staging.forks(wanted bytea) RETURNS TABLE (note text, held text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT checkpoint, held_checkpoint FROM breakglass_log.evidence
  WHERE log_id = wanted AND kind = 'fork' ORDER BY id LIMIT 64
$$;
CREATE FUNCTION breakglass_staging.told_of(addresses bytea[], logs bytea[])
  RETURNS TABLE (log_id bytea, address bytea, data bytea, signature text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT DISTINCT ON (t.address, t.log_id) t.log_id, t.address, t.data, t.signature FROM breakglass_log.told AS t
  WHERE t.address = ANY (addresses[1:64]) AND t.log_id = ANY (logs[1:64])
  ORDER BY t.address, t.log_id, t.size DESC LIMIT 256
$$;
REVOKE ALL ON FUNCTION breakglass_staging.bound_row(), breakglass_staging.bound(),
  breakglass_staging.head(bytea, text), breakglass_staging.checkpoint(bytea, bigint), breakglass_staging.forks(bytea),
  breakglass_staging.told_of(bytea[], bytea[]), breakglass_log.count_evidence() FROM PUBLIC;

GRANT INSERT (log_id, address, size, data, signature) ON breakglass_staging.told TO breakglass_terminal;
GRANT EXECUTE ON FUNCTION breakglass_staging.head(bytea, text), breakglass_staging.checkpoint(bytea, bigint),
  breakglass_staging.forks(bytea), breakglass_staging.told_of(bytea[], bytea[]) TO breakglass_terminal;
GRANT SELECT, DELETE ON breakglass_staging.told TO breakglass_collector;
GRANT SELECT, INSERT, UPDATE ON breakglass_staging.turns TO breakglass_collector;
GRANT INSERT ON breakglass_log.told TO breakglass_collector;
GRANT SELECT ON breakglass_log.told, breakglass_log.limits, breakglass_log.evidence_counts
  TO breakglass_collector, breakglass_auditor;
DO $$
BEGIN
  EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
  IF EXISTS (SELECT FROM pg_namespace WHERE nspname = 'public') THEN
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
  END IF;
  IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    REVOKE EXECUTE ON FUNCTION lo_create(oid), lo_creat(integer), lo_from_bytea(oid, bytea) FROM PUBLIC;
  END IF;
END $$;
"""

_THIRD = """
ALTER TABLE breakglass_staging.pushed ADD COLUMN digest bytea;
ALTER TABLE breakglass_staging.told ADD COLUMN digest bytea;
CREATE INDEX pushed_once ON breakglass_staging.pushed (pusher, digest);
CREATE INDEX told_once ON breakglass_staging.told (pusher, digest);
DROP INDEX breakglass_staging.pushed_by, breakglass_staging.told_by;

CREATE FUNCTION breakglass_staging.once_pushed() RETURNS trigger LANGUAGE plpgsql
  SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
BEGIN
  NEW.digest := sha256(NEW.log_id || int8send(NEW.seq) || sha256(NEW.data)
    || sha256(convert_to(NEW.terminal_signature, 'UTF8')) || sha256(convert_to(NEW.quorum_signature, 'UTF8'))
    || sha256(convert_to(NEW.checkpoint, 'UTF8')));
  IF EXISTS (SELECT FROM breakglass_staging.pushed AS p WHERE p.pusher = NEW.pusher AND p.digest = NEW.digest) THEN
    RETURN NULL;
  END IF;
  RETURN NEW;
END $$;
CREATE FUNCTION breakglass_staging.once_told() RETURNS trigger LANGUAGE plpgsql
  SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
BEGIN
  NEW.digest := sha256(NEW.log_id || NEW.address || int8send(NEW.size) || sha256(NEW.data)
    || sha256(convert_to(NEW.signature, 'UTF8')));
  IF EXISTS (SELECT FROM breakglass_staging.told AS t WHERE t.pusher = NEW.pusher AND t.digest = NEW.digest) THEN
    RETURN NULL;
  END IF;
  RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION breakglass_staging.once_pushed(), breakglass_staging.once_told() FROM PUBLIC;
DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['pushed', 'told'] LOOP
    EXECUTE format('CREATE TRIGGER once BEFORE INSERT ON breakglass_staging.%I '
      'FOR EACH ROW EXECUTE FUNCTION breakglass_staging.%I()', name, 'once_' || name);
    EXECUTE format('ALTER TABLE breakglass_staging.%I ENABLE ALWAYS TRIGGER once', name);
  END LOOP;
END $$;
"""
"""What waits already is taken once.

Triggers run by name: ``bound_row`` comes first, and keeps a login's transactions from running past each other. A plan
is kept for a session, and may have been made when nothing waited: without the index each row would look at all.
"""

MIGRATIONS = (_FIRST, _SECOND, _THIRD)
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
