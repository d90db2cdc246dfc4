/* tcp.h - sockets made the way sessions want them.
 * What:    non-blocking TCP socket with TCP_NODELAY, keepalive, optional SO_TIMESTAMPING (software receive stamps; hardware
 *          ones where the NIC was configured for them) and SO_BUSY_POLL.
 * Threads: cold.
 * Errors:  -TG_EIO, -TG_EINVAL. */
#ifndef TG_NET_TCP_H
#define TG_NET_TCP_H

#include "engine/base/err.h"
#include "engine/base/types.h"

typedef struct tg_tcp_opt {
  bool stamps;              /* SO_TIMESTAMPING: receive through recvmsg, about 60 ns a receive more */
  uint32_t keepalive_s;     /* idle seconds before probes; 0 = off */
  uint32_t busy_poll_us;    /* SO_BUSY_POLL; 0 = off; a refusal is ignored (needs CAP_NET_ADMIN above the sysctl) */
  uint32_t user_timeout_ms; /* TCP_USER_TIMEOUT: unacknowledged data older than this ends the connection; 0 = system's */
} tg_tcp_opt_t;

/* A socket of `family` (AF_INET, AF_INET6). >= 0 descriptor, -TG_EIO, -TG_EINVAL. *stamped says whether stamps were granted. */
TG_MUST_USE int tg_tcp_socket(int family, const tg_tcp_opt_t *opt, bool *stamped);
#endif
