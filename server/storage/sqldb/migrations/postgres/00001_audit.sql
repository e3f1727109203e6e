-- +goose Up
CREATE TABLE IF NOT EXISTS audit_records (
  id              TEXT COLLATE "C" PRIMARY KEY,
  start_time      BIGINT NOT NULL,   -- Unix nanoseconds
  state           SMALLINT NOT NULL, -- 0 begun, 1 ended, 2 interrupted
  writer          TEXT NOT NULL,     -- who wrote a begin record
  request_id      TEXT COLLATE "C" NOT NULL,
  requested_model TEXT COLLATE "C" NOT NULL,
  resolved_model  TEXT COLLATE "C" NOT NULL,
  provider        TEXT COLLATE "C" NOT NULL,
  method          TEXT COLLATE "C" NOT NULL,
  path            TEXT COLLATE "C" NOT NULL,
  status_code     INTEGER NOT NULL,
  error_type      TEXT COLLATE "C" NOT NULL,
  reason          INTEGER NOT NULL,  -- signalbox.common.v1.ErrorReason
  stream          BOOLEAN NOT NULL,
  key_id          TEXT COLLATE "C" NOT NULL,
  owner           TEXT COLLATE "C" NOT NULL,
  entry           BYTEA NOT NULL,    -- signalbox.audit.v1.AuditEntry
  plan            BYTEA,             -- signalbox.plan.v1.ExecutionPlan
  bodies          BYTEA              -- signalbox.audit.v1.AuditBodies
);
CREATE INDEX IF NOT EXISTS audit_records_list ON audit_records (start_time, id);
CREATE INDEX IF NOT EXISTS audit_records_failed ON audit_records (start_time, id) WHERE reason <> 0;
CREATE INDEX IF NOT EXISTS audit_records_request_id ON audit_records (request_id);
CREATE INDEX IF NOT EXISTS audit_records_open ON audit_records (writer, start_time) WHERE state = 0;
