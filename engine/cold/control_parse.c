/* One request line -> a question or a command. */
#include <stdio.h>
#include <string.h>

#include "engine/cold/control_desk.h"

enum arg_kind { ARG_NO, ARG_OPT, ARG_SYM, ARG_OPTSYM, ARG_CNT, ARG_ANY, ARG_GRANT };

const tg_control_row_t tg_control_rows[] = {
#define V(word, handler, role, verb, arg_kind, args, help) {word, args, help, TG_ROLE_##role, TG_VERB_##verb, ARG_##arg_kind},
#include "engine/cold/control.def"
#undef V
};
const size_t tg_control_row_cnt = TG_ARRAY_CNT(tg_control_rows);

#define tg_answer_act NULL
static const tg_answer_fn handlers[] = {
#define V(word, handler, role, verb, arg_kind, args, help) tg_answer_##handler,
#include "engine/cold/control.def"
#undef V
};
#undef tg_answer_act

enum { WORDS_MAX = TG_ANSWER_ARGS + 2 };

typedef struct request {
  char text[TG_CTL_LINE_BYTES]; /* words, each terminated */
  const char *word[WORDS_MAX];
  size_t word_cnt;
} request_t;

/* Splits at blanks. 0, -TG_ESYNTAX (a control character), -TG_EFULL (too many words). */
static int split_words(request_t *request, const char *line, size_t len) {
  size_t used = 0;
  bool inside = false;
  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char)line[i];
    if (c == ' ' || c == '\t') {
      inside = false;
      request->text[used++] = '\0';
      continue;
    }
    if (c < 0x20 || c == 0x7F) return -TG_ESYNTAX;
    if (!inside) {
      if (request->word_cnt == WORDS_MAX) return -TG_EFULL;
      request->word[request->word_cnt++] = &request->text[used];
    }
    inside = true;
    request->text[used++] = (char)c;
  }
  request->text[used] = '\0';
  return 0;
}

static int add_json_word(request_t *request, size_t *used, const json_t *value) {
  const char *text = json_string_value(value);
  char number[32];
  if (json_is_integer(value)) {
    snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    text = number;
  }
  if (!text) return -TG_ESYNTAX;
  size_t len = strlen(text);
  if (len == 0 || *used + len + 1 > sizeof request->text) return -TG_ESYNTAX;
  for (size_t i = 0; i < len; i++) {
    if ((unsigned char)text[i] < 0x20 || text[i] == 0x7F) return -TG_ESYNTAX;
  }
  if (request->word_cnt == WORDS_MAX) return -TG_EFULL;
  request->word[request->word_cnt++] = memcpy(&request->text[*used], text, len + 1);
  *used += len + 1;
  return 0;
}

/* {"verb":"book resync","args":["BTCUSDT"]}. */
static int split_json(request_t *request, const char *line, size_t len) {
  json_t *root = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
  const char *verb = json_string_value(json_object_get(root, "verb"));
  json_t *args = json_object_get(root, "args");
  int rc = verb && (!args || json_is_array(args)) ? 0 : -TG_ESYNTAX;
  size_t used = 0;
  if (rc == 0) {
    rc = strlen(verb) < 64 ? split_words(request, verb, strlen(verb)) : -TG_ESYNTAX;
    used = rc == 0 ? strlen(verb) + 1 : 0;
  }
  for (size_t i = 0; rc == 0 && i < json_array_size(args); i++) rc = add_json_word(request, &used, json_array_get(args, i));
  json_decref(root);
  return rc;
}

/* Row of the longest verb the words begin with; *used tells how many words it took. */
static const tg_control_row_t *find_row(const request_t *request, size_t *used) {
  char two[128];
  if (request->word_cnt == 0) return NULL;
  for (size_t words = request->word_cnt > 1 ? 2 : 1; words > 0; words--) {
    const char *wanted = request->word[0];
    if (words == 2) {
      int len = snprintf(two, sizeof two, "%s %s", request->word[0], request->word[1]);
      if (len < 0 || (size_t)len >= sizeof two) continue;
      wanted = two;
    }
    for (size_t i = 0; i < tg_control_row_cnt; i++) {
      if (strcmp(tg_control_rows[i].word, wanted) != 0) continue;
      *used = words;
      return &tg_control_rows[i];
    }
  }
  return NULL;
}

