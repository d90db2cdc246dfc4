/* cold_disk.h - room on the disk of the run directory.
 * What:    about once a second the free room is held against tape.low_water_mb; below it the core is told HEALTH DISK ok 0
 *          (reduce only), and ok 1 once there is an eighth more than the mark again. Told once a change, and again while the
 *          core could not take it. `value` is the room in bytes, -1 when it cannot be asked for (which counts as low).
 * Owner:   the cold stage.
 * Threads: cold lane.
 * Limit:   TG_COLD_DISK_PERIOD_NS between two looks.
 * Errors:  none; a mark of 0 switches the watch off. */
#ifndef TG_RUN_COLD_DISK_H
#define TG_RUN_COLD_DISK_H

#include "engine/conf/conf.h"
#include "engine/msg/msg.h"

#define TG_COLD_DISK_PERIOD_NS ((uint64_t)TG_NS_PER_S)

typedef struct tg_cold_disk {
  const char *dir;
  uint64_t mark_bytes, next_ns;
  int64_t room_bytes; /* at the last look; -1 unknown */
  bool low, told_low; /* what is, what the core knows */
  uint64_t look_cnt, fail_cnt;
  int64_t (*room)(const char *dir); /* tests put their own here; bytes, -1 unknown */
} tg_cold_disk_t;

/* dir outlives it. */
void tg_cold_disk_init(tg_cold_disk_t *disk, const char *dir, int64_t low_water_mb);
/* True: `out` is a HEALTH DISK for the core; when the core took it call tg_cold_disk_told. */
TG_MUST_USE bool tg_cold_disk_turn(tg_cold_disk_t *disk, uint64_t now_ns, tg_msg_t *out);
void tg_cold_disk_told(tg_cold_disk_t *disk);

#endif
