#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/conf/conf.h"

static char dir[40], path[96], why[TG_CONF_ERR_BYTES], want[TG_CONF_ERR_BYTES], buf[64];

static void make_dir(void) {
  (void)unsetenv("CREDENTIALS_DIRECTORY");
  snprintf(dir, sizeof dir, "/tmp/tg_secret_XXXXXX");
  cr_assert_not_null(mkdtemp(dir));
  snprintf(path, sizeof path, "%s/key", dir);
}

static void drop_dir(void) {
  (void)unlink(path);
  (void)rmdir(dir);
}

static void write_key(const char *text, size_t len, mode_t mode) {
  (void)unlink(path);
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
  cr_assert_geq(fd, 0);
  cr_assert_eq(write(fd, text, len), (ssize_t)len);
  cr_assert_eq(fchmod(fd, mode), 0);
  close(fd);
}

static int read_key(void) {
  memset(buf, '#', sizeof buf);
  memset(why, 0, sizeof why);
  return tg_secret_read(path, buf, sizeof buf, why, sizeof why);
}

static bool wiped(void) {
  for (size_t i = 0; i < sizeof buf; i++) {
    if (buf[i]) return false;
  }
  return true;
}

#define REFUSED(err, ...) \
  do { \
    snprintf(want, sizeof want, __VA_ARGS__); \
    cr_assert_eq(read_key(), err); \
    cr_assert_str_eq(why, want); \
    cr_assert(wiped(), "nothing is left behind"); \
  } while (0)

Test(secret, is_read_without_its_newlines, .init = make_dir, .fini = drop_dir) {
  write_key("s3cret\n", 7, 0600);
  cr_assert_eq(read_key(), 6, "%s", why);
  cr_assert_str_eq(buf, "s3cret");
  for (size_t i = 6; i < sizeof buf; i++) cr_assert_eq(buf[i], 0, "no rest of the file behind it");
  write_key("a\nb\r\n\r\n\n", 8, 0400);
  cr_assert_eq(read_key(), 3);
  cr_assert_str_eq(buf, "a\nb");
}

Test(secret, other_modes_are_refused, .init = make_dir, .fini = drop_dir) {
  static const unsigned bad[] = {0601, 0604, 0606, 0610, 0620, 0640, 0644, 0660, 0666, 0700, 0777, 01600, 04600, 0440};
  for (size_t i = 0; i < TG_ARRAY_CNT(bad); i++) {
    write_key("s3cret", 6, bad[i]);
    REFUSED(-TG_EPERM, "%s: mode %04o lets others at it, run: chmod 600", path, bad[i]);
  }
}

Test(secret, links_directories_pipes_and_sockets_are_refused, .init = make_dir, .fini = drop_dir) {
  char real[96];
  snprintf(real, sizeof real, "%s/real", dir);
  write_key("s3cret", 6, 0600);
  cr_assert_eq(rename(path, real), 0);
  cr_assert_eq(symlink(real, path), 0);
  REFUSED(-TG_EPERM, "%s: is a symbolic link, name the file itself", path);
  unlink(path);
  unlink(real);
  cr_assert_eq(mkdir(path, 0700), 0);
  REFUSED(-TG_EPERM, "%s: not a regular file, name a file that holds the secret", path);
  rmdir(path);
  cr_assert_eq(mkfifo(path, 0600), 0);
  REFUSED(-TG_EPERM, "%s: not a regular file, name a file that holds the secret", path);
  unlink(path);
  struct sockaddr_un addr = {.sun_family = AF_UNIX};
  memcpy(addr.sun_path, path, sizeof path);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  cr_assert_eq(bind(fd, (struct sockaddr *)&addr, sizeof addr), 0);
  REFUSED(-TG_EIO, "%s: cannot be opened, name a readable file", path);
  close(fd);
}

