-- One row, written and read to see whether the database can be.
CREATE TABLE probe (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    n INTEGER NOT NULL
) STRICT;
INSERT INTO probe (id, n) VALUES (1, 0);
