/*
 * An HTTP server with a route for each thing that a test wants to see from outside.
 *
 * Stdout says what reaches the application: "app METHOD URI", "complete", "file done",
 * "closed". Stdin: "stats" prints the library's statistics as JSON, "vhost-destroy" destroys the last
 * vhost, end of file ends the program.
 *
 *   --port=N --iface=NAME --unix=PATH --ipv6 --www=DIR --tls=CERT,KEY --key-password=TEXT
 *   --tls-memory (the files' contents are given instead of their names) --alpn=LIST
 *   --vhost=NAME,DIR[,CERT,KEY] (again: more vhosts on the same port) --h2-prior-knowledge
 *   --security-headers --cache=SECONDS --mime=SUFFIX,TYPE --header=NAME,VALUE (on each vhost response)
 *   --error-document=PATH --max-header=BYTES --keepalive=SECONDS --timeout=SECONDS
 *   --file-mount=PATH,DIR --callback-mount=PATH,PROTOCOL --redirect=PATH,TARGET
 *   --buffer=BYTES (pt_serv_buf_size)
 *
 * Routes below the callback mount /cb: see struct route.
 */
#define _GNU_SOURCE
#include <libwebsockets.h>
#ifdef LWS_FERROWS
#include <ferrows.h>
#endif

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VHOST_MAX 8
#define MOUNT_MAX 8

struct session;

struct route {
	const char *uri;
	/* at LWS_CALLBACK_HTTP, and again when the body is complete */
	int (*start)(struct lws *wsi, struct session *session);
	int takes_body;
};

struct session {
	const struct route *route;
	char method[16];
	char uri[512];
	unsigned char *out;
	size_t out_len, sent, piece;
	unsigned char *body;
	size_t body_len;
	int slow;
};

static struct lws_context *context;
static struct lws_vhost *vhosts[VHOST_MAX];
static unsigned int vhost_count;
static volatile int stopping, stats_wanted, vhost_destroy_wanted;
static const char *www = ".";

/* ---- answering ---- */

static int head_only(const struct session *session)
{
	return !strcmp(session->method, "HEAD");
}

/* Takes over `out`, which has LWS_PRE bytes of room in front. piece 0: in one lws_write. */
static int answer(struct lws *wsi, struct session *session, unsigned char *out, size_t len,
		  const char *type, int with_length)
{
	unsigned char buf[LWS_PRE + 2048], *start = &buf[LWS_PRE], *p = start,
		      *end = &buf[sizeof(buf) - 1];

	free(session->out);
	session->out = out;
	session->out_len = len;
	session->sent = 0;
	if (lws_add_http_common_headers(wsi, HTTP_STATUS_OK, type,
					with_length ? len : LWS_ILLEGAL_HTTP_CONTENT_LEN, &p, end))
		return 1;
	if (lws_finalize_write_http_header(wsi, start, &p, end))
		return 1;
	if (head_only(session) || (!len && with_length))
		return lws_http_transaction_completed(wsi) ? -1 : 0;
	lws_callback_on_writable(wsi);
	return 0;
}

static int answer_text(struct lws *wsi, struct session *session, const char *text)
{
	size_t len = strlen(text);
	unsigned char *out = malloc(LWS_PRE + len);

	if (!out)
		return 1;
	memcpy(out + LWS_PRE, text, len);
	return answer(wsi, session, out, len, "text/plain", 1);
}

static int write_next(struct lws *wsi, struct session *session)
{
	static unsigned char copy[LWS_PRE + 65536];
	size_t n = session->out_len - session->sent;
	unsigned char *from = session->out + LWS_PRE + session->sent;
	int result;

	if (session->piece && n > session->piece) {
		n = session->piece;
		if (n > sizeof(copy) - LWS_PRE)
			n = sizeof(copy) - LWS_PRE;
	}
	if (n <= sizeof(copy) - LWS_PRE) {
		/* what is in front of it is not ours to give */
		memcpy(copy + LWS_PRE, from, n);
		from = copy + LWS_PRE;
	}
	session->sent += n;
	result = lws_write(wsi, from, n,
			   session->sent == session->out_len ? LWS_WRITE_HTTP_FINAL :
							       LWS_WRITE_HTTP);
	if (result < 0)
		return -1;
	if (result != (int)n) {
		printf("lws_write of %u said %d\n", (unsigned int)n, result);
		return -1;
	}
	if (session->sent < session->out_len) {
		lws_callback_on_writable(wsi);
		return 0;
	}
	return lws_http_transaction_completed(wsi) ? -1 : 0;
}

