/* Any bytes as lines on the control socket: each gets a document or becomes a command that its role may give. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "engine/cold/control_desk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static tg_control_cfg_t cfg;
static tg_conf_t conf;
static uint64_t cmd_no;

static void begin(void) {
  tg_msg_t msg;
  tg_mirror_t *mirror = tg_mirror_new(&tg_cold_names_plain, NULL);
  if (!mirror) exit(10);
  tg_conf_defaults(&conf);
  tg_log_level_set(TG_LOG_ERROR);
  tg_msg_init(&msg, TG_CFG_SYMBOL, 0, 1);
  memcpy(msg.u.cfg_symbol.symbol, "BTCUSDT", 7);
  msg.u.cfg_symbol.px_dec = 1;
  msg.u.cfg_symbol.qty_dec = 3;
  msg.u.cfg_symbol.px_unit = msg.u.cfg_symbol.qty_unit = 1;
  tg_mirror_on_msg(mirror, &msg);
  tg_msg_init(&msg, TG_OUT_ORDER, 0, 2);
  msg.u.out_order.client_id = UINT64_C(3) << 60 | 1;
  tg_mirror_on_msg(mirror, &msg);
  tg_msg_init(&msg, TG_OUT_FILL, 0, 3);
  tg_mirror_on_msg(mirror, &msg);
  tg_desk_t *desk = tg_desk_new(&conf, NULL);
  if (!desk) exit(10);
  cfg = (tg_control_cfg_t){.desk = desk,
                           .mirror = mirror,
                           .names = &tg_cold_names_plain,
                           .conf = &conf,
                           .mode = TG_MODE_SIM,
                           .epoch = 1,
                           .engine = "fuzz"};
}

static void line(uint8_t role, const char *text, size_t len) {
  tg_msg_t cmd;
  memset(&cmd, 0, sizeof cmd);
  json_t *answer = tg_control_answer(&cfg, role, 1000, 5, text, len, &cmd);
  if (answer) {
    char *dumped = json_dumps(answer, JSON_COMPACT);
    if (!dumped || !json_object_get(answer, "ok")) abort();
    free(dumped);
    json_decref(answer);
    return;
  }
  uint64_t no = ++cmd_no; /* every third word is refused by the core */
  tg_desk_sent(cfg.desk, no, true, 5);
  tg_desk_heard(cfg.desk, no, no % 3 != 0, 5);
  if (cmd.kind != TG_CMD || cmd.u.cmd.verb == TG_VERB_NONE || cmd.u.cmd.verb >= TG_VERB_CNT) abort();
  if (cmd.u.cmd.role != role || memchr(cmd.u.cmd.reason, '\0', sizeof cmd.u.cmd.reason) == NULL) abort();
  if (role < TG_ROLE_OPERATOR) abort(); /* a viewer commands nothing */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (!cfg.mirror) begin();
  if (size == 0) return 0;
  uint8_t role = data[0] % 4;
  cfg.desk->dual = data[0] & 4u;
  const char *at = (const char *)data + 1, *end = (const char *)data + size;
  while (at < end) {
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    const char *stop = newline ? newline : end;
    line(role, at, (size_t)(stop - at));
    at = stop + 1;
  }
  tg_msg_t cmd; /* all that ends, ends */
  for (int i = 0; i < 200 && tg_desk_due(cfg.desk, UINT64_MAX / 2, 0, &cmd); i++) {
    tg_desk_sent(cfg.desk, ++cmd_no, true, 5);
    tg_desk_heard(cfg.desk, cmd_no, true, 5);
  }
  return 0;
}
