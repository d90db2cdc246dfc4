/* The kill's machine against a small scripted venue: it ends only when the venue shows none of ours, and never touches others.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codecs/client_id.h"
#include "engine/base/rng.h"
#include "engine/venue/bn_kill.h"

#define MS ((uint64_t)TG_NS_PER_MS)

typedef struct rest {
  char client[40];
  int64_t id;
  bool open, reduce;
} rest_t;

typedef struct world {
  tg_bn_kill_t kill;
  rest_t order[64];
  int cnt;
  uint64_t now_ns;
  int lists, cancels, foreign_cancels;
  bool list_due;
  uint32_t due[64];
  int due_cnt;
  int fail_lists, fail_cancels; /* of the next ones, answers that say nothing */
  int refuse_sends;
  uint64_t spare_from;
} world_t;

static int ask(void *user, const char *symbol, uint64_t now_ns) {
  world_t *w = user;
  (void)symbol;
  cr_assert_eq(now_ns, w->now_ns);
  if (w->refuse_sends > 0) {
    w->refuse_sends--;
    return -TG_EFULL;
  }
  w->lists++;
  w->list_due = true;
  return 0;
}

static int cancel(void *user, uint32_t idx, const tg_bn_kill_order_t *order, uint64_t now_ns) {
  world_t *w = user;
  (void)now_ns;
  w->cancels++;
  for (int i = 0; i < w->cnt; i++) {
    if (w->order[i].id == order->order_id && strncmp(w->order[i].client, "tgs-", 4) != 0) w->foreign_cancels++;
  }
  w->due[w->due_cnt++] = idx;
  return 0;
}

static bool spare(void *user, const tg_bn_kill_order_t *order) {
  const world_t *w = user;
  return w->spare_from && order->reduce_only && tg_client_id_counter(order->client_id) >= w->spare_from;
}

static world_t *make(void) {
  static const tg_bn_kill_ops_t ops = {ask, cancel, spare};
  world_t *w = calloc(1, sizeof *w);
  tg_bn_kill_cfg_t cfg = tg_bn_kill_cfg_default(TG_MODE_SIM);
  tg_bn_kill_init(&w->kill, &cfg, &ops, w);
  w->now_ns = 1000 * MS;
  return w;
}

static void rest(world_t *w, const char *client, bool reduce) {
  rest_t *o = &w->order[w->cnt];
  snprintf(o->client, sizeof o->client, "%s", client);
  o->id = 100 + w->cnt++;
  o->open = true;
  o->reduce = reduce;
}

static void ours(world_t *w, uint32_t no, bool reduce) {
  char text[TG_CLIENT_ID_BYTES + 1] = "";
  tg_client_id_print(tg_client_id_make(TG_MODE_SIM, 7, 1, no), text);
  rest(w, text, reduce);
}

static void answer(world_t *w) {
  if (w->list_due) {
    w->list_due = false;
    char body[16384];
    size_t used = (size_t)snprintf(body, sizeof body, "[");
    for (int i = 0; i < w->cnt; i++) {
      if (!w->order[i].open) continue;
      used += (size_t)snprintf(
          body + used, sizeof body - used,
          "%s{\"orderId\":%lld,\"symbol\":\"BTCUSDT\",\"clientOrderId\":\"%s\",\"side\":\"BUY\",\"price\":\"1.5\","
          "\"origQty\":\"2\",\"executedQty\":\"0\",\"reduceOnly\":%s}",
          used > 1 ? "," : "", (long long)w->order[i].id, w->order[i].client, w->order[i].reduce ? "true" : "false");
    }
    used += (size_t)snprintf(body + used, sizeof body - used, "]");
    if (w->fail_lists > 0) {
      int how = w->fail_lists-- % 3;
      tg_bn_kill_listed(&w->kill, how == 0 ? -TG_ETIMEOUT : 0, how == 1 ? 500 : 200, "[{\"orderId\":", 12, w->now_ns);
    } else {
      tg_bn_kill_listed(&w->kill, 0, 200, body, used, w->now_ns);
    }
  }
  while (w->due_cnt > 0) {
    uint32_t idx = w->due[--w->due_cnt];
    const tg_bn_kill_order_t *order = &w->kill.order[idx];
    rest_t *at = NULL;
    for (int i = 0; i < w->cnt; i++) {
      if (w->order[i].id == order->order_id) at = &w->order[i];
    }
    cr_assert_not_null(at);
    if (w->fail_cancels > 0) {
      int how = w->fail_cancels-- % 2;
      if (how) at->open = false; /* done, and its answer lost */
      tg_bn_kill_cancelled(&w->kill, idx, -TG_ETIMEOUT, 0, "", 0, w->now_ns);
    } else if (!at->open) {
      const char gone[] = "{\"code\":-2011,\"msg\":\"Unknown order sent.\"}";
      tg_bn_kill_cancelled(&w->kill, idx, 0, 400, gone, sizeof gone - 1, w->now_ns);
    } else {
      at->open = false;
      tg_bn_kill_cancelled(&w->kill, idx, 0, 200, "{}", 2, w->now_ns);
    }
  }
}

