/* What a caller gets wrong is answered, and named. */
#include "test.h"

static void nothing_is_made_over_nothing(void) {
    REFUSED(bw_bump(NULL, 64), NULL, EINVAL);
    REFUSED(bw_arena(NULL, 0, 0), NULL, EINVAL);
    REFUSED(bw_memo(NULL, 0), NULL, EINVAL);
    REFUSED(bw_slab(NULL, 64, 0), NULL, EINVAL);
    REFUSED(bw_mixed_slab(NULL, 0), NULL, EINVAL);
    REFUSED(bw_pool(NULL, 64, 8, 0), NULL, EINVAL);
    REFUSED(bw_concurrent_pool(NULL, 64, 8, 0), NULL, EINVAL);
    REFUSED(bw_span_pool(NULL, 0, 0), NULL, EINVAL);
    REFUSED(bw_size_classes(NULL, 1024, 0), NULL, EINVAL);
    REFUSED(bw_heap(NULL, 0), NULL, EINVAL);
    REFUSED(bw_segregate(64, NULL, bw_system()), NULL, EINVAL);
    REFUSED(bw_segregate(64, bw_system(), NULL), NULL, EINVAL);
    REFUSED(bw_counted(NULL), NULL, EINVAL);
    REFUSED(bw_quota(NULL, 1), NULL, EINVAL);
    REFUSED(bw_locked(NULL), NULL, EINVAL);
    REFUSED(bw_thread_cached(NULL, 1024, 0), NULL, EINVAL);
    REFUSED(bw_checked(NULL, NULL, NULL), NULL, EINVAL);
    REFUSED(bw_buffer(NULL, 64), NULL, EINVAL);
    REFUSED(bw_source(NULL, NULL, NULL), NULL, EINVAL);
    REFUSED(bw_compose(NULL, NULL, 0), NULL, EINVAL);
    REFUSED(bw_compose("system", NULL, 1), NULL, EINVAL);

    bw_allocator empty;
    memset(&empty, 0, sizeof empty);
    REFUSED(bw_counted(&empty), NULL, EINVAL);
    REFUSED(bw_allocate(&empty, 8, 8), NULL, EINVAL);
    REFUSED(bw_push(&empty), NULL, EINVAL);
}

/* What is built step by step needs one check at its end. */
static void a_part_that_is_missing_is_missed(void) {
    CHECK(bw_interface(NULL) == NULL);
    REFUSED(bw_memo(bw_interface(bw_bump(bw_system(), 0)), SIZE_MAX), NULL, EINVAL);
    REFUSED(bw_allocate(NULL, 8, 8), NULL, EINVAL);
    REFUSED(bw_allocate_zeroed(NULL, 8, 8), NULL, EINVAL);
    REFUSED(bw_reallocate(NULL, NULL, 0, 8, 8), NULL, EINVAL);
    REFUSED(bw_resize(NULL, NULL, 8, 8, 8), false, EINVAL);
    REFUSED(bw_resize(bw_system(), NULL, 8, 8, 8), false, EINVAL);
    REFUSED(bw_granted(NULL, 8, 8), 0, EINVAL);
    REFUSED(bw_acquire_from(NULL, 8), NULL, EINVAL);
    REFUSED(bw_acquire(SIZE_MAX), NULL, ENOMEM);
    REFUSED(bw_acquire(SIZE_MAX - 16), NULL, ENOMEM);
    REFUSED(bw_push(NULL), NULL, EINVAL);
    REFUSED(bw_reset(NULL), -1, EINVAL);
    REFUSED(bw_trim(NULL), -1, EINVAL);
    REFUSED(bw_check(NULL), -1, EINVAL);
    bw_statistics counts;
    REFUSED(bw_statistics_read(NULL, &counts), -1, EINVAL);
    errno = 0;
    bw_pop(NULL);
    CHECK(errno == EINVAL);
    errno = 0;
    bw_deallocate(NULL, &counts, 8, 8);
    CHECK(errno == EINVAL);
    CHECK(bw_destroy(NULL) == 0);
    CHECK(bw_held(NULL) == 0);
    CHECK(bw_acquired(NULL) == 0);
    bw_release(NULL);
}

