/* faults.md row 7 on the cold side: a refused timestamp measures the venue's clock again; requests are stamped by it. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "cold_rig.h"

static void refused(cold_rig_t *rig, int16_t code) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_EX_ANSWER, 0, cold_now(rig));
  msg.u.ex_answer.venue_code = code;
  msg.u.ex_answer.http_status = 400;
  msg.u.ex_answer.outcome = TG_OUTCOME_REFUSED;
  cold_journal(rig, &msg);
}

Test(fault_07, a_refused_timestamp_measures_the_venues_clock_again) {
  cold_rig_t *rig = cold_new(vp_start(LEAF_GOOD), 0);
  cold_open(rig);
  cold_up(rig);
  rig->shift_ns += 2 * (uint64_t)TG_NS_PER_S;
  cold_turns(rig, 20);
  int asked = vp_seen(rig->venue, "GET /fapi/v1/time", NULL, 0), told = cold_told(rig, TG_CLOCK, NULL);
  refused(rig, -2010);
  cold_turns(rig, 50);
  cr_assert_eq(vp_seen(rig->venue, "GET /fapi/v1/time", NULL, 0), asked, "another refusal is no matter of clocks");
  for (int i = 0; i < 5; i++) refused(rig, -1021);
  COLD_UNTIL(rig, cold_told(rig, TG_CLOCK, NULL) > told);
  for (int i = 0; i < 5; i++) refused(rig, -1021);
  cold_turns(rig, 50);
  cr_assert_eq(vp_seen(rig->venue, "GET /fapi/v1/time", NULL, 0), asked + 1, "once a second at most");
  cr_assert_eq(rig->ctl[rig->ctl_cnt - 1].kind, TG_CTL_CLOCK, "the gateway stamps by it from now on");
  cold_free(rig);
}
