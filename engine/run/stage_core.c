#include "engine/run/stage_core.h"

#include <string.h>

/* Room the journal must have for one step: its input, its outputs and the PRESSURE line that may follow. */
enum { JOURNAL_NEED = TG_CORE_OUT_CAP + 2, PRESSURE_EVERY = 256 };

static int core_layout(void *self, tg_arena_t *arena) {
  tg_stage_core_t *s = self;
  s->out_mem = TG_ARENA_NEW(arena, tg_msg_t, TG_CORE_OUT_CAP);
  s->shared = TG_ARENA_NEW(arena, tg_core_shared_t, 1);
  int err = tg_core_layout(arena, &s->core, &s->cfg);
  return err ? err : arena->err;
}

static int core_init_privileged(void *self) {
  (void)self;
  return 0;
}

static int core_init(void *self, tg_lane_t *lane) {
  (void)lane;
  tg_stage_core_t *s = self;
  tg_hist_reset(&s->step_ns);
  return 0;
}

static void journal_put(tg_stage_core_t *s, const tg_msg_t *msg) {
  int err = tg_spsc_put(&s->rings->journal, msg);
  TG_ASSERT(err == 0); /* room was checked before the step began */
}

static void core_send(tg_stage_core_t *s, const tg_msg_t *msg) {
  switch (msg->kind) {
    case TG_OUT_PLACE:
    case TG_OUT_AMEND:
    case TG_OUT_CANCEL:
    case TG_OUT_QUERY: {
      /* gw_in has as many slots as feed and the core bounds its requests far below: full means our reasoning failed */
      int err = tg_spsc_put(&s->rings->gw_in, msg);
      TG_ASSERT(err == 0);
      break;
    }
    default:
      break;
  }
}

static void core_one(tg_stage_core_t *s, const tg_msg_t *in) {
  tg_msg_batch_t out = {s->out_mem, 0, TG_CORE_OUT_CAP};
  int err = tg_core_step(s->core, in, &out);
  TG_ASSERT(err == 0); /* the core turns bad input into alarms; an error here is ours */
  for (uint32_t i = 0; i < out.cnt; i++) core_send(s, &out.msg[i]);
  journal_put(s, in);
  for (uint32_t i = 0; i < out.cnt; i++) journal_put(s, &out.msg[i]);
  s->input_cnt++;
  s->output_cnt += out.cnt;
}

static uint8_t pressure_of(uint64_t depth, uint64_t capacity, uint64_t need) {
  if (depth + need * 2 >= capacity) return 2;
  return depth * 10 >= capacity * 8 ? 1 : 0;
}

/* Tells the core when a ring crosses 80% or comes back; one message a call at most. */
static void core_pressure(tg_stage_core_t *s, uint64_t now_ns) {
  struct {
    tg_ring_t id;
    tg_spsc_t *ring;
    uint64_t need;
  } row[] = {{TG_RING_JOURNAL, &s->rings->journal, JOURNAL_NEED},
             {TG_RING_FEED, &s->rings->feed, 0},
             {TG_RING_GATEWAY_IN, &s->rings->gw_in, 0},
             {TG_RING_GATEWAY_OUT, &s->rings->gw_out, 0},
             {TG_RING_COLD_IN, &s->rings->cold_in, 0}};
  for (size_t i = 0; i < TG_ARRAY_CNT(row); i++) {
    uint64_t depth = tg_spsc_depth(row[i].ring);
    uint8_t level = pressure_of(depth, row[i].ring->slot_cnt, row[i].need);
    if (level == s->pressure_level[row[i].id]) continue;
    s->pressure_level[row[i].id] = level;
    tg_msg_t msg;
    tg_msg_init(&msg, TG_PRESSURE, TG_INSTR_NONE, now_ns);
    msg.u.pressure.ring = (uint8_t)row[i].id;
    msg.u.pressure.level = level;
    msg.u.pressure.depth = depth;
    msg.u.pressure.capacity = row[i].ring->slot_cnt;
    core_one(s, &msg);
    return;
  }
}

static bool journal_has_room(tg_stage_core_t *s) {
  tg_spsc_t *journal = &s->rings->journal;
  if (TG_LIKELY(journal->slot_cnt - (journal->tail_cnt - journal->head_cached_cnt) >= JOURNAL_NEED)) return true;
  return tg_spsc_room(journal) >= JOURNAL_NEED;
}

static void core_timer(tg_stage_core_t *s, uint64_t now_ns) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_TIMER, TG_INSTR_NONE, now_ns);
  msg.u.timer.timer_no = ++s->timer_no;
  s->timer_next_ns = now_ns + s->timer_ns;
  core_one(s, &msg);
  atomic_store_explicit(&s->beat_cnt, s->timer_no, memory_order_relaxed);
  tg_core_publish(s->core, s->shared);
  atomic_store_explicit(&s->stopped, tg_core_stopped(s->core), memory_order_relaxed);
}

static int core_next(tg_stage_core_t *s, tg_msg_t *msg) {
  if (s->sticky) return tg_spsc_get(s->sticky, msg);
  tg_spsc_t *order[] = {&s->rings->gw_out, &s->rings->cold_in, &s->rings->feed};
  for (size_t i = 0; i < TG_ARRAY_CNT(order); i++) {
    if (tg_spsc_get(order[i], msg) != 0) continue;
    if (msg->kind == TG_MD_DEPTH && !(msg->flags & TG_F_LAST)) s->sticky = order[i];
    return 0;
  }
  return -TG_EAGAIN;
}

static uint32_t core_turn(void *self, uint64_t now_ns) {
  tg_stage_core_t *s = self;
  uint32_t done = 0;
  tg_msg_t msg;
  while (done < TG_CORE_BURST) {
    if (TG_UNLIKELY(!journal_has_room(s))) {
      if (!s->halted) s->halt_cnt++;
      s->halted = true;
      return done;
    }
    s->halted = false;
    if (core_next(s, &msg) != 0) break;
    if (s->sticky && msg.kind == TG_MD_LEVELS && (msg.flags & TG_F_LAST)) s->sticky = NULL;
    if ((s->input_cnt & 63) == 0) {
      uint64_t start_tsc = tg_tsc();
      core_one(s, &msg);
      tg_hist_record(&s->step_ns, tg_clock_tsc_ns(s->clock, tg_tsc()) - tg_clock_tsc_ns(s->clock, start_tsc));
    } else {
      core_one(s, &msg);
    }
    done++;
  }
  if (now_ns >= s->timer_next_ns && journal_has_room(s) && !s->sticky) {
    core_timer(s, now_ns);
    if (journal_has_room(s)) core_pressure(s, now_ns);
    done++;
  } else if ((s->input_cnt % PRESSURE_EVERY) < done && journal_has_room(s) && !s->sticky) {
    core_pressure(s, now_ns);
  }
  return done;
}

const tg_stage_ops_t tg_stage_core_ops = {"core", core_layout, core_init_privileged, core_init, core_turn, NULL};
