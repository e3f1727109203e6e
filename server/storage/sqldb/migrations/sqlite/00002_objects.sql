-- +goose Up
CREATE TABLE IF NOT EXISTS objects (
  seq         INTEGER PRIMARY KEY AUTOINCREMENT, -- never used twice: items and events name it
  owner       TEXT NOT NULL,
  kind        INTEGER NOT NULL, -- storage.ObjectKind
  id          TEXT NOT NULL,
  version     INTEGER NOT NULL, -- counts changes, from 1
  create_time INTEGER NOT NULL, -- Unix nanoseconds
  expire_time INTEGER NOT NULL, -- Unix nanoseconds; the largest number is never
  model       TEXT NOT NULL,
  size        INTEGER NOT NULL, -- what the row itself counts
  child_size  INTEGER NOT NULL, -- what its items and events count
  next_place  INTEGER NOT NULL, -- of its next item
  metadata    TEXT NOT NULL,    -- a line `"key":"value"` for each, between line feeds
  body        BLOB NOT NULL,
  UNIQUE (owner, kind, id)
);
-- Lists walk this index, and skip rows of other models without reading them.
CREATE INDEX IF NOT EXISTS objects_list ON objects (owner, kind, create_time, seq, model, expire_time);
CREATE INDEX IF NOT EXISTS objects_expire ON objects (expire_time);

CREATE TABLE IF NOT EXISTS object_children (
  object INTEGER NOT NULL, -- objects.seq
  kind   INTEGER NOT NULL, -- 1 item, 2 event
  place  INTEGER NOT NULL, -- an item's place, an event's number
  id     TEXT,             -- an item's id
  body   BLOB NOT NULL,
  PRIMARY KEY (object, kind, place)
);
CREATE UNIQUE INDEX IF NOT EXISTS object_children_id ON object_children (object, id) WHERE id IS NOT NULL;

CREATE TABLE IF NOT EXISTS object_owners (
  owner TEXT PRIMARY KEY,
  size  INTEGER NOT NULL -- what all its objects, items and events count
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS secrets (
  name  TEXT PRIMARY KEY,
  value BLOB NOT NULL
) WITHOUT ROWID;
