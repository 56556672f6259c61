/*
 * An HTTP client for comparing libraries: every callback that it gets is a line on stdout, with what the library
 * answers when it is asked there.
 *
 *   wN REASON user=NULL|own|pssN [in=TEXT]       N-th wsi; memory of its own, or the library's of the N-th request
 *      NAME VALUE                                what was asked
 *   -- TEXT                                      what the program does
 *
 *   --port=N --path=P[,P]...          requests made at once, to 127.0.0.1
 *   --then=P                          and one more, when the first has been completed
 *   --method=M --tls --alpn=LIST --prior-knowledge --pipeline --no-follow --keep-warm=SECONDS
 *   --protocol=NAME                   the local protocol; "client" unless told
 *   --own                             userdata and opaque_user_data are given; what can be asked at the end, is
 *   --body=TEXT[,TEXT]... [--length]  what is sent, in so many pieces; the length is said before; --body= says that
 *                                     there is a body, and sends none
 *   --form=multipart|urlencoded       the body's kind is left to the library
 *   --read=small|later|never          the body is read 4 bytes at a time; 100 ms after it was told of; not at all
 *   --refuse=REASON                   the callback returns -1 there
 *   --timeout=REASON, --kill=REASON   a timeout of 1 s is set there; or of none
 *   --child=P                         once established, the first request gets a child that asks for P
 *   --through                         this program's own server makes the request, as a child of its connection
 *
 * It ends by itself when every request has, and half a second has passed.
 */
#define _GNU_SOURCE
#include <libwebsockets.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUESTS 8
#define WSI_MAX 64

struct session {
	int stamp;
	int sent;
};

static struct options {
	const char *path, *then, *method, *alpn, *protocol, *body, *form, *read, *refuse, *timeout, *kill, *child;
	int port, tls, prior, pipeline, no_follow, own, length, through, keep_warm;
} option = { .path = "/plain", .method = "GET", .protocol = "client", .read = "" };

static struct lws_context *context;
static struct lws *seats[REQUESTS + 1];
static struct session own[REQUESTS + 1];
static int requests, asking, binds, over, stopping;
static lws_sorted_usec_list_t limit, linger, later, next;
static struct lws *unread;

/* ---- names ---- */

static const struct lws *seen[WSI_MAX];
static int names[WSI_MAX], seen_count, name_count;

static void forget(const struct lws *wsi)
{
	int n;

	for (n = 0; n < seen_count; n++)
		if (seen[n] == wsi)
			seen[n] = NULL;
}

static int name_of(const struct lws *wsi)
{
	int n;

	for (n = 0; n < seen_count; n++)
		if (seen[n] == wsi)
			return names[n];
	if (seen_count == WSI_MAX)
		return -1;
	seen[seen_count] = wsi;
	names[seen_count++] = ++name_count;
	return name_count;
}

static const char *reason_name(enum lws_callback_reasons reason)
{
	switch (reason) {
#define NAME(r) case LWS_CALLBACK_##r: return #r
	NAME(WSI_CREATE);
	NAME(WSI_DESTROY);
	NAME(SERVER_NEW_CLIENT_INSTANTIATED);
	NAME(CHILD_CLOSING);
	NAME(TIMER);
	NAME(CLIENT_HTTP_BIND_PROTOCOL);
	NAME(CLIENT_HTTP_DROP_PROTOCOL);
	NAME(CONNECTING);
	NAME(OPENSSL_PERFORM_SERVER_CERT_VERIFICATION);
	NAME(CLIENT_APPEND_HANDSHAKE_HEADER);
	NAME(CLIENT_HTTP_WRITEABLE);
	NAME(CLIENT_HTTP_REDIRECT);
	NAME(CLIENT_FILTER_PRE_ESTABLISH);
	NAME(ESTABLISHED_CLIENT_HTTP);
	NAME(RECEIVE_CLIENT_HTTP);
	NAME(RECEIVE_CLIENT_HTTP_READ);
	NAME(COMPLETED_CLIENT_HTTP);
	NAME(CLOSED_CLIENT_HTTP);
	NAME(CLIENT_CONNECTION_ERROR);
	NAME(WSI_TX_CREDIT_GET);
#undef NAME
	default:
		return NULL;
	}
}

