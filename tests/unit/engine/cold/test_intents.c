#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "engine/cold/intents.h"
#include "tests/note.h"
#include "tests/unit/engine/cold/tmp.h"

#define EPOCH UINT64_C(7)
#define ID(n) (EPOCH << 32 | (uint64_t)(n))
#define S TG_NS_PER_S

static tg_intents_t *must_open(const char *dir, const tg_file_ops_t *ops) {
  char err[512];
  tg_intents_t *intents = NULL;
  tg_intents_cfg_t cfg = {.dir = dir, .ops = ops, .stuck_ns = 60 * (uint64_t)S, .strategy = 1, .journal = true};
  cr_assert_eq(tg_intents_open(&intents, &cfg, err, sizeof err), 0, "%s", err);
  return intents;
}

static tg_msg_t intent_msg(uint64_t id, uint8_t state, int64_t filled, uint64_t ts_ns) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_OUT_INTENT, 0, ts_ns);
  msg.u.out_intent.intent_id = id;
  msg.u.out_intent.qty_lots = 50000;
  msg.u.out_intent.filled_lots = filled;
  msg.u.out_intent.expires_ns = 86400 * (uint64_t)S;
  msg.u.out_intent.limits_version = 3;
  msg.u.out_intent.side = id & 1u;
  msg.u.out_intent.state = state;
  msg.u.out_intent.reason = 1;
  msg.u.out_intent.bits = state == TG_TICKET_NEW ? 1 : 0;
  return msg;
}

static int tell(tg_intents_t *intents, uint64_t id, uint8_t state, int64_t filled, uint64_t ts_ns) {
  tg_msg_t msg = intent_msg(id, state, filled, ts_ns);
  return tg_intents_on_msg(intents, &msg, ts_ns);
}

static tg_intent_word_t word_of(const char *reason, uint64_t now_ns) {
  return (tg_intent_word_t){.uid = 1000, .reason = reason, .epoch = EPOCH, .now_ns = now_ns};
}

static uint8_t state_of(tg_intents_t *intents, uint64_t id) {
  tg_intent_row_t row;
  return tg_intents_get(intents, id, &row) == 0 ? row.state : TG_TICKET_NONE;
}

static char last_what[32], last_text[TG_INTENTS_TEXT_BYTES];

static void keep(void *user, const tg_intents_diff_t *diff) {
  (void)user;
  snprintf(last_what, sizeof last_what, "%s", diff->what);
  snprintf(last_text, sizeof last_text, "%s", diff->text);
}

static uint64_t diffs(const char *dir) {
  tg_intents_recon_t recon;
  last_what[0] = last_text[0] = '\0';
  int err = tg_intents_reconcile(dir, keep, NULL, &recon);
  cr_assert_eq(err, 0, "reconcile: %s", tg_err_text(err));
  return recon.diffs;
}

Test(intents, states_move_by_compare_and_set_only) {
  tmp_dir_t dir = tmp_make();
  tg_intents_t *intents = must_open(dir.path, NULL);
  cr_assert_eq(tell(intents, ID(1), TG_TICKET_NEW, 0, 1 * S), 0);
  tg_intent_word_t word = word_of("looks \"fine\" \xE2\x82\xAC", 2 * S);
  cr_assert_eq(tg_intents_cas(intents, ID(1), TG_TICKET_APPROVED, TG_TICKET_EXECUTING, &word), -TG_ECONFLICT);
  cr_assert_eq(tg_intents_cas(intents, ID(1), TG_TICKET_NEW, TG_TICKET_EXECUTED, &word), -TG_EINVAL);
  cr_assert_eq(tg_intents_cas(intents, ID(9), TG_TICKET_NEW, TG_TICKET_APPROVED, &word), -TG_ENOTFOUND);
  word.expires_ns = 2 * S;
  cr_assert_eq(tg_intents_approve(intents, ID(1), &word), -TG_ESTALE, "over before it begins");
  word.expires_ns = 100 * S;
  cr_assert_eq(tg_intents_approve(intents, ID(1), &word), 0);
  cr_assert_eq(tg_intents_approve(intents, ID(1), &word), -TG_ECONFLICT, "a second time");
  tg_intent_row_t row;
  cr_assert_eq(tg_intents_get(intents, ID(1), &row), 0);
  cr_assert_eq(row.state, TG_TICKET_EXECUTING);
  cr_assert_eq(row.claimed_epoch, EPOCH);
  cr_assert_eq(row.uid, 1000);
  cr_assert_eq(row.expires_ns, 100 * (uint64_t)S);
  cr_assert_str_eq(row.word, "looks \"fine\" \xE2\x82\xAC");
  cr_assert_eq(tell(intents, ID(2), TG_TICKET_NEW, 0, 3 * S), 0);
  cr_assert_eq(tg_intents_cas(intents, ID(2), TG_TICKET_NEW, TG_TICKET_REJECTED, &word), 0);
  cr_assert_eq(tg_intents_approve(intents, ID(2), &word), -TG_ECONFLICT, "a rejected one");
  /* the core's older word does not move it back; its later one goes on */
  cr_assert_eq(tell(intents, ID(1), TG_TICKET_APPROVED, 0, 4 * S), 0);
  cr_assert_eq(state_of(intents, ID(1)), TG_TICKET_EXECUTING);
  cr_assert_eq(tell(intents, ID(1), TG_TICKET_EXECUTED, 49999, 5 * S), 0);
  cr_assert_eq(tg_intents_get(intents, ID(1), &row), 0);
  cr_assert_eq(row.state, TG_TICKET_EXECUTED);
  cr_assert_eq(row.filled_lots, 49999);
  cr_assert_eq(tg_intents_close(intents), 0);
  cr_assert_eq(diffs(dir.path), 0, "%s: %s", last_what, last_text);
  tmp_remove(&dir);
}

