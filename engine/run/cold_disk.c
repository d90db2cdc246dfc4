#include "engine/run/cold_disk.h"

#include <string.h>
#include <sys/statvfs.h>

static int64_t room_of(const char *dir) {
  struct statvfs st;
  if (statvfs(dir, &st) != 0) return -1;
  __uint128_t bytes = (__uint128_t)st.f_bavail * st.f_frsize;
  return bytes > INT64_MAX ? INT64_MAX : (int64_t)bytes;
}

void tg_cold_disk_init(tg_cold_disk_t *disk, const char *dir, int64_t low_water_mb) {
  memset(disk, 0, sizeof *disk);
  disk->dir = dir;
  disk->mark_bytes = low_water_mb > 0 ? (uint64_t)low_water_mb << 20 : 0;
  disk->room = room_of;
}

/* Coming back takes more room than going low did, so that a disk at the mark does not flap. */
static bool is_low(const tg_cold_disk_t *disk) {
  if (disk->room_bytes < 0) return true;
  uint64_t need = disk->low ? disk->mark_bytes + disk->mark_bytes / 8 : disk->mark_bytes;
  return (uint64_t)disk->room_bytes < need;
}

bool tg_cold_disk_turn(tg_cold_disk_t *disk, uint64_t now_ns, tg_msg_t *out) {
  if (disk->mark_bytes == 0) return false;
  if (now_ns >= disk->next_ns) {
    disk->next_ns = now_ns + TG_COLD_DISK_PERIOD_NS;
    disk->room_bytes = disk->room(disk->dir);
    disk->look_cnt++;
    disk->fail_cnt += disk->room_bytes < 0;
    disk->low = is_low(disk);
  }
  if (disk->low == disk->told_low) return false;
  tg_msg_init(out, TG_HEALTH, TG_INSTR_NONE, now_ns);
  out->u.health.what = TG_HEALTH_DISK;
  out->u.health.ok = !disk->low;
  out->u.health.value = disk->room_bytes;
  return true;
}

void tg_cold_disk_told(tg_cold_disk_t *disk) {
  disk->told_low = disk->low;
}