static int is(const char *name, enum lws_callback_reasons reason)
{
	const char *own_name = reason_name(reason);

	return name && own_name && !strcmp(name, own_name);
}

static const char *user_of(const void *user)
{
	static char text[16];
	int n;

	if (!user)
		return "NULL";
	for (n = 0; n <= REQUESTS; n++)
		if (user == &own[n]) {
			lws_snprintf(text, sizeof(text), "own%d", n);
			return text;
		}
	lws_snprintf(text, sizeof(text), "pss%d", ((const struct session *)user)->stamp);
	return text;
}

/* ---- what is sent ---- */

/* The n-th piece of the body, and how many there are. */
static size_t piece(int n, const char **at, int *count)
{
	const char *p = option.body;
	size_t len = 0;

	*at = NULL;
	for (*count = 0; p && *p; (*count)++) {
		const char *end = strchr(p, ',');

		if (*count == n) {
			*at = p;
			len = end ? (size_t)(end - p) : strlen(p);
		}
		p = end ? end + 1 : NULL;
	}
	return len;
}

static int is_sent(const struct session *session)
{
	const char *at;
	int count;

	piece(0, &at, &count);
	return !session || session->sent >= count;
}

/* ---- printing; a body's pieces are one ---- */

static char body[65536];
static size_t body_len, body_said;
static int body_of, told_of, told_again;

static void flush_body(void)
{
	size_t n;

	if (!body_of)
		return;
	printf("w%d body of %u: ", body_of, (unsigned int)body_len);
	for (n = 0; n < body_len && n < 1000; n++)
		if (body[n] == '\n')
			printf("\n   | ");
		else
			putchar(body[n]);
	puts("");
	body_of = 0;
	body_len = body_said = 0;
}

static void say(const struct lws *wsi, enum lws_callback_reasons reason, const void *user, const void *in, size_t len)
{
	const char *name = reason_name(reason);

	/* lws asks streams for more than there is, any number of times */
	if (!name || (reason == LWS_CALLBACK_CLIENT_HTTP_WRITEABLE && is_sent(user)))
		return;
	/* not raised for a session that is resumed, which a later one may be */
	if (reason == LWS_CALLBACK_OPENSSL_PERFORM_SERVER_CERT_VERIFICATION && name_of(wsi) > 1)
		return;
	if (reason == LWS_CALLBACK_RECEIVE_CLIENT_HTTP) {
		if (body_of == name_of(wsi))
			return;
		if (told_of == name_of(wsi)) {
			if (!told_again++)
				puts("   again");
			return;
		}
	}
	told_of = reason == LWS_CALLBACK_RECEIVE_CLIENT_HTTP ? name_of(wsi) : 0;
	told_again = 0;
	if (reason == LWS_CALLBACK_RECEIVE_CLIENT_HTTP_READ) {
		if (body_of != name_of(wsi)) {
			flush_body();
			printf("w%d %s user=%s\n", name_of(wsi), name, user_of(user));
			body_of = name_of(wsi);
		}
		if (len <= sizeof(body) - body_len) {
			memcpy(body + body_len, in, len);
			body_len += len;
		}
		return;
	}
	flush_body();
	if (reason == LWS_CALLBACK_CLIENT_HTTP_BIND_PROTOCOL && asking)
		forget(wsi);
	/* to lws this one's user is of OpenSSL */
	printf("w%d %s user=%s", name_of(wsi), name,
	       reason == LWS_CALLBACK_OPENSSL_PERFORM_SERVER_CERT_VERIFICATION ? "?" : user_of(user));
	if (reason == LWS_CALLBACK_CLIENT_CONNECTION_ERROR || reason == LWS_CALLBACK_CLIENT_HTTP_REDIRECT)
		printf(" in=%s", in ? (const char *)in : "NULL");
	if (reason == LWS_CALLBACK_CLIENT_HTTP_REDIRECT)
		printf(" len=%u", (unsigned int)len);
	if (reason == LWS_CALLBACK_CHILD_CLOSING)
		printf(" in=%s", in == wsi ? "wsi" : "other");
	puts("");
}

