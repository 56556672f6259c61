/*
 * HTTP clients on the loop of guardless.h, which watches the library; here, above what it watches:
 *
 *   - CLIENT_HTTP_BIND_PROTOCOL and CLIENT_HTTP_DROP_PROTOCOL come in pairs;
 *   - each request comes to one end: NULL and nothing more, one CLIENT_CONNECTION_ERROR, or ESTABLISHED and one CLOSED;
 *     COMPLETED at most once, between these two.
 *
 * Stdin, a command a line:
 *   get id=N port=N [KEY=VALUE...]   a request, see make_request
 *   read id=N                        lws_http_client_read what mode=noread left
 *   pause id=N, resume id=N          lws_rx_flow_control
 *   grant id=N [n=N]                 lws_wsi_tx_credit, of 10000000 unless told
 *   update id=N n=N                  lws_h2_update_peer_txcredit
 *   received id=N                    what has come, and what may still come: "N RECEIVED bytes credit estimate"
 *   kill id=N, kill-sync id=N        lws_set_timeout
 *   settle, stats                    of the loop
 * What callbacks say is on stdout: "N REASON ...".
 */
#include "guardless.h"

#define REQUESTS_MAX 1024

struct request {
	int id;
	struct lws *wsi;		/* as the callbacks say */
	struct lws *seat;		/* *pwsi */
	int null, error, established, completed, closed, bound;
	int noread, late, pull, pulling, struck, socket, measured, authorized, again;
	long to_send;
	lws_retry_bo_t policy;
	unsigned long long received;
	char strike[24], at[24], then[80];
};

static struct request requests[REQUESTS_MAX];
static unsigned int request_count;
static int next_id = 100000;

static const struct {
	const char *name;
	enum lws_callback_reasons reason;
} names[] = {
	{ "BIND", LWS_CALLBACK_CLIENT_HTTP_BIND_PROTOCOL },
	{ "DROP", LWS_CALLBACK_CLIENT_HTTP_DROP_PROTOCOL },
	{ "CONNECTING", LWS_CALLBACK_CONNECTING },
	{ "NEW", LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED },
	{ "CREATE", LWS_CALLBACK_WSI_CREATE },
	{ "DESTROY", LWS_CALLBACK_WSI_DESTROY },
	{ "VERIFY", LWS_CALLBACK_OPENSSL_PERFORM_SERVER_CERT_VERIFICATION },
	{ "APPEND", LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER },
	{ "FILTER", LWS_CALLBACK_CLIENT_FILTER_PRE_ESTABLISH },
	{ "ESTABLISHED", LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP },
	{ "RECEIVE", LWS_CALLBACK_RECEIVE_CLIENT_HTTP },
	{ "READ", LWS_CALLBACK_RECEIVE_CLIENT_HTTP_READ },
	{ "WRITEABLE", LWS_CALLBACK_CLIENT_HTTP_WRITEABLE },
	{ "COMPLETED", LWS_CALLBACK_COMPLETED_CLIENT_HTTP },
	{ "REDIRECT", LWS_CALLBACK_CLIENT_HTTP_REDIRECT },
	{ "CLOSED", LWS_CALLBACK_CLOSED_CLIENT_HTTP },
	{ "ERROR", LWS_CALLBACK_CLIENT_CONNECTION_ERROR },
};

static const char *name_of(enum lws_callback_reasons reason)
{
	size_t n;

	for (n = 0; n < LWS_ARRAY_SIZE(names); n++)
		if (names[n].reason == reason)
			return names[n].name;
	return NULL;
}

static void make_request(char *line);

static void act(const char *what, struct lws *wsi)
{
	if (!common_act(what, wsi))
		violation("unknown action %s", what);
}

/* What the kernel has been told of the socket that is about to connect. */
static void print_socket(int id, int fd)
{
	int tos = -1, class = -1, priority = -1;
	socklen_t len = sizeof(int);

	getsockopt(fd, IPPROTO_IP, IP_TOS, &tos, &len);
	len = sizeof(int);
	getsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &class, &len);
	len = sizeof(int);
	getsockopt(fd, SOL_SOCKET, SO_PRIORITY, &priority, &len);
	printf("%d SOCKET tos=%d class=%d priority=%d\n", id, tos, class, priority);
}

