#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/conf/conf.h"

static tg_conf_t conf;
static char why[TG_CONF_ERR_BYTES];

static int load(const char *text) {
  memset(why, '#', sizeof why);
  return tg_conf_load_mem(&conf, "x.ini", text, strlen(text), why, sizeof why);
}

static void refused(const char *text, int err, const char *line) {
  cr_assert_eq(load(text), err, "%s", text);
  cr_assert_str_eq(why, line);
}

Test(load, nothing_gives_the_defaults) {
  tg_conf_t defaults;
  tg_conf_defaults(&defaults);
  cr_assert_eq(load(""), 0);
  cr_assert_eq(memcmp(&conf, &defaults, sizeof conf), 0);
  cr_assert_eq(load("# only a comment\n; and another\n\n   \n[engine]\n"), 0);
  cr_assert_eq(memcmp(&conf, &defaults, sizeof conf), 0);
  cr_assert_str_eq(conf.venue_symbols, "BTCUSDT");
}

Test(load, every_form_of_a_line) {
  cr_assert_eq(load("\xef\xbb\xbf[engine] ; a comment\r\n"
                    "mode=paper\n"
                    "  armed = true ; armed at last\n"
                    "\ttimer_ms : 25\r\n"
                    "run_dir = /var/lib/tick gate\n"
                    "[venue] # again a comment\n"
                    "symbols = BTCUSDT,ETHUSDT\n"
                    "ca_file =\n"
                    "depth_stream = depth;x#y = z: [w]\n"
                    "[risk]\n"
                    "max_position = 1.25\n"
                    "[engine]\n"
                    "strategy_id = 7"),
               0, "%s", why);
  cr_assert_eq(conf.engine_mode, 3);
  cr_assert_eq(conf.engine_armed, 1);
  cr_assert_eq(conf.engine_timer_ms, 25);
  cr_assert_str_eq(conf.engine_run_dir, "/var/lib/tick gate");
  cr_assert_str_eq(conf.venue_symbols, "BTCUSDT,ETHUSDT");
  cr_assert_str_eq(conf.venue_ca_file, "");
  cr_assert_str_eq(conf.venue_depth_stream, "depth;x#y = z: [w]");
  cr_assert_eq(conf.risk_max_position, 125000000);
  cr_assert_eq(conf.engine_strategy_id, 7);
}

Test(load, unknown_things) {
  refused("[engine]\n\nmod = sim\n", -TG_ENOTFOUND, "x.ini:3: unknown key engine.mod, did you mean engine.mode?");
  refused("[engine]\nmax_position = 1\n", -TG_ENOTFOUND,
          "x.ini:2: unknown key engine.max_position, did you mean risk.max_position?");
  refused("[risk]\nfrobnicate_the_widget = 1\n", -TG_ENOTFOUND,
          "x.ini:2: unknown key risk.frobnicate_the_widget, remove it (tickgate config show lists all keys)");
  refused("[risc]\n", -TG_ENOTFOUND, "x.ini:1: unknown section [risc], remove it (tickgate config show lists all sections)");
  refused("[ risk ]\n", -TG_ENOTFOUND,
          "x.ini:1: unknown section [ risk ], remove it (tickgate config show lists all sections)");
  refused("[]\n", -TG_ENOTFOUND, "x.ini:1: unknown section [], remove it (tickgate config show lists all sections)");
  refused("[risk]\n= 5\n", -TG_ENOTFOUND, "x.ini:2: unknown key risk., remove it (tickgate config show lists all keys)");
  refused("[risk]\nMax_position = 5\n", -TG_ENOTFOUND,
          "x.ini:2: unknown key risk.Max_position, did you mean risk.max_position?");
}

Test(load, repeated_key) {
  refused("[engine]\nmode = sim\narmed = true\n[venue]\n[engine]\nmode = sim\n", -TG_EEXISTS,
          "x.ini:6: repeated key engine.mode, first set on line 2; keep one");
}

Test(load, a_blank_in_front_does_not_continue_a_value) {
  refused("[venue]\nsymbols = BTCUSDT,\n  ETHUSDT\n", -TG_ESYNTAX,
          "x.ini:3: neither [section] nor key = value, write one of them");
}

Test(load, malformed_lines) {
  refused("mode = sim\n", -TG_ESYNTAX, "x.ini:1: key mode before any [section], put it under one");
  refused("[engine]\nmode\n", -TG_ESYNTAX, "x.ini:2: neither [section] nor key = value, write one of them");
  refused("[engine\nmode = sim\n", -TG_ESYNTAX, "x.ini:1: section without ], write [section]");
  refused("[engine] mode = sim\n", -TG_ESYNTAX, "x.ini:1: text behind [engine], put it on its own line");
  refused("[engine]\nmode\nmod = 3\n", -TG_ESYNTAX, "x.ini:2: neither [section] nor key = value, write one of them");
}

