/* server threaded | forking

   A server on the loopback interface and its clients in another process. `threaded`: a thread for each connection,
   whose requests are answered by blocks that another thread made. `forking`: a process for each connection, forked
   while two threads allocate all the time; each child frees what its parent made, allocates and starts a thread. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CLIENTS = 4, CONNECTIONS = 25, REQUESTS = 40 };

static void check(int fine, const char *what) {
    if (!fine) {
        perror(what);
        _exit(1);
    }
}

struct request {
    uint32_t size, seed;
};

static void whole(int to, void *at, size_t size, int reading) {
    for (size_t done = 0; done < size;) {
        ssize_t part = reading ? read(to, (char *)at + done, size - done) : write(to, (char *)at + done, size - done);
        check(part > 0, reading ? "read" : "write");
        done += (size_t)part;
    }
}

/* A list of pieces, written and summed up. */
struct piece {
    struct piece *next;
    size_t size;
    unsigned char bytes[];
};

static struct piece *pieces(struct request request) {
    struct piece *list = NULL;
    for (size_t left = request.size; left;) {
        size_t size = 1 + request.seed % (left < 700 ? left : 700);
        struct piece *piece = malloc(sizeof *piece + size);
        check(piece != NULL, "malloc");
        *piece = (struct piece){list, size};
        memset(piece->bytes, (int)request.seed, size);
        list = piece;
        left -= size;
        request.seed = request.seed * 1103515245 + 12345;
    }
    return list;
}

static uint64_t consumed(struct piece *list) {
    uint64_t sum = 0;
    while (list) {
        struct piece *next = list->next;
        for (size_t i = 0; i < list->size; i++) sum = sum * 31 + list->bytes[i];
        free(list);
        list = next;
    }
    return sum;
}

static void *sum_of(void *list) {
    uint64_t *sum = malloc(sizeof *sum);
    check(sum != NULL, "malloc");
    *sum = consumed(list);
    return sum;
}

/* The answer, which another thread works out. */
static uint64_t answer(struct request request) {
    pthread_t thread;
    void *result;
    check(pthread_create(&thread, NULL, sum_of, pieces(request)) == 0, "pthread_create");
    pthread_join(thread, &result);
    uint64_t sum = *(uint64_t *)result;
    free(result);
    return sum;
}

static void *serve(void *argument) {
    int connection = *(int *)argument;
    free(argument);
    for (int i = 0; i < REQUESTS; i++) {
        struct request request;
        whole(connection, &request, sizeof request, 1);
        uint64_t sum = answer(request);
        whole(connection, &sum, sizeof sum, 0);
    }
    close(connection);
    return NULL;
}

static void *client(void *argument) {
    struct sockaddr_in address = *(struct sockaddr_in *)argument;
    uint64_t total = 0;
    for (int i = 0; i < CONNECTIONS; i++) {
        int connection = socket(AF_INET, SOCK_STREAM, 0);
        check(connect(connection, (struct sockaddr *)&address, sizeof address) == 0, "connect");
        for (uint32_t j = 0; j < REQUESTS; j++) {
            struct request request = {1 + j * 977 % 20000, (uint32_t)i * 100 + j};
            uint64_t sum;
            whole(connection, &request, sizeof request, 0);
            whole(connection, &sum, sizeof sum, 1);
            total += sum;
        }
        close(connection);
    }
    uint64_t *result = malloc(sizeof *result);
    check(result != NULL, "malloc");
    *result = total;
    return result;
}

static int clients(struct sockaddr_in address) {
    pthread_t threads[CLIENTS];
    uint64_t total = 0;
    for (int i = 0; i < CLIENTS; i++) check(pthread_create(&threads[i], NULL, client, &address) == 0, "pthread_create");
    for (int i = 0; i < CLIENTS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        total += *(uint64_t *)result;
        free(result);
    }
    printf("%llu\n", (unsigned long long)total);
    return 0;
}

static atomic_int stopped;

/* Allocates all the time, so that a fork finds a malloc at work. */
static void *busy(void *seed) {
    struct request request = {5000, (uint32_t)(uintptr_t)seed};
    while (!stopped) {
        request.seed++;
        consumed(pieces(request));
    }
    return NULL;
}

int main(int argc, char **argv) {
    int forking = argc > 1 && strcmp(argv[1], "forking") == 0;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listening = socket(AF_INET, SOCK_STREAM, 0);
    check(bind(listening, (struct sockaddr *)&address, sizeof address) == 0, "bind");
    check(listen(listening, 64) == 0, "listen");
    check(getsockname(listening, (struct sockaddr *)&address, &length) == 0, "getsockname");
    pid_t others = fork();
    check(others >= 0, "fork");
    if (others == 0) return clients(address);

    pthread_t threads[CLIENTS * CONNECTIONS], allocating[2];
    for (uintptr_t i = 0; forking && i < 2; i++) pthread_create(&allocating[i], NULL, busy, (void *)i);
    for (int i = 0; i < CLIENTS * CONNECTIONS; i++) {
        int *connection = malloc(sizeof *connection);
        check(connection != NULL, "malloc");
        *connection = accept(listening, NULL, NULL);
        check(*connection >= 0, "accept");
        if (!forking) {
            check(pthread_create(&threads[i], NULL, serve, connection) == 0, "pthread_create");
            continue;
        }
        pid_t child = fork();
        check(child >= 0, "fork");
        if (child == 0) {
            serve(connection);
            exit(0);
        }
        close(*connection);
        free(connection);
    }
    int status, wrong = 0;
    if (!forking) {
        for (int i = 0; i < CLIENTS * CONNECTIONS; i++) pthread_join(threads[i], NULL);
    }
    while (wait(&status) > 0) wrong += status != 0;
    stopped = 1;
    for (int i = 0; forking && i < 2; i++) pthread_join(allocating[i], NULL);
    printf("%d wrong\n", wrong);
    return wrong != 0;
}
