#include "net/stream.h"

#include <openssl/mem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/conf/secret.h"
#include "net/netcold.h"

enum {
  RX_CAP = TG_HANDOFF_CIPHER_BYTES,
  RECORD_ROOM = TG_REC_PREFIX_MAX + TG_REC_SUFFIX_MAX,
  TICKET_RECORDS = 16, /* records shown to the SSL object for tickets */
};

/* One attempt: what the kernel may still use after the stream has let go of it. */
struct tg_link {
  tg_link_t *next, *prev;
  tg_netcold_t *net;
  tg_stream_t *stream; /* NULL: orphan, freed when quiet */
  enum tg_stream_state state;
  int fd;
  int ticket; /* of the resolver, -1 = none */
  uint16_t port;
  bool stamped, secure, eof;
  char host[TG_HOST_BYTES];
  tg_tcp_opt_t tcp;
  uint64_t deadline_ns;
  tg_addr_list_t addrs;
  uint32_t addr_at;
  tg_tls_t *tls;
  tg_tls_shake_t *shake;
  tg_rec_t rec;
  uint32_t ticket_left;
  tg_io_op_t connect_op, recv_op, send_op;
  uint32_t rx_len;
  uint32_t tx_head, tx_tail, tx_flight;
  char reason[TG_STREAM_REASON_BYTES];
  char info[128];
  uint8_t rx[RX_CAP];
  uint8_t tx[TG_STREAM_TX_BYTES];
};

struct tg_stream {
  tg_netcold_t *net;
  tg_stream_ops_t ops;
  void *user;
  tg_link_t *link; /* NULL = idle */
  char info[128];
};

static bool quiet(const tg_link_t *link) {
  return !link->connect_op.active && !link->recv_op.active && !link->send_op.active;
}

static void link_free(tg_link_t *link) {
  if (link->prev) {
    link->prev->next = link->next;
  } else {
    link->net->links = link->next;
  }
  if (link->next) link->next->prev = link->prev;
  if (link->fd >= 0) tg_io_close_fd(link->net->io, link->fd);
  OPENSSL_cleanse(link->rx, link->rx_len);
  tg_rec_wipe(&link->rec);
  tg_private_unmap(link, sizeof *link);
}

/* The stream lets go; the link is freed by tg_links_turn when the kernel has, too. */
static void orphan(tg_link_t *link) {
  tg_io_t *io = link->net->io;
  if (link->stream) link->stream->link = NULL;
  link->stream = NULL;
  link->state = TG_STREAM_IDLE;
  if (link->ticket >= 0) tg_resolve_drop(link->net->resolver, link->ticket);
  link->ticket = -1;
  tg_tls_shake_end(link->shake);
  link->shake = NULL;
  link->deadline_ns = link->net->io->now_ns + UINT64_C(500000000); /* unsent bytes (an alert) get this long */
  if (link->connect_op.active) tg_io_cancel(io, &link->connect_op);
  if (link->recv_op.active) tg_io_cancel(io, &link->recv_op);
}

static void push(tg_link_t *link) {
  if (link->send_op.active || link->fd < 0 || link->tx_head == link->tx_tail) return;
  link->tx_flight = link->tx_tail - link->tx_head;
  if (tg_io_send(link->net->io, &link->send_op, link->fd, link->tx + link->tx_head, link->tx_flight)) link->tx_flight = 0;
}

static void end(tg_link_t *link, int err, const char *reason) {
  tg_stream_t *stream = link->stream;
  if (!stream) return;
  char text[TG_STREAM_REASON_BYTES];
  snprintf(text, sizeof text, "%s", reason);
  push(link);
  orphan(link);
  if (stream->ops.on_close) stream->ops.on_close(stream->user, stream, err, text);
}

/* Ends with "host:port: what". */
static void end_at(tg_link_t *link, int err, const char *what) {
  snprintf(link->reason, sizeof link->reason, "%.120s:%u: %.80s", link->host, (unsigned)link->port, what);
  end(link, err, link->reason);
}

static bool alive(const tg_link_t *link, enum tg_stream_state state) {
  return link->stream && link->state == state;
}

/* --- send --- */

static bool tx_room(tg_link_t *link, size_t need) {
  if (sizeof link->tx - link->tx_tail >= need) return true;
  if (link->tx_flight == 0 && link->tx_head > 0) {
    memmove(link->tx, link->tx + link->tx_head, link->tx_tail - link->tx_head);
    link->tx_tail -= link->tx_head;
    link->tx_head = 0;
  }
  return sizeof link->tx - link->tx_tail >= need;
}