/* ---- two processes ---- */

enum { ROUNDS = 150, CLAIMERS = 2 };

typedef struct arena {
  _Atomic int at[ROUNDS + 1];            /* how many arrived at a round */
  _Atomic int won[ROUNDS], lost[ROUNDS]; /* claims of a round */
  _Atomic int odd;
} arena_t;

static int claimer(const char *dir, arena_t *arena, int who) {
  char err[512];
  tg_intents_t *intents = NULL;
  tg_intents_cfg_t cfg = {.dir = dir, .journal = true};
  if (tg_intents_open(&intents, &cfg, err, sizeof err) != 0) return 3;
  for (int r = 0; r < ROUNDS; r++) {
    atomic_fetch_add(&arena->at[r], 1);
    while (atomic_load(&arena->at[r]) < CLAIMERS) {
    }
    tg_intent_word_t word = word_of(who ? "second" : "first", (uint64_t)S);
    int rc = tg_intents_cas(intents, ID(r + 1), TG_TICKET_APPROVED, TG_TICKET_EXECUTING, &word);
    if (rc == 0) atomic_fetch_add(&arena->won[r], 1);
    if (rc == -TG_ECONFLICT) atomic_fetch_add(&arena->lost[r], 1);
    if (rc != 0 && rc != -TG_ECONFLICT) atomic_fetch_add(&arena->odd, 1);
  }
  return tg_intents_close(intents) == 0 ? 0 : 4;
}

Test(intents, two_processes_claim_one_and_exactly_one_wins) {
  tmp_dir_t dir = tmp_make();
  tg_intents_t *intents = must_open(dir.path, NULL);
  for (int r = 0; r < ROUNDS; r++) cr_assert_eq(tell(intents, ID(r + 1), TG_TICKET_APPROVED, 0, (uint64_t)(r + 1)), 0);
  cr_assert_eq(tg_intents_close(intents), 0);
  arena_t *arena = mmap(NULL, sizeof *arena, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  cr_assert_neq(arena, MAP_FAILED);
  pid_t pid[CLAIMERS];
  for (int i = 0; i < CLAIMERS; i++) {
    pid[i] = fork();
    cr_assert_geq(pid[i], 0);
    if (pid[i] == 0) _exit(claimer(dir.path, arena, i));
  }
  for (int i = 0; i < CLAIMERS; i++) {
    int status;
    cr_assert_eq(waitpid(pid[i], &status, 0), pid[i]);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "claimer %d: %d", i, status);
  }
  cr_assert_eq(atomic_load(&arena->odd), 0);
  int first = 0;
  for (int r = 0; r < ROUNDS; r++) {
    cr_assert_eq(atomic_load(&arena->won[r]), 1, "round %d: %d won", r, atomic_load(&arena->won[r]));
    cr_assert_eq(atomic_load(&arena->lost[r]), CLAIMERS - 1, "round %d", r);
  }
  intents = must_open(dir.path, NULL);
  for (int r = 0; r < ROUNDS; r++) {
    tg_intent_row_t row;
    cr_assert_eq(tg_intents_get(intents, ID(r + 1), &row), 0);
    cr_assert_eq(row.state, TG_TICKET_EXECUTING);
    first += strcmp(row.word, "first") == 0;
  }
  cr_assert_eq(tg_intents_close(intents), 0);
  cr_assert_eq(diffs(dir.path), 0, "%s: %s", last_what, last_text);
  tg_note("%d rounds, %d of them to the first process", ROUNDS, first);
  munmap(arena, sizeof *arena);
  tmp_remove(&dir);
}

