/* What loosens needs a reason, an end and, with dual control, a second person; what ends goes back by itself. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/decimal.h"
#include "engine/cold/control_desk.h"
#include "risk/explain.h"
#include "risk/limits.h"
#include "tests/unit/engine/cold/tmp.h"
#include "tests/unit/engine/cold/world.h"

#define S ((uint64_t)TG_NS_PER_S)

typedef struct desk_rig {
  tg_conf_t conf;
  tg_mirror_t *mirror;
  tg_control_cfg_t cfg;
  tg_msg_t cmd;
  uint64_t now_ns, cmd_no;
} desk_rig_t;

static desk_rig_t *rig_make(bool dual, const char *path) {
  desk_rig_t *rig = aligned_alloc(64, (sizeof *rig + 63) / 64 * 64);
  memset(rig, 0, sizeof *rig);
  tg_conf_defaults(&rig->conf);
  rig->conf.control_dual_control = dual;
  rig->mirror = tg_mirror_new(&tg_cold_names_plain, NULL);
  world_fill_it(rig->mirror);
  rig->now_ns = 1000 * S;
  rig->cfg = (tg_control_cfg_t){.mirror = rig->mirror, .names = &tg_cold_names_plain, .mode = TG_MODE_SIM, .engine = "x"};
  rig->cfg.desk = tg_desk_new(&rig->conf, path);
  cr_assert_not_null(rig->cfg.desk);
  rig->cfg.conf = &rig->cfg.desk->conf;
  return rig;
}

static void rig_free(desk_rig_t *rig) {
  tg_desk_free(rig->cfg.desk);
  tg_mirror_free(rig->mirror);
  free(rig);
}

/* The error's code, "" for an answer, "CMD" when it became a command. */
static const char *say(desk_rig_t *rig, uint8_t role, uint32_t uid, const char *line) {
  static char code[32];
  memset(&rig->cmd, 0, sizeof rig->cmd);
  json_t *answer = tg_control_answer(&rig->cfg, role, uid, rig->now_ns, line, strlen(line), &rig->cmd);
  const char *text = json_string_value(json_object_get(answer, "code"));
  snprintf(code, sizeof code, "%s", !answer ? "CMD" : text ? text : "");
  json_decref(answer);
  return code;
}

/* The command of the last word is sent and the core answers. */
static void core_says(desk_rig_t *rig, bool done) {
  tg_desk_sent(rig->cfg.desk, ++rig->cmd_no, true, rig->now_ns);
  tg_desk_heard(rig->cfg.desk, rig->cmd_no, done, rig->now_ns);
}

static int64_t gross(const desk_rig_t *rig) {
  return rig->cfg.desk->conf.risk_max_gross;
}

Test(control_desk, directions) {
  const tg_conf_row_t *gross_row = tg_conf_find("risk.max_gross"), *dup = tg_conf_find("risk.duplicate_window_ms"),
                      *stop = tg_conf_find("risk.stop_bps");
  cr_assert(tg_desk_looser(gross_row, TG_SCOPE_ENGINE, 5, 6));
  cr_assert(!tg_desk_looser(gross_row, TG_SCOPE_ENGINE, 6, 5));
  cr_assert(!tg_desk_looser(gross_row, TG_SCOPE_ENGINE, 6, 0), "unset blocks");
  cr_assert(tg_desk_looser(gross_row, TG_SCOPE_ENGINE, 0, 1));
  cr_assert(tg_desk_looser(gross_row, TG_SCOPE_ACCOUNT, 6, 0), "no narrower limit any more");
  cr_assert(!tg_desk_looser(gross_row, TG_SCOPE_ACCOUNT, 0, 6));
  cr_assert(tg_desk_looser(dup, TG_SCOPE_ENGINE, 50, 10));
  cr_assert(!tg_desk_looser(dup, TG_SCOPE_ENGINE, 50, 90));
  cr_assert(tg_desk_looser(stop, TG_SCOPE_ENGINE, 5, 6) && tg_desk_looser(stop, TG_SCOPE_ENGINE, 6, 5), "no known direction");
}