static void print_measured(struct request *request)
{
	const struct addrinfo *address;
	struct lws_conmon c;
	int count = 0;

	lws_conmon_wsi_take(request->wsi, &c);
	for (address = c.dns_results_copy; address; address = address->ai_next)
		count++;
	printf("%d MEASURED dns=%d addresses=%d family=%d port=%d connect=%d tls=%d answer=%d http=%d response=%d\n",
	       request->id, (int)c.dns_disposition, count, c.peer46.sa4.sin_family, ntohs(c.peer46.sa4.sin_port),
	       c.ciu_sockconn > 0, c.ciu_tls > 0, c.ciu_txn_resp > 0, c.pcol == LWSCONMON_PCOL_HTTP,
	       (int)c.protocol_specific.http.response);
	lws_conmon_release(&c);
	if (c.dns_results_copy)
		violation("%d: lws_conmon_release left addresses", request->id);
}

static void never(lws_sorted_usec_list_t *sul)
{
	(void)sul;
}

/* When it would be made again, as the answer and the policy have it: "N AGAIN result seconds". */
static void print_again(struct request *request)
{
	lws_sorted_usec_list_t sul;
	uint16_t tries = 0;
	int result;

	memset(&sul, 0, sizeof(sul));
	result = lws_retry_sul_schedule_retry_wsi(request->wsi, &sul, never, &tries);
	printf("%d AGAIN %d %d\n", request->id, result,
	       (int)((sul.us - lws_now_usecs() + LWS_US_PER_SEC / 2) / LWS_US_PER_SEC));
	lws_sul_cancel(&sul);
}

static int read_some(struct lws *wsi)
{
	char buffer[LWS_PRE + 700], *at = buffer + LWS_PRE;
	int len = (int)sizeof(buffer) - LWS_PRE;

	return lws_http_client_read(wsi, &at, &len);
}

static int append_headers(struct lws *wsi, struct request *request, unsigned char **p, size_t len)
{
	char length[24];
	int n = snprintf(length, sizeof(length), "%ld", request->to_send);
	char basic[100];

	if (request->authorized) {
		if (lws_http_basic_auth_gen("user", "secret", basic, sizeof(basic)) ||
		    lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_AUTHORIZATION, (unsigned char *)basic,
						 (int)strlen(basic), p, *p + len))
			return -1;
	}
	if (!request->to_send)
		return 0;
	if (lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, (unsigned char *)length, n, p,
					 *p + len))
		return -1;
	lws_client_http_body_pending(wsi, 1);
	lws_callback_on_writable(wsi);
	return 0;
}

static int write_some(struct lws *wsi, struct request *request)
{
	static unsigned char buffer[LWS_PRE + 4096];
	size_t n = request->to_send < 4096 ? (size_t)request->to_send : 4096;

	if (!request->to_send)
		return 0;
	if (request->late) {
		request->late = 0;
		printf("%d LATE\n", request->id);
		return 0;
	}
	request->to_send -= (long)n;
	if (!request->to_send)
		lws_client_http_body_pending(wsi, 0);
	if (lws_write(wsi, buffer + LWS_PRE, n, request->to_send ? LWS_WRITE_HTTP : LWS_WRITE_HTTP_FINAL) < 0)
		return -1;
	if (request->to_send)
		lws_callback_on_writable(wsi);
	return 0;
}

static void watch(struct request *request, enum lws_callback_reasons reason, const char *in, size_t len)
{
	int id = request->id;

	switch (reason) {
	case LWS_CALLBACK_CLIENT_HTTP_BIND_PROTOCOL:
		if (request->bound++)
			violation("%d bound twice", id);
		break;
	case LWS_CALLBACK_CLIENT_HTTP_DROP_PROTOCOL:
		if (--request->bound)
			violation("%d dropped, bound %d times", id, request->bound);
		break;
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		if (request->null || request->error || request->established)
			violation("%d failed after it was over or established", id);
		request->error = 1;
		if (!len || strlen(in) != len)
			violation("%d: CLIENT_CONNECTION_ERROR of length %u", id, (unsigned int)len);
		printf("%d ERROR %s\n", id, len ? in : "");
		return;
	case LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP:
		if (request->null || request->error || request->established)
			violation("%d established twice, or after it failed", id);
		request->established = 1;
		printf("%d ESTABLISHED %u\n", id, lws_http_client_http_response(request->wsi));
		return;
	case LWS_CALLBACK_RECEIVE_CLIENT_HTTP_READ:
		request->received += len;
		/* fallthru */
	case LWS_CALLBACK_RECEIVE_CLIENT_HTTP:
		if (!request->established || request->completed || request->closed)
			violation("%d: %s before or after the answer", id, name_of(reason));
		return;
	case LWS_CALLBACK_COMPLETED_CLIENT_HTTP:
		if (!request->established || request->completed || request->closed)
			violation("%d completed before established, twice, or after its end", id);
		request->completed = 1;
		printf("%d COMPLETED %llu\n", id, request->received);
		return;
	case LWS_CALLBACK_CLOSED_CLIENT_HTTP:
		if (!request->established || request->closed)
			violation("%d closed twice, or never established", id);
		request->closed = 1;
		printf("%d CLOSED %llu\n", id, request->received);
		return;
	case LWS_CALLBACK_CLIENT_HTTP_REDIRECT:
		printf("%d REDIRECT %u %s\n", id, (unsigned int)len, in);
		return;
	default:
		break;
	}
	if (reason != LWS_CALLBACK_CLIENT_HTTP_WRITEABLE)
		printf("%d %s\n", id, name_of(reason));
}

