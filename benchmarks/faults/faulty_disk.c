/* A layer between a process and the kernel (LD_PRELOAD) that makes one folder's disk fail or answer late.

   FAULTY_DISK_FOLDER   files below this path are concerned
   FAULTY_DISK_SWITCH   a file of 16 bytes, mapped by everybody: four 32-bit numbers
                        [0] errno of every change (write, open to write, mkdir, rename, fsync); 0: none
                        [1] milliseconds that every call takes longer
                        [2] bytes after which a write ends short; 0: it does not
                        [3] seconds by which the clock on the wall is wrong

   Nothing in it is specific to the program that is tested. */

#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static volatile int32_t *knob;
static const char *folder;
static size_t length;

static void begin(void) {
    if (knob) return;
    static int32_t nothing[4];
    const char *file = getenv("FAULTY_DISK_SWITCH");
    folder = getenv("FAULTY_DISK_FOLDER");
    length = folder ? strlen(folder) : 0;
    int fd = file ? open(file, O_RDWR | O_CLOEXEC) : -1;
    void *mapped = fd >= 0 ? mmap(NULL, 16, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (fd >= 0) close(fd);
    knob = mapped == MAP_FAILED ? nothing : (volatile int32_t *)mapped;
}

__attribute__((constructor)) static void load(void) { begin(); }

static int quiet(void) { return !knob || !length || !(knob[0] | knob[1] | knob[2]); }

static int concerned(const char *path) {
    return path && !strncmp(path, folder, length) && (path[length] == '/' || !path[length]);
}

static int concerned_fd(int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t got = readlink(link, path, sizeof path - 1);
    if (got <= 0) return 0;
    path[got] = 0;
    return concerned(path);
}

static void wait_a_while(void) {
    struct timespec left = {knob[1] / 1000, (long)(knob[1] % 1000) * 1000000};
    while (knob[1] && nanosleep(&left, &left) && errno == EINTR) {}
}

/* Whether a change fails; errno is set then. */
static int fails(void) {
    wait_a_while();
    if (!knob[0]) return 0;
    errno = knob[0];
    return 1;
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

ssize_t write(int fd, const void *data, size_t size) {
    REAL(write);
    if (quiet() || !concerned_fd(fd)) return real(fd, data, size);
    if (fails()) return -1;
    size_t most = (size_t)knob[2];
    return real(fd, data, most && size > most ? most : size);
}

int fsync(int fd) {
    REAL(fsync);
    if (!quiet() && concerned_fd(fd) && fails()) return -1;
    return real(fd);
}

#define OPEN(name)                                                                              \
    int name(const char *path, int flags, ...) {                                                \
        REAL(name);                                                                                                               \
        va_list rest; va_start(rest, flags);                                                    \
        mode_t mode = (flags & O_CREAT) ? va_arg(rest, mode_t) : 0; va_end(rest);               \
        if (!quiet() && concerned(path)) {                                                      \
            if (flags & (O_WRONLY | O_RDWR | O_CREAT)) { if (fails()) return -1; }              \
            else wait_a_while();                                                                \
        }                                                                                       \
        return real(path, flags, mode);                                                         \
    }
OPEN(open)
OPEN(open64)

int mkdir(const char *path, mode_t mode) {
    REAL(mkdir);
    if (!quiet() && concerned(path) && fails()) return -1;
    return real(path, mode);
}

int rename(const char *from, const char *to) {
    REAL(rename);
    if (!quiet() && concerned(to) && fails()) return -1;
    return real(from, to);
}

int unlink(const char *path) {
    REAL(unlink);
    if (!quiet() && concerned(path) && fails()) return -1;
    return real(path);
}

int symlink(const char *to, const char *path) {
    REAL(symlink);
    if (!quiet() && concerned(path) && fails()) return -1;
    return real(to, path);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    REAL(clock_gettime);
    int answer = real(clock, now);
    if (!answer && knob && clock == CLOCK_REALTIME) now->tv_sec += knob[3];
    return answer;
}

DIR *opendir(const char *path) {
    REAL(opendir);
    if (!quiet() && concerned(path)) wait_a_while();
    return real(path);
}

int stat64(const char *restrict path, struct stat64 *restrict facts) {
    REAL(stat64);
    if (!quiet() && concerned(path)) wait_a_while();
    return real(path, facts);
}
