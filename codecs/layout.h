/* layout.h - learned member order of flat events.
 * What:    a venue writes the members of one event kind in one order. A layout keeps the text between the values (names,
 * quotes, braces) and what kind of value stands there; an event that fits is taken apart by comparing that text, 16 bytes at a
 * time. Layouts are learned from events that the pass by key has read; what does not fit takes that pass again. Owner:   a
 * table lies inside the decoder's context; all zero is the empty table. Threads: as the context. Limit:   TG_LAYOUT_ITEMS
 * values, TG_LAYOUT_TEXT bytes between two of them, one inner object ("o"); others are not learned. Errors:  none: false. */
#ifndef TG_CODECS_LAYOUT_H
#define TG_CODECS_LAYOUT_H

#include "codecs/fields.h"

#define TG_LAYOUT_ITEMS 64u
#define TG_LAYOUT_TEXT 16u
#define TG_LAYOUT_KINDS 4u /* event kinds kept apart by a letter of their name ... */
#define TG_LAYOUT_WAYS 2u  /* ... and layouts of each */

typedef enum tg_layout_value { TG_LAYOUT_STRING, TG_LAYOUT_DIGITS, TG_LAYOUT_BOOL } tg_layout_value_t;

typedef struct tg_layout_item {
  char text[TG_LAYOUT_TEXT]; /* before the value, its opening quote included */
  uint16_t need;             /* bit per byte of text */
  uint8_t text_len;
  uint8_t slot;   /* of fields.h */
  uint8_t inner;  /* 1: member of the inner object */
  uint8_t value;  /* tg_layout_value_t */
  uint8_t wanted; /* 0: stepped over, not kept */
  uint8_t pad0;
} tg_layout_item_t;

typedef struct tg_layout {
  uint64_t have[2][2]; /* of the outer and the inner object */
  uint32_t cnt;        /* values; 0 = empty */
  uint8_t tail_len;    /* bytes behind the last value */
  bool has_inner;
  char tail[TG_LAYOUT_TEXT];
  tg_layout_item_t item[TG_LAYOUT_ITEMS];
} tg_layout_t;

typedef struct tg_layouts {
  tg_layout_t layout[TG_LAYOUT_KINDS][TG_LAYOUT_WAYS];
  uint8_t last[TG_LAYOUT_KINDS]; /* the way that fitted last */
} tg_layouts_t;

/* Takes the event that is the whole text apart: true with f, inner and *inner_seen as tg_fields_scan_in would set them (but
 * without the raw value of the inner object). False: no layout fits. */
bool tg_layout_read(tg_layouts_t *tab, const char *p, const char *end, tg_fields_t *f, tg_fields_t *inner, bool *inner_seen);
/* Learns the order of a whole, well-formed event; `wanted` has a bit for each slot whose value the caller reads (others are
 * then not given). */
void tg_layout_learn(tg_layouts_t *tab, const char *p, const char *end, unsigned inner_slot, const uint64_t wanted[2]);

#endif