Test(control_desk, tightening_needs_one_operator_and_lasts) {
  desk_rig_t *rig = rig_make(true, NULL);
  cr_assert_str_eq(say(rig, TG_ROLE_VIEWER, 7, "limits set risk.max_gross 40000 calm"), "EPERM");
  cr_assert_str_eq(say(rig, TG_ROLE_OPERATOR, 7, "limits set risk.max_gross 40000 calm"), "CMD");
  cr_assert_eq(rig->cmd.u.cmd.verb, TG_VERB_LIMIT);
  cr_assert_eq(rig->cfg.desk->line_cnt, 1u);
  const tg_cfg_set_t *set = &rig->cfg.desk->line[0].u.cfg_set;
  cr_assert_eq(set->key_hash, tg_conf_key_hash("risk.max_gross"));
  cr_assert_eq(set->value, 40000 * TG_E8);
  cr_assert_eq(gross(rig), 50000 * TG_E8, "not before the core has said so");
  core_says(rig, true);
  cr_assert_eq(gross(rig), 40000 * TG_E8);
  rig->now_ns += 100000 * S;
  cr_assert(!tg_desk_due(rig->cfg.desk, rig->now_ns, 0, &rig->cmd), "tightening has no end");
  cr_assert_str_eq(say(rig, TG_ROLE_OPERATOR, 7, "limits set risk.max_gross 30000 calm"), "CMD");
  core_says(rig, false);
  cr_assert_eq(gross(rig), 40000 * TG_E8, "refused: as it was");
  rig_free(rig);
}

Test(control_desk, loosening_needs_role_reason_and_end_and_goes_back) {
  desk_rig_t *rig = rig_make(false, NULL);
  cr_assert_str_eq(say(rig, TG_ROLE_OPERATOR, 7, "limits set risk.max_gross 60000 more 600"), "EPERM");
  cr_assert_str_eq(say(rig, TG_ROLE_RISK, 7, "limits set risk.max_gross 60000"), "EINVAL");
  cr_assert_str_eq(say(rig, TG_ROLE_RISK, 7, "limits set risk.max_gross 60000 more"), "EINVAL", "no end");
  cr_assert_str_eq(say(rig, TG_ROLE_RISK, 7, "limits set risk.max_gross 60000 600"), "EINVAL", "no reason");
  cr_assert_str_eq(say(rig, TG_ROLE_RISK, 7, "limits set risk.max_gross 60000 more 999h"), "EINVAL", "too long");
  cr_assert_str_eq(say(rig, TG_ROLE_RISK, 7, "limits set risk.max_gross 60000 more 10m"), "CMD");
  core_says(rig, true);
  cr_assert_eq(gross(rig), 60000 * TG_E8);
  rig->now_ns += 599 * S;
  cr_assert(!tg_desk_due(rig->cfg.desk, rig->now_ns, 0, &rig->cmd));
  rig->now_ns += 2 * S;
  cr_assert(tg_desk_due(rig->cfg.desk, rig->now_ns, 0, &rig->cmd));
  cr_assert_eq(rig->cmd.u.cmd.verb, TG_VERB_LIMIT);
  cr_assert_eq(rig->cfg.desk->line_cnt, 1u);
  cr_assert_eq(rig->cfg.desk->line[0].u.cfg_set.value, 50000 * TG_E8);
  tg_desk_sent(rig->cfg.desk, ++rig->cmd_no, false, rig->now_ns); /* the ring was full: again */
  cr_assert(tg_desk_due(rig->cfg.desk, rig->now_ns, 0, &rig->cmd));
  core_says(rig, true);
  cr_assert_eq(gross(rig), 50000 * TG_E8);
  cr_assert(!tg_desk_due(rig->cfg.desk, rig->now_ns + 1000 * S, 0, &rig->cmd), "once");
  rig_free(rig);
}

Test(control_desk, what_was_changed_since_is_left_alone) {
  desk_rig_t *rig = rig_make(false, NULL);
  cr_assert_str_eq(say(rig, TG_ROLE_RISK, 7, "limits set risk.max_gross 60000 more 60"), "CMD");
  core_says(rig, true);
  cr_assert_str_eq(say(rig, TG_ROLE_OPERATOR, 8, "limits set risk.max_gross 20000 less"), "CMD");
  core_says(rig, true);
  cr_assert(!tg_desk_due(rig->cfg.desk, rig->now_ns + 100 * S, 0, &rig->cmd));
  cr_assert_eq(gross(rig), 20000 * TG_E8);
  rig_free(rig);
}