Test(intents, two_handles_write_one_chain_in_turns) {
  tmp_dir_t dir = tmp_make();
  tg_intents_t *a = must_open(dir.path, NULL), *b = must_open(dir.path, NULL);
  tg_intent_word_t word = word_of("in turns", S);
  for (unsigned n = 1; n <= 40; n++) {
    cr_assert_eq(tell(n & 1u ? a : b, ID(n), TG_TICKET_NEW, 0, n), 0);
    cr_assert_eq(tg_intents_approve(n % 3 ? b : a, ID(n), &word), 0);
  }
  cr_assert_eq(tg_intents_close(a), 0);
  cr_assert_eq(tg_intents_close(b), 0);
  cr_assert_eq(diffs(dir.path), 0, "%s: %s", last_what, last_text);
  tmp_remove(&dir);
}

/* ---- crashes and failing disks: every call of the journal's file table ---- */

typedef struct fault {
  int call, at; /* counts calls; the one that fails */
  enum { DIE_BEFORE, DIE_TORN, DIE_AFTER, FAIL, FAIL_SHORT } how;
} fault_t;

static bool hit(void *user) {
  fault_t *fault = user;
  return fault->call++ == fault->at;
}

static int fault_create(void *user, const char *path) {
  fault_t *fault = user;
  bool now = hit(user);
  if (now && fault->how >= FAIL) return -TG_ENOSPACE;
  if (now && fault->how != DIE_AFTER) _exit(42);
  int fd = tg_file_ops_posix.create(NULL, path);
  if (now) _exit(42);
  return fd;
}

static ssize_t fault_write(void *user, int fd, const void *data, size_t len) {
  fault_t *fault = user;
  if (!hit(user)) return tg_file_ops_posix.write(NULL, fd, data, len);
  if (fault->how == FAIL) return -TG_ENOSPACE;
  if (fault->how == FAIL_SHORT) {
    fault->at++; /* a short write, then none */
    fault->how = FAIL;
    return tg_file_ops_posix.write(NULL, fd, data, len / 2);
  }
  if (fault->how != DIE_BEFORE) (void)!tg_file_ops_posix.write(NULL, fd, data, fault->how == DIE_TORN ? len / 2 : len);
  _exit(42);
}

static int fault_plain(void *user, int (*call)(void *, int), int fd) {
  fault_t *fault = user;
  if (!hit(user)) return call(NULL, fd);
  if (fault->how >= FAIL) return -TG_EIO;
  if (fault->how == DIE_AFTER) (void)!call(NULL, fd);
  _exit(42);
}

static int fault_sync(void *user, int fd) {
  return fault_plain(user, tg_file_ops_posix.sync, fd);
}

static int fault_truncate(void *user, int fd, uint64_t bytes) {
  (void)user;
  return tg_file_ops_posix.truncate(NULL, fd, bytes);
}

static int fault_sync_dir(void *user, const char *path) {
  fault_t *fault = user;
  if (!hit(user)) return tg_file_ops_posix.sync_dir(NULL, path);
  if (fault->how >= FAIL) return -TG_EIO;
  _exit(42);
}

static tg_file_ops_t fault_ops(fault_t *fault) {
  tg_file_ops_t ops = tg_file_ops_posix;
  ops.user = fault;
  ops.create = fault_create;
  ops.write = fault_write;
  ops.sync = fault_sync;
  ops.truncate = fault_truncate;
  ops.sync_dir = fault_sync_dir;
  return ops;
}

typedef struct step {
  uint64_t id;
  uint8_t from, to;
} step_t;

static const step_t story[] = {
    {ID(1), TG_TICKET_NONE, TG_TICKET_NEW},           {ID(2), TG_TICKET_NONE, TG_TICKET_APPROVED},
    {ID(1), TG_TICKET_NEW, TG_TICKET_APPROVED},       {ID(3), TG_TICKET_NONE, TG_TICKET_NEW},
    {ID(1), TG_TICKET_APPROVED, TG_TICKET_EXECUTING}, {ID(2), TG_TICKET_APPROVED, TG_TICKET_EXECUTING},
    {ID(3), TG_TICKET_NEW, TG_TICKET_REJECTED},       {ID(2), TG_TICKET_EXECUTING, TG_TICKET_EXECUTED},
    {ID(1), TG_TICKET_EXECUTING, TG_TICKET_FAILED},
};
enum { STEPS = TG_ARRAY_CNT(story) };

