/*
 * The members of lws_client_connect_info that are not honoured, and bad values of those that are, one by one: each makes
 * lws_client_connect_via_info() return NULL after exactly one line, which is printed and names the member, its value and
 * the reason; *pwsi is NULL then, and no callback has heard of it.
 *
 * Says "client-fields: ok", or what was not as it should be.
 */
#define _GNU_SOURCE
#include <libwebsockets.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct lws_client_connect_info info_t;

static char logged[4096];
static int logged_lines, callbacks;
static int stand_in;

static void emit(int level, const char *line)
{
	if (level & (LLL_ERR | LLL_WARN)) {
		logged_lines++;
		lws_strncpy(logged, line, sizeof(logged));
	}
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	(void)wsi;
	(void)user;
	(void)in;
	(void)len;
	if (reason != LWS_CALLBACK_PROTOCOL_INIT && reason != LWS_CALLBACK_PROTOCOL_DESTROY &&
	    reason != LWS_CALLBACK_EVENT_WAIT_CANCELLED)
		callbacks++;
	return 0;
}

static const struct lws_protocols protocols[] = {
	{ "client", callback, 8, 0, 0, NULL, 0 },
	LWS_PROTOCOL_LIST_TERM
};

/* name of the setter, member, value in the log, what is set */
#define EACH(x) \
	x(address, "address", "NULL", info->address = NULL) \
	x(no_address, "address", "NULL", info->address = "") \
	x(port_0, "port", "0", info->port = 0) \
	x(port_negative, "port", "-1", info->port = -1) \
	x(port_high, "port", "65536", info->port = 65536) \
	x(ws_version, "ietf_version_or_minus_one", "8", info->method = NULL; info->ietf_version_or_minus_one = 8) \
	x(ws_body, "ssl_connection", "LCCSCF_HTTP_MULTIPART_MIME", info->method = NULL; \
	  info->ssl_connection = LCCSCF_HTTP_MULTIPART_MIME) \
	x(raw, "method", "RAW", info->method = "RAW") \
	x(mqtt, "method", "MQTT", info->method = "MQTT") \
	x(replace_from, "uri_replace_from", "set", info->uri_replace_from = "a") \
	x(replace_to, "uri_replace_to", "set", info->uri_replace_to = "a") \
	x(seq, "seq", "set", info->seq = (void *)&stand_in) \
	x(tls_client_cert, "sys_tls_client_cert", "set", info->sys_tls_client_cert = 1) \
	x(mqtt_cp, "mqtt_cp", "set", info->mqtt_cp = (void *)&stand_in) \
	x(log, "log_cx", "set", info->log_cx = (void *)&stand_in) \
	x(priority, "priority", "set", info->priority = 7) \
	x(credit_negative, "manual_initial_tx_credit", "-1", \
	  (info->manual_initial_tx_credit = -1, info->ssl_connection = LCCSCF_H2_MANUAL_RXFLOW)) \
	x(credit, "manual_initial_tx_credit", "1000", info->manual_initial_tx_credit = 1000) \
	x(two_forms, "ssl_connection", "LCCSCF_HTTP_MULTIPART_MIME | LCCSCF_HTTP_X_WWW_FORM_URLENCODED", \
	  info->ssl_connection = LCCSCF_HTTP_MULTIPART_MIME | LCCSCF_HTTP_X_WWW_FORM_URLENCODED) \
	x(unknown, "ssl_connection", "0x2000", info->ssl_connection = 0x2000) \
	FLAG(x, LCCSCF_H2_AUTH_BEARER) FLAG(x, LCCSCF_H2_HEXIFY_AUTH_TOKEN) \
	FLAG(x, LCCSCF_WAKE_SUSPEND__VALIDITY) FLAG(x, LCCSCF_SECSTREAM_CLIENT) \
	FLAG(x, LCCSCF_SECSTREAM_PROXY_LINK) FLAG(x, LCCSCF_SECSTREAM_PROXY_ONWARD)
