/* ctl.h - parts of tickgatectl: asking, showing, the `top` screen.
 * What:    one request line to the engine's control socket, its one-line JSON answer as text, tables or a screen.
 * Owner:   main.c.
 * Threads: one.
 * Errors:  exit codes of exit.def. */
#ifndef TG_TOOLS_TICKGATECTL_CTL_H
#define TG_TOOLS_TICKGATECTL_CTL_H

#include <jansson.h>
#include <stdbool.h>

/* Sends a request line (without newline) over a connected socket; the answer's text is malloc'ed. 0 or -TG_E*. */
int ctl_exchange(int fd, const char *line, char **answer);
/* Connects and says why not on standard error. Descriptor, or -1 and *exit_code. */
int ctl_connect(const char *socket_path, int *exit_code);
/* Exit code of an answer's document. */
int ctl_exit_code(const json_t *answer);

/* Prints an answer as text: scalars as lines, lists of objects as tables, everything under the mode's prefix. */
void ctl_show(const json_t *answer);

/* The refreshing screen; needs a terminal. Exit code. */
int ctl_top(const char *socket_path);

#endif
