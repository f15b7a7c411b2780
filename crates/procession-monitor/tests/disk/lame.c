/* A disk that becomes slow or read-only: preloaded into the monitor, told by a file named
   PROCESSION_LAME, which is looked at before each write ("slow N": each sync takes N seconds;
   "readonly": nothing can be written; empty: as it is). Only the C library's calls are met, which
   is how SQLite writes. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int told(const char *what) {
    char text[32] = "";
    const char *name = getenv("PROCESSION_LAME");
    FILE *file = name ? fopen(name, "re") : NULL;
    if (!file) return 0;
    int seconds = 1;
    if (!fgets(text, sizeof text, file)) text[0] = 0;
    fclose(file);
    if (strncmp(text, what, strlen(what)) != 0) return 0;
    sscanf(text + strlen(what), "%d", &seconds);
    return seconds;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int fsync(int fd) { sleep(told("slow")); return NEXT(fsync)(fd); }
int fdatasync(int fd) { sleep(told("slow")); return NEXT(fdatasync)(fd); }

/* Files of the database only: a write to a socket or to an event is none of the disk's. */
static int refuses(int fd) {
    char link[64], path[512];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    if (!strstr(path, ".db") || !told("readonly")) return 0;
    errno = EROFS;
    return 1;
}

ssize_t write(int fd, const void *bytes, size_t count) {
    return refuses(fd) ? -1 : NEXT(write)(fd, bytes, count);
}
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
    return refuses(fd) ? -1 : NEXT(pwrite64)(fd, bytes, count, at);
}
