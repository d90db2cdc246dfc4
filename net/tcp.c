#include "net/tcp.h"

#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

static int set_int(int fd, int level, int name, int value) {
  return setsockopt(fd, level, name, &value, sizeof value);
}

int tg_tcp_socket(int family, const tg_tcp_opt_t *opt, bool *stamped) {
  *stamped = false;
  if (family != AF_INET && family != AF_INET6) return -TG_EINVAL;
  int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (fd < 0) return -TG_EIO;
  if (set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1)) {
    close(fd);
    return -TG_EIO;
  }
  if (opt->keepalive_s) {
    (void)set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    (void)set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, (int)opt->keepalive_s);
    (void)set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, (int)(opt->keepalive_s / 3 + 1));
    (void)set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
  }
  if (opt->user_timeout_ms) (void)set_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)opt->user_timeout_ms);
  if (opt->busy_poll_us) (void)set_int(fd, SOL_SOCKET, SO_BUSY_POLL, (int)opt->busy_poll_us);
  if (opt->stamps) {
    int flags =
        SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_RX_HARDWARE | SOF_TIMESTAMPING_RAW_HARDWARE;
    *stamped = set_int(fd, SOL_SOCKET, SO_TIMESTAMPING, flags) == 0;
  }
  return fd;
}
