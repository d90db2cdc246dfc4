/* sync.h - account truth: when to ask, what was answered, is it sound (spec account-sync.md).
 * What:    a scheduler of rounds (no I/O: it says which requests it wants and takes decoded ACC_* messages), the snapshot
 *          with its canonical JSON, and the mismatch rules that need nothing but snapshots: duplicate_key, ts_regression,
 *          negative_qty, side_mode. The core compares with its own belief (orphan, missing, drift).
 * Owner:   caller owns tg_sync_t and tg_acct_t (large: static or heap).
 * Threads: one.
 * Limit:   TG_ACCT_POSITIONS, TG_ACCT_ORDERS, TG_ACCT_BALANCES rows; more is -TG_EFULL and the round fails (parse).
 * Errors:  see each call. */
#ifndef TG_COLD_SYNC_H
#define TG_COLD_SYNC_H

#include "engine/base/decimal.h"
#include "engine/base/err.h"
#include "engine/base/types.h"
#include "engine/msg/msg.h"

#define TG_ACCT_POSITIONS 256
#define TG_ACCT_ORDERS 2048
#define TG_ACCT_BALANCES 64
#define TG_ACCT_SYMBOL_BYTES 24
#define TG_ACCT_CLIENT_BYTES 40
#define TG_ACCT_WORD_BYTES 24
#define TG_ACCT_JSON_BYTES (1u << 20) /* cap of a rendering */

/* ---- snapshot ---- */

/* side: a one-way row (BOTH) that is not flat is told as LONG or SHORT by its sign, so that qty is never negative in a
 * sound snapshot; a flat one stays BOTH. */
typedef struct tg_acct_position {
  char symbol[TG_ACCT_SYMBOL_BYTES];
  uint8_t side; /* tg_position_side_t */
  int64_t qty_e8, entry_e8, mark_e8, unrealised_e8, leverage, ts_ms;
} tg_acct_position_t;

typedef struct tg_acct_order {
  int64_t order_id;
  char client_id[TG_ACCT_CLIENT_BYTES]; /* ours as on the wire; a stranger's as "~" and 16 hex digits of its hash */
  char symbol[TG_ACCT_SYMBOL_BYTES];
  uint8_t side;   /* tg_side_t */
  uint8_t type;   /* tg_order_type_t */
  uint8_t status; /* tg_order_status_t */
  bool reduce_only;
  int64_t price_e8, qty_e8, filled_e8, ts_ms;
} tg_acct_order_t;

typedef struct tg_acct_balance {
  char asset[TG_ACCT_WORD_BYTES];
  int64_t wallet_e8, available_e8, ts_ms;
} tg_acct_balance_t;

typedef struct tg_acct {
  tg_acct_position_t position[TG_ACCT_POSITIONS];
  tg_acct_order_t order[TG_ACCT_ORDERS];
  tg_acct_balance_t balance[TG_ACCT_BALANCES];
  uint32_t position_cnt, order_cnt, balance_cnt;
  int64_t ts_ms; /* newest component; 0 for an empty account */
  char source[TG_ACCT_WORD_BYTES];
} tg_acct_t;

/* Symbol and scales of an instrument index, as CFG_SYMBOL told them; false when unknown. */
typedef bool (*tg_acct_symbol_fn)(void *user, uint16_t instr_idx, const char **symbol, tg_scale_t *px, tg_scale_t *qty);

typedef struct tg_acct_map {
  void *user;
  tg_acct_symbol_fn symbol;
} tg_acct_map_t;

/* Empties a snapshot and names its source ("rest"). */
void tg_acct_reset(tg_acct_t *acct, const char *source);
/* Adds one ACC_POSITION, ACC_ORDER or ACC_BALANCE. 0, -TG_EFULL, -TG_ENOTFOUND (instrument unknown), -TG_ERANGE (value
 * finer than 1e-8 or too large), -TG_EINVAL (another kind). Flat one-way rows are left out. */
