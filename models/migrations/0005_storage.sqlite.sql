-- Which storage belongs to this database: the same random text lies in the storage itself. One row at most.
CREATE TABLE storage_link (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    identity TEXT NOT NULL,
    linked_at INTEGER NOT NULL
) STRICT;

-- What the storage holds and no row names, since when; it is deleted after some days.
CREATE TABLE quarantine (
    name TEXT PRIMARY KEY,                 -- a storage_key, or 'partial/' or 'incoming/' and the number of an upload
    since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX quarantine_since ON quarantine (since);

-- With the key, so that one seek finds each place where equal bytes are stored.
DROP INDEX upload_content;
CREATE INDEX upload_content ON upload (sha256, byte_size, storage_key);