static int take_step(tg_intents_t *intents, unsigned i) {
  const step_t *step = &story[i];
  if (step->from == TG_TICKET_NONE) return tell(intents, step->id, step->to, 0, i + 1);
  tg_intent_word_t word = word_of("story", i + 1);
  return tg_intents_cas(intents, step->id, step->from, step->to, &word);
}

/* State of an intent after the first `steps` steps. */
static uint8_t told_state(uint64_t id, unsigned steps) {
  uint8_t state = TG_TICKET_NONE;
  for (unsigned i = 0; i < steps; i++) {
    if (story[i].id == id) state = story[i].to;
  }
  return state;
}

/* How far the story got, by the states; -1: no prefix of it. */
static int prefix_of(tg_intents_t *intents) {
  for (unsigned steps = 0; steps <= STEPS; steps++) {
    bool same = true;
    for (unsigned n = 1; n <= 3; n++) same = same && state_of(intents, ID(n)) == told_state(ID(n), steps);
    if (same) return (int)steps;
  }
  return -1;
}

static void crash_once(int at, int how, bool *finished) {
  tmp_dir_t dir = tmp_make();
  _Atomic int *done = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  cr_assert_neq((void *)done, MAP_FAILED);
  pid_t pid = fork();
  cr_assert_geq(pid, 0);
  if (pid == 0) {
    fault_t fault = {.at = at, .how = how};
    tg_file_ops_t ops = fault_ops(&fault);
    tg_intents_cfg_t cfg = {.dir = dir.path, .ops = &ops, .journal = true};
    char err[512];
    tg_intents_t *intents;
    if (tg_intents_open(&intents, &cfg, err, sizeof err) != 0) _exit(3);
    for (unsigned i = 0; i < STEPS; i++) {
      if (take_step(intents, i) != 0) _exit(4);
      atomic_fetch_add(done, 1);
    }
    _exit(0);
  }
  int status;
  cr_assert_eq(waitpid(pid, &status, 0), pid);
  cr_assert(WIFEXITED(status) && (WEXITSTATUS(status) == 42 || WEXITSTATUS(status) == 0), "call %d way %d: %d", at, how,
            status);
  *finished = WEXITSTATUS(status) == 0;
  tg_intents_t *intents = must_open(dir.path, NULL);
  int prefix = prefix_of(intents), told = atomic_load(done);
  cr_assert(prefix == told || prefix == told + 1, "call %d way %d: %d told, %d there", at, how, told, prefix);
  cr_assert_eq(diffs(dir.path), 0, "call %d way %d: %s: %s", at, how, last_what, last_text);
  for (unsigned i = (unsigned)prefix; i < STEPS; i++) cr_assert_eq(take_step(intents, i), 0, "step %u after call %d", i, at);
  cr_assert_eq(tg_intents_close(intents), 0);
  intents = must_open(dir.path, NULL); /* and once more: recovery is idempotent */
  cr_assert_eq(prefix_of(intents), STEPS);
  cr_assert_eq(tg_intents_close(intents), 0);
  cr_assert_eq(diffs(dir.path), 0, "call %d way %d, the end: %s: %s", at, how, last_what, last_text);
  munmap((void *)done, 4096);
  tmp_remove(&dir);
}

Test(intents, a_crash_at_every_file_call_loses_nothing_told) {
  unsigned crashes = 0;
  for (int how = DIE_BEFORE; how <= DIE_AFTER; how++) {
    bool finished = false;
    for (int at = 0; !finished; at++, crashes++) crash_once(at, how, &finished);
  }
  cr_assert_gt(crashes, 3 * STEPS * 2);
  tg_note("%u crashes", crashes);
}

Test(intents, a_failing_disk_changes_nothing) {
  unsigned failures = 0;
  for (int how = FAIL; how <= FAIL_SHORT; how++) {
    for (int at = 2; at < 2 + 2 * STEPS; at++) { /* after the two calls that make the file */
      tmp_dir_t dir = tmp_make();
      fault_t fault = {.at = at, .how = how};
      tg_file_ops_t ops = fault_ops(&fault);
      tg_intents_t *intents = must_open(dir.path, &ops);
      for (unsigned i = 0; i < STEPS; i++) {
        int err = take_step(intents, i);
        if (err == 0) continue;
        failures++;
        cr_assert(err == -TG_ENOSPACE || err == -TG_EIO, "%d", err);
        cr_assert_eq(prefix_of(intents), (int)i);
        if (story[i].from == TG_TICKET_NONE) break; /* the core's word was lost: the store says broken */
        cr_assert_eq(take_step(intents, i), 0, "the disk is well again");
      }
      int closed = tg_intents_close(intents);
      cr_assert(closed == 0 || closed == -TG_ENOSPACE || closed == -TG_EIO);
      cr_assert_eq(diffs(dir.path), 0, "call %d: %s: %s", at, last_what, last_text);
      tmp_remove(&dir);
    }
  }
  cr_assert_geq(failures, 2 * STEPS);
}