static int serve(struct lws *wsi, struct request *request, enum lws_callback_reasons reason, void *in,
		 size_t len)
{
	switch (reason) {
	case LWS_CALLBACK_CONNECTING:
		if (request->socket)
			print_socket(request->id, (int)(intptr_t)in);
		return 0;
	case LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP:
		if (request->measured)
			print_measured(request);
		if (request->again)
			print_again(request);
		return 0;
	case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
		return append_headers(wsi, request, in, len);
	case LWS_CALLBACK_CLIENT_HTTP_WRITEABLE:
		return write_some(wsi, request);
	case LWS_CALLBACK_RECEIVE_CLIENT_HTTP:
		if (request->noread) {
			printf("%d UNREAD\n", request->id);
			return 0;
		}
		return read_some(wsi);
	case LWS_CALLBACK_RECEIVE_CLIENT_HTTP_READ:
		if (request->pull && !request->pulling) {
			request->pulling = 1;
			lws_rx_flow_control(wsi, 0);
		}
		return 0;
	default:
		return 0;
	}
}

static int callback_client(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	struct request *request;
	int result;

	(void)user;
	if (reason == LWS_CALLBACK_WSI_CREATE || reason == LWS_CALLBACK_WSI_DESTROY)
		track(wsi, reason);
	request = lws_get_opaque_user_data(wsi);
	if (!request || !name_of(reason))
		return 0;
	if (reason != LWS_CALLBACK_WSI_DESTROY)
		request->wsi = wsi;
	watch(request, reason, in, len);
	result = serve(wsi, request, reason, in, len);
	if (request->wsi == wsi &&
	    (reason == LWS_CALLBACK_WSI_DESTROY || reason == LWS_CALLBACK_CLIENT_CONNECTION_ERROR))
		request->wsi = NULL;
	if (destroying || request->struck || strcmp(name_of(reason), request->at))
		return result;
	request->struck = 1;
	printf("%d struck\n", request->id);
	if (!strcmp(request->strike, "fail")) {
		/* refused, it never was */
		if (reason == LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP)
			request->established = 0;
		return -1;
	}
	if (!strcmp(request->strike, "connect"))
		make_request(request->then);
	else
		act(request->strike, wsi);
	return result;
}

static const struct lws_protocols protocols[] = {
	{ "client", callback_client, 24, 0, 0, NULL, 0 },
	LWS_PROTOCOL_LIST_TERM
};

static const struct {
	const char *name;
	int flag;
} flags[] = {
	{ "tls", LCCSCF_USE_SSL },
	{ "selfsigned", LCCSCF_ALLOW_SELFSIGNED },
	{ "pipeline", LCCSCF_PIPELINE },
	{ "h2", LCCSCF_H2_PRIOR_KNOWLEDGE },
	{ "manual", LCCSCF_H2_MANUAL_RXFLOW },
	{ "anyhost", LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK },
	{ "nofollow", LCCSCF_HTTP_NO_FOLLOW_REDIRECT },
	{ "downgrade", LCCSCF_ACCEPT_TLS_DOWNGRADE_REDIRECTS },
	{ "latency", LCCSCF_IP_LOW_LATENCY },
	{ "throughput", LCCSCF_IP_HIGH_THROUGHPUT },
	{ "reliability", LCCSCF_IP_HIGH_RELIABILITY },
	{ "cost", LCCSCF_IP_LOW_COST },
	{ "conmon", LCCSCF_CONMON },
};

