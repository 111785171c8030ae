/* launch CORES LIBRARY PROGRAM ARGUMENT...

   Runs a program on `CORES` (as `0` or `01`) with `LIBRARY` preloaded (`-` for none), and says as the last line on
   standard error what it took: nanoseconds of user mode, of system mode and of time, KiB of peak residence, and minor
   faults, those of all its descendants included. It is linked statically: a program's peak residence is never below
   that of the process that it was started from. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long nanoseconds(struct timeval time) { return time.tv_sec * 1000000000LL + time.tv_usec * 1000LL; }

static long long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

int main(int argc, char **argv) {
    if (argc < 4) {
        fputs("usage: launch CORES LIBRARY PROGRAM ARGUMENT...\n", stderr);
        return 2;
    }
    long long start = now();
    pid_t child = fork();
    if (child == 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        for (const char *core = argv[1]; *core; core++) CPU_SET(*core - '0', &set);
        if (sched_setaffinity(0, sizeof set, &set) != 0) perror("sched_setaffinity");
        if (strcmp(argv[2], "-") != 0) setenv("LD_PRELOAD", argv[2], 1);
        execvp(argv[3], argv + 3);
        perror(argv[3]);
        _exit(127);
    }
    int status;
    struct rusage used;
    if (child < 0 || wait4(child, &status, 0, &used) != child) {
        perror("launch");
        return 1;
    }
    fprintf(stderr, "\n%lld %lld %lld %ld %ld\n", nanoseconds(used.ru_utime), nanoseconds(used.ru_stime), now() - start,
            used.ru_maxrss, used.ru_minflt);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
