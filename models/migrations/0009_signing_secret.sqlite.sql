-- The value stays, so that cursors and URLs stay valid.
UPDATE server_secret SET name = 'signing' WHERE name = 'seal';
