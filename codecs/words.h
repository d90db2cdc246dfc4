/* words.h - the venue's words -> numbers of engine/msg/enums.def, both ways.
 * What:    one compare of up to 8 bytes or a memcmp; a word we do not know gives OTHER.
 * Threads: any; pure.
 * Errors:  none. */
#ifndef TG_CODECS_WORDS_H
#define TG_CODECS_WORDS_H

#include "codecs/json.h"
#include "engine/msg/enums.h"

tg_order_status_t tg_word_status(tg_json_slice_t text); /* "" -> NONE */
tg_exec_t tg_word_exec(tg_json_slice_t text);
tg_order_type_t tg_word_type(tg_json_slice_t text);
tg_balance_reason_t tg_word_reason(tg_json_slice_t text);
tg_position_side_t tg_word_pside(tg_json_slice_t text); /* unknown -> NONE */
/* True and the side for BUY / SELL. */
bool tg_word_side(tg_json_slice_t text, uint8_t *side);
/* "GTC" ... for a tif that may be sent; NULL for NONE and OTHER. */
const char *tg_tif_text(unsigned tif);

#endif
