/* recording.h - recorded venue traffic, frame by frame.
 * What:    reads three shapes, gzip (zlib) or plain, zstd where the name ends in .zst:
 *          1. a line "<receive time> <frame>" (time in ms, us or ns since the epoch, by its digits),
 *          2. a line with a bare frame,
 *          3. cryptofeed sessions: JSON rows {t: header|http|connect|send|recv, ts, data}; recv and http rows are frames,
 *             given in the order of their time (the files group them by connection).
 * Owner:   caller opens and closes; a frame's text is valid until the next call.
 * Threads: one.
 * Limit:   TG_REC_LINE_MAX bytes a line; a session file of shape 3 is held in memory, TG_REC_SESSION_MAX bytes.
 * Errors:  -TG_EIO (cannot be read), -TG_ECORRUPT (broken compression, unreadable row), -TG_EUNSUPPORTED (a session of
 *          another venue), -TG_ESIZE, -TG_ENOMEM; tg_recording_error tells it in one line with file and line number. */
#ifndef TG_TOOLS_TICKGATE_RECORDING_H
#define TG_TOOLS_TICKGATE_RECORDING_H

#include "engine/base/types.h"

#define TG_REC_LINE_MAX (64u << 20)
#define TG_REC_SESSION_MAX (UINT64_C(1) << 30)

typedef struct tg_rec tg_recording_t;

typedef struct tg_recording_frame {
  const char *text;
  size_t len;
  uint64_t ts_ns; /* 0 when the recording has no times */
  uint64_t line_no;
  bool http;       /* a REST answer */
  char symbol[24]; /* of a REST depth snapshot, from its URL; "" */
} tg_recording_frame_t;

/* Opens a recording. 0, -TG_EIO, -TG_ECORRUPT, -TG_ESIZE, -TG_ENOMEM; *out is set in every case but -TG_ENOMEM and must be
 * closed. */
TG_MUST_USE int tg_recording_open(tg_recording_t **out, const char *path);
/* Next frame: 1, 0 at the end, or an error as above. */
TG_MUST_USE int tg_recording_next(tg_recording_t *rec, tg_recording_frame_t *frame);
/* One line for a person about the last error. */
const char *tg_recording_error(const tg_recording_t *rec);
void tg_recording_close(tg_recording_t *rec);

#endif
