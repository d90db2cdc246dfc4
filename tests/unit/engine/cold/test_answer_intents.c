#include <criterion/criterion.h>
#include <jansson.h>

#include "engine/cold/control.h"
#include "engine/cold/intents.h"
#include "risk/gate.h"
#include "tests/unit/engine/cold/tmp.h"
#include "tests/unit/engine/cold/world.h"

#define EPOCH UINT64_C(7)
#define ID(n) (EPOCH << 32 | (uint64_t)(n))
#define NOW (10 * (uint64_t)TG_NS_PER_S)

typedef struct desk {
  tmp_dir_t dir;
  tg_cold_names_t names;
  tg_conf_t conf;
  tg_mirror_t *mirror;
  tg_intents_t *intents;
  tg_control_cfg_t cfg;
  tg_msg_t cmd;
} desk_t;

static void tell(desk_t *desk, uint64_t id, uint8_t state, tg_side_t side) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_OUT_INTENT, 0, NOW - 1);
  msg.u.out_intent.intent_id = id;
  msg.u.out_intent.qty_lots = 50000;
  msg.u.out_intent.expires_ns = 3600 * (uint64_t)TG_NS_PER_S;
  msg.u.out_intent.limits_version = 3;
  msg.u.out_intent.side = (uint8_t)side;
  msg.u.out_intent.state = state;
  msg.u.out_intent.reason = 1;
  msg.u.out_intent.bits = state == TG_TICKET_NEW ? 1 : 0;
  cr_assert_eq(tg_intents_on_msg(desk->intents, &msg, NOW - 1), 0);
}

static void desk_open(desk_t *desk) {
  char err[512];
  memset(desk, 0, sizeof *desk);
  desk->dir = tmp_make();
  desk->names = world_names();
  tg_conf_defaults(&desk->conf);
  snprintf(desk->conf.engine_run_dir, sizeof desk->conf.engine_run_dir, "%s", desk->dir.path);
  desk->mirror = tg_mirror_new(&desk->names, NULL);
  world_fill_it(desk->mirror);
  tg_intents_cfg_t cfg = {.dir = desk->dir.path, .strategy = 1, .journal = true};
  cr_assert_eq(tg_intents_open(&desk->intents, &cfg, err, sizeof err), 0, "%s", err);
  desk->cfg = (tg_control_cfg_t){.mirror = desk->mirror,
                                 .names = &desk->names,
                                 .conf = &desk->conf,
                                 .intents = desk->intents,
                                 .mode = TG_MODE_SIM,
                                 .epoch = EPOCH,
                                 .engine = "test"};
  tg_msg_t msg;
  tg_msg_init(&msg, TG_CFG_SYMBOL, 0, 1);
  memcpy(msg.u.cfg_symbol.symbol, "BTCUSDT", 7);
  cr_assert_eq(tg_intents_on_msg(desk->intents, &msg, 1), 0);
  tell(desk, ID(1), TG_TICKET_NEW, TG_BUY);
  tell(desk, ID(2), TG_TICKET_NEW, TG_SELL);
  tell(desk, ID(3), TG_TICKET_APPROVED, TG_SELL);
}

static void desk_close(desk_t *desk) {
  cr_assert_eq(tg_intents_close(desk->intents), 0);
  tg_mirror_free(desk->mirror);
  tmp_remove(&desk->dir);
}

/* NULL: it became a command. */
static json_t *ask(desk_t *desk, uint8_t role, const char *line) {
  memset(&desk->cmd, 0, sizeof desk->cmd);
  return tg_control_answer(&desk->cfg, role, 1000, NOW, line, strlen(line), &desk->cmd);
}

static void expect_error(desk_t *desk, uint8_t role, const char *line, const char *code) {
  json_t *answer = ask(desk, role, line);
  cr_assert_not_null(answer, "%s became a command", line);
  const char *got = json_string_value(json_object_get(answer, "code"));
  cr_assert_str_eq(got ? got : "(none)", code, "%s: %s", line, json_string_value(json_object_get(answer, "error")));
  json_decref(answer);
}

