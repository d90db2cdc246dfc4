#include "engine/core/core_state.h"

/* Score bands of the lifecycle: only a change of band is worth an evaluation of the machine. */
static unsigned band(const tg_fsm_cfg_t *cfg, int64_t toxicity_e8) {
  return (unsigned)(toxicity_e8 >= cfg->tox_low_e8) + (unsigned)(toxicity_e8 >= cfg->tox_mid_e8) +
         (unsigned)(toxicity_e8 >= cfg->tox_high_e8) + (unsigned)(toxicity_e8 >= cfg->tox_extreme_e8);
}

static void toxicity(tg_core_t *core) {
  int64_t worst = 0;
  for (uint16_t i = 0; i < core->cfg.instr_cap; i++) {
    const tg_core_instr_t *instr = &core->instr[i];
    int64_t score = instr->known ? tg_feature_view(&instr->feature)->toxicity_e8 : 0;
    if (score > worst) worst = score;
  }
  if (band(&core->fsm.cfg, worst) != band(&core->fsm.cfg, core->fsm_in.toxicity_e8)) core->fsm_dirty = 1;
  core->fsm_in.toxicity_e8 = worst;
}

void tg_core_features(tg_core_t *core, tg_core_instr_t *instr, const tg_msg_t *in, uint32_t ev) {
  int64_t score = tg_feature_view(&instr->feature)->toxicity_e8;
  tg_feature_on_msg(&instr->feature, in, &instr->book, ev);
  if (tg_feature_view(&instr->feature)->toxicity_e8 != score) toxicity(core);
}

static TG_COLD void book_state(tg_core_t *core, tg_core_instr_t *instr) {
  instr->gate.book_state = (uint8_t)tg_book_state(&instr->book);
  core->fsm_in.book_unsynced = 0;
  for (uint16_t i = 0; i < core->cfg.instr_cap; i++) {
    const tg_core_instr_t *each = &core->instr[i];
    if (each->known && each->gate.book_state != TG_BOOK_LIVE) core->fsm_in.book_unsynced = 1;
  }
  core->fsm_dirty = 1;
  tg_core_tell_book(core, instr);
}

void tg_core_book_events(tg_core_t *core, tg_core_instr_t *instr, uint32_t ev) {
  if (ev & TG_BOOK_EV_STATE_CHANGED) book_state(core, instr);
  if (ev & TG_BOOK_EV_WANT_SNAPSHOT) tg_core_ask_snapshot(core, instr->idx);
  core->stats.book_gap_cnt += (ev & TG_BOOK_EV_GAP) != 0;
  core->stats.book_update_cnt += (ev & TG_BOOK_EV_APPLIED) != 0;
  if ((ev & TG_BOOK_EV_CAP) && tg_book_counters(&instr->book)->cap_drop_cnt == 1)
    tg_core_tell_alarm(core, TG_ALARM_BOOK_CAP, instr->idx, 0, core->cfg.book_level_cap, 0);
  if (ev & (TG_BOOK_EV_TOP_CHANGED | TG_BOOK_EV_STATE_CHANGED)) {
    const tg_top_t *top = tg_book_top(&instr->book);
    instr->gate.bid_px_ticks = top->valid ? top->bid_px_ticks : 0;
    instr->gate.ask_px_ticks = top->valid ? top->ask_px_ticks : 0;
    core->touched_idx = instr->idx;
  }
}

static void on_mark(tg_core_t *core, tg_core_instr_t *instr, const tg_msg_t *in) {
  int64_t mark_e8 = in->u.md_mark.mark_e8;
  if (mark_e8 <= 0) {
    core->stats.bad_msg_cnt++;
    return;
  }
  instr->gate.mark_e8 = mark_e8;
  instr->gate.mark_rx_ns = core->origin_ns;
  tg_exposure_mark(&core->exposure, instr->idx, &instr->filters, mark_e8);
  if (tg_position_mark(&instr->pos, &instr->money, mark_e8) != 0) core->stats.bad_msg_cnt++;
  tg_trips_mark(&instr->trips, instr->pos.unrealised_e8);
  if (instr->pos.qty_lots != 0) tg_core_tell_position(core, instr);
  tg_core_equity(core);
}

void tg_core_on_md(tg_core_t *core, const tg_msg_t *in) {
  core->stats.md_cnt++;
  tg_core_instr_t *instr = tg_core_instr_of(core, in);
  if (instr == NULL) return;
  uint32_t ev = 0;
  switch ((tg_msg_kind_t)in->kind) {
    case TG_MD_TOP:
      core->stats.book_update_cnt++;
      instr->book_data_ns = instr->gate.book_rx_ns = core->origin_ns; /* receipt, not processing: a backlog is age */
      ev = tg_book_on_msg(&instr->book, in);
      break;
    case TG_MD_DEPTH:
      if (!(in->flags & TG_F_SNAPSHOT))
        instr->book_data_ns = instr->gate.book_rx_ns = core->origin_ns; /* receipt, not processing: a backlog is age */
      ev = tg_book_on_msg(&instr->book, in);
      break;
    case TG_MD_LEVELS:
      ev = tg_book_on_msg(&instr->book, in);
      break;
    case TG_MD_MARK:
      on_mark(core, instr, in);
      break;
    case TG_MD_TRADE:
      instr->trade_rx_ns = core->origin_ns;
      break;
    default:
      break;
  }
  tg_core_features(core, instr, in, ev);
  if (ev != 0) tg_core_book_events(core, instr, ev);
}
