#include "ref_md.h"

#include <jansson.h>

/* Every recorded frame gives what the slow reference gives. Frames are "receive-time frame" lines. */
typedef struct flow {
  size_t files, frames, msgs, by_kind[256];
} flow_t;

static void one_frame(const tg_symtab_t *tab, tg_bn_md_t *md, tg_msg_batch_t *got, tg_msg_batch_t *want, const char *text,
                      size_t len, flow_t *flow) {
  got->cnt = want->cnt = 0;
  int n = tg_bn_md_decode(md, text, len, 1, got);
  int ref = ref_md(tab, text, len, 1, md->snapshot_instr_idx, want);
  cr_assert_geq(n, 0, "%d: %.300s", n, text);
  cr_assert_eq(n, ref, "%d, reference %d: %.300s", n, ref, text);
  cr_assert_eq(memcmp(got->msg, want->msg, sizeof(tg_msg_t) * got->cnt), 0, "differs: %.300s", text);
  flow->frames++;
  flow->msgs += (size_t)n;
  for (uint32_t i = 0; i < got->cnt; i++) flow->by_kind[got->msg[i].kind]++;
}

static void flow_file(const char *path, void *user) {
  flow_t *flow = user;
  size_t len;
  char *text = read_all(path, &len);
  tg_symtab_t tab;
  tg_bn_md_t md;
  tg_symtab_init(&tab);
  add_all_symbols(&tab, text, len < 2000000 ? len : 2000000);
  tg_bn_md_init(&md, &tab);
  md.snapshot_instr_idx = 0;
  tg_msg_batch_t got = batch_new(16384), want = batch_new(16384);
  for (char *p = text, *end = text + len; p < end;) {
    char *nl = memchr(p, '\n', (size_t)(end - p));
    if (!nl) nl = end;
    char *space = memchr(p, ' ', (size_t)(nl - p));
    if (space) one_frame(&tab, &md, &got, &want, space + 1, (size_t)(nl - space - 1), flow);
    p = nl + 1;
  }
  flow->files++;
  free(got.msg);
  free(want.msg);
  free(text);
}

Test(recorded, hftbacktest_agrees_with_the_reference, .timeout = 280) {
  NEED_DATA();
  flow_t flow = {0};
  each_file("crypto/hftbacktest", ".gz", flow_file, &flow);
  if (flow.files == 0) cr_skip_test("no recordings under TICKGATE_DATA/crypto/hftbacktest");
  cr_log_info("%zu files, %zu frames, %zu messages", flow.files, flow.frames, flow.msgs);
  cr_assert_gt(flow.by_kind[TG_MD_DEPTH], 0);
  cr_assert_gt(flow.by_kind[TG_MD_TOP], 0);
}

/* --- whole sessions: rows {t, data, ...} --- */

typedef struct session {
  tg_symtab_t tab;
  tg_bn_md_t md;
  tg_msg_batch_t got, want;
  flow_t flow;
  size_t snapshots, infos;
} session_t;

static void exchange_info_row(session_t *s, const char *body, size_t len) {
  json_t *root = json_loadb(body, len, 0, NULL);
  json_t *symbols = json_object_get(root, "symbols"), *symbol;
  size_t i;
  tg_bn_want_t want[1];
  tg_rate_t rate;
  memset(want, 0, sizeof want);
  json_array_foreach(symbols, i, symbol) { /* every symbol of the body, one at a time */
    const char *name = json_string_value(json_object_get(symbol, "symbol"));
    if (!name || strlen(name) > TG_SYM_TEXT_MAX) continue;
    memset(want[0].symbol, 0, sizeof want[0].symbol);
    memcpy(want[0].symbol, name, strlen(name));
    s->got.cnt = 0;
    int n = tg_bn_rest_exchange_info(body, len, 1, TG_PRODUCT_USDM, want, 1, &s->got, &rate);
    cr_assert_eq(n, 3, "%s: %d", name, n);
    cr_assert(want[0].found && strncmp(s->got.msg[0].u.cfg_symbol.symbol, name, 20) == 0);
    json_t *filter;
    size_t k;
    json_array_foreach(json_object_get(symbol, "filters"), k, filter) {
      const char *type = json_string_value(json_object_get(filter, "filterType"));
      tg_scale_t px = {.dec = s->got.msg[0].u.cfg_symbol.px_dec, .unit = s->got.msg[0].u.cfg_symbol.px_unit};
      int64_t value = 0;
      if (strcmp(type, "PRICE_FILTER") == 0) {
        cr_assert(ref_scaled(json_string_value(json_object_get(filter, "tickSize")), px, &value) && value == 1, "%s", name);
        if (ref_scaled(json_string_value(json_object_get(filter, "maxPrice")), px, &value)) {
          cr_assert_eq(value, s->got.msg[1].u.cfg_filter.u.first.max_px_ticks, "%s", name);
        }
      }
    }
    if (i > 40) break;
  }
  json_decref(root);
  s->infos++;
}

