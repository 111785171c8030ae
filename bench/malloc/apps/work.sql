-- A database in memory: filled, indexed, joined, changed, thinned.
CREATE TABLE owner(id INTEGER PRIMARY KEY, name TEXT, town TEXT);
CREATE TABLE booking(id INTEGER PRIMARY KEY, owner INTEGER, amount INTEGER, note TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
  INSERT INTO owner SELECT i, 'owner ' || i, 'town ' || (i * 7919 % 97) FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000)
  INSERT INTO booking SELECT i, i * 7919 % 20000 + 1, i * 31 % 1001 - 500, 'booking number ' || i FROM n;
CREATE INDEX booking_owner ON booking(owner);
CREATE INDEX booking_note ON booking(note);
SELECT town, count(*), sum(amount), max(length(note)) FROM owner JOIN booking ON booking.owner = owner.id
  GROUP BY town ORDER BY town;
UPDATE booking SET note = upper(note) || ' changed' WHERE amount % 3 = 0;
DELETE FROM booking WHERE amount % 5 = 0;
SELECT group_concat(name, ',') IS NULL, count(*) FROM (SELECT name FROM owner ORDER BY name DESC);
SELECT length(group_concat(note)) FROM (SELECT DISTINCT substr(note, 1, 12) AS note FROM booking);
SELECT count(*), sum(amount), min(note), max(note) FROM booking;
