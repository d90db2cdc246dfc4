#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/decimal.h"
#include "engine/conf/conf.h"

static const tg_conf_row_t *row_of(const char *name) {
  const tg_conf_row_t *row = tg_conf_find(name);
  cr_assert_not_null(row, "%s", name);
  return row;
}

Test(rows, hash_of_the_table_is_the_hash_of_the_name) {
  cr_assert_eq(tg_conf_key_hash(""), 2166136261u);
  cr_assert_eq(tg_conf_key_hash("a"), 0xe40c292cu, "FNV-1a 32, the authors' test vector");
  cr_assert_eq(tg_conf_key_hash("foobar"), 0xbf9cf968u);
  for (size_t i = 0; i < tg_conf_row_cnt; i++) {
    cr_assert_eq(tg_conf_rows[i].hash, tg_conf_key_hash(tg_conf_rows[i].name), "%s", tg_conf_rows[i].name);
  }
}

Test(rows, no_two_keys_share_a_hash_or_a_name) {
  for (size_t i = 0; i < tg_conf_row_cnt; i++) {
    for (size_t k = 0; k < i; k++) {
      cr_assert_neq(tg_conf_rows[i].hash, tg_conf_rows[k].hash, "%s and %s", tg_conf_rows[i].name, tg_conf_rows[k].name);
      cr_assert_str_neq(tg_conf_rows[i].name, tg_conf_rows[k].name);
    }
  }
}

Test(rows, every_row_is_whole) {
  for (size_t i = 0; i < tg_conf_row_cnt; i++) {
    const tg_conf_row_t *row = &tg_conf_rows[i];
    cr_assert_eq(tg_conf_find(row->name), row);
    cr_assert_leq(strlen(row->name), TG_CONF_NAME_BYTES_MAX);
    cr_assert_gt(strlen(row->text), 2, "%s says what it does", row->name);
    cr_assert_leq(row->min, row->max, "%s", row->name);
    cr_assert_eq(row->cls == TG_CONF_CORE, row->core_offset != SIZE_MAX);
    cr_assert(!(row->cls == TG_CONF_CORE && row->type == TG_CONF_TEXT), "%s: the core takes numbers only", row->name);
    if (row->type == TG_CONF_DEC) cr_assert_leq(row->max, INT64_MAX / TG_E8, "%s: what an _e8 holds", row->name);
    if (row->type == TG_CONF_BOOL) cr_assert(row->min == 0 && row->max == 1, "%s", row->name);
    if (row->type == TG_CONF_CHOICE) {
      int64_t words = 1;
      for (const char *c = row->unit; *c; c++) words += *c == '|';
      cr_assert_eq(row->min, 0);
      cr_assert_eq(row->max, words - 1, "%s: bounds are the positions of its words", row->name);
    }
    if (row->type == TG_CONF_TEXT) continue;
    int64_t value = 0;
    cr_assert_eq(tg_conf_parse_value(row, row->def, strlen(row->def), &value), 0, "%s: its default is within its bounds",
                 row->name);
  }
}

Test(rows, find_knows_only_whole_names) {
  cr_assert_null(tg_conf_find(""));
  cr_assert_null(tg_conf_find("risk"));
  cr_assert_null(tg_conf_find("risk."));
  cr_assert_null(tg_conf_find("max_position"));
  cr_assert_null(tg_conf_find("risk.max_position "));
  cr_assert_null(tg_conf_find("Risk.max_position"));
  cr_assert_str_eq(row_of("risk.max_position")->key, "max_position");
}

static int parse(const char *name, const char *text, int64_t *out) {
  return tg_conf_parse_value(row_of(name), text, strlen(text), out);
}

