package postgres

import "strings"

// knowledge is what is known of a function of pg_catalog.
type knowledge struct {
	volatile, stable bool
	// nulls: it may be NULL though no argument is.
	nulls bool
	// total: it is never NULL, whatever its arguments are.
	total bool
	// set, aggregate: no scalar function at all.
	set, aggregate bool
}

// functions are well-known functions of pg_catalog and of the usual extensions
// (uuid-ossp), by name. They are immutable and strict where nothing else is
// said. Source: PostgreSQL docs, Functions and Operators; pg_proc.provolatile.
var functions = func() map[string]knowledge {
	out := map[string]knowledge{}
	add := func(k knowledge, names string) {
		for name := range strings.FieldsSeq(names) {
			out[name] = k
		}
	}
	add(knowledge{}, `abs acos acosd asin asind atan atan2 atan2d atand cbrt ceil ceiling cos cosd cot cotd
		degrees div erf erfc exp factorial floor gcd lcm ln log log10 min_scale mod pi power pow radians round scale
		sign sin sind sinh cosh tanh sqrt tan tand trim_scale trunc width_bucket
		ascii bit_length btrim char_length character_length chr convert_from convert_to convert decode encode
		get_bit get_byte initcap left length lower lpad ltrim md5 normalize is_normalized octet_length overlay
		parse_ident position quote_ident quote_literal quote_nullable regexp_count regexp_instr regexp_like
		regexp_replace regexp_split_to_array repeat replace reverse right rpad rtrim set_bit set_byte sha224 sha256
		sha384 sha512 split_part starts_with strpos substr to_ascii to_hex to_bin to_oct translate upper bit_count
		like_escape similar_escape similar_to_escape like notlike
		age date_part date_trunc extract isfinite justify_days justify_hours justify_interval make_date
		make_interval make_time make_timestamp to_number
		int2 int4 int8 float4 float8 numeric text varchar bpchar bool date time timestamp interval
		textcat int4pl int8pl int4mul int8mul hashtext hashint4 hashint8
		host hostmask netmask network broadcast family masklen set_masklen abbrev inet_merge
		jsonb_set jsonb_insert jsonb_strip_nulls json_strip_nulls jsonb_pretty json_typeof jsonb_typeof
		json_array_length jsonb_array_length jsonb_exists
		cardinality trim_array
		lower_inc upper_inc lower_inf upper_inf isempty
		timezone point box circle polygon area center diameter height width radius npoints
		uuid_extract_version crc32 crc32c`)
	add(knowledge{nulls: true}, `substring regexp_match regexp_substr array_length array_ndims array_lower array_upper
		array_position array_positions json_extract_path json_extract_path_text jsonb_extract_path
		jsonb_extract_path_text jsonb_path_query_first jsonb_path_exists jsonb_path_match
		uuid_extract_timestamp array_dims obj_description to_regclass to_regtype to_regproc set_config
		array_to_string string_to_array array_append array_prepend array_cat array_remove array_replace
		array_fill xpath concat_ws format`)
	// concat, concat_ws and format are stable in the catalog, but only for
	// arguments that print by session settings; over text they are immutable.
	add(knowledge{total: true}, `concat num_nulls num_nonnulls json_build_object json_build_array jsonb_build_object
		jsonb_build_array`)
	// Output functions and zones depend on the session, hence only stable.
	add(knowledge{stable: true, total: true}, `now transaction_timestamp statement_timestamp current_database
		current_schemas pg_backend_pid version txid_current pg_current_xact_id localtimestamp localtime`)
	add(knowledge{stable: true}, `to_char to_date to_timestamp make_timestamptz format_type to_json to_jsonb
		row_to_json array_to_json to_tsvector to_tsquery plainto_tsquery phraseto_tsquery websearch_to_tsquery
		timestamptz timetz date_add date_subtract has_table_privilege pg_get_expr json_populate_record
		jsonb_populate_record lo_get`)
	add(knowledge{stable: true, nulls: true}, `current_setting current_schema inet_client_addr
		inet_client_port inet_server_addr inet_server_port col_description pg_get_serial_sequence`)
	add(knowledge{volatile: true, total: true}, `random random_normal clock_timestamp timeofday gen_random_uuid
		uuidv4 uuidv7 uuid_generate_v1 uuid_generate_v1mc uuid_generate_v4 gen_random_bytes`)
	add(knowledge{volatile: true, nulls: true}, `nextval setval currval lastval pg_sleep pg_advisory_lock
		pg_advisory_xact_lock pg_try_advisory_lock pg_notify gen_salt`)
	add(knowledge{aggregate: true}, `count sum avg min max string_agg array_agg bool_and bool_or every bit_and
		bit_or bit_xor json_agg jsonb_agg json_object_agg jsonb_object_agg xmlagg stddev stddev_pop stddev_samp
		variance var_pop var_samp corr covar_pop covar_samp any_value percentile_cont percentile_disc mode
		range_agg row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value`)
	add(knowledge{set: true}, `unnest generate_series generate_subscripts regexp_split_to_table regexp_matches
		string_to_table json_array_elements json_array_elements_text jsonb_array_elements jsonb_array_elements_text
		json_each json_each_text jsonb_each jsonb_each_text json_object_keys jsonb_object_keys jsonb_path_query
		json_to_recordset jsonb_to_recordset`)
	// uuid_generate_v3 and v5 and the range bounds.
	add(knowledge{}, `uuid_generate_v3 uuid_generate_v5 uuid_ns_dns uuid_ns_url uuid_nil`)
	return out
}()

// operators that are strict and, given values, always yield one. Others (the
// JSON arrows, those of extensions) may yield NULL.
var operators = func() map[string]bool {
	out := map[string]bool{}
	for op := range strings.FieldsSeq(`+ - * / % ^ || = <> != < > <= >= ~ ~* !~ !~* ~~ !~~ ~~* !~~* & | # << >> @ |/ ||/ ^@ <@ @> && ? @@`) {
		out[op] = true
	}
	return out
}()
