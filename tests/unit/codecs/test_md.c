#include "ref_md.h"

#define NS UINT64_C(1785000000999000000)

static tg_symtab_t tab;
static tg_bn_md_t md;

static void setup(void) {
  tg_symtab_init(&tab);
  add_symbol(&tab, "BTCUSDT", "0.10", "0.001");
  add_symbol(&tab, "BTCUSD_PERP", "0.1", "1");
  add_symbol(&tab, "ETHUSDT", "0.01", "0.00000001");
  tg_bn_md_init(&md, &tab);
  md.gen = 7;
}

TestSuite(md, .init = setup);

/* The examples of the venue page (sections 3.2 and 5), COIN-M and spot shapes. */
static const char *const EXAMPLES[] = {
    "{\"e\":\"bookTicker\",\"u\":11563389081190,\"s\":\"BTCUSDT\",\"ps\":\"BTCUSDT\",\"b\":\"61240.00\",\"B\":\"4.213\",\"a\":"
    "\"61240.10\","
    "\"A\":\"1.789\",\"T\":1785000000611,\"E\":1785000000612,\"st\":1}",
    "{\"stream\":\"btcusdt@bookTicker\",\"data\":{\"e\":\"bookTicker\",\"u\":4984028370881,\"s\":\"BTCUSDT\",\"b\":\"63943."
    "90\",\"B\":\"46.371\","
    "\"a\":\"63944.00\",\"A\":\"0.095\",\"T\":1721347022507,\"E\":1721347022507}}",
    "{\"stream\":\"btcusd_perp@bookTicker\",\"data\":{\"u\":1007202248045,\"e\":\"bookTicker\",\"s\":\"BTCUSD_PERP\",\"ps\":"
    "\"BTCUSD\",\"b\":\"61668."
    "6\",\"B\":\"1243\",\"a\":\"61668.7\",\"A\":\"871\",\"T\":1723161601262,\"E\":1723161601269}}",
    "{\"u\":36090299876,\"s\":\"ETHUSDT\",\"b\":\"1865.47000000\",\"B\":\"7.98680000\",\"a\":\"1865.48000000\",\"A\":\"3."
    "26888000\"}",
    "{\"e\":\"depthUpdate\",\"E\":1785000000700,\"T\":1785000000694,\"s\":\"BTCUSDT\",\"ps\":\"BTCUSDT\",\"U\":11563389081062,"
    "\"u\":11563389083310,"
    "\"pu\":11563389081061,\"b\":[[\"61240.00\",\"3.900\"],[\"61238.50\",\"0.000\"]],\"a\":[[\"61240.10\",\"2.104\"]],\"st\":"
    "1}",
    "{\"e\":\"depthUpdate\",\"E\":1785000000700,\"T\":1785000000694,\"s\":\"BTCUSD_PERP\",\"ps\":\"BTCUSD\",\"U\":900100,\"u\":"
    "900155,\"pu\":900099,"
    "\"b\":[[\"61230.1\",\"1204\"]],\"a\":[[\"61230.2\",\"0\"]],\"st\":2}",
    "{\"stream\":\"ethusdt@depth@100ms\",\"data\":{\"e\":\"depthUpdate\",\"E\":1723161255208,\"s\":\"ETHUSDT\",\"U\":"
    "50093239189,\"u\":50093239202,"
    "\"b\":[[\"1737.63000000\",\"0.00000000\"],[\"1730.17000000\",\"4690.34389600\"],[\"1656.58000000\",\"1.00000000\"],[\"1."
    "00\",\"2\"]],\"a\":[]}}",
    "{\"e\":\"depthUpdate\",\"E\":1,\"T\":2,\"s\":\"BTCUSDT\",\"U\":5,\"u\":6,\"pu\":4,\"b\":[],\"a\":[]}",
    "{\"e\":\"aggTrade\",\"E\":1785000000305,\"a\":3099176470,\"s\":\"BTCUSDT\",\"p\":\"61240.10\",\"q\":\"0.215\",\"nq\":\"0."
    "215\",\"f\":8132503391,"
    "\"l\":8132503394,\"T\":1785000000151,\"m\":false,\"st\":1}",
    "{\"e\":\"trade\",\"E\":1680652700455,\"T\":1680652700452,\"s\":\"BTCUSDT\",\"t\":3535186032,\"p\":\"28145.10\",\"q\":\"0."
    "002\",\"X\":\"MARKET\",\"m\":"
    "true}",
    "{\"e\":\"trade\",\"E\":1680652874406,\"T\":1680652874400,\"s\":\"BTCUSDT\",\"t\":3535191080,\"p\":\"28722.50\",\"q\":\"0."
    "001\",\"X\":\"INSURANCE_FUND\","
    "\"m\":true}",
    "{\"e\":\"markPriceUpdate\",\"E\":1785000001000,\"s\":\"BTCUSDT\",\"p\":\"61238.74210000\",\"ap\":\"61237.11000000\",\"P\":"
    "\"61201.55000000\",\"i\":"
    "\"61241.02333333\",\"r\":\"0.00006100\",\"T\":1785024000000,\"st\":1}",
    "[{\"e\":\"markPriceUpdate\",\"E\":1785000001000,\"s\":\"BTCUSDT\",\"p\":\"61238.74210000\",\"P\":\"1\",\"i\":\"1\",\"r\":"
    "\"\",\"T\":0},{\"e\":"
    "\"markPriceUpdate\",\"E\":1785000001000,\"s\":\"ETHUSDT\",\"p\":\"1238.74210000\",\"P\":\"1\",\"i\":\"1\",\"r\":\"-0."
    "00000001\",\"T\":5}]",
    "{\"e\":\"forceOrder\",\"E\":1785000002011,\"o\":{\"s\":\"BTCUSDT\",\"S\":\"SELL\",\"o\":\"LIMIT\",\"f\":\"IOC\",\"q\":\"0."
    "145\",\"p\":\"60995.10\","
    "\"ap\":\"61180.20\",\"X\":\"FILLED\",\"l\":\"0.020\",\"z\":\"0.145\",\"T\":1785000002006},\"ps\":\"BTCUSDT\",\"st\":1}",
    "{\"e\":\"kline\",\"E\":1785000003001,\"s\":\"BTCUSDT\",\"k\":{\"t\":1784999940000,\"T\":1784999999999,\"s\":\"BTCUSDT\","
    "\"i\":\"1m\",\"f\":8132500001,"
    "\"L\":8132503390,\"o\":\"61190.00\",\"c\":\"61240.10\",\"h\":\"61251.00\",\"l\":\"61188.20\",\"v\":\"143.250\",\"n\":3390,"
    "\"x\":true,\"q\":"
    "\"8771220.14\",\"V\":\"80.100\",\"Q\":\"4904310.77\",\"B\":\"0\"}}",
    /* 16 digits after scaling, one by one and in pairs */
    "{\"e\":\"depthUpdate\",\"E\":1,\"T\":2,\"s\":\"ETHUSDT\",\"U\":5,\"u\":6,\"pu\":4,\"b\":[[\"1730.1700000000000\","
    "\"46900302\"],[\"1730.17\","
    "\"46900302\"],[\"1730.17\",\"46900302\"]],\"a\":[[\"1730.17\",\"46900302\"]]}",
    "{\"lastUpdateId\":11563389081061,\"E\":1785000000210,\"T\":1785000000204,\"bids\":[[\"61240.00\",\"4.213\"],[\"61239.90\","
    "\"0.750\"]],\"asks\":[["
    "\"61240.10\",\"2.004\"],[\"61240.20\",\"0.012\"]]}",
};