Test(answer_intents, a_person_decides_once_and_by_role) {
  desk_t desk;
  desk_open(&desk);
  expect_error(&desk, TG_ROLE_VIEWER, "intents approve 0000000700000001 fine", "EPERM");
  expect_error(&desk, TG_ROLE_OPERATOR, "intents approve 0000000700000001 fine", "EPERM");
  expect_error(&desk, TG_ROLE_VIEWER, "intents reject 0000000700000001 no", "EPERM");
  expect_error(&desk, TG_ROLE_RISK, "intents approve 0000000700000001", "EINVAL");
  expect_error(&desk, TG_ROLE_RISK, "intents approve BTCUSDT fine", "EINVAL");
  expect_error(&desk, TG_ROLE_RISK, "intents approve 0000000700000001 fine 0", "EINVAL");
  expect_error(&desk, TG_ROLE_RISK, "intents approve 0000000700000009 fine", "ENOTFOUND");
  expect_error(&desk, TG_ROLE_RISK, "{\"verb\":\"intents approve\",\"args\":[\"700000001\",\"\\u0000\"]}", "ESYNTAX");
  cr_assert_null(ask(&desk, TG_ROLE_RISK, "intents approve 0000000700000001 looks fine to me 60"));
  cr_assert_eq(desk.cmd.kind, TG_CMD);
  cr_assert_eq(desk.cmd.u.cmd.verb, TG_VERB_APPROVE);
  cr_assert_eq(desk.cmd.u.cmd.role, TG_ROLE_RISK);
  cr_assert_eq(desk.cmd.u.cmd.uid, 1000u);
  cr_assert_eq((uint64_t)desk.cmd.u.cmd.arg[0], ID(1));
  cr_assert_eq((uint64_t)desk.cmd.u.cmd.arg[1], NOW + 60 * (uint64_t)TG_NS_PER_S);
  cr_assert_eq(strncmp(desk.cmd.u.cmd.reason, "looks fine to m", 16), 0);
  tg_intent_row_t row;
  cr_assert_eq(tg_intents_get(desk.intents, ID(1), &row), 0);
  cr_assert_eq(row.state, TG_TICKET_EXECUTING, "the store has it before the core is told");
  cr_assert_str_eq(row.word, "looks fine to me");
  cr_assert_eq(row.uid, 1000);
  cr_assert_eq(row.claimed_epoch, EPOCH);
  expect_error(&desk, TG_ROLE_RISK, "intents approve 0000000700000001 again", "ECONFLICT");
  expect_error(&desk, TG_ROLE_RISK, "intents reject 0000000700000001 too late", "ECONFLICT");
  cr_assert_null(ask(&desk, TG_ROLE_OPERATOR, "intents reject 0000000700000002 no"));
  cr_assert_eq(desk.cmd.u.cmd.verb, TG_VERB_REJECT);
  cr_assert_eq(desk.cmd.u.cmd.arg[1], 0);
  expect_error(&desk, TG_ROLE_RISK, "intents approve 0000000700000002 yes", "ECONFLICT");
  expect_error(&desk, TG_ROLE_RISK, "intents approve 0000000700000003 it is automatic", "ECONFLICT");
  desk.cfg.epoch = EPOCH + 1; /* another run */
  expect_error(&desk, TG_ROLE_RISK, "intents approve 0000000700000003 yes", "ECONFLICT");
  desk_close(&desk);
}