static int flags_of(char *list)
{
	char *save = NULL, *name;
	int all = 0;
	size_t n;

	for (name = strtok_r(list, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
		for (n = 0; n < LWS_ARRAY_SIZE(flags) && strcmp(flags[n].name, name); n++)
			;
		if (n == LWS_ARRAY_SIZE(flags))
			violation("unknown flag %s", name);
		else
			all |= flags[n].flag;
	}
	return all;
}

/* What a line of words cannot have. */
static void decode(char *value)
{
	char *from, *to = value;

	for (from = value; *from; from++) {
		if (!strncmp(from, "%20", 3) || !strncmp(from, "%0d", 3) || !strncmp(from, "%0a", 3)) {
			*to++ = from[1] == '2' ? ' ' : from[2] == 'd' ? '\r' : '\n';
			from += 2;
		} else
			*to++ = *from;
	}
	*to = '\0';
}

/*
 * KEY=VALUE: id, port, address, host, path, method, alpn, iface, origin, priority, keep (warm, seconds), body (bytes to send),
 * flags=A,B, credit, ping and hangup (of a policy, seconds), vhost=default, mode=noread, late (nothing of the body is written
 * when it is first asked for), pull (of what comes by itself the first is taken, the rest is read when no callback is on the
 * stack), socket (its options are printed), measured (lws_conmon is), authorized (credentials are sent) or again (when the request
 * would be made again is printed), strike=ACTION@REASON;
 * what strike=connect@... asks for comes last, as then=KEY=VALUE;KEY=VALUE... In values %20, %0d and %0a are decoded.
 */
static void make_request(char *line)
{
	struct lws_client_connect_info info;
	struct request *request = &requests[request_count++];
	char *save = NULL, *word;

	memset(&info, 0, sizeof(info));
	request->id = next_id++;
	info.context = context;
	info.vhost = vhost;
	info.address = "127.0.0.1";
	info.path = "/";
	info.method = "GET";
	info.keep_warm_secs = 1;
	info.opaque_user_data = request;
	info.pwsi = &request->seat;
	for (word = strtok_r(line, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		char *value = strchr(word, '=');

		if (!value)
			continue;
		*value++ = '\0';
		decode(value);
		if (!strcmp(word, "id"))
			request->id = atoi(value);
		else if (!strcmp(word, "port"))
			info.port = atoi(value);
		else if (!strcmp(word, "address"))
			info.address = value;
		else if (!strcmp(word, "host"))
			info.host = value;
		else if (!strcmp(word, "path"))
			info.path = value;
		else if (!strcmp(word, "method"))
			info.method = value;
		else if (!strcmp(word, "alpn"))
			info.alpn = value;
		else if (!strcmp(word, "iface"))
			info.iface = value;
		else if (!strcmp(word, "origin"))
			info.origin = value;
		else if (!strcmp(word, "priority"))
			info.priority = (uint8_t)atoi(value);
		else if (!strcmp(word, "vhost"))
			info.vhost = NULL;
		else if (!strcmp(word, "ping")) {
			request->policy.secs_since_valid_ping = (uint16_t)atoi(value);
			info.retry_and_idle_policy = &request->policy;
		} else if (!strcmp(word, "hangup"))
			request->policy.secs_since_valid_hangup = (uint16_t)atoi(value);
		else if (!strcmp(word, "keep"))
			info.keep_warm_secs = (uint16_t)atoi(value);
		else if (!strcmp(word, "body"))
			request->to_send = atol(value);
		else if (!strcmp(word, "flags"))
			info.ssl_connection = flags_of(value);
		else if (!strcmp(word, "credit"))
			info.manual_initial_tx_credit = atoi(value);
		else if (!strcmp(word, "mode")) {
			request->noread = !strcmp(value, "noread");
			request->late = !strcmp(value, "late");
			request->pull = !strcmp(value, "pull");
			request->socket = !strcmp(value, "socket");
			request->measured = !strcmp(value, "measured");
			request->authorized = !strcmp(value, "authorized");
			request->again = !strcmp(value, "again");
		}
		else if (!strcmp(word, "strike"))
			sscanf(value, "%23[^@]@%23s", request->strike, request->at);
		else if (!strcmp(word, "then")) {
			char *p;

			snprintf(request->then, sizeof(request->then), "%s", value);
			for (p = request->then; *p; p++)
				if (*p == ';')
					*p = ' ';
		} else
			violation("unknown key %s", word);
	}
	request->seat = (struct lws *)(void *)request;
	if (!lws_client_connect_via_info(&info)) {
		request->null = 1;
		printf("%d NULL\n", request->id);
		if (request->error)
			violation("%d: NULL after a callback said so", request->id);
		/* a callback that serviced the loop may have seen all of the answer */
		if (request->established)
			request->null = 0;
		if (request->seat)
			violation("%d: NULL, but *pwsi is not", request->id);
	} else if (request->seat == (struct lws *)(void *)request || !request->seat) {
		violation("%d: *pwsi was not set", request->id);
	}
}

/* ---- commands ---- */

static struct request *request_of(const char *line)
{
	const char *id = strstr(line, "id=");
	unsigned int n;

	for (n = 0; id && n < request_count; n++)
		if (requests[n].id == atoi(id + 3))
			return &requests[n];
	violation("no such request: %s", line);
	return NULL;
}

static void obey(char *line)
{
	const char *number = strstr(line, " n=");
	struct request *request;
	int n = number ? atoi(number + 3) : 10000000;

	if (!strncmp(line, "get ", 4)) {
		make_request(line + 4);
		return;
	}
	request = request_of(line);
	if (!request || !request->wsi) {
		printf("gone: %s\n", line);
		return;
	}
	if (!strncmp(line, "read ", 5)) {
		request->noread = 0;
		read_some(request->wsi);
	} else if (!strncmp(line, "pause ", 6))
		lws_rx_flow_control(request->wsi, 0);
	else if (!strncmp(line, "grant ", 6))
		lws_wsi_tx_credit(request->wsi, LWSTXCR_PEER_TO_US, n);
	else if (!strncmp(line, "update ", 7)) {
		if (lws_h2_update_peer_txcredit(request->wsi, LWS_H2_STREAM_SID, n))
			violation("%d: lws_h2_update_peer_txcredit", request->id);
	} else if (!strncmp(line, "received ", 9))
		printf("%d RECEIVED %llu %d %d\n", request->id, request->received,
		       lws_wsi_tx_credit(request->wsi, LWSTXCR_PEER_TO_US, 0),
		       lws_h2_get_peer_txcredit_estimate(request->wsi));
	else if (!strncmp(line, "resume ", 7))
		lws_rx_flow_control(request->wsi, 1);
	else if (!strncmp(line, "kill-sync ", 10))
		act("kill-sync", request->wsi);
	else if (!strncmp(line, "kill ", 5))
		act("kill-async", request->wsi);
	else
		violation("unknown command: %s", line);
}

static void check_ends(void)
{
	unsigned int n;

	for (n = 0; n < request_count; n++) {
		const struct request *r = &requests[n];

		if (r->null + r->error + r->closed != 1 || r->bound)
			violation("%d ends with NULL %d, error %d, established %d, completed %d, closed %d, bound %d",
				  r->id, r->null, r->error, r->established, r->completed, r->closed, r->bound);
	}
}

/* What mode=pull left is read, then more of it may come. */
static void pull(void)
{
	unsigned long long before;
	unsigned int n;

	for (n = 0; n < request_count && !destroying; n++) {
		struct request *request = &requests[n];

		if (!request->pulling || !request->wsi)
			continue;
		do {
			before = request->received;
			if (read_some(request->wsi) < 0)
				break;
		} while (request->wsi && request->received != before);
		request->pulling = 0;
		if (request->wsi)
			lws_rx_flow_control(request->wsi, 1);
	}
}

/* ---- life ---- */

int main(int argc, char **argv)
{
	struct lws_context_creation_info info;
	const char *v, *ca = NULL, *proxy = NULL;
	int n;

	memset(&info, 0, sizeof(info));
	for (n = 1; n < argc; n++) {
		if ((v = value_of(argv[n], "--timeout")))
			info.timeout_secs = (unsigned int)atoi(v);
		else if ((v = value_of(argv[n], "--connect-timeout")))
			info.connect_timeout_secs = (unsigned int)atoi(v);
		else if ((v = value_of(argv[n], "--ca")))
			ca = v;
		else if ((v = value_of(argv[n], "--proxy")))
			proxy = v;
		else if (!loop_argument(argv[n])) {
			fprintf(stderr, "unknown argument %s\n", argv[n]);
			return 2;
		}
	}
	begin();
	info.port = CONTEXT_PORT_NO_LISTEN;
	info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
	info.event_lib_custom = &evlib;
	info.pcontext = &context;
	context = lws_create_context(&info);
	if (!context)
		return 2;
	info.protocols = protocols;
	info.client_ssl_ca_filepath = ca;
	info.http_proxy_address = proxy;
	vhost = lws_create_vhost(context, &info);
	if (!vhost)
		return 2;
	each_turn = pull;
	ready();
	return finish();
}