static void snapshot_row(session_t *s, const char *url, const char *body, size_t len) {
  const char *name = strstr(url, "symbol=");
  cr_assert(name);
  name += 7;
  size_t n = strcspn(name, "&");
  const tg_sym_t *sym = tg_symtab_find(&s->tab, name, n);
  if (!sym) return;
  s->got.cnt = s->want.cnt = 0;
  int cnt = tg_bn_md_snapshot(&s->md, body, len, 1, sym->instr_idx, 0, &s->got);
  cr_assert_gt(cnt, 0, "%d: %s", cnt, url);
  cr_assert_eq(ref_md(&s->tab, body, len, 1, sym->instr_idx, &s->want), cnt);
  cr_assert_eq(memcmp(s->got.msg, s->want.msg, sizeof(tg_msg_t) * s->got.cnt), 0, "%s", url);
  s->snapshots++;
}

static void session_row(session_t *s, const char *line, size_t len) {
  json_t *row = json_loadb(line, len, 0, NULL);
  cr_assert(row, "%.200s", line);
  const char *kind = json_string_value(json_object_get(row, "t"));
  json_t *data = json_object_get(row, "data");
  const char *url = json_string_value(json_object_get(row, "url"));
  if (kind && json_is_string(data)) {
    const char *text = json_string_value(data);
    size_t n = json_string_length(data);
    if (strcmp(kind, "recv") == 0) one_frame(&s->tab, &s->md, &s->got, &s->want, text, n, &s->flow);
    if (strcmp(kind, "http") == 0 && url && strstr(url, "exchangeInfo")) exchange_info_row(s, text, n);
    if (strcmp(kind, "http") == 0 && url && strstr(url, "/depth?")) snapshot_row(s, url, text, n);
  }
  json_decref(row);
}

static void session_file(const char *path, void *user) {
  size_t *sessions = user;
  const char *name = strrchr(path, '/') + 1;
  if (strncmp(name, "BINANCE", 7) != 0) return; /* other venues have other codecs */
  size_t len;
  char *text = read_all(path, &len);
  session_t *s = calloc(1, sizeof *s);
  cr_assert(s);
  tg_symtab_init(&s->tab);
  for (char *p = text; (p = strstr(p, "\\\"s\\\":\\\"")) != NULL;) { /* symbols of the quoted frames */
    p += 8;
    size_t n = strcspn(p, "\\");
    const tg_scale_t fine = {.dec = 8, .unit = 1};
    if (s->tab.cnt < TG_INSTR_MAX && !tg_symtab_find(&s->tab, p, n)) {
      cr_assert_eq(tg_symtab_add(&s->tab, p, n, (uint16_t)s->tab.cnt, TG_PRODUCT_USDM, fine, fine), 0);
    }
  }
  tg_bn_md_init(&s->md, &s->tab);
  s->got = batch_new(16384);
  s->want = batch_new(16384);
  for (char *p = text, *end = text + len; p < end;) {
    char *nl = memchr(p, '\n', (size_t)(end - p));
    if (!nl) nl = end;
    if (nl > p) session_row(s, p, (size_t)(nl - p));
    p = nl + 1;
  }
  cr_log_info("%s: %zu frames, %zu messages, %zu snapshots", name, s->flow.frames, s->flow.msgs, s->snapshots);
  cr_assert_gt(s->flow.msgs, 0);
  cr_assert_gt(s->infos, 0);
  cr_assert_eq(s->md.cnt.err_syntax + s->md.cnt.err_scale + s->md.cnt.err_full, 0);
  ++*sessions;
  free(s->got.msg);
  free(s->want.msg);
  free(s);
  free(text);
}

Test(recorded, cryptofeed_sessions_agree_with_the_reference, .timeout = 280) {
  NEED_DATA();
  size_t sessions = 0;
  each_file("crypto/cryptofeed", ".jsonl.zst", session_file, &sessions);
  if (sessions == 0) cr_skip_test("no Binance session under TICKGATE_DATA/crypto/cryptofeed");
}