#define FLAG(x, flag) x(flag, "ssl_connection", #flag, info->ssl_connection = (int)SET_##flag)
#define SET_LCCSCF_H2_AUTH_BEARER (LCCSCF_USE_SSL | LCCSCF_H2_AUTH_BEARER)
#define SET_LCCSCF_H2_HEXIFY_AUTH_TOKEN (LCCSCF_USE_SSL | LCCSCF_H2_HEXIFY_AUTH_TOKEN)
#define SET_LCCSCF_WAKE_SUSPEND__VALIDITY (LCCSCF_PIPELINE | LCCSCF_WAKE_SUSPEND__VALIDITY)
#define SET_LCCSCF_SECSTREAM_CLIENT LCCSCF_SECSTREAM_CLIENT
#define SET_LCCSCF_SECSTREAM_PROXY_LINK LCCSCF_SECSTREAM_PROXY_LINK
#define SET_LCCSCF_SECSTREAM_PROXY_ONWARD LCCSCF_SECSTREAM_PROXY_ONWARD

#define SETTER(name, member, value, what) \
	static void set_##name(info_t *info) \
	{ \
		what; \
	}
EACH(SETTER)

#define ROW(name, member, value, what) { set_##name, member, value },
static const struct {
	void (*set)(info_t *info);
	const char *member, *value;
} refusals[] = { EACH(ROW) };

static struct lws *seat;

/* What nobody refuses; the port is one that nobody listens at. */
static void fill(info_t *info, struct lws_context *context)
{
	memset(info, 0, sizeof(*info));
	info->context = context;
	info->address = "127.0.0.1";
	info->port = 1;
	info->method = "GET";
	info->path = "/";
	info->host = "localhost";
	info->pwsi = &seat;
	seat = (struct lws *)&stand_in;
	logged_lines = callbacks = 0;
	logged[0] = '\0';
}

static int fails(const char *what)
{
	printf("%s: pwsi %s, %d lines, %d callbacks\n", what, seat ? "set" : "NULL", logged_lines, callbacks);
	return 1;
}

int main(void)
{
	struct lws_context_creation_info creation;
	struct lws_context *context;
	char wanted[256];
	const char *found;
	struct lws *wsi;
	info_t info;
	size_t n;

	lws_set_log_level(LLL_ERR | LLL_WARN, emit);
	memset(&creation, 0, sizeof(creation));
	creation.port = CONTEXT_PORT_NO_LISTEN;
	creation.protocols = protocols;
	creation.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
	context = lws_create_context(&creation);
	if (!context)
		return 1;
	for (n = 0; n < LWS_ARRAY_SIZE(refusals); n++) {
		fill(&info, context);
		refusals[n].set(&info);
		wsi = lws_client_connect_via_info(&info);
		printf("%s", logged);
		lws_snprintf(wanted, sizeof(wanted), "lws_client_connect_via_info: %s '%s': ", refusals[n].member,
			     refusals[n].value);
		found = strstr(logged, wanted);
		if (wsi || seat || logged_lines != 1 || callbacks || !found || strlen(found) < strlen(wanted) + 5)
			return fails(wanted);
		/* a place for the wsi is no must */
		fill(&info, context);
		refusals[n].set(&info);
		info.pwsi = NULL;
		if (lws_client_connect_via_info(&info))
			return fails(wanted);
	}
	fill(&info, NULL);
	if (lws_client_connect_via_info(&info) || seat || callbacks)
		return fails("no context");
	if (lws_client_connect_via_info(NULL))
		return fails("NULL");
	/* and it is the member alone that is refused */
	fill(&info, context);
	/* no faults are injected, so that any name for them is as good */
	info.fi_wsi_name = "wsi";
	info.ssl_connection = LCCSCF_CACHE_COOKIES;
	wsi = lws_client_connect_via_info(&info);
	if (!wsi || seat != wsi || logged_lines || !callbacks)
		return fails("nothing to refuse");
	lws_context_destroy(context);
	if (logged_lines)
		return fails("destroy");
	puts("client-fields: ok");
	return 0;
}