Test(load, bad_values) {
  refused("[engine]\ntimer_ms = fast\n", -TG_ESYNTAX,
          "x.ini:2: engine.timer_ms = fast is no integer, write an integer from 1 to 1000 ms");
  refused("[engine]\ntimer_ms = 2000\n", -TG_ERANGE,
          "x.ini:2: engine.timer_ms = 2000 is out of range, write an integer from 1 to 1000 ms");
  refused("[engine]\nstrategy_id =\n", -TG_ESYNTAX,
          "x.ini:2: engine.strategy_id =  is no integer, write an integer from 1 to 255");
  refused("[engine]\narmed = yes\n", -TG_ESYNTAX, "x.ini:2: engine.armed = yes is no boolean, write true or false");
  refused("[engine]\nmode = real\n", -TG_ESYNTAX,
          "x.ini:2: engine.mode = real is no choice of it, write one of replay|backtest|sim|paper|shadow|live");
  refused("[grid]\nspacing_bps = 1e3\n", -TG_ESYNTAX,
          "x.ini:2: grid.spacing_bps = 1e3 is no decimal, write a decimal from 0 to 1000 bps with at most 8 decimals");
  refused(
      "[grid]\nspacing_bps = 0.000000001\n", -TG_ERANGE,
      "x.ini:2: grid.spacing_bps = 0.000000001 is out of range, write a decimal from 0 to 1000 bps with at most 8 decimals");
}

Test(load, bad_bytes) {
  static const char nul[] = "[engine]\nmode = s\0im\n";
  cr_assert_eq(tg_conf_load_mem(&conf, "x.ini", nul, sizeof nul - 1, why, sizeof why), -TG_ESYNTAX);
  cr_assert_str_eq(why, "x.ini:2: NUL byte at column 9, remove it (is this a text file?)");
  refused("# tab\tis fine\n# bell\a\n", -TG_ESYNTAX, "x.ini:2: control character 0x07 at column 7, remove it");
  refused("[engine]\rmode = sim\n", -TG_ESYNTAX, "x.ini:1: control character 0x0d at column 9, remove it");
  refused("[engine]\nrun_dir = caf\xe9\n", -TG_ESYNTAX, "x.ini:2: byte 0xe9 at column 14 is not UTF-8, save the file as UTF-8");
  refused("# \xc0\x80\n", -TG_ESYNTAX, "x.ini:1: byte 0xc0 at column 3 is not UTF-8, save the file as UTF-8");
  refused("# \xed\xa0\x80\n", -TG_ESYNTAX, "x.ini:1: byte 0xed at column 3 is not UTF-8, save the file as UTF-8");
  refused("# \xf5\x80\x80\x80\n", -TG_ESYNTAX, "x.ini:1: byte 0xf5 at column 3 is not UTF-8, save the file as UTF-8");
  cr_assert_eq(load("[engine]\nrun_dir = caf\xc3\xa9/\xe2\x82\xac/\xf0\x9f\x98\x80\n"), 0);
}

Test(load, long_lines_texts_and_files) {
  static char text[300 * 1024];
  int used = snprintf(text, sizeof text, "[engine]\n# ");
  memset(text + used, 'x', 998);
  text[used + 998] = '\n';
  text[used + 999] = '\0';
  cr_assert_eq(load(text), 0, "1000 bytes and a line feed are fine: %s", why);
  memcpy(text + used + 998, "x\n", 3);
  refused(text, -TG_ESIZE, "x.ini:2: line of 1001 bytes, write at most 1000");

  used = snprintf(text, sizeof text, "[engine]\nrun_dir = ");
  memset(text + used, 'd', 255);
  text[used + 255] = '\0';
  cr_assert_eq(load(text), 0, "%s", why);
  cr_assert_eq(strlen(conf.engine_run_dir), 255);
  memcpy(text + used + 255, "d", 2);
  refused(text, -TG_ESIZE, "x.ini:2: engine.run_dir has 256 bytes, write at most 255");

  memset(text, '\n', sizeof text);
  cr_assert_eq(tg_conf_load_mem(&conf, "x.ini", text, 256 * 1024, why, sizeof why), 0);
  cr_assert_eq(tg_conf_load_mem(&conf, "x.ini", text, 256 * 1024 + 1, why, sizeof why), -TG_ESIZE);
  cr_assert_str_eq(why, "x.ini: more than 256 KB, is this a settings file?");
}

Test(load, the_first_wrong_line_is_told) {
  refused("[engine]\nnonsense\nmode = real\n", -TG_ESYNTAX, "x.ini:2: neither [section] nor key = value, write one of them");
  refused("[engine]\nmode = real\nnonsense\n", -TG_ESYNTAX,
          "x.ini:2: engine.mode = real is no choice of it, write one of replay|backtest|sim|paper|shadow|live");
}

