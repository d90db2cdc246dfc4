/* drill_intents.c - the store of intents in a directory of its own: one of two claims wins, nobody approves what is over or
 * refused, journal and store tell the same. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/cold/intents.h"
#include "engine/cold/names.h"
#include "tools/tickgate/drill.h"

static const uint64_t T0 = UINT64_C(1750000000000000000);

static int open_store(const drill_t *drill, tg_intents_t **out) {
  char why[256];
  tg_intents_cfg_t cfg = {
      .dir = drill->dir, .names = &tg_cold_names_plain, .stuck_ns = 60 * (uint64_t)TG_NS_PER_S, .strategy = 1, .journal = true};
  return tg_intents_open(out, &cfg, why, sizeof why);
}

/* The core opens an intent that waits for a person. */
static int open_intent(tg_intents_t *intents, uint64_t id, uint64_t expires_ns) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_OUT_INTENT, 0, T0);
  msg.u.out_intent = (tg_out_intent_t){.intent_id = id,
                                       .qty_lots = 100,
                                       .expires_ns = expires_ns,
                                       .limits_version = 1,
                                       .side = TG_BUY,
                                       .state = TG_TICKET_NEW,
                                       .bits = 1};
  return tg_intents_on_msg(intents, &msg, T0);
}

static tg_intent_word_t word(int64_t uid, uint64_t now_ns) {
  return (tg_intent_word_t){.uid = uid, .reason = "drill", .epoch = 7, .now_ns = now_ns};
}

static unsigned state_of(tg_intents_t *intents, uint64_t id) {
  tg_intent_row_t row;
  return tg_intents_get(intents, id, &row) == 0 ? row.state : TG_TICKET_NONE;
}

static void rules(drill_t *drill, tg_intents_t *a, tg_intents_t *b) {
  const uint64_t id = UINT64_C(7) << 32, later_ns = T0 + 3600 * (uint64_t)TG_NS_PER_S;
  tg_intent_word_t one = word(1, T0 + 1), two = word(2, T0 + 2), late = word(1, later_ns + 1);
  for (uint64_t i = 1; i <= 5; i++)
    drill_check(drill, open_intent(a, id + i, i == 3 ? T0 + (uint64_t)TG_NS_PER_S : later_ns) == 0, "intent %llu is written",
                (unsigned long long)i);
  int first = tg_intents_cas(a, id + 1, TG_TICKET_NEW, TG_TICKET_APPROVED, &one);
  int second = tg_intents_cas(b, id + 1, TG_TICKET_NEW, TG_TICKET_APPROVED, &two);
  drill_check(drill, first == 0 && second == (drill->broken ? 0 : -TG_ECONFLICT),
              "two claims of one intent: exactly one wins (%s, %s)", tg_err_name(first), tg_err_name(second));
  drill_check(drill, tg_intents_approve(a, id + 2, &one) == 0 && state_of(b, id + 2) == TG_TICKET_EXECUTING,
              "approved by a person, then claimed by this run; the other process sees it");
  drill_check(drill, tg_intents_approve(b, id + 2, &two) == -TG_ECONFLICT, "nobody approves it twice");
  late.now_ns = T0 + 2 * (uint64_t)TG_NS_PER_S;
  drill_check(drill, tg_intents_approve(a, id + 3, &late) == -TG_ESTALE, "an intent whose time is over is not approved");
  drill_check(
      drill,
      tg_intents_cas(a, id + 3, TG_TICKET_NEW, TG_TICKET_EXPIRED, &late) == 0 && state_of(a, id + 3) == TG_TICKET_EXPIRED,
      "it expires");
  drill_check(drill, tg_intents_cas(b, id + 4, TG_TICKET_NEW, TG_TICKET_REJECTED, &two) == 0, "rejected");
  drill_check(drill, tg_intents_approve(a, id + 4, &one) == -TG_ECONFLICT && state_of(a, id + 4) == TG_TICKET_REJECTED,
              "what was rejected stays rejected");
  drill_check(drill, tg_intents_cas(a, id + 5, TG_TICKET_NEW, TG_TICKET_EXECUTED, &one) == -TG_EINVAL,
              "no skip from new to executed");
  drill_check(drill, tg_intents_get(a, id + 99, &(tg_intent_row_t){0}) == -TG_ENOTFOUND,
              "an intent that never was is not found");
}

/* Journal against store; then a line is changed and found. */
static void reconcile(drill_t *drill) {
  tg_intents_recon_t recon;
  int err = tg_intents_reconcile(drill->dir, NULL, NULL, &recon);
  drill_check(drill, err == 0 && recon.diffs == 0 && recon.chain_ok,
              "journal and store tell the same: %llu lines, %llu intents", (unsigned long long)recon.lines,
              (unsigned long long)recon.intents);
  drill_fact(drill, "journal_lines", (int64_t)recon.lines);
  char path[1300];
  snprintf(path, sizeof path, "%s/intents.jsonl", drill->dir);
  FILE *file = fopen(path, "r+");
  bool bent = file && fseek(file, 40, SEEK_SET) == 0;
  int was = bent ? fgetc(file) : EOF;
  bent = bent && was != EOF && fseek(file, 40, SEEK_SET) == 0 && fputc(was == 'x' ? 'y' : 'x', file) != EOF;
  if (file && fclose(file) != 0) bent = false;
  if (!drill_check(drill, bent, "one byte of the journal is changed")) return;
  err = tg_intents_reconcile(drill->dir, NULL, NULL, &recon);
  drill_check(drill, err == 0 && recon.diffs > 0, "and it is found: %llu differences", (unsigned long long)recon.diffs);
}

void drill_intents(drill_t *drill) {
  tg_intents_t *a = NULL, *b = NULL;
  int err = open_store(drill, &a);
  if (!err) err = open_store(drill, &b);
  if (drill_check(drill, err == 0, "a store of intents, open in two hands: %s", tg_err_text(err))) rules(drill, a, b);
  drill_check(drill, tg_intents_close(b) == 0 && tg_intents_close(a) == 0, "both are closed in good order");
  if (!err) reconcile(drill);
  static const char *const files[] = {"intents.sqlite", "intents.sqlite-wal", "intents.sqlite-shm", "intents.jsonl",
                                      "intents.lock"};
  for (size_t i = 0; i < TG_ARRAY_CNT(files); i++) {
    char path[1300];
    snprintf(path, sizeof path, "%s/%s", drill->dir, files[i]);
    (void)unlink(path);
  }
}
