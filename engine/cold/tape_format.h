/* tape_format.h - bytes of a tape file, shared by its writer and its reader.
 * What:    offsets of the header and the records (docs/tape-format.md), little-endian stores and loads, segment names.
 * Owner:   the caller's buffers.
 * Threads: any; pure.
 * Errors:  tg_tape_head_unpack: -TG_ECORRUPT, -TG_EVERSION. */
#ifndef TG_COLD_TAPE_FORMAT_H
#define TG_COLD_TAPE_FORMAT_H

#include "engine/cold/tape.h"

#define TG_TAPE_MAGIC "TGTAPE\n\x1a"
#define TG_TAPE_CHAIN_SEED "tickgate-tape-1"
#define TG_TAPE_F_LAST 0x1u /* END: no segment follows, the run ended here */

/* Body of CHECKPOINT and END. */
typedef struct tg_tape_mark {
  uint64_t record_cnt, in_cnt, out_cnt; /* messages of the run so far */
  uint8_t chain[TG_SHA256_BYTES];
  uint32_t flags;
} tg_tape_mark_t;

static inline void tg_le_put32(uint8_t *at, uint32_t value) {
  for (unsigned i = 0; i < 4; i++) at[i] = (uint8_t)(value >> (8 * i));
}
static inline void tg_le_put64(uint8_t *at, uint64_t value) {
  for (unsigned i = 0; i < 8; i++) at[i] = (uint8_t)(value >> (8 * i));
}
static inline uint32_t tg_le_get32(const uint8_t *at) {
  uint32_t value = 0;
  for (unsigned i = 0; i < 4; i++) value |= (uint32_t)at[i] << (8 * i);
  return value;
}
static inline uint64_t tg_le_get64(const uint8_t *at) {
  uint64_t value = 0;
  for (unsigned i = 0; i < 8; i++) value |= (uint64_t)at[i] << (8 * i);
  return value;
}

void tg_tape_head_pack(const tg_tape_head_t *head, uint8_t out[TG_TAPE_HEADER_BYTES]);
/* 0, -TG_ECORRUPT (magic or check sum), -TG_EVERSION (another format; head is filled). */
TG_MUST_USE int tg_tape_head_unpack(const uint8_t in[TG_TAPE_HEADER_BYTES], tg_tape_head_t *head);
/* One record: type, low 24 bits of its number in the segment, check sum, body. */
void tg_tape_record_pack(tg_tape_type_t type, uint64_t number, const uint8_t body[64], uint8_t out[TG_TAPE_RECORD_BYTES]);
/* The type when number and check sum hold, else 0. */
TG_MUST_USE int tg_tape_record_check(const uint8_t in[TG_TAPE_RECORD_BYTES], uint64_t number);
void tg_tape_mark_pack(const tg_tape_mark_t *mark, uint8_t out[64]);
void tg_tape_mark_unpack(const uint8_t in[64], tg_tape_mark_t *mark);

/* "tape-000012-000003.tape" into buf. */
void tg_tape_name(uint64_t epoch, uint32_t segment, char *buf, size_t cap);
/* Takes a file name apart. False when it is not a segment's. */
bool tg_tape_name_parse(const char *name, uint64_t *epoch, uint32_t *segment, bool *zstd);

#endif