TG_MUST_USE int tg_acct_add(tg_acct_t *acct, const tg_acct_map_t *map, const tg_msg_t *msg);
/* Puts rows into canonical order and sets ts_ms. */
void tg_acct_sort(tg_acct_t *acct);
/* Canonical JSON of a sorted copy. Bytes written (without terminator), -TG_ESIZE (cap too small), -TG_ENOMEM. */
TG_MUST_USE int64_t tg_acct_render(const tg_acct_t *acct, char *buf, size_t cap);
/* Reads a rendering. 0, -TG_ESYNTAX, -TG_ERANGE, -TG_EFULL, -TG_ENOMEM; render(load(x)) == x for canonical x. */
TG_MUST_USE int tg_acct_load(tg_acct_t *acct, const char *json, size_t len, char *err_text, size_t err_cap);
/* sha256 of the rendering as 64 hex digits and a terminator. 0, -TG_ESIZE, -TG_ENOMEM. */
TG_MUST_USE int tg_acct_sha256(const tg_acct_t *acct, char out[65]);

/* Mismatch rules, as counted here; the texts are those of the spec. */
typedef enum tg_acct_rule {
  TG_ACCT_DUPLICATE_KEY,
  TG_ACCT_TS_REGRESSION,
  TG_ACCT_NEGATIVE_QTY,
  TG_ACCT_SIDE_MODE,
  TG_ACCT_RULE_CNT
} tg_acct_rule_t;
const char *tg_acct_rule_name(tg_acct_rule_t rule);

/* Newest time of positions and balances. An order takes its time with it when it ends, so a later snapshot without that
 * order may well have a smaller ts; positions and balances only move forward (closing one moves the wallet). */
int64_t tg_acct_lasting_ms(const tg_acct_t *acct);
/* Counts of broken rules in one snapshot, held against the last accepted one (NULL none). ts_regression: the lasting time is
 * smaller than it was (0, an empty account, is exempt and resets), or an order in both went back. Returns bits (1 << rule). */
uint32_t tg_acct_check(const tg_acct_t *acct, const tg_acct_t *last, bool dual_side, bool want_dual_side,
                       uint64_t count[TG_ACCT_RULE_CNT]);

/* ---- scheduler ---- */

#define TG_SYNC_WANT_POSITIONS 0x1u
#define TG_SYNC_WANT_ORDERS 0x2u
#define TG_SYNC_WANT_BALANCES 0x4u
#define TG_SYNC_WANT_ALL 0x7u

/* Why a round was run: SW(NAME, "text"). */
#define TG_SYNC_WHYS(SW) \
  SW(PERIOD, "period") \
  SW(START, "start") \
  SW(RECONNECT, "reconnect") \
  SW(UNKNOWN, "unknown_answer") \
  SW(OPERATOR, "operator") \
  SW(CORE, "core")
#define SW(name, text) TG_SYNC_WHY_##name,
typedef enum tg_sync_why { TG_SYNC_WHYS(SW) TG_SYNC_WHY_CNT } tg_sync_why_t;
#undef SW
const char *tg_sync_why_name(unsigned why);

/* Errors of a round by reason, as the spec counts them: SF(NAME, "text"). */
#define TG_SYNC_FAILS(SF) \
  SF(TIMEOUT, "timeout") \
  SF(AUTH, "auth") \
  SF(RATE_LIMIT, "rate_limit") \
  SF(PARSE, "parse") \
  SF(HTTP_STATUS, "http_status")
#define SF(name, text) TG_SYNC_FAIL_##name,
typedef enum tg_sync_fail { TG_SYNC_FAILS(SF) TG_SYNC_FAIL_CNT } tg_sync_fail_t;
#undef SF
const char *tg_sync_fail_name(unsigned fail);

typedef struct tg_sync_cfg {
  uint64_t period_ns, timeout_ns; /* of a round */
  uint64_t alert_age_ns, data_alert_age_ns;
  bool want_dual_side; /* configured position mode */
  tg_acct_map_t map;
} tg_sync_cfg_t;

