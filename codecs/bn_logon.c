#include <string.h>

#include "codecs/bn_api.h"
#include "codecs/text.h"

/* Text that stands between JSON quotes unescaped: API keys and verbs are letters, digits, '-', '_' and '.'. */
static bool plain(const char *p, size_t len) {
  for (size_t i = 0; i < len; i++) {
    char c = p[i];
    bool ok = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.';
    if (!ok) return false;
  }
  return len > 0;
}

int tg_bn_api_encode_logon(const char *api_key, size_t api_key_len, const tg_ed25519_key_t *key, uint32_t recv_window_ms,
                           uint64_t now_ms, uint32_t request_no, char *buf, size_t cap) {
  if (!plain(api_key, api_key_len) || api_key_len > TG_BN_API_KEY_MAX) return -TG_EINVAL;
  char payload[TG_BN_API_KEY_MAX + 80], sig[TG_ED25519_BASE64_BYTES];
  tg_text_t pay, out;
  tg_text_init(&pay, payload, sizeof payload);
  tg_text_lit(&pay, "apiKey=");
  tg_text_add(&pay, api_key, api_key_len);
  if (recv_window_ms) {
    tg_text_lit(&pay, "&recvWindow=");
    tg_text_add_u64(&pay, recv_window_ms);
  }
  tg_text_lit(&pay, "&timestamp=");
  tg_text_add_u64(&pay, now_ms);
  if (pay.err) return pay.err;
  int err = tg_ed25519_sign_base64(key, payload, pay.len, sig);
  explicit_bzero(payload, sizeof payload);
  if (err) return err;
  tg_text_init(&out, buf, cap);
  tg_text_lit(&out, "{\"id\":\"l");
  tg_text_add_u64(&out, request_no);
  tg_text_lit(&out, "\",\"method\":\"session.logon\",\"params\":{\"apiKey\":\"");
  tg_text_add(&out, api_key, api_key_len);
  if (recv_window_ms) {
    tg_text_lit(&out, "\",\"recvWindow\":");
    tg_text_add_u64(&out, recv_window_ms);
    tg_text_lit(&out, ",\"timestamp\":");
  } else {
    tg_text_lit(&out, "\",\"timestamp\":");
  }
  tg_text_add_u64(&out, now_ms);
  tg_text_lit(&out, ",\"signature\":\"");
  tg_text_add(&out, sig, sizeof sig);
  explicit_bzero(sig, sizeof sig);
  tg_text_lit(&out, "\"}}");
  return out.err ? out.err : (int)out.len;
}

int tg_bn_api_encode_session(const char *verb, uint32_t request_no, char *buf, size_t cap) {
  tg_text_t out;
  if (!plain(verb, strlen(verb))) return -TG_EINVAL;
  tg_text_init(&out, buf, cap);
  tg_text_lit(&out, "{\"id\":\"l");
  tg_text_add_u64(&out, request_no);
  tg_text_lit(&out, "\",\"method\":\"session.");
  tg_text_str(&out, verb);
  tg_text_lit(&out, "\"}");
  return out.err ? out.err : (int)out.len;
}

int tg_bn_api_encode_stream(const char *verb, const char *api_key, size_t api_key_len, uint32_t request_no, char *buf,
                            size_t cap) {
  tg_text_t out;
  if (!plain(verb, strlen(verb)) || !plain(api_key, api_key_len)) return -TG_EINVAL;
  tg_text_init(&out, buf, cap);
  tg_text_lit(&out, "{\"id\":\"u");
  tg_text_add_u64(&out, request_no);
  tg_text_lit(&out, "\",\"method\":\"userDataStream.");
  tg_text_str(&out, verb);
  tg_text_lit(&out, "\",\"params\":{\"apiKey\":\"");
  tg_text_add(&out, api_key, api_key_len);
  tg_text_lit(&out, "\"}}");
  return out.err ? out.err : (int)out.len;
}
