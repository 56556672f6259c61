/*
 * minimal-ws-client-tx
 *
 * Two threads make messages, one WebSocket sends them: a publisher for
 * minimal-ws-broker. The threads put messages into a ring, under a lock, and wait
 * when it is full: a server that takes nothing stops them. What was not sent when
 * a connection ends is sent on the next.
 *
 *   build/minimal-ws-broker -p 7681             # and open http://localhost:7681/
 *   build/minimal-ws-client-tx -p 7681 -n
 *
 *   --interval MS         time between messages of a thread (100)
 *   --count N             end when N messages have been sent
 *   -s, --server ADDRESS  name or address of the server (localhost)
 *   -p, --port PORT       its port (7681)
 *   --path PATH           what to ask for (/publisher)
 *   --protocol NAME       subprotocol to offer (lws-minimal-broker)
 *   -n, --no-tls          without TLS
 *   --h2                  over HTTP/2 where the server takes WebSockets so, which
 *                         libwebsockets cannot
 *   --ca FILE             trust the certificates in FILE, PEM, beside the system's
 *   -k                    accept any certificate
 *   --eventlib KIND       "custom": on the event loop of shared/loop.c
 *   -d LEVELS             log levels to show, 15 shows the informative ones too
 *
 * How it connects, and when it tries again, is in shared/ws-client.c.
 */

#define _POSIX_C_SOURCE 200809L

#include <libwebsockets.h>
#include "ws-client.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>

#define RING_DEPTH	32
#define THREADS		2
#define TEXT_MAX	64

/* With room for the head of a frame, which lws writes in front of the payload. */
struct message {
	size_t len;
	unsigned char buf[LWS_PRE + TEXT_MAX];
};

struct worker {
	pthread_t thread;
	int number;
};

static struct ws_client client;
static struct lws *established;		/* of the service thread alone */
static int interval_ms, wanted, sent;

static struct {
	struct worker workers[THREADS];
	struct lws_context *context;
	int started;

	pthread_mutex_t lock;		/* for what is below */
	pthread_cond_t changed;		/* there is room, or it is the end */
	struct lws_ring *ring;
	int stop;
} feed;

/* With the lock held. Until then, or until stop() is called. */
static void wait_ms(int ms)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	while (!feed.stop &&
	       !pthread_cond_timedwait(&feed.changed, &feed.lock, &until))
		;
}

static void *work(void *arg)
{
	const struct worker *worker = (const struct worker *)arg;
	struct message message;

	pthread_mutex_lock(&feed.lock);
	for (unsigned int count = 1; !feed.stop; count++) {
		message.len = (size_t)lws_snprintf(
				(char *)message.buf + LWS_PRE, TEXT_MAX,
				"thread %d, message %u", worker->number, count);
		while (!feed.stop && !lws_ring_insert(feed.ring, &message, 1))
			pthread_cond_wait(&feed.changed, &feed.lock);

		/* The one call of lws that other threads may make. It raises
		 * EVENT_WAIT_CANCELLED in the service thread. */
		lws_cancel_service(feed.context);
		wait_ms(interval_ms);
	}
	pthread_mutex_unlock(&feed.lock);

	return NULL;
}

static int start(struct lws_context *context)
{
	feed.context = context;
	feed.ring = lws_ring_create(sizeof(struct message), RING_DEPTH, NULL);
	if (!feed.ring)
		return 1;
	pthread_mutex_init(&feed.lock, NULL);
	pthread_cond_init(&feed.changed, NULL);
	for (; feed.started < THREADS; feed.started++) {
		struct worker *worker = &feed.workers[feed.started];

		worker->number = feed.started + 1;
		if (pthread_create(&worker->thread, NULL, work, worker))
			return 1;
	}

	return 0;
}

static void stop(void)
{
	if (!feed.ring)
		return;
	pthread_mutex_lock(&feed.lock);
	feed.stop = 1;
	pthread_cond_broadcast(&feed.changed);
	pthread_mutex_unlock(&feed.lock);
	while (feed.started)
		pthread_join(feed.workers[--feed.started].thread, NULL);
	lws_ring_destroy(feed.ring);
	feed.ring = NULL;
	pthread_cond_destroy(&feed.changed);
	pthread_mutex_destroy(&feed.lock);
}

/* Nonzero if the connection is to end: it has failed, or all has been sent. */
static int send_next(struct lws *wsi)
{
	struct message message;
	size_t there;

	if (wanted && sent == wanted)
		return ws_client_close(wsi);

	pthread_mutex_lock(&feed.lock);
	there = lws_ring_consume(feed.ring, NULL, &message, 1);
	pthread_cond_broadcast(&feed.changed);
	pthread_mutex_unlock(&feed.lock);
	if (!there)
		return 0;

	if (lws_write(wsi, message.buf + LWS_PRE, message.len,
		      LWS_WRITE_TEXT) < (int)message.len)
		return -1;
	sent++;
	lws_callback_on_writable(wsi);

	return 0;
}

static int callback_publisher(struct lws *wsi, enum lws_callback_reasons reason,
			      void *user, void *in, size_t len)
{
	switch (reason) {
	case LWS_CALLBACK_PROTOCOL_INIT:
		return start(lws_get_context(wsi));

	case LWS_CALLBACK_PROTOCOL_DESTROY:
		stop();
		printf("%d messages sent\n", sent);
		break;

	/* A thread has called lws_cancel_service(). */
	case LWS_CALLBACK_EVENT_WAIT_CANCELLED:
		if (established)
			lws_callback_on_writable(established);
		break;

	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		ws_client_again(&client, wsi, (const char *)in);
		break;

	case LWS_CALLBACK_CLIENT_ESTABLISHED:
		ws_client_established(&client, wsi);
		established = wsi;
		lws_callback_on_writable(wsi);
		break;

	case LWS_CALLBACK_CLIENT_WRITEABLE:
		return send_next(wsi);

	case LWS_CALLBACK_CLIENT_CLOSED:
		established = NULL;
		if (wanted && sent == wanted)
			ws_client_done(&client);
		else
			ws_client_again(&client, wsi, "closed by the server");
		break;

	default:
		break;
	}

	return lws_callback_http_dummy(wsi, reason, user, in, len);
}

static const struct lws_protocols protocols[] = {
	{ "publisher", callback_publisher, 0, 0, 0, NULL, 0 },
	LWS_PROTOCOL_LIST_TERM
};

int main(int argc, const char **argv)
{
	struct lws_context_creation_info info;
	struct lws_context *context;

	if (program_init(&info, argc, argv))
		return 1;
	info.protocols = protocols;
	ws_client_options(&client, &info, "lws-minimal-broker", argc, argv);
	if (!lws_cmdline_option(argc, argv, "--path"))
		client.info.path = "/publisher";
	interval_ms = ws_client_number(argc, argv, "--interval", 100);
	wanted = ws_client_number(argc, argv, "--count", 0);
	client.outcome.failed = wanted > 0;

	context = program_create(&info);
	ws_client_connect(&client, context);

	return program_run(context, &client.outcome);
}
