CREATE TABLE notes (
  id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY,
  title varchar(40) NOT NULL,
  body varchar(2000),
  KEY notes_title (title)
) DEFAULT CHARSET = utf8mb4;

INSERT INTO notes (title, body) VALUES ('short', NULL), ('Grüße, 世界', 'b'), ('', 'c'), ('trailing  ', 'd');
