package mysql

import "strings"

// The functions whose properties matter to planning. The source is the
// reference manual of MySQL 8.4 and the MariaDB knowledge base; what is in no
// list counts as a stored function: stable, and possibly NULL.

var volatileFunctions = words(`rand random random_bytes uuid uuid_short uuid_v4 uuid_v7 sysdate sleep nextval next_value
	last_insert_id row_count found_rows benchmark get_lock release_lock release_all_locks is_free_lock is_used_lock
	load_file sys_guid`)

var stableFunctions = words(`now current_timestamp localtime localtimestamp curdate current_date curtime current_time
	utc_date utc_time utc_timestamp connection_id user current_user session_user system_user database schema version
	from_unixtime convert_tz current_role icu_version`)

// strictFunctions are NULL exactly when one of their arguments is.
var strictFunctions = words(`concat lower lcase upper ucase substring substr mid left right trim ltrim rtrim length
	octet_length char_length character_length bit_length replace substring_index reverse repeat space abs round floor
	ceil ceiling truncate sign greatest least locate instr position ascii ord hex bin oct md5 sha sha1 crc32 to_base64
	convert char pow power exp degrees radians sin cos atan quote soundex strcmp find_in_set interval field bit_count char_func`)

var neverNullFunctions = words(`now current_timestamp localtime localtimestamp curdate current_date curtime current_time
	utc_date utc_time utc_timestamp uuid uuid_short uuid_v4 uuid_v7 rand sysdate pi connection_id version isnull
	json_object json_array random_bytes`)

var knownFunctions = func() map[string]bool {
	out := words(`coalesce ifnull nullif if concat_ws lpad rpad insert elt make_set export_set format unhex sha2
		from_base64 aes_encrypt aes_decrypt compress uncompress password conv mod div log log2 log10 ln sqrt acos asin tan
		cot atan2 date time year month day dayofmonth dayofweek dayofyear hour minute second microsecond week weekofyear
		weekday yearweek quarter monthname dayname last_day date_add date_sub adddate subdate addtime subtime datediff
		timediff timestampdiff timestampadd timestamp date_format time_format str_to_date makedate maketime from_days
		to_days to_seconds sec_to_time time_to_sec unix_timestamp extract get_format period_add period_diff json_extract
		json_unquote json_quote json_value json_set json_insert json_replace json_remove json_merge json_merge_patch
		json_merge_preserve json_contains json_contains_path json_length json_type json_valid json_keys json_search
		json_array_append json_array_insert json_depth json_pretty json_compact json_detailed json_overlaps
		regexp_like regexp_replace regexp_substr regexp_instr inet_aton inet_ntoa inet6_aton inet6_ntoa is_ipv4 is_ipv6
		uuid_to_bin bin_to_uuid is_uuid charset collation coercibility weight_string nvl nvl2 decode_oracle to_char
		translate st_geomfromtext st_x st_y st_astext st_aswkb point name_const any_value pi isnull json_object json_array`)
	for name := range strictFunctions {
		out[name] = true
	}
	return out
}()

func words(s string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(s) {
		out[w] = true
	}
	return out
}
