/*
 * How the WebSocket clients connect, and when they try again.
 */

#include "ws-client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Each is made up to a third longer by chance, so that not all clients of a server
 * that comes back are there at once. */
static const uint32_t delays_ms[] = { 100, 200, 400, 800, 1000 };

const char *ws_client_option(int argc, const char **argv, const char *brief,
			     const char *name)
{
	const char *value = lws_cmdline_option(argc, argv, name);

	return value ? value : lws_cmdline_option(argc, argv, brief);
}

int ws_client_number(int argc, const char **argv, const char *name, int otherwise)
{
	const char *value = lws_cmdline_option(argc, argv, name);

	return value ? atoi(value) : otherwise;
}

int ws_client_trust(struct lws_context_creation_info *info, int argc,
		    const char **argv)
{
	info->options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
	info->client_ssl_ca_filepath = lws_cmdline_option(argc, argv, "--ca");
	if (!lws_cmdline_option(argc, argv, "-k"))
		return LCCSCF_USE_SSL;

	return LCCSCF_USE_SSL | LCCSCF_ALLOW_SELFSIGNED | LCCSCF_ALLOW_INSECURE |
	       LCCSCF_ALLOW_EXPIRED | LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK;
}

/* With brackets around an IPv6 address, and without the port that the scheme
 * means anyway. */
static void host_header(struct ws_client *client)
{
	const struct lws_client_connect_info *info = &client->info;
	int is_ipv6 = strchr(info->address, ':') != NULL;
	int len = lws_snprintf(client->host, sizeof(client->host),
			       is_ipv6 ? "[%s]" : "%s", info->address);

	if (info->port != (info->ssl_connection ? 443 : 80))
		lws_snprintf(client->host + len,
			     sizeof(client->host) - (size_t)len, ":%d",
			     info->port);
}

void ws_client_to(struct ws_client *client, const char *address, int port,
		  const char *path, int tls_flags)
{
	memset(client, 0, sizeof(*client));
	client->policy.retry_ms_table		= delays_ms;
	client->policy.retry_ms_table_count	= LWS_ARRAY_SIZE(delays_ms);
	client->policy.conceal_count		= LWS_ARRAY_SIZE(delays_ms);
	client->policy.jitter_percent		= 33;

	/* A server that says nothing is asked for a sign of life after 30 s. */
	client->policy.secs_since_valid_ping	= 30;
	client->policy.secs_since_valid_hangup	= 60;

	client->info.address			= address;
	client->info.port			= port;
	client->info.path			= path;
	client->info.ssl_connection		= tls_flags;
	client->info.ietf_version_or_minus_one	= -1;
	host_header(client);
}

void ws_client_options(struct ws_client *client,
		       struct lws_context_creation_info *info,
		       const char *protocol, int argc, const char **argv)
{
	const char *server = ws_client_option(argc, argv, "-s", "--server"),
		   *port = ws_client_option(argc, argv, "-p", "--port"),
		   *path = lws_cmdline_option(argc, argv, "--path"),
		   *offered = lws_cmdline_option(argc, argv, "--protocol");
	int flags = ws_client_trust(info, argc, argv);

	if (ws_client_option(argc, argv, "-n", "--no-tls"))
		flags = 0;
	ws_client_to(client, server ? server : "localhost",
		     port ? atoi(port) : 7681, path ? path : "/", flags);
	client->info.protocol = offered ? offered : protocol;
	client->info.local_protocol_name = info->protocols[0].name;
	if (lws_cmdline_option(argc, argv, "--h2"))
		client->info.alpn = "h2,http/1.1";
}

int ws_client_open(struct ws_client *client, struct lws_context *context,
		   void *user)
{
	struct lws_client_connect_info info = client->info;

	info.context			= context;
	info.host			= client->host;
	info.userdata			= user;
	info.retry_and_idle_policy	= &client->policy;

	return !lws_client_connect_via_info(&info);
}

static void try_again(lws_sorted_usec_list_t *sul)
{
	struct ws_client *client = lws_container_of(sul, struct ws_client, again);

	ws_client_connect(client, client->info.context);
}

static void give_up(struct ws_client *client)
{
	fprintf(stderr, "giving up after %u tries\n", client->tries);
	client->outcome.failed = 1;
	client->outcome.over = 1;
	/* It may be a timer that has tried: the loop runs them before it sleeps. */
	lws_cancel_service(client->info.context);
}

void ws_client_connect(struct ws_client *client, struct lws_context *context)
{
	/* A context that could not be created has been complained about. */
	if (!context)
		return;
	client->info.context = context;
	if (ws_client_open(client, context, NULL) &&
	    lws_retry_sul_schedule(context, 0, &client->again, &client->policy,
				   try_again, &client->tries))
		give_up(client);
}

void ws_client_established(struct ws_client *client, struct lws *wsi)
{
	/* A stream has a connection of its own below it. */
	printf("established, over HTTP/%s\n",
	       lws_get_network_wsi(wsi) == wsi ? "1.1" : "2");
	client->tries = 0;
}

void ws_client_again(struct ws_client *client, struct lws *wsi, const char *why)
{
	if (program_is_ending())
		return;
	fprintf(stderr, "%s\n", why ? why : "no reason given");
	if (lws_retry_sul_schedule_retry_wsi(wsi, &client->again, try_again,
					     &client->tries))
		give_up(client);
}

int ws_client_close(struct lws *wsi)
{
	lws_close_reason(wsi, LWS_CLOSE_STATUS_NORMAL, NULL, 0);

	return -1;
}

void ws_client_done(struct ws_client *client)
{
	client->outcome.failed = 0;
	client->outcome.over = 1;
}