Test(control_desk, narrower_scopes) {
  desk_rig_t *rig = rig_make(false, NULL);
  cr_assert_str_eq(say(rig, TG_ROLE_OPERATOR, 7, "limits set limits.BTCUSDT.max_order_qty 0.01 small"), "CMD");
  const tg_msg_t *line = &rig->cfg.desk->line[0];
  cr_assert_eq(line->u.cfg_set.scope, TG_SCOPE_INSTRUMENT);
  cr_assert_eq(line->instr_idx, 0);
  cr_assert_eq(line->u.cfg_set.value, TG_E8 / 100);
  core_says(rig, true);
  cr_assert_str_eq(say(rig, TG_ROLE_OPERATOR, 7, "limits set limits.BTCUSDT.max_order_qty 0 away"), "EPERM",
                   "taking it away loosens");
  cr_assert_str_eq(say(rig, TG_ROLE_RISK, 7, "limits set limits.BTCUSDT.max_order_qty 0 away 60"), "CMD");
  cr_assert_eq(rig->cfg.desk->line[0].u.cfg_set.value, 0);
  core_says(rig, true);
  cr_assert(tg_desk_due(rig->cfg.desk, rig->now_ns + 61 * S, 0, &rig->cmd));
  cr_assert_eq(rig->cfg.desk->line[0].u.cfg_set.value, TG_E8 / 100, "back");
  rig_free(rig);
}

Test(control_desk, keys_that_do_not_change) {
  desk_rig_t *rig = rig_make(false, NULL);
  cr_assert_str_eq(say(rig, TG_ROLE_RISK, 7, "limits set no.such 1 x 60"), "ENOTFOUND");
  cr_assert_str_eq(say(rig, TG_ROLE_RISK, 7, "limits set engine.armed true x 60"), "EUNSUPPORTED", "arm is a verb");
  cr_assert_str_eq(say(rig, TG_ROLE_RISK, 7, "limits set engine.mode live x 60"), "EUNSUPPORTED");
  cr_assert_str_eq(say(rig, TG_ROLE_RISK, 7, "limits set control.dual_control false x 60"), "EUNSUPPORTED", "HOST");
  cr_assert_str_eq(say(rig, TG_ROLE_RISK, 7, "limits set risk.max_gross fish x 60"), "ESYNTAX");
  cr_assert_str_eq(say(rig, TG_ROLE_RISK, 7, "limits set risk.max_gross 50000 x 60"), "EEXISTS");
  rig_free(rig);
}

Test(control_desk, clearing_needs_reason_and_end) {
  desk_rig_t *rig = rig_make(false, NULL);
  static const char *const verb[] = {"kill off", "ack drawdown", "arm", "reenable"};
  for (size_t i = 0; i < TG_ARRAY_CNT(verb); i++) {
    char line[64];
    cr_assert_str_eq(say(rig, TG_ROLE_RISK, 7, verb[i]), "EINVAL");
    snprintf(line, sizeof line, "%s because", verb[i]);
    cr_assert_str_eq(say(rig, TG_ROLE_RISK, 7, line), "EINVAL");
    snprintf(line, sizeof line, "%s 60", verb[i]);
    cr_assert_str_eq(say(rig, TG_ROLE_RISK, 7, line), "EINVAL");
    snprintf(line, sizeof line, "%s because of it 60", verb[i]);
    cr_assert_str_eq(say(rig, TG_ROLE_OPERATOR, 7, line), "EPERM");
    cr_assert_str_eq(say(rig, TG_ROLE_RISK, 7, line), "CMD");
    cr_assert_str_eq(rig->cmd.u.cmd.reason, "because of it");
    core_says(rig, true);
  }
  rig_free(rig);
}

