/*
 * A client of an HTTPS server in the same process, for what TLS clients are to say and to be asked.
 *
 *   --port=N --tls=CERT,KEY (the server) --require=CAFILE (of the client's certificate)
 *   --ca=FILE --ca-memory=FILE --no-os-ca --identity=CERT,KEY --identity-memory=CERT,KEY (the client)
 *   --late (the client's vhost gets its TLS by lws_init_vhost_client_ssl()) --extra=DERFILE
 *   --flags=LCCSCF --alpn=LIST --host=NAME --requests=N (one after the other) --refuse (the certificate)
 *
 * Stdout: "verify IN-AND-USER LEN", "established STATUS reused=N", "peer NAME=VALUE", "vhost NAME=VALUE",
 * "server sees COMMONNAME", "complete", "error TEXT".
 */
#include <libwebsockets.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct lws_context *context;
static struct lws_vhost *client_vhost;
static const char *host = "localhost", *alpn = "http/1.1";
static int port, flags, requests = 1, refuse, over, may_begin = 1;

static char *read_file(const char *path, unsigned int *len)
{
	FILE *f = fopen(path, "rb");
	char *content = malloc(65536);
	size_t got = f && content ? fread(content, 1, 65535, f) : 0;

	if (!got) {
		perror(path);
		exit(2);
	}
	fclose(f);
	content[got] = '\0';
	*len = (unsigned int)got;
	return content;
}

/* ---- what certificates say ---- */

union answer {
	union lws_tls_cert_info_results result;
	char room[sizeof(union lws_tls_cert_info_results) + 4096];
};

static int ask(struct lws *wsi, struct lws_vhost *vhost, enum lws_tls_cert_info what, union answer *to)
{
	memset(to, 0, sizeof(*to));
	return vhost ? lws_tls_vhost_cert_info(vhost, what, &to->result, 4096) :
		       lws_tls_peer_cert_info(wsi, what, &to->result, 4096);
}

static void print_info(const char *whose, struct lws *wsi, struct lws_vhost *vhost)
{
	union answer a;

	if (!ask(wsi, vhost, LWS_TLS_CERT_INFO_COMMON_NAME, &a))
		printf("%s name=%s\n", whose, a.result.ns.name);
	if (!ask(wsi, vhost, LWS_TLS_CERT_INFO_ISSUER_NAME, &a))
		printf("%s issuer=%s\n", whose, a.result.ns.name);
	if (!ask(wsi, vhost, LWS_TLS_CERT_INFO_VALIDITY_FROM, &a))
		printf("%s from=%lld\n", whose, (long long)a.result.time);
	if (!ask(wsi, vhost, LWS_TLS_CERT_INFO_VALIDITY_TO, &a))
		printf("%s to=%lld\n", whose, (long long)a.result.time);
	if (!ask(wsi, vhost, LWS_TLS_CERT_INFO_DER_RAW, &a))
		printf("%s der=%d\n", whose, a.result.ns.len);
	if (!ask(wsi, vhost, LWS_TLS_CERT_INFO_OPAQUE_PUBLIC_KEY, &a))
		printf("%s key=%d\n", whose, a.result.ns.len);
	if (wsi && !ask(wsi, vhost, LWS_TLS_CERT_INFO_VERIFIED, &a))
		printf("%s verified=%u\n", whose, a.result.verified);
}

/* ---- the two ends ---- */

static int serve(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	union answer a;

	if (reason != LWS_CALLBACK_HTTP)
		return lws_callback_http_dummy(wsi, reason, user, in, len);
	if (!ask(wsi, NULL, LWS_TLS_CERT_INFO_COMMON_NAME, &a))
		printf("server sees %s\n", a.result.ns.name);
	if (lws_return_http_status(wsi, HTTP_STATUS_OK, "fine"))
		return -1;
	return lws_http_transaction_completed(wsi) ? -1 : 0;
}

static void request_over(void)
{
	may_begin = --requests > 0;
	over = !may_begin;
	lws_cancel_service(context);
}

static int ask_server(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	char buf[LWS_PRE + 4096], *p = buf + LWS_PRE;
	int room = 4096;

	switch (reason) {
	case LWS_CALLBACK_OPENSSL_PERFORM_SERVER_CERT_VERIFICATION:
		printf("verify %s %d\n", in || user ? "something" : "NULL", (int)len);
		return refuse;
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		printf("error %.*s\n", (int)len, in ? (const char *)in : "");
		request_over();
		break;
	case LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP:
		printf("established %u reused=%d\n", lws_http_client_http_response(wsi),
		       lws_tls_session_is_reused(wsi));
		print_info("peer", wsi, NULL);
		break;
	case LWS_CALLBACK_RECEIVE_CLIENT_HTTP:
		return lws_http_client_read(wsi, &p, &room) < 0 ? -1 : 0;
	case LWS_CALLBACK_COMPLETED_CLIENT_HTTP:
		printf("complete\n");
		return -1;
	case LWS_CALLBACK_CLOSED_CLIENT_HTTP:
		request_over();
		break;
	default:
		break;
	}
	return 0;
}

static const struct lws_protocols server_protocols[] = {
	{ "http", serve, 0, 0, 0, NULL, 0 }, LWS_PROTOCOL_LIST_TERM
};
static const struct lws_protocols client_protocols[] = {
	{ "client", ask_server, 0, 0, 0, NULL, 0 }, LWS_PROTOCOL_LIST_TERM
};

