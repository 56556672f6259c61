/*
 * The members of lws_context_creation_info, one by one.
 *
 * "info-fields refused": each member and option that is not honoured, and bad values of those that are, make
 * lws_create_context() return NULL after exactly one line, which names the member, its value and the reason; each such line is printed.
 * "info-fields effects": what the others do. "info-fields privileges DIR": as root, in children; a
 * socket is made in DIR.
 *
 * Says "info-fields: ok", or what was not as it should be.
 */
#define _GNU_SOURCE
#include <libwebsockets.h>

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(condition) check(condition, #condition, __LINE__)

typedef struct lws_context_creation_info info_t;

static void check(int condition, const char *text, int line)
{
	if (condition)
		return;
	printf("line %d: not %s\n", line, text);
	fflush(stdout);
	_exit(1);
}

/* ---- refused ---- */

static char logged[4096];
static int logged_lines;

static void emit(int level, const char *line)
{
	if (level & (LLL_ERR | LLL_WARN)) {
		logged_lines++;
		lws_strncpy(logged, line, sizeof(logged));
	}
}

static int stand_in;

#define POINTER(member) \
	static void set_##member(info_t *info) \
	{ \
		info->member = (void *)&stand_in; \
	}
#define TEXT(member) \
	static void set_##member(info_t *info) \
	{ \
		info->member = "some text"; \
	}
#define NUMBER(member) \
	static void set_##member(info_t *info) \
	{ \
		info->member = 7; \
	}
#define EACH(pointer, text, number) \
	pointer(fops) pointer(token_limits) \
	pointer(reject_service_keywords) pointer(provided_client_ssl_ctx) \
	text(log_filepath) text(ssl_cipher_list) text(ecdh_curve) text(tls1_3_plus_cipher_list) \
	text(client_ssl_cipher_list) text(client_tls_1_3_plus_cipher_list) text(listen_accept_role) \
	text(listen_accept_protocol) \
	number(count_caps) number(smd_ttl_us) number(smd_queue_depth) number(http_proxy_port) \
	number(ssl_options_set) number(ssl_options_clear) number(simultaneous_ssl_restriction) \
	number(simultaneous_ssl_handshake_restriction) number(ssl_info_event_mask) \
	number(ssl_client_options_set) number(ssl_client_options_clear) \
	number(bind_iface) number(tls_session_timeout)

EACH(POINTER, TEXT, NUMBER)

static void set_http_proxy_address(info_t *info)
{
	/* what comes before the @ is secret */
	info->http_proxy_address = "user:secret@no-port";
}

static void set_extensions(info_t *info)
{
	static const struct lws_extension own[] = { { "x-own", NULL, "x-own" }, { NULL, NULL, NULL } };

	info->extensions = own;
}

static void set_client_offer(info_t *info)
{
	static const struct lws_extension wrong[] = {
		{ "permessage-deflate", lws_extension_callback_pm_deflate, "permessage-deflate; server_max_window_bits=16" },
		{ NULL, NULL, NULL }
	};

	info->extensions = wrong;
}

static void set_http_nsc_filepath(info_t *info)
{
	/* no file */
	info->http_nsc_filepath = "/";
}

static void set_early_smd_cb(info_t *info)
{
	info->early_smd_cb = (lws_smd_notification_cb_t)(void (*)(void))&set_fops;
}

static const lws_system_ops_t with_metrics = { .metric_report = (int (*)(lws_metric_pub_t *))(void (*)(void))&set_fops };
static const lws_system_ops_t with_trust = {
	.jit_trust_query = (int (*)(struct lws_context *, const uint8_t *, size_t, void *))(void (*)(void))&set_fops,
};

static void set_metric_report(info_t *info)
{
	info->system_ops = &with_metrics;
}

static void set_jit_trust_query(info_t *info)
{
	info->system_ops = &with_trust;
}

static void set_option(info_t *info, uint64_t option)
{
	info->options |= option;
}

#define OPTION(name) \
	static void set_##name(info_t *info) \
	{ \
		set_option(info, LWS_SERVER_OPTION_##name); \
	}
#define OPTIONS(option) \
	option(LIBEV) option(LIBUV) option(LIBEVENT) option(GLIB) option(SDEVENT) option(ULOOP) \
	option(FALLBACK_TO_RAW) option(ONLY_RAW) option(IGNORE_MISSING_CERT) \
	option(VHOST_UPG_STRICT_HOST_CHECK) option(SS_PROXY)

/* refused too, and not called by its own name */
#define LWS_SERVER_OPTION_UNKNOWN (1ull << 60)
OPTIONS(OPTION)
OPTION(UNKNOWN)

static void set_push(info_t *info)
{
	info->http2_settings[0] = 1;
	info->http2_settings[2] = 1;
	info->http2_settings[5] = 16384;
}

static void set_window(info_t *info)
{
	info->http2_settings[0] = 1;
	info->http2_settings[4] = 0x80000000u;
	info->http2_settings[5] = 16384;
}

static void set_frame(info_t *info)
{
	info->http2_settings[0] = 1;
	info->http2_settings[5] = 100;
}

static void set_port(info_t *info)
{
	info->port = 65536;
}

static void set_username(info_t *info)
{
	info->username = "no such user";
}

static void set_groupname(info_t *info)
{
	info->groupname = "no such group";
}

static void set_unix(info_t *info)
{
	info->port = 0;
	info->options = LWS_SERVER_OPTION_UNIX_SOCK;
}

static void set_iface(info_t *info)
{
	info->port = 0;
	info->iface = "nowhere0";
}

static void set_cert(info_t *info)
{
	info->options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
	info->ssl_cert_filepath = "/no/such.cert";
	info->ssl_private_key_filepath = "/no/such.key";
}

static void set_cert_mem(info_t *info)
{
	info->options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
	info->server_ssl_cert_mem = "-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n";
	info->server_ssl_private_key_mem = "nothing";
}

/* members of TLS clients: without the option that turns TLS on, and with it */
#define CLIENT_PEM "-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n"
#define CLIENT(member, bad) \
	static void set_##member(info_t *info) \
	{ \
		info->member = bad; \
	} \
	static void set_tls_##member(info_t *info) \
	{ \
		info->options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT; \
		info->member = bad; \
	}
CLIENT(client_ssl_ca_filepath, "/no/such.ca")
CLIENT(client_ssl_cert_filepath, "/no/such.cert")
CLIENT(client_ssl_private_key_filepath, "/no/such.key")
CLIENT(client_ssl_ca_mem, CLIENT_PEM)
CLIENT(client_ssl_cert_mem, CLIENT_PEM)
CLIENT(client_ssl_key_mem, CLIENT_PEM)

static void set_client_ssl_private_key_password(info_t *info)
{
	info->client_ssl_private_key_password = "secret";
}

static void set_client_wrong_file(info_t *info)
{
	info->options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
	info->client_ssl_ca_filepath = "/dev/null";
}

static void set_client_old_member(info_t *info)
{
	info->options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
	info->ssl_ca_filepath = "/no/such.ca";
}

static void set_require_cert(info_t *info)
{
	info->port = 0;
	info->options = LWS_SERVER_OPTION_REQUIRE_VALID_OPENSSL_CLIENT_CERT;
}

static void set_no_callback(info_t *info)
{
	static const struct lws_protocols protocols[] = { { "bare", NULL, 0, 0, 0, NULL, 0 }, LWS_PROTOCOL_LIST_TERM };

	info->protocols = protocols;
}

#define MOUNT(name, ...) \
	static void set_mount_##name(info_t *info) \
	{ \
		static const struct lws_http_mount mount = { .mountpoint = "/point", .mountpoint_len = 6, __VA_ARGS__ }; \
		info->mounts = &mount; \
	}

MOUNT(proxy, .origin = "example.org", .origin_protocol = LWSMPRO_HTTP)
MOUNT(tls_proxy, .origin = "example.org", .origin_protocol = LWSMPRO_HTTPS)
MOUNT(cgi, .origin = "/bin/true", .origin_protocol = LWSMPRO_CGI)
MOUNT(kind, .origin = "/", .origin_protocol = 99)
MOUNT(origin, .origin_protocol = LWSMPRO_FILE)
MOUNT(auth, .origin = "/", .origin_protocol = LWSMPRO_FILE, .basic_auth_login_file = "/etc/passwd")
MOUNT(protocol, .origin = "absent", .origin_protocol = LWSMPRO_CALLBACK)

static const struct {
	void (*set)(info_t *info);
	const char *member, *value;
} refusals[] = {
#define ROW_POINTER(name) { set_##name, #name, "(set)" },
#define ROW_TEXT(name) { set_##name, #name, "some text" },
#define ROW_NUMBER(name) { set_##name, #name, "7" },
#define ROW_OPTION(name) { set_##name, "options", "LWS_SERVER_OPTION_" #name },
	EACH(ROW_POINTER, ROW_TEXT, ROW_NUMBER)
	OPTIONS(ROW_OPTION)
	{ set_early_smd_cb, "early_smd_cb", "(set)" },
	{ set_metric_report, "system_ops", "metric_report" },
	{ set_jit_trust_query, "system_ops", "jit_trust_query" },
	{ set_http_proxy_address, "http_proxy_address", "no-port" },
	{ set_extensions, "extensions", "x-own" },
	{ set_client_offer, "extensions", "permessage-deflate; server_max_window_bits=16" },
	{ set_http_nsc_filepath, "http_nsc_filepath", "/" },
	{ set_client_ssl_private_key_password, "client_ssl_private_key_password", "(set)" },
	{ set_client_ssl_ca_filepath, "client_ssl_ca_filepath", "/no/such.ca" },
	{ set_client_ssl_cert_filepath, "client_ssl_cert_filepath", "/no/such.cert" },
	{ set_client_ssl_private_key_filepath, "client_ssl_private_key_filepath", "/no/such.key" },
	{ set_client_ssl_ca_mem, "client_ssl_ca_mem", "(set)" },
	{ set_client_ssl_cert_mem, "client_ssl_cert_mem", "(set)" },
	{ set_client_ssl_key_mem, "client_ssl_key_mem", "(set)" },
	{ set_tls_client_ssl_ca_filepath, "client_ssl_ca_filepath", "/no/such.ca" },
	{ set_tls_client_ssl_cert_filepath, "client_ssl_cert_filepath", "/no/such.cert" },
	{ set_tls_client_ssl_private_key_filepath, "client_ssl_private_key_filepath", "/no/such.key" },
	{ set_tls_client_ssl_ca_mem, "client_ssl_ca_mem", "(memory)" },
	{ set_tls_client_ssl_cert_mem, "client_ssl_cert_mem", "(memory)" },
	{ set_tls_client_ssl_key_mem, "client_ssl_key_mem", "(memory)" },
	{ set_client_wrong_file, "client_ssl_ca_filepath", "/dev/null" },
	{ set_client_old_member, "ssl_ca_filepath", "/no/such.ca" },
	{ set_UNKNOWN, "options", "0x1000000000000000" },
	{ set_push, "http2_settings", "[2] = 1" },
	{ set_window, "http2_settings", "[4] = 2147483648" },
	{ set_frame, "http2_settings", "[5] = 100" },
	{ set_port, "port", "65536" },
	{ set_username, "username", "no such user" },
	{ set_groupname, "groupname", "no such group" },
	{ set_unix, "iface", "NULL" },
	{ set_iface, "iface", "nowhere0" },
	{ set_cert, "ssl_cert_filepath", "/no/such.cert" },
	{ set_cert_mem, "server_ssl_private_key_mem", "(memory)" },
	{ set_require_cert, "options", "LWS_SERVER_OPTION_REQUIRE_VALID_OPENSSL_CLIENT_CERT" },
	{ set_no_callback, "protocols", "bare" },
	{ set_mount_proxy, "mounts", "/point" },
	{ set_mount_tls_proxy, "mounts", "/point" },
	{ set_mount_cgi, "mounts", "/point" },
	{ set_mount_kind, "mounts", "/point" },
	{ set_mount_origin, "mounts", "/point" },
	{ set_mount_auth, "mounts", "/point" },
	{ set_mount_protocol, "mounts", "/point" },
};

static void test_refused(void)
{
	char wanted[256];
	struct lws_context *context;
	const char *found;
	info_t info;
	size_t n;

	lws_set_log_level(LLL_ERR | LLL_WARN | LLL_NOTICE, emit);
	for (n = 0; n < LWS_ARRAY_SIZE(refusals); n++) {
		memset(&info, 0, sizeof(info));
		info.port = CONTEXT_PORT_NO_LISTEN;
		logged_lines = 0;
		logged[0] = '\0';
		refusals[n].set(&info);
		context = lws_create_context(&info);
		lws_snprintf(wanted, sizeof(wanted), "lws_create_context: %s '%s': ", refusals[n].member,
			     refusals[n].value);
		found = strstr(logged, wanted);
		printf("%s", logged);
		if (context || logged_lines != 1 || !found || strlen(found) < strlen(wanted) + 5) {
			printf("%s: %s, %d lines, wanted one with \"%s\" and a reason\n", refusals[n].member,
			       context ? "accepted" : "refused", logged_lines, wanted);
			exit(1);
		}
	}
	/* and it is the member alone that is refused */
	memset(&info, 0, sizeof(info));
	info.port = CONTEXT_PORT_NO_LISTEN;
	logged_lines = 0;
	context = lws_create_context(&info);
	CHECK(context && !logged_lines);
	lws_context_destroy(context);
	CHECK(!logged_lines);
}

/* ---- effects ---- */

static struct lws_context *context;
static struct lws_vhost *vhost;
static char got[65536];
static size_t got_len;

static struct {
	struct lws *held;
	int requests, inits, destroys, finalized, keepalive, idle, interval, probes, fast_open;
	size_t largest_piece, body;
	void *init_in;
} seen;

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	socklen_t size = sizeof(int);
	int fd = lws_get_socket_fd(wsi);

	switch ((int)reason) {
	case LWS_CALLBACK_PROTOCOL_INIT:
		seen.inits++;
		seen.init_in = in;
		return 0;
	case LWS_CALLBACK_PROTOCOL_DESTROY:
		CHECK(!seen.finalized);
		seen.destroys++;
		return 0;
	case LWS_CALLBACK_FILTER_NETWORK_CONNECTION:
		getsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, &seen.fast_open, &size);
		return 0;
	case LWS_CALLBACK_HTTP:
		seen.requests++;
		getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &seen.keepalive, &size);
		getsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seen.idle, &size);
		getsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &seen.interval, &size);
		getsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &seen.probes, &size);
		if (strstr(in, "hold")) {
			seen.held = wsi;
			return 0;
		}
		if (strstr(in, "post"))
			return 0;
		break;
	case LWS_CALLBACK_HTTP_BODY:
		if (len > seen.largest_piece)
			seen.largest_piece = len;
		seen.body += len;
		return 0;
	case LWS_CALLBACK_CLOSED_HTTP:
		if (wsi == seen.held)
			seen.held = NULL;
		break;
	}
	return lws_callback_http_dummy(wsi, reason, user, in, len);
}

