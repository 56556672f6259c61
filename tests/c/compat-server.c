/*
 * An HTTP server with one mount of each kind, for comparing libraries: everything that a client can see is the library's
 * doing, or a report of what the library told the application.
 *
 *   --www=DIR [--tls=CERT,KEY] [--dress] [--error-document=PATH] [--redirect-plain] [--serve-plain] [--no-sessions]
 *   [--client-ca=FILE [--client-cert-optional]]
 *   (--dress: vhost headers, security headers, server string, HSTS)
 *
 * End of file on stdin ends it.
 */
#define _GNU_SOURCE
#include <libwebsockets.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct session {
	char uri[256];
	char body[LWS_PRE + 65536];
	size_t len, received;
	unsigned int pieces;
	int answered;
	enum { WHOLE, BEGUN } half;
};

static struct lws_context *context;
static volatile int stopping;

/* ---- what the application was told ---- */

static void say(struct session *session, const char *format, const char *text)
{
	session->len += (size_t)lws_snprintf(session->body + LWS_PRE + session->len,
					     sizeof(session->body) - LWS_PRE - session->len, format,
					     text);
}

static void say_number(struct session *session, const char *name, int number)
{
	char text[64];

	lws_snprintf(text, sizeof(text), "%s %d\n", name, number);
	say(session, "%s", text);
}

static void say_token(struct lws *wsi, struct session *session, const char *name,
		      enum lws_token_indexes token)
{
	int length = lws_hdr_total_length(wsi, token);
	char value[1024];

	if (!length && lws_hdr_copy(wsi, value, sizeof(value), token) <= 0)
		return;
	say(session, "%s: ", name);
	say(session, "'%s' ", lws_hdr_copy(wsi, value, sizeof(value), token) >= 0 ? value : "(long)");
	say_number(session, "length", length);
}

static void say_custom(struct lws *wsi, struct session *session, const char *name)
{
	int length = lws_hdr_custom_length(wsi, name, (int)strlen(name));
	char value[1024];

	say(session, "%s ", name);
	if (length >= 0 && lws_hdr_custom_copy(wsi, value, sizeof(value), name, (int)strlen(name)) >= 0)
		say(session, "'%s' ", value);
	say_number(session, "length", length);
}

static void say_argument(struct lws *wsi, struct session *session, const char *name)
{
	char value[1024];
	const char *found = lws_get_urlarg_by_name(wsi, name, value, sizeof(value));

	say(session, "%s ", name);
	say(session, "'%s'", found ? found : "(none)");
	say_number(session, " safe", lws_get_urlarg_by_name_safe(wsi, name, value, sizeof(value)));
}

static void report(struct lws *wsi, struct session *session, const char *in, size_t len)
{
	char value[1024], *uri = NULL;
	int n, uri_len = 0;
	size_t room = sizeof(value);

	lws_strncpy(session->uri, in, sizeof(session->uri));
	say(session, "in '%s' ", in);
	say_number(session, "len", (int)len);
	n = lws_http_get_uri_and_method(wsi, &uri, &uri_len);
	say_number(session, "method", n);
	lws_strnncpy(value, uri ? uri : "(none)", uri ? uri_len : 6, sizeof(value));
	say(session, "uri '%s'\n", value);
	say_token(wsi, session, "get-uri", WSI_TOKEN_GET_URI);
	say_token(wsi, session, "post-uri", WSI_TOKEN_POST_URI);
	say_token(wsi, session, "put-uri", WSI_TOKEN_PUT_URI);
	say_token(wsi, session, "delete-uri", WSI_TOKEN_DELETE_URI);
	say_token(wsi, session, "options-uri", WSI_TOKEN_OPTIONS_URI);
	say_token(wsi, session, "head-uri", WSI_TOKEN_HEAD_URI);
	say_token(wsi, session, "patch-uri", WSI_TOKEN_PATCH_URI);
	say_token(wsi, session, "path", WSI_TOKEN_HTTP_COLON_PATH);
	say_token(wsi, session, "version", WSI_TOKEN_HTTP);
	say_token(wsi, session, "args", WSI_TOKEN_HTTP_URI_ARGS);
	for (n = 0; lws_hdr_copy_fragment(wsi, value, sizeof(value), WSI_TOKEN_HTTP_URI_ARGS, n) >= 0 &&
		    n < 20; n++)
		say(session, "arg '%s'\n", value);
	say_argument(wsi, session, "a=");
	say_argument(wsi, session, "b");
	say_token(wsi, session, "connection", WSI_TOKEN_CONNECTION);
	say_token(wsi, session, "accept", WSI_TOKEN_HTTP_ACCEPT);
	say_token(wsi, session, "accept-language", WSI_TOKEN_HTTP_ACCEPT_LANGUAGE);
	say_token(wsi, session, "content-type", WSI_TOKEN_HTTP_CONTENT_TYPE);
	say_token(wsi, session, "content-length", WSI_TOKEN_HTTP_CONTENT_LENGTH);
	say_token(wsi, session, "cookie", WSI_TOKEN_HTTP_COOKIE);
	for (n = 0; lws_hdr_copy_fragment(wsi, value, sizeof(value), WSI_TOKEN_HTTP_COOKIE, n) > 0 && n < 9;
	     n++)
		say(session, "cookie fragment '%s'\n", value);
	if (!lws_http_cookie_get(wsi, "crumb", value, &room))
		say(session, "crumb '%s'\n", value);
	say_custom(wsi, session, "x-test:");
	say_custom(wsi, session, "x-other:");
	say_number(session, "tls", lws_is_ssl(wsi));
}