Test(answer_intents, list_show_and_preview) {
  desk_t desk;
  desk_open(&desk);
  tg_msg_t msg;
  tg_msg_init(&msg, TG_OUT_DECISION, 0, NOW); /* two levels are held, one of them by another gate alone */
  msg.u.out_decision = (tg_out_decision_t){.gate_mask = TG_GATE_BIT(APPROVAL) | TG_GATE_BIT(DRAWDOWN),
                                           .px_ticks = 600000,
                                           .qty_lots = 4,
                                           .side = TG_BUY,
                                           .level = 0};
  tg_mirror_on_msg(desk.mirror, &msg);
  msg.u.out_decision.level = 1;
  tg_mirror_on_msg(desk.mirror, &msg);
  msg.u.out_decision.gate_mask = TG_GATE_BIT(DRAWDOWN);
  tg_mirror_on_msg(desk.mirror, &msg);
  json_t *answer = ask(&desk, TG_ROLE_VIEWER, "intents preview");
  cr_assert_eq(json_integer_value(json_object_get(answer, "waiting")), 2);
  json_t *orders = json_object_get(answer, "orders");
  cr_assert_eq(json_array_size(orders), 1u);
  json_t *order = json_array_get(orders, 0);
  cr_assert_str_eq(json_string_value(json_object_get(order, "price")), "60000.0");
  cr_assert_str_eq(json_string_value(json_object_get(order, "notional")), "240");
  cr_assert_str_eq(json_string_value(json_object_get(order, "also_held_by")), "DRAWDOWN");
  json_t *first = json_array_get(json_object_get(answer, "intents"), 0);
  cr_assert_str_eq(json_string_value(json_object_get(first, "symbol")), "BTCUSDT");
  cr_assert_str_eq(json_string_value(json_object_get(first, "qty")), "50");
  json_decref(answer);
  answer = ask(&desk, TG_ROLE_VIEWER, "intents list 2");
  cr_assert_eq(json_array_size(json_object_get(answer, "intents")), 2u);
  json_decref(answer);
  answer = ask(&desk, TG_ROLE_VIEWER, "intents show 0000000700000003");
  cr_assert_str_eq(json_string_value(json_object_get(answer, "state")), "APPROVED");
  cr_assert_eq(json_integer_value(json_object_get(answer, "limits_version")), 3);
  json_decref(answer);
  expect_error(&desk, TG_ROLE_VIEWER, "intents show 12345", "ENOTFOUND");
  expect_error(&desk, TG_ROLE_VIEWER, "intents show", "EINVAL");
  expect_error(&desk, TG_ROLE_VIEWER, "intents list 0", "EINVAL");
  expect_error(&desk, TG_ROLE_VIEWER, "intents reconcile", "EPERM");
  answer = ask(&desk, TG_ROLE_OPERATOR, "intents reconcile");
  cr_assert(json_is_true(json_object_get(answer, "ok")));
  cr_assert_eq(json_integer_value(json_object_get(answer, "lines")), 3);
  json_decref(answer);
  desk_close(&desk);
}

Test(answer_intents, reconcile_says_what_differs) {
  desk_t desk;
  desk_open(&desk);
  char path[256];
  size_t len;
  tmp_join(&desk.dir, "intents.jsonl", path, sizeof path);
  uint8_t *data = tmp_read(path, &len);
  data[len / 2] ^= 1u;
  tmp_write(path, data, len);
  json_t *answer = ask(&desk, TG_ROLE_OPERATOR, "intents reconcile");
  cr_assert(json_is_false(json_object_get(answer, "ok")));
  cr_assert_str_eq(json_string_value(json_object_get(answer, "code")), "ECORRUPT");
  cr_assert_gt(json_array_size(json_object_get(answer, "differences")), 0u);
  json_decref(answer);
  data[len / 2] ^= 1u;
  tmp_write(path, data, len);
  free(data);
  desk_close(&desk);
}

Test(answer_intents, without_a_store_it_says_so) {
  desk_t desk;
  desk_open(&desk);
  desk.cfg.intents = NULL;
  expect_error(&desk, TG_ROLE_RISK, "intents list", "EUNSUPPORTED");
  expect_error(&desk, TG_ROLE_RISK, "intents preview", "EUNSUPPORTED");
  expect_error(&desk, TG_ROLE_RISK, "intents show 1", "EUNSUPPORTED");
  expect_error(&desk, TG_ROLE_RISK, "intents approve 1 x", "EUNSUPPORTED");
  expect_error(&desk, TG_ROLE_RISK, "intents reject 1 x", "EUNSUPPORTED");
  expect_error(&desk, TG_ROLE_RISK, "intents reconcile", "EUNSUPPORTED");
  desk_close(&desk);
}