/* One process dies between journal and store; another, which has them open, goes on: it finishes that change first. */
Test(intents, a_crash_of_one_process_is_finished_by_another) {
  for (int how = DIE_TORN; how <= DIE_AFTER; how++) {
    tmp_dir_t dir = tmp_make();
    tg_intents_t *intents = must_open(dir.path, NULL);
    cr_assert_eq(tell(intents, ID(1), TG_TICKET_NEW, 0, 1), 0);
    cr_assert_eq(tell(intents, ID(2), TG_TICKET_NEW, 0, 1), 0);
    pid_t pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
      fault_t fault = {.at = how == DIE_TORN ? 0 : 1, .how = how}; /* the write; the sync behind it */
      tg_file_ops_t ops = fault_ops(&fault);
      tg_intents_cfg_t cfg = {.dir = dir.path, .ops = &ops, .journal = true};
      char err[512];
      tg_intents_t *other;
      if (tg_intents_open(&other, &cfg, err, sizeof err) != 0) _exit(3);
      tg_intent_word_t word = word_of("dies", 2);
      (void)!tg_intents_cas(other, ID(1), TG_TICKET_NEW, TG_TICKET_APPROVED, &word);
      _exit(4);
    }
    int status;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 42, "%d", status);
    tg_intent_word_t word = word_of("goes on", 3);
    int err = tg_intents_cas(intents, ID(1), TG_TICKET_NEW, TG_TICKET_APPROVED, &word);
    cr_assert_eq(err, how == DIE_TORN ? 0 : -TG_ECONFLICT, "a whole line counts, a torn one does not");
    cr_assert_eq(tg_intents_cas(intents, ID(2), TG_TICKET_NEW, TG_TICKET_REJECTED, &word), 0);
    cr_assert_eq(state_of(intents, ID(1)), TG_TICKET_APPROVED);
    cr_assert_eq(tg_intents_close(intents), 0);
    cr_assert_eq(diffs(dir.path), 0, "way %d: %s: %s", how, last_what, last_text);
    tmp_remove(&dir);
  }
}

/* ---- tampering ---- */

static void make_story(const char *dir) {
  tg_intents_t *intents = must_open(dir, NULL);
  for (unsigned i = 0; i < STEPS; i++) cr_assert_eq(take_step(intents, i), 0);
  cr_assert_eq(tg_intents_close(intents), 0);
}

Test(intents, every_changed_byte_of_the_journal_is_found) {
  tmp_dir_t dir = tmp_make();
  char path[256];
  tmp_join(&dir, "intents.jsonl", path, sizeof path);
  make_story(dir.path);
  cr_assert_eq(diffs(dir.path), 0, "%s: %s", last_what, last_text);
  size_t len;
  uint8_t *data = tmp_read(path, &len);
  for (size_t i = 0; i < len; i++) {
    data[i] ^= 1u;
    tmp_write(path, data, len);
    cr_assert_gt(diffs(dir.path), 0, "byte %zu of %zu", i, len);
    data[i] ^= 1u;
  }
  tmp_write(path, data, len);
  cr_assert_eq(diffs(dir.path), 0);
  free(data);
  tmp_remove(&dir);
}

/* Start and length (with newline) of line n. */
static size_t line_at(const uint8_t *data, size_t len, unsigned n, size_t *line_len) {
  size_t at = 0;
  for (unsigned i = 0; i < n; i++) at += (size_t)((const uint8_t *)memchr(data + at, '\n', len - at) - (data + at)) + 1;
  *line_len = (size_t)((const uint8_t *)memchr(data + at, '\n', len - at) - (data + at)) + 1;
  return at;
}