/* ---- answers ---- */

static int finish(struct lws *wsi)
{
	return lws_http_transaction_completed(wsi) ? -1 : 0;
}

static int begin_answer(struct lws *wsi, struct session *session)
{
	unsigned char buf[LWS_PRE + 2048], *start = &buf[LWS_PRE], *p = start, *end = &buf[sizeof(buf) - 1];
	int length = !strstr(session->uri, "nolength");

	say_number(session, "body bytes", (int)session->received);
	if (lws_add_http_common_headers(wsi, strstr(session->uri, "created") ? 201 : 200, "text/plain",
					length ? session->len : LWS_ILLEGAL_HTTP_CONTENT_LEN, &p, end))
		return 1;
	if (strstr(session->uri, "headers") &&
	    (lws_add_http_header_by_name(wsi, (const unsigned char *)"x-Mixed:", (const unsigned char *)"Yes", 3,
					 &p, end) ||
	     lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_CACHE_CONTROL,
					  (const unsigned char *)"no-cache", 8, &p, end)))
		return 1;
	if (lws_finalize_write_http_header(wsi, start, &p, end))
		return 1;
	session->answered = 1;
	lws_callback_on_writable(wsi);
	return 0;
}

/* Announces more than there is, sends that, and closes, or does nothing more. */
static int half_way(struct lws *wsi, struct session *session)
{
	unsigned char buf[LWS_PRE + 2048], *start = &buf[LWS_PRE], *p = start, *end = &buf[sizeof(buf) - 1];

	say(session, "%s", "ten bytes.");
	if (lws_add_http_common_headers(wsi, 200, "text/plain", 100, &p, end) ||
	    lws_finalize_write_http_header(wsi, start, &p, end))
		return -1;
	session->half = BEGUN;
	lws_callback_on_writable(wsi);
	return 0;
}

static int special(struct lws *wsi, const char *in, const char *www)
{
	unsigned char buf[LWS_PRE + 1024], *p = &buf[LWS_PRE], *end = &buf[sizeof(buf) - 1];
	char path[1024];
	const char *at;
	int n;

	if ((at = strstr(in, "status")))
		return lws_return_http_status(wsi, (unsigned int)atoi(at + 6), strstr(at, "text") ? "why" : NULL) ?
			       -1 : finish(wsi);
	if (strstr(in, "redirect")) {
		if (lws_http_redirect(wsi, strstr(in, "302") ? 302 : 301, (const unsigned char *)"/there?x=1", 10, &p,
				      end) < 0)
			return -1;
		return finish(wsi);
	}
	if (strstr(in, "servefile")) {
		lws_snprintf(path, sizeof(path), "%s/%s", www, strstr(in, "none") ? "none.html" : "page.html");
		n = lws_serve_http_file(wsi, path, "text/x-page", NULL, 0);
		return n < 0 || (n > 0 && lws_http_transaction_completed(wsi)) ? -1 : 0;
	}
	if (strstr(in, "hangup"))
		return -1;
	return 1;
}

