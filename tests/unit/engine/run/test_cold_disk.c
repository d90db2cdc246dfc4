/* faults.md row 18, the room on the disk: below the mark it is told once, above it again; what cannot be asked for is low. */
#include <criterion/criterion.h>

#include "engine/run/cold_disk.h"

#define S UINT64_C(1000000000)
#define MB (INT64_C(1) << 20)

static int64_t there;
static int64_t room(const char *dir) {
  cr_assert_str_eq(dir, "somewhere");
  return there;
}

static tg_cold_disk_t make(void) {
  tg_cold_disk_t disk;
  tg_cold_disk_init(&disk, "somewhere", 64);
  disk.room = room;
  return disk;
}

Test(fault_18, low_water_is_told_once_and_left_with_room_to_spare) {
  tg_cold_disk_t disk = make();
  tg_msg_t msg;
  there = 64 * MB;
  cr_assert(!tg_cold_disk_turn(&disk, 1 * S, &msg), "exactly the mark is enough");
  there = 64 * MB - 1;
  cr_assert(!tg_cold_disk_turn(&disk, 2 * S - 1, &msg), "a look a second");
  cr_assert_eq(disk.look_cnt, 1u);
  cr_assert(tg_cold_disk_turn(&disk, 2 * S, &msg));
  cr_assert(msg.kind == TG_HEALTH && msg.u.health.what == TG_HEALTH_DISK && !msg.u.health.ok);
  cr_assert_eq(msg.u.health.value, 64 * MB - 1);
  cr_assert(tg_cold_disk_turn(&disk, 2 * S + 1, &msg), "the core did not take it: again");
  tg_cold_disk_told(&disk);
  cr_assert(!tg_cold_disk_turn(&disk, 3 * S, &msg));
  there = 72 * MB - 1;
  cr_assert(!tg_cold_disk_turn(&disk, 4 * S, &msg), "not yet an eighth above");
  there = 72 * MB;
  cr_assert(tg_cold_disk_turn(&disk, 5 * S, &msg));
  cr_assert_eq(msg.u.health.ok, 1);
  tg_cold_disk_told(&disk);
  there = 65 * MB;
  cr_assert(!tg_cold_disk_turn(&disk, 6 * S, &msg), "it does not flap");
}

Test(fault_18, a_disk_that_cannot_be_asked_is_low_and_a_mark_of_zero_is_off) {
  tg_cold_disk_t disk = make();
  tg_msg_t msg;
  there = -1;
  cr_assert(tg_cold_disk_turn(&disk, 1 * S, &msg));
  cr_assert_eq(msg.u.health.ok, 0);
  cr_assert_eq(msg.u.health.value, -1);
  cr_assert_eq(disk.fail_cnt, 1u);
  tg_cold_disk_init(&disk, "somewhere", 0);
  disk.room = room;
  cr_assert(!tg_cold_disk_turn(&disk, 1 * S, &msg));
  cr_assert_eq(disk.look_cnt, 0u);
}

Test(fault_18, the_real_disk_answers) {
  tg_cold_disk_t disk;
  tg_msg_t msg;
  tg_cold_disk_init(&disk, ".", 1);
  bool low = tg_cold_disk_turn(&disk, 1 * S, &msg);
  cr_assert_eq(low, disk.room_bytes < MB);
  cr_assert_geq(disk.room_bytes, 0);
  tg_cold_disk_init(&disk, "/no/such/place", 1);
  cr_assert(tg_cold_disk_turn(&disk, 1 * S, &msg));
}
