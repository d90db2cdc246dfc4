#include "risk/rejects.h"

#include <string.h>

void tg_rejects_init(tg_rejects_t *rejects, const tg_rejects_cfg_t *cfg) {
  memset(rejects, 0, sizeof *rejects);
  rejects->cfg = *cfg;
}

void tg_rejects_cfg_set(tg_rejects_t *rejects, const tg_rejects_cfg_t *cfg) {
  rejects->cfg = *cfg;
}

static void later(uint64_t *at_ns, uint64_t than_ns) {
  if (than_ns > *at_ns) *at_ns = than_ns;
}

/* The same order is not to be sent again before the window is over. */
static void remember(tg_rejects_t *rejects, uint64_t now_ns, uint64_t key) {
  if (rejects->cfg.same_ns == 0) return;
  tg_dup_set_t *set = &rejects->set[tg_rejects_set_idx(key)];
  int64_t mine = (int64_t)key, now = (int64_t)now_ns;
  unsigned victim = 0;
  for (unsigned i = 0; i < TG_DUP_WAYS; i++) {
    if (set->key[i] == 0 || set->key[i] == mine) {
      victim = i;
      break;
    }
    if (set->until_ns[i] < set->until_ns[victim]) victim = i;
  }
  if (set->key[victim] != 0 && set->key[victim] != mine && set->until_ns[victim] > now) {
    rejects->evicted_live_cnt++;
    later(&rejects->until_ns, (uint64_t)set->until_ns[victim]);
  }
  set->key[victim] = mine;
  set->until_ns[victim] = (int64_t)(now_ns + rejects->cfg.same_ns);
}

bool tg_rejects_on_refused(tg_rejects_t *rejects, uint64_t now_ns, uint64_t key, bool post_only) {
  if (post_only) {
    rejects->post_only_cnt++;
    return false;
  }
  rejects->refused_cnt++;
  rejects->row_cnt++;
  remember(rejects, now_ns, key);
  if (rejects->cfg.max <= 0 || (int64_t)rejects->row_cnt < rejects->cfg.max) return false;
  bool began = !rejects->storm;
  rejects->storm = 1;
  rejects->storm_cnt += began;
  later(&rejects->until_ns, now_ns + rejects->cfg.cooldown_ns);
  return began;
}

bool tg_rejects_on_taken(tg_rejects_t *rejects) {
  bool was = rejects->storm != 0;
  rejects->row_cnt = 0;
  rejects->storm = 0;
  if (was) rejects->until_ns = 0;
  return was;
}

bool tg_rejects_clear(tg_rejects_t *rejects) {
  bool was = rejects->storm != 0 || rejects->row_cnt != 0 || rejects->until_ns != 0;
  rejects->row_cnt = 0;
  rejects->storm = 0;
  rejects->until_ns = 0;
  memset(rejects->set, 0, sizeof rejects->set);
  return was;
}