Test(control_desk, what_was_cleared_ends_in_a_halt_and_arming_in_disarm) {
  desk_rig_t *rig = rig_make(false, NULL);
  cr_assert_str_eq(say(rig, TG_ROLE_RISK, 7, "kill off checked 60"), "CMD");
  core_says(rig, true);
  rig->now_ns += 50 * S;
  cr_assert_str_eq(say(rig, TG_ROLE_RISK, 7, "kill off longer 60"), "CMD", "renewed");
  core_says(rig, true);
  rig->now_ns += 30 * S;
  cr_assert(!tg_desk_due(rig->cfg.desk, rig->now_ns, 0, &rig->cmd));
  rig->now_ns += 31 * S;
  cr_assert(tg_desk_due(rig->cfg.desk, rig->now_ns, 3, &rig->cmd));
  cr_assert_eq(rig->cmd.u.cmd.verb, TG_VERB_PAUSE);
  core_says(rig, true);
  cr_assert(!tg_desk_due(rig->cfg.desk, rig->now_ns + 1000 * S, 0, &rig->cmd));
  cr_assert_str_eq(say(rig, TG_ROLE_RISK, 7, "arm open 60"), "CMD");
  core_says(rig, true);
  rig->now_ns += 61 * S;
  cr_assert(tg_desk_due(rig->cfg.desk, rig->now_ns, 3, &rig->cmd));
  cr_assert_eq(rig->cmd.u.cmd.verb, TG_VERB_PAUSE);
  core_says(rig, true);
  cr_assert(!tg_desk_due(rig->cfg.desk, rig->now_ns, 3, &rig->cmd), "a disarmed engine could not cancel");
  cr_assert(tg_desk_due(rig->cfg.desk, rig->now_ns, 0, &rig->cmd));
  cr_assert_eq(rig->cmd.u.cmd.verb, TG_VERB_DISARM);
  core_says(rig, true);
  cr_assert(!tg_desk_due(rig->cfg.desk, rig->now_ns + 1000 * S, 0, &rig->cmd));
  rig_free(rig);
}

Test(control_desk, a_second_person) {
  desk_rig_t *rig = rig_make(true, NULL);
  cr_assert_str_eq(say(rig, TG_ROLE_RISK, 7, "arm open 600"), "", "it waits");
  cr_assert_eq(rig->cmd.kind, 0);
  cr_assert_str_eq(say(rig, TG_ROLE_RISK, 7, "limits set risk.max_gross 60000 more 600"), "");
  cr_assert_str_eq(say(rig, TG_ROLE_RISK, 7, "confirm 1"), "EPERM", "not by himself");
  cr_assert_str_eq(say(rig, TG_ROLE_OPERATOR, 8, "confirm 1"), "EPERM", "not without the role");
  cr_assert_str_eq(say(rig, TG_ROLE_RISK, 8, "confirm 9"), "ENOTFOUND");
  cr_assert_str_eq(say(rig, TG_ROLE_RISK, 8, "confirm"), "EINVAL");
  cr_assert_str_eq(say(rig, TG_ROLE_RISK, 8, "confirm 1"), "CMD");
  cr_assert_eq(rig->cmd.u.cmd.verb, TG_VERB_ARM);
  cr_assert_eq(rig->cmd.u.cmd.uid, 7u);
  cr_assert_eq(rig->cmd.u.cmd.arg[1], 8, "both are on the tape");
  core_says(rig, true);
  cr_assert_str_eq(say(rig, TG_ROLE_RISK, 8, "confirm 1"), "ENOTFOUND", "once");
  cr_assert_str_eq(say(rig, TG_ROLE_RISK, 8, "confirm 2"), "CMD");
  cr_assert_eq(rig->cfg.desk->line_cnt, 1u);
  core_says(rig, true);
  cr_assert_eq(gross(rig), 60000 * TG_E8);
  cr_assert_str_eq(say(rig, TG_ROLE_RISK, 7, "kill off late 600"), "");
  rig->now_ns += 301 * S;
  cr_assert_str_eq(say(rig, TG_ROLE_RISK, 8, "confirm 5"), "ENOTFOUND", "it lapsed");
  for (int i = 0; i < 40; i++) { /* bounded */
    const char *code = say(rig, TG_ROLE_RISK, 7, "reenable again 60");
    cr_assert(code[0] == '\0' || strcmp(code, "EFULL") == 0);
  }
  cr_assert_str_eq(say(rig, TG_ROLE_OPERATOR, 7, "kill"), "CMD", "tightening never waits");
  rig_free(rig);
}

