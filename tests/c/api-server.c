/*
 * Asks the API about connections, vhosts, protocols and headers from inside the callbacks, and prints
 * the answers, one line each, so that two libraries can be compared. Ends at end of file on stdin.
 *
 *   --tls=CERT,KEY   the vhost "secure" beside "main"
 */
#define _GNU_SOURCE
#include <libwebsockets.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LWS_CALLBACK_OURS (LWS_CALLBACK_USER + 7)

struct session {
	char zeroed[100];
	char in_use;
};

struct vhost_data {
	char zeroed[40];
	int requests;
};

static struct lws_context *context;
static int context_mark, vhost_mark, opaque_mark;
static volatile int stopping;

static const char *yes_or_no(int condition)
{
	return condition ? "yes" : "no";
}

static int all_zero(const char *data, size_t len)
{
	while (len--)
		if (*data++)
			return 0;
	return 1;
}

/* Tags differ in numbers and ports: up to the first of them. */
static void print_tag(const char *what, const char *tag)
{
	printf("%s %.*s\n", what, (int)strcspn(tag, "|"), tag);
}

static void print_name(const char *name, int len, void *opaque)
{
	printf("%s header %.*s\n", (const char *)opaque, len, name);
}

static void ask_about_wsi(struct lws *wsi, struct session *session)
{
	struct lws *network = lws_get_network_wsi(wsi);
	char name[128], rip[64];

	printf("context %s, its user %s\n", yes_or_no(lws_get_context(wsi) == context),
	       yes_or_no(lws_context_user(context) == &context_mark));
	printf("protocol %s\n", lws_get_protocol(wsi)->name);
	printf("session %s, zeroed %s\n", yes_or_no(lws_wsi_user(wsi) == session),
	       yes_or_no(all_zero(session->zeroed, sizeof(session->zeroed)) && !session->in_use));
	printf("vhost %s\n", lws_get_vhost_name(lws_get_vhost(wsi)));
	printf("thread %d of %d, %d\n", lws_get_tsi(wsi), lws_get_count_threads(context),
	       lws_wsi_tsi(wsi));
	printf("network wsi is itself %s, its fd %s, own fd %s\n", yes_or_no(network == wsi),
	       yes_or_no(lws_get_socket_fd(network) >= 0), yes_or_no(lws_get_socket_fd(wsi) >= 0));
	printf("tls %s\n", yes_or_no(lws_is_ssl(network)));
	printf("parent %s, child %s\n", yes_or_no(lws_get_parent(wsi) != NULL),
	       yes_or_no(lws_get_child(wsi) != NULL));
	print_tag("tag", lws_wsi_tag(wsi));

	printf("opaque %s", yes_or_no(lws_get_opaque_user_data(wsi) != NULL));
	lws_set_opaque_user_data(wsi, &opaque_mark);
	printf(" %s", yes_or_no(lws_get_opaque_user_data(wsi) == &opaque_mark));
	lws_set_opaque_parent_data(wsi, &vhost_mark);
	printf(" %s\n", yes_or_no(lws_get_opaque_parent_data(wsi) == &vhost_mark));

	printf("choked %d, partial %d\n", lws_send_pipe_choked(wsi), lws_partial_buffered(wsi));
	printf("peer %s\n", lws_get_peer_simple(wsi, name, sizeof(name)));
	printf("peer of the fd %s\n",
	       lws_get_peer_simple_fd(lws_get_socket_fd(network), name, sizeof(name)));
	lws_get_peer_addresses(wsi, lws_get_socket_fd(network), name, sizeof(name), rip, sizeof(rip));
	printf("peer address %s\n", rip);
}

static void ask_about_headers(struct lws *wsi)
{
	char tiny[4];
	int n;

	printf("token %s\n", (const char *)lws_token_to_string(WSI_TOKEN_HTTP_CONTENT_TYPE));
	for (n = 0; n < 4; n++)
		printf("fragment %d: %d\n", n,
		       lws_hdr_fragment_length(wsi, WSI_TOKEN_HTTP_URI_ARGS, n));
	printf("user agent %d, absent %d\n", lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_USER_AGENT),
	       lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_RANGE));
	printf("too small %d, absent %d\n",
	       lws_hdr_copy(wsi, tiny, sizeof(tiny), WSI_TOKEN_HTTP_USER_AGENT),
	       lws_hdr_copy(wsi, tiny, sizeof(tiny), WSI_TOKEN_HTTP_RANGE));
	printf("custom %d, absent %d\n", lws_hdr_custom_length(wsi, "x-first:", 8),
	       lws_hdr_custom_length(wsi, "x-absent:", 9));
	lws_hdr_custom_name_foreach(wsi, print_name, "custom");
}

static int on_option(struct lws_context *cx, const struct lws_extension *ext, struct lws *wsi,
		     enum lws_extension_callback_reasons reason, void *user, void *in, size_t len)
{
	const struct lws_ext_option_arg *arg = in;

