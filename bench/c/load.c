/* SPDX-License-Identifier: Apache-2.0
 *
 * Asks one fixed question over and over and times the answers.
 *
 *   load ADDRESS CONNECTIONS SECONDS QUESTION_FILE END
 *
 * ADDRESS is unix:/path or a.b.c.d:port; END is how an answer ends. One question is in flight on
 * each connection. All answers must have the length of the first. Prints: answers, elapsed ns,
 * p50 ns, p99 ns.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CONNECTIONS = 1024, BUFFER = 65536, MAX_SAMPLES = 4000000 };

struct connection {
    int fd;
    long got;     /* bytes of the answer in flight */
    long asked_at;
};

static char question[BUFFER];
static long question_length;
static long samples[MAX_SAMPLES];

static long now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000L + t.tv_nsec;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static int connect_unix(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address)) fail(path);
    return fd;
}

static int connect_tcp(const char *text) {
    char host[64] = {0};
    strncpy(host, text, sizeof host - 1);
    char *colon = strrchr(host, ':');
    if (!colon) fail(text);
    *colon = 0;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(colon + 1))};
    inet_pton(AF_INET, host, &address.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    if (connect(fd, (struct sockaddr *)&address, sizeof address)) fail(text);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static int connect_to(const char *address) {
    return strncmp(address, "unix:", 5) ? connect_tcp(address) : connect_unix(address + 5);
}

static void ask(struct connection *c) {
    c->got = 0;
    c->asked_at = now_ns();
    if (write(c->fd, question, question_length) != question_length) fail("write");
}

/* The length of an answer: what one question brings until END. */
static long learn_length(const char *address, const char *end) {
    char answer[BUFFER];
    long length = 0;
    struct connection c = {.fd = connect_to(address)};
    ask(&c);
    while (!memmem(answer, length, end, strlen(end))) {
        long got = read(c.fd, answer + length, BUFFER - length);
        if (got <= 0) fail("no answer");
        length += got;
    }
    close(c.fd);
    return length;
}

static int ascending(const void *a, const void *b) {
    long x = *(const long *)a, y = *(const long *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    if (argc != 6) return 2;
    int connections = atoi(argv[2]);
    if (connections < 1 || connections > MAX_CONNECTIONS) return 2;
    FILE *file = fopen(argv[4], "rb");
    if (!file) fail(argv[4]);
    question_length = fread(question, 1, BUFFER, file);
    fclose(file);
    long length = learn_length(argv[1], argv[5]);

    static struct connection all[MAX_CONNECTIONS];
    int epoll = epoll_create1(0);
    for (int i = 0; i < connections; i++) {
        all[i].fd = connect_to(argv[1]);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};
        epoll_ctl(epoll, EPOLL_CTL_ADD, all[i].fd, &event);
    }
    long begun = now_ns(), end = begun + (long)(atof(argv[3]) * 1e9), count = 0;
    for (int i = 0; i < connections; i++) ask(&all[i]);
    while (now_ns() < end) {
        static char answer[BUFFER];
        struct epoll_event events[MAX_CONNECTIONS];
        int ready = epoll_wait(epoll, events, MAX_CONNECTIONS, 200);
        for (int i = 0; i < ready; i++) {
            struct connection *c = events[i].data.ptr;
            long got = read(c->fd, answer, BUFFER);
            if (got <= 0) fail("the connection ended");
            c->got += got;
            if (c->got < length) continue;
            if (c->got > length) fail("an answer of another length");
            if (count < MAX_SAMPLES) samples[count++] = now_ns() - c->asked_at;
            ask(c);
        }
    }
    long elapsed = now_ns() - begun;
    if (!count) return 1;
    qsort(samples, count, sizeof *samples, ascending);
    printf("%ld %ld %ld %ld\n", count, elapsed, samples[count / 2], samples[count * 99 / 100]);
    return 0;
}
