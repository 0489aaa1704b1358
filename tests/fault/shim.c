/* Makes calls of the system fail, or wait, for files whose path ends as asked: preloaded by tests/fault/run.

   The file that FAULTS names holds one fault a line: the call, errno (0: none), a delay in microseconds, how many
   times, the end of the path. It is read at every call, so that a test changes it while it runs; the count is its own. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static __thread int busy;

/* Whether the call has to fail: errno is set then. */
static int fault(const char *call, int descriptor)
{
    const char *file = getenv("FAULTS");
    char link[64], path[4096], line[512], name[64], end[256];
    int code, failing = 0;
    long delay, from, to;
    FILE *list;
    ssize_t size;

    if (file == NULL || busy)
        return 0;
    busy = 1;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    size = readlink(link, path, sizeof path - 1);
    list = size < 0 ? NULL : fopen(file, "r");
    if (list != NULL) {
        path[size] = 0;
        while (fgets(line, sizeof line, list) != NULL) {
            static long seen[16];
            static int version[16];
            int number;
            if (sscanf(line, "%d %63s %d %ld %ld %ld %255s", &number, name, &code, &delay, &from, &to, end) != 7)
                continue;
            size_t length = strlen(path), wanted = strlen(end);
            if (strcmp(name, call) != 0 || wanted > length || strcmp(path + length - wanted, end) != 0)
                continue;
            int slot = number % 16;
            if (version[slot] != number) {
                version[slot] = number;
                seen[slot] = 0;
            }
            seen[slot]++;
            if (seen[slot] < from || seen[slot] > to)
                continue;
            if (delay)
                usleep(delay);
            if (code)
                failing = code;
        }
        fclose(list);
    }
    busy = 0;
    if (failing)
        errno = failing;
    return failing;
}

#define NEXT(type, name) \
    static type (*real)(); \
    if (real == NULL) \
        real = (type (*)())dlsym(RTLD_NEXT, name)

int fsync(int descriptor)
{
    NEXT(int, "fsync");
    return fault("fsync", descriptor) ? -1 : real(descriptor);
}

int fdatasync(int descriptor)
{
    NEXT(int, "fdatasync");
    return fault("fsync", descriptor) ? -1 : real(descriptor);
}

ssize_t pwrite(int descriptor, const void *content, size_t size, off_t at)
{
    NEXT(ssize_t, "pwrite");
    return fault("write", descriptor) ? -1 : real(descriptor, content, size, at);
}

ssize_t pwrite64(int descriptor, const void *content, size_t size, off64_t at)
{
    NEXT(ssize_t, "pwrite64");
    return fault("write", descriptor) ? -1 : real(descriptor, content, size, at);
}

ssize_t pread(int descriptor, void *content, size_t size, off_t at)
{
    NEXT(ssize_t, "pread");
    return fault("read", descriptor) ? -1 : real(descriptor, content, size, at);
}

ssize_t pread64(int descriptor, void *content, size_t size, off64_t at)
{
    NEXT(ssize_t, "pread64");
    return fault("read", descriptor) ? -1 : real(descriptor, content, size, at);
}