static void say_header(struct lws *wsi, const char *name, enum lws_token_indexes token)
{
	char value[256];
	int length = lws_hdr_total_length(wsi, token), copied = lws_hdr_copy(wsi, value, sizeof(value), token);

	printf("   %s length %d copy %d%s%s\n", name, length, copied, copied > 0 ? " " : "", copied > 0 ? value : "");
}

static void say_custom(struct lws *wsi, const char *name)
{
	char value[256];
	int n = (int)strlen(name), length = lws_hdr_custom_length(wsi, name, n),
	    copied = lws_hdr_custom_copy(wsi, value, sizeof(value), name, n);

	printf("   %s length %d copy %d%s%s\n", name, length, copied, copied > 0 ? " " : "", copied > 0 ? value : "");
}

static void say_answer(struct lws *wsi)
{
	printf("   response %u\n", lws_http_client_http_response(wsi));
}

static void say_wsi(struct lws *wsi)
{
	const struct lws_protocols *protocol = lws_get_protocol(wsi);
	void *opaque = lws_get_opaque_user_data(wsi);
	struct lws *parent = lws_get_parent(wsi);
	int n, seat = 0;

	for (n = 1; n <= requests; n++)
		if (seats[n] == wsi)
			seat = n;
	printf("   protocol %s user %s opaque %s parent %s seat %s network %s redirected %d\n",
	       protocol ? protocol->name : "NULL", user_of(lws_wsi_user(wsi)), user_of(opaque),
	       parent ? "yes" : "no", seat ? "yes" : "no", lws_get_network_wsi(wsi) == wsi ? "itself" : "other",
	       lws_http_is_redirected_to_get(wsi));
}

/* ---- asking ---- */

static void ask(const char *path, size_t path_len, struct lws *parent, const char *protocol)
{
	struct lws_client_connect_info info;
	char text[256];
	struct lws *wsi;
	int n = ++requests;

	memset(&info, 0, sizeof(info));
	lws_strnncpy(text, path, path_len, sizeof(text));
	info.context = context;
	info.vhost = lws_get_vhost_by_name(context, "client");
	info.address = "127.0.0.1";
	info.host = "localhost";
	info.port = option.port;
	info.path = text;
	info.method = option.method;
	info.alpn = option.alpn;
	info.local_protocol_name = protocol;
	info.pwsi = &seats[n];
	info.parent_wsi = parent;
	info.keep_warm_secs = (uint16_t)option.keep_warm;
	if (option.own) {
		own[n].stamp = n;
		info.userdata = &own[n];
		info.opaque_user_data = &own[0];
	}
	if (option.tls)
		info.ssl_connection |= LCCSCF_USE_SSL | LCCSCF_ALLOW_SELFSIGNED | LCCSCF_ALLOW_INSECURE |
				       LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK;
	if (option.prior)
		info.ssl_connection |= LCCSCF_H2_PRIOR_KNOWLEDGE;
	if (option.pipeline)
		info.ssl_connection |= LCCSCF_PIPELINE;
	if (option.no_follow)
		info.ssl_connection |= LCCSCF_HTTP_NO_FOLLOW_REDIRECT;
	if (option.form)
		info.ssl_connection |= !strcmp(option.form, "multipart") ? LCCSCF_HTTP_MULTIPART_MIME :
									   LCCSCF_HTTP_X_WWW_FORM_URLENCODED;
	printf("-- request %d for %s\n", n, text);
	seats[n] = (struct lws *)&own;
	asking = 1;
	wsi = lws_client_connect_via_info(&info);
	asking = 0;
	printf("-- request %d returned %s, pwsi %s\n", n, wsi ? "a wsi" : "NULL",
	       !seats[n] ? "NULL" : seats[n] == wsi ? "the same" : "another");
	if (!wsi)
		over++;
}

static void give_up(lws_sorted_usec_list_t *sul)
{
	(void)sul;
	flush_body();
	puts("-- gave up");
	stopping = 1;
	lws_cancel_service(context);
}

static void stop(lws_sorted_usec_list_t *sul)
{
	(void)sul;
	stopping = 1;
	lws_cancel_service(context);
}

static void ask_next(lws_sorted_usec_list_t *sul)
{
	(void)sul;
	flush_body();
	ask(option.then, strlen(option.then), NULL, option.protocol);
	option.then = NULL;
}

/* ---- reading and writing ---- */