Test(control_desk, reload) {
  tmp_dir_t dir = tmp_make();
  char path[512];
  tmp_join(&dir, "tickgate.conf", path, sizeof path);
  desk_rig_t *rig = rig_make(false, path);
  cr_assert_str_eq(say(rig, TG_ROLE_OPERATOR, 7, "reload"), "ENOTFOUND", "no file: nothing changes");
  tmp_write(path, "[risk]\nmax_gross = [40000\n", sizeof "[risk]\nmax_gross = [40000\n" - 1);
  cr_assert_str_neq(say(rig, TG_ROLE_OPERATOR, 7, "reload"), "CMD", "damaged: nothing changes");
  tmp_write(path, "[risk]\nmax_gross = 40000\n[log]\nlevel = debug\n",
            sizeof "[risk]\nmax_gross = 40000\n[log]\nlevel = debug\n" - 1);
  cr_assert_str_eq(say(rig, TG_ROLE_OPERATOR, 7, "reload"), "CMD");
  cr_assert_eq(rig->cfg.desk->line_cnt, 1u, "the HOST key is not among them");
  cr_assert_str_eq(rig->cfg.desk->needs_restart, "log.level");
  core_says(rig, true);
  cr_assert_eq(gross(rig), 40000 * TG_E8);
  tmp_write(path, "[risk]\nmax_gross = 70000\n", sizeof "[risk]\nmax_gross = 70000\n" - 1);
  cr_assert_str_eq(say(rig, TG_ROLE_OPERATOR, 7, "reload"), "EPERM");
  cr_assert_str_eq(say(rig, TG_ROLE_RISK, 7, "reload"), "EINVAL");
  cr_assert_str_eq(say(rig, TG_ROLE_RISK, 7, "reload new plan 1h"), "CMD");
  core_says(rig, true);
  cr_assert_eq(gross(rig), 70000 * TG_E8);
  cr_assert(tg_desk_due(rig->cfg.desk, rig->now_ns + 3601 * S, 0, &rig->cmd));
  core_says(rig, true);
  cr_assert_eq(gross(rig), 40000 * TG_E8, "back by itself");
  rig_free(rig);
  tmp_remove(&dir);
}

Test(control_desk, flatten_trades_only_when_told) {
  desk_rig_t *rig = rig_make(false, NULL);
  cr_assert_str_eq(say(rig, TG_ROLE_RISK, 7, "flatten"), "EINVAL");
  cr_assert_str_eq(say(rig, TG_ROLE_RISK, 7, "flatten now"), "EINVAL");
  cr_assert_str_eq(say(rig, TG_ROLE_OPERATOR, 7, "flatten yes"), "EPERM");
  tg_msg_t cmd;
  json_t *answer = tg_control_answer(&rig->cfg, TG_ROLE_RISK, 7, rig->now_ns, "flatten dry-run", 15, &cmd);
  const json_t *one = json_array_get(json_object_get(answer, "flatten"), 0);
  cr_assert_str_eq(json_string_value(json_object_get(one, "side")), "SELL");
  cr_assert_str_eq(json_string_value(json_object_get(one, "qty")), "0.005");
  cr_assert_str_eq(json_string_value(json_object_get(one, "touch")), "60000.0");
  cr_assert_str_eq(json_string_value(json_object_get(one, "worst_price")), "58200.1", "3%% under the middle, rounded up");
  cr_assert_str_eq(json_string_value(json_object_get(one, "notional")), "300");
  cr_assert_eq(json_integer_value(json_object_get(one, "orders_to_cancel")), 3);
  json_decref(answer);
  cr_assert_str_eq(say(rig, TG_ROLE_RISK, 7, "flatten yes BTCUSDT end of day"), "CMD");
  cr_assert_eq(rig->cmd.u.cmd.verb, TG_VERB_FLATTEN);
  cr_assert_eq(rig->cmd.instr_idx, 0);
  cr_assert_str_eq(rig->cmd.u.cmd.reason, "end of day");
  cr_assert_str_eq(say(rig, TG_ROLE_RISK, 7, "flatten yes"), "CMD");
  cr_assert_eq(rig->cmd.instr_idx, TG_INSTR_NONE);
  rig_free(rig);
}

/* ---- gates explain ---- */

