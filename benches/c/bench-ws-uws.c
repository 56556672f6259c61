/*
 * bench-ws-uws: what bench-ws-server serves, from uWebSockets (C++) by the C API
 * that the Python package socketify ships, its library and nothing else of it.
 * The package has no header; what is declared here is what is used of it.
 *
 *   --tls FILE   PEM file with key and certificate; cleartext without
 *   --deflate    with permessage-deflate, windows kept over messages
 *
 * Prints the URL when it is ready.
 */

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct us_socket_context_options_t {
	const char *key_file_name;
	const char *cert_file_name;
	const char *passphrase;
	const char *dh_params_file_name;
	const char *ca_file_name;
	const char *ssl_ciphers;
	int ssl_prefer_low_memory_usage;
};

typedef struct uws_app_s uws_app_t;
typedef struct uws_websocket_s uws_websocket_t;
typedef void (*uws_handler)(void);

typedef struct {
	int port;
	const char *host;
	int options;
} uws_app_listen_config_t;

typedef struct {
	int compression;
	unsigned int maxPayloadLength;
	unsigned short idleTimeout; /* seconds, 0 for none */
	unsigned int maxBackpressure;
	bool closeOnBackpressureLimit;
	bool resetIdleTimeoutOnSend;
	bool sendPingsAutomatically;
	unsigned short maxLifetime;
	uws_handler upgrade;
	void (*open)(uws_websocket_t *ws, void *user);
	void (*message)(uws_websocket_t *ws, const char *message, size_t len,
			int opcode, void *user);
	uws_handler drain;
	uws_handler ping;
	uws_handler pong;
	uws_handler close;
	uws_handler subscription;
} uws_socket_behavior_t;

extern uws_app_t *uws_create_app(int ssl,
				 struct us_socket_context_options_t options);
extern bool uws_constructor_failed(int ssl, uws_app_t *app);
extern void uws_ws(int ssl, uws_app_t *app, const char *pattern,
		   uws_socket_behavior_t behavior, void *user);
extern void uws_app_listen_with_config(
	int ssl, uws_app_t *app, uws_app_listen_config_t config,
	void (*handler)(void *socket, uws_app_listen_config_t config,
			void *user),
	void *user);
extern void uws_app_run(int ssl, uws_app_t *app);
extern int us_socket_local_port(int ssl, void *socket);
extern int uws_ws_send_with_options(int ssl, uws_websocket_t *ws,
				    const char *message, size_t len,
				    int opcode, bool compress, bool fin);
extern bool uws_ws_subscribe(int ssl, uws_websocket_t *ws, const char *topic,
			     size_t len);
extern bool uws_publish(int ssl, uws_app_t *app, const char *topic,
			size_t topic_len, const char *message, size_t len,
			int opcode, bool compress);

#define DEDICATED_DECOMPRESSOR	(15 << 8)
#define DEDICATED_COMPRESSOR	(15 << 4 | 8)
#define TOPIC			"all"

static uws_app_t *app;
static int tls, deflate;

static void on_echo(uws_websocket_t *ws, const char *message, size_t len,
		    int opcode, void *user)
{
	(void)user;
	uws_ws_send_with_options(tls, ws, message, len, opcode, deflate, true);
}

static void on_listener(uws_websocket_t *ws, void *user)
{
	(void)user;
	uws_ws_subscribe(tls, ws, TOPIC, strlen(TOPIC));
}

static void on_said(uws_websocket_t *ws, const char *message, size_t len,
		    int opcode, void *user)
{
	(void)ws;
	(void)user;
	uws_publish(tls, app, TOPIC, strlen(TOPIC), message, len, opcode,
		    deflate);
}

static void on_listen(void *socket, uws_app_listen_config_t config, void *user)
{
	(void)config;
	(void)user;
	if (!socket) {
		fprintf(stderr, "cannot listen\n");
		exit(1);
	}
	printf("listening on %s://localhost:%d\n", tls ? "wss" : "ws",
	       us_socket_local_port(tls, socket));
}

int main(int argc, char **argv)
{
	struct us_socket_context_options_t options;
	uws_socket_behavior_t behavior;
	uws_app_listen_config_t config = { 0, "127.0.0.1", 0 };

	setvbuf(stdout, NULL, _IOLBF, 0);
	memset(&options, 0, sizeof(options));
	memset(&behavior, 0, sizeof(behavior));
	for (int n = 1; n < argc; n++) {
		if (!strcmp(argv[n], "--deflate"))
			deflate = 1;
		if (!strcmp(argv[n], "--tls") && n + 1 < argc) {
			tls = 1;
			options.key_file_name = argv[n + 1];
			options.cert_file_name = argv[n + 1];
		}
	}

	app = uws_create_app(tls, options);
	if (!app || uws_constructor_failed(tls, app)) {
		fprintf(stderr, "no app\n");
		return 1;
	}
	behavior.compression = deflate ? DEDICATED_DECOMPRESSOR |
					 DEDICATED_COMPRESSOR : 0;
	behavior.maxPayloadLength = 64 << 20;
	behavior.maxBackpressure = 64 << 20;
	behavior.message = on_echo;
	uws_ws(tls, app, "/echo", behavior, NULL);
	behavior.open = on_listener;
	behavior.message = on_said;
	uws_ws(tls, app, "/broadcast", behavior, NULL);
	uws_app_listen_with_config(tls, app, config, on_listen, NULL);
	uws_app_run(tls, app);

	return 1;
}
