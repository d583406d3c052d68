/* Waiting for the broker's word; see confirmation.h. */
#include "broker/confirmation.h"

#include <aeon/error.h>
#include <stdio.h>

static bool give_up(struct wait *wait, struct aeon_task *task)
{
        (void)task;
        struct confirmation *c = container_of(wait, struct confirmation, wait);
        list_remove(&c->node);
        c->task = NULL;
        return true;
}

void aeon__confirmation_init(struct confirmation *c, const char *what)
{
        c->wait = (struct wait){ .what = what, .abort = give_up };
        list_init(&c->node);
        c->task = NULL;
        c->here = false;
        c->result = 0;
        c->answer = NULL;
        c->words[0] = '\0';
}

int aeon__confirmation_wait(struct confirmation *c)
{
        if (!c->here) {
                struct aeon_task *task;
                int r = aeon__wait_enter(&task);
                if (r >= 0) {
                        c->task = task;
                        r = aeon__wait(&c->wait);
                }
                if (!c->here) {
                        list_remove(&c->node);
                        return r;
                }
        }
        if (c->result < 0 && c->words[0])
                return aeon_fail_at(c->result, true, AEON_HERE, "%s", c->words); /* a new error, whatever was pending here */
        return c->result;
}

void aeon__confirmation_come(struct confirmation *c, int result, const char *words)
{
        list_remove(&c->node);
        c->here = true;
        c->result = result;
        if (words) /* rarely: most come a hundred thousand times a second and have none */
                snprintf(c->words, sizeof c->words, "%s", words);
        struct aeon_task *task = c->task;
        c->task = NULL;
        if (task)
                aeon__wake(task, result);
}

void aeon__confirmations_come(struct list *all, int result, const char *words)
{
        while (!list_empty(all))
                aeon__confirmation_come(list_first(all, struct confirmation, node), result, words);
}