static void begin(void)
{
	struct lws_client_connect_info info;

	may_begin = 0;
	memset(&info, 0, sizeof(info));
	info.context = context;
	info.vhost = client_vhost;
	info.address = "127.0.0.1";
	info.host = host;
	info.port = port;
	info.path = "/";
	info.method = "GET";
	info.alpn = alpn;
	info.protocol = client_protocols[0].name;
	info.ssl_connection = LCCSCF_USE_SSL | flags;
	/* a failure at once is told to the callback, too */
	lws_client_connect_via_info(&info);
}

/* ---- options ---- */

static char *value_of(char *arg, const char *name)
{
	size_t len = strlen(name);

	return !strncmp(arg, name, len) && arg[len] == '=' ? arg + len + 1 : NULL;
}

/* "A,B": A stays in `pair`, B is returned */
static char *second(char *pair)
{
	char *comma = strchr(pair, ',');

	if (!comma) {
		fprintf(stderr, "%s: not a pair\n", pair);
		exit(2);
	}
	*comma = '\0';
	return comma + 1;
}

int main(int argc, char **argv)
{
	struct lws_context_creation_info global, server, client;
	char *v, *extra = NULL;
	struct lws_vhost *vhost;
	unsigned int len;
	int a, late = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	memset(&global, 0, sizeof(global));
	memset(&server, 0, sizeof(server));
	memset(&client, 0, sizeof(client));
	global.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
	server.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
	server.vhost_name = "server";
	server.protocols = server_protocols;
	client.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
	client.vhost_name = "client";
	client.protocols = client_protocols;
	client.port = CONTEXT_PORT_NO_LISTEN;

	for (a = 1; a < argc; a++) {
		if ((v = value_of(argv[a], "--port"))) {
			server.port = port = atoi(v);
		} else if ((v = value_of(argv[a], "--tls"))) {
			server.ssl_private_key_filepath = second(v);
			server.ssl_cert_filepath = v;
		} else if ((v = value_of(argv[a], "--require"))) {
			server.ssl_ca_filepath = v;
			server.options |= LWS_SERVER_OPTION_REQUIRE_VALID_OPENSSL_CLIENT_CERT;
		} else if ((v = value_of(argv[a], "--ca"))) {
			client.client_ssl_ca_filepath = v;
		} else if ((v = value_of(argv[a], "--ca-memory"))) {
			client.client_ssl_ca_mem = read_file(v, &client.client_ssl_ca_mem_len);
			client.client_ssl_ca_mem_len++; /* PEM with its NUL, as lws wants it */
		} else if (!strcmp(argv[a], "--no-os-ca")) {
			client.options |= LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS;
		} else if ((v = value_of(argv[a], "--identity"))) {
			client.client_ssl_private_key_filepath = second(v);
			client.client_ssl_cert_filepath = v;
		} else if ((v = value_of(argv[a], "--identity-memory"))) {
			client.client_ssl_key_mem = read_file(second(v), &client.client_ssl_key_mem_len);
			client.client_ssl_cert_mem = read_file(v, &client.client_ssl_cert_mem_len);
			client.client_ssl_key_mem_len++;
			client.client_ssl_cert_mem_len++;
		} else if (!strcmp(argv[a], "--late")) {
			late = 1;
		} else if ((v = value_of(argv[a], "--extra"))) {
			extra = v;
		} else if ((v = value_of(argv[a], "--flags"))) {
			flags = atoi(v);
		} else if ((v = value_of(argv[a], "--alpn"))) {
			alpn = v;
		} else if ((v = value_of(argv[a], "--host"))) {
			host = v;
		} else if ((v = value_of(argv[a], "--requests"))) {
			requests = atoi(v);
		} else if (!strcmp(argv[a], "--refuse")) {
			refuse = 1;
		} else {
			fprintf(stderr, "unknown argument %s\n", argv[a]);
			return 2;
		}
	}

	lws_set_log_level(LLL_ERR, NULL);
	context = lws_create_context(&global);
	if (!context)
		return 1;
	vhost = lws_create_vhost(context, &server);
	if (late) {
		struct lws_context_creation_info plain;

		memset(&plain, 0, sizeof(plain));
		plain.vhost_name = client.vhost_name;
		plain.protocols = client.protocols;
		plain.port = client.port;
		client_vhost = lws_create_vhost(context, &plain);
		printf("late %d\n", client_vhost ? lws_init_vhost_client_ssl(&client, client_vhost) : -1);
	} else {
		client_vhost = lws_create_vhost(context, &client);
	}
	if (!vhost || !client_vhost)
		return 1;
	if (extra) {
		const char *der = read_file(extra, &len);

		printf("extra %d\n",
		       lws_tls_client_vhost_extra_cert_mem(client_vhost, (const uint8_t *)der, len));
		free((void *)der);
	}
	print_info("vhost", NULL, vhost);

	while (!over) {
		if (may_begin)
			begin();
		if (lws_service(context, 0) < 0)
			return 1;
	}

	lws_context_destroy(context);
	free((void *)client.client_ssl_ca_mem);
	free((void *)client.client_ssl_key_mem);
	free((void *)client.client_ssl_cert_mem);
	return 0;
}