static const struct lws_protocols protocols[] = {
	{ "one", callback, 16, 0, 0, NULL, 0 },
	{ "two", callback, 16, 0, 0, NULL, 0 },
	LWS_PROTOCOL_LIST_TERM
};

static info_t fresh(void)
{
	info_t info;

	memset(&info, 0, sizeof(info));
	info.protocols = protocols;
	return info;
}

static void start(const info_t *info)
{
	memset(&seen, 0, sizeof(seen));
	logged_lines = 0;
	context = lws_create_context(info);
	CHECK(context != NULL);
	vhost = lws_get_vhost_by_name(context, info->vhost_name ? info->vhost_name : "default");
	CHECK(vhost != NULL);
}

static void stop(void)
{
	lws_context_destroy(context);
	CHECK(!logged_lines);
}

static int try_connect(int family, int port)
{
	struct sockaddr_in6 six;
	struct sockaddr_in four;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), result;

	CHECK(fd >= 0);
	memset(&four, 0, sizeof(four));
	memset(&six, 0, sizeof(six));
	four.sin_family = AF_INET;
	four.sin_port = six.sin6_port = htons((uint16_t)port);
	four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	six.sin6_family = AF_INET6;
	six.sin6_addr = in6addr_loopback;
	result = family == AF_INET ? connect(fd, (struct sockaddr *)&four, sizeof(four)) :
				     connect(fd, (struct sockaddr *)&six, sizeof(six));
	if (!result)
		return fd;
	close(fd);
	return -1;
}

