-- The store's tables, format 1; what format 2 adds is in journal.sql.
--
-- Payloads are appended under a growing number and found by small indices: a wide row under a random key would rewrite
-- a page per row. Times are milliseconds since the epoch. Only the committer writes.

-- Key: (tbl, k), a service's table and a key of its choice. Content: version, counted from 1, and an opaque value.
-- Written by Put, Delete and DeletePrefix.
CREATE TABLE records (
    id      INTEGER PRIMARY KEY,
    tbl     TEXT    NOT NULL,
    k       TEXT    NOT NULL,
    version INTEGER NOT NULL,
    value   BLOB    NOT NULL
);
CREATE UNIQUE INDEX records_by_key ON records (tbl, k);

-- Key: name of a log. Content: the short number that its entries are filed under, never used for another log.
-- Written by a log's first Append and by the Trim that deletes it.
CREATE TABLE logs (
    id   INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT    NOT NULL UNIQUE
);

-- Key: (log, sequence). Content: the time an entry speaks of and an opaque payload. `lsn` is only where it lies.
-- Written by Append and Trim.
CREATE TABLE entries (
    lsn      INTEGER PRIMARY KEY,
    log      INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    time     INTEGER NOT NULL,
    payload  BLOB    NOT NULL
);
CREATE UNIQUE INDEX entries_by_sequence ON entries (log, sequence);
CREATE INDEX entries_by_time ON entries (log, time, sequence);

-- Key: (queue, k), a queue and a key of its consumer's choice. Content: when it is due, and an opaque payload.
-- Written by SetTimer, which gives a timer that is set anew a new id too, and ClearTimer; read whole, once, by each queue's
-- consumer in the order of ids, which is the order of setting.
CREATE TABLE timers (
    id      INTEGER PRIMARY KEY,
    queue   TEXT    NOT NULL,
    k       TEXT    NOT NULL,
    due     INTEGER NOT NULL,
    payload BLOB    NOT NULL
);
CREATE UNIQUE INDEX timers_by_key ON timers (queue, k);
