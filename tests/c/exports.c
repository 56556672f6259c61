/*
 * Calls that no example makes: each is made here, and what it gives is checked. Says "exports: ok", or the line that was not as it
 * should be and what was found there.
 */
#define _GNU_SOURCE
#include <libwebsockets.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHECK(condition) check(condition, #condition, __LINE__)

static void check(int condition, const char *text, int line)
{
	if (condition)
		return;
	printf("line %d: not %s\n", line, text);
	exit(1);
}

/* ---- types of files, random digits ---- */

static int same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static void test_mimetype(void)
{
	static const struct lws_protocol_vhost_options any = { NULL, NULL, "*", "x/any" },
						       own = { &any, NULL, ".Foo", "x/foo" };
	static const struct lws_http_mount mount = { .mountpoint = "/", .extra_mimetypes = &own };

	CHECK(same(lws_get_mimetype("a.html", NULL), "text/html"));
	CHECK(same(lws_get_mimetype("a.b.MJS", NULL), "text/javascript"));
	CHECK(same(lws_get_mimetype("a.foo", NULL), NULL));
	CHECK(same(lws_get_mimetype("a.foo", &mount), "x/foo"));
	CHECK(lws_get_mimetype("a.foo", &mount) == own.value);
	CHECK(same(lws_get_mimetype("a.css", &mount), "text/css"));
	CHECK(same(lws_get_mimetype("a.none", &mount), "x/any"));
	CHECK(same(lws_get_mimetype("", NULL), NULL));
	CHECK(same(lws_get_mimetype(NULL, &mount), NULL));
}

static void test_hex_random(void)
{
	char text[40];
	size_t len;

	for (len = 1; len < 34; len++) {
		memset(text, '?', sizeof(text));
		CHECK(!lws_hex_random(NULL, text, len));
		CHECK(strlen(text) == len - 1);
		CHECK(strspn(text, "0123456789abcdef") == len - 1);
		CHECK(text[len] == '?');
	}
	memset(text, '?', sizeof(text));
	CHECK(lws_hex_random(NULL, text, 0) && text[0] == '?');
	CHECK(lws_hex_random(NULL, NULL, 9));
}

/* ---- timers that wake up a suspended system ---- */

static struct lws_context *context;
static int fired;

static void sul_cb(lws_sorted_usec_list_t *sul)
{
	(void)sul;
	fired++;
	/* the service call that runs a timer then waits for the next event: this is one */
	lws_cancel_service(context);
}

static void test_wakeable(void)
{
	lws_sorted_usec_list_t plain, wake, wake2;
	lws_usec_t at = -5, now = lws_now_usecs();

	memset(&plain, 0, sizeof(plain));
	memset(&wake, 0, sizeof(wake));
	memset(&wake2, 0, sizeof(wake2));
	lws_sul_schedule(context, 0, &plain, sul_cb, 1000);
	CHECK(lws_sul_earliest_wakeable_event(context, &at) == 1 && at == -5);
	lws_sul_schedule_wakesuspend(context, 0, &wake, sul_cb, 3600 * LWS_US_PER_SEC);
	CHECK(!lws_sul_earliest_wakeable_event(context, &at) && at == wake.us);
	wake2.us = now + 2000;
	wake2.cb = sul_cb;
	lws_sul2_schedule(context, 0, LWSSULLI_WAKE_IF_SUSPENDED, &wake2);
	CHECK(!lws_sul_earliest_wakeable_event(context, &at) && at == wake2.us);
	while (fired < 2 && lws_now_usecs() < now + 10 * LWS_US_PER_SEC)
		lws_service(context, 0);
	CHECK(fired == 2);
	CHECK(!lws_sul_earliest_wakeable_event(context, &at) && at == wake.us);
	lws_sul_schedule_wakesuspend(context, 0, &wake, sul_cb, LWS_SET_TIMER_USEC_CANCEL);
	CHECK(lws_sul_earliest_wakeable_event(context, &at) == 1);
	CHECK(lws_sul_earliest_wakeable_event(NULL, &at) == 1);
	CHECK(lws_sul_earliest_wakeable_event(context, NULL) == 1);
}

/* ---- vhosts, protocols, sessions ---- */

enum { MINE = LWS_CALLBACK_USER + 3 };

static struct {
	int told, refuse_second;
	void *in;
	size_t len, body;
	struct lws *request;
	void *session;
	int grown, too_large;
} seen;

static int callback_first(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	struct lws_vhost *vhost = lws_get_vhost(wsi);
	char *private;

	switch ((int)reason) {
	case LWS_CALLBACK_PROTOCOL_INIT:
		private = lws_protocol_vh_priv_zalloc(vhost, lws_get_protocol(wsi), 32);
		CHECK(private != NULL);
		lws_strncpy(private, lws_get_vhost_name(vhost), 32);
		/* no connection, so no session; but the next one will have it */
		CHECK(!lws_adjust_protocol_psds(wsi, 48));
		return 0;
	case MINE:
		CHECK(!user && lws_get_vhost(wsi) && lws_get_socket_fd(wsi) == LWS_SOCK_INVALID);
		seen.told++;
		seen.in = in;
		seen.len = len;
		return 0;
	case LWS_CALLBACK_HTTP:
		seen.request = wsi;
		CHECK(user != NULL);
		memset(user, 7, 48);
		seen.session = user;
		seen.grown = lws_adjust_protocol_psds(wsi, 48) == user;
		seen.too_large = lws_adjust_protocol_psds(wsi, 4800) == NULL && lws_wsi_user(wsi) == user;
		lws_rx_flow_control(wsi, 0);
		return 0;
	case LWS_CALLBACK_HTTP_BODY:
		seen.body += len;
		return 0;
	}
	return lws_callback_http_dummy(wsi, reason, user, in, len);
}