static void same(const tg_msg_batch_t *got, const tg_msg_batch_t *want, const char *text) {
  cr_assert_eq(got->cnt, want->cnt, "%u messages, reference %u: %.300s", got->cnt, want->cnt, text);
  for (uint32_t i = 0; i < got->cnt; i++) {
    cr_assert_arr_eq(&got->msg[i], &want->msg[i], sizeof(tg_msg_t), "message %u (%s) differs: %.300s", i,
                     tg_msg_kind_name(got->msg[i].kind), text);
  }
}

Test(md, golden_book_ticker) {
  tg_msg_batch_t out = batch_new(4);
  cr_assert_eq(tg_bn_md_decode(&md, EXAMPLES[0], strlen(EXAMPLES[0]), NS, &out), 1);
  const tg_msg_t want = {.kind = TG_MD_TOP,
                         .ts_ns = NS,
                         .u.md_top = {.bid_px_ticks = 612400,
                                      .bid_qty_lots = 4213,
                                      .ask_px_ticks = 612401,
                                      .ask_qty_lots = 1789,
                                      .update_id = 11563389081190,
                                      .venue_ms = 1785000000611}};
  cr_assert_arr_eq(&out.msg[0], &want, sizeof want);
  cr_assert_eq(md.cnt.generic, 0, "the venue's own key order takes the straight path");
  free(out.msg);
}

