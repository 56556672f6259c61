/*
 * How the programs with WebSockets begin and end.
 */

#include "program.h"
#include "loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The makefile gives these as absolute paths, so any directory will do. */
#if !defined(WWW_DIR)
#define WWW_DIR "mount-origin"
#endif
#if !defined(CERT_DIR)
#define CERT_DIR "build/certs"
#endif

static int ending;

const struct lws_extension program_deflate[] = {
	{
		/* The last is what a client offers; servers take what comes. */
		"permessage-deflate", lws_extension_callback_pm_deflate,
		"permessage-deflate; client_no_context_takeover; client_max_window_bits"
	},
	{ NULL, NULL, NULL }
};

const struct lws_http_mount program_page = {
	.mountpoint		= "/",
	.origin			= WWW_DIR,
	.def			= "chat.html",
	.origin_protocol	= LWSMPRO_FILE,
	.mountpoint_len		= 1,
};

int program_init(struct lws_context_creation_info *info, int argc,
		 const char **argv)
{
	const char *option = lws_cmdline_option(argc, argv, "-d");

	setvbuf(stdout, NULL, _IOLBF, 0);
	lws_set_log_level(option ? atoi(option) : LLL_ERR | LLL_WARN, NULL);

	memset(info, 0, sizeof(*info));
	info->port = CONTEXT_PORT_NO_LISTEN;

	return loop_init(info, lws_cmdline_option(argc, argv, "--eventlib"));
}

void program_listens(struct lws_context_creation_info *info, int argc,
		     const char **argv)
{
	const char *port = lws_cmdline_option(argc, argv, "-p");

	info->port = port ? atoi(port) : 7681;
	info->options |=
		LWS_SERVER_OPTION_HTTP_HEADERS_SECURITY_BEST_PRACTICES_ENFORCE;
	if (lws_cmdline_option(argc, argv, "-s")) {
		info->options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
		info->ssl_cert_filepath = CERT_DIR "/localhost.crt";
		info->ssl_private_key_filepath = CERT_DIR "/localhost.key";
	}
}

struct lws_context *program_create(const struct lws_context_creation_info *info)
{
	struct lws_context *context = lws_create_context(info);

	if (!context)
		fprintf(stderr, "lws_create_context failed\n");
	else if (info->port != CONTEXT_PORT_NO_LISTEN)
		printf("listening on %s://localhost:%d\n",
		       info->ssl_cert_filepath ? "https" : "http",
		       lws_get_vhost_listen_port(
				lws_get_vhost_by_name(context, "default")));

	return context;
}

int program_run(struct lws_context *context, const struct outcome *outcome)
{
	int failed = !context;

	if (context)
		failed = loop_run(context, outcome ? &outcome->over : NULL);
	ending = 1;
	lws_context_destroy(context);
	failed |= loop_end();
	if (outcome)
		failed |= outcome->failed;
	printf("Completed: %s\n", failed ? "failed" : "OK");

	return failed ? 1 : 0;
}

int program_is_ending(void)
{
	return ending;
}
