-- read_seq and delivered_seq are what others are told, and only grow; seen_seq is the member's own: what lies behind it
-- is unread, and `unread` counts it: visible, of others, not deleted.
ALTER TABLE member ADD COLUMN seen_seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE member ADD COLUMN unread INTEGER NOT NULL DEFAULT 0;
ALTER TABLE member ADD COLUMN is_marked_unread INTEGER NOT NULL DEFAULT 0;
ALTER TABLE member ADD COLUMN read_at INTEGER;                            -- when read_seq last moved
ALTER TABLE member ADD COLUMN delivered_at INTEGER;
ALTER TABLE member ADD COLUMN muted_until INTEGER NOT NULL DEFAULT 0;     -- 0 not muted; 2^63 - 1 for good
ALTER TABLE member ADD COLUMN is_archived INTEGER NOT NULL DEFAULT 0;
ALTER TABLE member ADD COLUMN is_pinned INTEGER NOT NULL DEFAULT 0;
-- 0 none, 1 waits for this member's answer, 2 accepted, 3 declined by this member, 4 this member waits for the answer
ALTER TABLE member ADD COLUMN request_state INTEGER NOT NULL DEFAULT 0;
UPDATE member SET seen_seq = max(read_seq, floor_seq), unread = last_seq - max(read_seq, floor_seq)
    WHERE last_seq > max(read_seq, floor_seq);
UPDATE member SET seen_seq = max(read_seq, floor_seq), read_at = activity, delivered_at = activity
    WHERE last_seq <= max(read_seq, floor_seq);
DROP INDEX member_unread;
CREATE INDEX member_unread ON member (user_id, unread, is_marked_unread, request_state)
    WHERE unread > 0 OR is_marked_unread;
CREATE INDEX member_request ON member (user_id, activity, conversation_id) WHERE request_state = 1;

ALTER TABLE message ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;       -- counts edits; 1 as it was sent
ALTER TABLE message ADD COLUMN edited_at INTEGER;
ALTER TABLE message ADD COLUMN deleted_at INTEGER;                        -- then body and metadata are null

CREATE TABLE message_edit (
    message_id INTEGER NOT NULL,
    revision INTEGER NOT NULL,             -- of the text that was replaced
    body TEXT,
    at INTEGER NOT NULL,                   -- when that text was written
    PRIMARY KEY (message_id, revision)
) STRICT, WITHOUT ROWID;

-- A message that one person does not see: deleted for themselves, or written in a group by somebody they had blocked.
CREATE TABLE hidden (
    user_id INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    PRIMARY KEY (user_id, message_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE reaction (
    message_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    emoji TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (message_id, user_id, emoji)
) STRICT, WITHOUT ROWID;

CREATE TABLE follow (
    follower_id INTEGER NOT NULL REFERENCES "user" (id),
    followed_id INTEGER NOT NULL REFERENCES "user" (id),
    at INTEGER NOT NULL,
    PRIMARY KEY (follower_id, followed_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE mute (
    muter_id INTEGER NOT NULL REFERENCES "user" (id),
    muted_id INTEGER NOT NULL REFERENCES "user" (id),
    at INTEGER NOT NULL,
    PRIMARY KEY (muter_id, muted_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX mute_list ON mute (muter_id, at, muted_id);

-- A person without a row has the server's defaults; null is the default as well.
CREATE TABLE setting (
    user_id INTEGER PRIMARY KEY REFERENCES "user" (id),
    accept_from INTEGER,                   -- 0 everyone, 1 followed by me, 2 mutual follows, 3 nobody
    from_others INTEGER,                   -- 0 request, 1 reject
    add_to_groups INTEGER,                 -- as accept_from
    send_read_receipts INTEGER NOT NULL DEFAULT 1,
    send_delivery_receipts INTEGER NOT NULL DEFAULT 1,
    send_typing INTEGER NOT NULL DEFAULT 1,
    share_presence INTEGER NOT NULL DEFAULT 1
) STRICT;

-- Copies: what was reported stays readable for the operator, whatever becomes of the messages.
CREATE TABLE report (
    id INTEGER PRIMARY KEY,
    reporter_id INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    reason INTEGER NOT NULL,
    comment TEXT,
    created_at INTEGER NOT NULL,
    resolved_at INTEGER,
    resolution TEXT
) STRICT;
CREATE INDEX report_open ON report (created_at) WHERE resolved_at IS NULL;
CREATE TABLE report_message (
    report_id INTEGER NOT NULL REFERENCES report (id),
    message_id INTEGER NOT NULL,
    sender_id INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    body TEXT,
    filenames TEXT NOT NULL,               -- JSON
    PRIMARY KEY (report_id, message_id)
) STRICT, WITHOUT ROWID;

-- Whose doing it was, and a number that the kind explains.
ALTER TABLE event ADD COLUMN actor_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE event ADD COLUMN detail INTEGER NOT NULL DEFAULT 0;

-- Bytes may be shared by several messages; whoever deletes a message asks who else has them.
CREATE INDEX attachment_storage ON attachment (storage_key);
