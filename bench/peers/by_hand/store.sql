-- The statements of the servers by hand and of Mercurius, on the tables of Sotto. They do what Sotto does to store and
-- to show the same messages, and nothing else: no limits, no requests, no receipts, no muted conversations.

-- name: session
SELECT user_id, expires_at FROM session JOIN user ON user.id = user_id WHERE token_hash = :token_hash AND state = 0

-- name: find_key
SELECT request_hash, result FROM idempotency WHERE key = :key AND user_id = :sender

-- name: recipient
SELECT id, username, display_name, state,
  EXISTS (SELECT 1 FROM block WHERE blocker_id = :sender AND blocked_id = id) AS is_blocked,
  EXISTS (SELECT 1 FROM block WHERE blocker_id = id AND blocked_id = :sender) AS has_blocked
FROM user WHERE username_key = :name

-- name: user
SELECT id, username, display_name FROM user WHERE id = :id

-- name: direct
SELECT conversation_id FROM direct WHERE user_lo = :lo AND user_hi = :hi

-- name: members
SELECT user_id FROM member WHERE conversation_id = :conversation ORDER BY user_id

-- name: next_seq
UPDATE conversation SET last_seq = last_seq + 1 WHERE id = :conversation RETURNING last_seq

-- name: put_message
INSERT INTO message (id, sender_id, created_at, kind, body, attachments, client_message_id, revision)
VALUES (:id, :sender, :at, 0, :text, 0, :key, 1)

-- name: advance
UPDATE member SET last_seq = :seq, activity = :at,
  read_seq = CASE WHEN user_id = :sender THEN :seq ELSE read_seq END,
  delivered_seq = CASE WHEN user_id = :sender THEN :seq ELSE delivered_seq END,
  seen_seq = CASE WHEN user_id = :sender THEN :seq ELSE seen_seq END,
  unread = CASE WHEN user_id = :sender THEN 0 ELSE unread + 1 END
WHERE conversation_id = :conversation

-- name: put_event
INSERT INTO event (user_id, n, kind, subject_id, at, actor_id, detail)
SELECT :user, COALESCE(MAX(n), 0) + 1, 0, :id, :at, 0, 0 FROM event WHERE user_id = :user

-- name: put_job
INSERT INTO job (kind, ref) VALUES (0, :id)

-- name: put_key
INSERT INTO idempotency (key, user_id, request_hash, result, at) VALUES (:key, :sender, :hash, :result, :at)

-- name: conversation
SELECT m.conversation_id, c.kind, m.last_seq, m.floor_seq, m.unread, m.activity
FROM member m JOIN conversation c ON c.id = m.conversation_id
WHERE m.user_id = :viewer AND m.conversation_id = :conversation

-- name: page
SELECT m.id, m.created_at, m.body, m.attachments, m.sender_id, u.username, u.display_name
FROM message m JOIN user u ON u.id = m.sender_id
WHERE m.id > :after AND m.id < :before
  AND NOT EXISTS (SELECT 1 FROM hidden h WHERE h.user_id = :viewer AND h.message_id = m.id)
ORDER BY m.id DESC LIMIT :count

-- name: attachments
SELECT message_id, position, filename, mime_type, byte_size FROM attachment
WHERE message_id IN (SELECT value FROM json_each(:ids)) ORDER BY message_id, position

-- name: reactions
SELECT message_id, emoji, COUNT(*) AS count, MAX(user_id = :viewer) AS is_mine FROM reaction r
WHERE message_id IN (SELECT value FROM json_each(:ids))
  AND NOT EXISTS (SELECT 1 FROM block b WHERE b.blocker_id = :viewer AND b.blocked_id = r.user_id)
GROUP BY message_id, emoji ORDER BY MIN(at)

-- name: inbox
SELECT m.conversation_id, c.kind, m.last_seq, m.floor_seq, m.unread, m.activity
FROM member m JOIN conversation c ON c.id = m.conversation_id
WHERE m.user_id = :viewer AND m.last_seq > m.floor_seq AND m.is_archived = 0 AND m.request_state NOT IN (1, 3)
ORDER BY m.activity DESC, m.conversation_id DESC LIMIT :count

-- name: others
SELECT m.conversation_id, m.user_id, u.username, u.display_name FROM member m JOIN user u ON u.id = m.user_id
WHERE m.conversation_id IN (SELECT value FROM json_each(:ids)) AND m.user_id != :viewer
ORDER BY m.conversation_id, m.user_id

-- name: newest
SELECT m.id, m.created_at, m.body, m.sender_id, u.username, u.display_name
FROM message m JOIN user u ON u.id = m.sender_id
WHERE m.id IN (
  SELECT (
    SELECT x.id FROM message x
    WHERE x.id > (k.conversation_id << 27) + k.floor_seq AND x.id <= (k.conversation_id << 27) + k.last_seq
      AND NOT EXISTS (SELECT 1 FROM hidden h WHERE h.user_id = :viewer AND h.message_id = x.id)
    ORDER BY x.id DESC LIMIT 1
  ) FROM member k WHERE k.user_id = :viewer AND k.conversation_id IN (SELECT value FROM json_each(:ids))
)

-- name: search
SELECT m.id, m.created_at, m.body, m.sender_id, u.username, u.display_name
FROM message_fts f
JOIN message m ON m.id = f.rowid
JOIN member k ON k.user_id = :viewer AND k.conversation_id = m.id >> 27 AND m.id > (k.conversation_id << 27) + k.floor_seq
JOIN user u ON u.id = m.sender_id
WHERE f.message_fts MATCH :match
  AND NOT EXISTS (SELECT 1 FROM hidden h WHERE h.user_id = :viewer AND h.message_id = m.id)
ORDER BY m.created_at DESC, m.id DESC LIMIT :count

-- name: fill_index
INSERT INTO message_fts (rowid, body) SELECT id, body FROM message WHERE body IS NOT NULL ORDER BY id
