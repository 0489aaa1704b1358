-- One device for every sign-in; who signs out, or is signed out, loses the device with its session.
CREATE TABLE device (
    id INTEGER PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES "user" (id),
    name TEXT,
    is_trusted INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL
) STRICT;
CREATE INDEX device_user ON device (user_id, created_at, id);

-- The sessions that there are keep their tokens and become devices that are trusted.
CREATE TEMP TABLE old_session AS
    SELECT token_hash, user_id, device_name, created_at, expires_at, abs(random() >> 2) | 1 AS device_id FROM session;
INSERT INTO device SELECT device_id, user_id, device_name, 1, created_at, created_at FROM old_session;
DROP TABLE session;
CREATE TABLE session (
    token_hash BLOB PRIMARY KEY,           -- sha256 of the token
    user_id INTEGER NOT NULL REFERENCES "user" (id),
    device_id INTEGER NOT NULL UNIQUE REFERENCES device (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_user ON session (user_id);
CREATE INDEX session_expiry ON session (expires_at);
INSERT INTO session SELECT token_hash, user_id, device_id, created_at, expires_at FROM old_session;
DROP TABLE old_session;

CREATE TABLE api_key (
    id INTEGER PRIMARY KEY,
    secret_hash BLOB NOT NULL UNIQUE,      -- sha256 of the key
    user_id INTEGER NOT NULL REFERENCES "user" (id),
    name TEXT NOT NULL,
    scopes INTEGER NOT NULL,               -- a sum of Scope
    created_at INTEGER NOT NULL,
    expires_at INTEGER,                    -- null: never
    last_used_at INTEGER
) STRICT;
CREATE INDEX api_key_user ON api_key (user_id, created_at, id);

-- Whether a device has signed in ever: the first one is trusted, and never another for that reason alone.
ALTER TABLE "user" ADD COLUMN has_had_device INTEGER NOT NULL DEFAULT 0;
UPDATE "user" SET has_had_device = 1 WHERE id IN (SELECT user_id FROM device);

-- When the token was issued that named the user: an older one does not name them back.
ALTER TABLE "user" ADD COLUMN named_at INTEGER NOT NULL DEFAULT 0;

-- Tokens of the host's that were issued up to this time are not taken any more.
ALTER TABLE "user" ADD COLUMN tokens_ended_at INTEGER NOT NULL DEFAULT 0;
