#include "risk/dup.h"

#include <string.h>

void tg_dup_init(tg_dup_t *dup, uint64_t window_ns) {
  memset(dup, 0, sizeof *dup);
  tg_dup_window_set(dup, window_ns);
}

void tg_dup_window_set(tg_dup_t *dup, uint64_t window_ns) {
  dup->window_ns = window_ns > (uint64_t)INT64_MAX ? (uint64_t)INT64_MAX : window_ns;
}

void tg_dup_on_send(tg_dup_t *dup, uint64_t client_id, uint64_t key, uint64_t now_ns) {
  bool same_prefix = client_id >> 32 == dup->last_client_id >> 32;
  if (!same_prefix || client_id > dup->last_client_id) dup->last_client_id = client_id;
  tg_dup_set_t *set = &dup->set[(key >> 8) & (TG_DUP_SETS - 1)];
  unsigned victim = 0;
  for (unsigned i = 0; i < TG_DUP_WAYS; i++) {
    if (set->key[i] == 0 || set->key[i] == key) {
      victim = i;
      break;
    }
    if (set->sent_ns[i] < set->sent_ns[victim]) victim = i;
  }
  uint64_t old_key = set->key[victim];
  uint64_t leaves_ns = set->sent_ns[victim] + dup->window_ns;
  if (old_key != 0 && old_key != key && now_ns < leaves_ns) {
    dup->evicted_live_cnt++;
    if (leaves_ns > dup->blind_until_ns) dup->blind_until_ns = leaves_ns;
  }
  set->key[victim] = key;
  set->sent_ns[victim] = now_ns;
}
