-- +goose Up
CREATE TABLE IF NOT EXISTS objects (
  seq         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- items and events name it
  owner       TEXT COLLATE "C" NOT NULL,
  kind        SMALLINT NOT NULL, -- storage.ObjectKind
  id          TEXT COLLATE "C" NOT NULL,
  version     BIGINT NOT NULL,   -- counts changes, from 1
  create_time BIGINT NOT NULL,   -- Unix nanoseconds
  expire_time BIGINT NOT NULL,   -- Unix nanoseconds; the largest number is never
  model       TEXT COLLATE "C" NOT NULL,
  size        BIGINT NOT NULL,   -- what the row itself counts
  child_size  BIGINT NOT NULL,   -- what its items and events count
  next_place  BIGINT NOT NULL,   -- of its next item
  metadata    TEXT NOT NULL,     -- a line `"key":"value"` for each, between line feeds
  body        BYTEA NOT NULL,
  UNIQUE (owner, kind, id)
);
CREATE INDEX IF NOT EXISTS objects_list ON objects (owner, kind, create_time, seq);
CREATE INDEX IF NOT EXISTS objects_expire ON objects (expire_time);

CREATE TABLE IF NOT EXISTS object_children (
  object BIGINT NOT NULL,   -- objects.seq
  kind   SMALLINT NOT NULL, -- 1 item, 2 event
  place  BIGINT NOT NULL,   -- an item's place, an event's number
  id     TEXT COLLATE "C",  -- an item's id
  body   BYTEA NOT NULL,
  PRIMARY KEY (object, kind, place)
);
CREATE UNIQUE INDEX IF NOT EXISTS object_children_id ON object_children (object, id) WHERE id IS NOT NULL;

CREATE TABLE IF NOT EXISTS object_owners (
  owner TEXT COLLATE "C" PRIMARY KEY,
  size  BIGINT NOT NULL -- what all its objects, items and events count
);

CREATE TABLE IF NOT EXISTS secrets (
  name  TEXT COLLATE "C" PRIMARY KEY,
  value BYTEA NOT NULL
);
