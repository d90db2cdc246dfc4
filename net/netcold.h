/* netcold.h - what the cold pieces of net/ share: resolver thread and list of links. Private to net/.
 * What:    tg_resolve_* asks the resolver thread; tg_link_* (stream.c) are the connections under way.
 * Owner:   tg_netcold_t owns the resolver and every link, orphans too.
 * Threads: cold lane; the resolver thread touches tg_resolver_t only, under its mutex.
 * Limit:   TG_RESOLVE_SLOTS names at once.
 * Errors:  -TG_EFULL, -TG_ERESOLVE. */
#ifndef TG_NET_NETCOLD_H
#define TG_NET_NETCOLD_H

#include <sys/socket.h>

#include "net/stream.h"

#define TG_ADDR_MAX 8

typedef struct tg_addr {
  struct sockaddr_storage sa;
  socklen_t len;
} tg_addr_t;

typedef struct tg_addr_list {
  uint32_t cnt;
  tg_addr_t addr[TG_ADDR_MAX];
} tg_addr_list_t;

typedef struct tg_resolver tg_resolver_t;
typedef struct tg_link tg_link_t;

/* event_fd is written after each answer. NULL = no memory or thread. */
tg_resolver_t *tg_resolver_new(int event_fd);
/* Never blocks: a look-up under way finishes on its own and frees the rest. */
void tg_resolver_free(tg_resolver_t *resolver);
/* Addresses that need no look-up (numeric, localhost): true. */
bool tg_resolve_fast(const char *host, uint16_t port, tg_addr_list_t *out);
/* >= 0: ticket; -TG_EFULL. */
TG_MUST_USE int tg_resolve_start(tg_resolver_t *resolver, const char *host, uint16_t port);
/* 0: out is set, ticket over; -TG_EAGAIN; -TG_ERESOLVE: ticket over, text says why (cap bytes). */
TG_MUST_USE int tg_resolve_poll(tg_resolver_t *resolver, int ticket, tg_addr_list_t *out, char *text, size_t cap);
/* The answer is no longer wanted. */
void tg_resolve_drop(tg_resolver_t *resolver, int ticket);

struct tg_netcold {
  tg_io_t *io;
  tg_resolver_t *resolver;
  tg_link_t *links; /* all, doubly linked in stream.c */
  int event_fd;
  bool closing;
  uint64_t event_buf;
  tg_io_op_t event_op;
};

/* stream.c: one look at every link; frees quiet orphans. */
void tg_links_turn(tg_netcold_t *net, uint64_t now_ns);
uint64_t tg_links_deadline_ns(const tg_netcold_t *net);
/* Orphans all links; true when none is left. */
bool tg_links_drop_all(tg_netcold_t *net);

#endif
