#include "net/backoff.h"

void tg_retry_budget_init(tg_retry_budget_t *budget, uint32_t max, uint64_t window_ns) {
  budget->max = max > TG_RETRY_WINDOW_MAX ? TG_RETRY_WINDOW_MAX : max;
  budget->cnt = 0;
  budget->head = 0;
  budget->window_ns = window_ns;
  budget->refused_cnt = 0;
}

static bool budget_take(tg_retry_budget_t *budget, uint64_t now_ns) {
  while (budget->cnt && now_ns - budget->at_ns[budget->head] >= budget->window_ns) {
    budget->head = (budget->head + 1) % TG_RETRY_WINDOW_MAX;
    budget->cnt--;
  }
  if (budget->cnt >= budget->max) {
    budget->refused_cnt++;
    return false;
  }
  budget->at_ns[(budget->head + budget->cnt++) % TG_RETRY_WINDOW_MAX] = now_ns;
  return true;
}

void tg_backoff_init(tg_backoff_t *backoff, uint64_t base_ns, uint64_t max_ns, uint64_t seed) {
  backoff->base_ns = base_ns ? base_ns : 1;
  backoff->max_ns = max_ns < backoff->base_ns ? backoff->base_ns : max_ns;
  backoff->next_ns = 0;
  backoff->rng = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
  backoff->failures = 0;
  backoff->gen = 0;
}

/* splitmix64 */
static uint64_t next_random(tg_backoff_t *backoff) {
  uint64_t z = (backoff->rng += UINT64_C(0x9e3779b97f4a7c15));
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

uint32_t tg_backoff_try(tg_backoff_t *backoff, tg_retry_budget_t *budget, uint64_t now_ns) {
  if (now_ns < backoff->next_ns) return 0;
  if (budget && !budget_take(budget, now_ns)) return 0;
  if (++backoff->gen == 0) backoff->gen = 1;
  return backoff->gen;
}

void tg_backoff_failed(tg_backoff_t *backoff, uint64_t now_ns) {
  uint32_t shift = backoff->failures < 40 ? backoff->failures : 40;
  uint64_t pause = backoff->base_ns > (backoff->max_ns >> shift) ? backoff->max_ns : backoff->base_ns << shift;
  uint64_t half = pause / 2;
  pause = half + next_random(backoff) % (pause - half + 1);
  if (backoff->failures < UINT32_MAX) backoff->failures++;
  if (backoff->next_ns < now_ns + pause) backoff->next_ns = now_ns + pause;
}

void tg_backoff_ok(tg_backoff_t *backoff) {
  backoff->failures = 0;
}

void tg_backoff_hold(tg_backoff_t *backoff, uint64_t until_ns) {
  if (backoff->next_ns < until_ns) backoff->next_ns = until_ns;
}
