/*
 * What has been received on a WebSocket and is to be sent back: message by message, or piece by piece as it came.
 */
#ifndef WS_MESSAGES_H
#define WS_MESSAGES_H

#include <libwebsockets.h>

#include <stdlib.h>
#include <string.h>

/* Unsent bytes above which nothing more is read. */
#define WS_MESSAGES_HIGH ((size_t)4 << 20)

struct ws_piece {
	struct ws_piece *next;
	unsigned char *buffer; /* LWS_PRE bytes of room, then the data */
	size_t len, sent, room;
	int binary, first, last;
};

struct ws_messages {
	struct ws_piece *head, *tail; /* complete, to be sent in this order */
	struct ws_piece *growing; /* a message whose end has not come */
	size_t unsent;
	int in_message, stopped;
};

static void ws_piece_free(struct ws_piece *piece)
{
	if (piece)
		free(piece->buffer);
	free(piece);
}

static void ws_messages_clear(struct ws_messages *messages)
{
	struct ws_piece *piece;

	while ((piece = messages->head)) {
		messages->head = piece->next;
		ws_piece_free(piece);
	}
	ws_piece_free(messages->growing);
	memset(messages, 0, sizeof(*messages));
}

static int ws_piece_append(struct ws_piece *piece, const void *data, size_t len)
{
	unsigned char *buffer;
	size_t room = piece->room ? piece->room : 256;

	while (room < piece->len + len)
		room *= 2;
	if (room != piece->room) {
		buffer = realloc(piece->buffer, LWS_PRE + room);
		if (!buffer)
			return 1;
		piece->buffer = buffer;
		piece->room = room;
	}
	if (len)
		memcpy(piece->buffer + LWS_PRE + piece->len, data, len);
	piece->len += len;
	return 0;
}

static void ws_messages_push(struct ws_messages *messages, struct ws_piece *piece)
{
	if (messages->head)
		messages->tail->next = piece;
	else
		messages->head = piece;
	messages->tail = piece;
	messages->unsent += piece->len;
}

/* From a RECEIVE callback. `streaming`: does not wait for the end of the message. */
static int ws_messages_take(struct ws_messages *messages, struct lws *wsi, const void *data, size_t len,
			    int streaming)
{
	int last = lws_is_final_fragment(wsi);
	struct ws_piece *piece = messages->growing;

	if (!piece) {
		piece = calloc(1, sizeof(*piece));
		if (!piece)
			return -1;
		piece->binary = lws_frame_is_binary(wsi);
		piece->first = !messages->in_message;
		messages->growing = piece;
	}
	messages->in_message = !last;
	if (ws_piece_append(piece, data, len))
		return -1;
	if (last || streaming) {
		piece->last = last;
		messages->growing = NULL;
		ws_messages_push(messages, piece);
		lws_callback_on_writable(wsi);
	}
	if (messages->unsent > WS_MESSAGES_HIGH && !messages->stopped) {
		messages->stopped = 1;
		lws_rx_flow_control(wsi, 0);
	}
	return 0;
}

/* From a WRITEABLE callback: one frame, of `most` bytes at most (0: whatever there is). */
static int ws_messages_send(struct ws_messages *messages, struct lws *wsi, size_t most)
{
	struct ws_piece *piece = messages->head;
	size_t n;
	int ends, mode;

	if (!piece)
		return 0;
	n = piece->len - piece->sent;
	if (most && n > most)
		n = most;
	ends = piece->sent + n == piece->len;
	mode = lws_write_ws_flags(piece->binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT, piece->first && !piece->sent,
				  piece->last && ends);
	/* what is in front of a later part has been sent, and may be written over */
	if (lws_write(wsi, piece->buffer + LWS_PRE + piece->sent, n, (enum lws_write_protocol)mode) < (int)n)
		return -1;
	piece->sent += n;
	messages->unsent -= n;
	if (ends) {
		messages->head = piece->next;
		ws_piece_free(piece);
	}
	if (messages->stopped && messages->unsent < WS_MESSAGES_HIGH / 2) {
		messages->stopped = 0;
		lws_rx_flow_control(wsi, 1);
	}
	if (messages->head)
		lws_callback_on_writable(wsi);
	return 0;
}

#endif
