/* drill_kill.c - a kill with everything that hurts: live, in-flight, unknown and partly filled orders, a stranger's beside
 * them, cancels of the core that nobody hears. The machine of engine/venue/bn_kill.h does the venue's side. */
#include <stdlib.h>
#include <string.h>

#include "engine/core/lifecycle.h"
#include "engine/venue/bn_kill.h"
#include "tools/tickgate/drill.h"

enum { LIST_BYTES = 1 << 17 };

typedef struct kill_rig {
  drill_t *drill;
  dw_t *world;
  tg_bn_kill_t kill;
  bool list_due;
  uint32_t due[TG_BN_KILL_IN_FLIGHT], due_cnt;
  uint32_t lost_lists, lost_cancels; /* answers that do not come */
  uint64_t stranger_cancels;
  char *body;
} kill_rig_t;

static int ask_list(void *user, const char *symbol, uint64_t now_ns) {
  kill_rig_t *rig = user;
  (void)symbol;
  (void)now_ns;
  rig->list_due = true;
  return 0;
}

static int ask_cancel(void *user, uint32_t idx, const tg_bn_kill_order_t *order, uint64_t now_ns) {
  kill_rig_t *rig = user;
  (void)now_ns;
  for (uint32_t i = 0; i < rig->world->order_cnt; i++) {
    if (rig->world->order[i].order_id == order->order_id && rig->world->order[i].client_id == 0) rig->stranger_cancels++;
  }
  rig->due[rig->due_cnt++] = idx;
  return 0;
}

/* The venue's answers to what the machine asked. */
static void answers(kill_rig_t *rig) {
  dw_t *w = rig->world;
  if (rig->list_due) {
    rig->list_due = false;
    if (rig->lost_lists > 0) {
      rig->lost_lists--;
      tg_bn_kill_listed(&rig->kill, -TG_ETIMEOUT, 0, "", 0, w->now_ns);
    } else {
      dw_orders_json(w, rig->body, LIST_BYTES);
      tg_bn_kill_listed(&rig->kill, 0, 200, rig->body, strlen(rig->body), w->now_ns);
    }
  }
  while (rig->due_cnt > 0) {
    uint32_t idx = rig->due[--rig->due_cnt];
    dw_order_t *at = NULL;
    for (uint32_t i = 0; i < w->order_cnt; i++) {
      if (w->order[i].order_id == rig->kill.order[idx].order_id) at = &w->order[i];
    }
    static const char gone[] = "{\"code\":-2011,\"msg\":\"Unknown order sent.\"}";
    bool was_open = at && at->open;
    if (at) dw_cancel(w, at);
    if (rig->lost_cancels > 0) {
      rig->lost_cancels--;
      tg_bn_kill_cancelled(&rig->kill, idx, -TG_ETIMEOUT, 0, "", 0, w->now_ns);
    } else {
      tg_bn_kill_cancelled(&rig->kill, idx, 0, was_open ? 200 : 400, was_open ? "{}" : gone, was_open ? 2 : sizeof gone - 1,
                           w->now_ns);
    }
  }
}

/* Orders in every condition, made by the engine's own strategy. */
static bool prepare(drill_t *drill, dw_t *w) {
  if (!drill_check(drill, dw_state(w) == TG_FSM_ACTIVE && dw_open_cnt(w, true) >= 4,
                   "the core is ACTIVE and quotes: %u orders rest", (unsigned)dw_open_cnt(w, true)))
    return false;
  w->order[w->order_cnt++] =
      (dw_order_t){.client = "web_human_1", .order_id = 77, .px = 590000, .qty = 5, .side = TG_BUY, .open = true};
  for (uint32_t i = 0; i < w->order_cnt; i++) { /* one of ours is partly filled, so its level is worked anew */
    dw_order_t *o = &w->order[i];
    if (!o->open || !o->client_id || o->qty < 4) continue;
    dw_fill(w, o, o->qty / 2);
    break;
  }
  static const dw_fate_t fate[] = {DW_SILENT, DW_UNKNOWN, DW_LOST, DW_SILENT, DW_UNKNOWN};
  memcpy(w->fate, fate, sizeof fate);
  w->fate_cnt = TG_ARRAY_CNT(fate);
  for (uint32_t i = 0; i < w->order_cnt;
       i++) { /* ... and some are gone at the venue: new places come, which are lost in transit */
    if (w->order[i].open && w->order[i].client_id && w->order[i].cum == 0 && i % 2 == 0) dw_cancel(w, &w->order[i]);
  }
  for (int i = 0; i < 100 && w->fate_at < w->fate_cnt; i++) dw_run(w, 10);
  tg_view_main_t view;
  tg_core_view_main(w->core, &view);
  drill_check(drill, w->fate_at >= 3, "%u places met a silent, an unknown or a lost answer", (unsigned)w->fate_at);
  drill_check(drill, view.in_flight_cnt + view.unknown_cnt >= 2, "%llu in flight, %llu unknown",
              (unsigned long long)view.in_flight_cnt, (unsigned long long)view.unknown_cnt);
  drill_fact(drill, "open_in_core", (int64_t)view.open_cnt);
  drill_fact(drill, "open_at_venue", dw_open_cnt(w, true));
  return true;
}

