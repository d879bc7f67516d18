INSERT INTO baseline (value) VALUES ('one durable commit');