/* ---- routes ---- */

static size_t argument(struct lws *wsi, const char *name, size_t otherwise)
{
	char value[32];
	const char *found = lws_get_urlarg_by_name(wsi, name, value, sizeof(value));

	return found ? (size_t)strtoull(found, NULL, 10) : otherwise;
}

static int route_dyn(struct lws *wsi, struct session *session)
{
	return answer_text(wsi, session, "hello world\n");
}

/* ?n=LENGTH&piece=BYTES&length=0|1 : letters, repeating */
static int route_size(struct lws *wsi, struct session *session)
{
	size_t n = argument(wsi, "n=", 1000), i;
	int with_length = argument(wsi, "length=", 1) != 0;
	unsigned char *out = malloc(LWS_PRE + n + 1);

	if (!out)
		return 1;
	for (i = 0; i < n; i++)
		out[LWS_PRE + i] = (unsigned char)('a' + i % 26);
	session->piece = argument(wsi, "piece=", 0);
	return answer(wsi, session, out, n, "text/plain", with_length);
}

static int route_echo(struct lws *wsi, struct session *session)
{
	unsigned char *out = malloc(LWS_PRE + session->body_len + 1);

	if (!out)
		return 1;
	memcpy(out + LWS_PRE, session->body, session->body_len);
	return answer(wsi, session, out, session->body_len, "application/octet-stream", 1);
}

static int route_count(struct lws *wsi, struct session *session)
{
	char text[64];

	lws_snprintf(text, sizeof(text), "got %lu\n", (unsigned long)session->body_len);
	return answer_text(wsi, session, text);
}

static size_t dump_token(struct lws *wsi, const char *name, enum lws_token_indexes token,
			 char *at, size_t room)
{
	char value[1024];
	int length = lws_hdr_total_length(wsi, token);
	int copied = lws_hdr_copy(wsi, value, sizeof(value), token);

	if (copied < 0)
		return (size_t)lws_snprintf(at, room, "%s: length %d, too long\n", name, length);
	if (!length)
		return 0;
	return (size_t)lws_snprintf(at, room, "%s=%s (%d)\n", name, value, length);
}

static int route_headers(struct lws *wsi, struct session *session)
{
	static const struct {
		const char *name;
		enum lws_token_indexes token;
	} tokens[] = {
		{ "host", WSI_TOKEN_HOST },
		{ "authority", WSI_TOKEN_HTTP_COLON_AUTHORITY },
		{ "user-agent", WSI_TOKEN_HTTP_USER_AGENT },
		{ "accept", WSI_TOKEN_HTTP_ACCEPT },
		{ "content-type", WSI_TOKEN_HTTP_CONTENT_TYPE },
		{ "content-length", WSI_TOKEN_HTTP_CONTENT_LENGTH },
		{ "cookie", WSI_TOKEN_HTTP_COOKIE },
		{ "referer", WSI_TOKEN_HTTP_REFERER },
		{ "authorization", WSI_TOKEN_HTTP_AUTHORIZATION },
		{ "args", WSI_TOKEN_HTTP_URI_ARGS },
	};
	char text[8192], value[1024], *uri = NULL;
	size_t at = 0, n;
	int length, method, fragment;

	method = lws_http_get_uri_and_method(wsi, &uri, &length);
	at += (size_t)lws_snprintf(text + at, sizeof(text) - at, "method=%d\nuri=%.*s\n", method,
				   uri ? length : 0, uri ? uri : "");
	for (n = 0; n < LWS_ARRAY_SIZE(tokens); n++)
		at += dump_token(wsi, tokens[n].name, tokens[n].token, text + at,
				 sizeof(text) - at);

	for (fragment = 0; (length = lws_hdr_copy_fragment(wsi, value, sizeof(value),
							   WSI_TOKEN_HTTP_URI_ARGS, fragment)) > 0;
	     fragment++)
		at += (size_t)lws_snprintf(text + at, sizeof(text) - at, "arg %d=%s\n", fragment,
					   value);
	length = lws_get_urlarg_by_name_safe(wsi, "a=", value, sizeof(value));
	if (length >= 0)
		at += (size_t)lws_snprintf(text + at, sizeof(text) - at, "a=%s (%d)\n", value,
					   length);

	length = lws_hdr_custom_length(wsi, "x-test:", 7);
	if (length >= 0 && lws_hdr_custom_copy(wsi, value, sizeof(value), "x-test:", 7) >= 0)
		at += (size_t)lws_snprintf(text + at, sizeof(text) - at, "x-test=%s (%d)\n", value,
					   length);
	/* too small a buffer is an error, not a cut */
	if (length > 1 && lws_hdr_custom_copy(wsi, value, length, "x-test:", 7) >= 0)
		at += (size_t)lws_snprintf(text + at, sizeof(text) - at, "x-test was cut\n");

	n = sizeof(value);
	if (!lws_http_cookie_get(wsi, "crumb", value, &n))
		at += (size_t)lws_snprintf(text + at, sizeof(text) - at, "crumb=%s (%d)\n", value,
					   (int)n);
	lws_get_peer_simple(wsi, value, sizeof(value));
	lws_snprintf(text + at, sizeof(text) - at, "peer=%s\n", value);
	return answer_text(wsi, session, text);
}