static void on_sent(tg_io_t *io, tg_io_op_t *op, int res, uint32_t flags) {
  tg_link_t *link = op->user;
  (void)io;
  (void)flags;
  link->tx_flight = 0;
  if (res < 0) {
    link->tx_head = link->tx_tail = 0;
    if (link->stream) end_at(link, tg_errno_err(res), strerror(-res));
    return;
  }
  link->tx_head += (uint32_t)res;
  if (link->tx_head == link->tx_tail) link->tx_head = link->tx_tail = 0;
  push(link);
}

static int put_raw(tg_link_t *link, const void *data, size_t len) {
  if (!tx_room(link, len)) return -TG_EFULL;
  memcpy(link->tx + link->tx_tail, data, len);
  link->tx_tail += (uint32_t)len;
  return 0;
}

static int put_sealed(tg_link_t *link, const uint8_t *data, size_t len) {
  size_t records = len / TG_REC_PLAIN_MAX + 2;
  if (!tx_room(link, len + records * RECORD_ROOM + 64)) return -TG_EFULL;
  if (link->rec.key_update_due) {
    int n = tg_rec_seal_key_update(&link->rec, false, link->tx + link->tx_tail);
    if (n < 0) return n;
    link->tx_tail += (uint32_t)n;
  }
  while (len) {
    size_t take = len < TG_REC_PLAIN_MAX ? len : TG_REC_PLAIN_MAX;
    uint8_t *start = link->tx + link->tx_tail;
    memcpy(start + link->rec.prefix_bytes, data, take);
    int n = tg_rec_seal(&link->rec, 23, start, take);
    if (n < 0) return n;
    link->tx_tail += (uint32_t)n;
    data += take;
    len -= take;
  }
  return 0;
}

static void put_alert(tg_link_t *link, uint8_t description) {
  if (!link->secure || !tx_room(link, 64)) return;
  int n = tg_rec_seal_alert(&link->rec, description, link->tx + link->tx_tail);
  if (n > 0) link->tx_tail += (uint32_t)n;
}

int tg_stream_write(tg_stream_t *stream, const void *data, size_t len) {
  tg_link_t *link = stream->link;
  if (!link || link->state != TG_STREAM_OPEN) return -TG_ECLOSED;
  int rc = link->secure ? put_sealed(link, data, len) : put_raw(link, data, len);
  push(link);
  return rc;
}

/* --- receive --- */

static void deliver(tg_link_t *link, uint8_t *data, size_t len, uint64_t rx_ns) {
  tg_stream_t *stream = link->stream;
  stream->ops.on_data(stream->user, stream, data, len, rx_ns);
}

static void on_bad_record(tg_link_t *link, int err) {
  char what[80];
  if (link->rec.alert != 255) {
    snprintf(what, sizeof what, "TLS alert %u (%s)", (unsigned)link->rec.alert, tg_tls_alert_name(link->rec.alert));
  } else {
    snprintf(what, sizeof what, "TLS record refused: %s", tg_err_text(err));
    put_alert(link, err == -TG_ESIZE ? 22 : 20);
  }
  end_at(link, err, what);
}

static void use_record(tg_link_t *link, const tg_rec_out_t *out, uint64_t rx_ns) {
  if (out->kind == TG_REC_DATA) {
    deliver(link, out->data, out->len, rx_ns);
  } else if (out->kind == TG_REC_CLOSE) {
    end_at(link, -TG_ECLOSED, "the peer closed (close_notify)");
  } else if (link->rec.key_update_due) {
    (void)put_sealed(link, NULL, 0);
    push(link);
  }
}

