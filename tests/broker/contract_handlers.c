/* What every broker must do for handlers: policies, retries, dead letters, requests, limits, and the drain of a stop. */
#include "contract.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define QUESTION(F) F(f64, x)
AEON_RECORD(question, QUESTION);
#define ANSWER(F) F(f64, result)
AEON_RECORD(answer, ANSWER);

static int attempts[16], calls, running, most_running;
static char seen[4096];

/* The dead letter of @destination; checks that @words are in its reason. */
static void check_dead(aeon_app *app, const char *destination, const char *body, const char *attempt, const char *words)
{
        aeon_consumer *c;
        REQUIRE_INT(aeon_consumer_open(aeon_app_broker(app), destination, NULL, &c), 0);
        aeon_message *m = next(c);
        CHECK_STR(aeon_message_body(m), body);
        CHECK_STR(aeon_message_header(m, "x-attempts"), attempt);
        CHECK_STR(aeon_message_header(m, "x-origin"), Q("test"));
        CHECK_CONTAINS(aeon_message_header(m, "x-error"), words);
        done(m);
        aeon_consumer_close(c);
}

/* ------------------------------------------------------------------ success and failure */

static int third_time_lucky(aeon_message *m)
{
        attempts[calls++] = (int)aeon_message_attempt(m);
        return calls < 3 ? aeon_fail(-EIO, "not yet") : 0;
}
AEON_RAW_HANDLER(third_time_lucky);

static void declare_lucky(aeon_app *app)
{
        aeon_subscribe(app, Q("test"), &third_time_lucky_handler, &(aeon_subscribe_opts){ .backoff = AEON_MILLISECONDS(5) });
}

static void run_lucky(aeon_app *app)
{
        publish(aeon_app_broker(app), Q("test"), "x");
        AWAIT(stats_of(app).processed == 1);
        CHECK_INT(calls, 3);
        CHECK_INT(attempts[0], 1);
        CHECK_INT(attempts[1], 2);
        CHECK_INT(attempts[2], 3);
        CHECK_INT(stats_of(app).failed, 2);
        CHECK_INT(stats_of(app).dead_letters, 0);
}

CONTRACT_TEST(a_failure_is_retried_until_it_succeeds)
{
        CHECK_INT(with_app(k, declare_lucky, run_lucky, NULL), 0);
}

/* ------------------------------------------------------------------ dependencies */

static int commits;

static int open_transaction(int **ret_transaction)
{
        *ret_transaction = &commits;
        return 0;
}

static int close_transaction(int *transaction, int r)
{
        CHECK_INT(r, 0);
        return ++*transaction < 2 ? aeon_fail(-EIO, "the disk is full") : 0;
}
AEON_DEPENDENCY(transaction, int, open_transaction, close_transaction);

static int within_transaction(aeon_message *m)
{
        int *transaction;
        attempts[calls++] = (int)aeon_message_attempt(m);
        return transaction_get(&transaction);
}
AEON_RAW_HANDLER(within_transaction);

static void declare_transaction(aeon_app *app)
{
        aeon_subscribe(app, Q("test"), &within_transaction_handler, &(aeon_subscribe_opts){ .backoff = AEON_MILLISECONDS(5) });
}

static void run_transaction(aeon_app *app)
{
        publish(aeon_app_broker(app), Q("test"), "x");
        AWAIT(stats_of(app).processed == 1);
        CHECK_INT(commits, 2);
        CHECK_INT(calls, 2);
        CHECK_INT(attempts[1], 2);
        CHECK_INT(stats_of(app).failed, 1);
}

CONTRACT_TEST(a_message_whose_dependency_cannot_commit_is_tried_again)
{
        CHECK_INT(with_app(k, declare_transaction, run_transaction, NULL), 0);
}

static int hopeless(aeon_message *m)
{
        (void)m;
        calls++;
        return aeon_fail(-EIO, "no hope");
}
AEON_RAW_HANDLER(hopeless);

static void declare_hopeless(aeon_app *app)
{
        aeon_subscribe(app, Q("test"), &hopeless_handler,
                       &(aeon_subscribe_opts){ .backoff = AEON_MILLISECONDS(1), .max_attempts = 3 });
}