static int read_body(struct lws *wsi, int size)
{
	char buf[LWS_PRE + 4096], *p = &buf[LWS_PRE];
	int len = size, result = lws_http_client_read(wsi, &p, &len), moved = (int)(p - &buf[LWS_PRE]);

	if (size == 4 && !body_said) {
		body_said = 1;
		printf("   read %d, moved %s, len %d\n", result, moved == 4 ? "4" : "elsewhere", len);
	}
	return result < 0 ? -1 : 0;
}

static void read_later(lws_sorted_usec_list_t *sul)
{
	(void)sul;
	flush_body();
	puts("-- reads");
	if (read_body(unread, 4096))
		lws_set_timeout(unread, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
}

static size_t whole_length(void)
{
	const char *at;
	size_t sum = 0;
	int n, count = 1;

	for (n = 0; n < count; n++)
		sum += piece(n, &at, &count);
	return sum;
}

static int write_body(struct lws *wsi, struct session *session)
{
	char buf[LWS_PRE + 4096], *p = &buf[LWS_PRE], *end = &buf[sizeof(buf) - 1];
	const char *at;
	size_t len;
	int count, last, result;

	if (!session || !option.body)
		return 0;
	len = piece(session->sent, &at, &count);
	if (session->sent >= count)
		return 0;
	last = session->sent + 1 == count;
	session->sent++;
	if (option.form && !strcmp(option.form, "multipart") &&
	    lws_client_http_multipart(wsi, "field", NULL, NULL, &p, end))
		return -1;
	memcpy(p, at, len);
	p += len;
	if (last && option.form && !strcmp(option.form, "multipart") &&
	    lws_client_http_multipart(wsi, NULL, NULL, NULL, &p, end))
		return -1;
	if (last)
		lws_client_http_body_pending(wsi, 0);
	len = lws_ptr_diff_size_t(p, &buf[LWS_PRE]);
	result = lws_write(wsi, (unsigned char *)&buf[LWS_PRE], len, last ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP);
	printf("   write of %s returned %s\n", last ? "the last piece" : "a piece",
	       result == (int)len ? "its length" : result < 0 ? "an error" : "another length");
	if (!last)
		lws_callback_on_writable(wsi);
	return result < (int)len ? -1 : 0;
}

static int append_headers(struct lws *wsi, unsigned char **p, size_t room)
{
	unsigned char *end = *p + room;
	char length[24];

	if (lws_add_http_header_by_name(wsi, (const unsigned char *)"x-test:", (const unsigned char *)"one", 3, p, end))
		return -1;
	if (!option.body)
		return 0;
	if (option.length) {
		int n = lws_snprintf(length, sizeof(length), "%u", (unsigned int)whole_length());

		if (lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, (unsigned char *)length, n, p, end))
			return -1;
	}
	if (!option.form) {
		lws_client_http_body_pending(wsi, 1);
		lws_callback_on_writable(wsi);
	}
	return 0;
}

/* ---- callbacks ---- */

static void is_over(void)
{
	if (++over == requests && !option.then)
		lws_sul_schedule(context, 0, &linger, stop, 500 * LWS_US_PER_MS);
}