static int callback_http(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	struct session *session = user;
	const char *www = lws_context_user(lws_get_context(wsi));
	int n;

	switch (reason) {
	case LWS_CALLBACK_HTTP:
		session->len = session->received = session->pieces = 0;
		n = special(wsi, in, www);
		if (n <= 0)
			return n;
		if (strstr(in, "none") || strstr(in, "probe"))
			break;
		session->half = WHOLE;
		if (strstr(in, "halfway") || strstr(in, "stuck")) {
			lws_strncpy(session->uri, in, sizeof(session->uri));
			return half_way(wsi, session);
		}
		report(wsi, session, in, len);
		if (lws_hdr_total_length(wsi, WSI_TOKEN_POST_URI) || lws_hdr_total_length(wsi, WSI_TOKEN_PUT_URI) ||
		    lws_hdr_total_length(wsi, WSI_TOKEN_PATCH_URI))
			return 0;
		{
			char method[16];

			if (lws_hdr_copy(wsi, method, sizeof(method), WSI_TOKEN_HTTP_COLON_METHOD) > 0 &&
			    method[0] == 'P')
				return 0;
		}
		return begin_answer(wsi, session);

	case LWS_CALLBACK_HTTP_BODY:
		session->received += len;
		if (len < 100) {
			char text[128];

			lws_strnncpy(text, (const char *)in, len, sizeof(text));
			say(session, "%s|", text);
		}
		return 0;

	case LWS_CALLBACK_HTTP_BODY_COMPLETION:
		say(session, "%s\n", "(complete)");
		return begin_answer(wsi, session);

	case LWS_CALLBACK_TIMER:
		return -1;

	case LWS_CALLBACK_HTTP_WRITEABLE:
		if (session && session->half) {
			if (lws_write(wsi, (unsigned char *)session->body + LWS_PRE, session->len, LWS_WRITE_HTTP) < 0)
				return -1;
			session->half = WHOLE;
			/* what comes with the end of its stream, lws's client takes or throws away, as it happens */
			if (!strstr(session->uri, "stuck"))
				lws_set_timer_usecs(wsi, LWS_USEC_PER_SEC / 5);
			return 0;
		}
		if (!session || !session->answered)
			return 0;
		session->answered = 0;
		n = (int)session->len;
		if (lws_write(wsi, (unsigned char *)session->body + LWS_PRE, (size_t)n, LWS_WRITE_HTTP_FINAL) < n)
			return -1;
		return finish(wsi);

	default:
		break;
	}
	return lws_callback_http_dummy(wsi, reason, user, in, len);
}

static const struct lws_protocols protocols[] = {
	{ "first", lws_callback_http_dummy, 0, 0, 0, NULL, 0 },
	{ "http", callback_http, sizeof(struct session), 0, 0, NULL, 0 },
	LWS_PROTOCOL_LIST_TERM
};

/* ---- the site ---- */

static const struct lws_protocol_vhost_options
	star = { NULL, NULL, "*", "application/x-star" },
	own_css = { &star, NULL, ".css", "text/x-own" },
	weird = { NULL, NULL, ".weird", "text/x-weird" },
	pie = { &weird, NULL, ".PIE", "text/x-pie" };

#define MOUNT(point, where, kind) \
	.mountpoint = point, .mountpoint_len = sizeof(point) - 1, .origin = where, .origin_protocol = kind

static struct lws_http_mount mounts[] = {
	{ MOUNT("/", NULL, LWSMPRO_FILE), .def = "index.html", .extra_mimetypes = &pie },
	{ MOUNT("/nodef", NULL, LWSMPRO_FILE) },
	{ MOUNT("/otherdef", NULL, LWSMPRO_FILE), .def = "page.html" },
	{ MOUNT("/star", NULL, LWSMPRO_FILE), .extra_mimetypes = &own_css },
	{ MOUNT("/cached", NULL, LWSMPRO_FILE), .cache_max_age = 77, .cache_reusable = 1, .cache_revalidate = 1,
	  .cache_intermediaries = 1 },
	{ MOUNT("/private", NULL, LWSMPRO_FILE), .cache_max_age = 78, .cache_reusable = 1 },
	{ MOUNT("/noreuse", NULL, LWSMPRO_FILE), .cache_max_age = 79 },
	{ MOUNT("/deep", NULL, LWSMPRO_FILE), .cache_max_age = 1, .cache_reusable = 1 },
	{ MOUNT("/deep/er", NULL, LWSMPRO_FILE), .cache_max_age = 2, .cache_reusable = 1 },
	{ MOUNT("/redir", "example.org/x", LWSMPRO_REDIR_HTTP) },
	{ MOUNT("/redirs", "example.org/", LWSMPRO_REDIR_HTTPS) },
	{ MOUNT("/cb", "http", LWSMPRO_CALLBACK) },
	{ MOUNT("/cbp", "unused", LWSMPRO_CALLBACK), .protocol = "http" },
	{ MOUNT("/fp", NULL, LWSMPRO_FILE), .protocol = "http" },
};

