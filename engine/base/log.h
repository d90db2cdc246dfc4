/* log.h - the cold side's log: one event, one line, one write(2).
 * What:    "2026-01-31T23:59:59.123456Z warn [sim] text"; control characters become '?', so an event is always one line.
 *          Hot lanes do not log: they count, and send messages. Nobody logs a secret: log names of files, never contents.
 * Owner:   one log a process. tg_log_open owns the descriptor it opened; standard error is the start value.
 * Threads: tg_log from any cold thread; the others before threads start and after they ended.
 * Limit:   TG_LOG_LINE_BYTES a line; longer text is cut and ends in "...".
 * Errors:  tg_log_open -TG_EIO, -TG_EPERM, -TG_ENOTFOUND, -TG_ENOSPACE (the old target stays). A failed write is counted. */
#ifndef TG_BASE_LOG_H
#define TG_BASE_LOG_H

#include "engine/base/types.h"

#define TG_LOG_LINE_BYTES 1024

/* In the order of the setting log.level. */
typedef enum tg_log_level { TG_LOG_ERROR = 0, TG_LOG_WARN = 1, TG_LOG_INFO = 2, TG_LOG_DEBUG = 3 } tg_log_level_t;

/* The word in brackets on each line ("sim"), cut to 15 bytes; "" writes none. */
void tg_log_mode(const char *mode);
/* Levels above this one are dropped; info at start. */
void tg_log_level_set(tg_log_level_t level);
tg_log_level_t tg_log_level_now(void);
/* Appends to `path` (made with mode 0640) from now on; NULL: standard error. */
TG_MUST_USE int tg_log_open(const char *path);
/* Writes one line. */
__attribute__((format(printf, 2, 3))) void tg_log(tg_log_level_t level, const char *format, ...);
/* Lines that could not be written. */
uint64_t tg_log_lost_cnt(void);

#define tg_log_error(...) tg_log(TG_LOG_ERROR, __VA_ARGS__)
#define tg_log_warn(...) tg_log(TG_LOG_WARN, __VA_ARGS__)
#define tg_log_info(...) tg_log(TG_LOG_INFO, __VA_ARGS__)
#define tg_log_debug(...) tg_log(TG_LOG_DEBUG, __VA_ARGS__)

#endif