static void run_kill(drill_t *drill, kill_rig_t *rig) {
  dw_t *w = rig->world;
  uint64_t asked_ns = w->now_ns;
  w->deaf = true; /* the order session is gone: only REST is left */
  w->placed_after_ns = w->now_ns;
  rig->lost_lists = 2;
  rig->lost_cancels = 2;
  tg_bn_kill_start(&rig->kill, false, w->now_ns);
  dw_cmd(w, TG_VERB_KILL);
  drill_check(drill, dw_state(w) == TG_FSM_EMERGENCY, "the core latches at once: %s", tg_fsm_state_name(dw_state(w)));
  for (int i = 0; i < 1500 && !(tg_bn_kill_is_empty(&rig->kill) && rig->kill.empty_asked_ns >= asked_ns); i++) {
    tg_bn_kill_turn(&rig->kill, w->now_ns, 0);
    answers(rig);
    dw_run(w, 10);
  }
  drill_check(drill, tg_bn_kill_is_empty(&rig->kill), "verified empty after %u lists", (unsigned)rig->kill.round_cnt);
  tg_msg_t msg;
  tg_msg_init(&msg, TG_HEALTH, TG_INSTR_NONE, w->now_ns);
  msg.u.health = (tg_health_t){.what = TG_HEALTH_KILL_EMPTY, .ok = 1};
  dw_feed(w, &msg);
  drill_check(drill, w->alarm_cnt[TG_ALARM_KILL_EMPTY] == 1, "the core tells KILL_EMPTY");
  uint32_t left = dw_open_cnt(w, true) + (drill->broken ? 1 : 0);
  drill_check(drill, left == 0, "%u orders of ours are left at the venue", (unsigned)left);
  drill_check(drill, dw_open_cnt(w, false) == 1 && rig->stranger_cancels == 0, "the stranger's order rests, nobody touched it");
  drill_check(drill, rig->kill.foreign_seen == 1, "it was seen as a stranger's");
  const tg_bn_kill_t *kill = &rig->kill;
  drill_check(drill,
              asked_ns <= kill->first_cancel_ns && kill->first_cancel_ns <= kill->last_confirmed_ns &&
                  kill->last_confirmed_ns <= kill->empty_ns,
              "times in order: asked, first cancel, last confirmed, verified empty");
  drill_fact(drill, "lists", kill->round_cnt);
  drill_fact(drill, "cancels", (int64_t)kill->cancels_sent);
  drill_fact(drill, "first_cancel_ms", (int64_t)((kill->first_cancel_ns - asked_ns) / (uint64_t)TG_NS_PER_MS));
  drill_fact(drill, "last_confirmed_ms", (int64_t)((kill->last_confirmed_ns - asked_ns) / (uint64_t)TG_NS_PER_MS));
  drill_fact(drill, "verified_empty_ms", (int64_t)((kill->empty_ns - asked_ns) / (uint64_t)TG_NS_PER_MS));
}

/* What the core believes comes to rest, too; nothing new leaves; clearing brings the quotes back by the normal rules. */
static void aftermath(drill_t *drill, kill_rig_t *rig) {
  dw_t *w = rig->world;
  w->deaf = false;
  for (int i = 0; i < 200; i++) {
    dw_run(w, 100);
    tg_view_main_t view;
    tg_core_view_main(w->core, &view);
    if (view.open_cnt == 0) break;
  }
  tg_view_main_t view;
  tg_core_view_main(w->core, &view);
  drill_check(drill, view.open_cnt == 0, "the core knows of no open order: %llu", (unsigned long long)view.open_cnt);
  drill_check(drill, w->placed_after_cnt == 0, "%llu orders were placed under the latch",
              (unsigned long long)w->placed_after_cnt);
  tg_core_check(w->core);
  tg_view_instr_t instr;
  tg_core_view_instr(w->core, 0, &instr);
  drill_check(drill, instr.position_lots == w->position, "position %lld at the core, %lld at the venue",
              (long long)instr.position_lots, (long long)w->position);
  w->placed_after_ns = 0;
  uint64_t placed = w->kind_cnt[TG_OUT_PLACE];
  dw_set(w, "fsm.exit_gross", INT64_C(100000) * TG_E8); /* the partial fill's position may stay */
  dw_cmd(w, TG_VERB_LIMIT);
  tg_bn_kill_off(&rig->kill);
  dw_cmd(w, TG_VERB_KILL_OFF);
  dw_run(w, 2000);
  drill_check(drill, dw_state(w) == TG_FSM_ACTIVE && w->kind_cnt[TG_OUT_PLACE] > placed, "cleared: %s, quoting again",
              tg_fsm_state_name(dw_state(w)));
}

void drill_kill(drill_t *drill) {
  static const tg_bn_kill_ops_t ops = {ask_list, ask_cancel, NULL};
  kill_rig_t *rig = calloc(1, sizeof *rig);
  char *body = malloc(LIST_BYTES);
  dw_t *world = dw_open();
  if (!drill_check(drill, rig && body && world, "memory for a core and its venue")) {
    free(rig);
    free(body);
    dw_close(world);
    return;
  }
  rig->drill = drill;
  rig->world = world;
  rig->body = body;
  tg_bn_kill_cfg_t cfg = tg_bn_kill_cfg_default(TG_MODE_SIM);
  tg_bn_kill_init(&rig->kill, &cfg, &ops, rig);
  if (prepare(drill, world)) {
    run_kill(drill, rig);
    aftermath(drill, rig);
  }
  dw_close(world);
  free(body);
  free(rig);
}
