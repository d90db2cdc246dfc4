/* faults.md row 11: every interleaving, with repetition, of up to six of {ack, partial, fill, cancel-ack, cancel-reject,
 * amend-ack, expire} against a slow reference that knows no machine: once at the order machine from every state a request can
 * be in, once at the whole core, where the position and the exposure must follow. The reference says what must be true of
 * quantities and terminality; it shares no code with the table. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fake_venue.h"
#include "tests/note.h"

enum { QTY = 10, PX = 600000, DEPTH = 6 };
enum { ACK, PARTIAL, FILL, CANCEL_ACK, CANCEL_REJECT, AMEND_ACK, EXPIRE, TOKENS };
enum { SEQUENCES = 7 + 49 + 343 + 2401 + 16807 + 117649 }; /* lengths 1 to 6 */

/* ---- the reference ---- */

typedef struct reference {
  int64_t qty, want; /* total as confirmed; of an amend that may still be applied, 0 none */
  int64_t cum;
  uint8_t end; /* final state, 0 open */
} reference_t;

static int64_t larger(int64_t a, int64_t b) {
  return a > b ? a : b;
}

/* What the token executes: a partial leaves something of the smaller total, a fill takes the larger one's rest. */
static int64_t execution(const reference_t *ref, int token) {
  int64_t least = ref->want > 0 && ref->want < ref->qty ? ref->want : ref->qty;
  int64_t rest = larger(ref->qty, ref->want) - ref->cum;
  if (token == PARTIAL) return ref->cum + 1 < least ? 1 : 0;
  if (token == FILL) return rest > 0 ? rest : 0;
  return 0;
}

static void reference_step(reference_t *ref, int token) {
  ref->cum += execution(ref, token); /* an execution always counts, also after the end */
  if (ref->end != 0) return;
  if (token == FILL) ref->end = TG_ORD_FILLED;
  if (token == CANCEL_ACK) ref->end = TG_ORD_CANCELED;
  if (token == EXPIRE) ref->end = TG_ORD_EXPIRED;
  if (token == AMEND_ACK && ref->want > 0) {
    ref->qty = ref->want;
    ref->want = 0;
  }
}

static int64_t reference_leaves(const reference_t *ref) {
  return ref->end != 0 ? 0 : larger(ref->qty, ref->want) - ref->cum;
}

/* ---- where it starts ---- */

typedef struct start {
  const char *name;
  uint8_t path[5]; /* events; SEND first */
  int64_t want;    /* new total of SEND_AMEND */
  uint8_t state;
} start_t;

static const start_t starts[] = {
    {"place in flight", {TG_OEV_SEND}, 0, TG_ORD_SENT},
    {"place unknown", {TG_OEV_SEND, TG_OEV_TIMEOUT}, 0, TG_ORD_PLACE_UNKNOWN},
    {"resting", {TG_OEV_SEND, TG_OEV_ACK}, 0, TG_ORD_LIVE},
    {"partly filled", {TG_OEV_SEND, TG_OEV_ACK, TG_OEV_PART}, 0, TG_ORD_PARTIAL},
    {"cancel in flight", {TG_OEV_SEND, TG_OEV_ACK, TG_OEV_SEND_CANCEL}, 0, TG_ORD_CANCEL_SENT},
    {"cancel in flight, partly filled", {TG_OEV_SEND, TG_OEV_ACK, TG_OEV_PART, TG_OEV_SEND_CANCEL}, 0, TG_ORD_CANCEL_SENT},
    {"cancel unknown", {TG_OEV_SEND, TG_OEV_ACK, TG_OEV_SEND_CANCEL, TG_OEV_UNKNOWN}, 0, TG_ORD_REST_UNKNOWN},
    {"cancel of an unknown place", {TG_OEV_SEND, TG_OEV_TIMEOUT, TG_OEV_SEND_CANCEL}, 0, TG_ORD_CANCEL_SENT},
    {"amend of the price in flight", {TG_OEV_SEND, TG_OEV_ACK, TG_OEV_SEND_AMEND}, QTY, TG_ORD_AMEND_SENT},
    {"amend to more in flight", {TG_OEV_SEND, TG_OEV_ACK, TG_OEV_SEND_AMEND}, 25, TG_ORD_AMEND_SENT},
    {"amend to less in flight", {TG_OEV_SEND, TG_OEV_ACK, TG_OEV_SEND_AMEND}, 6, TG_ORD_AMEND_SENT},
    {"amend in flight, partly filled", {TG_OEV_SEND, TG_OEV_ACK, TG_OEV_PART, TG_OEV_SEND_AMEND}, 25, TG_ORD_AMEND_SENT},
    {"amend unknown", {TG_OEV_SEND, TG_OEV_ACK, TG_OEV_SEND_AMEND, TG_OEV_UNKNOWN}, 25, TG_ORD_AMEND_UNKNOWN},
    {"taken up", {TG_OEV_TAKE_UP}, 0, TG_ORD_REST_UNKNOWN},
    {"taken up, never answered", {TG_OEV_TAKE_UP_SENT}, 0, TG_ORD_PLACE_UNKNOWN},
};

