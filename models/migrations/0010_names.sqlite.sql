-- The words of a user's names, folded, with a space before each: for searches of conversations by the names of their people.
ALTER TABLE "user" ADD COLUMN name_key TEXT NOT NULL DEFAULT '';
UPDATE "user" SET name_key = name_key_of(display_name, username);
