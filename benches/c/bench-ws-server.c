/*
 * bench-ws-server: the same WebSockets from any library with the libwebsockets
 * API. The client chooses by subprotocol:
 *
 *   echo        what comes goes back, piece by piece
 *   broadcast   what comes goes to everybody there
 *
 *   -p PORT      port to listen on, 0 (the default) lets the kernel choose
 *   --tls FILE   PEM file with key and certificate; cleartext without
 *   --deflate    with permessage-deflate
 *   --rx BYTES   of a message in one piece (32768); upstream has a buffer of
 *                this size for each WebSocket
 *
 * Prints the URL when it is ready, ends on SIGINT and SIGTERM.
 */

#define _POSIX_C_SOURCE 200809L

#include <libwebsockets.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The best for upstream. */
#define RX_SIZE		(32 * 1024)

/* A client that does not take what it gets back is not read from. */
#define STOP_AT		(1024 * 1024)
#define GO_ON_AT	(256 * 1024)

struct piece {
	struct piece *next;
	size_t len;
	enum lws_write_protocol flags;
	unsigned char data[]; /* LWS_PRE bytes free, then the payload */
};

struct session {
	struct piece *head, **tail;
	struct piece *written; /* libwebsockets may still compress from it */
	size_t queued;
	int stopped;
};

static struct lws_context *context;
static volatile sig_atomic_t interrupted;

static struct piece *make_piece(struct lws *wsi, const void *in, size_t len)
{
	struct piece *piece = (struct piece *)malloc(sizeof(*piece) + LWS_PRE +
						     len);

	if (!piece)
		return NULL;
	piece->next = NULL;
	piece->len = len;
	piece->flags = (enum lws_write_protocol)lws_write_ws_flags(
		lws_frame_is_binary(wsi) ? LWS_WRITE_BINARY : LWS_WRITE_TEXT,
		lws_is_first_fragment(wsi), lws_is_final_fragment(wsi));
	memcpy(piece->data + LWS_PRE, in, len);

	return piece;
}

static int write_piece(struct lws *wsi, struct piece *piece)
{
	return lws_write(wsi, piece->data + LWS_PRE, piece->len,
			 piece->flags) < (int)piece->len;
}

static int echo_next(struct lws *wsi, struct session *session)
{
	struct piece *piece = session->head;

	free(session->written);
	session->written = piece;
	if (!piece)
		return 0;

	session->head = piece->next;
	if (!session->head)
		session->tail = &session->head;
	session->queued -= piece->len;
	if (session->stopped && session->queued < GO_ON_AT) {
		session->stopped = 0;
		lws_rx_flow_control(wsi, 1);
	}
	if (write_piece(wsi, piece))
		return -1;
	if (session->head)
		lws_callback_on_writable(wsi);

	return 0;
}

static int callback_echo(struct lws *wsi, enum lws_callback_reasons reason,
			 void *user, void *in, size_t len)
{
	struct session *session = (struct session *)user;
	struct piece *piece;

	switch (reason) {
	case LWS_CALLBACK_ESTABLISHED:
		session->tail = &session->head;
		return 0;

	case LWS_CALLBACK_RECEIVE:
		piece = make_piece(wsi, in, len);
		if (!piece)
			return -1;
		*session->tail = piece;
		session->tail = &piece->next;
		session->queued += len;
		if (!session->stopped && session->queued > STOP_AT) {
			session->stopped = 1;
			lws_rx_flow_control(wsi, 0);
		}
		lws_callback_on_writable(wsi);
		return 0;

	case LWS_CALLBACK_SERVER_WRITEABLE:
		return echo_next(wsi, session);

	case LWS_CALLBACK_CLOSED:
		free(session->written);
		while (session->head) {
			piece = session->head;
			session->head = piece->next;
			free(piece);
		}
		return 0;

	default:
		return lws_callback_http_dummy(wsi, reason, user, in, len);
	}
}

/* What was said last; nobody speaks before everybody has it. */
static struct piece *said;

static int callback_broadcast(struct lws *wsi,
			      enum lws_callback_reasons reason, void *user,
			      void *in, size_t len)
{
	switch (reason) {
	case LWS_CALLBACK_RECEIVE:
		free(said);
		said = make_piece(wsi, in, len);
		if (!said)
			return -1;
		lws_callback_on_writable_all_protocol(lws_get_context(wsi),
						      lws_get_protocol(wsi));
		return 0;

	case LWS_CALLBACK_SERVER_WRITEABLE:
		return said ? write_piece(wsi, said) : 0;

	default:
		return lws_callback_http_dummy(wsi, reason, user, in, len);
	}
}

static struct lws_protocols protocols[] = {
	{ "http", lws_callback_http_dummy, 0, 0, 0, NULL, 0 },
	{ "echo", callback_echo, sizeof(struct session), RX_SIZE, 0, NULL, 0 },
	{ "broadcast", callback_broadcast, 0, RX_SIZE, 0, NULL, 0 },
	LWS_PROTOCOL_LIST_TERM
};

static const struct lws_extension extensions[] = {
	{ "permessage-deflate", lws_extension_callback_pm_deflate,
	  "permessage-deflate; client_no_context_takeover; client_max_window_bits" },
	{ NULL, NULL, NULL }
};

static void on_signal(int sig)
{
	(void)sig;
	interrupted = 1;
	lws_cancel_service(context);
}

int main(int argc, const char **argv)
{
	struct lws_context_creation_info info;
	struct sigaction action;
	const char *option;
	int failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	lws_set_log_level(LLL_ERR, NULL);

	memset(&info, 0, sizeof(info));
	info.protocols		= protocols;
	info.pt_serv_buf_size	= RX_SIZE;
	option			= lws_cmdline_option(argc, argv, "-p");
	info.port		= option ? atoi(option) : 0;
	option			= lws_cmdline_option(argc, argv, "--rx");
	if (option)
		protocols[1].rx_buffer_size = protocols[2].rx_buffer_size =
							(size_t)atoi(option);
	if (lws_cmdline_option(argc, argv, "--deflate"))
		info.extensions = extensions;
	option			= lws_cmdline_option(argc, argv, "--tls");
	if (option) {
		info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
		info.ssl_cert_filepath = option;
		info.ssl_private_key_filepath = option;
	}

	context = lws_create_context(&info);
	if (!context) {
		fprintf(stderr, "lws_create_context failed\n");
		return 1;
	}

	memset(&action, 0, sizeof(action));
	action.sa_handler = on_signal;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);

	printf("listening on %s://localhost:%d\n", option ? "wss" : "ws",
	       lws_get_vhost_listen_port(
			lws_get_vhost_by_name(context, "default")));

	while (!interrupted && !failed)
		failed = lws_service(context, 0) < 0;

	lws_context_destroy(context);
	free(said);

	return failed ? 1 : 0;
}