static int route_redirect(struct lws *wsi, struct session *session)
{
	unsigned char buf[LWS_PRE + 1024], *p = &buf[LWS_PRE], *end = &buf[sizeof(buf) - 1];
	static const char target[] = "/elsewhere?from=here";

	(void)session;
	if (lws_http_redirect(wsi, HTTP_STATUS_SEE_OTHER, (const unsigned char *)target,
			      (int)strlen(target), &p, end) < 0)
		return -1;
	return lws_http_transaction_completed(wsi) ? -1 : 0;
}

/* ?s=STATUS */
static int route_status(struct lws *wsi, struct session *session)
{
	(void)session;
	if (lws_return_http_status(wsi, (unsigned int)argument(wsi, "s=", 200), "as you like"))
		return -1;
	return lws_http_transaction_completed(wsi) ? -1 : 0;
}

static int route_file(struct lws *wsi, struct session *session)
{
	char path[1024];
	int n;

	(void)session;
	lws_snprintf(path, sizeof(path), "%s/index.html", www);
	n = lws_serve_http_file(wsi, path, "text/x-served", "x-served: yes\x0d\x0a", 15);
	if (n < 0 || (n > 0 && lws_http_transaction_completed(wsi)))
		return -1;
	return 0;
}

/* One byte per 10 ms, five times. */
static int route_slow(struct lws *wsi, struct session *session)
{
	unsigned char *out = malloc(LWS_PRE + 5);

	if (!out)
		return 1;
	memcpy(out + LWS_PRE, "slow\n", 5);
	session->piece = 1;
	session->slow = 1;
	if (answer(wsi, session, out, 5, "text/plain", 1))
		return 1;
	return 0;
}

static int route_hang(struct lws *wsi, struct session *session)
{
	(void)wsi;
	(void)session;
	return 0;
}

static int route_close(struct lws *wsi, struct session *session)
{
	(void)wsi;
	(void)session;
	return -1;
}

/* What of a header that would inject another one is accepted. */
static int route_inject(struct lws *wsi, struct session *session)
{
	static const unsigned char value[] = "a\x0d\x0aset-cookie: evil=1";
	unsigned char buf[LWS_PRE + 1024], *p = &buf[LWS_PRE], *end = &buf[sizeof(buf) - 1];
	int by_name, by_token, name;

	by_name = lws_add_http_header_by_name(wsi, (const unsigned char *)"x-value:", value,
					      (int)sizeof(value) - 1, &p, end);
	p = &buf[LWS_PRE];
	by_token = lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_LOCATION, value,
						(int)sizeof(value) - 1, &p, end);
	p = &buf[LWS_PRE];
	name = lws_add_http_header_by_name(wsi, (const unsigned char *)"x\x0d\x0a-value:",
					   (const unsigned char *)"ok", 2, &p, end);
	return answer_text(wsi, session, by_name && by_token && name ? "refused\n" : "accepted\n");
}