Test(md, golden_depth) {
  tg_msg_batch_t out = batch_new(8);
  cr_assert_eq(tg_bn_md_decode(&md, EXAMPLES[4], strlen(EXAMPLES[4]), NS, &out), 3);
  const tg_msg_t want[3] = {
      {.kind = TG_MD_DEPTH,
       .ts_ns = NS,
       .u.md_depth = {.first_id = 11563389081062,
                      .last_id = 11563389083310,
                      .prev_id = 11563389081061,
                      .venue_ms = 1785000000694,
                      .bid_cnt = 2,
                      .ask_cnt = 1,
                      .gen = 7}},
      {.kind = TG_MD_LEVELS, .ts_ns = NS, .u.md_levels = {{{612400, 3900}, {612385, 0}}}},
      {.kind = TG_MD_LEVELS, .flags = TG_F_ASK | TG_F_LAST, .ts_ns = NS, .u.md_levels = {{{612401, 2104}}}}};
  cr_assert_arr_eq(out.msg, want, sizeof want);
  free(out.msg);
}

Test(md, examples_agree_with_the_reference_and_stay_in_their_page) {
  tg_msg_batch_t got = batch_new(64), want = batch_new(64);
  guarded_t g = guarded_new(8192);
  md.snapshot_instr_idx = 0;
  md.gen = 0;
  for (size_t i = 0; i < TG_ARRAY_CNT(EXAMPLES); i++) {
    size_t len = strlen(EXAMPLES[i]);
    got.cnt = want.cnt = 0;
    int n = tg_bn_md_decode(&md, guarded_put(&g, EXAMPLES[i], len), len, NS, &got);
    cr_assert_gt(n, 0, "%s: %d", EXAMPLES[i], n);
    cr_assert_eq(ref_md(&tab, EXAMPLES[i], len, NS, 0, &want), n);
    same(&got, &want, EXAMPLES[i]);
    for (size_t cut = 0; cut < len; cut++) {
      got.cnt = 1;
      n = tg_bn_md_decode(&md, guarded_put(&g, EXAMPLES[i], cut), cut, NS, &got);
      cr_assert_lt(n, 0, "a prefix of %zu bytes gave %d: %s", cut, n, EXAMPLES[i]);
      cr_assert_eq(got.cnt, 1);
    }
  }
  guarded_free(&g);
  free(got.msg);
  free(want.msg);
}

