/*
 * minimal-http-client-post
 *
 * Sends a form as browsers do (multipart/form-data), with a text field and a
 * file, and prints the answer.
 *
 *   build/minimal-http-client-post --file README.md http://localhost:7681/dyn/echo
 *   build/minimal-http-client-post --file README.md --text "my cat" \
 *           --ca build/certs/localhost.crt https://localhost:7681/upload
 *
 *   --file FILE  the file, which the form calls "file"
 *   --text TEXT  the text, which the form calls "text" ("hello")
 *   --h1         HTTP/1.1 only
 *   --h2c        HTTP/2 without TLS, which the server must be known to speak
 *   --ca FILE    trust the certificates in FILE, PEM, beside the system's
 *   -k           accept any certificate
 *   -d LEVELS    log levels to show, 15 shows the informative ones too
 *
 * The URL comes last. The exit code is 0 if all of the answer came, and its
 * status is below 400.
 */

#define _POSIX_C_SOURCE 200809L

#include <libwebsockets.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* libwebsockets wants these for some servers of HTTP/2, and the option below
 * for nginx; ferrows does without. */
#define SERVER_QUIRKS	(LCCSCF_H2_QUIRK_NGHTTP2_END_STREAM | \
			 LCCSCF_H2_QUIRK_OVERFLOWS_TXCR)

#define CHUNK_SIZE	4096

/*
 * The callback gets it as `user`. The body is `before`, the file, `after`: what
 * stands around the file is made beforehand, so that the length can be told.
 */
struct form {
	const char *text, *file_name;
	FILE *file;
	unsigned long long file_size, file_left;

	char before[1024], after[128];
	size_t before_len, after_len;
	int begun, sent;

	unsigned int status;
	int complete, over;
};

/* Nonzero if it does not fit. */
static int make_body(struct lws *wsi, struct form *form)
{
	char *p = form->before, *end = p + sizeof(form->before);

	/* Each call writes the boundary, and the head of the next part. */
	if (lws_client_http_multipart(wsi, "text", NULL, NULL, &p, end))
		return 1;
	p += lws_snprintf(p, (size_t)(end - p), "%s", form->text);
	if (lws_client_http_multipart(wsi, "file", form->file_name,
				      "application/octet-stream", &p, end))
		return 1;
	form->before_len = (size_t)(p - form->before);

	/* Without a name it writes the end. */
	p = form->after;
	if (lws_client_http_multipart(wsi, NULL, NULL, NULL, &p,
				      p + sizeof(form->after)))
		return 1;
	form->after_len = (size_t)(p - form->after);

	return 0;
}

/* `end` is behind the room for headers, and `p` where the next one goes. */
static int add_request_headers(struct lws *wsi, struct form *form,
			       unsigned char **p, unsigned char *end)
{
	/* The content type, with the boundary, is there already. */
	if (lws_http_is_redirected_to_get(wsi))
		return 0;

	/* Some redirects have it sent again. */
	rewind(form->file);
	form->file_left = form->file_size;
	form->begun = form->sent = 0;

	if (make_body(wsi, form) ||
	    lws_add_http_header_content_length(wsi, form->before_len +
					form->file_left + form->after_len,
					p, end))
		return -1;

	/* A body follows: it is asked for by CLIENT_HTTP_WRITEABLE. */
	lws_client_http_body_pending(wsi, 1);
	lws_callback_on_writable(wsi);

	return 0;
}

/* Writes the next piece of the body, LWS_PRE bytes into `buf`. */
static size_t next_piece(struct form *form, unsigned char *buf)
{
	size_t len = form->before_len;

	if (!form->begun) {
		memcpy(buf, form->before, len);
		form->begun = 1;
		return len;
	}

	if (form->file_left) {
		len = fread(buf, 1, CHUNK_SIZE, form->file);
		if (len > form->file_left)
			len = 0;
		form->file_left -= len;
		return len;
	}

	memcpy(buf, form->after, form->after_len);
	form->sent = 1;

	return form->after_len;
}

static int send_body(struct lws *wsi, struct form *form)
{
	unsigned char buf[LWS_PRE + CHUNK_SIZE];
	size_t len;

	if (form->sent || lws_http_is_redirected_to_get(wsi))
		return 0;

	len = next_piece(form, buf + LWS_PRE);
	if (!len) {
		fprintf(stderr, "the file has changed\n");
		return -1;
	}

	if (form->sent)
		lws_client_http_body_pending(wsi, 0);
	else
		lws_callback_on_writable(wsi);

	return lws_write(wsi, buf + LWS_PRE, len,
			 form->sent ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) <
							(int)len ? -1 : 0;
}

static int callback_client(struct lws *wsi, enum lws_callback_reasons reason,
			   void *user, void *in, size_t len)
{
	struct form *form = (struct form *)user;

	switch (reason) {
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		fprintf(stderr, "connection failed: %s\n",
			in ? (const char *)in : "no reason given");
		form->over = 1;
		break;

	case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
		return add_request_headers(wsi, form, (unsigned char **)in,
					   *(unsigned char **)in + len);

	case LWS_CALLBACK_CLIENT_HTTP_WRITEABLE:
		return send_body(wsi, form);

	case LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP:
		form->status = lws_http_client_http_response(wsi);
		printf("status %u\n", form->status);
		break;

	/* HTTP/1: there is something to read, and reading it calls us again... */
	case LWS_CALLBACK_RECEIVE_CLIENT_HTTP: {
		char buf[LWS_PRE + CHUNK_SIZE], *p = buf + LWS_PRE;
		int room = CHUNK_SIZE;

		return lws_http_client_read(wsi, &p, &room) < 0 ? -1 : 0;
	}

	/* ...here, with a piece of the body, as HTTP/2 does at once. */
	case LWS_CALLBACK_RECEIVE_CLIENT_HTTP_READ:
		fwrite(in, 1, len, stdout);
		return 0;

	case LWS_CALLBACK_COMPLETED_CLIENT_HTTP:
		form->complete = 1;
		form->over = 1;
		break;

	case LWS_CALLBACK_CLOSED_CLIENT_HTTP:
		if (!form->complete)
			fprintf(stderr, "closed before the end\n");
		form->over = 1;
		break;

	default:
		break;
	}

	return lws_callback_http_dummy(wsi, reason, user, in, len);
}

