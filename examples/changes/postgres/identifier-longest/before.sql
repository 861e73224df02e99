CREATE TABLE a_table_whose_name_is_as_long_as_the_server_lets_any_name_be_xx (
  id bigint PRIMARY KEY,
  a_column_whose_name_is_as_long_as_the_server_lets_names_be_old_ text NOT NULL,
  a_count_whose_name_is_as_long_as_the_server_lets_any_name_be___ integer NOT NULL DEFAULT 0
);
INSERT INTO a_table_whose_name_is_as_long_as_the_server_lets_any_name_be_xx (id, a_column_whose_name_is_as_long_as_the_server_lets_names_be_old_) VALUES (1, 'one'), (2, 'two');
