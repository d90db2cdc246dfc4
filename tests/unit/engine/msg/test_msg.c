#include <criterion/criterion.h>
#include <stddef.h>
#include <string.h>

/* every payload names its padding: a hole the compiler put in would be an error here */
#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wpadded"
#include "engine/msg/msg.h"
#pragma GCC diagnostic pop

typedef struct row {
  const char *name;
  unsigned number;
  size_t bytes;
  const char *text;
} row_t;

static const row_t kinds[] = {
#define M(name, field, number, type, text) {#name, number, sizeof(type), text},
#include "engine/msg/msg.def"
#undef M
};

/* 0 into the core, 1 out of it, 2 between other lanes */
static int way_of_number(unsigned n) {
  return n < 128 ? 0 : n < 192 ? 1 : 2;
}

static int way_of_name(const char *name) {
  return strncmp(name, "OUT_", 4) == 0 ? 1 : strncmp(name, "CTL_", 4) == 0 ? 2 : 0;
}

Test(msg, kinds_are_unique_named_and_in_their_range) {
  for (size_t i = 0; i < TG_ARRAY_CNT(kinds); i++) {
    unsigned n = kinds[i].number;
    cr_assert(n >= 1 && n <= 254, "%s = %u", kinds[i].name, n);
    cr_assert_eq(way_of_name(kinds[i].name), way_of_number(n), "%s = %u", kinds[i].name, n);
    cr_assert_str_eq(tg_msg_kind_name(n), kinds[i].name);
    cr_assert_neq(kinds[i].text[0], '\0');
    for (size_t k = 0; k < i; k++) {
      cr_assert_neq(kinds[k].number, n, "%s and %s", kinds[k].name, kinds[i].name);
      cr_assert_str_neq(kinds[k].name, kinds[i].name);
    }
    if (i) cr_assert_gt(n, kinds[i - 1].number, "rows in order: %s", kinds[i].name);
  }
}

Test(msg, a_number_outside_the_table_is_a_question_mark) {
  for (unsigned n = 0; n < 400; n++) {
    bool known = false;
    for (size_t i = 0; i < TG_ARRAY_CNT(kinds); i++) known |= kinds[i].number == n;
    if (!known) cr_assert_str_eq(tg_msg_kind_name(n), "?");
  }
  cr_assert_str_eq(tg_msg_kind_name(UINT32_MAX), "?");
}

Test(msg, sizes_and_the_head) {
  cr_assert_eq(sizeof(tg_msg_t), 64);
  cr_assert_eq(_Alignof(tg_msg_t), 64);
  cr_assert_eq(offsetof(tg_msg_t, ring_lap), 0, "the ring's own word comes first");
  cr_assert_eq(offsetof(tg_msg_t, kind), 4);
  cr_assert_eq(offsetof(tg_msg_t, flags), 5);
  cr_assert_eq(offsetof(tg_msg_t, instr_idx), 6);
  cr_assert_eq(offsetof(tg_msg_t, ts_ns), 8);
  cr_assert_eq(offsetof(tg_msg_t, u), 16);
  for (size_t i = 0; i < TG_ARRAY_CNT(kinds); i++) cr_assert_eq(kinds[i].bytes, TG_PAYLOAD_BYTES, "%s", kinds[i].name);
  cr_assert_geq(TG_INSTR_NONE, TG_INSTR_MAX);
}

