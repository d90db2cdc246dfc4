/* Any bytes as a tape segment: no crash, and after the end the answer stays. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/crc32c.h"
#include "engine/cold/tape_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(const uint8_t *data, size_t size) {
  char err[256];
  tg_tape_reader_t *reader;
  int rc = tg_tape_open_bytes(&reader, data, size, err, sizeof err);
  if (rc < 0) {
    if (reader || err[0] == '\0') abort();
    return;
  }
  tg_tape_record_t record;
  uint64_t next_no = tg_tape_head(reader)->first_record;
  while ((rc = tg_tape_next(reader, &record)) == 1) {
    if (record.record_no != next_no++) abort();
    if ((record.msg.kind < 128) != (record.type == TG_TAPE_IN)) abort();
  }
  if (tg_tape_next(reader, &record) != rc) abort();
  if ((rc < 0) != (tg_tape_reader_error(reader)[0] != '\0')) abort();
  tg_tape_reader_close(reader);
}

/* Makes check sums and record numbers hold, so that what lies behind them is reached. */
static void repair(uint8_t *data, size_t size) {
  if (size < TG_TAPE_HEADER_BYTES) return;
  tg_le_put32(data + TG_TAPE_HEADER_BYTES - 4, tg_crc32c(0, data, TG_TAPE_HEADER_BYTES - 4));
  uint64_t number = 0;
  for (size_t at = TG_TAPE_HEADER_BYTES; at + TG_TAPE_RECORD_BYTES <= size; at += TG_TAPE_RECORD_BYTES) {
    uint8_t body[64];
    memcpy(body, data + at + 8, sizeof body);
    tg_tape_record_pack((tg_tape_type_t)data[at], number++, body, data + at);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  read_all(data, size);
  uint8_t *copy = malloc(size ? size : 1);
  if (!copy) exit(10);
  if (size) memcpy(copy, data, size);
  repair(copy, size);
  read_all(copy, size);
  free(copy);
  return 0;
}
