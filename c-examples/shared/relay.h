/*
 * Pieces of messages on their way from one WebSocket to another, or back to where
 * they came from. Messages of any length go through: they are never there as a
 * whole. If the one that is to get them takes nothing, the one that sends them is
 * not read from, so that no more than RELAY_DEPTH pieces are held.
 */

#if !defined(EXAMPLE_RELAY_H)
#define EXAMPLE_RELAY_H

#include <libwebsockets.h>

#if defined(__cplusplus)
extern "C" {
#endif

#define RELAY_DEPTH	32
/* For rx_buffer_size of the protocol: the longest piece. */
#define RELAY_PIECE	4096

struct relay {
	struct lws_ring *ring;
	int stopped;			/* the sender is not read from */
	int written;			/* the first in the ring has been */
};

/* Nonzero if there is no memory. */
int relay_init(struct relay *relay);

/* Also of a relay that has only been zeroed, and more than once. */
void relay_destroy(struct relay *relay);

/* In RECEIVE: keeps what `from` sends, and asks `to`, unless it is NULL, for
 * WRITEABLE. Nonzero if `from` must be closed. */
int relay_receive(struct relay *relay, struct lws *from, struct lws *to,
		  const void *in, size_t len);

/* In WRITEABLE: sends `to` the next piece, if there is one, and reads from `from`,
 * unless it is NULL, again. Nonzero if `to` must be closed. */
int relay_send(struct relay *relay, struct lws *from, struct lws *to);

/* Nonzero when all that was kept has been sent. */
int relay_is_empty(const struct relay *relay);

#if defined(__cplusplus)
}
#endif

#endif