static int callback_second(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	(void)wsi;
	(void)user;
	(void)in;
	(void)len;
	if ((int)reason != MINE)
		return 0;
	seen.told++;
	return seen.refuse_second;
}

static const struct lws_protocols protocols[] = {
	{ "first", callback_first, 0, 0, 0, NULL, 0 },
	{ "second", callback_second, 0, 0, 0, NULL, 0 },
	LWS_PROTOCOL_LIST_TERM
};

static void test_find_by_pvo(void)
{
	const char *found = lws_vhd_find_by_pvo(context, "first", "role", "two");

	CHECK(same(found, "two"));
	CHECK(same(lws_vhd_find_by_pvo(context, "first", "role", "one"), "one"));
	CHECK(!lws_vhd_find_by_pvo(context, "first", "role", "three"));
	CHECK(!lws_vhd_find_by_pvo(context, "first", "other", "one"));
	CHECK(!lws_vhd_find_by_pvo(context, "none", "role", "one"));
	CHECK(!lws_vhd_find_by_pvo(NULL, "first", "role", "one"));
	CHECK(!lws_vhd_find_by_pvo(context, NULL, "role", "one"));
	CHECK(!lws_vhd_find_by_pvo(context, "first", NULL, "one"));
	CHECK(!lws_vhd_find_by_pvo(context, "first", "role", NULL));
}

static void test_tell_vhost(struct lws_vhost *vhost)
{
	CHECK(!lws_callback_vhost_protocols_vhost(vhost, MINE, &seen, 5));
	CHECK(seen.told == 2 && seen.in == &seen && seen.len == 5);
	seen.refuse_second = 1;
	CHECK(lws_callback_vhost_protocols_vhost(vhost, MINE, NULL, 0) == 1);
	CHECK(lws_callback_vhost_protocols_vhost(NULL, MINE, NULL, 0) == 1);
}

static int connected(int port)
{
	struct sockaddr_in address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memset(&address, 0, sizeof(address));
	address.sin_family = AF_INET;
	address.sin_port = htons((uint16_t)port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(fd >= 0 && !connect(fd, (struct sockaddr *)&address, sizeof(address)));
	return fd;
}

static void test_session_and_flow(struct lws_vhost *vhost)
{
	static const char request[] = "POST / HTTP/1.1\r\nHost: one\r\nContent-Length: 5\r\n\r\nhello";
	int fd = connected(lws_get_vhost_listen_port(vhost)), n;

	CHECK(write(fd, request, sizeof(request) - 1) == (ssize_t)sizeof(request) - 1);
	while (!seen.request)
		CHECK(lws_service(context, 0) >= 0);
	CHECK(seen.grown && seen.too_large);
	/* whatever could come of it comes now, and the body does not */
	for (n = 0; n < 20; n++)
		CHECK(lws_service(context, -1) >= 0);
	CHECK(!seen.body);
	CHECK(!lws_is_cgi(seen.request));
	CHECK(lws_get_peer_write_allowance(seen.request) == -1);
	lws_rx_flow_allow_all_protocol(context, &protocols[1]);
	for (n = 0; n < 20; n++)
		CHECK(lws_service(context, -1) >= 0);
	CHECK(!seen.body);
	lws_rx_flow_allow_all_protocol(NULL, &protocols[0]);
	lws_rx_flow_allow_all_protocol(context, NULL);
	lws_rx_flow_allow_all_protocol(context, &protocols[0]);
	while (seen.body < 5)
		CHECK(lws_service(context, 0) >= 0);
	close(fd);
}

int main(void)
{
	static const struct lws_protocol_vhost_options role_one = { NULL, NULL, "role", "one" },
						       role_two = { NULL, NULL, "role", "two" },
						       pvo_one = { NULL, &role_one, "first", "" },
						       pvo_two = { NULL, &role_two, "first", "" };
	struct lws_context_creation_info info;
	struct lws_vhost *one, *two;

	alarm(60);
	lws_set_log_level(LLL_ERR | LLL_WARN, NULL);
	test_mimetype();
	test_hex_random();

	memset(&info, 0, sizeof(info));
	info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
	context = lws_create_context(&info);
	CHECK(context != NULL);
	CHECK(!lws_finalize_startup(context) && lws_finalize_startup(NULL));
	info.protocols = protocols;
	info.vhost_name = "one";
	info.pvo = &pvo_one;
	info.options = LWS_SERVER_OPTION_DISABLE_IPV6;
	one = lws_create_vhost(context, &info);
	info.port = CONTEXT_PORT_NO_LISTEN;
	info.vhost_name = "two";
	info.pvo = &pvo_two;
	two = lws_create_vhost(context, &info);
	CHECK(one && two);
	CHECK(!lws_protocol_init(context));
	test_wakeable();
	test_find_by_pvo();
	test_tell_vhost(two);
	test_session_and_flow(one);
	CHECK(!lws_adjust_protocol_psds(NULL, 5));
	lws_context_destroy(context);
	puts("exports: ok");
	return 0;
}
