-- A badge counts what is unread and not muted, from this index alone.
DROP INDEX member_unread;
CREATE INDEX member_unread ON member (user_id, unread, is_marked_unread, request_state, muted_until)
    WHERE unread > 0 OR is_marked_unread;

-- Who asked, on the side of each member who was asked: a group may be a request for some of its members only.
ALTER TABLE member ADD COLUMN requester_id INTEGER;
UPDATE member SET requester_id = (
    SELECT asking.user_id FROM member asking
    WHERE asking.conversation_id = member.conversation_id AND asking.request_state = 4
) WHERE request_state IN (1, 3);
CREATE INDEX member_requester ON member (requester_id, user_id, request_state) WHERE requester_id IS NOT NULL;

-- 1: withheld from a member who has not answered, until they do; 0: hidden for good.
ALTER TABLE hidden ADD COLUMN is_withheld INTEGER NOT NULL DEFAULT 0;