static void run(world_t *w, uint64_t ms) {
  for (uint64_t end = w->now_ns + ms * MS; w->now_ns < end; w->now_ns += 10 * MS) {
    tg_bn_kill_turn(&w->kill, w->now_ns, 0);
    answer(w);
  }
}

static int open_cnt(const world_t *w, const char *prefix) {
  int cnt = 0;
  for (int i = 0; i < w->cnt; i++) cnt += w->order[i].open && strncmp(w->order[i].client, prefix, strlen(prefix)) == 0;
  return cnt;
}

Test(bn_kill, ours_go_others_stay) {
  world_t *w = make();
  for (uint32_t i = 1; i <= 30; i++) ours(w, i, false);
  rest(w, "web_human", false);
  rest(w, "tgl-6000050100000001", false); /* ours of another mode is a stranger here */
  rest(w, "tgs-short", false);
  tg_bn_kill_start(&w->kill, false, w->now_ns);
  run(w, 2000);
  cr_assert_eq(open_cnt(w, "tgs-3"), 0);
  cr_assert_eq(open_cnt(w, "web"), 1);
  cr_assert_eq(open_cnt(w, "tgl"), 1);
  cr_assert_eq(open_cnt(w, "tgs-short"), 1);
  cr_assert_eq(w->foreign_cancels, 0);
  cr_assert_eq(w->cancels, 30);
  cr_assert(tg_bn_kill_is_empty(&w->kill));
  cr_assert_eq(w->kill.foreign_seen, 3u);
  cr_assert_eq(w->kill.order_cnt, 30u);
  for (uint32_t i = 0; i < 30; i++) cr_assert_eq(w->kill.order[i].fate, TG_BN_KILL_CANCELLED);
  free(w);
}

Test(bn_kill, lost_answers_prove_nothing) {
  world_t *w = make();
  for (uint32_t i = 1; i <= 4; i++) ours(w, i, false);
  w->fail_lists = 5;
  w->fail_cancels = 3;
  w->refuse_sends = 2;
  tg_bn_kill_start(&w->kill, false, w->now_ns);
  run(w, 400);
  cr_assert(!tg_bn_kill_is_empty(&w->kill));
  run(w, 20000);
  cr_assert_eq(open_cnt(w, "tgs"), 0);
  cr_assert(tg_bn_kill_is_empty(&w->kill));
  cr_assert_eq(w->kill.lists_failed, 7u);
  cr_assert_geq(w->kill.cancels_failed, 3u);
  free(w);
}