Test(md, any_key_order_white_space_and_unknown_keys) {
  static const char *const same_top[] = {
      ("{\"A\":\"1.789\",\"a\":\"61240.10\",\"B\":\"4.213\",\"b\":\"61240.00\",\"s\":\"BTCUSDT\",\"T\":1785000000611,\"u\":"
       "11563389081190,\"e\":"
       "\"bookTicker\"}"),
      (" { \"e\" : \"bookTicker\" , \"u\" : 11563389081190 , \"s\" : \"BTCUSDT\" , \"b\" : \"61240\" , \"B\" : \"4.213000\" , "
       "\"a\" : \"61240.1\" , "
       "\"A\" : \"1.789\" , \"T\" : 1785000000611 } "),
      ("{\"zz\":{\"b\":[1,{\"s\":\"X\"}]},\"e\":\"bookTicker\",\"u\":11563389081190,\"new\":\"a\\\"b\",\"s\":\"BTCUSDT\",\"b\":"
       "\"61240.00\",\"B\":\"4.213\","
       "\"a\":\"61240.10\",\"A\":\"1.789\",\"q\":null,\"T\":1785000000611,\"E\":1,\"st\":1}"),
      ("{\"data\":{\"u\":11563389081190,\"s\":\"BTCUSDT\",\"b\":61240.00,\"B\":4.213,\"a\":61240.10,\"A\":1.789,\"T\":"
       "1785000000611},\"stream\":\"x\"}"),
  };
  tg_msg_batch_t want = batch_new(4), got = batch_new(4);
  cr_assert_eq(tg_bn_md_decode(&md, EXAMPLES[0], strlen(EXAMPLES[0]), NS, &want), 1);
  for (size_t i = 0; i < TG_ARRAY_CNT(same_top); i++) {
    got.cnt = 0;
    cr_assert_eq(tg_bn_md_decode(&md, same_top[i], strlen(same_top[i]), NS, &got), 1, "%s", same_top[i]);
    same(&got, &want, same_top[i]);
  }
  cr_assert_eq(md.cnt.generic, TG_ARRAY_CNT(same_top));
  free(want.msg);
  free(got.msg);
}

Test(md, depth_with_asks_first_and_levels_before_the_symbol) {
  const char *text =
      "{\"a\":[ [\"61240.10\" , \"2.104\"] "
      "],\"b\":[[\"61240.00\",\"3.900\",[]]],\"pu\":4,\"u\":6,\"U\":5,\"s\":\"BTCUSDT\",\"T\":9,\"E\":8,\"e\":"
      "\"depthUpdate\"}";
  tg_msg_batch_t got = batch_new(8);
  cr_assert_eq(tg_bn_md_decode(&md, text, strlen(text), NS, &got), 3);
  cr_assert_eq(got.msg[0].u.md_depth.venue_ms, 9);
  cr_assert_eq(got.msg[1].u.md_levels.level[0].px_ticks, 612400);
  cr_assert_eq(got.msg[2].flags, TG_F_ASK | TG_F_LAST);
  free(got.msg);
}

Test(md, values_off_their_scale_are_refused_never_rounded) {
  static const char *const bad[] = {
      "{\"e\":\"bookTicker\",\"u\":1,\"s\":\"BTCUSDT\",\"b\":\"61240.05\",\"B\":\"4.213\",\"a\":\"61240.10\",\"A\":\"1.789\","
      "\"T\":1,\"E\":1}",
      "{\"e\":\"bookTicker\",\"u\":1,\"s\":\"BTCUSDT\",\"b\":\"61240.00\",\"B\":\"4.2135\",\"a\":\"61240.10\",\"A\":\"1.789\","
      "\"T\":1,\"E\":1}",
      "{\"e\":\"bookTicker\",\"u\":1,\"s\":\"BTCUSDT\",\"b\":\"-61240.00\",\"B\":\"4.213\",\"a\":\"61240.10\",\"A\":\"1.789\","
      "\"T\":1,\"E\":1}",
      "{\"e\":\"bookTicker\",\"u\":1,\"s\":\"BTCUSDT\",\"b\":\"99999999999999999999.0\",\"B\":\"4.213\",\"a\":\"61240.10\","
      "\"A\":\"1.789\",\"T\":1,\"E\":1}",
      "{\"e\":\"depthUpdate\",\"E\":1,\"T\":1,\"s\":\"BTCUSDT\",\"U\":1,\"u\":2,\"pu\":0,\"b\":[[\"1.0\",\"1.0001\"]],\"a\":[]"
      "}",
      "{\"e\":\"aggTrade\",\"E\":1,\"a\":3,\"s\":\"BTCUSDT\",\"p\":\"61240.15\",\"q\":\"0.215\",\"f\":1,\"l\":2,\"T\":1,\"m\":"
      "false}"};
  tg_msg_batch_t out = batch_new(8);
  out.cnt = 2;
  for (size_t i = 0; i < TG_ARRAY_CNT(bad); i++) {
    cr_assert_eq(tg_bn_md_decode(&md, bad[i], strlen(bad[i]), NS, &out), -TG_ERANGE, "%s", bad[i]);
    cr_assert_eq(out.cnt, 2);
  }
  cr_assert_eq(md.cnt.err_scale, TG_ARRAY_CNT(bad));
  free(out.msg);
}

