#include "engine/core/trip.h"

#include <string.h>

static int64_t abs64(int64_t v) {
  return v < 0 ? -v : v;
}

static tg_trip_t *find(tg_trips_t *trips, uint64_t trip_no) {
  if (trip_no == 0) return NULL;
  if (trips->now.trip_no == trip_no) return &trips->now;
  for (uint32_t i = 0; i < trips->wait_cnt; i++) {
    if (trips->wait[i].trip_no == trip_no) return &trips->wait[i];
  }
  return NULL;
}

static void open_trip(tg_trips_t *trips, uint64_t now_ns, int64_t dir) {
  memset(&trips->now, 0, sizeof trips->now);
  trips->now.trip_no = ++trips->trip_seq;
  trips->now.opened_ns = now_ns;
  trips->now.dir = dir;
}

static void close_trip(tg_trips_t *trips, uint64_t now_ns) {
  trips->now.closed_ns = now_ns;
  if (trips->wait_cnt == TG_TRIP_WAIT) { /* cannot happen while the core takes after every fill, unless all are lite */
    trips->early_cnt++;
    memmove(&trips->wait[0], &trips->wait[1], sizeof trips->wait[0] * (TG_TRIP_WAIT - 1));
    trips->wait_cnt--;
  }
  trips->wait[trips->wait_cnt++] = trips->now;
  memset(&trips->now, 0, sizeof trips->now);
}

static void count_fill(tg_trip_t *trip, const tg_trip_fill_t *fill) {
  trip->fill_cnt++;
  trip->maker_cnt += fill->maker;
  trip->lite_cnt += fill->lite;
}

void tg_trips_fill(tg_trips_t *trips, const tg_trip_fill_t *fill, const tg_position_move_t *move, uint64_t *close_no,
                   uint64_t *open_no) {
  *close_no = *open_no = 0;
  tg_i128 per_lot = fill->value_e8 / fill->qty_lots; /* exact: value is px times qty */
  if (move->close_lots > 0 && trips->now.trip_no != 0) {
    tg_trip_t *trip = &trips->now;
    *close_no = trip->trip_no;
    trip->exit_cost_e8 += (int64_t)(per_lot * move->close_lots);
    trip->exit_lots += move->close_lots;
    trip->gross_e8 += move->realised_e8;
    count_fill(trip, fill);
    if (fill->position_lots == 0 || move->open_lots > 0) close_trip(trips, fill->now_ns);
  }
  if (move->open_lots > 0) {
    if (trips->now.trip_no == 0) open_trip(trips, fill->now_ns, tg_side_sign((tg_side_t)fill->side));
    tg_trip_t *trip = &trips->now;
    *open_no = trip->trip_no;
    trip->entry_cost_e8 += (int64_t)(per_lot * move->open_lots);
    trip->entry_lots += move->open_lots;
    if (abs64(fill->position_lots) > trip->peak_lots) trip->peak_lots = abs64(fill->position_lots);
    count_fill(trip, fill);
  }
}

void tg_trips_commission(tg_trips_t *trips, uint64_t close_no, uint64_t open_no, int64_t close_lots, int64_t qty_lots,
                         int64_t commission_e8, bool was_lite) {
  int64_t close_part = (int64_t)tg_div_half_away((tg_i128)commission_e8 * close_lots, qty_lots);
  tg_trip_t *closing = find(trips, close_no);
  tg_trip_t *opening = find(trips, open_no);
  if (closing != NULL) {
    closing->commission_e8 += close_part;
    if (was_lite) closing->lite_cnt--;
  }
  if (opening != NULL) {
    opening->commission_e8 += commission_e8 - close_part;
    if (was_lite) opening->lite_cnt--;
  }
}

bool tg_trips_funding(tg_trips_t *trips, int64_t change_e8) {
  if (trips->now.trip_no == 0) return false;
  trips->now.funding_e8 += change_e8;
  return true;
}

void tg_trips_mark(tg_trips_t *trips, int64_t unrealised_e8) {
  tg_trip_t *trip = &trips->now;
  if (trip->trip_no == 0) return;
  int64_t total = trip->gross_e8 + unrealised_e8;
  if (total < trip->mae_e8) trip->mae_e8 = total;
  if (total > trip->mfe_e8) trip->mfe_e8 = total;
}

void tg_trips_adopt(tg_trips_t *trips, uint64_t now_ns, int64_t position_lots, int64_t cost_e8) {
  memset(&trips->now, 0, sizeof trips->now);
  if (position_lots == 0) return;
  open_trip(trips, now_ns, position_lots > 0 ? 1 : -1);
  trips->now.adopted = 1;
  trips->now.peak_lots = trips->now.entry_lots = abs64(position_lots);
  trips->now.entry_cost_e8 = cost_e8;
}

bool tg_trips_take(tg_trips_t *trips, tg_trip_t *out) {
  if (trips->wait_cnt == 0) return false;
  tg_trip_t *oldest = &trips->wait[0];
  if (oldest->lite_cnt != 0 && trips->wait_cnt < TG_TRIP_WAIT) return false;
  if (oldest->lite_cnt != 0) trips->early_cnt++;
  *out = *oldest;
  trips->wait_cnt--;
  memmove(&trips->wait[0], &trips->wait[1], sizeof trips->wait[0] * trips->wait_cnt);
  int64_t net = out->gross_e8 - out->commission_e8 + out->funding_e8;
  trips->closed_cnt++;
  if (net < 0) {
    trips->lost_cnt++;
    trips->loss_streak++;
  } else {
    trips->won_cnt += net > 0;
    trips->loss_streak = 0;
  }
  return true;
}
