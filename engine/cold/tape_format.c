#include "engine/cold/tape_format.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/crc32c.h"

enum { /* offsets in the header */
       AT_FORMAT = 8,
       AT_MSG_VERSION = 12,
       AT_CREATED = 16,
       AT_EPOCH = 24,
       AT_SEED = 32,
       AT_FIRST_RECORD = 40,
       AT_SEGMENT = 48,
       AT_MODE = 52, /* and three zero bytes */
       AT_CONFIG = 56,
       AT_PREV_CHAIN = 88,
       AT_ENGINE = 120,
       AT_ZERO = 216,
       AT_CRC = 252
};

void tg_tape_head_pack(const tg_tape_head_t *head, uint8_t out[TG_TAPE_HEADER_BYTES]) {
  memset(out, 0, TG_TAPE_HEADER_BYTES);
  memcpy(out, TG_TAPE_MAGIC, 8);
  tg_le_put32(out + AT_FORMAT, head->format_version);
  tg_le_put32(out + AT_MSG_VERSION, head->msg_version);
  tg_le_put64(out + AT_CREATED, head->created_ns);
  tg_le_put64(out + AT_EPOCH, head->epoch);
  tg_le_put64(out + AT_SEED, head->seed);
  tg_le_put64(out + AT_FIRST_RECORD, head->first_record);
  tg_le_put32(out + AT_SEGMENT, head->segment);
  out[AT_MODE] = head->mode;
  memcpy(out + AT_CONFIG, head->config_sha256, TG_SHA256_BYTES);
  memcpy(out + AT_PREV_CHAIN, head->prev_chain, TG_SHA256_BYTES);
  memcpy(out + AT_ENGINE, head->engine, TG_TAPE_ENGINE_BYTES);
  tg_le_put32(out + AT_CRC, tg_crc32c(0, out, AT_CRC));
}

int tg_tape_head_unpack(const uint8_t in[TG_TAPE_HEADER_BYTES], tg_tape_head_t *head) {
  memset(head, 0, sizeof *head);
  if (memcmp(in, TG_TAPE_MAGIC, 8) != 0) return -TG_ECORRUPT;
  if (tg_le_get32(in + AT_CRC) != tg_crc32c(0, in, AT_CRC)) return -TG_ECORRUPT;
  head->format_version = tg_le_get32(in + AT_FORMAT);
  head->msg_version = tg_le_get32(in + AT_MSG_VERSION);
  head->created_ns = tg_le_get64(in + AT_CREATED);
  head->epoch = tg_le_get64(in + AT_EPOCH);
  head->seed = tg_le_get64(in + AT_SEED);
  head->first_record = tg_le_get64(in + AT_FIRST_RECORD);
  head->segment = tg_le_get32(in + AT_SEGMENT);
  head->mode = in[AT_MODE];
  memcpy(head->config_sha256, in + AT_CONFIG, TG_SHA256_BYTES);
  memcpy(head->prev_chain, in + AT_PREV_CHAIN, TG_SHA256_BYTES);
  memcpy(head->engine, in + AT_ENGINE, TG_TAPE_ENGINE_BYTES);
  head->engine[TG_TAPE_ENGINE_BYTES - 1] = '\0';
  if (head->format_version != TG_TAPE_FORMAT_VERSION || head->msg_version != TG_MSG_FORMAT_VERSION) return -TG_EVERSION;
  return 0;
}

void tg_tape_record_pack(tg_tape_type_t type, uint64_t number, const uint8_t body[64], uint8_t out[TG_TAPE_RECORD_BYTES]) {
  tg_le_put32(out, (uint32_t)type | (uint32_t)(number & 0xFFFFFFu) << 8);
  memcpy(out + 8, body, 64);
  tg_le_put32(out + 4, tg_crc32c(tg_crc32c(0, out, 4), body, 64));
}

int tg_tape_record_check(const uint8_t in[TG_TAPE_RECORD_BYTES], uint64_t number) {
  uint32_t head = tg_le_get32(in);
  if (head >> 8 != (uint32_t)(number & 0xFFFFFFu)) return 0;
  if (tg_le_get32(in + 4) != tg_crc32c(tg_crc32c(0, in, 4), in + 8, 64)) return 0;
  unsigned type = head & 0xFFu;
  return type >= TG_TAPE_IN && type <= TG_TAPE_END ? (int)type : 0;
}

void tg_tape_mark_pack(const tg_tape_mark_t *mark, uint8_t out[64]) {
  memset(out, 0, 64);
  tg_le_put64(out, mark->record_cnt);
  tg_le_put64(out + 8, mark->in_cnt);
  tg_le_put64(out + 16, mark->out_cnt);
  memcpy(out + 24, mark->chain, TG_SHA256_BYTES);
  tg_le_put32(out + 56, mark->flags);
}

void tg_tape_mark_unpack(const uint8_t in[64], tg_tape_mark_t *mark) {
  mark->record_cnt = tg_le_get64(in);
  mark->in_cnt = tg_le_get64(in + 8);
  mark->out_cnt = tg_le_get64(in + 16);
  memcpy(mark->chain, in + 24, TG_SHA256_BYTES);
  mark->flags = tg_le_get32(in + 56);
}

void tg_tape_name(uint64_t epoch, uint32_t segment, char *buf, size_t cap) {
  snprintf(buf, cap, "tape-%06llu-%06u.tape", (unsigned long long)epoch, segment);
}

/* Decimal digits at *at, 6 to 12 of them; moves *at behind. */
static bool take_number(const char **at, uint64_t *out) {
  uint64_t value = 0;
  unsigned digits = 0;
  for (; **at >= '0' && **at <= '9' && digits < 12; (*at)++, digits++) value = value * 10 + (uint64_t)(**at - '0');
  *out = value;
  return digits >= 6;
}

bool tg_tape_name_parse(const char *name, uint64_t *epoch, uint32_t *segment, bool *zstd) {
  uint64_t number;
  if (strncmp(name, "tape-", 5) != 0) return false;
  const char *at = name + 5;
  if (!take_number(&at, epoch) || *at++ != '-' || !take_number(&at, &number) || number > UINT32_MAX) return false;
  *segment = (uint32_t)number;
  *zstd = strcmp(at, ".tape.zst") == 0;
  return *zstd || strcmp(at, ".tape") == 0;
}
