/* The floor of a registration: one thread, one socket, recvfrom and sendto. The answer is the request's own bytes with
 * the first line replaced and a tag put behind To, so that sipp takes it for a 200; nothing is parsed, kept or timed.
 * What this costs is the kernel's, and no server over UDP on this machine can cost less without batching. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

static const char status[] = "SIP/2.0 200 OK\r\n";

int main(int argc, char **argv) {
    static char in[65536], out[65536 + 64];
    struct sockaddr_in here = {.sin_family = AF_INET}, there;
    int buffer = 4 << 20, s = socket(AF_INET, SOCK_DGRAM, 0);
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    here.sin_port = htons(argc > 1 ? atoi(argv[1]) : 5060);
    setsockopt(s, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    if (s < 0 || bind(s, (struct sockaddr *)&here, sizeof here) < 0) {
        perror("bind");
        return 1;
    }
    for (;;) {
        socklen_t length = sizeof there;
        ssize_t got = recvfrom(s, in, sizeof in - 1, 0, (struct sockaddr *)&there, &length);
        if (got <= 0) continue;
        in[got] = 0;
        char *line = strstr(in, "\r\n"), *write = out + sizeof status - 1;
        memcpy(out, status, sizeof status - 1);
        while (line && strncmp(line, "\r\n\r\n", 4) != 0) {
            char *start = line + 2, *end = strstr(start, "\r\n");
            if (!end) break;
            memcpy(write, start, end - start);
            write += end - start;
            if (strncasecmp(start, "To:", 3) == 0) {
                memcpy(write, ";tag=floor", 10);
                write += 10;
            }
            memcpy(write, "\r\n", 2);
            write += 2;
            line = end;
        }
        memcpy(write, "\r\n", 2);
        sendto(s, out, write + 2 - out, 0, (struct sockaddr *)&there, length);
    }
}
