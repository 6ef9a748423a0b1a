-- What format 2 has beside the tables of format 1.

-- Key: 1; there is one row, or none in a copy that has not been opened yet. Content: the last record of the journal that
-- the other tables have, and what the journal's checksums are made with.
-- Written with each layer of the journal that is applied.
CREATE TABLE IF NOT EXISTS journal (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    applied INTEGER NOT NULL,
    secret  INTEGER NOT NULL
);