static tg_ord_out_t apply(tg_order_t *o, uint8_t event, int64_t fill, int64_t want) {
  tg_ord_ev_t ev = {.now_ns = 1000, .fill_lots = fill, .event = event};
  if (event == TG_OEV_SEND_AMEND) {
    ev.px_ticks = PX + 5;
    ev.qty_lots = want;
  }
  return tg_order_apply(o, &ev);
}

static tg_order_t begin(const start_t *start, reference_t *ref) {
  tg_order_t o = {.client_id = 1, .px_ticks = PX, .qty_lots = QTY, .level = 255, .drift_lots = -1};
  *ref = (reference_t){.qty = QTY};
  for (unsigned i = 0; i < TG_ARRAY_CNT(start->path); i++) {
    uint8_t event = start->path[i];
    if (i > 0 && event == TG_OEV_SEND) break; /* the rest of the path is zero */
    int64_t fill = event == TG_OEV_PART ? 1 : 0;
    cr_assert_not(apply(&o, event, fill, start->want).hole);
    ref->cum += fill;
    if (event == TG_OEV_SEND_AMEND) ref->want = start->want;
  }
  cr_assert_eq(o.state, start->state, "%s", start->name);
  return o;
}

/* ---- the order machine ---- */

static uint8_t event_of(int token, int64_t fill) {
  static const uint8_t event[TOKENS] = {TG_OEV_ACK,           TG_OEV_PART,      TG_OEV_PART,   TG_OEV_CANCELED,
                                        TG_OEV_CANCEL_REFUSE, TG_OEV_AMEND_ACK, TG_OEV_EXPIRED};
  return token == FILL && fill == 0 ? TG_OEV_FULL : event[token];
}

static void agrees(const start_t *start, const tg_order_t *o, const reference_t *ref) {
  cr_assert(tg_order_check(o), "%s", start->name);
  cr_assert_eq(o->cum_lots, ref->cum, "%s", start->name);
  cr_assert_eq(tg_order_leaves(o), reference_leaves(ref), "%s: %ld left, not %ld", start->name, tg_order_leaves(o),
               reference_leaves(ref));
  if (ref->end != 0) {
    cr_assert_eq(o->state, ref->end, "%s: ended as %s", start->name, tg_ord_state_name(o->state));
  } else {
    cr_assert(tg_order_is_open(o), "%s", start->name);
  }
}

static uint64_t walk(const start_t *start, const tg_order_t *o, const reference_t *ref, unsigned depth) {
  uint64_t cnt = 0;
  if (depth == 0) return 0;
  for (int token = 0; token < TOKENS; token++) {
    tg_order_t next = *o;
    reference_t want = *ref;
    int64_t fill = execution(ref, token);
    reference_step(&want, token);
    apply(&next, event_of(token, fill), fill, 0); /* an answer to what was never asked is a known hole: state kept */
    agrees(start, &next, &want);
    cnt += 1 + walk(start, &next, &want, depth - 1);
  }
  return cnt;
}

Test(fault_11, every_interleaving_of_six_at_the_order_machine) {
  uint64_t cnt = 0;
  for (unsigned i = 0; i < TG_ARRAY_CNT(starts); i++) {
    reference_t ref;
    tg_order_t o = begin(&starts[i], &ref);
    cnt += walk(&starts[i], &o, &ref, DEPTH);
  }
  tg_note("%lu interleavings of up to %d events from %zu starting states agree with the reference", cnt, DEPTH,
          TG_ARRAY_CNT(starts));
  cr_assert_eq(cnt, TG_ARRAY_CNT(starts) * (uint64_t)SEQUENCES);
}

