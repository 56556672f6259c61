/*
 * What the WebSocket clients have in common: where to, how, and when to try again.
 */

#if !defined(EXAMPLE_WS_CLIENT_H)
#define EXAMPLE_WS_CLIENT_H

#include <libwebsockets.h>
#include "program.h"

#if defined(__cplusplus)
extern "C" {
#endif

struct ws_client {
	struct lws_client_connect_info info;	/* the same for each try */
	char host[300];				/* its header */
	lws_retry_bo_t policy;			/* when to try, and to give up */
	lws_sorted_usec_list_t again;		/* the next try */
	uint16_t tries;
	struct outcome outcome;			/* for program_run() */
};

/* Zeroes client, fills it by the options that all clients have, and prepares
 * `info` for it:
 *
 *   -s, --server ADDRESS  name or address of the server (localhost)
 *   -p, --port PORT       its port (7681)
 *   --path PATH           what to ask for (/)
 *   --protocol NAME       subprotocol to offer; `protocol` if it is not given
 *   -n, --no-tls          without TLS
 *   --h2                  over HTTP/2 where the server takes WebSockets so, which
 *                         libwebsockets cannot
 *   --ca FILE, -k         as ws_client_trust() has it
 *
 * The callback is that of the first in info->protocols, which is there already. */
void ws_client_options(struct ws_client *client,
		       struct lws_context_creation_info *info,
		       const char *protocol, int argc, const char **argv);

/* Which servers to trust with TLS, also where the client has other options:
 *
 *   --ca FILE             trust the certificates in FILE, PEM, beside the system's
 *   -k                    accept any certificate
 *
 * Returns the flags for info.ssl_connection. */
int ws_client_trust(struct lws_context_creation_info *info, int argc,
		    const char **argv);

/* Zeroes client, and says where to: with TLS, if there are flags for it. The
 * strings are used as long as the client is. */
void ws_client_to(struct ws_client *client, const char *address, int port,
		  const char *path, int tls_flags);

/* Connects, with `user` as the callback's, or with zeroed memory of lws's if it is
 * NULL. Nonzero if that failed here and now: the callback is not told then. */
int ws_client_open(struct ws_client *client, struct lws_context *context,
		   void *user);

/* As above with memory of lws's, and tries again when it fails. */
void ws_client_connect(struct ws_client *client, struct lws_context *context);

/* In CLIENT_ESTABLISHED: says so, and forgets the tries it took. */
void ws_client_established(struct ws_client *client, struct lws *wsi);

/* In CLIENT_CONNECTION_ERROR and CLIENT_CLOSED: says why, which may be NULL, and
 * tries again after a while. After too many tries the program is over. */
void ws_client_again(struct ws_client *client, struct lws *wsi, const char *why);

/* What a callback returns that has all it wanted: closes in order. CLIENT_CLOSED
 * follows when the server has answered. */
int ws_client_close(struct lws *wsi);

/* In CLIENT_CLOSED, when that was the end that was wanted. */
void ws_client_done(struct ws_client *client);

/* The value of an option that has a short and a long name, or NULL. */
const char *ws_client_option(int argc, const char **argv, const char *brief,
			     const char *name);

/* A number, or what it is without that option. */
int ws_client_number(int argc, const char **argv, const char *name, int otherwise);

#if defined(__cplusplus)
}
#endif

#endif
