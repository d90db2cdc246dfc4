/* Key files: what is taken, what is refused, and that refusals say what to do and never what was read. */
#include <criterion/criterion.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/venue/bn_cold.h"
#include "tests/note.h"

static char dir[64];

static void set(char out[TG_CONF_TEXT_BYTES], const char *name, const char *text, mode_t mode) {
  snprintf(out, TG_CONF_TEXT_BYTES, "%s/%s", dir, name);
  unlink(out);
  FILE *file = fopen(out, "w");
  cr_assert_not_null(file);
  fputs(text, file);
  fclose(file);
  cr_assert_eq(chmod(out, mode), 0);
}

static void make(tg_conf_t *conf) {
  snprintf(dir, sizeof dir, "/tmp/tg-secrets-XXXXXX");
  cr_assert_not_null(mkdtemp(dir));
  tg_conf_defaults(conf);
  set(conf->venue_api_key_file, "api", "TheApiKey\n", 0600);
  set(conf->venue_hmac_secret_file, "hmac", "TheSecret\n", 0600);
}

static void drop(void) {
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s", dir);
  if (system(command) != 0) tg_note("%s is left", dir);
}

static int load(tg_bn_secrets_t *secrets, const tg_conf_t *conf, char text[512]) {
  text[0] = '\0';
  return tg_bn_secrets_load(secrets, conf, text, 512);
}

static bool all_zero(const tg_bn_secrets_t *secrets) {
  static const tg_bn_secrets_t zero;
  return memcmp(secrets, &zero, sizeof zero) == 0;
}

Test(bn_secrets, keys_without_a_logon_key) {
  tg_conf_t conf;
  tg_bn_secrets_t secrets;
  char text[512];
  make(&conf);
  cr_assert_eq(load(&secrets, &conf, text), 0, "%s", text);
  cr_assert_eq(secrets.api_key.len, 9);
  cr_assert_arr_eq(secrets.api_key.opaque, "TheApiKey", 9);
  cr_assert_not(secrets.has_ed25519);
  tg_hmac_key_t want;
  tg_hmac_key_init(&want, "TheSecret", 9);
  cr_assert_arr_eq(&secrets.hmac, &want, sizeof want);
  tg_bn_secrets_wipe(&secrets);
  cr_assert(all_zero(&secrets));
  drop();
}

static const char *pem(void) {
  static char text[512];
  EVP_PKEY *key = NULL;
  EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_ED25519, NULL);
  cr_assert(ctx && EVP_PKEY_keygen_init(ctx) == 1 && EVP_PKEY_keygen(ctx, &key) == 1);
  BIO *bio = BIO_new(BIO_s_mem());
  cr_assert_eq(PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
  const uint8_t *data;
  size_t len;
  cr_assert(BIO_mem_contents(bio, &data, &len) && len < sizeof text);
  memcpy(text, data, len);
  text[len] = '\0';
  BIO_free(bio);
  EVP_PKEY_free(key);
  EVP_PKEY_CTX_free(ctx);
  return text;
}

Test(bn_secrets, a_logon_key_and_the_key_that_belongs_to_it) {
  tg_conf_t conf;
  tg_bn_secrets_t secrets;
  char text[512];
  make(&conf);
  set(conf.venue_ed25519_key_file, "ed", pem(), 0600);
  cr_assert_eq(load(&secrets, &conf, text), 0, "%s", text);
  cr_assert(secrets.has_ed25519);
  cr_assert_arr_eq(secrets.logon_api_key.opaque, "TheApiKey", 9, "api_key_file unless told otherwise");
  tg_bn_secrets_wipe(&secrets);
  set(conf.venue_ed25519_api_key_file, "edapi", "OtherKey", 0600);
  cr_assert_eq(load(&secrets, &conf, text), 0, "%s", text);
  cr_assert_eq(secrets.logon_api_key.len, 8);
  cr_assert_arr_eq(secrets.logon_api_key.opaque, "OtherKey", 8);
  tg_bn_secrets_wipe(&secrets);
  set(conf.venue_ed25519_key_file, "ed", "no key at all, ThePrivatePart", 0600);
  cr_assert_lt(load(&secrets, &conf, text), 0);
  cr_assert_not_null(strstr(text, "openssl genpkey"), "%s", text);
  cr_assert_null(strstr(text, "ThePrivatePart"));
  cr_assert(all_zero(&secrets), "nothing of the other keys is left");
  drop();
}

Test(bn_secrets, refusals_name_the_file_and_no_secret) {
  static const struct {
    const char *api, *hmac;
    mode_t mode;
    int err;
  } row[] = {{"TheApiKey", "TheSecret", 0644, -TG_EPERM},
             {"", "TheSecret", 0600, -TG_ESIZE},
             {"TheApiKey\nX-Evil: TheSecret", "TheSecret", 0600, -TG_ESYNTAX},
             {"TheApiKey TheSecret", "TheSecret", 0600, -TG_ESYNTAX},
             {"TheApiKey", "TheSecret\r", 0600, 0},
             {"TheApiKey", "TheSe\ncret", 0600, -TG_ESYNTAX},
             {"TheApi\xC3\xA4Key", "TheSecret", 0600, -TG_ESYNTAX}};
  for (size_t i = 0; i < TG_ARRAY_CNT(row); i++) {
    tg_conf_t conf;
    tg_bn_secrets_t secrets;
    char text[512];
    make(&conf);
    set(conf.venue_api_key_file, "api", row[i].api, 0600);
    set(conf.venue_hmac_secret_file, "hmac", row[i].hmac, row[i].mode);
    int err = load(&secrets, &conf, text);
    if (row[i].err == 0) { /* a line end of another system is cut, or refused: never signed with */
      cr_assert(err == 0 || err == -TG_ESYNTAX, "%s", text);
    } else {
      cr_assert_eq(err, row[i].err, "row %zu: %d %s", i, err, text);
      cr_assert_not_null(strstr(text, dir), "%s", text);
      cr_assert(all_zero(&secrets));
    }
    cr_assert_null(strstr(text, "TheSe"));
    cr_assert_null(strchr(text, '\n'));
    drop();
  }
}

Test(bn_secrets, missing_settings_and_files_are_named) {
  tg_conf_t conf;
  tg_bn_secrets_t secrets;
  char text[512];
  make(&conf);
  unlink(conf.venue_hmac_secret_file);
  cr_assert_eq(load(&secrets, &conf, text), -TG_ENOTFOUND);
  cr_assert_not_null(strstr(text, conf.venue_hmac_secret_file), "%s", text);
  conf.venue_hmac_secret_file[0] = '\0';
  cr_assert_eq(load(&secrets, &conf, text), -TG_ENOTFOUND);
  cr_assert_not_null(strstr(text, "venue.hmac_secret_file"), "%s", text);
  conf.venue_api_key_file[0] = '\0';
  cr_assert_eq(load(&secrets, &conf, text), -TG_ENOTFOUND);
  cr_assert_not_null(strstr(text, "venue.api_key_file"), "%s", text);
  drop();
}
