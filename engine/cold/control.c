#include "engine/cold/control.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/base/decimal.h"
#include "engine/base/log.h"
#include "engine/cold/control_desk.h"

typedef struct client {
  int fd; /* -1 free */
  uint8_t role;
  bool closing; /* after the answer */
  bool waiting; /* for the core's word on cmd_no */
  bool drill;   /* ... or for the end of a drill */
  bool eof;
  uint32_t uid;
  uint64_t cmd_no, deadline_ns, active_ns;
  uint8_t verb;
  char in[TG_CTL_LINE_BYTES];
  size_t in_len;
  char *out; /* the answer under way, NULL none */
  size_t out_len, out_at;
} client_t;

struct tg_control {
  tg_control_cfg_t cfg;
  int fd, lock_fd;
  uint32_t operator_uid[TG_CTL_UIDS], risk_uid[TG_CTL_UIDS];
  size_t operator_cnt, risk_cnt;
  uint64_t next_cmd_no, now_ns;
  client_t client[TG_CTL_CLIENTS];
  tg_control_stats_t stats;
};

static const char refuse_full[] = "{\"ok\":false,\"error\":\"too many clients\",\"code\":\"EFULL\"}\n";

/* ---- uids and roles ---- */

static int parse_uids(const char *text, uint32_t *uid, size_t *cnt) {
  *cnt = 0;
  while (text && *text) {
    size_t len = strcspn(text, ",");
    const char *at = text;
    size_t n = len;
    while (n > 0 && *at == ' ') at++, n--;
    while (n > 0 && at[n - 1] == ' ') n--;
    int64_t value;
    if (tg_dec_parse(at, n, 0, &value) < 0 || value < 0 || value > UINT32_MAX || *cnt == TG_CTL_UIDS) return -TG_EINVAL;
    uid[(*cnt)++] = (uint32_t)value;
    text += len;
    if (*text == ',') text++;
  }
  return 0;
}

static bool among(const uint32_t *uid, size_t cnt, uint32_t wanted) {
  for (size_t i = 0; i < cnt; i++) {
    if (uid[i] == wanted) return true;
  }
  return false;
}

static uint8_t role_of(const tg_control_t *ctl, uint32_t uid) {
  if (uid == 0 || uid == (uint32_t)geteuid() || among(ctl->risk_uid, ctl->risk_cnt, uid)) return TG_ROLE_RISK;
  return among(ctl->operator_uid, ctl->operator_cnt, uid) ? TG_ROLE_OPERATOR : TG_ROLE_VIEWER;
}

/* ---- clients ---- */

static void client_close(tg_control_t *ctl, client_t *client) {
  close(client->fd);
  free(client->out);
  memset(client, 0, sizeof *client);
  client->fd = -1;
  ctl->stats.clients--;
}

