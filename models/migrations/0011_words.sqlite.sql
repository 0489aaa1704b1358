-- Which messages of a conversation have a word, so that a search reads nothing of other people's conversations.
CREATE TABLE message_word (
    conversation_id INTEGER NOT NULL,
    word TEXT NOT NULL,                    -- without case and accents
    seq INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, word, seq)
) STRICT, WITHOUT ROWID;

-- One row if message_fts was filled by an earlier version: the messages up to this id have been copied to message_word.
-- Searches use message_fts until all have been.
CREATE TABLE reindexing (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    upto INTEGER NOT NULL
) STRICT;
INSERT INTO reindexing (id, upto) SELECT 1, 0 WHERE EXISTS (SELECT 1 FROM message_fts_docsize);
