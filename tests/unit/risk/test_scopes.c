/* Limits of account, strategy and instrument: the smallest wins; the degrade policy's cut. */
#include <criterion/criterion.h>

#include "tests/unit/risk/fixture.h"

static void narrow(tg_scoped_t *scoped, tg_scope_t scope, const char *key, int64_t value) {
  cr_assert_eq(tg_scoped_apply(scoped, tg_conf_key_hash(key), (uint8_t)scope, 0, value), 0, "%s", key);
}

Test(scopes, the_smallest_wins_and_says_whose_it_is) {
  world_t w;
  static tg_scoped_t scoped;
  world_init(&w, TG_INTENT_INCREASE_RISK);
  tg_limits_make_scoped(&w.limits, &w.conf, &scoped, 0, &w.filters, 100);
  tg_limits_t plain;
  tg_limits_make(&plain, &w.conf, &w.filters);
  cr_assert_eq(memcmp(&plain, &w.limits, sizeof plain), 0, "nothing narrower: the engine's own");
  narrow(&scoped, TG_SCOPE_ACCOUNT, "risk.max_position", TG_E8 / 4);
  narrow(&scoped, TG_SCOPE_STRATEGY, "risk.max_position", TG_E8 / 5);
  narrow(&scoped, TG_SCOPE_INSTRUMENT, "risk.max_position", TG_E8 / 10);
  narrow(&scoped, TG_SCOPE_STRATEGY, "risk.max_gross", 90000 * TG_E8);
  tg_limits_make_scoped(&w.limits, &w.conf, &scoped, 0, &w.filters, 100);
  cr_assert_eq(w.limits.max_position_lots, 100);
  cr_assert_eq(w.limits.scope_of[TG_LIMIT_POSITION], TG_SCOPE_INSTRUMENT);
  cr_assert_eq(w.limits.max_gross_e8, 50000 * TG_E8, "a larger one narrows nothing");
  cr_assert_eq(w.limits.scope_of[TG_LIMIT_GROSS], TG_SCOPE_ENGINE);
  tg_limits_make_scoped(&w.limits, &w.conf, &scoped, 1, &w.filters, 100);
  cr_assert_eq(w.limits.max_position_lots, 200, "another instrument has the strategy's");
  cr_assert_eq(w.limits.scope_of[TG_LIMIT_POSITION], TG_SCOPE_STRATEGY);
  narrow(&scoped, TG_SCOPE_STRATEGY, "risk.max_position", 0);
  tg_limits_make_scoped(&w.limits, &w.conf, &scoped, 1, &w.filters, 100);
  cr_assert_eq(w.limits.max_position_lots, 250, "0 takes a narrower one away");
  cr_assert_eq(w.limits.scope_of[TG_LIMIT_POSITION], TG_SCOPE_ACCOUNT);
}

Test(scopes, an_unset_engine_limit_stays_unset) {
  world_t w;
  static tg_scoped_t scoped;
  world_init(&w, TG_INTENT_INCREASE_RISK);
  w.conf.risk_max_position = 0;
  narrow(&scoped, TG_SCOPE_INSTRUMENT, "risk.max_position", TG_E8 / 10);
  tg_limits_make_scoped(&w.limits, &w.conf, &scoped, 0, &w.filters, 100);
  cr_assert_eq(w.limits.max_position_lots, 0);
  uint32_t subs;
  cr_assert_eq(tg_gate_lowest(world_mask(&w, &subs)), TG_GATE_LIMITS);
}

Test(scopes, what_does_not_fit_is_refused_and_changes_nothing) {
  static tg_scoped_t scoped, zero;
  const uint32_t gross = tg_conf_key_hash("risk.max_gross");
  cr_assert_eq(tg_scoped_apply(&scoped, gross, TG_SCOPE_INSTRUMENT, 0, 1), -TG_ENOTFOUND, "gross is of all instruments");
  cr_assert_eq(tg_scoped_apply(&scoped, gross, TG_SCOPE_ENGINE, 0, 1), -TG_EINVAL);
  cr_assert_eq(tg_scoped_apply(&scoped, gross, TG_SCOPE_CNT, 0, 1), -TG_EINVAL);
  cr_assert_eq(tg_scoped_apply(&scoped, tg_conf_key_hash("risk.max_position"), TG_SCOPE_INSTRUMENT, TG_INSTR_MAX, 1),
               -TG_EINVAL);
  cr_assert_eq(tg_scoped_apply(&scoped, tg_conf_key_hash("risk.stop_bps"), TG_SCOPE_ACCOUNT, 0, 1), -TG_ENOTFOUND);
  cr_assert_eq(tg_scoped_apply(&scoped, 12345, TG_SCOPE_ACCOUNT, 0, 1), -TG_ENOTFOUND);
  cr_assert_eq(tg_scoped_apply(&scoped, gross, TG_SCOPE_ACCOUNT, 0, -1), -TG_ERANGE);
  cr_assert_eq(tg_scoped_apply(&scoped, gross, TG_SCOPE_ACCOUNT, 0, INT64_MAX), -TG_ERANGE);
  cr_assert_eq(memcmp(&scoped, &zero, sizeof zero), 0);
}

