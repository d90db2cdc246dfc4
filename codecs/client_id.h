/* client_id.h - our order ids: one u64 inside the engine, 20 characters on the wire.
 * What:    u64 = mode(4) << 60 | epoch(20) << 40 | strategy(8) << 32 | counter(32);
 *          text = "tg" + mode letter (s sim, p paper, h shadow, l live, r replay, b backtest) + "-" + 16 lower-case hex
 *          digits of the u64. mode is tg_mode_t; the letter must agree with the top four bits.
 * Threads: any; pure.
 * Limit:   text is exactly TG_CLIENT_ID_BYTES; the venue allows 36.
 * Errors:  foreign text is no error: it becomes a 64-bit hash and `false`. */
#ifndef TG_CODECS_CLIENT_ID_H
#define TG_CODECS_CLIENT_ID_H

#include "engine/base/types.h"
#include "engine/msg/enums.h"

#define TG_CLIENT_ID_BYTES 20

/* epoch and strategy are cut to their widths by the caller's range checks: epoch < 2^20. */
static inline uint64_t tg_client_id_make(tg_mode_t mode, uint32_t epoch, uint8_t strategy, uint32_t counter) {
  return ((uint64_t)mode << 60) | ((uint64_t)(epoch & 0xFFFFFu) << 40) | ((uint64_t)strategy << 32) | counter;
}
static inline tg_mode_t tg_client_id_mode(uint64_t id) {
  return (tg_mode_t)(id >> 60);
}
static inline uint32_t tg_client_id_epoch(uint64_t id) {
  return (uint32_t)(id >> 40) & 0xFFFFFu;
}
static inline uint8_t tg_client_id_strategy(uint64_t id) {
  return (uint8_t)(id >> 32);
}
static inline uint32_t tg_client_id_counter(uint64_t id) {
  return (uint32_t)id;
}
/* Letter of a mode, '?' outside the list. */
char tg_client_id_letter(tg_mode_t mode);
/* Writes exactly TG_CLIENT_ID_BYTES, no terminator. */
void tg_client_id_print(uint64_t id, char out[TG_CLIENT_ID_BYTES]);
/* Hash of a foreign id: the same text gives the same number everywhere and always. */
uint64_t tg_client_id_hash(const char *text, size_t len);
/* True: ours, *out is the id. False: foreign, *out is a hash of the text. */
bool tg_client_id_parse(const char *text, size_t len, uint64_t *out);

#endif
