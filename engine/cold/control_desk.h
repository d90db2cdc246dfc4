/* control_desk.h - the desk behind the control socket: what needs a reason, an end, a second person.
 * What:    loosening a limit, arming and clearing a latch (spec gates.md, Rules). It keeps the settings in force, words that
 * wait for a second person, and words that end by themselves. There is no force flag.
 *
 *            word ── dual control on ──▶ pending ── `confirm` by another uid ──▶ sent ── CMD_DONE ──▶ in force ── expiry ──▶
 * undone └──── off ─────────────────────────────────────────────────────────▲ What ends: a loosened limit goes back to what it
 * was (unless it was changed since). An arming or a clearing leads to the operator's halt (PAUSE: no new risk; reductions and
 * cancels go on), and an arming, once nothing of ours is open, to DISARM: a disarmed engine could not cancel. Owner:
 * tg_desk_new allocates (about 1 MB), tg_desk_free frees. Threads: one, the cold lane. Limit:   TG_DESK_PENDING words waiting,
 * TG_DESK_ENDS words in force with an end, TG_DESK_CHANGES settings a word; one change of settings under way. Errors:  said to
 * the person who asked; an end that cannot be sent is tried again. */
#ifndef TG_COLD_CONTROL_DESK_H
#define TG_COLD_CONTROL_DESK_H

#include "engine/cold/answer.h"

#define TG_DESK_PENDING 16
#define TG_DESK_ENDS 64
#define TG_DESK_CHANGES 64
#define TG_DESK_LINES 8192 /* CFG_SET lines of all settings and scopes */
#define TG_DESK_TEXT 200
#define TG_DESK_REASON 121
#define TG_DESK_EXPIRY_MAX_S (7 * 86400)

/* One setting of class CORE: value before and after, in the row's unit. */
typedef struct tg_desk_change {
  uint32_t key_hash;
  uint8_t scope; /* tg_scope_t */
  bool looser;
  uint16_t instr_idx; /* of scope INSTRUMENT */
  int64_t before, after;
} tg_desk_change_t;

/* What a person said. */
typedef struct tg_desk_word {
  uint64_t id;                 /* 0: free */
  uint64_t asked_ns, until_ns; /* pending: lapses; in force: ends */
  uint64_t expiry_s;           /* 0 none */
  uint32_t uid, second_uid;
  bool disarm; /* an end of arming: halted, DISARM is still to come */
  tg_msg_t cmd;
  char text[TG_DESK_TEXT], reason[TG_DESK_REASON];
  tg_desk_change_t change[TG_DESK_CHANGES];
  uint32_t change_cnt;
} tg_desk_word_t;

typedef struct tg_desk {
  tg_conf_t conf;    /* in force */
  tg_conf_t scratch; /* as asked for */
  const char *conf_path;
  bool dual;
  uint64_t dual_ns;
  uint64_t next_id;
  tg_desk_word_t pending[TG_DESK_PENDING];
  tg_desk_word_t end[TG_DESK_ENDS];
  tg_desk_word_t sending; /* with the core; id 0: none */
  uint64_t sending_no;    /* its command number, 0: not numbered yet */
  uint64_t sending_ns;
  char needs_restart[256];     /* HOST keys that the last reload found changed */
  tg_desk_word_t *sending_end; /* the end that is being carried out, NULL */
  tg_msg_t *line;              /* CFG_SETs that go before the command */
  uint32_t line_cnt;
  tg_msg_t *set_a, *set_b; /* for comparing */
} tg_desk_t;

/* NULL without memory. conf may be NULL (no settings: limits and reload are refused). conf_path may be NULL. */
tg_desk_t *tg_desk_new(const tg_conf_t *conf, const char *conf_path);
void tg_desk_free(tg_desk_t *desk);

/* A command that needs a reason and an expiry (the last argument): fills *cmd, or holds it for a second person. The document to
 * answer with, NULL when *cmd is to be sent. */
json_t *tg_desk_grant(const tg_question_t *question, tg_msg_t *cmd);
/* The command of the last answer got this number and was sent (or not). */
void tg_desk_sent(tg_desk_t *desk, uint64_t cmd_no, bool sent, uint64_t now_ns);
/* The core's word on it. */
void tg_desk_heard(tg_desk_t *desk, uint64_t cmd_no, bool done, uint64_t now_ns);
/* An end that is due: fills desk->line and *cmd; true: send it, then tg_desk_sent. Lets pending words lapse. */
bool tg_desk_due(tg_desk_t *desk, uint64_t now_ns, uint32_t orders_open, tg_msg_t *cmd);

/* True when `after` is looser than `before` for a key of class CORE; a key without a known direction: always. */
bool tg_desk_looser(const tg_conf_row_t *row, uint8_t scope, int64_t before, int64_t after);

#endif