Test(scopes, every_key_narrows_its_own_limit_in_each_of_its_scopes) {
  static const struct {
    const char *key;
    unsigned limit;
    bool on[TG_SCOPE_CNT];
  } rows[] = {
#define SCOPED(key, LIMIT, account, strategy, instrument) \
  {"risk." #key, TG_LIMIT_##LIMIT, {false, account, strategy, instrument}},
#include "engine/conf/scoped.def"
#undef SCOPED
  };
  for (unsigned i = 0; i < TG_ARRAY_CNT(rows); i++) {
    for (unsigned scope = TG_SCOPE_ACCOUNT; scope < TG_SCOPE_CNT; scope++) {
      world_t w;
      static tg_scoped_t scoped;
      memset(&scoped, 0, sizeof scoped);
      world_init(&w, TG_INTENT_INCREASE_RISK);
      const tg_conf_row_t *row = tg_conf_find(rows[i].key);
      cr_assert_not_null(row);
      int64_t own;
      memcpy(&own, (char *)&w.conf + row->core_offset, sizeof own);
      int64_t half = own / 2;
      int err = tg_scoped_apply(&scoped, row->hash, (uint8_t)scope, 0, half);
      cr_assert_eq(err, rows[i].on[scope] ? 0 : -TG_ENOTFOUND, "%s in scope %u", rows[i].key, scope);
      tg_limits_make_scoped(&w.limits, &w.conf, &scoped, 0, &w.filters, 100);
      for (unsigned l = 0; l < TG_LIMIT_CNT; l++) {
        tg_limits_t plain;
        tg_limits_make(&plain, &w.conf, &w.filters);
        bool moved = tg_limit_value(&w.limits, l) != tg_limit_value(&plain, l);
        cr_assert_eq(moved, err == 0 && l == rows[i].limit, "%s moves %s", rows[i].key, tg_limit_name(l));
      }
      cr_assert_eq(w.limits.scope_of[rows[i].limit], err == 0 ? scope : TG_SCOPE_ENGINE);
    }
  }
}

Test(scopes, the_degrade_policy_cuts_order_gross_and_net_limits) {
  world_t w;
  static tg_scoped_t scoped;
  world_init(&w, TG_INTENT_INCREASE_RISK);
  tg_limits_make_scoped(&w.limits, &w.conf, &scoped, 0, &w.filters, 50);
  cr_assert_eq(w.limits.max_order_notional_e8, 2500 * TG_E8);
  cr_assert_eq(w.limits.max_gross_e8, 25000 * TG_E8);
  cr_assert_eq(w.limits.max_net_e8, 25000 * TG_E8);
  cr_assert_eq(w.limits.max_gross_equity_pct, 500);
  cr_assert_eq(w.limits.max_net_equity_pct, 500);
  cr_assert_eq(w.limits.max_order_qty_lots, 100);
  cr_assert_eq(w.limits.max_position_lots, 500);
  cr_assert_eq(w.limits.unset, 0);
  uint32_t subs;
  cr_assert_eq(world_mask(&w, &subs), 0);
  w.req.qty_lots = w.req.rem_lots = 41; /* 2,541.96 */
  cr_assert_eq(world_mask(&w, &subs), TG_GATE_BIT(ORDER_NOTIONAL));
  w.conf.risk_max_gross_equity_pct = 1;
  tg_limits_make_scoped(&w.limits, &w.conf, &scoped, 0, &w.filters, 50);
  cr_assert_eq(w.limits.unset, 0, "a cut never unsets");
}

Test(scopes, looser_is_seen_in_any_limit) {
  world_t w;
  world_init(&w, TG_INTENT_INCREASE_RISK);
  tg_limits_t now = w.limits;
  cr_assert_not(tg_limits_looser(&now, &w.limits));
  now.max_gross_e8--;
  cr_assert_not(tg_limits_looser(&now, &w.limits));
  now.max_positions++;
  cr_assert(tg_limits_looser(&now, &w.limits), "one that grew is enough");
  now = w.limits;
  now.loss_cooldown_ns--;
  cr_assert(tg_limits_looser(&now, &w.limits), "a shorter cooldown is looser");
  now = w.limits;
  now.loss_cooldown_ns++;
  cr_assert_not(tg_limits_looser(&now, &w.limits));
  now = w.limits;
  now.window_until_ns++;
  cr_assert(tg_limits_looser(&now, &w.limits));
}