/* Own headers, with a buffer that is too small at first. */
static int route_custom(struct lws *wsi, struct session *session)
{
	unsigned char buf[LWS_PRE + 2048], *start = &buf[LWS_PRE], *p = start,
		      *end = &buf[sizeof(buf) - 1], *small = start + 20;

	if (!lws_add_http_header_by_name(wsi, (const unsigned char *)"x-much-too-long-for-this:",
					 (const unsigned char *)"value", 5, &p, small))
		return -1;
	p = start;
	if (lws_add_http_header_status(wsi, 201, &p, end) ||
	    lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_CONTENT_TYPE,
					 (const unsigned char *)"text/custom", 11, &p, end) ||
	    lws_add_http_header_by_name(wsi, (const unsigned char *)"X-Mixed-Case:",
					(const unsigned char *)"Yes", 3, &p, end) ||
	    lws_add_http_header_by_name(wsi, (const unsigned char *)"set-cookie:",
					(const unsigned char *)"a=1", 3, &p, end) ||
	    lws_add_http_header_by_name(wsi, (const unsigned char *)"set-cookie:",
					(const unsigned char *)"b=2", 3, &p, end) ||
	    lws_add_http_header_content_length(wsi, 7, &p, end) ||
	    lws_finalize_http_header(wsi, &p, end))
		return -1;
	if (lws_write(wsi, start, lws_ptr_diff_size_t(p, start), LWS_WRITE_HTTP_HEADERS) < 0)
		return -1;
	session->out = malloc(LWS_PRE + 7);
	if (!session->out)
		return -1;
	memcpy(session->out + LWS_PRE, "custom\n", 7);
	session->out_len = 7;
	lws_callback_on_writable(wsi);
	return 0;
}

/* Several writes without waiting for writeability. */
static int route_burst(struct lws *wsi, struct session *session)
{
	unsigned char buf[LWS_PRE + 3000];
	int n;

	(void)session;
	{
		unsigned char *start = &buf[LWS_PRE], *p = start, *end = &buf[sizeof(buf) - 1];

		if (lws_add_http_common_headers(wsi, 200, "text/plain", 100 * 1000, &p, end) ||
		    lws_finalize_write_http_header(wsi, start, &p, end))
			return -1;
	}
	for (n = 0; n < 100; n++) {
		memset(&buf[LWS_PRE], 'a' + n % 26, 1000);
		if (lws_write(wsi, &buf[LWS_PRE], 1000,
			      n == 99 ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) != 1000)
			return -1;
	}
	return lws_http_transaction_completed(wsi) ? -1 : 0;
}

static const struct route routes[] = {
	{ "/cb/dyn", route_dyn, 0 },
	{ "/cb/size", route_size, 0 },
	{ "/cb/echo", route_echo, 1 },
	{ "/cb/count", route_count, 1 },
	{ "/cb/headers", route_headers, 0 },
	{ "/cb/redirect", route_redirect, 0 },
	{ "/cb/status", route_status, 0 },
	{ "/cb/file", route_file, 0 },
	{ "/cb/slow", route_slow, 0 },
	{ "/cb/hang", route_hang, 0 },
	{ "/cb/close", route_close, 0 },
	{ "/cb/inject", route_inject, 0 },
	{ "/cb/custom", route_custom, 0 },
	{ "/cb/burst", route_burst, 0 },
};

/* ---- the protocol ---- */

