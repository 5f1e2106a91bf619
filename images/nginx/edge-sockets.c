/* The edge's listening sockets outlive every nginx.

   edge-sockets hold PATH BACKLOG ADDRESS...     the permanent holder; an address is 0.0.0.0:443 or [::]:443
   edge-sockets take PATH COMMAND...             becomes COMMAND, an nginx that inherits the sockets
   edge-sockets check PATH                       whether a taker would be given them now

   They talk over the Unix socket PATH. A taker is sent every socket at once, or nothing while one is missing. It leaves a keeper behind, which
   hands the sockets back when the holder had to start anew: as long as one nginx lives, no socket is ever lost, nor a connection that waits in it. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { MAX_SOCKETS = 16, MAX_KEEPERS = 16, RETRY_MS = 100, COMPLAIN_MS = 2000 };
enum { TAKE = 'T', KEEP = 'K' };

struct held {
    const char *name;
    struct sockaddr_storage address;
    socklen_t length;
    int fd;
};

static void say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("edge-sockets: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

static void give_up(const char *what)
{
    say("%s: %s", what, strerror(errno));
    exit(1);
}

static void pause_shortly(void)
{
    nanosleep(&(struct timespec){.tv_nsec = RETRY_MS * 1000000L}, NULL);
}

/* The first process of a container ignores signals that it does not handle. */
static void leave(int signal)
{
    (void)signal;
    _exit(0);
}

static void leave_when_told(void)
{
    signal(SIGTERM, leave);
    signal(SIGINT, leave);
    signal(SIGQUIT, leave);
    signal(SIGPIPE, SIG_IGN);
}

static struct sockaddr_un unix_address(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        give_up(path);
    }
    strcpy(address.sun_path, path);
    return address;
}

/* One byte says what it is about, the descriptors travel beside it. */
static int send_message(int to, char kind, const int *fds, int count)
{
    union {
        char space[CMSG_SPACE(sizeof(int) * MAX_SOCKETS)];
        struct cmsghdr header;
    } control = {0};
    struct iovec byte = {&kind, 1};
    struct msghdr message = {.msg_iov = &byte, .msg_iovlen = 1};
    if (count > 0) {
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(int) * count);
        memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * count);
    }
    return sendmsg(to, &message, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

/* The message's kind, 0 at the end, -1 for an error. An empty message is taken for the end, and what travels beside it is closed. */
static int receive_message(int from, int *fds, int *count)
{
    union {
        char space[CMSG_SPACE(sizeof(int) * MAX_SOCKETS)];
        struct cmsghdr header;
    } control;
    char kind = 0;
    struct iovec byte = {&kind, 1};
    struct msghdr message = {.msg_iov = &byte, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    *count = 0;
    ssize_t size = recvmsg(from, &message, MSG_CMSG_CLOEXEC);
    struct cmsghdr *header = size < 0 ? NULL : CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
        *count = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(fds, CMSG_DATA(header), sizeof(int) * *count);
    }
    if (size == 1)
        return kind;
    while (*count > 0)
        close(fds[--*count]);
    return (int)size;
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = unix_address(path);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0)
        give_up("socket");
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    int reason = errno;
    close(fd);
    errno = reason;
    return -1;
}

/* ---- hold ---- */

/* Digits and nothing else, or 0, which is no port. */
static long parse_port(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    return digits > 0 && digits <= 5 && !text[digits] ? strtol(text, NULL, 10) : 0;
}

