#include <string.h>

#include "engine/cold/tape.h"

void tg_digest_init(tg_digest_t *digest) {
  tg_chain_init(&digest->chain, TG_DIGEST_SEED);
}

void tg_digest_add(tg_digest_t *digest, const tg_msg_t *msg) {
  if (msg->kind < 128) return;
  tg_msg_t copy = *msg;
  copy.ring_lap = 0; /* the ring's own word differs from run to run */
  tg_chain_add(&digest->chain, &copy, sizeof copy);
}

void tg_digest_text(const tg_digest_t *digest, char out[65]) {
  tg_sha256_hex(digest->chain.digest, out);
}