/* Uses what lies in rx while the stream is open. */
static void use_rx(tg_link_t *link, uint64_t rx_ns) {
  uint32_t at = 0;
  if (!link->secure && link->rx_len) {
    uint32_t len = link->rx_len;
    link->rx_len = 0;
    deliver(link, link->rx, len, rx_ns);
    return;
  }
  while (alive(link, TG_STREAM_OPEN) && at < link->rx_len) {
    tg_rec_out_t out;
    uint8_t *record = link->rx + at;
    int total = tg_rec_length(&link->rec, record, link->rx_len - at);
    if (total == 0 || (total > 0 && (uint32_t)total > link->rx_len - at)) break;
    if (total > 0 && link->shake && link->ticket_left) {
      link->ticket_left--;
      tg_tls_shake_ticket(link->shake, record, (size_t)total);
    }
    int n = tg_rec_open(&link->rec, record, link->rx_len - at, &out);
    if (n < 0) {
      on_bad_record(link, n);
      return;
    }
    at += (uint32_t)n;
    /* tickets come before or with the first data; later records are kept from the SSL object, which leaves what it opened in
     * freed memory (a logon's answer names the API key) */
    if (out.kind == TG_REC_DATA) link->ticket_left = 0;
    use_record(link, &out, rx_ns);
  }
  if (!link->stream) return;
  if (link->shake && link->ticket_left == 0) {
    tg_tls_shake_end(link->shake);
    link->shake = NULL;
  }
  memmove(link->rx, link->rx + at, link->rx_len - at);
  link->rx_len -= at;
}

static void opened(tg_link_t *link, uint64_t rx_ns) {
  tg_stream_t *stream = link->stream;
  link->state = TG_STREAM_OPEN;
  if (stream->ops.on_open) stream->ops.on_open(stream->user, stream);
  if (alive(link, TG_STREAM_OPEN) && link->rx_len) use_rx(link, rx_ns);
}

static void shake_output(tg_link_t *link) {
  uint8_t buf[4096];
  for (size_t n; (n = tg_tls_shake_output(link->shake, buf, sizeof buf)) > 0;) {
    if (put_raw(link, buf, n)) break; /* a handshake never fills 1 MB */
  }
  push(link);
}

static void shake_step(tg_link_t *link, uint64_t rx_ns) {
  size_t eaten;
  int rc = tg_tls_shake_input(link->shake, link->rx, link->rx_len, &eaten);
  memmove(link->rx, link->rx + eaten, link->rx_len - eaten);
  link->rx_len -= (uint32_t)eaten;
  shake_output(link);
  if (rc == 0) return;
  tg_rec_keys_t keys;
  const char *reason = "keys cannot be taken from the handshake";
  if (rc > 0) {
    snprintf(link->info, sizeof link->info, "%s", tg_tls_shake_info(link->shake));
    rc = tg_tls_shake_keys(link->shake, &keys);
    if (rc == 0) rc = tg_rec_init(&link->rec, &keys);
    OPENSSL_cleanse(&keys, sizeof keys);
  } else {
    reason = tg_tls_shake_reason(link->shake);
  }
  if (rc) {
    char text[TG_TLS_REASON_BYTES];
    snprintf(text, sizeof text, "%s", reason);
    end(link, rc, text);
    return;
  }
  link->secure = true;
  link->ticket_left = link->rec.version == 0x0304 ? TICKET_RECORDS : 0;
  opened(link, rx_ns);
}

static void peer_ended(tg_link_t *link) {
  link->eof = true;
  if (link->state == TG_STREAM_SHAKING) {
    end_at(link, -TG_ETRUNCATED, "the connection ended during the TLS handshake");
  } else if (link->secure) {
    end_at(link, -TG_ETRUNCATED, "the connection ended without close_notify");
  } else {
    end_at(link, -TG_ECLOSED, "the peer closed");
  }
}

static void detached(tg_link_t *link) {
  tg_stream_t *stream = link->stream;
  link->state = TG_STREAM_DETACHED;
  if (stream->ops.on_detached) stream->ops.on_detached(stream->user, stream);
}

static void on_recv(tg_io_t *io, tg_io_op_t *op, int res, uint32_t flags) {
  tg_link_t *link = op->user;
  (void)flags;
  if (!link->stream) return;
  if (res == 0) {
    peer_ended(link);
    return;
  }
  if (res < 0) {
    if (link->state == TG_STREAM_DETACHING) {
      detached(link); /* -ECANCELED as asked; another error shows again on the hot lane */
    } else {
      end_at(link, tg_errno_err(res), strerror(-res));
    }
    return;
  }
  if ((uint32_t)res > sizeof link->rx - link->rx_len) {
    end_at(link, -TG_EFULL, "more unread bytes than the buffer holds");
    return;
  }
  memcpy(link->rx + link->rx_len, op->rx_data, (size_t)res);
  link->rx_len += (uint32_t)res;
  if (link->state == TG_STREAM_SHAKING) {
    shake_step(link, io->now_ns);
  } else if (link->state == TG_STREAM_OPEN) {
    use_rx(link, io->now_ns);
  }
  if (!link->stream) return;
  if (link->state == TG_STREAM_DETACHING) {
    detached(link);
  } else if (tg_io_recv_start(io, op, link->fd)) {
    end_at(link, -TG_EFULL, "no room in the io queue");
  }
}

