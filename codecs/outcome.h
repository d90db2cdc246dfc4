/* outcome.h - every answer is one of three: confirmed, refused (certainly not executed), unknown.
 * What:    one table (outcome.def) from (command, what came back, HTTP status, class of the venue's code) to the outcome and
 * hints; codes and their classes are dated data (bn_errors.def, venue page sections 2.4 and 8). Threads: any; constant tables.
 * Errors:  none: what no row names is UNKNOWN. */
#ifndef TG_CODECS_OUTCOME_H
#define TG_CODECS_OUTCOME_H

#include "engine/base/types.h"
#include "engine/msg/enums.h"

/* What to do beside the order's own state. */
#define TG_HINT_BACKOFF 0x01u /* a budget is used up or the node is throttled: wait before anything new */
#define TG_HINT_BAN 0x02u     /* IP banned: no traffic until it ends */
#define TG_HINT_AUTH 0x04u    /* key, signature or permission: stop, a person must look */
#define TG_HINT_CLOCK 0x08u   /* timestamps refused: measure the venue's clock again */
#define TG_HINT_QUERY 0x10u   /* ask for the order's truth */
#define TG_HINT_RETRY 0x20u   /* not executed and may be sent again */
#define TG_HINT_CONFIG 0x40u  /* our request was wrong: a bug or a stale filter */
#define TG_HINT_STREAM 0x80u  /* the listen key is gone: make a new one */
#define TG_HINT_HALT 0x100u   /* the account or symbol may not open risk now */

/* When the tables were taken from the venue's pages, year and month: codes and classes (bn_errors.def), answers and pauses
 * (outcome.def). A later page means new rows and a new date; a test holds the files' heads against these. */
#define TG_BN_ERRORS_AS_OF "2026-07"
#define TG_BN_OUTCOME_AS_OF "2026-07"

/* Class of a venue code. */
typedef enum tg_bn_class {
  TG_BN_CLASS_NONE = 0,  /* no code */
  TG_BN_CLASS_REJECT,    /* definitive reject */
  TG_BN_CLASS_UNKNOWN,   /* execution status unknown */
  TG_BN_CLASS_LIMIT,     /* rate limit or throttle, not executed */
  TG_BN_CLASS_CONFIG,    /* malformed or not permitted: bug or configuration */
  TG_BN_CLASS_AUTH,      /* key, signature, IP */
  TG_BN_CLASS_SUCCESS,   /* the wanted state holds already */
  TG_BN_CLASS_RESEND,    /* internal error, not executed, may be sent again */
  TG_BN_CLASS_CLOCK,     /* timestamp outside the window */
  TG_BN_CLASS_ABSENT,    /* order not on the book or not known */
  TG_BN_CLASS_DUPLICATE, /* client order id already open: the first attempt is probably live */
  TG_BN_CLASS_PENDING,   /* another modification is pending */
  TG_BN_CLASS_STREAM,    /* listen key unknown */
  TG_BN_CLASS_HALT,      /* cooling off, reduce-only account or symbol */
  TG_BN_CLASS_OTHER,     /* a code that is not in the list */
  TG_BN_CLASS_CNT
} tg_bn_class_t;

/* How a request ended on the wire. */
typedef enum tg_wire {
  TG_WIRE_ANSWER = 0, /* an answer came: status and code count */
  TG_WIRE_NOT_SENT,   /* no byte of it left this host */
  TG_WIRE_LOST,       /* sent, wholly or in part, and no answer came */
  TG_WIRE_CNT
} tg_wire_t;

typedef struct tg_verdict {
  tg_outcome_t outcome;
  uint32_t hints; /* TG_HINT_* */
} tg_verdict_t;

/* Class of a code; TG_BN_CLASS_OTHER when it is not listed, NONE for 0. */
tg_bn_class_t tg_bn_code_class(int32_t code);
/* Name ("NO_SUCH_ORDER") and meaning; "?" when not listed. */
const char *tg_bn_code_name(int32_t code);
const char *tg_bn_code_text(int32_t code);
/* The table. `request` NONE stands for requests that move no order (time, account, listen key). */
tg_verdict_t tg_outcome(tg_request_t request, tg_wire_t wire, uint16_t http_status, int32_t code);
/* How long to send nothing after such an answer when the venue does not say; 0: no pause. Every answer whose verdict hints at
 * BACKOFF or BAN has one. */
uint32_t tg_bn_pause_ms(uint16_t http_status, int32_t code);
/* HTTP 503 bodies without a code tell executed-or-not by their text only: returns -1001 or -1008 or -1007 as the code to use, 0
 * when the text says nothing. Reads len bytes. */
int32_t tg_bn_503_code(const char *body, size_t len);

#endif
