#include "engine/base/err.h"
#include "engine/strategy/strategy.h"

typedef struct tg_why_row {
  const char *name, *text;
} tg_why_row_t;

static const tg_why_row_t rows[] = {
#define R(NAME, number, text) [number] = {#NAME, text},
#include "engine/strategy/reasons.def"
#undef R
};

const char *tg_why_name(unsigned why) {
  return why < TG_ARRAY_CNT(rows) && rows[why].name != NULL ? rows[why].name : "?";
}

const char *tg_why_text(unsigned why) {
  return why < TG_ARRAY_CNT(rows) && rows[why].text != NULL ? rows[why].text : "?";
}

int tg_strategy_check(const tg_strategy_t *strategy) {
  if (strategy->abi_version != TG_STRATEGY_ABI_VERSION) return -TG_EVERSION;
  if (strategy->view_bytes != sizeof(tg_strategy_view_t) || strategy->out_bytes != sizeof(tg_strategy_out_t))
    return -TG_EVERSION;
  if (strategy->name == NULL || strategy->init == NULL || strategy->on_market == NULL) return -TG_EINVAL;
  return 0;
}
