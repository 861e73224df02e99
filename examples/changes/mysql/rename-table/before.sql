CREATE TABLE people (
    id bigint AUTO_INCREMENT PRIMARY KEY,
    name varchar(100) NOT NULL
);
INSERT INTO people (name) VALUES ('Ada'), ('Grace');