Test(bn_kill, an_order_that_turns_up_late_is_found) {
  world_t *w = make();
  tg_bn_kill_start(&w->kill, false, w->now_ns);
  run(w, 300);
  cr_assert(tg_bn_kill_is_empty(&w->kill));
  uint64_t first_ns = w->kill.empty_ns;
  ours(w, 9, false); /* it was under way when the kill came */
  run(w, 15000);
  cr_assert_eq(open_cnt(w, "tgs"), 0);
  cr_assert(tg_bn_kill_is_empty(&w->kill));
  cr_assert_eq(w->kill.empty_ns, first_ns, "told as it was");
  cr_assert_gt(w->kill.empty_last_ns, first_ns);
  int lists = w->lists;
  run(w, 60000);
  cr_assert_geq(w->lists, lists + 5, "looked at again and again");
  cr_assert_leq(w->lists, lists + 8, "at leisure");
  tg_bn_kill_off(&w->kill);
  lists = w->lists;
  run(w, 30000);
  cr_assert_eq(w->lists, lists);
  free(w);
}

Test(bn_kill, what_unwinds_is_spared) {
  world_t *w = make();
  ours(w, 1, true);
  ours(w, 50, true);
  ours(w, 51, false);
  w->spare_from = 50;
  tg_bn_kill_start(&w->kill, false, w->now_ns);
  run(w, 1000);
  cr_assert(!w->order[0].open && w->order[1].open && !w->order[2].open);
  cr_assert(tg_bn_kill_is_empty(&w->kill));
  free(w);
}

Test(bn_kill, a_round_once_is_one_round) {
  world_t *w = make();
  ours(w, 1, false);
  tg_bn_kill_start(&w->kill, true, w->now_ns);
  run(w, 5000);
  cr_assert_eq(w->lists, 1);
  cr_assert_eq(w->cancels, 1);
  cr_assert_eq(w->kill.phase, TG_BN_KILL_OFF);
  w->fail_lists = 1;
  tg_bn_kill_start(&w->kill, true, w->now_ns);
  run(w, 5000);
  cr_assert_eq(w->lists, 2);
  cr_assert_eq(w->kill.phase, TG_BN_KILL_OFF);
  free(w);
}

Test(bn_kill, nothing_leaves_while_the_venue_wants_silence) {
  world_t *w = make();
  ours(w, 1, false);
  tg_bn_kill_start(&w->kill, false, w->now_ns);
  for (int i = 0; i < 100; i++, w->now_ns += 10 * MS) tg_bn_kill_turn(&w->kill, w->now_ns, 1000 * MS + 2000 * MS);
  cr_assert_eq(w->lists, 0);
  for (int i = 0; i < 200; i++, w->now_ns += 10 * MS) {
    tg_bn_kill_turn(&w->kill, w->now_ns, 3000 * MS);
    answer(w);
  }
  cr_assert_eq(open_cnt(w, "tgs"), 0);
  free(w);
}

/* More than fit the record; orders that come while it runs; answers lost at random: the end is always none of ours. */
Test(bn_kill, any_course_ends_with_none) {
  for (uint64_t seed = 1; seed <= 300; seed++) {
    world_t *w = make();
    tg_rng_t rng;
    tg_rng_seed(&rng, seed);
    for (uint32_t i = 0; i < tg_rng_next(&rng) % 20; i++) ours(w, i + 1, false);
    rest(w, "human", false);
    tg_bn_kill_start(&w->kill, false, w->now_ns);
    for (int i = 0; i < 20; i++) {
      w->fail_lists += tg_rng_next(&rng) % 4 == 0;
      w->fail_cancels += tg_rng_next(&rng) % 3 == 0;
      w->refuse_sends += tg_rng_next(&rng) % 8 == 0;
      if (tg_rng_next(&rng) % 4 == 0) ours(w, 100 + (uint32_t)i, false);
      run(w, tg_rng_next(&rng) % 400);
    }
    run(w, 120000);
    cr_assert_eq(open_cnt(w, "tgs"), 0, "seed %llu", (unsigned long long)seed);
    cr_assert_eq(open_cnt(w, "human"), 1);
    cr_assert(tg_bn_kill_is_empty(&w->kill));
    cr_assert_eq(w->kill.in_flight, 0u);
    free(w);
  }
}