/* ---- the whole core ---- */

static fv_t fv;
static uint64_t trade_id, next_order_id;

static void feed(const tg_msg_t *msg) {
  fv_feed(&fv, msg);
}

static void fill_msg(const tg_order_t *o, int64_t lots) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_EX_FILL, 0, fv.now_ns);
  msg.u.ex_fill = (tg_ex_fill_t){.client_id = o->client_id, .trade_id = ++trade_id, .px_ticks = PX, .qty_lots = lots};
  feed(&msg);
}

static void answer_msg(const tg_order_t *o, tg_request_t request, tg_outcome_t outcome, tg_order_status_t status,
                       int16_t code) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_EX_ANSWER, 0, fv.now_ns);
  msg.u.ex_answer = (tg_ex_answer_t){.client_id = o->client_id,
                                     .venue_code = code,
                                     .http_status = outcome == TG_OUTCOME_UNKNOWN ? 0
                                                    : code != 0                   ? 400
                                                                                  : 200,
                                     .request = (uint8_t)request,
                                     .outcome = (uint8_t)outcome,
                                     .status = (uint8_t)status};
  feed(&msg);
}

static void stream_msg(const tg_order_t *o, tg_order_status_t status, tg_exec_t exec, int64_t cum) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_EX_ORDER, 0, fv.now_ns);
  msg.u.ex_order = (tg_ex_order_t){.client_id = o->client_id,
                                   .order_id = (int64_t)next_order_id,
                                   .px_ticks = PX,
                                   .qty_lots = o->qty_lots,
                                   .cum_qty_lots = cum,
                                   .status = (uint8_t)status,
                                   .exec = (uint8_t)exec,
                                   .side = o->side};
  feed(&msg);
}

static void token_msg(const tg_order_t *o, int token, int64_t fill, int64_t cum_after) {
  switch (token) {
    case ACK:
      answer_msg(o, TG_REQUEST_PLACE, TG_OUTCOME_CONFIRMED, TG_STATUS_NONE, 0);
      break;
    case PARTIAL:
      if (fill > 0) fill_msg(o, fill);
      break;
    case FILL:
      if (fill > 0) fill_msg(o, fill);
      stream_msg(o, TG_STATUS_FILLED, TG_EXEC_TRADE, cum_after);
      break;
    case CANCEL_ACK:
      stream_msg(o, TG_STATUS_CANCELED, TG_EXEC_CANCELED, cum_after);
      break;
    case CANCEL_REJECT:
      answer_msg(o, TG_REQUEST_CANCEL, TG_OUTCOME_REFUSED, TG_STATUS_NONE, -2011);
      break;
    case AMEND_ACK:
      answer_msg(o, TG_REQUEST_AMEND, TG_OUTCOME_CONFIRMED, TG_STATUS_NONE, 0);
      break;
    default:
      stream_msg(o, TG_STATUS_EXPIRED, TG_EXEC_EXPIRED, cum_after);
      break;
  }
}

/* A resting order of ours without a level, as after a restart; then the request that the sequence starts with. */
static tg_order_t *core_begin(bool buy, int start, reference_t *ref) {
  static tg_msg_t mem[256];
  next_order_id++;
  tg_acc_order_t line = {.client_id = next_order_id + (UINT64_C(1) << 62),
                         .order_id = (int64_t)next_order_id,
                         .px_ticks = PX,
                         .qty_lots = QTY,
                         .side = buy ? TG_BUY : TG_SELL,
                         .status = TG_STATUS_NEW,
                         .type = TG_TYPE_LIMIT};
  tg_msg_batch_t out = {mem, 0, 256};
  fv.core->out = &out;
  tg_order_t *o = tg_core_take_up(fv.core, &fv.core->instr[0], &line, 0);
  cr_assert_not_null(o);
  tg_ord_ev_t found = {.now_ns = fv.now_ns, .px_ticks = PX, .qty_lots = QTY, .event = TG_OEV_FOUND};
  tg_core_order_event(fv.core, o, &found);
  if (start == TG_ORD_CANCEL_SENT) {
    uint32_t subs;
    uint64_t mask = tg_core_cancel(fv.core, o, &subs);
    cr_assert_eq(mask, 0u);
  }
  *ref = (reference_t){.qty = QTY};
  if (start == TG_ORD_AMEND_SENT) {
    ref->want = 13;
    int err = tg_exposure_amend(&fv.core->exposure, &o->reserve, ref->want);
    cr_assert_eq(err, 0);
    tg_ord_ev_t amend = {.now_ns = fv.now_ns, .px_ticks = PX, .qty_lots = ref->want, .event = TG_OEV_SEND_AMEND};
    tg_order_apply(o, &amend);
    fv.core->snap.in_flight_cnt++;
  }
  fv.core->out = NULL;
  return o;
}

