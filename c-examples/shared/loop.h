/*
 * The event loop of an example: lws's own, or the one in loop.c, which is as an
 * application has it that was there before lws. The command line decides:
 *
 *   --eventlib default    lws waits by itself, in lws_service()
 *   --eventlib custom     loop.c waits, and lws uses it through five operations
 *
 * SIGINT and SIGTERM end either, SIGUSR1 prints the statistics.
 */

#if !defined(EXAMPLE_LOOP_H)
#define EXAMPLE_LOOP_H

#include <libwebsockets.h>

#if defined(__cplusplus)
extern "C" {
#endif

/* Before lws_create_context(): prepares for signals, and puts the loop of that
 * kind into info. NULL is "default"; "unguarded" is "custom" with a flaw that
 * many programs have: see loop.c. Nonzero if it cannot. */
int loop_init(struct lws_context_creation_info *info, const char *kind);

/* Serves until a signal ends it, or something sets *finished, which may be NULL;
 * a timer that does so calls lws_cancel_service(), too. Nonzero if it ended for
 * another reason. */
int loop_run(struct lws_context *context, const int *finished);

/* After lws_context_destroy(): nonzero if lws has left descriptors behind. */
int loop_end(void);

/* Describes every resource the library holds, as JSON; "null" if it cannot. */
void loop_statistics(const struct lws_context *context, char *buf, size_t size);

#if defined(__cplusplus)
}
#endif

#endif