static struct held parse(const char *name)
{
    struct held held = {.name = name, .fd = -1};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&held.address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&held.address;
    char host[64];
    const char *colon = strrchr(name, ':');
    long port = colon ? parse_port(colon + 1) : 0;
    size_t length = colon ? (size_t)(colon - name) : 0;
    if (port < 1 || port > 65535 || length >= sizeof host) {
        say("not an address: %s", name);
        exit(2);
    }
    memcpy(host, name, length);
    host[length] = 0;
    if (host[0] == '[' && host[length - 1] == ']') {
        host[length - 1] = 0;
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        held.length = sizeof *v6;
        if (inet_pton(AF_INET6, host + 1, &v6->sin6_addr) == 1)
            return held;
    } else {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        held.length = sizeof *v4;
        if (inet_pton(AF_INET, host, &v4->sin_addr) == 1)
            return held;
    }
    say("not an address: %s", name);
    exit(2);
}

static int bind_anew(const struct held *held, int backlog)
{
    const int on = 1;
    int fd = socket(held->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        give_up("socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (held->address.ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *)&held->address, held->length) == 0 && listen(fd, backlog) == 0)
        return fd;
    int reason = errno;
    close(fd);
    if (reason != EADDRINUSE) {
        errno = reason;
        give_up(held->name);
    }
    return -1;
}

static int missing(const struct held *sockets, int count)
{
    int number = 0;
    for (int i = 0; i < count; i++)
        number += sockets[i].fd < 0;
    return number;
}

static void adopt(struct held *sockets, int count, int fd)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    int listens = 0;
    socklen_t size = sizeof listens;
    if (getsockname(fd, (struct sockaddr *)&address, &length) == 0 && getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens) {
        for (int i = 0; i < count; i++) {
            if (sockets[i].fd < 0 && sockets[i].length == length && memcmp(&sockets[i].address, &address, length) == 0) {
                sockets[i].fd = fd;
                say("%s was handed back", sockets[i].name);
                return;
            }
        }
    }
    close(fd);
}

static void answer_taker(int taker, const struct held *sockets, int count)
{
    int fds[MAX_SOCKETS];
    for (int i = 0; i < count; i++)
        fds[i] = sockets[i].fd;
    send_message(taker, TAKE, fds, missing(sockets, count) ? 0 : count);
}

/* Those who are connected, in the order of their coming. Before them in the table is the socket at which they come. */
struct clients {
    struct pollfd polled[1 + MAX_KEEPERS];
    int keeps[1 + MAX_KEEPERS];
    int count;
};

static void dismiss(struct clients *clients, int number)
{
    size_t behind = (size_t)(clients->count-- - number);
    close(clients->polled[number].fd);
    memmove(&clients->polled[number], &clients->polled[number + 1], behind * sizeof clients->polled[0]);
    memmove(&clients->keeps[number], &clients->keeps[number + 1], behind * sizeof clients->keeps[0]);
}

/* Where there is no room, whoever has said nothing for the longest time goes. 0 if all of them keep sockets. */
static int has_room(struct clients *clients)
{
    for (int i = 1; clients->count == MAX_KEEPERS && i <= MAX_KEEPERS; i++)
        if (!clients->keeps[i])
            dismiss(clients, i);
    return clients->count < MAX_KEEPERS;
}

static void welcome(struct clients *clients)
{
    int client = accept4(clients->polled[0].fd, NULL, NULL, SOCK_CLOEXEC);
    if (client < 0)
        return;
    clients->polled[++clients->count] = (struct pollfd){.fd = client, .events = POLLIN};
    clients->keeps[clients->count] = 0;
}

static int all_keep(const struct clients *clients)
{
    int number = 0;
    for (int i = 1; i <= clients->count; i++)
        number += clients->keeps[i];
    return number == MAX_KEEPERS;
}

static int hold(const char *path, int backlog, int count, char **names)
{
    struct held sockets[MAX_SOCKETS];
    struct clients clients = {.polled = {{.events = POLLIN}}};
    int complained = 0;
    struct sockaddr_un address = unix_address(path);

    if (count < 1 || count > MAX_SOCKETS)
        return 2;
    for (int i = 0; i < count; i++)
        sockets[i] = parse(names[i]);
    leave_when_told();
    unlink(path);
    int door = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (door < 0 || bind(door, (struct sockaddr *)&address, sizeof address) < 0 || listen(door, MAX_KEEPERS) < 0)
        give_up(path);
    clients.polled[0].fd = door;

    for (;;) {
        for (int i = 0; i < count; i++) {
            if (sockets[i].fd < 0 && (sockets[i].fd = bind_anew(&sockets[i], backlog)) >= 0)
                say("%s listens", sockets[i].name);
            else if (sockets[i].fd < 0 && !complained)
                say("%s is taken: waiting until it is free, or handed back by the nginx that has it", sockets[i].name);
        }
        complained = 1;
        if (poll(clients.polled, 1 + (nfds_t)clients.count, missing(sockets, count) ? RETRY_MS : -1) < 0 && errno != EINTR)
            give_up("poll");
        for (int i = clients.count; i > 0; i--) {
            int fds[MAX_SOCKETS], received;
            if (!clients.polled[i].revents)
                continue;
            int kind = receive_message(clients.polled[i].fd, fds, &received);
            for (int j = 0; j < received; j++)
                adopt(sockets, count, fds[j]);
            if (kind == TAKE)
                answer_taker(clients.polled[i].fd, sockets, count);
            if (kind == KEEP)
                clients.keeps[i] = 1;
            else
                dismiss(&clients, i);
        }
        if (clients.polled[0].revents && has_room(&clients))
            welcome(&clients);
        /* Nobody is asked for as long as nobody could be let in: poll would come back at once, again and again. */
        clients.polled[0] = (struct pollfd){.fd = all_keep(&clients) ? -1 : door, .events = POLLIN};
    }
}

/* ---- take ---- */

static int ask(const char *path, int *fds)
{
    int count = 0, holder = connect_to(path);
    if (holder < 0)
        return 0;
    if (send_message(holder, TAKE, NULL, 0) == 0)
        receive_message(holder, fds, &count);
    close(holder);
    return count;
}

static void keep(const char *path, const int *fds, int count)
{
    char end;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    for (;; pause_shortly()) {
        int holder = connect_to(path);
        if (holder < 0)
            continue;
        /* Says nothing more: its end is the holder's. */
        if (send_message(holder, KEEP, fds, count) == 0)
            while (read(holder, &end, 1) > 0) {
            }
        close(holder);
    }
}

static int take(const char *path, char **command)
{
    int fds[MAX_SOCKETS], count;
    char list[MAX_SOCKETS * 12] = "";

    leave_when_told();
    for (int tries = 1; (count = ask(path, fds)) == 0; tries++) {
        if (tries % (COMPLAIN_MS / RETRY_MS) == 0)
            say("waiting for the listening sockets, which their holder at %s does not give yet", path);
        pause_shortly();
    }
    if (fork() == 0)
        keep(path, fds, count);
    for (int i = 0; i < count; i++) {
        fcntl(fds[i], F_SETFD, 0);
        sprintf(list + strlen(list), "%d;", fds[i]);
    }
    /* By this variable one nginx hands its sockets to the next; each finds its `listen` by the address. */
    setenv("NGINX", list, 1);
    execvp(command[0], command);
    give_up(command[0]);
    return 1;
}

static int check(const char *path)
{
    int fds[MAX_SOCKETS];
    if (ask(path, fds) > 0)
        return 0;
    say("the holder at %s has no sockets to give", path);
    return 1;
}

int main(int count, char **arguments)
{
    if (count > 4 && strcmp(arguments[1], "hold") == 0)
        return hold(arguments[2], atoi(arguments[3]), count - 4, arguments + 4);
    if (count > 3 && strcmp(arguments[1], "take") == 0)
        return take(arguments[2], arguments + 3);
    if (count == 3 && strcmp(arguments[1], "check") == 0)
        return check(arguments[2]);
    fputs("usage: edge-sockets hold PATH BACKLOG ADDRESS... | take PATH COMMAND... | check PATH\n", stderr);
    return 2;
}