static int open_client(void)
{
	int fd = try_connect(AF_INET, lws_get_vhost_listen_port(vhost));

	CHECK(fd >= 0);
	return fd;
}

static void say(int fd, const char *text)
{
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

/* Serves until `fd` has said `text` (1), has closed (-1), or `ms` have passed (0). */
static int hear(int fd, const char *text, int ms)
{
	lws_usec_t end = lws_now_usecs() + ms * LWS_US_PER_MS;
	struct pollfd ready;
	ssize_t n;

	got_len = 0;
	got[0] = '\0';
	while (lws_now_usecs() < end) {
		CHECK(lws_service(context, -1) >= 0);
		ready.fd = fd;
		ready.events = POLLIN;
		if (poll(&ready, 1, 2) <= 0)
			continue;
		n = read(fd, got + got_len, sizeof(got) - 1 - got_len);
		if (n <= 0)
			return -1;
		got_len += (size_t)n;
		got[got_len] = '\0';
		if (text && strstr(got, text))
			return 1;
	}
	return 0;
}

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define HOLD "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"
#define LONG 20000

static void let_go(void)
{
	CHECK(seen.held != NULL);
	CHECK(!lws_return_http_status(seen.held, 200, NULL));
	lws_http_transaction_completed(seen.held);
	seen.held = NULL;
}

static void test_limits(void)
{
	info_t info = fresh();
	struct rlimit limit;
	char header[4096];
	int a, b, c;

	/* one request at a time has a header table, the next waits */
	info.max_http_header_pool = 1;
	start(&info);
	a = open_client();
	b = open_client();
	say(a, HOLD);
	while (!seen.held)
		CHECK(lws_service(context, 0) >= 0);
	say(b, GET);
	CHECK(hear(b, "</html>", 100) == 0 && seen.requests == 1);
	let_go();
	CHECK(hear(a, "</html>", LONG) == 1);
	CHECK(hear(b, "</html>", LONG) == 1 && seen.requests == 2);
	close(a);
	close(b);
	stop();

	/* descriptors: the event pipe, the listener, and two connections */
	info = fresh();
	info.fd_limit_per_thread = 4;
	start(&info);
	a = open_client();
	say(a, GET);
	CHECK(hear(a, "</html>", LONG) == 1);
	b = open_client();
	say(b, GET);
	CHECK(hear(b, "</html>", LONG) == 1);
	c = open_client();
	say(c, GET);
	CHECK(hear(c, "</html>", 100) == 0 && seen.requests == 2);
	close(a);
	CHECK(hear(c, "</html>", LONG) == 1 && seen.requests == 3);
	close(b);
	close(c);
	stop();

	info = fresh();
	getrlimit(RLIMIT_NOFILE, &limit);
	info.rlimit_nofile = (int)limit.rlim_cur - 10;
	start(&info);
	getrlimit(RLIMIT_NOFILE, &limit);
	CHECK((int)limit.rlim_cur == info.rlimit_nofile);
	stop();

	info = fresh();
	info.max_http_header_data = 1024;
	start(&info);
	a = open_client();
	memset(header, 'x', sizeof(header));
	memcpy(header, "GET / HTTP/1.1\r\nHost: a\r\nX-Long: ", 33);
	strcpy(header + sizeof(header) - 5, "\r\n\r\n");
	say(a, header);
	CHECK(hear(a, "</html>", LONG) == 1 && !strncmp(got, "HTTP/1.1 431 ", 13) && !seen.requests);
	CHECK(hear(a, NULL, LONG) == -1);
	close(a);
	stop();

	info = fresh();
	info.pt_serv_buf_size = 512;
	start(&info);
	a = open_client();
	say(a, "POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 4000\r\n\r\n");
	say(a, header + strlen(header) - 4000);
	while (seen.body < 4000)
		CHECK(lws_service(context, 0) >= 0);
	CHECK(seen.largest_piece <= 512 - LWS_PRE && seen.largest_piece >= 256);
	close(a);
	stop();
}

/* Closed by the server after about a second; the default would be five or more. */
static void closes_in_a_second(int fd)
{
	lws_usec_t begin = lws_now_usecs(), took;

	CHECK(hear(fd, NULL, LONG) == -1);
	took = lws_now_usecs() - begin;
	CHECK(took > 500 * LWS_US_PER_MS && took < 4 * LWS_US_PER_SEC);
	close(fd);
}

static void test_times(void)
{
	info_t info = fresh();
	int fd;

	info.keepalive_timeout = 1;
	start(&info);
	fd = open_client();
	say(fd, GET);
	CHECK(hear(fd, "</html>", LONG) == 1);
	closes_in_a_second(fd);
	stop();

	info = fresh();
	info.timeout_secs = 1;
	start(&info);
	fd = open_client();
	say(fd, "POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe");
	closes_in_a_second(fd);
	stop();

	info = fresh();
	info.timeout_secs_ah_idle = 1;
	start(&info);
	fd = open_client();
	say(fd, GET);
	CHECK(hear(fd, "</html>", LONG) == 1);
	say(fd, "GET / HT");
	closes_in_a_second(fd);
	stop();

	info = fresh();
	info.ka_time = 61;
	info.ka_probes = 4;
	info.ka_interval = 7;
	info.fo_listen_queue = 5;
	start(&info);
	fd = open_client();
	say(fd, GET);
	CHECK(hear(fd, "</html>", LONG) == 1);
	CHECK(seen.keepalive && seen.idle == 61 && seen.probes == 4 && seen.interval == 7);
	CHECK(seen.fast_open == 5);
	close(fd);
	stop();
	info = fresh();
	start(&info);
	fd = open_client();
	say(fd, GET);
	CHECK(hear(fd, "</html>", LONG) == 1);
	CHECK(!seen.keepalive && !seen.fast_open);
	close(fd);
	stop();
}

static unsigned int setting(unsigned int id)
{
	const unsigned char *frame = (const unsigned char *)got, *p = frame + 9;
	unsigned int len = (unsigned int)(frame[0] << 16 | frame[1] << 8 | frame[2]);

	CHECK(got_len >= 9 + len && frame[3] == 4);
	for (; p < frame + 9 + len; p += 6)
		if ((unsigned int)(p[0] << 8 | p[1]) == id)
			return (unsigned int)p[2] << 24 | (unsigned int)(p[3] << 16 | p[4] << 8 | p[5]);
	return 0xffffffff;
}

static void test_http2_settings(void)
{
	static const unsigned char hello[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";
	info_t info = fresh();
	int fd;

	info.http2_settings[0] = 1;
	info.http2_settings[1] = 1000;
	info.http2_settings[3] = 17;
	info.http2_settings[4] = 70000;
	info.http2_settings[5] = 20000;
	info.http2_settings[6] = 9000;
	start(&info);
	fd = open_client();
	CHECK(write(fd, hello, sizeof(hello)) == (ssize_t)sizeof(hello));
	do
		CHECK(hear(fd, NULL, 50) == 0);
	while (!got_len);
	CHECK(setting(1) == 1000 && setting(3) == 17 && setting(4) == 70000 && setting(5) == 20000 &&
	      setting(6) == 9000);
	close(fd);
	stop();
}

static void finalize(struct lws_vhost *ended, void *arg)
{
	CHECK(ended == vhost && arg == &seen && seen.destroys == seen.inits);
	seen.finalized++;
}

static void test_names_and_ends(void)
{
	static const struct lws_protocols *pointers[] = { &protocols[1], NULL };
	static const struct lws_protocol_vhost_options option = { NULL, NULL, "name", "value" },
						       pvo = { NULL, &option, "two", "" };
	struct lws_context *external = (struct lws_context *)&seen;
	info_t info = fresh();
	int fd;

	info.server_string = "by name";
	info.user = &info;
	info.finalize = finalize;
	info.finalize_arg = &seen;
	info.pcontext = &external;
	info.external_baggage_free_on_destroy = malloc(100);
	start(&info);
	CHECK(!strcmp(lws_get_vhost_name(vhost), "default"));
	CHECK(lws_context_user(context) == &info && lws_vhost_user(vhost) == &info);
	fd = open_client();
	say(fd, GET);
	CHECK(hear(fd, "</html>", LONG) == 1 && strstr(got, "\r\nserver: by name\r\n"));
	CHECK(seen.inits == 2 && !seen.init_in);
	close(fd);
	stop();
	CHECK(seen.destroys == 2 && seen.finalized == 1 && !external);

	/* pointers to protocols; options name the protocols that are initialised */
	info = fresh();
	info.pprotocols = pointers;
	info.protocols = NULL;
	start(&info);
	CHECK(lws_vhost_name_to_protocol(vhost, "two") && !lws_vhost_name_to_protocol(vhost, "one"));
	stop();
	info = fresh();
	info.pvo = &pvo;
	start(&info);
	lws_service(context, -1);
	CHECK(seen.inits == 1 && seen.init_in == &option);
	stop();
	info = fresh();
	info.options = LWS_SERVER_OPTION_SKIP_PROTOCOL_INIT;
	start(&info);
	lws_service(context, -1);
	CHECK(!seen.inits);
	stop();
	CHECK(!seen.destroys);
}

static int reachable(int family)
{
	int fd = try_connect(family, lws_get_vhost_listen_port(vhost));

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static int has_ipv6(void)
{
	struct sockaddr_in6 six;
	int fd = socket(AF_INET6, SOCK_STREAM, 0), result;

	memset(&six, 0, sizeof(six));
	six.sin6_family = AF_INET6;
	six.sin6_addr = in6addr_loopback;
	result = fd >= 0 && !bind(fd, (struct sockaddr *)&six, sizeof(six));
	if (fd >= 0)
		close(fd);
	return result;
}

static void test_listening(void)
{
	info_t info = fresh();
	struct lws_context *other;

	if (has_ipv6()) {
		start(&info);
		CHECK(reachable(AF_INET) && reachable(AF_INET6));
		stop();
		info.options = LWS_SERVER_OPTION_DISABLE_IPV6;
		start(&info);
		CHECK(reachable(AF_INET) && !reachable(AF_INET6));
		stop();
		info.options = LWS_SERVER_OPTION_IPV6_V6ONLY_MODIFY | LWS_SERVER_OPTION_IPV6_V6ONLY_VALUE;
		start(&info);
		CHECK(!reachable(AF_INET) && reachable(AF_INET6));
		stop();
		info.options = LWS_SERVER_OPTION_IPV6_V6ONLY_MODIFY;
		start(&info);
		CHECK(reachable(AF_INET) && reachable(AF_INET6));
		stop();
	} else
		puts("no IPv6 here: not tried");

	info = fresh();
	info.options = LWS_SERVER_OPTION_ALLOW_LISTEN_SHARE;
	start(&info);
	info.port = lws_get_vhost_listen_port(vhost);
	other = lws_create_context(&info);
	CHECK(other != NULL);
	info.options = 0;
	CHECK(!logged_lines && !lws_create_context(&info) && logged_lines == 1 && strstr(logged, ": port '"));
	logged_lines = 0;
	lws_context_destroy(other);
	stop();
}

/* ---- privileges ---- */

static void in_child(void (*test)(info_t *info), const char *what)
{
	int status;
	pid_t pid = fork();
	info_t info;

	CHECK(pid >= 0);
	if (!pid) {
		alarm(20);
		info = fresh();
		info.options = LWS_SERVER_OPTION_DISABLE_IPV6;
		test(&info);
		fflush(stdout);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status)) {
		printf("%s: child said %x\n", what, status);
		exit(1);
	}
}

static uid_t nobody;
static gid_t its_group, other_group;

static int is(uid_t uid, gid_t gid)
{
	uid_t ruid, euid, suid, user;
	gid_t rgid, egid, sgid, group, groups[64];
	int n = getgroups(64, groups);

	getresuid(&ruid, &euid, &suid);
	getresgid(&rgid, &egid, &sgid);
	lws_get_effective_uid_gid(context, &user, &group);
	return ruid == uid && euid == uid && suid == uid && rgid == gid && egid == gid && sgid == gid && user == uid &&
	       group == gid && (!uid || (n == 1 && groups[0] == gid));
}

static void by_name(info_t *info)
{
	info->username = "nobody";
	start(info);
	CHECK(is(nobody, its_group));
}

static void by_names(info_t *info)
{
	info->username = "nobody";
	info->groupname = "daemon";
	start(info);
	CHECK(is(nobody, other_group));
}

static void by_number(info_t *info)
{
	info->uid = nobody;
	info->gid = other_group;
	start(info);
	CHECK(is(nobody, other_group));
}

static void explicitly(info_t *info)
{
	info->username = "nobody";
	info->options |= LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
	context = lws_create_context(info);
	CHECK(context && is(0, 0));
	CHECK(lws_create_vhost(context, info) && is(0, 0));
	CHECK(!lws_finalize_startup(context) && is(nobody, its_group));
}

static void unix_owner(info_t *info)
{
	struct stat status;

	info->iface = "info-fields.socket";
	info->unix_socket_perms = "nobody:daemon";
	info->options |= LWS_SERVER_OPTION_UNIX_SOCK;
	start(info);
	CHECK(!stat(info->iface, &status) && S_ISSOCK(status.st_mode));
	CHECK(status.st_uid == nobody && status.st_gid == other_group);
	stop();
	unlink(info->iface);
}

static void test_privileges(void)
{
	struct passwd *user = getpwnam("nobody");
	struct group *group = getgrnam("daemon");

	if (getuid() || !user || !group) {
		puts("not root, or no nobody and daemon: not tried");
		return;
	}
	nobody = user->pw_uid;
	its_group = user->pw_gid;
	other_group = group->gr_gid;
	in_child(by_name, "by name");
	in_child(by_names, "by names");
	in_child(by_number, "by number");
	in_child(explicitly, "explicitly");
	in_child(unix_owner, "unix socket's owner");
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	setvbuf(stdout, NULL, _IOLBF, 0);
	alarm(100);
	lws_set_log_level(LLL_ERR | LLL_WARN, emit);
	if (!strcmp(what, "refused"))
		test_refused();
	else if (!strcmp(what, "privileges")) {
		CHECK(argc > 2 && !chdir(argv[2]));
		test_privileges();
	}
	else {
		test_limits();
		test_times();
		test_http2_settings();
		test_names_and_ends();
		test_listening();
	}
	puts("info-fields: ok");
	return 0;
}