	printf(" %d %s", arg->option_index, arg->start ? "" : "NULL");
	if (arg->start)
		printf("%.*s", arg->len, arg->start);
	if (cx != context || strcmp(ext->name, "own") || !wsi || reason != LWS_EXT_CB_OPTION_SET ||
	    user != &opaque_mark || len || arg->option_name)
		printf(" in another way");
	return -1;
}

static void ask_about_options(struct lws *wsi)
{
	static const struct lws_extension own = { "own", on_option, "own" };
	static const struct lws_ext_options known[] = {
		{ "flag", EXTARG_NONE }, { "size", EXTARG_DEC }, { "bits", EXTARG_OPT_DEC }, { NULL, EXTARG_NONE }
	};
	static const char *const texts[] = {
		"", " ", "flag", " flag ; size=10;bits ;bits=\"9\" ;", "bits =9 ; flag", "bits = 9", ",", "flag=1",
		"size;flag", "size=", "size= 1", "size=-1", "flag; other; size=1", "Flag", ";flag", "flag;;bits",
	};
	size_t n;
	int result;

	for (n = 0; n < LWS_ARRAY_SIZE(texts); n++) {
		printf("options '%s':", texts[n]);
		result = lws_ext_parse_options(&own, wsi, &opaque_mark, known, texts[n], (int)strlen(texts[n]));
		printf(" -> %d\n", result);
	}
}

static void call_everybody(struct lws *wsi)
{
	static char argument[] = "argument";
	struct lws_vhost *vhost = lws_get_vhost(wsi);
	const struct lws_protocols *protocol = lws_get_protocol(wsi);

	printf("all_protocol_vhost_args %d\n",
	       lws_callback_all_protocol_vhost_args(vhost, protocol, LWS_CALLBACK_OURS, argument, 8));
	printf("all_protocol %d\n", lws_callback_all_protocol(context, protocol, LWS_CALLBACK_OURS));
	printf("vhost_protocols %d\n",
	       lws_callback_vhost_protocols_vhost(vhost, LWS_CALLBACK_OURS, argument, 8));
}

static int answer(struct lws *wsi)
{
	unsigned char buf[LWS_PRE + 1024], *start = &buf[LWS_PRE], *p = start,
		      *end = &buf[sizeof(buf) - 1];

	if (lws_add_http_common_headers(wsi, HTTP_STATUS_OK, "text/plain", 3, &p, end) ||
	    lws_finalize_write_http_header(wsi, start, &p, end))
		return 1;
	return 0;
}

static int on_http(struct lws *wsi, struct session *session, const char *uri, size_t len)
{
	struct vhost_data *data =
		lws_protocol_vh_priv_get(lws_get_vhost(wsi), lws_get_protocol(wsi));

	printf("HTTP %.*s\n", (int)len, uri);
	printf("vhost data %s, request %d\n", yes_or_no(data != NULL), data ? ++data->requests : -1);
	ask_about_wsi(wsi, session);
	memset(session->zeroed, 'x', sizeof(session->zeroed));
	session->in_use = 1;
	ask_about_headers(wsi);
	if (len >= 4 && !strncmp(uri + len - 4, "/all", 4)) {
		ask_about_options(wsi);
		call_everybody(wsi);
	}
	if (answer(wsi))
		return 1;
	if (len >= 4 && !strncmp(uri + len - 4, "/all", 4))
		lws_callback_on_writable_all_protocol(context, lws_get_protocol(wsi));
	else
		lws_callback_on_writable_all_protocol_vhost(lws_get_vhost(wsi),
							    lws_get_protocol(wsi));
	return 0;
}

static int callback_api(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
			size_t len)
{
	unsigned char buf[LWS_PRE + 3];
	struct vhost_data *data;

	switch ((int)reason) {
	case LWS_CALLBACK_PROTOCOL_INIT:
		data = lws_protocol_vh_priv_zalloc(lws_get_vhost(wsi), lws_get_protocol(wsi),
						   sizeof(*data));
		printf("init %s: data %s, zeroed %s, found %s\n",
		       lws_get_vhost_name(lws_get_vhost(wsi)), yes_or_no(data != NULL),
		       yes_or_no(data && all_zero(data->zeroed, sizeof(data->zeroed))),
		       yes_or_no(lws_protocol_vh_priv_get(lws_get_vhost(wsi),
							  lws_get_protocol(wsi)) == data));
		return 0;

	case LWS_CALLBACK_PROTOCOL_DESTROY:
		data = lws_protocol_vh_priv_get(lws_get_vhost(wsi), lws_get_protocol(wsi));
		printf("destroy %s: %d requests, being destroyed %d\n",
		       lws_get_vhost_name(lws_get_vhost(wsi)), data ? data->requests : -1,
		       lws_context_is_being_destroyed(context));
		return 0;

	case LWS_CALLBACK_OURS:
		printf("called: user %s, in %s, len %d\n", yes_or_no(user != NULL),
		       in ? (const char *)in : "NULL", (int)len);
		return 0;

	case LWS_CALLBACK_HTTP:
		return on_http(wsi, user, in, len);

	case LWS_CALLBACK_HTTP_WRITEABLE:
		memcpy(&buf[LWS_PRE], "ok\n", 3);
		if (lws_write(wsi, &buf[LWS_PRE], 3, LWS_WRITE_HTTP_FINAL) != 3)
			return -1;
		return lws_http_transaction_completed(wsi) ? -1 : 0;

	case LWS_CALLBACK_CLOSED_HTTP:
		if (user)
			printf("closed: opaque %s\n",
			       yes_or_no(lws_get_opaque_user_data(wsi) == &opaque_mark));
		return 0;

	default:
		break;
	}
	return lws_callback_http_dummy(wsi, reason, user, in, len);
}

