/*
 * One ring of messages, and a tail in it for each who listens.
 */

#include "broadcast.h"

#include <stdlib.h>
#include <string.h>

#define RING_DEPTH	64

/* In the ring; it owns what it points to. lws writes the head of a frame into the
 * LWS_PRE bytes before its payload, so there is room for that, too. */
struct message {
	unsigned char *buf;
	size_t len;
};

static void destroy_message(void *element)
{
	free(((struct message *)element)->buf);
}

int broadcast_init(struct broadcast *broadcast)
{
	broadcast->ring = lws_ring_create(sizeof(struct message), RING_DEPTH,
					  destroy_message);

	return !broadcast->ring;
}

void broadcast_destroy(struct broadcast *broadcast)
{
	if (broadcast->ring)
		lws_ring_destroy(broadcast->ring);
	broadcast->ring = NULL;
}

/* The listener has got, or will not get, that many: what nobody needs any more is
 * destroyed. The macro asks all in the list how far they are. */
static void consume(struct broadcast *broadcast, struct listener *listener,
		    size_t count)
{
	lws_ring_consume_and_update_oldest_tail(broadcast->ring, struct listener,
				&listener->tail, count, broadcast->listeners,
				tail, next);
}

void broadcast_join(struct broadcast *broadcast, struct listener *listener,
		    struct lws *wsi)
{
	listener->wsi = wsi;
	listener->tail = lws_ring_get_oldest_tail(broadcast->ring);
	lws_ll_fwd_insert(listener, next, broadcast->listeners);
	/* It starts with what others have yet to get. */
	if (lws_ring_get_element(broadcast->ring, &listener->tail))
		lws_callback_on_writable(wsi);
}

void broadcast_leave(struct broadcast *broadcast, struct listener *listener)
{
	if (!listener->wsi)
		return;
	listener->wsi = NULL;
	lws_ll_fwd_remove(struct listener, next, listener, broadcast->listeners);
	consume(broadcast, listener, RING_DEPTH);
}

/* The ring is full: those that have yet to get its oldest message must go. */
static void close_lagging(struct broadcast *broadcast)
{
	uint32_t oldest = lws_ring_get_oldest_tail(broadcast->ring);

	lws_start_foreach_ll_safe(struct listener *, each, broadcast->listeners,
				  next) {
		if (each->tail == oldest) {
			/* Not at once: it may be the one we are called for. */
			lws_set_timeout(each->wsi, PENDING_TIMEOUT_LAGGING,
					LWS_TO_KILL_ASYNC);
			broadcast_leave(broadcast, each);
		}
	} lws_end_foreach_ll_safe(each);
}

static int keep(struct broadcast *broadcast, const struct incoming *incoming)
{
	struct message message;

	if (!lws_ring_get_count_free_elements(broadcast->ring))
		close_lagging(broadcast);

	message.len = incoming->len;
	message.buf = (unsigned char *)malloc(LWS_PRE + message.len);
	if (!message.buf)
		return -1;
	memcpy(message.buf + LWS_PRE, incoming->buf, message.len);
	if (!lws_ring_insert(broadcast->ring, &message, 1)) {
		destroy_message(&message);
		return -1;
	}

	lws_start_foreach_ll(struct listener *, each, broadcast->listeners) {
		lws_callback_on_writable(each->wsi);
	} lws_end_foreach_ll(each, next);

	return 0;
}

int broadcast_receive(struct broadcast *broadcast, struct incoming *incoming,
		      struct lws *from, const void *in, size_t len)
{
	if (lws_is_first_fragment(from))
		incoming->len = 0;
	if (len > MESSAGE_MAX - incoming->len) {
		lws_close_reason(from, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, NULL,
				 0);
		return -1;
	}
	memcpy(incoming->buf + incoming->len, in, len);
	incoming->len += len;

	/* Without listeners nothing is kept. */
	if (!lws_is_final_fragment(from) || !broadcast->listeners)
		return 0;

	return keep(broadcast, incoming);
}

int broadcast_send(struct broadcast *broadcast, struct listener *listener)
{
	const struct message *message;

	if (!listener->wsi)
		return 0;
	message = (const struct message *)
			lws_ring_get_element(broadcast->ring, &listener->tail);
	if (!message)
		return 0;
	if (lws_write(listener->wsi, message->buf + LWS_PRE, message->len,
		      LWS_WRITE_TEXT) < (int)message->len)
		return -1;

	consume(broadcast, listener, 1);
	if (lws_ring_get_element(broadcast->ring, &listener->tail))
		lws_callback_on_writable(listener->wsi);

	return 0;
}

int broadcast_chat(struct lws *wsi, enum lws_callback_reasons reason, void *user,
		   void *in, size_t len)
{
	struct chatter *chatter = (struct chatter *)user;
	struct broadcast *broadcast = (struct broadcast *)
			lws_protocol_vh_priv_get(lws_get_vhost(wsi),
						 lws_get_protocol(wsi));

	switch (reason) {
	case LWS_CALLBACK_PROTOCOL_INIT:
		broadcast = (struct broadcast *)lws_protocol_vh_priv_zalloc(
				lws_get_vhost(wsi), lws_get_protocol(wsi),
				sizeof(struct broadcast));
		return !broadcast || broadcast_init(broadcast);

	case LWS_CALLBACK_PROTOCOL_DESTROY:
		if (broadcast)
			broadcast_destroy(broadcast);
		break;

	case LWS_CALLBACK_ESTABLISHED:
		broadcast_join(broadcast, &chatter->listener, wsi);
		break;

	case LWS_CALLBACK_CLOSED:
		broadcast_leave(broadcast, &chatter->listener);
		break;

	case LWS_CALLBACK_RECEIVE:
		return broadcast_receive(broadcast, &chatter->incoming, wsi, in,
					 len);

	case LWS_CALLBACK_SERVER_WRITEABLE:
		return broadcast_send(broadcast, &chatter->listener);

	default:
		break;
	}

	return 0;
}
