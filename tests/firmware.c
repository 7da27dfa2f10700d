/* Plays the Raspberry Pi's firmware to a program that is started with it in LD_PRELOAD.
 *
 * FIRMWARE is a folder. A file vcio_gencmd or vcio in it is the device of that name, looked at
 * each time, and holds what comes of it: up to four words and a text,
 *
 *     OPEN IOCTL MILLISECONDS STATUS CODE TEXT
 *
 * the errno of open and of the ioctl (0: none), how long an answer takes (-1: for as long as the
 * file says so), words 1 and 5 of the answer, and its text. Without the file there is no device.
 * With FIRMWARE_NODES set, devices are opened where they are, and only their ioctls are played.
 * What is asked is added to the file "asked": a line for each open and each ioctl.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { NODES = 2, FILES = 1024, HEAD = 24, TEXT = 1024, SIZE = HEAD + TEXT + 4 };
static const char *const names[NODES] = {"vcio_gencmd", "vcio"};
static char node_of[FILES]; /* 1 + its number, of each open file */

struct play {
    long open, ioctl, milliseconds, status, code;
    char text[2 * TEXT];
    size_t length;
};

static int file(const char *name, int flags) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", getenv("FIRMWARE"), name);
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, 0644);
}

static long number(char **rest) {
    int negative = **rest == '-';
    long value = 0;
    for (*rest += negative; **rest >= '0' && **rest <= '9'; ++*rest)
        value = value * 10 + (**rest - '0');
    *rest += **rest == ' ';
    return negative ? -value : value;
}

static int look(int node, struct play *play) {
    char said[sizeof play->text + 64], *rest = said;
    int fd = file(names[node], O_RDONLY);
    if (fd < 0)
        return 0;
    ssize_t got = read(fd, said, sizeof said - 1);
    close(fd);
    said[got < 0 ? 0 : got] = 0;
    play->open = number(&rest);
    play->ioctl = number(&rest);
    play->milliseconds = number(&rest);
    play->status = number(&rest);
    play->code = number(&rest);
    play->length = (size_t)(said + (got < 0 ? 0 : got) - rest);
    if (play->length > sizeof play->text)
        play->length = sizeof play->text;
    memcpy(play->text, rest, play->length);
    return 1;
}

static void tell(const char *what, const char *text) {
    char line[2 * TEXT];
    int fd = file("asked", O_WRONLY | O_APPEND | O_CREAT);
    int length = snprintf(line, sizeof line, "%s %s\n", what, text);
    if (fd >= 0) {
        if (write(fd, line, (size_t)length) < 0) { /* nobody looks */ }
        close(fd);
    }
}

static int play_open(const char *path, int flags, mode_t mode) {
    int node;
    for (node = 0; node < NODES; node++)
        if (!strncmp(path, "/dev/", 5) && !strcmp(path + 5, names[node]))
            break;
    if (node == NODES || !getenv("FIRMWARE"))
        return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    tell("open", names[node]);
    if (!getenv("FIRMWARE_NODES")) {
        struct play play;
        if (!look(node, &play)) {
            errno = ENOENT;
            return -1;
        }
        if (play.open) {
            errno = (int)play.open;
            return -1;
        }
        path = "/dev/null";
    }
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    if (fd >= 0 && fd < FILES)
        node_of[fd] = (char)(node + 1);
    return fd;
}

static int play_ioctl(int node, uint32_t *message) {
    static const struct timespec moment = {0, 1000000};
    const char *command = (const char *)message + HEAD;
    struct play play;
    long waited = 0;
    tell(names[node], command);
    if (message[0] != SIZE || message[1] || message[2] != 0x30080 || message[3] != TEXT
        || message[4] || message[5] || message[SIZE / 4 - 1] || !memchr(command, 0, TEXT)) {
        errno = EINVAL;
        return -1;
    }
    for (;;) {
        if (!look(node, &play)) {
            errno = ENODEV;
            return -1;
        }
        if (play.milliseconds >= 0 && waited++ >= play.milliseconds)
            break;
        nanosleep(&moment, 0);
    }
    if (play.ioctl) {
        errno = (int)play.ioctl;
        return -1;
    }
    message[1] = (uint32_t)play.status;
    message[4] = (uint32_t)play.length | 0x80000000;
    message[5] = (uint32_t)play.code;
    memset(message + HEAD / 4, 0, TEXT);
    memcpy(message + HEAD / 4, play.text, play.length < TEXT ? play.length : TEXT);
    return 0;
}

int ioctl(int fd, unsigned long request, ...) {
    va_list more;
    va_start(more, request);
    void *argument = va_arg(more, void *);
    va_end(more);
    unsigned long wanted = 0xC0006400UL | sizeof(char *) << 16;
    if ((uint32_t)request == wanted && fd >= 0 && fd < FILES && node_of[fd])
        return play_ioctl(node_of[fd] - 1, argument);
    return (int)syscall(SYS_ioctl, fd, request, argument);
}

#define OPENS(name) \
    int name(const char *path, int flags, ...) { \
        va_list more; \
        va_start(more, flags); \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0; \
        va_end(more); \
        return play_open(path, flags, mode); \
    }
OPENS(open)
OPENS(open64)
