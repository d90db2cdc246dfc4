#include "engine/core/sequence.h"

void tg_sequence_reset(tg_sequence_t *seq) {
  seq->head = seq->cnt = seq->forgot = 0;
}

/* One fill on `pos`, kept in *at with what was before. */
static int book(tg_sequence_fill_t *at, tg_position_t *pos, const tg_money_t *money, tg_position_move_t *move) {
  tg_sequence_fill_t made = *at;
  made.before_lots = pos->qty_lots;
  made.before_cost_e8 = pos->cost_e8;
  made.before_realised_e8 = pos->realised_e8;
  int err = tg_position_fill(pos, money, (tg_side_t)at->side, at->px_ticks, at->qty_lots, move);
  if (err != 0) return err;
  made.realised_e8 = move->realised_e8;
  *at = made;
  return 0;
}

static void append(tg_sequence_t *seq, const tg_sequence_fill_t *fill) {
  if (seq->cnt == TG_SEQUENCE_FILLS) {
    seq->head = (seq->head + 1) % TG_SEQUENCE_FILLS;
    seq->cnt--;
    seq->forgot = 1;
  }
  seq->cnt++;
  *tg_sequence_newest(seq, 0) = *fill;
}

/* The position as it was before the oldest of the `newer` newest fills; counters stay. */
static tg_position_t before(tg_sequence_t *seq, const tg_position_t *pos, uint32_t newer) {
  tg_position_t was = *pos;
  const tg_sequence_fill_t *first = tg_sequence_newest(seq, newer - 1);
  was.qty_lots = first->before_lots;
  was.cost_e8 = first->before_cost_e8;
  was.realised_e8 = first->before_realised_e8;
  return was;
}

static int insert(tg_sequence_t *seq, tg_position_t *pos, const tg_money_t *money, const tg_sequence_fill_t *fill,
                  uint32_t newer, tg_sequence_out_t *out) {
  tg_position_t made = before(seq, pos, newer);
  tg_sequence_fill_t late = *fill;
  tg_position_move_t move;
  int err = book(&late, &made, money, &out->move);
  for (uint32_t n = newer; n-- > 0 && err == 0;) { /* first on a copy: an error must change nothing */
    tg_sequence_fill_t copy = *tg_sequence_newest(seq, n);
    err = book(&copy, &made, money, &move);
  }
  if (err != 0) return err;
  made = before(seq, pos, newer);
  append(seq, fill); /* room at the end; then everything newer moves up by one */
  for (uint32_t n = 0; n < newer; n++) *tg_sequence_newest(seq, n) = *tg_sequence_newest(seq, n + 1);
  *tg_sequence_newest(seq, newer) = *fill;
  for (uint32_t n = newer + 1; n-- > 0 && err == 0;) err = book(tg_sequence_newest(seq, n), &made, money, &move);
  pos->qty_lots = made.qty_lots;
  pos->cost_e8 = made.cost_e8;
  pos->realised_e8 = made.realised_e8;
  pos->bought_lots += fill->side == TG_BUY ? fill->qty_lots : 0;
  pos->sold_lots += fill->side == TG_BUY ? 0 : fill->qty_lots;
  pos->fill_cnt++;
  out->moved_cnt = newer;
  return err;
}

int tg_sequence_book(tg_sequence_t *seq, tg_position_t *pos, const tg_money_t *money, const tg_sequence_fill_t *fill,
                     tg_sequence_out_t *out) {
  *out = (tg_sequence_out_t){0};
  uint32_t newer = 0;
  while (newer < seq->cnt && tg_sequence_newest(seq, newer)->trade_id > fill->trade_id) newer++;
  bool lost_place = newer == seq->cnt && newer > 0 && seq->forgot;
  if (newer == seq->cnt && seq->cnt == TG_SEQUENCE_FILLS) lost_place = true; /* no room to keep it in front */
  if (newer > 0 && !lost_place) return insert(seq, pos, money, fill, newer, out);
  tg_sequence_fill_t late = *fill;
  int err = book(&late, pos, money, &out->move);
  if (err != 0) return err;
  out->barrier = lost_place;
  if (lost_place) tg_sequence_reset(seq);
  append(seq, &late);
  return 0;
}
