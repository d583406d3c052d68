/* examples/debugging/dump.c - what do my tasks do? */
#include <aeon.h>

struct shop {
        aeon_mutex *stock;
        aeon_receiver *orders;
};

static int count_stock(void *arg)
{
        struct shop *shop = arg;
        int r = aeon_mutex_lock(shop->stock);
        if (r < 0)
                return r;
        r = aeon_sleep(AEON_MINUTES(5)); /* holds the mutex for much too long */
        aeon_mutex_unlock(shop->stock);
        return r;
}

static int handle_order(void *arg)
{
        struct shop *shop = arg;
        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_SECONDS(30) });
        int r = aeon_mutex_lock(shop->stock);
        if (r == 0)
                aeon_mutex_unlock(shop->stock);
        return aeon_scope_close(&s, r);
}

static int take_orders(void *arg)
{
        struct shop *shop = arg;
        aeon_group *g;
        int order, r = aeon_group_open(&g);
        if (r < 0)
                return r;
        for (int i = 1; i <= 2; i++)
                aeon_spawn(g, "order", handle_order, shop);
        aeon_group_fail(g, aeon_receive(shop->orders, &order)); /* and wait for more */
        return aeon_group_close(g);
}

static int run(void *arg)
{
        (void)arg;
        struct shop shop;
        aeon_sender *orders;
        aeon_group *g;
        int r = aeon_mutex_new(&shop.stock);
        if (r == 0)
                r = aeon_channel_open(sizeof(int), 0, &orders, &shop.orders);
        if (r == 0)
                r = aeon_group_open(&g);
        if (r < 0)
                return r;
        aeon_spawn(g, "stock taking", count_stock, &shop);
        aeon_spawn(g, "order desk", take_orders, &shop);
        aeon_sleep(AEON_MILLISECONDS(1200));

        aeon_task_dump_to(1, NULL);

        aeon_group_cancel(g, "seen enough");
        r = aeon_group_close(g);
        aeon_sender_close(orders);
        aeon_receiver_close(shop.orders);
        aeon_mutex_free(shop.stock);
        return r;
}

int main(void)
{
        return aeon_loop_run(run, NULL) < 0;
}