/* --- connect --- */

static void try_next(tg_link_t *link, int err, const char *why);

static void on_connect(tg_io_t *io, tg_io_op_t *op, int res, uint32_t flags) {
  tg_link_t *link = op->user;
  (void)flags;
  if (!link->stream) return;
  if (res < 0) {
    tg_io_close_fd(io, link->fd);
    link->fd = -1;
    try_next(link, tg_errno_err(res), strerror(-res));
    return;
  }
  /* one buffer at a time: at a hand-over what we did not read is still in the socket */
  link->recv_op.once = true;
  if (tg_io_recv_start(io, &link->recv_op, link->fd)) {
    end_at(link, -TG_EFULL, "no room in the io queue");
    return;
  }
  if (!link->tls) {
    snprintf(link->info, sizeof link->info, "plain");
    opened(link, io->now_ns);
    return;
  }
  link->state = TG_STREAM_SHAKING;
  link->shake = tg_tls_shake_begin(link->tls, link->host, link->port);
  if (!link->shake) {
    end_at(link, -TG_ENOMEM, "no memory for a TLS handshake");
    return;
  }
  shake_step(link, io->now_ns);
}

static void try_next(tg_link_t *link, int err, const char *why) {
  tg_io_t *io = link->net->io;
  while (link->addr_at < link->addrs.cnt) {
    tg_addr_t *addr = &link->addrs.addr[link->addr_at++];
    link->fd = tg_tcp_socket(addr->sa.ss_family, &link->tcp, &link->stamped);
    if (link->fd < 0) continue;
    if (tg_io_connect(io, &link->connect_op, link->fd, (const struct sockaddr *)&addr->sa, addr->len) == 0) return;
    tg_io_close_fd(io, link->fd);
    link->fd = -1;
    err = -TG_EFULL;
    why = "no room in the io queue";
  }
  end_at(link, err, why);
}

static void start_connect(tg_link_t *link) {
  link->state = TG_STREAM_CONNECTING;
  try_next(link, -TG_EIO, "no usable address");
}

/* --- turn --- */

static void link_turn(tg_link_t *link, uint64_t now_ns) {
  if (!link->stream) {
    push(link); /* the last alert */
    if (link->send_op.active && !link->send_op.cancelled && now_ns >= link->deadline_ns) {
      tg_io_cancel(link->net->io, &link->send_op);
    }
    if (link->recv_op.active && !link->recv_op.cancelled) tg_io_cancel(link->net->io, &link->recv_op);
    if (link->connect_op.active && !link->connect_op.cancelled) tg_io_cancel(link->net->io, &link->connect_op);
    if (quiet(link)) link_free(link);
    return;
  }
  if (now_ns >= link->deadline_ns) {
    static const char *const phase[] = {"",           "name look-up", "connecting", "TLS handshake",
                                        "the answer", "hand-over",    "hand-over"};
    char what[64];
    snprintf(what, sizeof what, "timed out in %s", phase[link->state]);
    end_at(link, -TG_ETIMEOUT, what);
    return;
  }
  push(link);
  if (link->state != TG_STREAM_RESOLVING) return;
  char text[128];
  int rc = link->ticket < 0 ? 0 : tg_resolve_poll(link->net->resolver, link->ticket, &link->addrs, text, sizeof text);
  if (rc == -TG_EAGAIN) return;
  link->ticket = -1;
  if (rc) {
    end(link, rc, text);
  } else {
    start_connect(link);
  }
}

void tg_links_turn(tg_netcold_t *net, uint64_t now_ns) {
  for (tg_link_t *link = net->links, *next; link; link = next) {
    next = link->next; /* new links go to the front; only this one may be freed */
    link_turn(link, now_ns);
  }
}

uint64_t tg_links_deadline_ns(const tg_netcold_t *net) {
  uint64_t nearest = UINT64_MAX;
  for (const tg_link_t *link = net->links; link; link = link->next) {
    if (link->deadline_ns < nearest) nearest = link->deadline_ns;
  }
  return nearest;
}

bool tg_links_drop_all(tg_netcold_t *net) {
  for (tg_link_t *link = net->links, *next; link; link = next) {
    next = link->next;
    if (link->stream) orphan(link);
    if (link->send_op.active && !link->send_op.cancelled) tg_io_cancel(net->io, &link->send_op);
    if (quiet(link)) link_free(link);
  }
  return net->links == NULL;
}

