/* handoff.h - a finished session on its way from the cold lane to a hot one.
 * What:    descriptor, record keys with their sequence numbers, and every byte already read but not yet used.
 * Owner:   whoever holds it; the descriptor belongs to the holder. About 260 KB: one per dial slot, never on a stack.
 * Threads: filled on cold (tg_dial_take), read on hot (tg_conn_adopt); pass its address through a ring. tg_conn_adopt copies
 *          all it needs: when it has returned, the memory is free again (tell cold by your own ring).
 * Limit:   TG_HANDOFF_PLAIN_BYTES, TG_HANDOFF_CIPHER_BYTES; tg_dial_take refuses beyond.
 * Errors:  none here. */
#ifndef TG_NET_HANDOFF_H
#define TG_NET_HANDOFF_H

#include "net/rec.h"

#define TG_HANDOFF_PLAIN_BYTES 131072u
#define TG_HANDOFF_CIPHER_BYTES 131072u

typedef struct tg_handoff {
  int fd;
  uint32_t gen;       /* generation number of this session (backoff.h); shows in every callback's conn->gen */
  uint64_t user_tag;  /* the dialler's tag, untouched */
  uint64_t opened_ns; /* when the upgrade was accepted: rotation counts from here */
  bool tls;
  bool stamped; /* SO_TIMESTAMPING is on */
  uint8_t mask_seed[32];
  tg_rec_keys_t keys;
  uint32_t plain_len;  /* opened bytes not yet used: WebSocket frames or the beginning of one */
  uint32_t cipher_len; /* received bytes not yet opened (or plain bytes when tls is false) */
  uint8_t plain[TG_HANDOFF_PLAIN_BYTES];
  uint8_t cipher[TG_HANDOFF_CIPHER_BYTES];
} tg_handoff_t;

#endif
