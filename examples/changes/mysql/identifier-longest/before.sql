CREATE TABLE a_table_whose_name_is_as_long_as_the_server_lets_any_name_be_xxx (
  id bigint PRIMARY KEY,
  a_column_whose_name_is_as_long_as_the_server_lets_names_be_old_x varchar(100) NOT NULL,
  a_count_whose_name_is_as_long_as_the_server_lets_any_name_be___x int NOT NULL DEFAULT 0
);
INSERT INTO a_table_whose_name_is_as_long_as_the_server_lets_any_name_be_xxx (id, a_column_whose_name_is_as_long_as_the_server_lets_names_be_old_x) VALUES (1, 'one'), (2, 'two');
