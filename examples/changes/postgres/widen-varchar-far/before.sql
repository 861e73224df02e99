CREATE TABLE notes (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  title varchar(40) NOT NULL,
  body varchar(2000)
);
CREATE INDEX notes_title ON notes (title);

INSERT INTO notes (title, body) VALUES ('short', NULL), ('Grüße, 世界', 'b'), ('', 'c'), ('trailing  ', 'd');