static void send_some(tg_control_t *ctl, client_t *client) {
  while (client->out && client->out_at < client->out_len) {
    ssize_t n = send(client->fd, client->out + client->out_at, client->out_len - client->out_at, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (n < 0) {
      client_close(ctl, client);
      return;
    }
    client->out_at += (size_t)n;
    client->active_ns = ctl->now_ns;
  }
  free(client->out);
  client->out = NULL;
  if (client->closing) client_close(ctl, client);
}

/* Takes the document's reference. */
static void answer(tg_control_t *ctl, client_t *client, json_t *document) {
  if (document && !json_object_get(document, "mode"))
    json_object_set_new(document, "mode", json_string(tg_mode_word(ctl->cfg.mode)));
  char *text = document ? json_dumps(document, JSON_COMPACT) : NULL;
  json_decref(document);
  size_t len = text ? strlen(text) : 0;
  if (!text || len + 1 > TG_CTL_ANSWER_BYTES) {
    free(text);
    text = strdup("{\"ok\":false,\"error\":\"the answer is larger than its cap\",\"code\":\"ESIZE\"}");
    len = text ? strlen(text) : 0;
  }
  char *line = text ? realloc(text, len + 2) : NULL;
  if (!line) {
    free(text);
    client_close(ctl, client);
    return;
  }
  memcpy(line + len, "\n", 2);
  client->out = line;
  client->out_len = len + 1;
  client->out_at = 0;
  send_some(ctl, client);
}

static const char *not_sent(int err) {
  return err == -TG_EFULL   ? "the engine is busy: not sent, try again"
         : err == -TG_EPERM ? "a drill is for sim only: here it would be a real kill"
         : err == -TG_EBUSY ? "a kill is on: clear it first (`kill off`)"
                            : "commands are not taken here";
}

/* The command, behind the lines that the desk has for it. */
static int send_command(tg_control_t *ctl, tg_msg_t *cmd, bool drill) {
  tg_desk_t *desk = ctl->cfg.desk;
  int rc = -TG_EUNSUPPORTED;
  if (drill) {
    rc = ctl->cfg.drill ? ctl->cfg.drill(ctl->cfg.user, cmd) : rc;
  } else if (desk && desk->line_cnt > 0) {
    desk->line[desk->line_cnt] = *cmd;
    rc = ctl->cfg.batch ? ctl->cfg.batch(ctl->cfg.user, desk->line, desk->line_cnt + 1) : rc;
  } else if (ctl->cfg.command) {
    rc = ctl->cfg.command(ctl->cfg.user, cmd);
  }
  if (desk) tg_desk_sent(desk, cmd->u.cmd.cmd_no, rc >= 0, ctl->now_ns);
  return rc;
}

static void request(tg_control_t *ctl, client_t *client, const char *line, size_t len) {
  tg_msg_t cmd;
  memset(&cmd, 0, sizeof cmd);
  ctl->stats.requests++;
  json_t *document = tg_control_answer(&ctl->cfg, client->role, client->uid, ctl->now_ns, line, len, &cmd);
  if (document || cmd.kind != TG_CMD) {
    const char *code = json_string_value(json_object_get(document, "code"));
    if (code && strcmp(code, "EPERM") == 0) ctl->stats.denied++;
    if (code) ctl->stats.bad_requests++;
    answer(ctl, client, document);
    return;
  }
  cmd.u.cmd.cmd_no = ctl->next_cmd_no++;
  client->drill = cmd.u.cmd.verb == TG_VERB_KILL && cmd.u.cmd.arg[0] == TG_CTL_KILL_DRILL;
  int rc = send_command(ctl, &cmd, client->drill);
  if (rc < 0) {
    answer(ctl, client, tg_answer_error(rc, not_sent(rc)));
    return;
  }
  ctl->stats.commands++;
  client->waiting = true;
  client->verb = cmd.u.cmd.verb;
  client->cmd_no = cmd.u.cmd.cmd_no;
  uint64_t wait_ms = client->drill ? TG_CTL_DRILL_MS : TG_CTL_CMD_MS;
  client->deadline_ns = ctl->now_ns + wait_ms * (uint64_t)TG_NS_PER_MS;
}

/* Takes whole lines while nothing is under way. */
static void take_lines(tg_control_t *ctl, client_t *client) {
  while (client->fd >= 0 && !client->out && !client->waiting) {
    char *end = memchr(client->in, '\n', client->in_len);
    if (!end) break;
    size_t len = (size_t)(end - client->in), whole = len + 1;
    char line[TG_CTL_LINE_BYTES];
    if (len > 0 && client->in[len - 1] == '\r') len--;
    memcpy(line, client->in, len);
    memmove(client->in, client->in + whole, client->in_len - whole);
    client->in_len -= whole;
    if (len > 0) request(ctl, client, line, len);
  }
  if (client->fd < 0 || client->out || client->waiting) return;
  if (client->in_len == sizeof client->in) {
    ctl->stats.bad_requests++;
    client->closing = true;
    answer(ctl, client, tg_answer_error(-TG_ESIZE, "request line too long"));
  } else if (client->eof) {
    client_close(ctl, client);
  }
}

static void receive(tg_control_t *ctl, client_t *client) {
  ssize_t n = recv(client->fd, client->in + client->in_len, sizeof client->in - client->in_len, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return;
  if (n < 0) {
    client_close(ctl, client);
    return;
  }
  if (n == 0) {
    client->eof = true; /* half closed: what was asked is still answered */
  } else {
    client->active_ns = ctl->now_ns;
    client->in_len += (size_t)n;
  }
  take_lines(ctl, client);
}

/* A free place; when there is none, that of the idlest client of a lesser role: viewers cannot keep an operator out. */
static client_t *place_for(tg_control_t *ctl, uint8_t role) {
  client_t *victim = NULL;
  for (int i = 0; i < TG_CTL_CLIENTS; i++) {
    client_t *client = &ctl->client[i];
    if (client->fd < 0) return client;
    if (client->role < role && !client->waiting && (!victim || client->active_ns < victim->active_ns)) victim = client;
  }
  if (victim) client_close(ctl, victim);
  return victim;
}

static void accept_all(tg_control_t *ctl) {
  for (int i = 0; i < TG_CTL_CLIENTS; i++) {
    int fd = accept4(ctl->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    struct ucred peer;
    socklen_t len = sizeof peer;
    bool known = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0;
    client_t *client = known ? place_for(ctl, role_of(ctl, (uint32_t)peer.uid)) : NULL;
    if (!client) {
      ctl->stats.refused_full++;
      (void)!send(fd, refuse_full, sizeof refuse_full - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
      close(fd);
      continue;
    }
    client->fd = fd;
    client->uid = (uint32_t)peer.uid;
    client->role = role_of(ctl, client->uid);
    client->active_ns = ctl->now_ns;
    ctl->stats.accepted++;
    ctl->stats.clients++;
  }
}

/* ---- commands' ends ---- */

static json_t *command_json(const tg_control_t *ctl, const client_t *client, bool ok, const char *error, const char *code) {
  json_t *document = json_pack("{s:b,s:s,s:s,s:I}", "ok", ok, "mode", tg_mode_word(ctl->cfg.mode), "command",
                               tg_verb_name(client->verb), "cmd_no", (json_int_t)client->cmd_no);
  const tg_desk_t *desk = ctl->cfg.desk;
  if (ok && desk && client->verb == TG_VERB_LIMIT && desk->needs_restart[0])
    json_object_set_new(document, "needs_restart", json_string(desk->needs_restart));
  if (!ok) {
    json_object_set_new(document, "error", json_string(error));
    json_object_set_new(document, "code", json_string(code));
  }
  return document;
}

static void finish_command(tg_control_t *ctl, client_t *client, json_t *document) {
  client->waiting = false;
  answer(ctl, client, document);
  if (client->fd >= 0) take_lines(ctl, client);
}

void tg_control_on_msg(tg_control_t *ctl, const tg_msg_t *msg) {
  if (msg->kind != TG_OUT_ALARM) return;
  const tg_out_alarm_t *alarm = &msg->u.out_alarm;
  if (alarm->what != TG_ALARM_CMD_DONE && alarm->what != TG_ALARM_CMD_REFUSED) return;
  if (ctl->cfg.desk && alarm->detail[0] != 0)
    tg_desk_heard(ctl->cfg.desk, (uint64_t)alarm->detail[0], alarm->what == TG_ALARM_CMD_DONE, ctl->now_ns);
  for (int i = 0; i < TG_CTL_CLIENTS; i++) {
    client_t *client = &ctl->client[i];
    if (client->fd < 0 || !client->waiting || client->drill || client->cmd_no != (uint64_t)alarm->detail[0]) continue;
    bool done = alarm->what == TG_ALARM_CMD_DONE;
    int err = alarm->venue < 0 ? (int)-alarm->venue : (int)alarm->venue;
    char text[128];
    snprintf(text, sizeof text, "refused by the engine: %s", tg_err_text(err));
    finish_command(ctl, client, command_json(ctl, client, done, text, tg_err_name(err)));
  }
}

void tg_control_finish(tg_control_t *ctl, uint64_t cmd_no, json_t *document) {
  for (int i = 0; i < TG_CTL_CLIENTS; i++) {
    client_t *client = &ctl->client[i];
    if (client->fd < 0 || !client->waiting || client->cmd_no != cmd_no) continue;
    finish_command(ctl, client, document);
    return;
  }
  json_decref(document);
}

/* ---- turn ---- */

static void check_times(tg_control_t *ctl, client_t *client) {
  if (client->waiting) {
    if (ctl->now_ns < client->deadline_ns) return;
    ctl->stats.unknown_outcomes++;
    finish_command(ctl, client,
                   command_json(ctl, client, false,
                                "unknown: sent, but the engine has not said what became of it; ask `status`", "EUNKNOWN"));
    return;
  }
  if (ctl->now_ns > client->active_ns + (uint64_t)TG_CTL_IDLE_MS * (uint64_t)TG_NS_PER_MS) {
    ctl->stats.timeouts++;
    client_close(ctl, client);
  }
}

void tg_control_turn(tg_control_t *ctl, uint64_t now_ns) {
  struct pollfd fds[TG_CTL_CLIENTS + 1];
  client_t *who[TG_CTL_CLIENTS + 1] = {NULL};
  ctl->now_ns = now_ns;
  nfds_t cnt = 0;
  fds[cnt++] = (struct pollfd){.fd = ctl->fd, .events = POLLIN};
  for (int i = 0; i < TG_CTL_CLIENTS; i++) {
    client_t *client = &ctl->client[i];
    if (client->fd < 0) continue;
    bool busy = client->out != NULL || client->waiting;
    short events = client->out ? POLLOUT : !busy && !client->eof && client->in_len < sizeof client->in ? POLLIN : 0;
    who[cnt] = client;
    fds[cnt++] = (struct pollfd){.fd = client->fd, .events = events};
  }
  int ready = poll(fds, cnt, 0);
  for (nfds_t i = 1; i < cnt; i++) {
    client_t *client = who[i];
    if (ready > 0 && fds[i].revents & (POLLERR | POLLNVAL)) {
      client_close(ctl, client);
    } else if (ready > 0 && fds[i].revents & POLLHUP && !(fds[i].events & POLLIN)) {
      client_close(ctl, client); /* nobody is left to hear the answer; a command sent stays sent */
    } else if (ready > 0 && fds[i].revents & POLLOUT) {
      send_some(ctl, client);
      if (client->fd >= 0) take_lines(ctl, client);
    } else if (ready > 0 && fds[i].revents & (POLLIN | POLLHUP)) {
      receive(ctl, client);
    }
    if (client->fd >= 0) check_times(ctl, client);
  }
  if (ready > 0 && fds[0].revents & POLLIN) accept_all(ctl);
  tg_msg_t cmd;
  if (ctl->cfg.desk && tg_desk_due(ctl->cfg.desk, now_ns, ctl->cfg.mirror->order_open, &cmd)) {
    cmd.u.cmd.cmd_no = ctl->next_cmd_no++;
    if (send_command(ctl, &cmd, false) < 0) tg_log_error("the end of a word could not be sent: tried again");
  }
}

void tg_control_stats(const tg_control_t *ctl, tg_control_stats_t *out) {
  *out = ctl->stats;
}

int tg_control_open(tg_control_t **out, const tg_control_cfg_t *cfg, char *err_text, size_t err_cap) {
  *out = NULL;
  if (err_cap) err_text[0] = '\0';
  tg_control_t *ctl = calloc(1, sizeof *ctl);
  if (!ctl) {
    snprintf(err_text, err_cap, "control: no memory");
    return -TG_ENOMEM;
  }
  ctl->cfg = *cfg;
  ctl->next_cmd_no = 1;
  for (int i = 0; i < TG_CTL_CLIENTS; i++) ctl->client[i].fd = -1;
  int rc = parse_uids(cfg->operator_uids, ctl->operator_uid, &ctl->operator_cnt);
  if (rc == 0) rc = parse_uids(cfg->risk_uids, ctl->risk_uid, &ctl->risk_cnt);
  if (rc < 0) {
    snprintf(err_text, err_cap, "control: control.operator_uids and control.risk_uids are numbers, comma separated, at most %d",
             TG_CTL_UIDS);
  } else {
    ctl->fd = tg_unix_listen(cfg->path, &ctl->lock_fd, err_text, err_cap);
    if (ctl->fd < 0) rc = ctl->fd;
  }
  if (rc == 0) {
    ctl->cfg.desk = tg_desk_new(cfg->conf, cfg->conf_path);
    if (!ctl->cfg.desk) {
      snprintf(err_text, err_cap, "control: no memory");
      tg_unix_unlisten(cfg->path, ctl->fd, ctl->lock_fd);
      rc = -TG_ENOMEM;
    }
  }
  if (rc < 0) {
    free(ctl);
    return rc;
  }
  if (cfg->conf) ctl->cfg.conf = &ctl->cfg.desk->conf; /* `config` shows what is in force */
  *out = ctl;
  return 0;
}

void tg_control_close(tg_control_t *ctl) {
  if (!ctl) return;
  for (int i = 0; i < TG_CTL_CLIENTS; i++) {
    if (ctl->client[i].fd >= 0) client_close(ctl, &ctl->client[i]);
  }
  tg_unix_unlisten(ctl->cfg.path, ctl->fd, ctl->lock_fd);
  tg_desk_free(ctl->cfg.desk);
  free(ctl);
}
