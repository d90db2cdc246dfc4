#include "engine/core/lifecycle.h"
#include "engine/core/order.h"
#include "engine/core/router.h"
#include "engine/run/engine_int.h"

static bool order_open(unsigned state) {
  return state >= TG_ORD_SENT && state <= TG_ORD_REST_UNKNOWN;
}

static bool fsm_permits(unsigned state, unsigned intent) {
  return tg_fsm_permits(state, (tg_intent_t)intent);
}

const tg_cold_names_t tg_run_names = {
    .fsm_state = tg_fsm_state_name,
    .fsm_reason = tg_fsm_reason_name,
    .fsm_state_cnt = TG_FSM_CNT,
    .fsm_permits = fsm_permits,
    .order_state = tg_ord_state_name,
    .order_open = order_open,
    .decision = tg_route_decision_name,
    .decision_reason = tg_route_reason_name,
};
