/*
 * What the programs with WebSockets have in common: how they begin and end, and
 * the options that all of them have.
 *
 *   int main(int argc, const char **argv)
 *   {
 *           struct lws_context_creation_info info;
 *
 *           if (program_init(&info, argc, argv))
 *                   return 1;
 *           info.protocols = ...
 *
 *           return program_run(program_create(&info), NULL);
 *   }
 */

#if !defined(EXAMPLE_PROGRAM_H)
#define EXAMPLE_PROGRAM_H

#include <libwebsockets.h>

#if defined(__cplusplus)
extern "C" {
#endif

/* What a program has come to, if it comes to an end by itself. */
struct outcome {
	int over;
	int failed;
};

/* Zeroes info, and looks at the options that all programs have:
 *
 *   --eventlib KIND  the event loop, see loop.h
 *   -d LEVELS        log levels to show, 15 shows the informative ones too
 *
 * The program listens nowhere. Nonzero if it must end. */
int program_init(struct lws_context_creation_info *info, int argc,
		 const char **argv);

/* The options of servers:
 *
 *   -p PORT          port to listen on, 0 lets the kernel choose (7681)
 *   -s               over TLS, with the certificate of `make certs`
 */
void program_listens(struct lws_context_creation_info *info, int argc,
		     const char **argv);

/* For info.mounts: the page of the chat at /, which speaks the protocol of each of
 * these servers. */
extern const struct lws_http_mount program_page;

/* For info.extensions: permessage-deflate. */
extern const struct lws_extension program_deflate[];

/* lws_create_context(), which says where it listens, if it does. */
struct lws_context *program_create(const struct lws_context_creation_info *info);

/* Serves until a signal ends it, or what it does is over; outcome may be NULL.
 * Then destroys the context. Returns the program's exit code. A context that is
 * NULL has failed. */
int program_run(struct lws_context *context, const struct outcome *outcome);

/* In callbacks while program_run() destroys the context: nothing is to be begun. */
int program_is_ending(void);

#if defined(__cplusplus)
}
#endif

#endif