static void run_hopeless(aeon_app *app)
{
        publish(aeon_app_broker(app), Q("test"), "x");
        check_dead(app, Q("test.dead"), "x", "3", "no hope");
        CHECK_INT(calls, 3);
        AWAIT(stats_of(app).dead_letters == 1); /* the message is acknowledged after its letter was published */
}

CONTRACT_TEST(after_its_last_attempt_a_message_is_a_dead_letter)
{
        CHECK_INT(with_app(k, declare_hopeless, run_hopeless, NULL), 0);
}

static void declare_rejecting(aeon_app *app)
{
        aeon_subscribe(app, Q("test"), &hopeless_handler,
                       &(aeon_subscribe_opts){ .ack = AEON_ACK_REJECT_ON_ERROR, .dead_letter = Q("grave") });
}

static void run_rejecting(aeon_app *app)
{
        publish(aeon_app_broker(app), Q("test"), "x");
        check_dead(app, Q("grave"), "x", "1", "no hope");
        CHECK_INT(calls, 1);
}

CONTRACT_TEST(policy_reject_on_error)
{
        CHECK_INT(with_app(k, declare_rejecting, run_rejecting, NULL), 0);
}

static int seventh_time_lucky(aeon_message *m)
{
        (void)m;
        return ++calls < 7 ? -EIO : 0;
}
AEON_RAW_HANDLER(seventh_time_lucky);

static void declare_nacking(aeon_app *app)
{
        aeon_subscribe(app, Q("test"), &seventh_time_lucky_handler,
                       &(aeon_subscribe_opts){ .ack = AEON_ACK_NACK_ON_ERROR, .max_attempts = 2, .backoff = AEON_MILLISECONDS(1) });
}

static void run_nacking(aeon_app *app)
{
        publish(aeon_app_broker(app), Q("test"), "x");
        AWAIT(stats_of(app).processed == 1);
        CHECK_INT(calls, 7);
}

CONTRACT_TEST(policy_nack_on_error_never_gives_up)
{
        CHECK_INT(with_app(k, declare_nacking, run_nacking, NULL), 0);
}

static void declare_first(aeon_app *app)
{
        aeon_subscribe(app, Q("test"), &hopeless_handler, &(aeon_subscribe_opts){ .ack = AEON_ACK_FIRST });
        aeon_subscribe(app, Q("other"), &hopeless_handler, &(aeon_subscribe_opts){ .ack = AEON_ACK_ALWAYS });
}

static void run_first(aeon_app *app)
{
        publish(aeon_app_broker(app), Q("test"), "x");
        publish(aeon_app_broker(app), Q("other"), "x");
        AWAIT(stats_of(app).failed == 2);
        (void)aeon_sleep(AEON_MILLISECONDS(50));
        CHECK_INT(calls, 2);
        CHECK_INT(stats_of(app).dead_letters, 0);
}

CONTRACT_TEST(policies_ack_first_and_ack_always_never_repeat)
{
        CHECK_INT(with_app(k, declare_first, run_first, NULL), 0);
}

static int by_hand(aeon_message *m)
{
        calls++;
        const char *what = aeon_message_body(m);
        if (!strcmp(what, "ack"))
                return aeon_message_ack(m);
        if (!strcmp(what, "reject"))
                return aeon_message_reject(m, "by hand");
        return 0; /* forgotten */
}
AEON_RAW_HANDLER(by_hand);

static void declare_manual(aeon_app *app)
{
        aeon_subscribe(app, Q("test"), &by_hand_handler,
                       &(aeon_subscribe_opts){ .ack = AEON_ACK_MANUAL, .max_attempts = 2, .backoff = AEON_MILLISECONDS(1) });
}

static void run_manual(aeon_app *app)
{
        publish(aeon_app_broker(app), Q("test"), "ack");
        publish(aeon_app_broker(app), Q("test"), "reject");
        check_dead(app, Q("test.dead"), "reject", "1", "by hand");
        publish(aeon_app_broker(app), Q("test"), "forget");
        check_dead(app, Q("test.dead"), "forget", "2", "without having settled");
        CHECK_INT(calls, 4);
}

