/*
 * minimal-ws-server-threads
 *
 * Two threads make messages, all clients get them. The threads put them into a
 * ring, under a lock, and wake lws up: everything else of lws is for the thread
 * that serves it.
 *
 *   build/minimal-ws-server-threads -p 7681     # and open http://localhost:7681/
 *
 *   -p PORT          port to listen on, 0 lets the kernel choose (7681)
 *   -s               over TLS
 *   --eventlib KIND  "custom": on the event loop of shared/loop.c
 *   -d LEVELS        log levels to show, 15 shows the informative ones too
 */

#define _POSIX_C_SOURCE 200809L

#include <libwebsockets.h>
#include "program.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define RING_DEPTH	32
#define THREADS		2
#define PAUSE_NS	100000000L
#define TEXT_MAX	64

/* In the ring; it owns what it points to, with room for the head of a frame. */
struct message {
	unsigned char *buf;
	size_t len;
};

/* One for each WebSocket: the callback gets it as `user`. */
struct session {
	struct session *next;
	struct lws *wsi;
	uint32_t tail;
};

struct feed;

struct worker {
	struct feed *feed;
	pthread_t thread;
	int number;
};

/* One for each vhost that the protocol is on. */
struct feed {
	struct lws_context *context;
	struct session *sessions;	/* of the service thread alone */
	struct worker workers[THREADS];
	int started;

	pthread_mutex_t lock;		/* for what is below */
	pthread_cond_t ending;
	struct lws_ring *ring;
	int audience, stop;
};

static void destroy_message(void *element)
{
	free(((struct message *)element)->buf);
}

/* With the lock held. A full ring loses the message. */
static void produce(struct feed *feed, int number, unsigned int count)
{
	struct message message;

	message.buf = (unsigned char *)malloc(LWS_PRE + TEXT_MAX);
	if (!message.buf)
		return;
	message.len = (size_t)lws_snprintf((char *)message.buf + LWS_PRE,
				TEXT_MAX, "thread %d, message %u", number, count);
	if (!lws_ring_insert(feed->ring, &message, 1))
		destroy_message(&message);
}

static void *work(void *arg)
{
	struct worker *worker = (struct worker *)arg;
	struct feed *feed = worker->feed;
	unsigned int count = 0;

	pthread_mutex_lock(&feed->lock);
	while (!feed->stop) {
		struct timespec until;

		if (feed->audience) {
			produce(feed, worker->number, ++count);
			/* Raises EVENT_WAIT_CANCELLED in the service thread. */
			lws_cancel_service(feed->context);
		}
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += PAUSE_NS;
		until.tv_sec += until.tv_nsec / 1000000000L;
		until.tv_nsec %= 1000000000L;
		pthread_cond_timedwait(&feed->ending, &feed->lock, &until);
	}
	pthread_mutex_unlock(&feed->lock);

	return NULL;
}

static int start(struct feed *feed, struct lws_context *context)
{
	feed->context = context;
	feed->ring = lws_ring_create(sizeof(struct message), RING_DEPTH,
				     destroy_message);
	if (!feed->ring)
		return 1;
	pthread_mutex_init(&feed->lock, NULL);
	pthread_cond_init(&feed->ending, NULL);
	for (; feed->started < THREADS; feed->started++) {
		struct worker *worker = &feed->workers[feed->started];

		worker->feed = feed;
		worker->number = feed->started + 1;
		if (pthread_create(&worker->thread, NULL, work, worker))
			return 1;
	}

	return 0;
}

static void stop(struct feed *feed)
{
	pthread_mutex_lock(&feed->lock);
	feed->stop = 1;
	pthread_cond_broadcast(&feed->ending);
	pthread_mutex_unlock(&feed->lock);
	while (feed->started)
		pthread_join(feed->workers[--feed->started].thread, NULL);
	lws_ring_destroy(feed->ring);
	pthread_cond_destroy(&feed->ending);
	pthread_mutex_destroy(&feed->lock);
}

/* With the lock held: what all clients have got is destroyed. */
static void consume(struct feed *feed, struct session *session, size_t count)
{
	lws_ring_consume_and_update_oldest_tail(feed->ring, struct session,
				&session->tail, count, feed->sessions, tail,
				next);
}

static void enter(struct feed *feed, struct session *session)
{
	pthread_mutex_lock(&feed->lock);
	session->tail = lws_ring_get_oldest_tail(feed->ring);
	lws_ll_fwd_insert(session, next, feed->sessions);
	feed->audience++;
	pthread_mutex_unlock(&feed->lock);
}

static void leave(struct feed *feed, struct session *session)
{
	pthread_mutex_lock(&feed->lock);
	lws_ll_fwd_remove(struct session, next, session, feed->sessions);
	consume(feed, session, RING_DEPTH);
	feed->audience--;
	pthread_mutex_unlock(&feed->lock);
}

static int send_next(struct feed *feed, struct session *session)
{
	const struct message *message;
	int failed = 0;

	pthread_mutex_lock(&feed->lock);
	message = (const struct message *)lws_ring_get_element(feed->ring,
							       &session->tail);
	if (message) {
		failed = lws_write(session->wsi, message->buf + LWS_PRE,
				   message->len, LWS_WRITE_TEXT) <
							(int)message->len;
		consume(feed, session, 1);
		if (lws_ring_get_element(feed->ring, &session->tail))
			lws_callback_on_writable(session->wsi);
	}
	pthread_mutex_unlock(&feed->lock);

	return failed ? -1 : 0;
}

static int callback_feed(struct lws *wsi, enum lws_callback_reasons reason,
			 void *user, void *in, size_t len)
{
	struct session *session = (struct session *)user;
	struct feed *feed = (struct feed *)lws_protocol_vh_priv_get(
				lws_get_vhost(wsi), lws_get_protocol(wsi));

	(void)in;
	(void)len;

	switch (reason) {
	case LWS_CALLBACK_PROTOCOL_INIT:
		feed = (struct feed *)lws_protocol_vh_priv_zalloc(
				lws_get_vhost(wsi), lws_get_protocol(wsi),
				sizeof(struct feed));
		return !feed || start(feed, lws_get_context(wsi));

	case LWS_CALLBACK_PROTOCOL_DESTROY:
		if (feed && feed->ring)
			stop(feed);
		break;

	/* A thread has called lws_cancel_service(). */
	case LWS_CALLBACK_EVENT_WAIT_CANCELLED:
		if (!feed)
			break;
		lws_start_foreach_ll(struct session *, each, feed->sessions) {
			lws_callback_on_writable(each->wsi);
		} lws_end_foreach_ll(each, next);
		break;

	case LWS_CALLBACK_ESTABLISHED:
		session->wsi = wsi;
		enter(feed, session);
		break;

	case LWS_CALLBACK_CLOSED:
		leave(feed, session);
		break;

	case LWS_CALLBACK_SERVER_WRITEABLE:
		return send_next(feed, session);

	default:
		break;
	}

	return 0;
}

/* The first is for requests that are not for a WebSocket. */
static const struct lws_protocols protocols[] = {
	{ "http", lws_callback_http_dummy, 0, 0, 0, NULL, 0 },
	{ "lws-minimal", callback_feed, sizeof(struct session), 0, 0, NULL, 0 },
	LWS_PROTOCOL_LIST_TERM
};

int main(int argc, const char **argv)
{
	struct lws_context_creation_info info;

	if (program_init(&info, argc, argv))
		return 1;
	program_listens(&info, argc, argv);
	info.protocols = protocols;
	info.mounts = &program_page;

	return program_run(program_create(&info), NULL);
}
