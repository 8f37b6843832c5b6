/* Preloaded into the program under test: the nth of the calls by which it changes files and folders goes wrong, as on a
 * disk that breaks, fills up, or loses its power in the middle of a write.
 *
 *   WRITE_GOES_WRONG_AT   n, counted from 1 over all threads
 *   WRITE_GOES_WRONG      once  (EIO), stays (ENOSPC at each from the nth on), kill (half of it is written, then SIGKILL)
 *   WRITE_NOTES           a file: what was struck, and at the end how many calls there were
 *
 * Sockets, pipes and terminals do not count. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long calls;
static long at;
static char how = 'o';

static void note(const char *what, long n) {
    const char *path = getenv("WRITE_NOTES");
    char line[128];
    if (!path) return;
    int length = snprintf(line, sizeof line, "%s %ld\n", what, n);
    long fd = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fd < 0) return;
    syscall(SYS_write, fd, line, length);
    syscall(SYS_close, fd);
}

__attribute__((constructor)) static void begin(void) {
    const char *told = getenv("WRITE_GOES_WRONG_AT"), *kind = getenv("WRITE_GOES_WRONG");
    at = told ? atol(told) : 0;
    how = kind ? kind[0] : 'o';
}
__attribute__((destructor)) static void end(void) { note("calls", atomic_load(&calls)); }

/* Whether this call goes wrong; in the way of a kill, only its caller knows what half of it is. */
static int struck(const char *what) {
    long n = atomic_fetch_add(&calls, 1) + 1;
    if (at == 0 || n < at || (n > at && how != 's')) return 0;
    if (n == at) note(what, n);
    return 1;
}
static int fails(void) {
    if (how == 'k') {
        kill(getpid(), SIGKILL);
        for (;;) pause();
    }
    errno = how == 's' ? ENOSPC : EIO;
    return -1;
}
static int is_file(int fd) {
    struct stat about;
    int before = errno, is = fstat(fd, &about) == 0 && (S_ISREG(about.st_mode) || S_ISDIR(about.st_mode));
    errno = before;
    return is;
}

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

ssize_t write(int fd, const void *bytes, size_t count) {
    REAL(ssize_t, "write", int, const void *, size_t);
    if (!is_file(fd) || !struck("write")) return real(fd, bytes, count);
    if (how == 'k') real(fd, bytes, count / 2);
    return fails();
}
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
    REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
    if (!is_file(fd) || !struck("pwrite")) return real(fd, bytes, count, offset);
    if (how == 'k') real(fd, bytes, count / 2, offset);
    return fails();
}
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) { return pwrite64(fd, bytes, count, offset); }
ssize_t writev(int fd, const struct iovec *pieces, int count) {
    REAL(ssize_t, "writev", int, const struct iovec *, int);
    if (!is_file(fd) || !struck("writev")) return real(fd, pieces, count);
    if (how == 'k') real(fd, pieces, count / 2);
    return fails();
}
int fsync(int fd) {
    REAL(int, "fsync", int);
    return is_file(fd) && struck("fsync") ? fails() : real(fd);
}
int fdatasync(int fd) {
    REAL(int, "fdatasync", int);
    return is_file(fd) && struck("fdatasync") ? fails() : real(fd);
}
int ftruncate64(int fd, off64_t length) {
    REAL(int, "ftruncate64", int, off64_t);
    return is_file(fd) && struck("ftruncate") ? fails() : real(fd, length);
}
int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }
int rename(const char *from, const char *to) {
    REAL(int, "rename", const char *, const char *);
    return struck("rename") ? fails() : real(from, to);
}
int mkdir(const char *path, mode_t mode) {
    REAL(int, "mkdir", const char *, mode_t);
    return struck("mkdir") ? fails() : real(path, mode);
}
/* The mode is given where a file may be made. */
#define MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & O_CREAT) { \
        va_list rest; \
        va_start(rest, flags); \
        mode = va_arg(rest, mode_t); \
        va_end(rest); \
    }

/* Only what makes a file is a change. */
int open64(const char *path, int flags, ...) {
    REAL(int, "open64", const char *, int, ...);
    MODE(flags)
    if ((flags & O_CREAT) && access(path, F_OK) != 0 && struck("create")) return fails();
    return real(path, flags, mode);
}
int open(const char *path, int flags, ...) {
    MODE(flags)
    return open64(path, flags, mode);
}