Test(load, keys_that_contradict_each_other) {
  refused("[lane]\nring_slots = 65535\n", -TG_EINVAL, "x.ini:2: lane.ring_slots is no power of two, write one (65536)");
  refused("[lane]\njournal_slots = 262143\n", -TG_EINVAL, "x.ini:2: lane.journal_slots is no power of two, write one (262144)");
  refused("[fsm]\n\ntox_high = 9\n", -TG_EINVAL, "x.ini:3: fsm.tox_high is above fsm.tox_extreme, lower it or raise the other");
  refused("[fsm]\ntox_extreme = 1\n", -TG_EINVAL, "x.ini: fsm.tox_high is above fsm.tox_extreme, lower it or raise the other");
  refused("[fsm]\ntox_low = 1.5\n", -TG_EINVAL, "x.ini:2: fsm.tox_low is above fsm.tox_mid, lower it or raise the other");
  refused("[fsm]\ntox_mid = 2.5\n", -TG_EINVAL, "x.ini:2: fsm.tox_mid is above fsm.tox_high, lower it or raise the other");
  refused("[venue]\nreconnect_base_ms = 60000\n", -TG_EINVAL,
          "x.ini:2: venue.reconnect_base_ms is above venue.reconnect_max_ms, lower it or raise the other");
  refused("[risk]\nrate_reserve_cancel_pct = 85\n", -TG_EINVAL,
          "x.ini:2: risk.rate_reserve_cancel_pct and risk.rate_reserve_reduce_pct exceed 90 % together, lower one");
}

Test(load, set_speaks_without_a_line) {
  tg_conf_defaults(&conf);
  cr_assert_eq(tg_conf_set(&conf, "engine.mode", "live", why, sizeof why), 0);
  cr_assert_eq(conf.engine_mode, 5);
  cr_assert_eq(tg_conf_set(&conf, "engine.mode", "x", why, sizeof why), -TG_ESYNTAX);
  cr_assert_str_eq(why, "engine.mode = x is no choice of it, write one of replay|backtest|sim|paper|shadow|live");
  cr_assert_eq(conf.engine_mode, 5, "unchanged");
  cr_assert_eq(tg_conf_set(&conf, "mode", "x", why, sizeof why), -TG_ENOTFOUND);
  static const char *const unsayable[] = {"a ;b", "a\t;b", " a", "a ", ";a", "a\nb", "a\x01", "\xff"};
  for (size_t i = 0; i < TG_ARRAY_CNT(unsayable); i++) {
    cr_assert_eq(tg_conf_set(&conf, "engine.run_dir", unsayable[i], why, sizeof why), -TG_ESYNTAX, "'%s'", unsayable[i]);
    cr_assert_str_eq(conf.engine_run_dir, "run", "unchanged");
  }
  cr_assert_eq(tg_conf_set(&conf, "engine.mode", "a\nb", why, sizeof why), -TG_ESYNTAX);
  cr_assert_str_eq(why, "control character 0x0a at column 2, remove it");
  cr_assert_eq(tg_conf_set(&conf, "engine.\x1b", "a", why, sizeof why), -TG_ESYNTAX);
  cr_assert_eq(tg_conf_set(&conf, "engine.run_dir", "a;b", why, sizeof why), 0);
}

/* An error line is one line however small its room. */
Test(load, error_room_is_respected) {
  for (size_t cap = 1; cap < 80; cap++) {
    char small[96];
    memset(small, '#', sizeof small);
    cr_assert_eq(tg_conf_load_mem(&conf, "x.ini", "[engine]\nmode = real\n", 21, small, cap), -TG_ESYNTAX);
    cr_assert_lt(strlen(small), cap);
    cr_assert_eq(small[cap], '#');
  }
}

static char path[64];

static void write_file(const char *text) {
  snprintf(path, sizeof path, "/tmp/tg_conf_XXXXXX");
  int fd = mkstemp(path);
  cr_assert_geq(fd, 0);
  cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
  close(fd);
}

Test(load, from_a_file) {
  char want[256];
  write_file("[grid]\nlevels = 6\n");
  cr_assert_eq(tg_conf_load(&conf, path, why, sizeof why), 0, "%s", why);
  cr_assert_eq(conf.grid_levels, 6);
  unlink(path);
  cr_assert_eq(tg_conf_load(&conf, path, why, sizeof why), -TG_ENOTFOUND);
  snprintf(want, sizeof want, "%s: there is no such file, name another with --config", path);
  cr_assert_str_eq(why, want);
  write_file("[grid]\nlevels = 60\n");
  cr_assert_eq(tg_conf_load(&conf, path, why, sizeof why), -TG_ERANGE);
  snprintf(want, sizeof want, "%s:2: grid.levels = 60 is out of range, write an integer from 1 to 16 levels a side", path);
  cr_assert_str_eq(why, want);
  unlink(path);
  cr_assert_eq(tg_conf_load(&conf, "/tmp", why, sizeof why), -TG_EIO);
  cr_assert_str_eq(why, "/tmp: is no readable file, name another");
  snprintf(path, sizeof path, "/tmp/tg_conf_fifo_%d", (int)getpid());
  cr_assert_eq(mkfifo(path, 0600), 0);
  cr_assert_eq(tg_conf_load(&conf, path, why, sizeof why), -TG_EIO, "a pipe does not hang us");
  unlink(path);
}
