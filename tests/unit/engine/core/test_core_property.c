/* The caps, seen from the venue: over random markets, faults, operators and losses no step of the core ever lets what the venue
 * could do to us exceed a cap. The reference is the fake venue's own book: what it holds, what rests there, and every request
 * that is still on its way to it. Nothing of the core's own accounts is asked. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "fake_venue.h"
#include "tests/note.h"

#define S UINT64_C(1000000000)
#define MS UINT64_C(1000000)

enum { SEEDS = 60, MAX_OPEN = 8 };

typedef struct watch {
  uint64_t seed, steps, increases;
  int64_t cap_lots, cap_gross_e8;
  int64_t mark_px; /* of the last mark that the core heard */
  int64_t was_long, was_short;
  tg_i128 was_gross;
  int64_t open_max, worst_max;
  uint64_t held, several; /* decisions with one bit or more, with two or more */
} watch_t;

static watch_t watch;

/* What a request on its way may become: a place that nobody has seen yet, an amend that asks for more. */
static int64_t on_its_way(const fv_t *fv, const fv_order_t *o) {
  int64_t most = o->qty;
  for (uint32_t i = 0; i < fv->queue_cnt; i++) {
    const fv_event_t *ev = &fv->queue[i];
    if (ev->is_request && ev->request == TG_OUT_AMEND && ev->msg.u.out_amend.client_id == o->client_id &&
        ev->msg.u.out_amend.qty_lots > most)
      most = ev->msg.u.out_amend.qty_lots;
  }
  return most - o->cum;
}

static void add_output(const tg_msg_batch_t *out, const fv_t *fv, int64_t rest[2], int64_t *cnt) {
  for (uint32_t i = 0; i < out->cnt; i++) { /* not queued yet */
    const tg_out_order_t *req = &out->msg[i].u.out_place;
    if (out->msg[i].kind == TG_OUT_PLACE) {
      rest[req->side] += req->qty_lots;
      *cnt += 1;
    } else if (out->msg[i].kind == TG_OUT_AMEND) {
      for (uint32_t k = 0; k < fv->order_cnt; k++) {
        const fv_order_t *o = &fv->order[k];
        int64_t before = o->client_id == req->client_id && o->open ? on_its_way(fv, o) : 0;
        if (before > 0 && req->qty_lots - o->cum > before) rest[o->side] += req->qty_lots - o->cum - before;
      }
    }
  }
}

/* The reason told is the lowest bit of the mask told, and a held action never leaves. */
static void check_reasons(const tg_msg_batch_t *out) {
  for (uint32_t i = 0; i < out->cnt; i++) {
    if (out->msg[i].kind != TG_OUT_DECISION) continue;
    const tg_out_decision_t *told = &out->msg[i].u.out_decision;
    uint64_t mask = told->gate_mask, rest = mask & (mask - 1);
    cr_assert_eq(told->gate, mask ? (uint8_t)__builtin_ctzll(mask) : (uint8_t)TG_GATE_NONE, "seed %lu step %lu: mask %lx",
                 watch.seed, watch.steps, (unsigned long)mask);
    watch.several += rest != 0;
    watch.held += mask != 0;
  }
}

static void check_caps(fv_t *fv, const tg_msg_t *in, const tg_msg_batch_t *out) {
  check_reasons(out);
  if (in->kind == TG_MD_MARK) watch.mark_px = in->u.md_mark.mark_e8 / INT64_C(10000000);
  int64_t rest[2] = {0, 0}, cnt = 0;
  for (uint32_t i = fv->order_cnt > 400 ? fv->order_cnt - 400 : 0; i < fv->order_cnt; i++) {
    const fv_order_t *o = &fv->order[i];
    if (!o->open) continue;
    rest[o->side] += on_its_way(fv, o);
    cnt++;
  }
  for (uint32_t i = 0; i < fv->queue_cnt; i++) {
    const fv_event_t *ev = &fv->queue[i];
    if (!ev->is_request || ev->request != TG_OUT_PLACE) continue;
    rest[ev->msg.u.out_place.side] += ev->msg.u.out_place.qty_lots;
    cnt++;
  }
  add_output(out, fv, rest, &cnt);
  int64_t longest = fv->pos + rest[TG_BUY], shortest = rest[TG_SELL] - fv->pos;
  int64_t worst = longest > shortest ? longest : shortest;
  tg_i128 gross = (tg_i128)worst * watch.mark_px * FV_TICK_LOT_E8;
  /* above a cap only where it was before: nothing we do raises it there */
  cr_assert(longest <= watch.cap_lots || longest <= watch.was_long, "seed %lu step %lu: %ld lots long, cap %ld", watch.seed,
            watch.steps, (long)longest, (long)watch.cap_lots);
  cr_assert(shortest <= watch.cap_lots || shortest <= watch.was_short, "seed %lu step %lu: %ld lots short, cap %ld", watch.seed,
            watch.steps, (long)shortest, (long)watch.cap_lots);
  cr_assert(gross <= watch.cap_gross_e8 || gross <= watch.was_gross || in->kind == TG_MD_MARK,
            "seed %lu step %lu: gross %.0f, cap %.0f", watch.seed, watch.steps, (double)gross, (double)watch.cap_gross_e8);
  cr_assert_leq(cnt, MAX_OPEN, "seed %lu step %lu", watch.seed, watch.steps);
  watch.was_long = longest;
  watch.was_short = shortest;
  watch.was_gross = gross;
  watch.steps++;
  if (cnt > watch.open_max) watch.open_max = cnt;
  if (worst > watch.worst_max) watch.worst_max = worst;
  tg_core_check(fv->core);
}