CONTRACT_TEST(policy_manual)
{
        CHECK_INT(with_app(k, declare_manual, run_manual, NULL), 0);
}

static int slow(aeon_message *m)
{
        (void)m;
        return aeon_sleep(AEON_SECONDS(60));
}
AEON_RAW_HANDLER(slow);

static void declare_slow(aeon_app *app)
{
        aeon_subscribe(app, Q("test"), &slow_handler,
                       &(aeon_subscribe_opts){ .timeout = AEON_MILLISECONDS(20), .max_attempts = 1 });
}

static void run_slow(aeon_app *app)
{
        publish(aeon_app_broker(app), Q("test"), "x");
        check_dead(app, Q("test.dead"), "x", "1", "the handler slow took longer than 0.02 s");
}

CONTRACT_TEST(a_handler_that_takes_too_long_has_failed)
{
        CHECK_INT(with_app(k, declare_slow, run_slow, NULL), 0);
}

/* ------------------------------------------------------------------ how many at a time */

static int most_wanted = 1;

/* Runs until as many have run together as are wanted, and a little longer, for one too many to show. */
static int overlap(aeon_message *m)
{
        size_t used = strlen(seen);
        snprintf(seen + used, sizeof seen - used, "%s ", (const char *)aeon_message_body(m));
        running++;
        most_running = running > most_running ? running : most_running;
        for (int i = 0; i < 1000 && most_running < most_wanted; i++)
                (void)aeon_sleep(AEON_MILLISECONDS(1));
        (void)aeon_sleep(AEON_MILLISECONDS(20));
        running--;
        return 0;
}
AEON_RAW_HANDLER(overlap);

static const char *overlapping; /* the destination */

static void declare_three(aeon_app *app)
{
        aeon_subscribe(app, overlapping, &overlap_handler, &(aeon_subscribe_opts){ .concurrency = 3 });
}

static void declare_default(aeon_app *app)
{
        aeon_subscribe(app, overlapping, &overlap_handler, NULL);
}

static void run_ten(aeon_app *app)
{
        char text[16];
        for (int i = 0; i < 10; i++) {
                snprintf(text, sizeof text, "%d", i);
                publish(aeon_app_broker(app), overlapping, text);
        }
        AWAIT(stats_of(app).processed == 10);
}

CONTRACT_TEST(concurrency_is_reached_and_kept)
{
        overlapping = Q("test");
        most_wanted = 3;
        CHECK_INT(with_app(k, declare_three, run_ten, NULL), 0);
        CHECK_INT(most_running, 3);
}

CONTRACT_TEST(by_default_one_after_another_in_order)
{
        overlapping = Q_in_order("test");
        CHECK_INT(with_app(k, declare_default, run_ten, NULL), 0);
        CHECK_INT(most_running, 1);
        CHECK_STR(seen, "0 1 2 3 4 5 6 7 8 9 ");
}

static _Atomic int by_loop[3], unknown_loop;

static void note_loop(void)
{
        aeon_loop *here = aeon_loop_current();
        static _Atomic(aeon_loop *) loops[3];
        for (int i = 0; i < 3; i++) {
                aeon_loop *none = NULL;
                if (atomic_compare_exchange_strong(&loops[i], &none, here) || none == here) {
                        by_loop[i]++;
                        return;
                }
        }
        unknown_loop++;
}

/* Whoever has one waits until the others have, too: they must come to it, however busy the machine is. */
static int on_which_loop(aeon_message *m)
{
        (void)m;
        note_loop();
        for (int i = 0; i < 1000 && !(by_loop[0] && by_loop[1] && by_loop[2]); i++)
                (void)aeon_sleep(AEON_MILLISECONDS(10));
        return 0;
}
AEON_RAW_HANDLER(on_which_loop);

static void declare_on_loops(aeon_app *app)
{
        aeon_subscribe(app, Q("test"), &on_which_loop_handler, &(aeon_subscribe_opts){ .window = 2 });
}