static const struct route *find_route(struct lws *wsi, struct session *session)
{
	static const struct {
		const char *name;
		enum lws_token_indexes token;
	} methods[] = {
		{ "GET", WSI_TOKEN_GET_URI },
		{ "POST", WSI_TOKEN_POST_URI },
		{ "PUT", WSI_TOKEN_PUT_URI },
		{ "PATCH", WSI_TOKEN_PATCH_URI },
		{ "DELETE", WSI_TOKEN_DELETE_URI },
		{ "HEAD", WSI_TOKEN_HEAD_URI },
		{ "OPTIONS", WSI_TOKEN_OPTIONS_URI },
	};
	char *uri = NULL;
	int length = 0;
	size_t n;

	strcpy(session->method, "?");
	if (lws_hdr_copy(wsi, session->method, sizeof(session->method), WSI_TOKEN_HTTP_COLON_METHOD) <=
	    0)
		for (n = 0; n < LWS_ARRAY_SIZE(methods); n++)
			if (lws_hdr_total_length(wsi, methods[n].token))
				strcpy(session->method, methods[n].name);

	if (lws_http_get_uri_and_method(wsi, &uri, &length) < 0 || !uri)
		return NULL;
	lws_snprintf(session->uri, sizeof(session->uri), "%.*s", length, uri);
	for (n = 0; n < LWS_ARRAY_SIZE(routes); n++)
		if (!strcmp(routes[n].uri, session->uri))
			return &routes[n];
	return NULL;
}

static int has_body(const struct session *session)
{
	return !strcmp(session->method, "POST") || !strcmp(session->method, "PUT") ||
	       !strcmp(session->method, "PATCH");
}

static int take_body(struct session *session, const void *in, size_t len)
{
	/* /cb/count takes any length; the others keep what came */
	if (session->route && session->route->start != route_count && len) {
		unsigned char *more = realloc(session->body, session->body_len + len);

		if (!more)
			return -1;
		memcpy(more + session->body_len, in, len);
		session->body = more;
	}
	session->body_len += len;
	return 0;
}

static int callback_http(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
			 size_t len)
{
	struct session *session = user;

	switch (reason) {
	case LWS_CALLBACK_HTTP:
		session->route = find_route(wsi, session);
		printf("app %s %s\n", session->method, session->uri);
		if (!session->route)
			break;
		if (session->route->takes_body && has_body(session))
			return 0;
		return session->route->start(wsi, session);

	case LWS_CALLBACK_HTTP_BODY:
		return take_body(session, in, len);

	case LWS_CALLBACK_HTTP_BODY_COMPLETION:
		puts("complete");
		if (session->route && session->route->takes_body)
			return session->route->start(wsi, session);
		return 0;

	case LWS_CALLBACK_HTTP_WRITEABLE:
		if (!session || !session->out || session->sent == session->out_len)
			return 0;
		if (session->slow) {
			lws_set_timer_usecs(wsi, 10000);
			return 0;
		}
		return write_next(wsi, session);

	case LWS_CALLBACK_TIMER:
		if (session && session->slow) {
			/* WRITEABLE only starts the clock again */
			return write_next(wsi, session);
		}
		return 0;

	case LWS_CALLBACK_HTTP_FILE_COMPLETION:
		puts("file done");
		break;

	case LWS_CALLBACK_CLOSED_HTTP:
		puts("closed");
		break;

	case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
		if (session) {
			free(session->out);
			free(session->body);
			session->out = session->body = NULL;
		}
		return 0;

	default:
		break;
	}
	return lws_callback_http_dummy(wsi, reason, user, in, len);
}

static const struct lws_protocols protocols[] = {
	{ "http", callback_http, sizeof(struct session), 0, 0, NULL, 0 },
	LWS_PROTOCOL_LIST_TERM
};

/* ---- life ---- */

static struct lws_http_mount mounts[MOUNT_MAX], vhost_mounts[VHOST_MAX][2];
static unsigned int mount_count;
static struct lws_protocol_vhost_options mime, header;

/* Cuts "A,B" at the comma; NULL if there is none. */
static char *second_of(char *pair)
{
	char *comma = pair ? strchr(pair, ',') : NULL;

	if (!comma)
		return NULL;
	*comma = '\0';
	return comma + 1;
}

static void set_mount(struct lws_http_mount *mount, const char *path, const char *origin,
		      unsigned char kind)
{
	mount->mountpoint = path;
	mount->mountpoint_len = (unsigned char)strlen(path);
	mount->origin = origin;
	mount->origin_protocol = kind;
}

