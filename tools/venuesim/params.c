/* params.c - request parameters: splitting, percent-decoding, typed access with the venue's error codes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "vs.h"

static int hex(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  if (c >= 'a' && c <= 'f') {
    return c - 'a' + 10;
  }
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decodes [from, to) into out (NUL-terminated); returns the end of out, NULL on a bad escape or a NUL byte. */
static char *decode(const char *from, const char *to, char *out) {
  while (from < to) {
    if (*from == '%') {
      if (to - from < 3 || hex(from[1]) < 0 || hex(from[2]) < 0) {
        return NULL;
      }
      int c = hex(from[1]) * 16 + hex(from[2]);
      if (c == 0) {
        return NULL;
      }
      *out++ = (char)c;
      from += 3;
    } else if (*from == '\0') {
      return NULL;
    } else {
      *out++ = *from == '+' ? ' ' : *from;
      from++;
    }
  }
  *out++ = '\0';
  return out;
}

static int split(vs_params *p, const char *text, size_t len, char **arena, vs_reject *rej) {
  int start = p->cnt;
  const char *end = text + len;
  while (text < end) {
    const char *amp = memchr(text, '&', (size_t)(end - text));
    const char *stop = amp != NULL ? amp : end;
    const char *eq = memchr(text, '=', (size_t)(stop - text));
    if (stop > text) {
      if (p->cnt == VS_PARAM_CNT) {
        return vs_refuse(rej, 400, -1101, "Too many parameters; expected '%d' and received more.", VS_PARAM_CNT);
      }
      const char *name = *arena;
      char *next = decode(text, eq != NULL ? eq : stop, *arena);
      const char *value = next;
      next = next == NULL ? NULL : decode(eq != NULL ? eq + 1 : stop, stop, next);
      if (next == NULL) {
        return vs_refuse(rej, 400, -1100, "Illegal characters found in a parameter.");
      }
      *arena = next;
      bool earlier = false;
      for (int k = 0; k < p->cnt; k++) {
        if (strcmp(p->p[k].name, name) != 0) {
          continue;
        }
        if (k >= start) {
          return vs_refuse(rej, 400, -1101, "Duplicate values for parameter '%.60s'.", name);
        }
        earlier = true;
      }
      if (!earlier) {
        p->p[p->cnt].name = name;
        p->p[p->cnt].value = value;
        p->cnt++;
      }
    }
    text = stop + (amp != NULL ? 1 : 0);
  }
  return 0;
}

int vs_params_parse(vs_params *p, const char *query, const char *body, size_t body_len, vs_reject *rej) {
  size_t qlen = query != NULL ? strlen(query) : 0;
  p->cnt = 0;
  p->arena = vs_alloc(1, 2 * (qlen + body_len) + 2 * VS_PARAM_CNT + 16);
  char *arena = p->arena;
  if (qlen > 0 && split(p, query, qlen, &arena, rej) != 0) {
    return -1;
  }
  if (body_len > 0 && split(p, body, body_len, &arena, rej) != 0) {
    return -1;
  }
  return 0;
}

void vs_params_free(vs_params *p) {
  free(p->arena);
  p->arena = NULL;
  p->cnt = 0;
}

const char *vs_param(const vs_params *p, const char *name) {
  for (int k = 0; k < p->cnt; k++) {
    if (strcmp(p->p[k].name, name) == 0) {
      return p->p[k].value;
    }
  }
  return NULL;
}

int vs_param_need(vs_req *r, const char *name, const char **out) {
  const char *v = vs_param(r->in, name);
  if (v == NULL || *v == '\0') {
    return vs_refuse(&r->rej, 400, -1102, "Mandatory parameter '%s' was not sent, was empty/null, or malformed.", name);
  }
  *out = v;
  return 0;
}