/* Arguments of the kind the row wants? The error text, NULL when fine. */
static const char *check_args(const tg_control_row_t *row, size_t cnt) {
  bool reason = row->arg_kind == ARG_OPT && row->verb != TG_VERB_NONE;
  if (row->arg_kind == ARG_NO && cnt > 0) return "this verb takes no argument";
  if (row->arg_kind == ARG_SYM && cnt != 1) return "this verb takes one symbol";
  if (!reason && row->arg_kind != ARG_ANY && row->arg_kind != ARG_GRANT && cnt > 1) return "too many arguments";
  return NULL;
}

/* The reason's words, joined; at most 15 bytes fit a message. */
static int join_reason(const tg_question_t *question, char out[16]) {
  size_t used = 0;
  for (size_t i = 0; i < question->arg_cnt; i++) {
    size_t len = strlen(question->arg[i]);
    if (used + len + (i > 0) > 15) return -TG_ESIZE;
    if (i > 0) out[used++] = ' ';
    memcpy(out + used, question->arg[i], len);
    used += len;
  }
  return 0;
}

static json_t *make_command(const tg_question_t *question, uint8_t role, uint32_t uid, tg_msg_t *cmd) {
  uint16_t instr_idx = TG_INSTR_NONE;
  if (question->row->arg_kind == ARG_SYM) {
    instr_idx = tg_mirror_find(question->cfg->mirror, question->arg[0]);
    if (instr_idx == TG_INSTR_NONE) return tg_answer_error(-TG_ENOTFOUND, "no such instrument");
  }
  tg_msg_init(cmd, TG_CMD, instr_idx, question->now_ns);
  cmd->u.cmd.verb = question->row->verb;
  cmd->u.cmd.role = role;
  cmd->u.cmd.uid = uid;
  if (question->row->arg_kind == ARG_OPT && join_reason(question, cmd->u.cmd.reason) < 0)
    return tg_answer_error(-TG_ESIZE, "reason: at most 15 characters");
  return NULL;
}

json_t *tg_control_answer(const tg_control_cfg_t *cfg, uint8_t role, uint32_t uid, uint64_t now_ns, const char *line,
                          size_t len, tg_msg_t *out_cmd) {
  request_t request = {.word_cnt = 0};
  if (len >= TG_CTL_LINE_BYTES) return tg_answer_error(-TG_ESIZE, "request line too long");
  json_t *utf8 = json_stringn(line, len);
  if (!utf8) return tg_answer_error(-TG_ESYNTAX, "a request is UTF-8 text");
  json_decref(utf8);
  size_t start = 0;
  while (start < len && (line[start] == ' ' || line[start] == '\t')) start++;
  int rc = start < len && line[start] == '{' ? split_json(&request, line, len) : split_words(&request, line, len);
  if (rc == -TG_EFULL) return tg_answer_error(rc, "too many words");
  if (rc < 0) return tg_answer_error(rc, "a request is words, or {\"verb\":\"...\",\"args\":[\"...\"]}");
  size_t used = 0;
  const tg_control_row_t *row = find_row(&request, &used);
  if (!row) return tg_answer_error(-TG_ENOTFOUND, "no such verb; `help` lists them");
  if (role < row->role) {
    char text[96];
    snprintf(text, sizeof text, "needs the role %s; uid %u has %s", tg_role_name(row->role), uid, tg_role_name(role));
    return tg_answer_error(-TG_EPERM, text);
  }
  tg_question_t question = {.cfg = cfg, .row = row, .now_ns = now_ns, .role = role, .uid = uid, .out_cmd = out_cmd};
  for (size_t i = used; i < request.word_cnt && question.arg_cnt < TG_ANSWER_ARGS; i++)
    question.arg[question.arg_cnt++] = request.word[i];
  const char *wrong = check_args(row, question.arg_cnt);
  if (wrong) return tg_answer_error(-TG_EINVAL, wrong);
  tg_answer_fn handler = handlers[row - tg_control_rows];
  if (handler) return handler(&question);
  return row->arg_kind == ARG_GRANT ? tg_desk_grant(&question, out_cmd) : make_command(&question, role, uid, out_cmd);
}