static void one_sequence(uint32_t no, int start, uint64_t *steps) {
  reference_t ref;
  tg_order_t *o = core_begin(no & 1, start, &ref);
  int64_t sign = o->side == TG_BUY ? 1 : -1, before = fv.core->instr[0].pos.qty_lots;
  const tg_exposure_instr_t *held = &fv.core->exposure.instr[0];
  for (unsigned i = 0; i < DEPTH; i++, no /= TOKENS) {
    int token = (int)(no % TOKENS);
    int64_t fill = execution(&ref, token);
    reference_step(&ref, token);
    token_msg(o, token, fill, ref.cum);
    ++*steps;
    cr_assert_eq(o->cum_lots, ref.cum);
    cr_assert_eq(fv.core->instr[0].pos.qty_lots, before + sign * ref.cum);
    cr_assert_eq(held->pos_lots, before + sign * ref.cum);
    cr_assert_eq(held->open_lots[o->side], reference_leaves(&ref), "%ld held, not %ld", held->open_lots[o->side],
                 reference_leaves(&ref));
    cr_assert_eq(tg_order_is_open(o), ref.end == 0);
    if (ref.end != 0) cr_assert_eq(o->state, ref.end);
  }
  if (ref.end == 0) stream_msg(o, TG_STATUS_CANCELED, TG_EXEC_CANCELED, ref.cum);
  cr_assert_eq(held->open_lots[o->side], 0);
  cr_assert_eq(fv.core->orders.open_cnt, 0u);
  fv.now_ns += TG_ORDER_KEEP_NS / 512; /* the table has room for the next ones */
}

static void no_request(fv_t *v, const tg_msg_t *in, const tg_msg_batch_t *out) {
  (void)in;
  v->next_sync_ns = UINT64_MAX;
  for (uint32_t i = 0; i < out->cnt; i++) cr_assert_neq(out->msg[i].kind, TG_OUT_PLACE);
}

/* Every sequence of exactly six (its prefixes are checked on the way) while the core itself wants nothing. */
static void whole_core(int start) {
  fv_open(&fv, 11, NULL, 0);
  fv.no_digest = true;
  fv_start(&fv);
  fv_run(&fv, UINT64_C(2000000000));
  fv_cmd(&fv, TG_VERB_STOP, TG_ROLE_OPERATOR);
  fv_run(&fv, UINT64_C(1000000000));
  cr_assert_eq(fv.core->orders.open_cnt, 0u);
  fv.core->sweeping = 0; /* nor does it cancel: the sequence decides */
  fv.after_step = no_request;
  trade_id = UINT64_C(1) << 40;
  uint64_t steps = 0;
  uint32_t stride = FV_SLOW ? 11 : 1, cnt = 0; /* 11 and 7 share no factor: every token in every place */
  for (uint32_t no = 0; no < 117649; no += stride, cnt++) {
    fv.queue_cnt = 0; /* the venue never hears of these orders */
    one_sequence(no, start, &steps);
    if (no % 256 == 0) tg_core_check(fv.core);
  }
  tg_core_check(fv.core);
  tg_note("%u of 117649 sequences of %d events at the whole core, %lu steps, every prefix checked", cnt, DEPTH, steps);
  cr_assert_eq(cnt, FV_SLOW ? 10696u : 117649u);
  fv_close(&fv);
}

Test(fault_11, every_sequence_of_six_at_the_core_while_it_rests) {
  whole_core(TG_ORD_LIVE);
}

Test(fault_11, every_sequence_of_six_at_the_core_with_a_cancel_in_flight) {
  whole_core(TG_ORD_CANCEL_SENT);
}

Test(fault_11, every_sequence_of_six_at_the_core_with_an_amend_in_flight) {
  whole_core(TG_ORD_AMEND_SENT);
}