Test(intents, a_line_lost_doubled_or_moved_is_found) {
  tmp_dir_t dir = tmp_make();
  char path[256];
  tmp_join(&dir, "intents.jsonl", path, sizeof path);
  make_story(dir.path);
  size_t len, line_len;
  uint8_t *data = tmp_read(path, &len), *other = malloc(2 * len);
  for (unsigned n = 0; n < STEPS; n++) {
    size_t at = line_at(data, len, n, &line_len);
    memcpy(other, data, at);
    memcpy(other + at, data + at + line_len, len - at - line_len);
    tmp_write(path, other, len - line_len);
    cr_assert_gt(diffs(dir.path), 0, "line %u lost", n);
    memcpy(other, data, at + line_len);
    memcpy(other + at + line_len, data + at, len - at);
    tmp_write(path, other, len + line_len);
    cr_assert_gt(diffs(dir.path), 0, "line %u doubled", n);
    if (n == 0) continue;
    memcpy(other, data + at, line_len);
    memcpy(other + line_len, data, at);
    memcpy(other + line_len + at, data + at + line_len, len - at - line_len);
    tmp_write(path, other, len);
    cr_assert_gt(diffs(dir.path), 0, "line %u moved to the front", n);
  }
  cr_assert_eq(unlink(path), 0);
  cr_assert_gt(diffs(dir.path), 0, "all lost");
  cr_assert_str_eq(last_what, "END");
  tmp_write(path, data, len);
  cr_assert_eq(diffs(dir.path), 0);
  free(data);
  free(other);
  tmp_remove(&dir);
}

static void run_sql(const char *dir, const char *sql) {
  char path[300];
  snprintf(path, sizeof path, "%s/intents.sqlite", dir);
  sqlite3 *db;
  cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
  cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(db));
  cr_assert_eq(sqlite3_changes(db), 1, "%s", sql);
  sqlite3_close(db);
}

Test(intents, every_changed_column_of_the_store_is_found) {
  static const char *const changes[] = {
      "UPDATE intents SET state=5 WHERE id=(7<<32)+3",
      "UPDATE intents SET qty_lots=qty_lots+1 WHERE id=(7<<32)+1",
      "UPDATE intents SET filled_lots=7 WHERE id=(7<<32)+2",
      "UPDATE intents SET filled_lots=-1 WHERE id=(7<<32)+2",
      "UPDATE intents SET uid=0 WHERE id=(7<<32)+1",
      "UPDATE intents SET word='I did not say so' WHERE id=(7<<32)+1",
      "UPDATE intents SET expires_ns=expires_ns+1 WHERE id=(7<<32)+1",
      "UPDATE intents SET opened_ns=0 WHERE id=(7<<32)+1",
      "UPDATE intents SET changed_ns=0 WHERE id=(7<<32)+1",
      "UPDATE intents SET claimed_epoch=8 WHERE id=(7<<32)+1",
      "UPDATE intents SET limits_version=4 WHERE id=(7<<32)+1",
      "UPDATE intents SET parent_id=1 WHERE id=(7<<32)+1",
      "UPDATE intents SET side=1-side WHERE id=(7<<32)+1",
      "UPDATE intents SET instr=1 WHERE id=(7<<32)+1",
      "UPDATE intents SET symbol='X' WHERE id=(7<<32)+1",
      "UPDATE intents SET strategy=2 WHERE id=(7<<32)+1",
      "UPDATE intents SET reason=2 WHERE id=(7<<32)+1",
      "UPDATE intents SET bits=2 WHERE id=(7<<32)+1",
      "DELETE FROM intents WHERE id=(7<<32)+3",
      "INSERT INTO intents(id,state) VALUES(12345,4)",
      "UPDATE meta SET value=value-1 WHERE key='journal_seq'",
      "UPDATE meta SET value='00' WHERE key='journal_hash'",
  };
  for (size_t i = 0; i < TG_ARRAY_CNT(changes); i++) {
    tmp_dir_t dir = tmp_make();
    make_story(dir.path);
    run_sql(dir.path, changes[i]);
    cr_assert_gt(diffs(dir.path), 0, "%s", changes[i]);
    tmp_remove(&dir);
  }
}