static const struct lws_protocols protocols[] = {
	{ "http", callback_client, 0, 0, 0, NULL, 0 },
	LWS_PROTOCOL_LIST_TERM
};

/* As a URL has it: with brackets around an IPv6 address, and without the port
 * that the scheme means anyway. */
static void host_header(char *host, size_t size, const char *address, int port,
			int scheme_port)
{
	int is_ipv6 = strchr(address, ':') != NULL;
	int len = lws_snprintf(host, size, is_ipv6 ? "[%s]" : "%s", address);

	if (port != scheme_port)
		lws_snprintf(host + len, size - (size_t)len, ":%d", port);
}

/*
 * Nonzero if it fails here and now; what happens later the callback is told.
 * `url` is taken apart in place.
 */
static int start_request(struct lws_context *context, char *url, int flags,
			 const char *alpn, struct form *form)
{
	struct lws_client_connect_info info;
	const char *scheme, *address, *path;
	char full_path[1024], host[300];
	int port;

	if (lws_parse_uri(url, &scheme, &address, &port, &path) ||
	    (strcmp(scheme, "http") && strcmp(scheme, "https"))) {
		fprintf(stderr, "not the URL of a web page\n");
		return 1;
	}
	if (!strcmp(scheme, "https"))
		flags |= LCCSCF_USE_SSL;
	lws_snprintf(full_path, sizeof(full_path), "/%s",
		     path[0] == '/' ? path + 1 : path);
	host_header(host, sizeof(host), address, port,
		    flags & LCCSCF_USE_SSL ? 443 : 80);

	memset(&info, 0, sizeof(info));
	info.context		= context;
	info.address		= address;
	info.port		= port;
	info.ssl_connection	= flags | LCCSCF_HTTP_MULTIPART_MIME;
	info.path		= full_path;
	info.host		= host;
	info.method		= "POST";
	info.alpn		= alpn;
	info.protocol		= protocols[0].name;
	info.userdata		= form;

	return !lws_client_connect_via_info(&info);
}

/* Nonzero if there is no such file. */
static int open_file(struct form *form, const char *path)
{
	const char *slash = strrchr(path, '/');
	struct stat status;

	form->file_name = slash ? slash + 1 : path;
	form->file = fopen(path, "rb");
	if (!form->file || fstat(fileno(form->file), &status)) {
		perror(path);
		return 1;
	}
	form->file_size = (unsigned long long)status.st_size;

	return 0;
}

int main(int argc, const char **argv)
{
	static struct form form;
	struct lws_context_creation_info info;
	struct lws_context *context;
	const char *option, *file, *alpn = "h2,http/1.1";
	char url[2048];
	int flags = SERVER_QUIRKS, ok;

	setvbuf(stdout, NULL, _IOLBF, 0);
	option = lws_cmdline_option(argc, argv, "-d");
	lws_set_log_level(option ? atoi(option) : LLL_ERR | LLL_WARN, NULL);

	file = lws_cmdline_option(argc, argv, "--file");
	if (!file) {
		fprintf(stderr, "usage: %s --file FILE [options] URL\n", argv[0]);
		return 1;
	}
	if (open_file(&form, file))
		return 1;
	option = lws_cmdline_option(argc, argv, "--text");
	form.text = option ? option : "hello";
	lws_strncpy(url, argv[argc - 1], sizeof(url));
	if (lws_cmdline_option(argc, argv, "--h1"))
		alpn = "http/1.1";
	if (lws_cmdline_option(argc, argv, "--h2c"))
		flags |= LCCSCF_H2_PRIOR_KNOWLEDGE;
	if (lws_cmdline_option(argc, argv, "-k"))
		flags |= LCCSCF_ALLOW_SELFSIGNED | LCCSCF_ALLOW_INSECURE |
			 LCCSCF_ALLOW_EXPIRED |
			 LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK;

	memset(&info, 0, sizeof(info));
	info.port		= CONTEXT_PORT_NO_LISTEN;
	info.protocols		= protocols;
	info.options		=
		LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
		LWS_SERVER_OPTION_H2_JUST_FIX_WINDOW_UPDATE_OVERFLOW;
	info.client_ssl_ca_filepath = lws_cmdline_option(argc, argv, "--ca");

	context = lws_create_context(&info);
	if (!context) {
		fprintf(stderr, "lws_create_context failed\n");
		return 1;
	}

	if (start_request(context, url, flags, alpn, &form))
		form.over = 1;

	/* The second argument is historical: it waits for as long as it may. */
	while (!form.over && lws_service(context, 0) >= 0)
		;

	lws_context_destroy(context);
	fclose(form.file);

	ok = form.complete && form.status < 400;
	printf("Completed: %s\n", ok ? "OK" : "failed");

	return ok ? 0 : 1;
}