/* A configuration that breaks a rule is refused with the field and the rule. */
static void a_bad_configuration_is_named(void) {
    const bw_allocator *below = bw_system();
    REFUSED(bw_pool(below, 0, 8, 1), NULL, EINVAL);
    CHECK(strstr(bw_last_error(), "size") != NULL);
    REFUSED(bw_pool(below, 64, 12, 1), NULL, EINVAL);
    CHECK(strstr(bw_last_error(), "power of two") != NULL);
    REFUSED(bw_pool(below, 64, 8, SIZE_MAX), NULL, EINVAL);
    REFUSED(bw_concurrent_pool(below, 64, 8, 5000), NULL, EINVAL);
    REFUSED(bw_slab(below, 60, 0), NULL, EINVAL);
    REFUSED(bw_slab(below, 64, 1000), NULL, EINVAL);
    REFUSED(bw_slab(below, 4096, 4096), NULL, EINVAL);
    REFUSED(bw_mixed_slab(below, 3), NULL, EINVAL);
    REFUSED(bw_span_pool(below, 100, 0), NULL, EINVAL);
    REFUSED(bw_span_pool(below, 4096, 1024), NULL, EINVAL);
    REFUSED(bw_size_classes(below, 1000, 0), NULL, EINVAL);
    REFUSED(bw_thread_cached(below, 64, 0), NULL, EINVAL);
    REFUSED(bw_size_classes(below, 1024, 512), NULL, EINVAL);
    REFUSED(bw_arena(below, 1, 0), NULL, EINVAL);
    REFUSED(bw_arena(below, 8192, 4096), NULL, EINVAL);
    REFUSED(bw_heap(below, 100), NULL, EINVAL);
    REFUSED(bw_heap(below, 4096), NULL, EINVAL);
    REFUSED(bw_bump(below, 0), NULL, EINVAL);
    char byte;
    REFUSED(bw_buffer(&byte, SIZE_MAX), NULL, EINVAL);
}

/* Texts are refused with the place, and the word that may have been meant. */
static void a_bad_text_is_named(void) {
    REFUSED(bw_compose("", NULL, 0), NULL, EINVAL);
    REFUSED(bw_compose("span_pol(64k) over pages", NULL, 0), NULL, EINVAL);
    CHECK(strstr(bw_last_error(), "did you mean `span_pool`") != NULL);
    REFUSED(bw_compose("counted over below", NULL, 0), NULL, EINVAL);
    REFUSED(bw_compose("\xFF\xFE", NULL, 0), NULL, EINVAL);
    bw_named nameless = {NULL, bw_system()};
    REFUSED(bw_compose("system", &nameless, 1), NULL, EINVAL);
    bw_named homeless = {"below", NULL};
    REFUSED(bw_compose("counted over below", &homeless, 1), NULL, EINVAL);
    REFUSED(bw_compose_shared("bump(64k) over system", NULL, 0), NULL, EINVAL);
    CHECK(strstr(bw_last_error(), "locked") != NULL);
}

static void statistics_are_of_parts_that_count(void) {
    bw_statistics counts;
    bw_part *bump = bw_bump(bw_system(), 64);
    REFUSED(bw_statistics_read(bump, &counts), -1, ENOTSUP);
    bw_part *counted = bw_counted(bw_interface(bump));
    REFUSED(bw_statistics_read(counted, NULL), -1, EINVAL);
    CHECK(bw_allocate(bw_interface(counted), 40, 8) != NULL);
    REFUSED(bw_allocate(bw_interface(counted), 40, 8), NULL, ENOMEM);
    CHECK(bw_statistics_read(counted, &counts) == 0);
    CHECK(counts.requests == 2 && counts.failures == 1 && counts.bytes_live == 40 && counts.bytes_peak == 40);
    CHECK(bw_destroy(bump) == 0 && bw_destroy(counted) == 0);
}

/* A caller's allocator that breaks its promises in ways that can be seen. */
static size_t too_little(void *context, size_t size, size_t align) {
    (void)context, (void)align;
    return size / 2;
}

