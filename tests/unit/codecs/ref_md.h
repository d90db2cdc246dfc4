/* ref_md.h - the slow reference of bn_md: the same frames through jansson, written apart from the codec.
 * What:    a DOM walk with its own decimal conversion; gives the messages the codec must give.
 * Threads: one.
 * Errors:  -1 where the frame is not JSON or a value does not fit; the codec must then fail too. */
#ifndef TESTS_CODECS_REF_MD_H
#define TESTS_CODECS_REF_MD_H

#include "support.h"

/* Messages appended to out, or -1. Unknown symbols and kinds give 0. snapshot_instr as in tg_bn_md_t. */
int ref_md(const tg_symtab_t *tab, const char *text, size_t len, uint64_t recv_ns, uint16_t snapshot_instr,
           tg_msg_batch_t *out);
/* Decimal text to units of a scale by long division; false when it does not fit. */
bool ref_scaled(const char *text, tg_scale_t scale, int64_t *out);

#endif