/* --- stream --- */

tg_stream_t *tg_stream_new(tg_netcold_t *net, const tg_stream_ops_t *ops, void *user) {
  tg_stream_t *stream = calloc(1, sizeof *stream);
  if (!stream) return NULL;
  stream->net = net;
  stream->ops = *ops;
  stream->user = user;
  return stream;
}

void tg_stream_free(tg_stream_t *stream) {
  if (!stream) return;
  if (stream->link) orphan(stream->link);
  free(stream);
}

static void op_init(tg_io_op_t *op, tg_link_t *link, tg_io_done_t done) {
  op->done = done;
  op->user = link;
}

int tg_stream_open(tg_stream_t *stream, const tg_stream_cfg_t *cfg, uint64_t now_ns) {
  if (stream->link) return -TG_EBUSY;
  size_t len = cfg->host ? strlen(cfg->host) : 0;
  if (len == 0 || len >= TG_HOST_BYTES || cfg->port == 0 || cfg->deadline_ns <= now_ns) return -TG_EINVAL;
  tg_link_t *link = tg_private_map(sizeof *link); /* 1.3 MB, of which only touched pages cost; keys and answers pass here */
  if (!link) return -TG_ENOMEM;
  link->net = stream->net;
  link->stream = stream;
  link->fd = -1;
  link->ticket = -1;
  memcpy(link->host, cfg->host, len + 1);
  link->port = cfg->port;
  link->tls = cfg->tls;
  link->tcp = cfg->tcp;
  link->deadline_ns = cfg->deadline_ns;
  link->state = TG_STREAM_RESOLVING;
  op_init(&link->connect_op, link, on_connect);
  op_init(&link->recv_op, link, on_recv);
  op_init(&link->send_op, link, on_sent);
  if (!tg_resolve_fast(link->host, link->port, &link->addrs)) { /* fast: the next turn connects */
    link->ticket = tg_resolve_start(stream->net->resolver, link->host, link->port);
    if (link->ticket < 0) {
      tg_private_unmap(link, sizeof *link);
      return -TG_EFULL;
    }
  }
  link->next = stream->net->links;
  if (link->next) link->next->prev = link;
  stream->net->links = link;
  stream->link = link;
  return 0;
}

void tg_stream_deadline(tg_stream_t *stream, uint64_t deadline_ns) {
  if (stream->link) stream->link->deadline_ns = deadline_ns;
}

void tg_stream_close(tg_stream_t *stream) {
  if (!stream->link) return;
  put_alert(stream->link, 0);
  end(stream->link, 0, "closed by us");
}

void tg_stream_fail(tg_stream_t *stream, int err, const char *reason) {
  if (!stream->link) return;
  put_alert(stream->link, 0);
  end_at(stream->link, err, reason);
}

int tg_stream_detach(tg_stream_t *stream) {
  tg_link_t *link = stream->link;
  if (!link || link->state != TG_STREAM_OPEN) return -TG_EINVAL;
  if (link->send_op.active || link->tx_head != link->tx_tail) return -TG_EAGAIN;
  /* not active: we are inside its callback, which ends the detaching when it is through */
  if (link->recv_op.active && tg_io_cancel(link->net->io, &link->recv_op)) return -TG_EAGAIN;
  link->state = TG_STREAM_DETACHING;
  return 0;
}

int tg_stream_take(tg_stream_t *stream, tg_handoff_t *out) {
  tg_link_t *link = stream->link;
  if (!link || link->state != TG_STREAM_DETACHED) return -TG_EINVAL;
  memset(out, 0, offsetof(tg_handoff_t, plain));
  out->fd = link->fd;
  out->tls = link->secure;
  out->stamped = link->stamped;
  if (link->secure) tg_rec_export(&link->rec, &out->keys);
  out->cipher_len = link->rx_len;
  memcpy(out->cipher, link->rx, link->rx_len);
  link->fd = -1;
  orphan(link);
  return 0;
}

enum tg_stream_state tg_stream_state(const tg_stream_t *stream) {
  return stream->link ? stream->link->state : TG_STREAM_IDLE;
}

const char *tg_stream_info(tg_stream_t *stream) {
  snprintf(stream->info, sizeof stream->info, "%s", stream->link ? stream->link->info : "closed");
  return stream->info;
}
