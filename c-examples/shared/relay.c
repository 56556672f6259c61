/*
 * A ring of pieces of messages between two WebSockets, with flow control.
 */

#include "relay.h"

#include <stdlib.h>
#include <string.h>

/* In the ring; it owns what it points to. lws writes the head of a frame into the
 * LWS_PRE bytes before its payload, so there is room for that, too. */
struct piece {
	unsigned char *buf;
	size_t len;
	int flags;			/* for lws_write() */
};

static void destroy_piece(void *element)
{
	free(((struct piece *)element)->buf);
}

int relay_init(struct relay *relay)
{
	memset(relay, 0, sizeof(*relay));
	relay->ring = lws_ring_create(sizeof(struct piece), RELAY_DEPTH,
				      destroy_piece);

	return !relay->ring;
}

void relay_destroy(struct relay *relay)
{
	if (relay->ring)
		lws_ring_destroy(relay->ring);
	relay->ring = NULL;
}

int relay_receive(struct relay *relay, struct lws *from, struct lws *to,
		  const void *in, size_t len)
{
	struct piece piece;

	/* What comes with TEXT or BINARY goes so, and the rest as CONTINUATION. */
	piece.flags = lws_write_ws_flags(
		lws_frame_is_binary(from) ? LWS_WRITE_BINARY : LWS_WRITE_TEXT,
		lws_is_first_fragment(from), lws_is_final_fragment(from));
	piece.len = len;
	piece.buf = (unsigned char *)malloc(LWS_PRE + len);
	if (!piece.buf)
		return -1;
	memcpy(piece.buf + LWS_PRE, in, len);
	if (!lws_ring_insert(relay->ring, &piece, 1)) {
		destroy_piece(&piece);
		return -1;
	}

	/* Stop well before it is full: lws may have more read already. */
	if (!relay->stopped && lws_ring_get_count_free_elements(relay->ring) <
							RELAY_DEPTH / 2) {
		relay->stopped = 1;
		lws_rx_flow_control(from, 0);
	}
	if (to)
		lws_callback_on_writable(to);

	return 0;
}

/* libwebsockets may go on reading from a piece that it compresses until it calls
 * again, so only then is that piece destroyed; ferrows has its copy at once. */
int relay_send(struct relay *relay, struct lws *from, struct lws *to)
{
	const struct piece *piece;

	if (relay->written)
		lws_ring_consume(relay->ring, NULL, NULL, 1);
	relay->written = 0;

	if (from && relay->stopped &&
	    lws_ring_get_count_free_elements(relay->ring) >
					RELAY_DEPTH - RELAY_DEPTH / 4) {
		relay->stopped = 0;
		lws_rx_flow_control(from, 1);
	}

	piece = (const struct piece *)lws_ring_get_element(relay->ring, NULL);
	if (!piece)
		return 0;
	if (lws_write(to, piece->buf + LWS_PRE, piece->len,
		      (enum lws_write_protocol)piece->flags) < (int)piece->len)
		return -1;
	relay->written = 1;
	lws_callback_on_writable(to);

	return 0;
}

int relay_is_empty(const struct relay *relay)
{
	return lws_ring_get_count_waiting_elements(relay->ring, NULL) ==
						(size_t)relay->written;
}
