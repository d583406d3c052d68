/* The rules of docs/lifecycle.md, as a judge of one life.
 *
 * DESIGN
 *   The judge is told every moment of a life, as it happens, and knows nothing else of the app but what was declared: it shares no code
 *   with what it judges. It keeps a table of all calls that a life can have, kind by index by loop, and holds each new moment against
 *   the table:
 *
 *       up      a call begins when everything before it in the table of steps has succeeded, and nobody has asked for a stop
 *       down    a call is due iff its counterpart of the way up has succeeded, comes once, in reverse, and when everything due before
 *               it has ended
 *       late    a loop that works on what should have ended already may be overtaken, but not before its time to clean up is over
 *       ready   is true between the end of the way up and a stop, and at no other moment
 *       causes  each failure is told as a stop with its exit code; the first stop, or the first failure after a clean one, decides
 *       time    from the first stop on, all is over by the hard deadline
 *
 *   The first rule that is broken is kept, in words.
 */
#pragma once

#include "app/testing/story.h"

struct rules;

/* For the app as it is declared. NULL: no memory. */
struct rules *aeon__rules_new(const aeon_app *app, char *broken, size_t broken_size);
void aeon__rules_free(struct rules *rules);

/* How many calls an undisturbed life has, but for tasks, handlers and what is deferred. */
unsigned aeon__rules_calls(const struct rules *rules);

/* Judge what comes. @broken stays "" for as long as all rules are kept. */
void aeon__rules_judge(struct rules *rules, const struct moment *moment);

/* Something was late; see above. */
bool aeon__rules_late(const struct rules *rules);

/* The life is over, at @now, with this exit code; @cut: the process ended before the app did. */
void aeon__rules_judge_end(struct rules *rules, int code, bool cut, aeon_time now);
