#include "risk/dup.h"

#include <string.h>

#define WINDOW_MAX_NS (UINT64_C(1) << 62) /* engine time stays below 2^62 for another century: the sum fits int64 */

void tg_dup_init(tg_dup_t *dup, uint64_t window_ns) {
  memset(dup, 0, sizeof *dup);
  tg_dup_window_set(dup, window_ns);
}

void tg_dup_window_set(tg_dup_t *dup, uint64_t window_ns) {
  dup->window_ns = window_ns > WINDOW_MAX_NS ? WINDOW_MAX_NS : window_ns;
}

void tg_dup_on_send(tg_dup_t *dup, uint64_t client_id, uint64_t key, uint64_t now_ns) {
  bool same_prefix = client_id >> 32 == dup->last_client_id >> 32;
  if (!same_prefix || client_id > dup->last_client_id) dup->last_client_id = client_id;
  tg_dup_set_t *set = &dup->set[tg_dup_set_idx(key)];
  int64_t mine = (int64_t)key;
  unsigned victim = 0;
  for (unsigned i = 0; i < TG_DUP_WAYS; i++) {
    if (set->key[i] == 0 || set->key[i] == mine) {
      victim = i;
      break;
    }
    if (set->until_ns[i] < set->until_ns[victim]) victim = i;
  }
  bool live = set->key[victim] != 0 && set->key[victim] != mine && set->until_ns[victim] > (int64_t)now_ns;
  if (live) {
    dup->evicted_live_cnt++;
    uint64_t leaves_ns = (uint64_t)set->until_ns[victim];
    if (leaves_ns > dup->blind_until_ns) dup->blind_until_ns = leaves_ns;
  }
  set->key[victim] = mine;
  set->until_ns[victim] = (int64_t)(now_ns + dup->window_ns);
}
