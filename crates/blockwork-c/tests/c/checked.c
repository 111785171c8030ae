/* A checked part tells what is done wrong, and does not do it. */
#include "test.h"

static char said[16][256];
static size_t count;

static void report(void *context, const char *message) {
    CHECK(context == &count);
    if (count < 16) {
        snprintf(said[count], sizeof said[count], "%s", message);
    }
    count += 1;
}

static int last_says(const char *words) { return count != 0 && strstr(said[count - 1], words) != NULL; }

int main(int arguments, char **values) {
    if (arguments > 1 && strcmp(values[1], "stop") == 0) {
        /* Ends the program, which the test expects. */
        bw_part *heap = bw_checked(bw_system(), NULL, NULL);
        void *block = bw_allocate(bw_interface(heap), 24, 8);
        bw_deallocate(bw_interface(heap), block, 24, 8);
        bw_deallocate(bw_interface(heap), block, 24, 8);
        return 0;
    }
    counting parent;
    counting_start(&parent);
    bw_part *heap = bw_checked(&parent.allocator, report, &count);
    const bw_allocator *from = bw_interface(heap);

    char *block = (char *)bw_allocate(from, 24, 8);
    bw_deallocate(from, block, 25, 8);
    CHECK(count == 1 && last_says("the layout does not fit"));
    bw_deallocate(from, block + 8, 16, 8);
    CHECK(count == 2 && last_says("inside of another block"));
    block[24] = 'x';
    bw_deallocate(from, block, 24, 8);
    CHECK(count == 3 && last_says("written past the end"));
    bw_deallocate(from, block, 24, 8);
    CHECK(count == 4 && last_says("it was freed before"));
    char other[8];
    bw_deallocate(from, other, 8, 1);
    CHECK(count == 5 && last_says("no block of this allocator"));

    void *leaked = bw_allocate(from, 100, 8);
    CHECK(leaked != NULL);
    CHECK(bw_destroy(heap) == 0);
    CHECK(count == 6 && last_says("dropped while 1 blocks of 100 bytes are live"));
    return 0;
}