static size_t too_much(void *context, size_t size, size_t align) {
    (void)context, (void)size, (void)align;
    return SIZE_MAX;
}

static char crooked[4096];

static void *misaligned(void *context, size_t size, size_t align) {
    (void)context, (void)size, (void)align;
    return (void *)(((uintptr_t)crooked + 63) / 64 * 64 + 1);
}

static void taken(void *context, void *block, size_t size, size_t align) {
    (void)block, (void)size, (void)align;
    *(int *)context += 1;
}

static void promises_that_are_broken_are_not_passed_on(void) {
    counting parent;
    counting_start(&parent);
    parent.allocator.granted = too_little;
    CHECK(bw_granted(&parent.allocator, 100, 8) == 100);
    parent.allocator.granted = too_much;
    CHECK(bw_granted(&parent.allocator, 100, 8) == 100);

    int back = 0;
    bw_allocator odd;
    memset(&odd, 0, sizeof odd);
    odd.context = &back;
    odd.allocate = misaligned;
    odd.deallocate = taken;
    bw_part *slab = bw_slab(&odd, 64, 4096);
    REFUSED(bw_allocate(bw_interface(slab), 64, 8), NULL, ENOMEM);
    CHECK(back == 1);
    CHECK(bw_destroy(slab) == 0);
}

static size_t watched;

static void watching(void *context, void *block, size_t size, size_t align) {
    watched += size;
    bw_system()->deallocate(context, block, size, align);
}

/* A copy of an interface of the library's in which a function was replaced is an
 * allocator of the caller's. */
static void a_replaced_function_is_called(void) {
    bw_allocator mine = *bw_system();
    mine.deallocate = watching;
    bw_part *memo = bw_memo(&mine, 0);
    bw_deallocate(&mine, bw_allocate(&mine, 10, 1), 10, 1);
    CHECK(watched == 10);
    bw_deallocate(bw_interface(memo), bw_allocate(bw_interface(memo), 100, 8), 100, 8);
    CHECK(watched == 110);
    CHECK(bw_destroy(memo) == 0);

    bw_part *counted = bw_counted(bw_system());
    bw_allocator view = *bw_interface(counted);
    bw_allocator odd = view;
    odd.granted = too_much;
    CHECK(bw_granted(&view, 10, 1) == 10 && bw_granted(&odd, 10, 1) == 10);
    bw_part *one = bw_bump(&view, 64);
    bw_part *two = bw_bump(&odd, 64);
    CHECK(bw_allocate(bw_interface(one), 8, 8) != NULL && bw_allocate(bw_interface(two), 8, 8) != NULL);
    bw_statistics counts;
    CHECK(bw_statistics_read(counted, &counts) == 0 && counts.blocks_live == 2);
    /* Only a plain copy is known for what it is, and keeps the part alive. */
    CHECK(bw_destroy(two) == 0 && bw_destroy(counted) == 0 && bw_destroy(one) == 0);
}

static void a_buffer_has_one_holder(void) {
    static union { char bytes[4096]; long double align; } region;
    bw_part *buffer = bw_buffer(&region, sizeof region);
    bw_part *one = bw_bump(bw_interface(buffer), 4096);
    bw_part *two = bw_bump(bw_interface(buffer), 4096);
    char *block = (char *)bw_allocate(bw_interface(one), 4000, 1);
    CHECK(block >= region.bytes && block + 4000 <= region.bytes + sizeof region);
    REFUSED(bw_allocate(bw_interface(two), 1, 1), NULL, ENOMEM);
    CHECK(bw_destroy(one) == 0);
    CHECK(bw_allocate(bw_interface(two), 1, 1) != NULL);
    CHECK(bw_destroy(two) == 0 && bw_destroy(buffer) == 0);
}

int main(void) {
    CHECK(bw_last_error()[0] == 0);
    nothing_is_made_over_nothing();
    a_part_that_is_missing_is_missed();
    a_bad_configuration_is_named();
    a_bad_text_is_named();
    statistics_are_of_parts_that_count();
    promises_that_are_broken_are_not_passed_on();
    a_replaced_function_is_called();
    a_buffer_has_one_holder();
    return 0;
}