static void *wait_for_end(void *arg)
{
	(void)arg;
	while (getchar() != EOF)
		;
	stopping = 1;
	lws_cancel_service(context);
	return NULL;
}

int main(int argc, const char **argv)
{
	static const struct lws_protocol_vhost_options second = { NULL, NULL, "x-second:", "2" },
						       first = { &second, NULL, "x-first:", "1" };
	struct lws_context_creation_info info;
	struct lws_vhost *vhost;
	const char *www = lws_cmdline_option(argc, argv, "--www"), *tls;
	char *pair, *comma;
	pthread_t thread;
	size_t n;

	setvbuf(stdout, NULL, _IOLBF, 0);
	lws_set_log_level(LLL_ERR | LLL_WARN, NULL);
	if (!www)
		return 2;
	for (n = 0; n < LWS_ARRAY_SIZE(mounts); n++) {
		if (!mounts[n].origin)
			mounts[n].origin = www;
		if (n)
			mounts[n - 1].mount_next = &mounts[n];
	}
	memset(&info, 0, sizeof(info));
	info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
		       LWS_SERVER_OPTION_DISABLE_IPV6;
	info.vhost_name = "localhost";
	info.mounts = mounts;
	info.protocols = protocols;
	info.user = (void *)www;
	info.error_document_404 = lws_cmdline_option(argc, argv, "--error-document");
	if (lws_cmdline_option(argc, argv, "--dress")) {
		info.options |= LWS_SERVER_OPTION_HTTP_HEADERS_SECURITY_BEST_PRACTICES_ENFORCE | LWS_SERVER_OPTION_STS;
		info.headers = &first;
		info.server_string = "dressed";
	}
	if (lws_cmdline_option(argc, argv, "--redirect-plain"))
		info.options |= LWS_SERVER_OPTION_REDIRECT_HTTP_TO_HTTPS | LWS_SERVER_OPTION_ALLOW_NON_SSL_ON_SSL_PORT;
	if (lws_cmdline_option(argc, argv, "--serve-plain"))
		info.options |= LWS_SERVER_OPTION_ALLOW_NON_SSL_ON_SSL_PORT;
	if (lws_cmdline_option(argc, argv, "--no-sessions"))
		info.options |= LWS_SERVER_OPTION_DISABLE_TLS_SESSION_CACHE;
	tls = lws_cmdline_option(argc, argv, "--tls");
	context = lws_create_context(&info);
	if (!context)
		return 1;
	if (tls) {
		pair = strdup(tls);
		comma = strchr(pair, ',');
		if (!comma)
			return 2;
		*comma = '\0';
		info.ssl_cert_filepath = pair;
		info.ssl_private_key_filepath = comma + 1;
		info.ssl_ca_filepath = lws_cmdline_option(argc, argv, "--client-ca");
		if (info.ssl_ca_filepath)
			info.options |= LWS_SERVER_OPTION_REQUIRE_VALID_OPENSSL_CLIENT_CERT;
		if (lws_cmdline_option(argc, argv, "--client-cert-optional"))
			info.options |= LWS_SERVER_OPTION_PEER_CERT_NOT_REQUIRED;
	}
	vhost = lws_create_vhost(context, &info);
	if (!vhost) {
		lws_context_destroy(context);
		return 1;
	}
	printf("listening on port %d\n", lws_get_vhost_listen_port(vhost));
	if (!pthread_create(&thread, NULL, wait_for_end, NULL)) {
		while (!stopping && lws_service(context, 0) >= 0)
			;
		pthread_join(thread, NULL);
	}
	lws_context_destroy(context);
	return 0;
}