static void decide(desk_rig_t *rig, uint64_t client_id, uint64_t mask, uint8_t gate, uint32_t version) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_OUT_DECISION, 0, rig->now_ns);
  msg.u.out_decision =
      (tg_out_decision_t){.client_id = client_id, .gate_mask = mask, .px_ticks = 600000, .qty_lots = 5, .gate = gate};
  tg_mirror_on_msg(rig->mirror, &msg);
  for (uint8_t part = 0; part < TG_EXPLAIN_PARTS; part++) {
    tg_msg_init(&msg, TG_OUT_GATES, 0, rig->now_ns);
    msg.u.out_gates =
        (tg_out_gates_t){.client_id = client_id, .limits_version = version, .part = part, .part_cnt = TG_EXPLAIN_PARTS};
    for (int i = 0; i < 4; i++) msg.u.out_gates.value[i] = part * 4 + i;
    tg_mirror_on_msg(rig->mirror, &msg);
  }
}

static void tell_limits(desk_rig_t *rig, uint32_t version, int64_t value) {
  for (unsigned first = 0; first < TG_LIMIT_CNT; first += 5) {
    tg_msg_t msg;
    tg_msg_init(&msg, TG_OUT_LIMITS, 0, rig->now_ns);
    unsigned cnt = TG_LIMIT_CNT - first < 5 ? TG_LIMIT_CNT - first : 5;
    msg.u.out_limits = (tg_out_limits_t){.version = version, .first = (uint8_t)first, .cnt = (uint8_t)cnt};
    for (unsigned i = 0; i < cnt; i++) msg.u.out_limits.value[i] = value + (int64_t)(first + i);
    tg_mirror_on_msg(rig->mirror, &msg);
  }
}

Test(control_desk, explain) {
  desk_rig_t *rig = rig_make(false, NULL);
  cr_assert_str_eq(say(rig, TG_ROLE_VIEWER, 7, "gates explain"), "EINVAL");
  cr_assert_str_eq(say(rig, TG_ROLE_VIEWER, 7, "gates explain last"), "ENOTFOUND", "told without its inputs");
  tell_limits(rig, 1, 1000);
  decide(rig, UINT64_C(0x3000050100000001), 1ull << 20 | 1ull << 22, 20, 1);
  tell_limits(rig, 2, 2000);
  decide(rig, UINT64_C(0x3000050100000002), 0, 255, 2);
  tg_msg_t cmd;
  const char *line = "gates explain tgs-3000050100000001";
  json_t *answer = tg_control_answer(&rig->cfg, TG_ROLE_VIEWER, 7, rig->now_ns, line, strlen(line), &cmd);
  cr_assert_str_eq(json_string_value(json_object_get(answer, "gate_mask")), "500000");
  cr_assert_str_eq(json_string_value(json_object_get(answer, "reason")), "MAX_POSITION");
  cr_assert_eq(json_array_size(json_object_get(answer, "bits")), 2);
  cr_assert_eq(json_array_size(json_object_get(answer, "inputs")), TG_EXPLAIN_CNT);
  const json_t *input = json_array_get(json_object_get(answer, "inputs"), TG_EXPLAIN_OPEN_ORDERS);
  cr_assert_str_eq(json_string_value(json_object_get(input, "input")), "OPEN_ORDERS");
  cr_assert_eq(json_integer_value(json_object_get(input, "value")), TG_EXPLAIN_OPEN_ORDERS);
  cr_assert_eq(json_array_size(json_object_get(answer, "limits")), TG_LIMIT_CNT);
  const json_t *limit = json_array_get(json_object_get(answer, "limits"), TG_LIMIT_OPEN_ORDERS);
  cr_assert_eq(json_integer_value(json_object_get(limit, "value")), 1000 + TG_LIMIT_OPEN_ORDERS, "of the version then");
  json_decref(answer);
  line = "gates explain 3000050100000002";
  answer = tg_control_answer(&rig->cfg, TG_ROLE_VIEWER, 7, rig->now_ns, line, strlen(line), &cmd);
  cr_assert_str_eq(json_string_value(json_object_get(answer, "reason")), "passed");
  json_decref(answer);
  for (uint64_t i = 0; i < TG_MIRROR_EXPLAINS + 10; i++) decide(rig, UINT64_C(0x3000050200000000) + i, 0, 255, 2);
  cr_assert_str_eq(say(rig, TG_ROLE_VIEWER, 7, "gates explain tgs-3000050100000001"), "ENOTFOUND", "bounded: forgotten");
  cr_assert_str_eq(say(rig, TG_ROLE_VIEWER, 7, "gates explain last"), "");
  rig_free(rig);
}