Test(md, malformed_frames) {
  static const char *const bad[] = {
      "",
      "{",
      "null",
      "\"x\"",
      "{\"e\":\"bookTicker\"}",
      "{\"e\":\"bookTicker\",\"s\":\"BTCUSDT\"}",
      "{\"e\":\"bookTicker\",\"u\":1,\"s\":\"BTCUSDT\",\"b\":\"1.0\",\"B\":\"1\",\"a\":\"1.0\",\"A\":\"1\"}x",
      "{\"e\":\"bookTicker\",\"u\":1,\"s\":\"BTCUSDT\",\"b\":\"1.0\",\"B\":\"1\",\"a\":\"1.0\",\"A\":\"\"}",
      "{\"e\":\"bookTicker\",\"u\":\"x\",\"s\":\"BTCUSDT\",\"b\":\"1.0\",\"B\":\"1\",\"a\":\"1.0\",\"A\":\"1\"}",
      "{\"e\":\"depthUpdate\",\"E\":1,\"T\":1,\"s\":\"BTCUSDT\",\"U\":1,\"u\":2,\"pu\":0,\"b\":[[\"1.0\"]],\"a\":[]}",
      "{\"e\":\"depthUpdate\",\"E\":1,\"T\":1,\"s\":\"BTCUSDT\",\"U\":1,\"u\":2,\"pu\":0,\"b\":[]}",
      "{\"e\":\"depthUpdate\",\"E\":1,\"T\":1,\"s\":\"BTCUSDT\",\"U\":1,\"u\":2,\"pu\":0,\"b\":[[\"1.0\",\"1\"],],\"a\":[]}",
      "{\"e\":\"depthUpdate\",\"E\":1,\"T\":1,\"s\":\"BTCUSDT\",\"U\":1,\"u\":2,\"pu\":0,\"b\":[],\"a\":[],\"st\":}",
      "{\"e\":\"kline\",\"s\":\"BTCUSDT\"}",
      "{\"stream\":\"x\",\"data\":3}"};
  tg_msg_batch_t out = batch_new(8);
  for (size_t i = 0; i < TG_ARRAY_CNT(bad); i++) {
    cr_assert_eq(tg_bn_md_decode(&md, bad[i], strlen(bad[i]), NS, &out), -TG_ESYNTAX, "%s", bad[i]);
    cr_assert_eq(out.cnt, 0);
  }
  cr_assert_eq(md.cnt.err_syntax, TG_ARRAY_CNT(bad));
  free(out.msg);
}

Test(md, unknown_things_are_counted) {
  static const char *const texts[] = {
      "{\"e\":\"bookTicker\",\"u\":1,\"s\":\"DOGEUSDT\",\"b\":\"1\",\"B\":\"1\",\"a\":\"1\",\"A\":\"1\"}",
      "{\"e\":\"depthUpdate\",\"E\":1,\"T\":1,\"s\":\"DOGEUSDT\",\"U\":1,\"u\":2,\"pu\":0,\"b\":[],\"a\":[]}",
      "{\"e\":\"24hrTicker\",\"s\":\"BTCUSDT\"}", "{\"lastUpdateId\":5,\"bids\":[],\"asks\":[]}", "{\"hello\":1}"};
  tg_msg_batch_t out = batch_new(8);
  for (size_t i = 0; i < TG_ARRAY_CNT(texts); i++)
    cr_assert_eq(tg_bn_md_decode(&md, texts[i], strlen(texts[i]), NS, &out), 0, "%s", texts[i]);
  cr_assert_eq(md.cnt.unknown_symbol, 3);
  cr_assert_eq(md.cnt.unknown_event, 2);
  free(out.msg);
}