Test(secret, missing_empty_too_long_and_nul, .init = make_dir, .fini = drop_dir) {
  REFUSED(-TG_ENOTFOUND, "%s: there is no such file, create it with mode 0600", path);
  write_key("", 0, 0600);
  REFUSED(-TG_ESIZE, "%s: empty, put the secret into it", path);
  write_key("\n\n", 2, 0600);
  REFUSED(-TG_ESIZE, "%s: empty, put the secret into it", path);
  char big[80];
  memset(big, 'k', sizeof big);
  write_key(big, 63, 0600);
  cr_assert_eq(read_key(), 63);
  write_key(big, 64, 0600);
  REFUSED(-TG_ESIZE, "%s: more than 63 bytes, is this the right file?", path);
  write_key("a\0b", 3, 0600);
  REFUSED(-TG_ESYNTAX, "%s: holds a NUL byte, is this the right file?", path);
  cr_assert_eq(tg_secret_read(path, buf, 1, why, sizeof why), -TG_ESIZE);
}

Test(secret, another_owner_is_refused, .init = make_dir, .fini = drop_dir) {
  if (geteuid() != 0) cr_skip("needs root to make a file of somebody else");
  write_key("s3cret", 6, 0600);
  cr_assert_eq(chown(path, 12345, 0), 0);
  REFUSED(-TG_EPERM, "%s: owned by uid 12345, not by us (uid 0): chown it", path);
}

Test(secret, systemd_credentials, .init = make_dir, .fini = drop_dir) {
  write_key("s3cret", 6, 0440);
  REFUSED(-TG_EPERM, "%s: mode 0440 lets others at it, run: chmod 600", path);
  cr_assert_eq(setenv("CREDENTIALS_DIRECTORY", dir, 1), 0);
  cr_assert_eq(read_key(), 6, "%s", why);
  char slash[64];
  snprintf(slash, sizeof slash, "%s//", dir);
  cr_assert_eq(setenv("CREDENTIALS_DIRECTORY", slash, 1), 0);
  cr_assert_eq(read_key(), 6, "%s", why);
  /* still not world-readable */
  write_key("s3cret", 6, 0444);
  REFUSED(-TG_EPERM, "%s: mode 0444 lets others at it, run: chmod 600", path);
  write_key("s3cret", 6, 0440);
  /* a directory that others may write proves nothing */
  cr_assert_eq(chmod(dir, 0770), 0);
  REFUSED(-TG_EPERM, "%s: mode 0440 lets others at it, run: chmod 600", path);
  cr_assert_eq(chmod(dir, 0700), 0);
  /* only files directly inside */
  cr_assert_eq(setenv("CREDENTIALS_DIRECTORY", "/tmp", 1), 0);
  REFUSED(-TG_EPERM, "%s: mode 0440 lets others at it, run: chmod 600", path);
  cr_assert_eq(setenv("CREDENTIALS_DIRECTORY", "relative", 1), 0);
  REFUSED(-TG_EPERM, "%s: mode 0440 lets others at it, run: chmod 600", path);
}

Test(secret, root_s_credentials_are_ours_to_read, .init = make_dir, .fini = drop_dir) {
  if (geteuid() != 0) cr_skip("needs root to become somebody else");
  write_key("s3cret", 6, 0444);
  cr_assert_eq(chmod(dir, 0755), 0);
  cr_assert_eq(chmod(path, 0440), 0);
  cr_assert_eq(chown(path, 0, 12345), 0);
  cr_assert_eq(setenv("CREDENTIALS_DIRECTORY", dir, 1), 0);
  cr_assert_eq(setegid(12345), 0);
  cr_assert_eq(seteuid(12345), 0);
  int got = read_key();
  char said[TG_CONF_ERR_BYTES];
  snprintf(said, sizeof said, "%s", why);
  (void)unsetenv("CREDENTIALS_DIRECTORY");
  int refused = read_key();
  cr_assert_eq(seteuid(0), 0);
  cr_assert_eq(setegid(0), 0);
  cr_assert_eq(got, 6, "%s", said);
  cr_assert_eq(refused, -TG_EPERM);
  cr_assert_not_null(strstr(why, "owned by uid 0, not by us (uid 12345)"));
}

Test(secret, errors_never_tell_the_secret, .init = make_dir, .fini = drop_dir) {
  write_key("s3cret", 6, 0644);
  cr_assert_lt(read_key(), 0);
  cr_assert_null(strstr(why, "s3cret"));
}

Test(secret, wipe_wipes) {
  char secret[32];
  memset(secret, 'k', sizeof secret);
  tg_wipe(secret, sizeof secret);
  for (size_t i = 0; i < sizeof secret; i++) cr_assert_eq(secret[i], 0);
}