Test(intents, a_torn_end_is_cut_a_broken_middle_is_refused) {
  tmp_dir_t dir = tmp_make();
  char path[256], err[512];
  tmp_join(&dir, "intents.jsonl", path, sizeof path);
  make_story(dir.path);
  size_t len;
  uint8_t *data = tmp_read(path, &len), *torn = malloc(len + 64);
  memcpy(torn, data, len);
  memcpy(torn + len, "{\"seq\":10,\"ts_ns\":", 18);
  tmp_write(path, torn, len + 18);
  cr_assert_eq(diffs(dir.path), 1);
  cr_assert_str_eq(last_what, "TORN");
  tg_intents_t *intents = must_open(dir.path, NULL);
  tg_intents_stats_t stats;
  tg_intents_stats(intents, &stats);
  cr_assert_eq(stats.cut_bytes, 18);
  cr_assert_eq(tg_intents_close(intents), 0);
  cr_assert_eq(diffs(dir.path), 0);
  tg_intents_cfg_t cfg = {.dir = dir.path, .journal = true};
  memcpy(torn, data, len);
  torn[len / 2] ^= 1u;
  tmp_write(path, torn, len);
  cr_assert_eq(tg_intents_open(&intents, &cfg, err, sizeof err), -TG_ECORRUPT);
  cr_assert_not_null(strstr(err, "line "), "%s", err);
  tmp_write(path, data, len - 10); /* torn, but the store acted upon that line */
  cr_assert_eq(tg_intents_open(&intents, &cfg, err, sizeof err), -TG_ECORRUPT, "%s", err);
  free(data);
  free(torn);
  tmp_remove(&dir);
}

Test(intents, a_lost_store_is_made_again_from_the_journal) {
  tmp_dir_t dir = tmp_make();
  char path[256];
  make_story(dir.path);
  const char *const names[] = {"intents.sqlite", "intents.sqlite-wal", "intents.sqlite-shm"};
  for (size_t i = 0; i < TG_ARRAY_CNT(names); i++) (void)unlink(tmp_join(&dir, names[i], path, sizeof path));
  tg_intents_t *intents = must_open(dir.path, NULL);
  cr_assert_eq(prefix_of(intents), STEPS);
  cr_assert_eq(tg_intents_close(intents), 0);
  cr_assert_eq(diffs(dir.path), 0, "%s: %s", last_what, last_text);
  tmp_remove(&dir);
}

/* ---- children, stuck ones, restart ---- */

static void child(tg_intents_t *intents, uint64_t id, uint64_t client_id, uint64_t now_ns) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_OUT_CHILD, 0, now_ns);
  msg.u.out_child.client_id = client_id;
  msg.u.out_child.intent_id = id;
  msg.u.out_child.qty_lots = 10;
  msg.u.out_child.reason = 1;
  cr_assert_eq(tg_intents_on_msg(intents, &msg, now_ns), 0);
}

static void order(tg_intents_t *intents, uint64_t client_id, uint8_t state, int64_t cum, uint64_t now_ns) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_OUT_ORDER, 0, now_ns);
  msg.u.out_order.client_id = client_id;
  msg.u.out_order.qty_lots = 10;
  msg.u.out_order.cum_qty_lots = cum;
  msg.u.out_order.state = state;
  cr_assert_eq(tg_intents_on_msg(intents, &msg, now_ns), 0);
}

static const char *order_state(unsigned state) {
  return state == 2 ? "LIVE" : state == 6 ? "PLACE_UNKNOWN" : "FILLED";
}

static bool order_open(unsigned state) {
  return state != 9;
}

Test(intents, stuck_ones_are_found_and_told_once) {
  tmp_dir_t dir = tmp_make();
  char err[512];
  tg_cold_names_t names = tg_cold_names_plain;
  names.order_state = order_state;
  names.order_open = order_open;
  tg_intents_cfg_t cfg = {.dir = dir.path, .names = &names, .stuck_ns = 60 * (uint64_t)S, .journal = true};
  tg_intents_t *intents;
  cr_assert_eq(tg_intents_open(&intents, &cfg, err, sizeof err), 0, "%s", err);
  const uint64_t resting = UINT64_C(3) << 60 | 1, lost = UINT64_C(3) << 60 | 2;
  for (unsigned n = 1; n <= 3; n++) {
    cr_assert_eq(tell(intents, ID(n), TG_TICKET_APPROVED, 0, S), 0);
    cr_assert_eq(tell(intents, ID(n), TG_TICKET_EXECUTING, 0, S), 0);
  }
  tg_msg_t msg = intent_msg(ID(4), TG_TICKET_APPROVED, 0, S); /* for reductions: it waits for something to reduce */
  msg.u.out_intent.bits = 2;
  cr_assert_eq(tg_intents_on_msg(intents, &msg, S), 0);
  msg.u.out_intent.state = TG_TICKET_EXECUTING;
  cr_assert_eq(tg_intents_on_msg(intents, &msg, S), 0);
  child(intents, ID(1), resting, 2 * S);
  order(intents, resting, 2, 0, 2 * S);
  child(intents, ID(2), lost, 2 * S);
  order(intents, lost, 6, 0, 2 * S);
  tg_intents_stats_t stats;
  cr_assert_eq(tg_intents_turn(intents, 60 * S), 0);
  tg_intents_stats(intents, &stats);
  cr_assert_eq(stats.stuck_now, 0);
  for (unsigned turn = 0; turn < 3; turn++) cr_assert_eq(tg_intents_turn(intents, (63 + turn) * (uint64_t)S), 0);
  tg_intents_stats(intents, &stats);
  cr_assert_eq(stats.stuck_now, 2, "nothing ordered; outcome unknown: stuck. An order that rests: not");
  cr_assert_eq(stats.stuck_cnt, 2);
  tg_intent_row_t row;
  cr_assert_eq(tg_intents_get(intents, ID(2), &row), 0);
  cr_assert(row.stuck);
  order(intents, lost, 9, 10, 70 * S);
  cr_assert_eq(tell(intents, ID(2), TG_TICKET_EXECUTING, 10, 70 * S), 0);
  cr_assert_eq(tg_intents_turn(intents, 71 * S), 0);
  tg_intents_stats(intents, &stats);
  cr_assert_eq(stats.stuck_now, 1);
  cr_assert_eq(tg_intents_get(intents, ID(2), &row), 0);
  cr_assert(!row.stuck);
  cr_assert_eq(row.filled_lots, 10);
  tg_intent_child_t children[4];
  cr_assert_eq(tg_intents_children(intents, ID(2), children, 4), 1);
  cr_assert_eq(children[0].cum_lots, 10);
  cr_assert_eq(children[0].state, 9);
  cr_assert_eq(tg_intents_close(intents), 0);
  cr_assert_eq(diffs(dir.path), 0, "%s: %s", last_what, last_text);
  tmp_remove(&dir);
}

