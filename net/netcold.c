#include "net/netcold.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum slot_state { SLOT_FREE = 0, SLOT_QUEUED, SLOT_RUNNING, SLOT_DONE, SLOT_DROPPED };

typedef struct resolve_slot {
  enum slot_state state;
  uint16_t port;
  int rc; /* of getaddrinfo */
  char host[TG_HOST_BYTES];
  tg_addr_list_t list;
} resolve_slot_t;

struct tg_resolver {
  pthread_mutex_t lock;
  pthread_cond_t wake;
  bool quit;
  int event_fd; /* a duplicate of ours */
  resolve_slot_t slot[TG_RESOLVE_SLOTS];
};

static void add_addr(tg_addr_list_t *list, const struct sockaddr *sa, socklen_t len) {
  if (list->cnt == TG_ADDR_MAX || len > sizeof list->addr[0].sa) return;
  memcpy(&list->addr[list->cnt].sa, sa, len);
  list->addr[list->cnt++].len = len;
}

static bool add_numeric(tg_addr_list_t *list, const char *text, uint16_t port) {
  struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
    add_addr(list, (const struct sockaddr *)&v4, sizeof v4);
    return true;
  }
  if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1) {
    add_addr(list, (const struct sockaddr *)&v6, sizeof v6);
    return true;
  }
  return false;
}

bool tg_resolve_fast(const char *host, uint16_t port, tg_addr_list_t *out) {
  out->cnt = 0;
  if (strcmp(host, "localhost") == 0) { /* RFC 6761: loopback, without asking anybody */
    return add_numeric(out, "127.0.0.1", port) && add_numeric(out, "::1", port);
  }
  return add_numeric(out, host, port);
}

static int look_up(const char *host, uint16_t port, tg_addr_list_t *out) {
  char service[8];
  struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV};
  struct addrinfo *found = NULL;
  snprintf(service, sizeof service, "%u", (unsigned)port);
  out->cnt = 0;
  int rc = getaddrinfo(host, service, &hints, &found);
  if (rc) return rc;
  for (struct addrinfo *a = found; a; a = a->ai_next) {
    if (a->ai_family == AF_INET || a->ai_family == AF_INET6) add_addr(out, a->ai_addr, a->ai_addrlen);
  }
  freeaddrinfo(found);
  return out->cnt ? 0 : EAI_NONAME;
}

static resolve_slot_t *queued(tg_resolver_t *resolver) {
  for (size_t i = 0; i < TG_RESOLVE_SLOTS; i++) {
    if (resolver->slot[i].state == SLOT_QUEUED) return &resolver->slot[i];
  }
  return NULL;
}

static void destroy(tg_resolver_t *resolver) {
  close(resolver->event_fd);
  pthread_cond_destroy(&resolver->wake);
  pthread_mutex_destroy(&resolver->lock);
  free(resolver);
}

static void (*thread_begin)(void *user);
static void *thread_user;

void tg_netcold_on_thread(void (*begin)(void *user), void *user) {
  thread_begin = begin;
  thread_user = user;
}

static void *resolver_main(void *arg) {
  tg_resolver_t *resolver = arg;
  (void)!pthread_setname_np(pthread_self(), "tg-resolver"); /* for people only */
  if (thread_begin) thread_begin(thread_user);
  pthread_mutex_lock(&resolver->lock);
  while (!resolver->quit) {
    resolve_slot_t *slot = queued(resolver);
    if (!slot) {
      pthread_cond_wait(&resolver->wake, &resolver->lock);
      continue;
    }
    slot->state = SLOT_RUNNING;
    char host[TG_HOST_BYTES];
    memcpy(host, slot->host, sizeof host);
    uint16_t port = slot->port;
    tg_addr_list_t list;
    pthread_mutex_unlock(&resolver->lock);
    int rc = look_up(host, port, &list);
    pthread_mutex_lock(&resolver->lock);
    slot->rc = rc;
    slot->list = list;
    slot->state = slot->state == SLOT_DROPPED ? SLOT_FREE : SLOT_DONE;
    uint64_t one = 1;
    ssize_t n = write(resolver->event_fd, &one, sizeof one);
    (void)n; /* only a wake-up: the poll finds the answer anyway */
  }
  pthread_mutex_unlock(&resolver->lock);
  destroy(resolver);
  return NULL;
}

tg_resolver_t *tg_resolver_new(int event_fd) {
  tg_resolver_t *resolver = calloc(1, sizeof *resolver);
  if (!resolver) return NULL;
  resolver->event_fd = dup(event_fd);
  pthread_mutex_init(&resolver->lock, NULL);
  pthread_cond_init(&resolver->wake, NULL);
  pthread_t thread;
  pthread_attr_t attr;
  pthread_attr_init(&attr);
  pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
  int rc = pthread_create(&thread, &attr, resolver_main, resolver);
  pthread_attr_destroy(&attr);
  if (rc) {
    destroy(resolver);
    return NULL;
  }
  return resolver;
}