static void run_on_loops(aeon_app *app)
{
        aeon_message *reply;
        for (int i = 0; i < 29; i++)
                publish(aeon_app_broker(app), Q("test"), "x");
        REQUIRE_INT(aeon_request(aeon_app_broker(app), Q("test"), AEON_TEXT("?"), &reply), 0);
        aeon_message_free(reply);
        AWAIT(stats_of(app).processed == 30);
}

CONTRACT_TEST(several_loops_share_the_work)
{
        CHECK_INT(with_app(k, declare_on_loops, run_on_loops, &(aeon_app_opts){ .loops = 3 }), 0);
        CHECK(by_loop[0] > 0 && by_loop[1] > 0 && by_loop[2] > 0);
        CHECK_INT(by_loop[0] + by_loop[1] + by_loop[2], 30);
}

/* ------------------------------------------------------------------ records and requests */

static int predict(const struct question *in, struct answer *out)
{
        if (in->x < 0)
                return aeon_fail(-EDOM, "no answer to %g", in->x);
        calls++;
        out->result = in->x * 42;
        return 0;
}
AEON_HANDLER(predict, question, answer);

static int swallow(const struct question *in)
{
        calls += (int)in->x;
        return 0;
}
AEON_SINK_HANDLER(swallow, question);

static void declare_predict(aeon_app *app)
{
        aeon_subscribe(app, Q("test"), &predict_handler, &(aeon_subscribe_opts){ .concurrency = 8 });
        aeon_subscribe(app, Q("sink"), &swallow_handler, NULL);
}

static void run_predict(aeon_app *app)
{
        aeon_message *reply;
        REQUIRE_INT(aeon_request(aeon_app_broker(app), Q("test"), AEON_JSON("{\"x\": 2}"), &reply), 0);
        CHECK_STR(aeon_message_body(reply), "{\"result\":84.0}");
        CHECK_STR(aeon_message_content_type(reply), "application/json");
        CHECK_INT(aeon_message_ack(reply), -EINVAL);
        aeon_message_free(reply);
        REQUIRE_INT(aeon_request(aeon_app_broker(app), Q("sink"), AEON_JSON("{\"x\": 5}"), &reply), 0);
        CHECK_INT(aeon_message_size(reply), 0);
        aeon_message_free(reply);
        REQUIRE_INT(question_publish(aeon_app_broker(app), Q("sink"), &(struct question){ 7 }, NULL), 0);
        AWAIT(calls == 1 + 5 + 7);
}

CONTRACT_TEST(records_are_decoded_and_answers_encoded)
{
        CHECK_INT(with_app(k, declare_predict, run_predict, NULL), 0);
}

static void run_invalid(aeon_app *app)
{
        aeon_message *reply = NULL;
        publish(aeon_app_broker(app), Q("test"), "{\"x\": \"two\"}");
        check_dead(app, Q("test.dead"), "{\"x\": \"two\"}", "1", "x: ");
        CHECK_INT(aeon_request(aeon_app_broker(app), Q("test"), AEON_JSON("{\"x\": \"two\"}"), &reply), -EREMOTEIO);
        CHECK_CONTAINS(aeon_error_text(), "-test\" answered: ");
        CHECK_CONTAINS(aeon_error_text(), "x: ");
        CHECK_INT(aeon_request(aeon_app_broker(app), Q("test"), AEON_JSON("{\"x\""), &reply), -EREMOTEIO);
        CHECK_INT(stats_of(app).invalid, 3);
        CHECK_INT(calls, 0);

        /* A failing request is answered at once and not retried. */
        CHECK_INT(aeon_request(aeon_app_broker(app), Q("test"), AEON_JSON("{\"x\": -1}"), &reply), -EREMOTEIO);
        CHECK_CONTAINS(aeon_error_text(), "no answer to -1");
        AWAIT(stats_of(app).dead_letters == 4);
        CHECK(reply == NULL);
}

CONTRACT_TEST(what_does_not_fit_is_a_dead_letter_and_an_error_reply)
{
        CHECK_INT(with_app(k, declare_predict, run_invalid, NULL), 0);
}