Test(intents, a_restart_closes_what_was_open_and_executes_nothing_again) {
  tmp_dir_t dir = tmp_make();
  tg_intents_t *intents = must_open(dir.path, NULL);
  cr_assert_eq(tg_intents_begin(intents, EPOCH, S), 0);
  cr_assert_eq(tell(intents, ID(1), TG_TICKET_NEW, 0, S), 0);
  cr_assert_eq(tell(intents, ID(2), TG_TICKET_APPROVED, 0, S), 0);
  for (unsigned n = 3; n <= 5; n++) {
    cr_assert_eq(tell(intents, ID(n), TG_TICKET_APPROVED, 0, S), 0);
    cr_assert_eq(tell(intents, ID(n), TG_TICKET_EXECUTING, 0, S), 0);
  }
  cr_assert_eq(tell(intents, ID(4), TG_TICKET_EXECUTING, 3, S), 0);
  child(intents, ID(5), UINT64_C(3) << 60 | 5, S); /* only the child says that it was filled */
  order(intents, UINT64_C(3) << 60 | 5, 2, 4, S);
  cr_assert_eq(tg_intents_flush(intents), 0);
  cr_assert_eq(tg_intents_close(intents), 0);
  intents = must_open(dir.path, NULL);
  cr_assert_eq(tg_intents_begin(intents, EPOCH + 1, 2 * S), 5);
  cr_assert_eq(state_of(intents, ID(1)), TG_TICKET_EXPIRED);
  cr_assert_eq(state_of(intents, ID(2)), TG_TICKET_EXPIRED);
  cr_assert_eq(state_of(intents, ID(3)), TG_TICKET_FAILED);
  cr_assert_eq(state_of(intents, ID(4)), TG_TICKET_EXECUTED);
  cr_assert_eq(state_of(intents, ID(5)), TG_TICKET_EXECUTED);
  tg_intent_row_t row;
  cr_assert_eq(tg_intents_get(intents, ID(5), &row), 0);
  cr_assert_str_eq(row.word, "restart");
  cr_assert_eq(row.filled_lots, 4);
  tg_intent_word_t word = word_of("again?", 3 * S);
  for (unsigned n = 1; n <= 5; n++) cr_assert_eq(tg_intents_approve(intents, ID(n), &word), -TG_ECONFLICT);
  cr_assert_eq(tg_intents_begin(intents, EPOCH + 1, 4 * S), 0, "once is enough");
  order(intents, UINT64_C(3) << 60 | 5, 9, 10, 5 * S); /* it went on at the venue */
  cr_assert_eq(tg_intents_flush(intents), 0);
  cr_assert_eq(tg_intents_get(intents, ID(5), &row), 0);
  cr_assert_eq(row.filled_lots, 10);
  cr_assert_eq(row.state, TG_TICKET_EXECUTED);
  cr_assert_eq(tg_intents_close(intents), 0);
  cr_assert_eq(diffs(dir.path), 0, "%s: %s", last_what, last_text);
  tmp_remove(&dir);
}
