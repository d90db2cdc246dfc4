/* [limits.account], [limits.strategy], [limits.SYMBOL] in the settings file. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/conf/conf.h"
#include "engine/conf/scoped_text.h"

static tg_conf_t conf;
static char why[TG_CONF_ERR_BYTES];

static int load(const char *text) {
  memset(why, 0, sizeof why);
  return tg_conf_load_mem(&conf, "f", text, strlen(text), why, sizeof why);
}

#define REFUSED(err, text, line) \
  do { \
    cr_assert_eq(load(text), err, "%s", why); \
    cr_assert_str_eq(why, line); \
  } while (0)

Test(scoped, sections_are_read_and_travel_with_their_scope) {
  cr_assert_eq(load("[venue]\nsymbols = BTCUSDT, ETHUSDT\n"
                    "[limits.account]\nmax_gross = 1000.5\nday_entries = 7\n"
                    "[limits.ETHUSDT]\nmax_position = 0.25\n[limits.strategy]\nrepeat_fills = 9\n"
                    "[limits.ETHUSDT]\ncollar_entry_bps = 50\n"),
               0, "%s", why);
  cr_assert_eq(conf.limits.account[TG_SCOPED_max_gross], 100050000000);
  cr_assert_eq(conf.limits.instr[0].value[TG_SCOPED_max_position], TG_E8 / 4);
  static tg_msg_t mem[512];
  tg_msg_batch_t out = {.msg = mem, .cap = 512};
  cr_assert_eq(tg_conf_to_msgs(&conf, 1, &out), 0);
  uint32_t core_rows = sizeof(tg_core_conf_t) / sizeof(int64_t);
  cr_assert_eq(out.cnt, core_rows + 5);
  static const struct {
    const char *key;
    uint8_t scope;
    uint16_t instr_idx;
    int64_t value;
  } want[] = {{"risk.max_gross", TG_SCOPE_ACCOUNT, TG_INSTR_NONE, 100050000000},
              {"risk.day_entries", TG_SCOPE_ACCOUNT, TG_INSTR_NONE, 7},
              {"risk.repeat_fills", TG_SCOPE_STRATEGY, TG_INSTR_NONE, 9},
              {"risk.collar_entry_bps", TG_SCOPE_INSTRUMENT, 1, 50},
              {"risk.max_position", TG_SCOPE_INSTRUMENT, 1, TG_E8 / 4}};
  tg_scoped_t core = {0};
  for (unsigned i = 0; i < TG_ARRAY_CNT(want); i++) {
    const tg_msg_t *msg = &mem[core_rows + i];
    cr_assert_eq(msg->u.cfg_set.key_hash, tg_conf_key_hash(want[i].key), "%u", i);
    cr_assert_eq(msg->u.cfg_set.scope, want[i].scope);
    cr_assert_eq(msg->instr_idx, want[i].instr_idx);
    cr_assert_eq(msg->u.cfg_set.value, want[i].value);
    cr_assert_eq(tg_scoped_apply(&core, msg->u.cfg_set.key_hash, msg->u.cfg_set.scope, msg->instr_idx, msg->u.cfg_set.value),
                 0);
  }
  cr_assert_eq(core.instr[1][TG_SCOPED_max_position], TG_E8 / 4);
}

Test(scoped, errors_are_one_line_with_the_line_that_made_them) {
  REFUSED(-TG_ENOTFOUND, "[limits.account]\nmax_grosss = 1\n",
          "f:2: unknown key limits.account.max_grosss, remove it (docs/config.md lists what can be narrowed)");
  REFUSED(-TG_ENOTFOUND, "[limits.BTCUSDT]\n\nmax_gross = 1\n",
          "f:3: limits.BTCUSDT.max_gross cannot be narrowed in this section, remove it (see docs/config.md)");
  REFUSED(-TG_ENOTFOUND, "[limits.account]\nstop_bps = 1\n",
          "f:2: unknown key limits.account.stop_bps, remove it (docs/config.md lists what can be narrowed)");
  REFUSED(-TG_ERANGE, "[limits.account]\nday_entries = -1\n",
          "f:2: limits.account.day_entries = -1 is out of range, write an integer from 0 to 1000000000 orders");
  REFUSED(-TG_ESYNTAX, "[limits.strategy]\nmax_position = much\n",
          "f:2: limits.strategy.max_position = much is no number, write a decimal from 0 to 1000000000 base");
  REFUSED(-TG_EEXISTS, "[limits.account]\nmax_net = 1\nmax_net = 2\n",
          "f:3: repeated key limits.account.max_net, first set on line 2; keep one");
  REFUSED(-TG_EINVAL, "[limits.account]\nmax_net = 1\n[limits.DOGEUSDT]\nmax_position = 1\n",
          "f:4: [limits.DOGEUSDT] names no instrument of venue.symbols, correct one of them");
  REFUSED(-TG_ENOTFOUND, "[limits.]\nmax_position = 1\n",
          "f:1: unknown section [limits.], remove it (tickgate config show lists all sections)");
  REFUSED(-TG_ENOTFOUND, "[limits.a.b]\nmax_position = 1\n",
          "f:1: unknown section [limits.a.b], remove it (tickgate config show lists all sections)");
  REFUSED(-TG_ENOTFOUND, "[limits.BTC\"]\nmax_position = 1\n",
          "f:1: unknown section [limits.BTC\"], remove it (tickgate config show lists all sections)");
  cr_assert_eq(tg_conf_set(&conf, "limits.max_position", "1", why, sizeof why), -TG_ENOTFOUND);
  cr_assert_eq(tg_conf_set(&conf, "limits.B C.max_position", "1", why, sizeof why), -TG_ENOTFOUND);
  cr_assert_eq(tg_conf_set(&conf, "limits.strategy.max_position", "1", why, sizeof why), 0, "as --set does");
  REFUSED(-TG_ENOTFOUND, "[limits]\nmax_position = 1\n",
          "f:1: unknown section [limits], remove it (tickgate config show lists all sections)");
}

Test(scoped, a_full_table_of_instruments_is_refused) {
  static char text[16384];
  size_t at = 0;
  for (int i = 0; i <= TG_INSTR_MAX; i++)
    at += (size_t)snprintf(text + at, sizeof text - at, "[limits.S%d]\nmax_position = 1\n", i);
  cr_assert_eq(load(text), -TG_EFULL);
  cr_assert(strncmp(why, "f:130: limits.S64.max_position: no such scope", 40) == 0, "%s", why);
}

Test(scoped, what_is_shown_loads_to_the_same) {
  cr_assert_eq(load("[venue]\nsymbols = BTCUSDT,ETHUSDT\n[limits.account]\nmax_leverage = 2.5\n"
                    "[limits.BTCUSDT]\nmax_order_qty = 0.001\n[limits.ETHUSDT]\nday_qty = 12\n"),
               0, "%s", why);
  char *text = NULL;
  size_t len = 0;
  FILE *out = open_memstream(&text, &len);
  cr_assert_eq(tg_conf_print(&conf, out, false), 0);
  fclose(out);
  tg_conf_t *back = malloc(sizeof *back);
  cr_assert_eq(tg_conf_load_mem(back, "show", text, len, why, sizeof why), 0, "%s", why);
  cr_assert_eq(memcmp(back, &conf, sizeof conf), 0);
  free(text);
  out = open_memstream(&text, &len);
  cr_assert_eq(tg_conf_print(&conf, out, true), 0);
  fclose(out);
  cr_assert_not_null(strstr(text, "\"limits.account\": {\n    \"max_leverage\": 2.5\n  }"));
  cr_assert_not_null(strstr(text, "\"limits.ETHUSDT\": {\n    \"day_qty\": 12\n  }\n}\n"));
  free(text);
  free(back);
}

Test(scoped, places_in_a_list_of_symbols) {
  cr_assert_eq(tg_conf_symbol_idx("BTCUSDT,ETHUSDT", "ETHUSDT"), 1);
  cr_assert_eq(tg_conf_symbol_idx(" BTCUSDT , ETHUSDT ", "ETHUSDT"), 1);
  cr_assert_eq(tg_conf_symbol_idx("BTCUSDT", "BTCUSD"), -1);
  cr_assert_eq(tg_conf_symbol_idx("", "BTCUSDT"), -1);
  cr_assert_eq(tg_conf_symbol_idx("BTCUSDT", ""), -1);
}