Test(md, control_answers) {
  tg_msg_batch_t out = batch_new(8);
#define DECODE(text) cr_assert_eq(tg_bn_md_decode(&md, text, strlen(text), NS, &out), 0, "%s", text)
  DECODE("{\"result\":null,\"id\":41}");
  cr_assert(md.control_id == 41 && md.control_code == 0 && md.cnt.control_ok == 1);
  DECODE("{\"result\":[\"btcusdt@markPrice@1s\"],\"id\":3}");
  cr_assert(md.control_id == 3 && md.cnt.control_ok == 2);
  DECODE("{\"error\":{\"code\":2,\"msg\":\"Invalid request\"},\"id\":5}");
  cr_assert(md.control_id == 5 && md.control_code == 2 && md.cnt.control_err == 1);
  DECODE("{\"code\":3,\"msg\":\"Invalid JSON\"}");
  cr_assert(md.control_code == 3 && md.cnt.control_err == 2);
  free(out.msg);
}

Test(md, a_full_batch_is_said_and_left_alone) {
  enum { LEVELS = 5000 };
  char *text = malloc(64 * 2 * LEVELS);
  size_t len = (size_t)sprintf(text, "{\"e\":\"depthUpdate\",\"E\":1,\"T\":1,\"s\":\"BTCUSDT\",\"U\":1,\"u\":2,\"pu\":0");
  for (int side = 0; side < 2; side++) {
    len += (size_t)sprintf(text + len, ",\"%c\":[", side ? 'a' : 'b');
    for (int i = 0; i < LEVELS; i++)
      len += (size_t)sprintf(text + len, "%s[\"%d.%d\",\"%d.001\"]", i ? "," : "", 60000 + i, i % 10, i);
    len += (size_t)sprintf(text + len, "]");
  }
  len += (size_t)sprintf(text + len, "}");
  const uint32_t need = 1 + 2 * ((LEVELS + 2) / 3);
  tg_msg_batch_t out = batch_new(need + 1), want = batch_new(need + 1);
  cr_assert_eq(tg_bn_md_decode(&md, text, len, NS, &out), (int)need);
  md.gen = 0;
  cr_assert_eq(ref_md(&tab, text, len, NS, 0, &want), (int)need);
  want.msg[0].u.md_depth.gen = 7;
  same(&out, &want, "5000 levels a side");
  out.cap = need;
  out.cnt = 1;
  cr_assert_eq(tg_bn_md_decode(&md, text, len, NS, &out), -TG_EFULL);
  cr_assert_eq(out.cnt, 1);
  cr_assert_eq(md.cnt.err_full, 1);
  free(text);
  free(out.msg);
  free(want.msg);
}

Test(md, snapshots) {
  tg_msg_batch_t out = batch_new(8);
  const char *text = EXAMPLES[16];
  cr_assert_eq(tg_bn_md_snapshot(&md, text, strlen(text), NS, 0, 42, &out), 3);
  cr_assert_eq(out.msg[0].flags, TG_F_SNAPSHOT);
  cr_assert_eq(out.msg[0].u.md_depth.first_id, 11563389081061);
  cr_assert_eq(out.msg[0].u.md_depth.last_id, 11563389081061);
  cr_assert_eq(out.msg[0].u.md_depth.gen, 42);
  cr_assert_eq(out.msg[1].flags, 0);
  cr_assert_eq(out.msg[2].flags, TG_F_ASK | TG_F_LAST);
  cr_assert_eq(tg_bn_md_snapshot(&md, text, strlen(text), NS, 9, 42, &out), -TG_ENOTFOUND);
  const char *empty = "{\"lastUpdateId\":5,\"bids\":[],\"asks\":[]}";
  out.cnt = 0;
  cr_assert_eq(tg_bn_md_snapshot(&md, empty, strlen(empty), NS, 0, 1, &out), 1);
  cr_assert_eq(out.msg[0].flags, TG_F_SNAPSHOT | TG_F_LAST);
  const char *wrapped =
      "{\"id\":\"x\",\"status\":200,\"result\":{\"lastUpdateId\":5,\"bids\":[[\"1.0\",\"1\"]],\"asks\":[]},\"rateLimits\":[]}";
  out.cnt = 0;
  cr_assert_eq(tg_bn_md_snapshot(&md, wrapped, strlen(wrapped), NS, 0, 1, &out), 2);
  cr_assert_eq(tg_bn_md_snapshot(&md, "{}", 2, NS, 0, 1, &out), -TG_ESYNTAX);
  free(out.msg);
}
