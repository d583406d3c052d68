/* The heap of times against the obvious model. */
#include "base/heap.h"
#include "harness.h"

#include <stdlib.h>

PLAIN_TEST(nodes_come_out_in_order_of_time)
{
        enum { N = 1000 };
        struct heap h = { 0 };
        struct aeon__heap_node nodes[N];
        srand(7);
        for (int i = 0; i < N; i++) {
                nodes[i] = (struct aeon__heap_node){ 0 };
                REQUIRE_INT(aeon__heap_put(&h, &nodes[i], rand() % 500), 0);
        }
        for (int i = 0; i < N; i += 3)
                aeon__heap_remove(&h, &nodes[i]);
        for (int i = 1; i < N; i += 3)
                REQUIRE_INT(aeon__heap_put(&h, &nodes[i], rand() % 500), 0);

        int64_t last = -1, count = 0;
        while (h.count) {
                int64_t time = heap_earliest(&h);
                CHECK(time >= last);
                CHECK(!aeon__heap_pop_due(&h, time - 1));
                struct aeon__heap_node *node = aeon__heap_pop_due(&h, time);
                CHECK(node && !heap_contains(node));
                last = time;
                count++;
        }
        CHECK_INT(count, N - (N + 2) / 3);
        aeon__heap_done(&h);
}

PLAIN_TEST(a_million_moves_do_not_grow_the_heap)
{
        struct heap h = { 0 };
        struct aeon__heap_node node = { 0 }, other = { 0 };
        REQUIRE_INT(aeon__heap_put(&h, &other, 3), 0);
        for (int i = 0; i < 1000000; i++)
                REQUIRE_INT(aeon__heap_put(&h, &node, i % 7), 0);
        CHECK_INT(h.count, 2);
        CHECK_INT(h.capacity, 64);
        aeon__heap_done(&h);
}
