#include "codecs/outcome.h"

#include <string.h>

typedef enum tg_signal {
  TG_SIGNAL_W_NOT_SENT,
  TG_SIGNAL_W_LOST,
  TG_SIGNAL_C_REJECT, /* in the order of tg_bn_class_t from TG_BN_CLASS_REJECT on */
  TG_SIGNAL_C_UNKNOWN,
  TG_SIGNAL_C_LIMIT,
  TG_SIGNAL_C_CONFIG,
  TG_SIGNAL_C_AUTH,
  TG_SIGNAL_C_SUCCESS,
  TG_SIGNAL_C_RESEND,
  TG_SIGNAL_C_CLOCK,
  TG_SIGNAL_C_ABSENT,
  TG_SIGNAL_C_DUPLICATE,
  TG_SIGNAL_C_PENDING,
  TG_SIGNAL_C_STREAM,
  TG_SIGNAL_C_HALT,
  TG_SIGNAL_S_OK,
  TG_SIGNAL_S_TIMEOUT,
  TG_SIGNAL_S_AUTH,
  TG_SIGNAL_S_WAF,
  TG_SIGNAL_S_LIMIT,
  TG_SIGNAL_S_BAN,
  TG_SIGNAL_S_4XX,
  TG_SIGNAL_S_5XX,
  TG_SIGNAL_S_OTHER,
} tg_signal_t;

_Static_assert(TG_SIGNAL_C_HALT - TG_SIGNAL_C_REJECT == TG_BN_CLASS_HALT - TG_BN_CLASS_REJECT, "signals follow the classes");

enum { REQUEST_ANY = 255, HINT_NONE = 0 };
#define TG_REQUEST_ANY REQUEST_ANY
#define TG_HINT_NONE HINT_NONE

static const struct {
  uint8_t request, signal, outcome;
  uint16_t hints;
} TABLE[] = {
#define O(request, signal, outcome, hints) {TG_REQUEST_##request, TG_SIGNAL_##signal, TG_OUTCOME_##outcome, TG_HINT_##hints},
#include "codecs/outcome.def"
};

static const struct {
  uint16_t http_status;
  int32_t code;
  uint32_t pause_ms;
} PAUSE[] = {
#define P(http_status, code, pause_ms) {http_status, code, pause_ms},
#include "codecs/outcome.def"
};

tg_bn_class_t tg_bn_code_class(int32_t code) {
  switch (code) {
    case 0:
      return TG_BN_CLASS_NONE;
#define B(number, name, cls, text) \
  case number: \
    return TG_BN_CLASS_##cls;
#include "codecs/bn_errors.def"
#undef B
    default:
      return TG_BN_CLASS_OTHER;
  }
}

const char *tg_bn_code_name(int32_t code) {
  switch (code) {
#define B(number, name, cls, text) \
  case number: \
    return #name;
#include "codecs/bn_errors.def"
#undef B
    default:
      return "?";
  }
}

const char *tg_bn_code_text(int32_t code) {
  switch (code) {
#define B(number, name, cls, text) \
  case number: \
    return text;
#include "codecs/bn_errors.def"
#undef B
    default:
      return "?";
  }
}

static tg_signal_t status_signal(uint16_t status) {
  if (status >= 200 && status < 300) return TG_SIGNAL_S_OK;
  switch (status) {
    case 401:
      return TG_SIGNAL_S_AUTH;
    case 403:
      return TG_SIGNAL_S_WAF;
    case 408:
      return TG_SIGNAL_S_TIMEOUT;
    case 418:
      return TG_SIGNAL_S_BAN;
    case 429:
      return TG_SIGNAL_S_LIMIT;
    default:
      if (status >= 400 && status < 500) return TG_SIGNAL_S_4XX;
      return status >= 500 ? TG_SIGNAL_S_5XX : TG_SIGNAL_S_OTHER;
  }
}

static tg_signal_t signal_of(tg_wire_t wire, uint16_t http_status, int32_t code) {
  if (wire == TG_WIRE_NOT_SENT) return TG_SIGNAL_W_NOT_SENT;
  if (wire != TG_WIRE_ANSWER) return TG_SIGNAL_W_LOST;
  tg_bn_class_t cls = tg_bn_code_class(code);
  if (cls == TG_BN_CLASS_NONE) return status_signal(http_status);
  if (cls != TG_BN_CLASS_OTHER) return (tg_signal_t)(TG_SIGNAL_C_REJECT + (cls - TG_BN_CLASS_REJECT));
  /* a code that is not in the list: the status decides, but 200 with an error code is no success */
  tg_signal_t signal = status_signal(http_status);
  return signal == TG_SIGNAL_S_OK && code < 0 ? TG_SIGNAL_S_OTHER : signal;
}

tg_verdict_t tg_outcome(tg_request_t request, tg_wire_t wire, uint16_t http_status, int32_t code) {
  tg_signal_t signal = signal_of(wire, http_status, code);
  for (size_t i = 0; i < TG_ARRAY_CNT(TABLE); i++) {
    if (TABLE[i].signal != signal || (TABLE[i].request != REQUEST_ANY && TABLE[i].request != (uint8_t)request)) continue;
    tg_verdict_t verdict = {(tg_outcome_t)TABLE[i].outcome, TABLE[i].hints};
    if (wire == TG_WIRE_ANSWER && http_status == 418) verdict.hints |= TG_HINT_BAN;
    if (wire == TG_WIRE_ANSWER && http_status == 429) verdict.hints |= TG_HINT_BACKOFF;
    return verdict;
  }
  return (tg_verdict_t){TG_OUTCOME_UNKNOWN, TG_HINT_QUERY};
}

uint32_t tg_bn_pause_ms(uint16_t http_status, int32_t code) {
  for (size_t i = 0; i < TG_ARRAY_CNT(PAUSE); i++) {
    if ((PAUSE[i].http_status == 0 || PAUSE[i].http_status == http_status) && (PAUSE[i].code == 0 || PAUSE[i].code == code))
      return PAUSE[i].pause_ms;
  }
  return 0;
}

static bool contains(const char *body, size_t len, const char *text) {
  size_t n = strlen(text);
  for (size_t i = 0; i + n <= len; i++) {
    if (memcmp(body + i, text, n) == 0) return true;
  }
  return false;
}

int32_t tg_bn_503_code(const char *body, size_t len) {
  if (contains(body, len, "Unknown error")) return -1007;
  if (contains(body, len, "Service Unavailable")) return -1001;
  if (contains(body, len, "Internal error; unable to process")) return -1001;
  if (contains(body, len, "Request throttled")) return -1008;
  return 0;
}