#define TG_SYNC_ALERT_AGE 0x1u  /* last good sync older than alert_age */
#define TG_SYNC_ALERT_DATA 0x2u /* newest venue data older than data_alert_age and the account is not empty */

typedef struct tg_sync_stats {
  uint64_t unknown_rows;           /* rows of instruments that are not ours: handed on, not rendered */
  uint64_t rounds, good, rejected; /* begun; accepted; complete but breaking a rule that forbids use */
  uint64_t why[TG_SYNC_WHY_CNT], fail[TG_SYNC_FAIL_CNT], rule[TG_ACCT_RULE_CNT];
  uint64_t age_ns, data_age_ns; /* UINT64_MAX: never */
  uint32_t alerts;              /* TG_SYNC_ALERT_* */
  uint64_t snapshot_no;         /* of the last accepted */
} tg_sync_stats_t;

#define TG_SYNC_MSG_MAX (TG_ACCT_POSITIONS + TG_ACCT_ORDERS + TG_ACCT_BALANCES)

typedef struct tg_sync {
  tg_sync_cfg_t cfg;
  tg_acct_t acct;                /* under way */
  tg_acct_t good;                /* last accepted, sorted */
  tg_msg_t msg[TG_SYNC_MSG_MAX]; /* rows of the round, handed on unchanged */
  uint32_t msg_cnt, missing;     /* TG_SYNC_WANT_* not answered yet */
  uint32_t wanted_why;           /* bits of reasons waiting */
  bool running, have_good, started, dual_side;
  uint8_t fail_why; /* tg_sync_fail_t of fail_err */
  int fail_err;     /* of the round that failed last and was not told yet, 0 none */
  uint64_t first_ns, begun_ns, next_ns, good_ns;
  tg_sync_stats_t stats;
} tg_sync_t;

/* 0 or -TG_EINVAL. The first round is due at once (START). */
TG_MUST_USE int tg_sync_init(tg_sync_t *sync, const tg_sync_cfg_t *cfg);
/* Asks for a round as soon as none is under way. */
void tg_sync_want(tg_sync_t *sync, tg_sync_why_t why);
/* Starts a round when one is due and none is under way: the TG_SYNC_WANT_* bits to ask for; 0 not now. A round that has
 * passed its timeout fails here first. */
uint32_t tg_sync_turn(tg_sync_t *sync, uint64_t now_ns);
/* One request's decoded answer: its rows (ACC_POSITION, ACC_ORDER, ACC_BALANCE). `dual_side`: 1, 0, -1 not told.
 * 1 when the round is complete now, 0 when more is missing, -TG_EINVAL when no such request was out, -TG_EFULL,
 * -TG_ERANGE (the round has failed then). */
TG_MUST_USE int tg_sync_part(tg_sync_t *sync, uint32_t want_bit, const tg_msg_t *msg, size_t cnt, int dual_side);
/* The round ended without an answer. */
void tg_sync_fail(tg_sync_t *sync, tg_sync_fail_t why, uint64_t now_ns);
/* After tg_sync_part gave 1: checks the rules and writes ACC_BEGIN, the rows, ACC_END and HEALTH SYNC for the core.
 * Bits of broken rules; with TS_REGRESSION, DUPLICATE_KEY or NEGATIVE_QTY the snapshot is not accepted and only the HEALTH
 * message (ok 0) is written. *out needs room for TG_SYNC_MSG_MAX + 3, else -TG_EFULL and nothing is written. */
TG_MUST_USE int64_t tg_sync_finish(tg_sync_t *sync, uint64_t now_ns, tg_msg_batch_t *out);
/* Ages are taken at now_ns; venue data age by the wall time of the engine clock. */
void tg_sync_stats(const tg_sync_t *sync, uint64_t now_ns, tg_sync_stats_t *out);
/* HEALTH SYNC for a round that failed since the last call; false when none did. */
bool tg_sync_failed_msg(tg_sync_t *sync, uint64_t now_ns, tg_msg_t *out);

#endif
