/*
 * Messages that go to all who listen, each once: one ring holds them, and every
 * listener has a tail of its own in it. Those that do not keep up are closed.
 *
 * minimal-ws-server-ring explains it.
 */

#if !defined(EXAMPLE_BROADCAST_H)
#define EXAMPLE_BROADCAST_H

#include <libwebsockets.h>

#if defined(__cplusplus)
extern "C" {
#endif

#define MESSAGE_MAX	4096

/* In the memory of its WebSocket. */
struct listener {
	struct listener *next;
	struct lws *wsi;		/* NULL if it does not listen */
	uint32_t tail;			/* how far it is in the ring */
};

/* In the memory of the vhost. */
struct broadcast {
	struct lws_ring *ring;
	struct listener *listeners;
};

/* What has come of a message. */
struct incoming {
	size_t len;
	unsigned char buf[MESSAGE_MAX];
};

/* In PROTOCOL_INIT and PROTOCOL_DESTROY. Nonzero if there is no memory; to be
 * destroyed then, too. */
int broadcast_init(struct broadcast *broadcast);
void broadcast_destroy(struct broadcast *broadcast);

/* In ESTABLISHED: it gets what somebody has yet to get, and what comes then. */
void broadcast_join(struct broadcast *broadcast, struct listener *listener,
		    struct lws *wsi);

/* In CLOSED, also of one that does not listen. */
void broadcast_leave(struct broadcast *broadcast, struct listener *listener);

/* In RECEIVE: a message comes in pieces, and when it is complete all listeners are
 * asked for WRITEABLE. Nonzero if the sender must be closed. */
int broadcast_receive(struct broadcast *broadcast, struct incoming *incoming,
		      struct lws *from, const void *in, size_t len);

/* In WRITEABLE: the listener's next message, if there is one. Nonzero if it must
 * be closed. */
int broadcast_send(struct broadcast *broadcast, struct listener *listener);

/* The callback of a protocol where all listen, and all are heard: a chat. Its
 * per_session_data_size is that of struct chatter. */
struct chatter {
	struct listener listener;
	struct incoming incoming;
};

int broadcast_chat(struct lws *wsi, enum lws_callback_reasons reason, void *user,
		   void *in, size_t len);

#if defined(__cplusplus)
}
#endif

#endif
