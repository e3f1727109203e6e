-- +goose Up
CREATE TABLE IF NOT EXISTS audit_records (
  id              TEXT PRIMARY KEY,
  start_time      INTEGER NOT NULL, -- Unix nanoseconds
  state           INTEGER NOT NULL, -- 0 begun, 1 ended, 2 interrupted
  writer          TEXT NOT NULL,    -- who wrote a begin record
  request_id      TEXT NOT NULL,
  requested_model TEXT NOT NULL,
  resolved_model  TEXT NOT NULL,
  provider        TEXT NOT NULL,
  method          TEXT NOT NULL,
  path            TEXT NOT NULL,
  status_code     INTEGER NOT NULL,
  error_type      TEXT NOT NULL,
  reason          INTEGER NOT NULL, -- signalbox.common.v1.ErrorReason
  stream          INTEGER NOT NULL,
  key_id          TEXT NOT NULL,
  owner           TEXT NOT NULL,
  entry           BLOB NOT NULL,    -- signalbox.audit.v1.AuditEntry
  plan            BLOB,             -- signalbox.plan.v1.ExecutionPlan
  bodies          BLOB              -- signalbox.audit.v1.AuditBodies
);
-- Lists walk this index alone until a row matches, and never read the blobs of
-- rows that do not.
CREATE INDEX IF NOT EXISTS audit_records_list ON audit_records (
  start_time, id, reason, status_code, stream, provider, requested_model, resolved_model,
  key_id, owner, path, method, error_type, request_id
);
CREATE INDEX IF NOT EXISTS audit_records_request_id ON audit_records (request_id);
CREATE INDEX IF NOT EXISTS audit_records_open ON audit_records (writer, start_time) WHERE state = 0;
