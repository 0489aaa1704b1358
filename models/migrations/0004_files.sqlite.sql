-- Several files may share their bytes: `storage_key` is no longer unique.
CREATE TABLE new_upload (
    id INTEGER PRIMARY KEY,
    owner_id INTEGER NOT NULL REFERENCES "user" (id),
    storage_key TEXT NOT NULL,
    kind INTEGER NOT NULL,                 -- 1 image, 2 video, 3 audio, 4 file
    filename TEXT NOT NULL,
    mime_type TEXT NOT NULL,
    byte_size INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    width INTEGER,
    height INTEGER,
    is_animated INTEGER,
    duration_ms INTEGER,
    thumbnail_for INTEGER,                 -- the upload whose thumbnail this is
    message_id INTEGER,                    -- null: staged, and swept after expires_at
    expires_at INTEGER NOT NULL
) STRICT;
INSERT INTO new_upload SELECT id, owner_id, storage_key, kind, filename, mime_type, byte_size, sha256, width, height,
    is_animated, NULL, NULL, message_id, expires_at FROM upload;
DROP TABLE upload;
ALTER TABLE new_upload RENAME TO upload;
CREATE INDEX upload_staged ON upload (expires_at) WHERE message_id IS NULL;
CREATE INDEX upload_key ON upload (storage_key);
CREATE INDEX upload_content ON upload (sha256, byte_size);
CREATE INDEX upload_owner ON upload (owner_id, byte_size);
CREATE INDEX upload_message ON upload (message_id) WHERE message_id IS NOT NULL;
CREATE INDEX upload_thumbnail ON upload (thumbnail_for) WHERE thumbnail_for IS NOT NULL;

-- A file that comes in parts (tus 1.0); with its last byte it becomes an upload of the same id.
CREATE TABLE upload_session (
    id INTEGER PRIMARY KEY,
    owner_id INTEGER NOT NULL REFERENCES "user" (id),
    filename TEXT NOT NULL,
    byte_size INTEGER NOT NULL,
    sha256 BLOB,                           -- what the client says it will be; null: it did not say
    duration_ms INTEGER,                   -- what the client says, where the bytes do not
    thumbnail_for INTEGER,
    failure INTEGER,                       -- a number of AttachmentRejectionReason; null: none
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX upload_session_owner ON upload_session (owner_id, byte_size);
CREATE INDEX upload_session_expiry ON upload_session (expires_at);

ALTER TABLE attachment ADD COLUMN state INTEGER NOT NULL DEFAULT 1;  -- 0 processing, 1 ready, 2 failed
ALTER TABLE attachment ADD COLUMN duration_ms INTEGER;
ALTER TABLE attachment ADD COLUMN blurhash TEXT;
ALTER TABLE attachment ADD COLUMN thumbnail_key TEXT;
ALTER TABLE attachment ADD COLUMN thumbnail_width INTEGER;
ALTER TABLE attachment ADD COLUMN thumbnail_height INTEGER;
CREATE INDEX attachment_thumbnail ON attachment (thumbnail_key) WHERE thumbnail_key IS NOT NULL;

CREATE INDEX job_kind ON job (kind, n);
