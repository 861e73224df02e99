-- Up to 255 bytes a length takes one byte in a row, beyond that two: this one crosses the line.
ALTER TABLE notes MODIFY title varchar(300) NOT NULL;
