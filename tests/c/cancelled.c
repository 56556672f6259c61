/*
 * A thread that services a context is cancelled with pthread_cancel(), as some programs end theirs.
 *
 *   waiting    while it waits for events: the wait ends, and the thread, which finds out, destroys the context
 *   callback   inside of a callback, which goes on: the thread ends when it has its control back
 *   both with  --poll: an event library without any operation; lws_service() waits with poll(2)
 *
 * Says "destroyed" at the end, after the library's log.
 */
#define _GNU_SOURCE
#include <libwebsockets.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct lws_context *context;
static atomic_int waiting, interrupted;
static int in_callback, passed;
static pthread_t service;
static lws_sorted_usec_list_t soon;

/* The last thing before the library waits. */
static void is_about_to_wait(lws_sorted_usec_list_t *sul)
{
	(void)sul;
	if (in_callback) {
		pthread_cancel(pthread_self());
		/* Points of cancellation, both: it must not take effect here. */
		pthread_testcancel();
		usleep(1);
		passed = 1;
	}
	waiting = 1;
}

static void *serve(void *arg)
{
	int n = 0;

	(void)arg;
	lws_sul_schedule(context, 0, &soon, is_about_to_wait, 1);
	while (n >= 0 && !interrupted) {
		n = lws_service(context, 0);
		if (in_callback)
			pthread_testcancel();
	}
	lws_context_destroy(context);
	context = NULL;
	return NULL;
}

/* Sleeping: in the system call that waits. */
static int sleeps(pid_t thread)
{
	char path[64], text[512] = "", *state;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", thread);
	f = fopen(path, "r");
	if (!f)
		return 0;
	if (!fread(text, 1, sizeof(text) - 1, f))
		text[0] = '\0';
	fclose(f);
	state = strrchr(text, ')');
	return state && state[1] == ' ' && state[2] == 'S';
}

static atomic_int tid;

static void *serve_and_say_who(void *arg)
{
	tid = gettid();
	return serve(arg);
}

static const struct lws_event_loop_ops no_operations = { .name = "none" };

static const lws_plugin_evlib_t evlib = {
	.hdr = { "none", "lws_evlib_plugin", LWS_BUILD_HASH, LWS_PLUGIN_API_MAGIC },
	.ops = &no_operations,
};

static const struct lws_protocols protocols[] = {
	{ "http", lws_callback_http_dummy, 0, 0, 0, NULL, 0 },
	LWS_PROTOCOL_LIST_TERM
};

int main(int argc, char **argv)
{
	struct lws_context_creation_info info;
	void *result = NULL;

	if (argc < 2)
		return 2;
	in_callback = !strcmp(argv[1], "callback");
	memset(&info, 0, sizeof(info));
	info.protocols = protocols;
	info.iface = "127.0.0.1";
	if (argc > 2)
		info.event_lib_custom = &evlib;
	lws_set_log_level(LLL_ERR | LLL_WARN, NULL);
	context = lws_create_context(&info);
	if (!context || pthread_create(&service, NULL, serve_and_say_who, NULL))
		return 2;

	if (!in_callback) {
		while (!waiting || !sleeps(tid))
			usleep(1000);
		interrupted = 1;
		pthread_cancel(service);
	}
	pthread_join(service, &result);
	if (in_callback && (result != PTHREAD_CANCELED || !passed || !context)) {
		puts("the thread did not end as it should");
		return 1;
	}
	if (context)
		lws_context_destroy(context);
	puts("destroyed");
	return 0;
}