static void operator_acts(fv_t *fv) {
  static const tg_verb_t verbs[] = {TG_VERB_PAUSE, TG_VERB_RESUME,       TG_VERB_KILL,   TG_VERB_KILL_OFF, TG_VERB_RESUME,
                                    TG_VERB_SYNC,  TG_VERB_ACK_DRAWDOWN, TG_VERB_RESUME, TG_VERB_RESUME};
  uint64_t dice = tg_rng_next(&fv->rng) % 24;
  if (dice < TG_ARRAY_CNT(verbs)) fv_cmd(fv, verbs[dice], TG_ROLE_RISK);
  if (dice == 20) { /* a session comes and goes; the answers it owed may never come */
    tg_msg_t msg;
    tg_msg_init(&msg, TG_LINK, TG_INSTR_NONE, fv->now_ns);
    msg.u.link.session = (uint8_t)(TG_SESSION_PUBLIC + tg_rng_next(&fv->rng) % 4);
    msg.u.link.last_rx_ns = fv->now_ns;
    fv_feed(fv, &msg);
    msg.u.link.up = 1;
    fv_run(fv, tg_rng_next(&fv->rng) % 300 * MS);
    msg.ts_ns = msg.u.link.last_rx_ns = fv->now_ns;
    fv_feed(fv, &msg);
  }
}

static void one_seed(uint64_t seed, const fv_faults_t *faults) {
  static fv_t fv;
  fv_open(&fv, seed, faults, 0);
  memset(&watch, 0, sizeof watch);
  watch.seed = seed;
  watch.cap_lots = 4 + (int64_t)(tg_rng_next(&fv.rng) % 30);
  watch.cap_gross_e8 = (int64_t)(300 + tg_rng_next(&fv.rng) % 1500) * TG_E8;
  fv_conf(&fv, "risk.max_position", watch.cap_lots * 100000);
  fv_conf(&fv, "risk.max_gross", watch.cap_gross_e8);
  fv_conf(&fv, "risk.max_open_orders", MAX_OPEN);
  fv_conf(&fv, "fsm.exit_gross", INT64_C(100000) * TG_E8);
  fv.after_step = check_caps;
  fv.stride = 8 + (int64_t)(tg_rng_next(&fv.rng) % 80);
  fv_start(&fv);
  for (unsigned i = 0; i < 40; i++) {
    fv_run(&fv, tg_rng_next(&fv.rng) % 400 * MS);
    operator_acts(&fv);
  }
  fv_close(&fv);
}

static uint64_t number_of(const char *name, uint64_t otherwise) {
  const char *text = getenv(name);
  return text ? strtoull(text, NULL, 0) : otherwise;
}

/* TG_PROPERTY_SEED=N runs that seed alone; TG_PROPERTY_SHARE=N a part of N. */
static void many(uint64_t from, const fv_faults_t *faults, const char *what) {
  uint64_t alone = number_of("TG_PROPERTY_SEED", 0), cnt = SEEDS / number_of("TG_PROPERTY_SHARE", 1);
  uint64_t steps = 0, placed = 0, reached = 0, held = 0, several = 0;
  int64_t open_max = 0;
  for (uint64_t seed = alone ? alone : from; seed < (alone ? alone + 1 : from + cnt); seed++) {
    one_seed(seed, faults);
    steps += watch.steps;
    held += watch.held;
    several += watch.several;
    placed += watch.worst_max > 0;
    reached += watch.worst_max >= watch.cap_lots;
    if (watch.open_max > open_max) open_max = watch.open_max;
  }
  tg_note(
      "%s: seeds from %lu, %lu steps, %lu runs traded, %lu came to the position cap, at most %ld orders; %lu decisions held, "
      "%lu of them by several gates",
      what, from, steps, placed, reached, (long)open_max, held, several);
  if (!alone && cnt == SEEDS) cr_assert(placed > 0 && reached > 0 && open_max > 2);
}

Test(property, no_step_of_the_core_lets_the_venue_carry_us_past_a_cap) {
  static const fv_faults_t calm = {.delay_us_max = 3000};
  many(1000, &calm, "calm");
}

Test(property, nor_does_it_when_answers_are_lost_unknown_repeated_and_late) {
  static const fv_faults_t hostile = {.reply_lost = 60,
                                      .request_lost = 30,
                                      .unknown = 50,
                                      .repeat = 80,
                                      .lite = 500,
                                      .forget = 80,
                                      .cancel_by_venue = 2,
                                      .delay_us_max = 40000};
  many(2000, &hostile, "hostile");
}

Test(property, nor_when_executions_are_lost_on_a_healthy_session) {
  static const fv_faults_t silent = {.fill_dropped = 150, .reply_lost = 30, .unknown = 30, .delay_us_max = 20000};
  many(3000, &silent, "silent losses");
}
