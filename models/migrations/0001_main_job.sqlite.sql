-- Times are milliseconds since 1970, UTC. Ids of users, conversations and uploads are drawn at random by the program.

CREATE TABLE "user" (
    id INTEGER PRIMARY KEY,
    username TEXT NOT NULL,
    username_key TEXT NOT NULL UNIQUE,     -- folded: unique without case
    display_name TEXT NOT NULL,
    email TEXT,
    email_key TEXT UNIQUE,
    external_id TEXT UNIQUE,
    avatar_url TEXT,
    password_hash TEXT,                    -- argon2id; null: cannot sign in with a password
    is_bot INTEGER NOT NULL DEFAULT 0,
    state INTEGER NOT NULL DEFAULT 0,      -- 0 active, 1 suspended, 2 deactivated
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE session (
    token_hash BLOB PRIMARY KEY,           -- sha256 of the token
    user_id INTEGER NOT NULL REFERENCES "user" (id),
    device_name TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_user ON session (user_id);
CREATE INDEX session_expiry ON session (expires_at);

CREATE TABLE conversation (
    id INTEGER PRIMARY KEY,                -- 36 bits
    kind INTEGER NOT NULL,                 -- 0 direct, 1 group, 2 self
    member_hash BLOB UNIQUE,               -- of a group: sha256 of its exact member set
    last_seq INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE direct (
    user_lo INTEGER NOT NULL,
    user_hi INTEGER NOT NULL,
    conversation_id INTEGER NOT NULL REFERENCES conversation (id),
    PRIMARY KEY (user_lo, user_hi),
    CHECK (user_lo <= user_hi)
) STRICT, WITHOUT ROWID;

CREATE TABLE member (
    user_id INTEGER NOT NULL REFERENCES "user" (id),
    conversation_id INTEGER NOT NULL REFERENCES conversation (id),
    joined_at INTEGER NOT NULL,
    last_seq INTEGER NOT NULL DEFAULT 0,
    read_seq INTEGER NOT NULL DEFAULT 0,
    delivered_seq INTEGER NOT NULL DEFAULT 0,
    floor_seq INTEGER NOT NULL DEFAULT 0,  -- cleared up to and including this one
    activity INTEGER NOT NULL,             -- time of the newest message
    PRIMARY KEY (user_id, conversation_id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX member_conversation ON member (conversation_id, user_id);
CREATE INDEX member_inbox ON member (user_id, activity, conversation_id);
CREATE INDEX member_unread ON member (user_id, last_seq, read_seq) WHERE last_seq > read_seq;

CREATE TABLE message (
    id INTEGER PRIMARY KEY,                -- conversation << 27 | seq
    sender_id INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    kind INTEGER NOT NULL,                 -- 0 text, 1 image, 2 video, 3 audio, 4 file
    body TEXT,
    attachments INTEGER NOT NULL DEFAULT 0,
    reply_to_id INTEGER,
    client_message_id TEXT,
    metadata TEXT
) STRICT;

CREATE TABLE upload (
    id INTEGER PRIMARY KEY,
    owner_id INTEGER NOT NULL REFERENCES "user" (id),
    storage_key TEXT NOT NULL UNIQUE,
    kind INTEGER NOT NULL,                 -- 1 image, 2 video, 3 audio, 4 file
    filename TEXT NOT NULL,
    mime_type TEXT NOT NULL,
    byte_size INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    width INTEGER,
    height INTEGER,
    is_animated INTEGER,
    message_id INTEGER,                    -- null: staged, and swept after expires_at
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX upload_staged ON upload (expires_at) WHERE message_id IS NULL;

CREATE TABLE attachment (
    message_id INTEGER NOT NULL,
    position INTEGER NOT NULL,             -- 0, 1, 2 … as the sender ordered them
    storage_key TEXT NOT NULL,
    kind INTEGER NOT NULL,
    filename TEXT NOT NULL,
    mime_type TEXT NOT NULL,
    byte_size INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    width INTEGER,
    height INTEGER,
    is_animated INTEGER,
    PRIMARY KEY (message_id, position)
) STRICT, WITHOUT ROWID;

-- n = 1, 2, 3 … without a gap for each user: the resume log. Retention keeps each user's newest row, so that the
-- numbering never starts again.
CREATE TABLE event (
    user_id INTEGER NOT NULL,
    n INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    subject_id INTEGER NOT NULL,           -- a message, a conversation or a user, as the kind says
    at INTEGER NOT NULL,
    PRIMARY KEY (user_id, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency (
    key TEXT NOT NULL,
    user_id INTEGER NOT NULL,
    request_hash BLOB NOT NULL,
    result TEXT NOT NULL,                  -- JSON: what the first call answered, as ids
    at INTEGER NOT NULL,
    PRIMARY KEY (key, user_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE block (
    blocker_id INTEGER NOT NULL REFERENCES "user" (id),
    blocked_id INTEGER NOT NULL REFERENCES "user" (id),
    at INTEGER NOT NULL,
    PRIMARY KEY (blocker_id, blocked_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX block_reverse ON block (blocked_id, blocker_id);
CREATE INDEX block_list ON block (blocker_id, at, blocked_id);

CREATE TABLE job (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    kind INTEGER NOT NULL,
    ref INTEGER NOT NULL
) STRICT;

CREATE TABLE server_secret (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE VIRTUAL TABLE message_fts USING fts5 (
    body, content = 'message', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2'
);
