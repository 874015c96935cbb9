/* SPDX-License-Identifier: Apache-2.0
 *
 * The floor: answers every question of a fixed length with fixed bytes, and looks at neither.
 *
 *   echo /path/of/socket QUESTION_LENGTH ANSWER
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { MAX_FD = 4096, BUFFER = 65536 };

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    long question_length = atol(argv[2]);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, argv[1], sizeof address.sun_path - 1);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 64)) {
        perror(argv[1]);
        return 1;
    }
    int epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    static long got[MAX_FD];
    static char buffer[BUFFER];
    for (;;) {
        struct epoll_event events[64];
        int ready = epoll_wait(epoll, events, 64, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                event.data.fd = accept(listener, 0, 0);
                got[event.data.fd] = 0;
                epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event);
                continue;
            }
            long bytes = read(fd, buffer, BUFFER);
            if (bytes <= 0) {
                close(fd);
                continue;
            }
            for (got[fd] += bytes; got[fd] >= question_length; got[fd] -= question_length)
                if (write(fd, argv[3], strlen(argv[3])) < 0) break;
        }
    }
}
