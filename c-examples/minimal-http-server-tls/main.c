/*
 * minimal-http-server-tls
 *
 * Serves the files of a directory over TLS. Browsers and curl negotiate HTTP/2,
 * others get HTTP/1.1. Compared to minimal-http-server there is a certificate,
 * its key, and nothing else.
 *
 *   make certs
 *   build/minimal-http-server-tls -p 7681
 *   curl -i --cacert build/certs/localhost.crt https://localhost:7681/
 *   curl -i --http1.1 --cacert build/certs/localhost.crt https://localhost:7681/
 *
 *   -p PORT      port to listen on, 0 lets the kernel choose (7681)
 *   --cert FILE  certificate chain, PEM (build/certs/localhost.crt)
 *   --key FILE   its private key, PEM (build/certs/localhost.key)
 *   -d LEVELS    log levels to show, 15 shows the informative ones too
 */

#define _POSIX_C_SOURCE 200809L

#include <libwebsockets.h>

#include <signal.h>
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

static struct lws_context *context;
static volatile sig_atomic_t interrupted;

static const struct lws_http_mount mount_files = {
	.mountpoint		= "/",
	.origin			= WWW_DIR,
	.def			= "index.html",
	.origin_protocol	= LWSMPRO_FILE,
	.mountpoint_len		= 1,
};

/* lws_cancel_service() is the one call that is good in a signal handler. */
static void on_signal(int sig)
{
	(void)sig;
	interrupted = 1;
	lws_cancel_service(context);
}

int main(int argc, const char **argv)
{
	struct lws_context_creation_info info;
	struct sigaction action;
	const char *option;

	setvbuf(stdout, NULL, _IOLBF, 0);
	option = lws_cmdline_option(argc, argv, "-d");
	lws_set_log_level(option ? atoi(option) : LLL_ERR | LLL_WARN, NULL);

	memset(&info, 0, sizeof(info));
	info.mounts		= &mount_files;
	info.error_document_404	= "/404.html";
	option			= lws_cmdline_option(argc, argv, "-p");
	info.port		= option ? atoi(option) : 7681;
	option			= lws_cmdline_option(argc, argv, "--cert");
	info.ssl_cert_filepath	= option ? option : CERT_DIR "/localhost.crt";
	option			= lws_cmdline_option(argc, argv, "--key");
	info.ssl_private_key_filepath =
				  option ? option : CERT_DIR "/localhost.key";
	info.options =
		LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
		LWS_SERVER_OPTION_HTTP_HEADERS_SECURITY_BEST_PRACTICES_ENFORCE;

	context = lws_create_context(&info);
	if (!context) {
		fprintf(stderr, "lws_create_context failed\n");
		return 1;
	}

	memset(&action, 0, sizeof(action));
	action.sa_handler = on_signal;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);

	printf("listening on https://localhost:%d\n",
	       lws_get_vhost_listen_port(
			lws_get_vhost_by_name(context, "default")));

	/* The second argument is historical: it waits for as long as it may. */
	while (!interrupted && lws_service(context, 0) >= 0)
		;

	lws_context_destroy(context);
	printf("Completed: %s\n", interrupted ? "OK" : "failed");

	return interrupted ? 0 : 1;
}