static void add_mount(const char *path, const char *origin, unsigned char kind)
{
	struct lws_http_mount *mount;

	if (mount_count == MOUNT_MAX)
		return;
	mount = &mounts[mount_count];
	set_mount(mount, path, origin, kind);
	if (mount_count)
		mounts[mount_count - 1].mount_next = mount;
	mount_count++;
}

static void *read_whole(const char *path, unsigned int *len)
{
	FILE *file = fopen(path, "rb");
	char *data = file ? malloc(65536) : NULL;

	if (!data) {
		if (file)
			fclose(file);
		return NULL;
	}
	*len = (unsigned int)fread(data, 1, 65535, file);
	data[*len] = '\0';
	fclose(file);
	return data;
}

static void *stdin_thread(void *arg)
{
	char line[64];

	(void)arg;
	while (fgets(line, sizeof(line), stdin)) {
		if (strstr(line, "stats"))
			stats_wanted = 1;
		if (strstr(line, "vhost-destroy"))
			vhost_destroy_wanted = 1;
		lws_cancel_service(context);
	}
	stopping = 1;
	lws_cancel_service(context);
	return NULL;
}

static void obey(void)
{
	if (stats_wanted) {
		stats_wanted = 0;
#ifdef LWS_FERROWS
		{
			char json[4096];

			if (ferrows_context_stats_json(context, json, sizeof(json)) >= 0)
				printf("stats %s\n", json);
		}
#else
		puts("stats none");
#endif
	}
	if (vhost_destroy_wanted && vhost_count) {
		vhost_destroy_wanted = 0;
		lws_vhost_destroy(vhosts[--vhost_count]);
		puts("vhost destroyed");
	}
}

static int add_vhost(struct lws_context_creation_info *info)
{
	if (vhost_count == VHOST_MAX)
		return 1;
	vhosts[vhost_count] = lws_create_vhost(context, info);
	if (!vhosts[vhost_count]) {
		printf("vhost refused\n");
		return 1;
	}
	vhost_count++;
	return 0;
}

static const char *value_of(const char *arg, const char *name)
{
	size_t len = strlen(name);

	return !strncmp(arg, name, len) && arg[len] == '=' ? arg + len + 1 : NULL;
}