struct asker {
        aeon_app *app;
        int number;
};

static int ask(void *arg)
{
        struct asker *a = arg;
        char question[32], expected[64];
        aeon_message *reply;
        snprintf(question, sizeof question, "{\"x\": %d}", a->number);
        snprintf(expected, sizeof expected, "{\"result\":%d.0}", a->number * 42);
        int r = aeon_request(aeon_app_broker(a->app), Q("test"), AEON_JSON(question), &reply);
        REQUIRE_INT(r, 0);
        CHECK_STR(aeon_message_body(reply), expected);
        aeon_message_free(reply);
        return 0;
}

static void run_many_requests(aeon_app *app)
{
        enum { COUNT = 64 };
        struct asker askers[COUNT];
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        for (int i = 0; i < COUNT; i++) {
                askers[i] = (struct asker){ app, i + 1 };
                aeon_spawn(g, "asker", ask, &askers[i]);
        }
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(calls, COUNT);
}

CONTRACT_TEST(sixty_four_requests_at_once)
{
        CHECK_INT(with_app(k, declare_predict, run_many_requests, NULL), 0);
}

/* ------------------------------------------------------------------ the stop */

static int job(aeon_message *m)
{
        (void)m;
        running++;
        int r = aeon_sleep(AEON_MILLISECONDS(200));
        calls += r >= 0;
        return r;
}
AEON_RAW_HANDLER(job);

static void declare_jobs(aeon_app *app)
{
        aeon_subscribe(app, Q("test"), &job_handler, &(aeon_subscribe_opts){ .concurrency = 4 });
}

static void run_until_four_run(aeon_app *app)
{
        for (int i = 0; i < 10; i++)
                publish(aeon_app_broker(app), Q("test"), "x");
        AWAIT(running >= 4); /* more, on a machine so slow that the first are done */
}

static void declare_wrong(aeon_app *app)
{
        aeon_subscribe(app, Q("test"), &job_handler, &(aeon_subscribe_opts){ .window = 1, .concurrency = 2 });
}

static void run_nothing(aeon_app *app)
{
        (void)app;
        calls++;
}

CONTRACT_TEST(a_wrong_declaration_keeps_the_app_from_starting)
{
        CHECK_INT(with_app(k, declare_wrong, run_nothing, NULL), 1);
        CHECK_INT(calls, 0);
}

static void declare_twins(aeon_app *app)
{
        aeon_subscribe(app, Q("test"), &job_handler, NULL);
        aeon_subscribe(app, Q("other"), &job_handler, NULL);
        aeon_subscribe(app, Q("test"), &predict_handler, &(aeon_subscribe_opts){ .concurrency = 2 });
}

CONTRACT_TEST(two_handlers_that_would_share_the_messages_of_a_queue_are_named)
{
        char words[300];
        snprintf(words, sizeof words, "job (%s) and predict (%s) would share its messages", job_handler.site, predict_handler.site);
        setenv("AEON_LOUD", "1", 1);
        test_stderr_begin();
        CHECK_INT(with_app(k, declare_twins, run_nothing, NULL), 1);
        CHECK_CONTAINS(test_stderr(), words);
        test_stderr_end();
        CHECK_INT(calls, 0);
}

static int other_job(aeon_message *m)
{
        (void)m;
        return 0;
}
static const aeon_handler job_of_another_file = { .name = "job", .raw = other_job, .site = "other.c:7" };

static void declare_namesakes(aeon_app *app)
{
        CHECK_INT(aeon_subscribe(app, Q("test"), &job_handler, NULL), 0);
        CHECK_INT(aeon_subscribe(app, Q("other"), &job_of_another_file, NULL), 0);
        CHECK_INT(aeon_subscribe(app, Q("test"), &job_of_another_file, &(aeon_subscribe_opts){ .group = "blue" }), -EEXIST);
        CHECK_CONTAINS(aeon_error_text(), job_handler.site);
        CHECK_CONTAINS(aeon_error_text(), "and at other.c:7");
}