static int callback_client(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	if (reason == LWS_CALLBACK_CLIENT_HTTP_BIND_PROTOCOL && user && !option.own)
		((struct session *)user)->stamp = ++binds;
	say(wsi, reason, user, in, len);
	if (is(option.timeout, reason))
		lws_set_timeout(wsi, PENDING_TIMEOUT_USER_REASON_BASE, 1);
	if (is(option.kill, reason))
		lws_set_timeout(wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
	if (is(option.refuse, reason)) {
		if (reason == LWS_CALLBACK_CLIENT_CONNECTION_ERROR || reason == LWS_CALLBACK_CLOSED_CLIENT_HTTP)
			is_over();
		return -1;
	}

	switch (reason) {
	case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
		say_wsi(wsi);
		return append_headers(wsi, in, len);

	case LWS_CALLBACK_CLIENT_HTTP_WRITEABLE:
		return write_body(wsi, user);

	case LWS_CALLBACK_CLIENT_FILTER_PRE_ESTABLISH:
		say_answer(wsi);
		say_header(wsi, "content-length", WSI_TOKEN_HTTP_CONTENT_LENGTH);
		break;

	case LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP:
		say_answer(wsi);
		say_wsi(wsi);
		say_header(wsi, "content-length", WSI_TOKEN_HTTP_CONTENT_LENGTH);
		say_header(wsi, "content-type", WSI_TOKEN_HTTP_CONTENT_TYPE);
		say_header(wsi, "location", WSI_TOKEN_HTTP_LOCATION);
		say_header(wsi, "www-authenticate", WSI_TOKEN_HTTP_WWW_AUTHENTICATE);
		say_custom(wsi, "x-mixed:");
		say_custom(wsi, "x-none:");
		if (option.child) {
			const char *path = option.child;

			option.child = NULL;
			ask(path, strlen(path), wsi, option.protocol);
			printf("   child %s\n", lws_get_child(wsi) ? "yes" : "no");
		}
		break;

	case LWS_CALLBACK_RECEIVE_CLIENT_HTTP:
		if (!strcmp(option.read, "never"))
			break;
		if (!strcmp(option.read, "later")) {
			unread = wsi;
			lws_sul_schedule(context, 0, &later, read_later, 100 * LWS_US_PER_MS);
			break;
		}
		return read_body(wsi, !strcmp(option.read, "small") ? 4 : 4096);

	case LWS_CALLBACK_COMPLETED_CLIENT_HTTP:
		say_answer(wsi);
		if (option.then)
			lws_sul_schedule(context, 0, &next, ask_next, 100 * LWS_US_PER_MS);
		/* a connection that is kept is not closed until much later */
		if (option.pipeline)
			is_over();
		break;

	case LWS_CALLBACK_CLOSED_CLIENT_HTTP:
		if (option.own)
			say_answer(wsi);
		if (!option.pipeline)
			is_over();
		break;

	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		say_answer(wsi);
		is_over();
		break;

	case LWS_CALLBACK_WSI_DESTROY:
		forget(wsi);
		break;

	default:
		break;
	}
	return 0;
}

/* Whose request reaches this program's own server, and is not talked of. */
static int callback_quiet(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	char buf[LWS_PRE + 1024], *p = &buf[LWS_PRE];
	int room = sizeof(buf) - LWS_PRE;

	(void)user;
	(void)in;
	(void)len;
	if (reason == LWS_CALLBACK_RECEIVE_CLIENT_HTTP)
		return lws_http_client_read(wsi, &p, &room) < 0 ? -1 : 0;
	if (reason == LWS_CALLBACK_CLOSED_CLIENT_HTTP || reason == LWS_CALLBACK_CLIENT_CONNECTION_ERROR)
		is_over();
	return 0;
}

static int callback_server(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	struct session *session = user;

	switch (reason) {
	case LWS_CALLBACK_HTTP:
		session->stamp = 100;
		ask(option.path, strlen(option.path), wsi, option.protocol);
		printf("   child %s\n", lws_get_child(wsi) ? "yes" : "no");
		if (strstr(in, "hangup"))
			return -1;
		return 0;

	case LWS_CALLBACK_CHILD_CLOSING:
		say(wsi, reason, user, in, len);
		printf("   parent %s\n", lws_get_parent(in) ? "yes" : "no");
		if (lws_get_parent(in))
			lws_set_timeout(lws_get_parent(in), PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
		return 0;

	case LWS_CALLBACK_CLOSED_HTTP:
		flush_body();
		puts("-- the server's connection closes");
		return 0;

	default:
		return lws_callback_http_dummy(wsi, reason, user, in, len);
	}
}

static const struct lws_protocols protocols[] = {
	{ "first", lws_callback_http_dummy, 0, 0, 0, NULL, 0 },
	{ "client", callback_client, sizeof(struct session), 0, 0, NULL, 0 },
	{ "nopss", callback_client, 0, 0, 0, NULL, 0 },
	{ "quiet", callback_quiet, 0, 0, 0, NULL, 0 },
	LWS_PROTOCOL_LIST_TERM
};

/* The vhost's first protocol hears of WSI_CREATE and WSI_DESTROY. */
static const struct lws_protocols loud[] = {
	{ "client", callback_client, sizeof(struct session), 0, 0, NULL, 0 },
	{ "nopss", callback_client, 0, 0, 0, NULL, 0 },
	{ "quiet", callback_quiet, 0, 0, 0, NULL, 0 },
	LWS_PROTOCOL_LIST_TERM
};

static const struct lws_protocols serving[] = {
	{ "server", callback_server, sizeof(struct session), 0, 0, NULL, 0 },
	LWS_PROTOCOL_LIST_TERM
};

static void serve(void)
{
	static const struct lws_http_mount mount = {
		.mountpoint = "/", .mountpoint_len = 1, .origin = "server", .origin_protocol = LWSMPRO_CALLBACK,
	};
	struct lws_context_creation_info info;
	struct lws_vhost *vhost;
	int port = option.port, is_tls = option.tls;

	memset(&info, 0, sizeof(info));
	info.vhost_name = "server";
	info.mounts = &mount;
	info.protocols = serving;
	vhost = lws_create_vhost(context, &info);
	if (!vhost)
		exit(1);
	option.port = lws_get_vhost_listen_port(vhost);
	option.tls = 0;
	ask("/outer", 6, NULL, "quiet");
	option.port = port;
	option.tls = is_tls;
}

static const char *value_of(const char *arg, const char *name)
{
	size_t len = strlen(name);

	return !strncmp(arg, name, len) && arg[len] == '=' ? arg + len + 1 : NULL;
}

static int parse(const char *arg)
{
	const struct {
		const char *name, **value;
	} texts[] = {
		{ "--path", &option.path }, { "--then", &option.then }, { "--method", &option.method },
		{ "--alpn", &option.alpn }, { "--protocol", &option.protocol }, { "--body", &option.body },
		{ "--form", &option.form }, { "--read", &option.read }, { "--refuse", &option.refuse },
		{ "--timeout", &option.timeout }, { "--kill", &option.kill }, { "--child", &option.child },
	};
	const struct {
		const char *name;
		int *value;
	} flags[] = {
		{ "--tls", &option.tls }, { "--prior-knowledge", &option.prior }, { "--pipeline", &option.pipeline },
		{ "--no-follow", &option.no_follow }, { "--own", &option.own }, { "--length", &option.length },
		{ "--through", &option.through },
	};
	const char *v;
	size_t n;

	for (n = 0; n < LWS_ARRAY_SIZE(texts); n++)
		if ((v = value_of(arg, texts[n].name))) {
			*texts[n].value = v;
			return 0;
		}
	for (n = 0; n < LWS_ARRAY_SIZE(flags); n++)
		if (!strcmp(arg, flags[n].name)) {
			*flags[n].value = 1;
			return 0;
		}
	if ((v = value_of(arg, "--port"))) {
		option.port = atoi(v);
		return 0;
	}
	if ((v = value_of(arg, "--keep-warm"))) {
		option.keep_warm = atoi(v);
		return 0;
	}
	return 1;
}

int main(int argc, char **argv)
{
	struct lws_context_creation_info info;
	const char *path, *end;
	int n;

	setvbuf(stdout, NULL, _IOLBF, 0);
	lws_set_log_level(LLL_ERR, NULL);
	for (n = 1; n < argc; n++)
		if (parse(argv[n])) {
			fprintf(stderr, "unknown argument %s\n", argv[n]);
			return 2;
		}
	memset(&info, 0, sizeof(info));
	info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
		       LWS_SERVER_OPTION_DISABLE_IPV6;
	info.port = CONTEXT_PORT_NO_LISTEN;
	info.vhost_name = "client";
	info.protocols = option.through ? protocols : loud;
	context = lws_create_context(&info);
	if (!context || !lws_create_vhost(context, &info))
		return 1;
	lws_sul_schedule(context, 0, &limit, give_up, 8 * LWS_US_PER_SEC);
	if (option.through)
		serve();
	else
		for (path = option.path; path; path = end ? end + 1 : NULL) {
			end = strchr(path, ',');
			ask(path, end ? (size_t)(end - path) : strlen(path), NULL, option.protocol);
		}
	if (over == requests && !option.then)
		stopping = 1;
	while (!stopping && lws_service(context, 0) >= 0)
		;
	flush_body();
	puts("-- destroying");
	lws_context_destroy(context);
	puts("-- destroyed");
	return 0;
}