int vs_param_i64(vs_req *r, const char *name, int64_t dflt, int64_t min, int64_t max, int64_t *out) {
  const char *v = vs_param(r->in, name);
  if (v == NULL) {
    *out = dflt;
    return 0;
  }
  if (*v == '\0') {
    return vs_refuse(&r->rej, 400, -1105, "Parameter '%s' was empty.", name);
  }
  if (vs_int_parse(v, out) != 0) {
    return vs_refuse(&r->rej, 400, -1100, "Illegal characters found in parameter '%s'; legal range is '^[0-9]{1,20}$'.", name);
  }
  if (*out < min || *out > max) {
    return vs_refuse(&r->rej, 400, -1130, "Data sent for parameter '%s' is not valid.", name);
  }
  return 0;
}

int vs_param_bool(vs_req *r, const char *name, bool dflt, bool *out) {
  const char *v = vs_param(r->in, name);
  if (v == NULL) {
    *out = dflt;
    return 0;
  }
  if (strcasecmp(v, "true") == 0) {
    *out = true;
  } else if (strcasecmp(v, "false") == 0) {
    *out = false;
  } else {
    return vs_refuse(&r->rej, 400, -1130, "Data sent for parameter '%s' is not valid.", name);
  }
  return 0;
}

int vs_param_symbol(vs_req *r, bool needed, const vs_symbol **out) {
  const char *name = vs_param(r->in, "symbol");
  *out = NULL;
  if (name == NULL || *name == '\0') {
    const char *unused;
    return needed ? vs_param_need(r, "symbol", &unused) : 0;
  }
  *out = vs_symbol_find(name);
  if (*out == NULL) {
    return vs_refuse(&r->rej, 400, -1121, "Invalid symbol.");
  }
  return 0;
}

/* The text of a JSON value as it takes part in a signature; NULL for a value that no parameter may have. */
static char *json_text(const json_t *v) {
  char tmp[32];
  switch (json_typeof(v)) {
    case JSON_STRING:
      return strlen(json_string_value(v)) == json_string_length(v) ? strdup(json_string_value(v)) : NULL;
    case JSON_INTEGER:
      (void)snprintf(tmp, sizeof tmp, "%lld", (long long)json_integer_value(v));
      return strdup(tmp);
    case JSON_TRUE:
      return strdup("true");
    case JSON_FALSE:
      return strdup("false");
    case JSON_ARRAY:
    case JSON_OBJECT:
      return json_dumps(v, JSON_COMPACT);
    case JSON_REAL:
    case JSON_NULL:
    default:
      return NULL;
  }
}

int vs_params_from_json(vs_params *p, json_t *obj, vs_reject *rej) {
  const char *name;
  json_t *value;
  size_t bytes = 0;
  p->cnt = 0;
  p->arena = NULL;
  if (obj == NULL) {
    return 0;
  }
  if (json_object_size(obj) > VS_PARAM_CNT) {
    return vs_refuse(rej, 400, -1101, "Too many parameters; expected '%d' and received more.", VS_PARAM_CNT);
  }
  char *text[VS_PARAM_CNT];
  const char *names[VS_PARAM_CNT];
  int cnt = 0;
  int rc = 0;
  json_object_foreach(obj, name, value) {
    if (json_is_null(value)) {
      continue;
    }
    text[cnt] = json_text(value);
    names[cnt] = name;
    if (text[cnt] == NULL) {
      rc = vs_refuse(rej, 400, -1130, "Data sent for parameter '%.60s' is not valid (decimals are sent as strings).", name);
      break;
    }
    bytes += strlen(name) + strlen(text[cnt]) + 2;
    cnt++;
  }
  p->arena = vs_alloc(1, bytes + 1);
  char *at = p->arena;
  for (int k = 0; k < cnt; k++) {
    p->p[k].name = at;
    at = stpcpy(at, names[k]) + 1;
    p->p[k].value = at;
    at = stpcpy(at, text[k]) + 1;
    free(text[k]);
  }
  p->cnt = rc == 0 ? cnt : 0;
  return rc;
}