Test(rows, values_by_type) {
  int64_t value = -77;
  cr_assert_eq(parse("engine.timer_ms", "10", &value), 0);
  cr_assert_eq(value, 10);
  cr_assert_eq(parse("engine.timer_ms", "0", &value), -TG_ERANGE);
  cr_assert_eq(parse("engine.timer_ms", "1001", &value), -TG_ERANGE);
  cr_assert_eq(parse("engine.timer_ms", "10.0", &value), -TG_ESYNTAX);
  cr_assert_eq(parse("engine.timer_ms", "", &value), -TG_ESYNTAX);
  cr_assert_eq(parse("engine.timer_ms", "ten", &value), -TG_ESYNTAX);
  cr_assert_eq(parse("engine.timer_ms", "99999999999999999999", &value), -TG_ERANGE);
  cr_assert_eq(parse("lane.hot_cpu", "-1", &value), 0);
  cr_assert_eq(value, -1);
  cr_assert_eq(parse("risk.max_position", "0.00000001", &value), 0);
  cr_assert_eq(value, 1);
  cr_assert_eq(parse("risk.max_position", "1.5", &value), 0);
  cr_assert_eq(value, 150000000);
  cr_assert_eq(parse("risk.max_position", "0.000000001", &value), -TG_ERANGE, "never rounded");
  cr_assert_eq(parse("risk.max_position", "-1", &value), -TG_ERANGE);
  cr_assert_eq(parse("risk.max_position", "1000000000.00000001", &value), -TG_ERANGE);
  cr_assert_eq(parse("engine.armed", "true", &value), 0);
  cr_assert_eq(value, 1);
  cr_assert_eq(parse("engine.armed", "false", &value), 0);
  cr_assert_eq(value, 0);
  cr_assert_eq(parse("engine.armed", "yes", &value), -TG_ESYNTAX);
  cr_assert_eq(parse("engine.armed", "1", &value), -TG_ESYNTAX);
  cr_assert_eq(parse("engine.armed", "TRUE", &value), -TG_ESYNTAX);
  cr_assert_eq(parse("engine.mode", "live", &value), 0);
  cr_assert_eq(value, 5);
  cr_assert_eq(parse("engine.mode", "replay", &value), 0);
  cr_assert_eq(value, 0);
  cr_assert_eq(parse("engine.mode", "liv", &value), -TG_ESYNTAX);
  cr_assert_eq(parse("engine.mode", "sim|paper", &value), -TG_ESYNTAX);
  cr_assert_eq(parse("engine.mode", "", &value), -TG_ESYNTAX);
  cr_assert_eq(value, 0, "unchanged by refusals");
  cr_assert_eq(parse("engine.run_dir", "x", &value), -TG_EINVAL);
}

/* What the core makes of the defaults alone equals what it makes of the messages of a default configuration. */
Test(rows, core_defaults_equal_the_messages_of_the_defaults) {
  tg_core_conf_t from_defaults, from_msgs;
  tg_conf_t conf;
  static tg_msg_t mem[512];
  tg_msg_batch_t batch = {.msg = mem, .cap = 512};
  tg_core_conf_defaults(&from_defaults);
  tg_conf_defaults(&conf);
  memset(&from_msgs, 0, sizeof from_msgs);
  cr_assert_eq(tg_conf_to_msgs(&conf, 42, &batch), 0);
  for (uint32_t i = 0; i < batch.cnt; i++) {
    cr_assert_eq(mem[i].kind, TG_CFG_SET);
    cr_assert_eq(mem[i].ts_ns, 42);
    cr_assert_eq(mem[i].instr_idx, TG_INSTR_NONE);
    cr_assert_eq(tg_core_conf_apply(&from_msgs, mem[i].u.cfg_set.key_hash, mem[i].u.cfg_set.value), 0);
  }
  cr_assert_eq(memcmp(&from_defaults, &from_msgs, sizeof from_msgs), 0);
  cr_assert_eq(batch.cnt, sizeof(tg_core_conf_t) / sizeof(int64_t), "one message a core row");
  cr_assert_eq(from_defaults.risk_max_position, 50000000);
  cr_assert_eq(from_defaults.grid_levels, 4);
  cr_assert_eq(from_defaults.engine_mode, 2);
}

Test(rows, every_core_row_travels) {
  for (size_t i = 0; i < tg_conf_row_cnt; i++) {
    const tg_conf_row_t *row = &tg_conf_rows[i];
    tg_core_conf_t core, before;
    tg_core_conf_defaults(&core);
    before = core;
    int64_t unit = row->type == TG_CONF_DEC ? TG_E8 : 1, value = row->max * unit;
    int err = tg_core_conf_apply(&core, row->hash, value);
    if (row->cls == TG_CONF_HOST) {
      cr_assert_eq(err, -TG_ENOTFOUND, "%s", row->name);
    } else {
      cr_assert_eq(err, 0, "%s", row->name);
      int64_t got;
      memcpy(&got, (char *)&core + row->core_offset, sizeof got);
      cr_assert_eq(got, value, "%s", row->name);
      memcpy((char *)&core + row->core_offset, (char *)&before + row->core_offset, sizeof got);
      cr_assert_eq(tg_core_conf_apply(&core, row->hash, value + 1), -TG_ERANGE, "%s", row->name);
      cr_assert_eq(tg_core_conf_apply(&core, row->hash, row->min * unit - 1), -TG_ERANGE, "%s", row->name);
    }
    cr_assert_eq(memcmp(&core, &before, sizeof core), 0, "%s changes its own field only", row->name);
  }
}

Test(rows, unknown_hash_and_full_batch_are_refused) {
  tg_core_conf_t core;
  tg_core_conf_defaults(&core);
  cr_assert_eq(tg_core_conf_apply(&core, tg_conf_key_hash("no.such_key"), 1), -TG_ENOTFOUND);
  tg_conf_t conf;
  tg_conf_defaults(&conf);
  tg_msg_t mem[3];
  tg_msg_batch_t batch = {.msg = mem, .cap = 3};
  cr_assert_eq(tg_conf_to_msgs(&conf, 1, &batch), -TG_EFULL);
  cr_assert_eq(batch.cnt, 3);
}
