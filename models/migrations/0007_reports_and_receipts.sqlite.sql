-- When a position moved: the time of a message is that of the first row at or behind it. The positions themselves, with
-- the time of their last move, are the member's.
CREATE TABLE receipt_time (
    conversation_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    kind INTEGER NOT NULL,                 -- 1 delivered, 2 read (which says delivered too)
    seq INTEGER NOT NULL,                  -- up to and including this one
    at INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, user_id, kind, seq)
) STRICT, WITHOUT ROWID;
INSERT INTO receipt_time SELECT conversation_id, user_id, 1, delivered_seq, delivered_at FROM member
    WHERE delivered_seq > 0 AND delivered_at IS NOT NULL;
INSERT INTO receipt_time SELECT conversation_id, user_id, 2, read_seq, read_at FROM member
    WHERE read_seq > 0 AND read_at IS NOT NULL;

-- What was deleted for everyone, as long as it can be reported or an open report shows it. Its former texts stay in
-- message_edit that long, and its uploads in upload, where they count towards their owner's quota.
CREATE TABLE deleted_message (
    id INTEGER PRIMARY KEY,
    sender_id INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    body TEXT,
    revision INTEGER NOT NULL,
    deleted_at INTEGER NOT NULL
) STRICT;
CREATE INDEX deleted_message_time ON deleted_message (deleted_at, id);
CREATE TABLE deleted_file (
    message_id INTEGER NOT NULL,
    position INTEGER NOT NULL,
    storage_key TEXT NOT NULL,
    filename TEXT NOT NULL,
    mime_type TEXT NOT NULL,
    byte_size INTEGER NOT NULL,
    PRIMARY KEY (message_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX deleted_file_key ON deleted_file (storage_key);
CREATE TABLE reportable (                  -- who had a deleted message, and may report it
    user_id INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    PRIMARY KEY (user_id, message_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX reportable_message ON reportable (message_id);

-- A report shows the texts of message_edit before this revision, which the message had when it was reported.
ALTER TABLE report_message ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
ALTER TABLE report_message ADD COLUMN deleted_at INTEGER;                 -- null: it had not been deleted for everyone
DELETE FROM report_message WHERE report_id IN (SELECT id FROM report WHERE resolved_at IS NOT NULL);
CREATE INDEX report_message_message ON report_message (message_id);