CONTRACT_TEST(two_handlers_of_one_name_and_destination_are_named_with_their_places)
{
        CHECK_INT(with_app(k, declare_namesakes, run_nothing, NULL), 1);
        CHECK_INT(calls, 0);
}

static void run_health(aeon_app *app)
{
        char *text = NULL;
        AWAIT((free(text), text = aeon_health_json(app, true), text && strstr(text, "healthy")));
        CHECK_CONTAINS(text, "\"name\":\"broker\"");
        free(text);
}

CONTRACT_TEST(health_knows_the_broker)
{
        CHECK_INT(with_app(k, declare_jobs, run_health, NULL), 0);
}

static int left;                 /* messages after the app */
static bool were_lent;           /* some come back only when their time is over, and count as delivered */
static const char *lease_option; /* NULL: none */

static void count_left(aeon_broker *b)
{
        aeon_consumer *c;
        aeon_message *m;
        char destination[200];
        snprintf(destination, sizeof destination, lease_option ? "%s?%s" : "%s", Q("test"), lease_option);
        REQUIRE_INT(aeon_consumer_open(b, destination, &(aeon_subscribe_opts){ .window = 20 }, &c), 0);
        /* the first may take its time: a consumer has to join its group */
        while ((m = next_within(c, were_lent || !left ? AEON_SECONDS(5) : AEON_MILLISECONDS(300)))) {
                CHECK(aeon_message_attempt(m) <= (were_lent ? 2 : 1));
                done(m);
                left++;
        }
        aeon_consumer_close(c);
}

CONTRACT_TEST(at_a_stop_running_handlers_finish_and_the_rest_goes_back)
{
        CHECK_INT(with_app(k, declare_jobs, run_until_four_run, NULL), 0);
        CHECK(running >= 4);
        CHECK_INT(calls, running);
        if (k->survives) {
                with_broker(k, count_left);
                CHECK_INT(left, 10 - running);
        }
}

static int endless(aeon_message *m)
{
        (void)m;
        running++;
        int r = aeon_sleep(AEON_SECONDS(3600));
        return r < 0 ? aeon_fail(-EIO, "my work was disturbed") : r;
}
AEON_RAW_HANDLER(endless);

static void declare_endless(aeon_app *app)
{
        aeon_subscribe(app, Q("test"), &endless_handler, &(aeon_subscribe_opts){ .concurrency = 4 });
}

CONTRACT_TEST(a_handler_cancelled_by_the_stop_is_no_failure)
{
        (void)with_app(k, declare_endless, run_until_four_run, &(aeon_app_opts){ .graceful_timeout = AEON_MILLISECONDS(50) });
        if (k->survives) {
                with_broker(k, count_left);
                CHECK_INT(left, 10);
        }
}

static int deaf(aeon_message *m)
{
        (void)m;
        running++;
        aeon_scope shield;
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true });
        (void)aeon_sleep(AEON_SECONDS(3600));
        return aeon_scope_close(&shield, 0);
}
AEON_RAW_HANDLER(deaf);

static void declare_deaf(aeon_app *app)
{
        char destination[200];
        snprintf(destination, sizeof destination, lease_option ? "%s?%s" : "%s", Q("test"), lease_option);
        aeon_subscribe(app, destination, &deaf_handler, &(aeon_subscribe_opts){ .concurrency = 4 });
}

CONTRACT_TEST(a_handler_that_ignores_the_stop_is_abandoned_and_its_message_kept)
{
        const aeon_app_opts hasty = { .graceful_timeout = AEON_MILLISECONDS(50), .cleanup_timeout = AEON_MILLISECONDS(50) };
        (void)k->url(); /* makes the folder, for both */
        lease_option = k->lease;
        were_lent = k->lease != NULL;
        fflush(NULL);
        pid_t pid = fork(); /* the app ends its process */
        if (pid == 0)
                _exit(with_app(k, declare_deaf, run_until_four_run, &hasty));
        int status = 0;
        REQUIRE(waitpid(pid, &status, 0) == pid);
        CHECK_INT(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 4);
        if (k->survives) {
                with_broker(k, count_left);
                CHECK_INT(left, 10);
        }
}
