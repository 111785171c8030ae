/* steps FROM LIBRARY PROGRAM ARGUMENT...

   Instructions that a program executes between its signals SIGUSR1 number `FROM` and `FROM` + 1, counted by single
   steps: for what cannot run under Valgrind. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
    if (argc < 4) {
        fputs("usage: steps FROM LIBRARY PROGRAM ARGUMENT...\n", stderr);
        return 2;
    }
    pid_t child = fork();
    if (child == 0) {
        if (strcmp(argv[2], "-") != 0) setenv("LD_PRELOAD", argv[2], 1);
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        execvp(argv[3], argv + 3);
        _exit(127);
    }
    int status, marks = 0, from = atoi(argv[1]);
    long long steps = 0;
    while (waitpid(child, &status, 0) == child && WIFSTOPPED(status)) {
        int signal = WSTOPSIG(status), stepping = marks == from;
        if (signal == SIGUSR1) marks++;
        if (signal == SIGTRAP && stepping) steps++;
        /* A program's start is long, and its end does not matter. */
        long passed = signal == SIGUSR1 || signal == SIGTRAP ? 0 : signal;
        if (ptrace(marks == from ? PTRACE_SINGLESTEP : PTRACE_CONT, child, NULL, (void *)passed) != 0) break;
    }
    printf("%lld\n", steps);
    return marks > from && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 1;
}
