#include <stdio.h>
#include <string.h>

#include "engine/base/log.h"
#include "tools/watchdog/dog.h"

void dog_watch_init(dog_watch_t *watch, const char *run_dir, uint64_t bound_ms) {
  memset(watch, 0, sizeof *watch);
  watch->run_dir = run_dir;
  watch->bound_ns = bound_ms * (uint64_t)TG_NS_PER_MS;
}

static bool same_engine(const tg_beat_seen_t *a, const tg_beat_seen_t *b) {
  return a->pid == b->pid && a->pid_start == b->pid_start && a->epoch == b->epoch && a->started_ns == b->started_ns;
}

static dog_verdict_t fire(dog_watch_t *watch, const char *reason) {
  snprintf(watch->reason, sizeof watch->reason, "%s", reason);
  return DOG_FIRE;
}

/* An engine that was not seen before. */
static void begin(dog_watch_t *watch, const tg_beat_seen_t *seen, uint64_t now_ns) {
  watch->seen = *seen;
  watch->have = true;
  watch->fired = false;
  watch->hot_ns = watch->cold_ns = watch->both_since_ns = now_ns;
  if (seen->phase != TG_BEAT_ENDED)
    tg_log_info("watching pid %llu, epoch %llu", (unsigned long long)seen->pid, (unsigned long long)seen->epoch);
}

/* Its process is gone: the mark may have been made between our two looks. */
static dog_verdict_t gone(dog_watch_t *watch) {
  tg_beat_seen_t again;
  if (tg_beat_read(watch->run_dir, &again) == 0 && same_engine(&again, &watch->seen)) watch->seen = again;
  if (watch->seen.phase == TG_BEAT_ENDED) return DOG_CLEAN;
  return fire(watch, "the engine's process is gone without a clean end");
}

static dog_verdict_t judge(dog_watch_t *watch, const tg_beat_seen_t *now, uint64_t now_ns) {
  bool hot = now->hot != watch->seen.hot, cold = now->cold != watch->seen.cold;
  if (hot) watch->hot_ns = now_ns;
  if (cold) watch->cold_ns = now_ns;
  if (now_ns - watch->hot_ns > watch->bound_ns / 2 || now_ns - watch->cold_ns > watch->bound_ns / 2)
    watch->both_since_ns = now_ns;
  watch->seen = *now;
  if (now->phase == TG_BEAT_ENDED) return DOG_CLEAN;
  if (now->phase == TG_BEAT_LEFT) return fire(watch, "the engine ended with orders that the venue has not accounted for");
  if (!tg_beat_alive(now)) return gone(watch);
  if (now->phase == TG_BEAT_STARTING) { /* its lanes begin one after another; no order can have left */
    watch->hot_ns = watch->cold_ns = now_ns;
    return DOG_GOOD;
  }
  if (now_ns - watch->cold_ns > watch->bound_ns) return fire(watch, "the cold lane's heartbeat stopped");
  if (now_ns - watch->hot_ns > watch->bound_ns) return fire(watch, "the hot lane's heartbeat stopped");
  return DOG_GOOD;
}

dog_verdict_t dog_watch_look(dog_watch_t *watch, uint64_t now_ns) {
  /* we were held up ourselves: what looks like silence is our own */
  if (watch->last_ns != 0 && now_ns - watch->last_ns > watch->bound_ns / 2) {
    tg_log_warn("this watchdog did not run for %llu ms: it starts counting anew",
                (unsigned long long)((now_ns - watch->last_ns) / (uint64_t)TG_NS_PER_MS));
    watch->hot_ns = watch->cold_ns = watch->both_since_ns = now_ns;
  }
  watch->last_ns = now_ns;
  tg_beat_seen_t now;
  int err = tg_beat_read(watch->run_dir, &now);
  if (err != 0 && err != watch->page_err)
    tg_log_warn("%s/%s: %s", watch->run_dir, TG_BEAT_NAME,
                err == -TG_ENOTFOUND ? "no engine has made it yet" : tg_err_text(err));
  watch->page_err = err;
  if (err != 0) { /* a page that vanished or broke tells nothing; the process does */
    if (!watch->have || watch->seen.phase == TG_BEAT_ENDED) return DOG_WAIT;
    if (!tg_beat_alive(&watch->seen)) return fire(watch, "the engine's process and its heartbeat page are gone");
    return now_ns - watch->cold_ns > watch->bound_ns ? fire(watch, "the heartbeat page cannot be read any more") : DOG_GOOD;
  }
  bool fresh = !watch->have || !same_engine(&now, &watch->seen);
  if (fresh) begin(watch, &now, now_ns);
  if (fresh && now.phase == TG_BEAT_ENDED) return DOG_WAIT;
  dog_verdict_t verdict = judge(watch, &now, now_ns);
  return verdict;
}

bool dog_watch_back(const dog_watch_t *watch, uint64_t now_ns) {
  return watch->page_err == 0 && watch->seen.phase != TG_BEAT_LEFT && tg_beat_alive(&watch->seen) &&
         now_ns - watch->both_since_ns > watch->bound_ns;
}