int main(int argc, char **argv)
{
	struct lws_context_creation_info info;
	char *more[VHOST_MAX], *tls = NULL, *key, *pair;
	unsigned int more_count = 0, n;
	int a, memory = 0, result = 0;
	pthread_t thread;
	const char *v;

	setvbuf(stdout, NULL, _IOLBF, 0);
	memset(&info, 0, sizeof(info));
	info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
		       LWS_SERVER_OPTION_DISABLE_IPV6;
	info.vhost_name = "localhost";
	info.mounts = mounts;
	info.protocols = protocols;
	add_mount("/", NULL, LWSMPRO_FILE);
	mounts[0].def = "index.html";
	add_mount("/cb", "http", LWSMPRO_CALLBACK);

	for (a = 1; a < argc; a++) {
		if ((v = value_of(argv[a], "--port"))) {
			info.port = atoi(v);
		} else if ((v = value_of(argv[a], "--iface"))) {
			info.iface = v;
		} else if ((v = value_of(argv[a], "--unix"))) {
			info.iface = v;
			info.options |= LWS_SERVER_OPTION_UNIX_SOCK;
		} else if (!strcmp(argv[a], "--ipv6")) {
			info.options &= ~(uint64_t)LWS_SERVER_OPTION_DISABLE_IPV6;
		} else if ((v = value_of(argv[a], "--www"))) {
			www = v;
		} else if ((v = value_of(argv[a], "--tls"))) {
			free(tls);
			tls = strdup(v);
		} else if ((v = value_of(argv[a], "--key-password"))) {
			info.ssl_private_key_password = v;
		} else if (!strcmp(argv[a], "--tls-memory")) {
			memory = 1;
		} else if ((v = value_of(argv[a], "--alpn"))) {
			info.alpn = v;
		} else if ((v = value_of(argv[a], "--vhost"))) {
			if (more_count < VHOST_MAX)
				more[more_count++] = strdup(v);
		} else if (!strcmp(argv[a], "--h2-prior-knowledge")) {
			info.options |= LWS_SERVER_OPTION_H2_PRIOR_KNOWLEDGE;
		} else if (!strcmp(argv[a], "--security-headers")) {
			info.options |=
				LWS_SERVER_OPTION_HTTP_HEADERS_SECURITY_BEST_PRACTICES_ENFORCE;
		} else if ((v = value_of(argv[a], "--cache"))) {
			mounts[0].cache_max_age = atoi(v);
			mounts[0].cache_reusable = 1;
		} else if ((v = value_of(argv[a], "--mime"))) {
			pair = strdup(v);
			mime.value = second_of(pair);
			mime.name = pair;
			mounts[0].extra_mimetypes = &mime;
		} else if ((v = value_of(argv[a], "--header"))) {
			pair = strdup(v);
			header.value = second_of(pair);
			header.name = pair;
			info.headers = &header;
		} else if ((v = value_of(argv[a], "--error-document"))) {
			info.error_document_404 = v;
		} else if ((v = value_of(argv[a], "--max-header"))) {
			info.max_http_header_data2 = (unsigned int)atoi(v);
		} else if ((v = value_of(argv[a], "--keepalive"))) {
			info.keepalive_timeout = atoi(v);
		} else if ((v = value_of(argv[a], "--timeout"))) {
			info.timeout_secs = (unsigned int)atoi(v);
		} else if ((v = value_of(argv[a], "--buffer"))) {
			info.pt_serv_buf_size = (unsigned int)atoi(v);
		} else if ((v = value_of(argv[a], "--file-mount"))) {
			pair = strdup(v);
			key = second_of(pair);
			add_mount(pair, key, LWSMPRO_FILE);
		} else if ((v = value_of(argv[a], "--callback-mount"))) {
			pair = strdup(v);
			key = second_of(pair);
			add_mount(pair, key, LWSMPRO_CALLBACK);
		} else if ((v = value_of(argv[a], "--redirect"))) {
			pair = strdup(v);
			key = second_of(pair);
			add_mount(pair, key, LWSMPRO_REDIR_HTTP);
		} else {
			fprintf(stderr, "unknown argument %s\n", argv[a]);
			return 2;
		}
	}
	mounts[0].origin = www;
	lws_set_log_level(LLL_ERR | LLL_WARN, NULL);

	context = lws_create_context(&info);
	if (!context) {
		puts("context refused");
		return 3;
	}

	key = second_of(tls);
	if (tls && memory) {
		info.server_ssl_cert_mem = read_whole(tls, &info.server_ssl_cert_mem_len);
		info.server_ssl_private_key_mem =
			read_whole(key ? key : "", &info.server_ssl_private_key_mem_len);
	} else if (tls) {
		info.ssl_cert_filepath = *tls ? tls : NULL;
		info.ssl_private_key_filepath = key && *key ? key : NULL;
	}
	if (add_vhost(&info)) {
		lws_context_destroy(context);
		return 3;
	}
	if (info.iface && (info.options & LWS_SERVER_OPTION_UNIX_SOCK))
		puts("listening on unix socket");
	info.port = lws_get_vhost_listen_port(vhosts[0]);

	for (n = 0; n < more_count && !result; n++) {
		char *dir = second_of(more[n]), *cert = second_of(dir), *its_key = second_of(cert);

		set_mount(&vhost_mounts[n][0], "/", dir, LWSMPRO_FILE);
		vhost_mounts[n][0].def = "index.html";
		vhost_mounts[n][0].mount_next = &vhost_mounts[n][1];
		set_mount(&vhost_mounts[n][1], "/cb", "http", LWSMPRO_CALLBACK);
		info.vhost_name = more[n];
		info.mounts = vhost_mounts[n];
		info.ssl_cert_filepath = cert;
		info.ssl_private_key_filepath = its_key;
		info.server_ssl_cert_mem = NULL;
		info.server_ssl_private_key_mem = NULL;
		result = add_vhost(&info);
	}
	printf("listening on port %d\n", info.port);

	if (!result && !pthread_create(&thread, NULL, stdin_thread, NULL)) {
		while (!stopping && lws_service(context, 0) >= 0)
			obey();
		pthread_join(thread, NULL);
	}
	lws_context_destroy(context);
	puts("destroyed");
	return result;
}
