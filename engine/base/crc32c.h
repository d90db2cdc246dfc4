/* crc32c.h - CRC-32C (Castagnoli), the check of a tape record.
 * What:    reflected polynomial 0x82f63b78, all ones before and after (RFC 3720, B.4); "123456789" gives 0xe3069283.
 * Threads: any; pure.
 * Errors:  none. */
#ifndef TG_BASE_CRC32C_H
#define TG_BASE_CRC32C_H

#include "engine/base/types.h"

/* CRC of `len` bytes after those that gave `seed` (0 to begin): crc(crc(0, a), b) is the CRC of a followed by b. */
uint32_t tg_crc32c(uint32_t seed, const void *data, size_t len);
/* The same by table, for CPUs without SSE4.2 and for tests. */
uint32_t tg_crc32c_table(uint32_t seed, const void *data, size_t len);

#endif