static int callback_other(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
			  size_t len)
{
	(void)wsi;
	(void)user;
	if ((int)reason == LWS_CALLBACK_OURS)
		printf("other called: in %s, len %d\n", in ? (const char *)in : "NULL", (int)len);
	return 0;
}

static const struct lws_protocols protocols[] = {
	{ "api", callback_api, sizeof(struct session), 0, 0, NULL, 0 },
	{ "other", callback_other, 0, 0, 0, NULL, 0 },
	LWS_PROTOCOL_LIST_TERM
};

static const struct lws_http_mount mount = {
	.mountpoint		= "/",
	.mountpoint_len		= 1,
	.origin			= "api",
	.origin_protocol	= LWSMPRO_CALLBACK,
};

static void ask_about_vhosts(struct lws_vhost *vhost)
{
	const char *iface = lws_get_vhost_iface(vhost);
	const struct lws_protocols *p = lws_vhost_name_to_protocol(vhost, "other");

	printf("vhost %s: by name %s, port asked %d, listening %s, iface %s\n",
	       lws_get_vhost_name(vhost),
	       yes_or_no(lws_get_vhost_by_name(context, lws_get_vhost_name(vhost)) == vhost),
	       lws_get_vhost_port(vhost) ? 1 : 0, yes_or_no(lws_get_vhost_listen_port(vhost) > 0),
	       iface ? iface : "NULL");
	printf("vhost user %s %s\n", yes_or_no(lws_vhost_user(vhost) == &vhost_mark),
	       yes_or_no(lws_get_vhost_user(vhost) == &vhost_mark));
	printf("protocol by name %s, unknown %s\n", p ? p->name : "NULL",
	       yes_or_no(lws_vhost_name_to_protocol(vhost, "unknown") != NULL));
	print_tag("vhost tag", lws_vh_tag(vhost));
}

static void *stdin_thread(void *arg)
{
	(void)arg;
	while (getchar() != EOF)
		;
	stopping = 1;
	lws_cancel_service(context);
	return NULL;
}

int main(int argc, char **argv)
{
	struct lws_context_creation_info info;
	struct lws_vhost *vhost, *secure = NULL;
	char *cert = NULL, *key = NULL;
	pthread_t thread;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1 && !strncmp(argv[1], "--tls=", 6)) {
		cert = strdup(argv[1] + 6);
		key = cert ? strchr(cert, ',') : NULL;
		if (!key)
			return 2;
		*key++ = '\0';
	}

	memset(&info, 0, sizeof(info));
	info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
		       LWS_SERVER_OPTION_DISABLE_IPV6;
	info.user = &context_mark;
	lws_set_log_level(LLL_ERR, NULL);
	context = lws_create_context(&info);
	if (!context)
		return 3;
	printf("no vhost of that name: %s\n", yes_or_no(!lws_get_vhost_by_name(context, "main")));

	info.vhost_name = "main";
	info.iface = "lo";
	info.protocols = protocols;
	info.mounts = &mount;
	info.user = &vhost_mark;
	vhost = lws_create_vhost(context, &info);
	if (vhost && cert) {
		info.vhost_name = "secure";
		info.iface = NULL;
		info.ssl_cert_filepath = cert;
		info.ssl_private_key_filepath = key;
		secure = lws_create_vhost(context, &info);
	}
	if (!vhost || (cert && !secure)) {
		lws_context_destroy(context);
		return 3;
	}
	ask_about_vhosts(vhost);
	if (secure)
		ask_about_vhosts(secure);
	fprintf(stderr, "main listening on port %d\n", lws_get_vhost_listen_port(vhost));
	if (secure)
		fprintf(stderr, "secure listening on port %d\n", lws_get_vhost_listen_port(secure));
	puts("ready");

	if (pthread_create(&thread, NULL, stdin_thread, NULL))
		return 4;
	while (!stopping && lws_service(context, 0) >= 0)
		;
	pthread_join(thread, NULL);
	lws_context_destroy(context);
	puts("destroyed");
	free(cert);
	return 0;
}