void tg_resolver_free(tg_resolver_t *resolver) {
  pthread_mutex_lock(&resolver->lock);
  resolver->quit = true;
  pthread_cond_signal(&resolver->wake);
  pthread_mutex_unlock(&resolver->lock);
}

int tg_resolve_start(tg_resolver_t *resolver, const char *host, uint16_t port) {
  int ticket = -TG_EFULL;
  size_t len = strlen(host);
  if (len >= TG_HOST_BYTES) return -TG_EINVAL;
  pthread_mutex_lock(&resolver->lock);
  for (int i = 0; i < TG_RESOLVE_SLOTS && ticket < 0; i++) {
    resolve_slot_t *slot = &resolver->slot[i];
    if (slot->state != SLOT_FREE) continue;
    memcpy(slot->host, host, len + 1);
    slot->port = port;
    slot->state = SLOT_QUEUED;
    ticket = i;
  }
  pthread_cond_signal(&resolver->wake);
  pthread_mutex_unlock(&resolver->lock);
  return ticket;
}

int tg_resolve_poll(tg_resolver_t *resolver, int ticket, tg_addr_list_t *out, char *text, size_t cap) {
  int err = -TG_EAGAIN;
  pthread_mutex_lock(&resolver->lock);
  resolve_slot_t *slot = &resolver->slot[ticket];
  if (slot->state == SLOT_DONE) {
    err = slot->rc ? -TG_ERESOLVE : 0;
    *out = slot->list;
    if (err) snprintf(text, cap, "%s: %s", slot->host, gai_strerror(slot->rc));
    slot->state = SLOT_FREE;
  }
  pthread_mutex_unlock(&resolver->lock);
  return err;
}

void tg_resolve_drop(tg_resolver_t *resolver, int ticket) {
  pthread_mutex_lock(&resolver->lock);
  resolve_slot_t *slot = &resolver->slot[ticket];
  slot->state = slot->state == SLOT_RUNNING ? SLOT_DROPPED : SLOT_FREE;
  pthread_mutex_unlock(&resolver->lock);
}

/* --- the shared part --- */

static void on_event(tg_io_t *io, tg_io_op_t *op, int res, uint32_t flags) {
  tg_netcold_t *net = op->user;
  (void)flags;
  if (res < 0 || net->closing) return;
  (void)!tg_io_read(io, op, net->event_fd, &net->event_buf, sizeof net->event_buf, TG_IO_NO_OFFSET);
}

tg_netcold_t *tg_netcold_new(tg_io_t *io) {
  tg_netcold_t *net = calloc(1, sizeof *net);
  if (!net) return NULL;
  net->io = io;
  net->event_fd = eventfd(0, EFD_CLOEXEC);
  net->resolver = net->event_fd < 0 ? NULL : tg_resolver_new(net->event_fd);
  if (!net->resolver) {
    if (net->event_fd >= 0) close(net->event_fd);
    free(net);
    return NULL;
  }
  net->event_op.done = on_event;
  net->event_op.user = net;
  /* without it (a fake network) answers are still found, at the next turn */
  (void)!tg_io_read(io, &net->event_op, net->event_fd, &net->event_buf, sizeof net->event_buf, TG_IO_NO_OFFSET);
  return net;
}

void tg_netcold_free(tg_netcold_t *net) {
  if (!net) return;
  tg_resolver_free(net->resolver);
  uint64_t one = 1;
  ssize_t n = write(net->event_fd, &one, sizeof one); /* ends the pending read */
  (void)n;
  net->closing = true;
  for (int i = 0; i < 400; i++) { /* the kernel must let go of our buffers before they are freed; 400 ms at most */
    bool empty = tg_links_drop_all(net);
    if (empty && !net->event_op.active) break;
    if (tg_io_turn(net->io, net->io->now_ns, 1000000) < 0) break;
  }
  (void)tg_io_flush(net->io);                     /* the last closes */
  bool leak = net->links || net->event_op.active; /* better leaked than written after free */
  close(net->event_fd);
  if (!leak) free(net);
}

void tg_netcold_turn(tg_netcold_t *net, uint64_t now_ns) {
  tg_links_turn(net, now_ns);
}

uint64_t tg_netcold_deadline_ns(const tg_netcold_t *net) {
  return tg_links_deadline_ns(net);
}

tg_io_t *tg_netcold_io(tg_netcold_t *net) {
  return net->io;
}
