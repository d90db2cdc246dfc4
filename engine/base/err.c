#include "engine/base/err.h"

static const char *const err_text[TG_ERR_CNT] = {
    "no error",
#define E(name, text) text,
#include "engine/base/err.def"
#undef E
};
static const char *const err_name[TG_ERR_CNT] = {
    "EOK",
#define E(name, text) "E" #name,
#include "engine/base/err.def"
#undef E
};

const char *tg_err_text(int err) {
  unsigned e = err < 0 ? 0u - (unsigned)err : (unsigned)err;
  return e < TG_ERR_CNT ? err_text[e] : "unknown error";
}

const char *tg_err_name(int err) {
  unsigned e = err < 0 ? 0u - (unsigned)err : (unsigned)err;
  return e < TG_ERR_CNT ? err_name[e] : "E?";
}