/* Offsets lie on tapes (TG_MSG_FORMAT_VERSION): who moves a field must bump the version and this list. */
Test(msg, offsets_on_the_tape) {
  cr_assert_eq(TG_MSG_FORMAT_VERSION, 1);
#define AT(type, field, want) cr_assert_eq(offsetof(type, field), want, #type "." #field " at %zu", offsetof(type, field))
  AT(tg_md_top_t, bid_px_ticks, 0);
  AT(tg_md_top_t, bid_qty_lots, 8);
  AT(tg_md_top_t, ask_px_ticks, 16);
  AT(tg_md_top_t, ask_qty_lots, 24);
  AT(tg_md_top_t, update_id, 32);
  AT(tg_md_top_t, venue_ms, 40);
  AT(tg_md_depth_t, first_id, 0);
  AT(tg_md_depth_t, last_id, 8);
  AT(tg_md_depth_t, prev_id, 16);
  AT(tg_md_depth_t, venue_ms, 24);
  AT(tg_md_depth_t, bid_cnt, 32);
  AT(tg_md_depth_t, ask_cnt, 36);
  AT(tg_md_depth_t, gen, 40);
  AT(tg_md_levels_t, level[2].qty_lots, 40);
  AT(tg_md_trade_t, trade_id, 16);
  AT(tg_md_trade_t, aggressor, 32);
  AT(tg_md_trade_t, last_trade_id, 40);
  AT(tg_md_mark_t, settle_e8, 40);
  AT(tg_md_kline_t, open_s, 40);
  AT(tg_md_kline_t, closed, 46);
  AT(tg_ex_order_t, client_id, 0);
  AT(tg_ex_order_t, order_id, 8);
  AT(tg_ex_order_t, cum_qty_lots, 32);
  AT(tg_ex_order_t, venue_lag_ms, 40);
  AT(tg_ex_order_t, status, 44);
  AT(tg_ex_fill_t, client_id, 0);
  AT(tg_ex_fill_t, trade_id, 8);
  AT(tg_ex_fill_t, px_ticks, 16);
  AT(tg_ex_fill_t, qty_lots, 24);
  AT(tg_ex_fill_t, commission_e8, 32);
  AT(tg_ex_fill_t, realised_e8, 40);
  AT(tg_ex_answer_t, venue_code, 40);
  AT(tg_ex_answer_t, request, 44);
  AT(tg_ex_balance_t, asset, 40);
  AT(tg_ex_position_t, position_side, 40);
  AT(tg_acc_begin_t, snapshot_no, 0);
  AT(tg_acc_order_t, order_flags, 46);
  AT(tg_link_t, gen, 4);
  AT(tg_rate_t, pause_until_ns, 24);
  AT(tg_cmd_t, cmd_no, 8);
  AT(tg_cmd_t, reason, 32);
  AT(tg_cfg_symbol_t, margin_asset, 20);
  AT(tg_cfg_symbol_t, px_unit, 32);
  AT(tg_cfg_set_t, key_hash, 0);
  AT(tg_cfg_set_t, value, 8);
  AT(tg_out_order_t, client_id, 0);
  AT(tg_out_order_t, order_id, 8);
  AT(tg_out_order_t, px_ticks, 16);
  AT(tg_out_order_t, qty_lots, 24);
  AT(tg_out_order_t, origin_ns, 32);
  AT(tg_out_order_t, side, 40);
  AT(tg_out_order_t, request_no, 44);
  AT(tg_out_decision_t, gate_mask, 8);
  AT(tg_out_decision_t, gate, 36);
  AT(tg_out_report_t, venue_code, 44);
  AT(tg_out_position_t, unrealised_e8, 40);
  AT(tg_out_alarm_t, ours, 16);
#undef AT
}

Test(msg, flags_are_distinct_bits) {
  static const unsigned flag[] = {TG_F_LAST, TG_F_ASK,   TG_F_SNAPSHOT,     TG_F_SECOND,
                                  TG_F_LITE, TG_F_MAKER, TG_F_UNKNOWN_ENUM, TG_F_FOREIGN};
  unsigned all = 0;
  for (size_t i = 0; i < TG_ARRAY_CNT(flag); i++) {
    cr_assert_eq(__builtin_popcount(flag[i]), 1);
    cr_assert_eq(all & flag[i], 0);
    all |= flag[i];
  }
  cr_assert_leq(all, UINT8_MAX);
  cr_assert_eq(TG_ORDER_POST_ONLY & TG_ORDER_REDUCE_ONLY, 0);
  cr_assert_eq((TG_ORDER_POST_ONLY | TG_ORDER_REDUCE_ONLY) & TG_ORDER_CLOSE_POSITION, 0);
}

Test(msg, init_zeroes_and_sets_the_head) {
  tg_msg_t msg;
  memset(&msg, 0xee, sizeof msg);
  tg_msg_init(&msg, TG_EX_FILL, 3, 123456789);
  cr_assert_eq(msg.kind, 17);
  cr_assert_eq(msg.instr_idx, 3);
  cr_assert_eq(msg.ts_ns, 123456789);
  cr_assert_eq(msg.flags, 0);
  cr_assert_eq(msg.ring_lap, 0);
  for (int i = 0; i < TG_PAYLOAD_BYTES; i++) cr_assert_eq(msg.u.byte[i], 0);
}

Test(msg, a_batch_refuses_at_its_cap) {
  tg_msg_t mem[3];
  memset(mem, 0xee, sizeof mem);
  tg_msg_batch_t batch = {.msg = mem, .cap = 2};
  cr_assert_eq(tg_msg_next(&batch, TG_MD_TOP, 0, 1), &mem[0]);
  cr_assert_eq(tg_msg_next(&batch, TG_TIMER, TG_INSTR_NONE, 2), &mem[1]);
  cr_assert_null(tg_msg_next(&batch, TG_TIMER, 0, 3));
  cr_assert_eq(batch.cnt, 2);
  cr_assert_eq(mem[1].instr_idx, TG_INSTR_NONE);
  cr_assert_eq(mem[2].kind, 0xee, "nothing behind the cap is touched");
}
