/*
 * retry: prints what the retry functions answer.
 *
 * Without an argument: by tables. "retry serve": two servers, "main" with a policy of its own and "plain" without; what a
 * request's Retry-After does to their wsi's delays. Their ports are on stderr, and it ends with stdin.
 */

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include <libwebsockets.h>

static struct lws_context *context;

static void never(lws_sorted_usec_list_t *sul)
{
	(void)sul;
	printf("not due for long\n");
}

/* ---- by tables ---- */

static void delays(const char *what, const lws_retry_bo_t *bo, unsigned int percent, const unsigned int *bases, int count)
{
	unsigned int ms, low, high;
	char conceal = 'x';
	uint16_t tries;
	int n, t, wrong = 0;

	printf("%s:", what);
	for (t = 0; t < count; t++) {
		low = ~0u;
		high = 0;
		for (n = 0; n < 2000; n++) {
			tries = (uint16_t)t;
			conceal = 'x';
			ms = lws_retry_get_delay_ms(context, bo, &tries, &conceal);
			low = ms < low ? ms : low;
			high = ms > high ? ms : high;
			wrong += tries != t + 1;
		}
		printf(" %u..", bases[t]);
		/* the ends of the range are hardly hit, what is near them is */
		if (low < bases[t] || low > bases[t] + bases[t] * percent / 2000)
			printf("(%u)", low);
		if (high > bases[t] + bases[t] * percent / 100 || high < bases[t] + bases[t] * percent * 95 / 10000)
			printf("(%u)", high);
		printf("+%u%% %d", percent, conceal);
	}
	printf(", %d\n", wrong);
}

static void scheduled(const char *what, const lws_retry_bo_t *bo, uint16_t tries)
{
	lws_sorted_usec_list_t sul;
	lws_usec_t ms;
	int r;

	memset(&sul, 0, sizeof(sul));
	r = lws_retry_sul_schedule(context, 0, &sul, bo, never, &tries);
	ms = lws_dll2_is_detached(&sul.list) ? -1 : (sul.us - lws_now_usecs() + 500) / 1000;
	printf("%s: %d, try %u", what, r, tries);
	if (ms < 0)
		printf(", not scheduled\n");
	else
		printf(", in %d s\n", (int)((ms + 500) / 1000));
	lws_sul_cancel(&sul);
}

static void by_tables(void)
{
	static const uint32_t table[] = { 1000, 20000, 5000 };
	static const unsigned int bases[] = { 1000, 20000, 5000, 5000, 5000 }, threes[] = { 3000, 3000, 3000 };
	lws_retry_bo_t bo = { table, LWS_ARRAY_SIZE(table), 4, 0, 0, 10 }, none = { NULL, 0, 2, 0, 0, 10 };
	uint16_t tries = 0xfffe;
	char conceal = 'x';

	delays("NULL", NULL, 30, threes, 3);
	delays("10%", &bo, 10, bases, 5);
	bo.jitter_percent = 0;
	delays("0%", &bo, 30, bases, 5);
	bo.jitter_percent = 200;
	delays("200%", &bo, 200, bases, 5);
	delays("no table", &none, 10, threes, 3);

	bo.conceal_count = LWS_RETRY_CONCEAL_ALWAYS;
	lws_retry_get_delay_ms(context, &bo, &tries, &conceal);
	printf("nearly always: %u %d\n", tries, conceal);
	lws_retry_get_delay_ms(context, &bo, &tries, &conceal);
	printf("always: %u %d\n", tries, conceal);
	bo.conceal_count = 0;
	tries = 0;
	lws_retry_get_delay_ms(context, &bo, &tries, &conceal);
	printf("never: %u %d\n", tries, conceal);
	lws_retry_get_delay_ms(context, &bo, &tries, NULL);
	printf("unasked: %u\n", tries);

	bo.conceal_count = 4;
	bo.jitter_percent = 1;
	scheduled("first", &bo, 0);
	scheduled("second", &bo, 1);
	scheduled("fourth", &bo, 3);
	scheduled("fifth", &bo, 4);
	scheduled("by NULL", NULL, 0);
	bo.conceal_count = LWS_RETRY_CONCEAL_ALWAYS;
	scheduled("always", &bo, 0xffff);
}

/* ---- of connections ---- */

/* which of the delays it is, without the up to 20% that chance has added */
static int base_of(lws_usec_t us)
{
	static const int bases[] = { 180, 120, 60, 40, 30, 17, 9, 3, 1 };
	size_t n;

	for (n = 0; n < LWS_ARRAY_SIZE(bases); n++)
		if (us + 200 * LWS_US_PER_MS >= bases[n] * LWS_US_PER_SEC)
			return us <= bases[n] * LWS_US_PER_SEC * 12 / 10 ? bases[n] : (int)us;

	return 0;
}

static void by_wsi(struct lws *wsi)
{
	static const lws_usec_t before[] = { 0, 30 * LWS_US_PER_SEC, 86400ll * LWS_US_PER_SEC };
	lws_sorted_usec_list_t sul;
	lws_usec_t us;
	uint16_t tries;
	size_t n;
	int r;

	for (n = 0; n < LWS_ARRAY_SIZE(before); n++) {
		us = before[n];
		r = lws_http_check_retry_after(wsi, &us);
		printf(" %d %d", r, (int)(us / LWS_US_PER_SEC));
	}
	memset(&sul, 0, sizeof(sul));
	for (tries = 0; tries < 6;) {
		r = lws_retry_sul_schedule_retry_wsi(wsi, &sul, never, &tries);
		printf(", %d", r);
		if (!lws_dll2_is_detached(&sul.list))
			printf(" in %d", base_of(sul.us - lws_now_usecs()));
		lws_sul_cancel(&sul);
	}
	printf("\n");
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	(void)user, (void)in, (void)len;
	if (reason != LWS_CALLBACK_HTTP)
		return lws_callback_http_dummy(wsi, reason, user, in, len);
	if (!strcmp((const char *)in, "/hold"))
		/* never answered */
		return 0;
	printf("%s %s:", lws_get_vhost_name(lws_get_vhost(wsi)), (const char *)in);
	by_wsi(wsi);
	if (lws_return_http_status(wsi, HTTP_STATUS_OK, "ok"))
		return -1;

	return lws_http_transaction_completed(wsi);
}

static const struct lws_protocols protocols[] = {
	{ "http", callback, 0, 0, 0, NULL, 0 },
	{ NULL, NULL, 0, 0, 0, NULL, 0 },
};

static int serve(struct lws_context_creation_info *info)
{
	static const uint32_t table[] = { 30000, 60000 };
	static const lws_retry_bo_t bo = { table, LWS_ARRAY_SIZE(table), 3, 1, 2, 1 };
	struct lws_vhost *main_vhost, *plain;
	struct pollfd in = { 0, POLLIN, 0 };

	info->port = 0;
	info->vhost_name = "main";
	info->retry_and_idle_policy = &bo;
	main_vhost = lws_create_vhost(context, info);
	info->vhost_name = "plain";
	info->retry_and_idle_policy = NULL;
	plain = lws_create_vhost(context, info);
	if (!main_vhost || !plain)
		return 1;
	fprintf(stderr, "main listening on port %d\n", lws_get_vhost_listen_port(main_vhost));
	fprintf(stderr, "plain listening on port %d\n", lws_get_vhost_listen_port(plain));
	printf("ready\n");
	while (!poll(&in, 1, 10))
		lws_service(context, -1);

	return 0;
}

int main(int argc, const char **argv)
{
	struct lws_context_creation_info info;
	int r = 0;

	(void)argv;
	setvbuf(stdout, NULL, _IOLBF, 0);
	lws_set_log_level(LLL_ERR, NULL);
	memset(&info, 0, sizeof(info));
	info.port = CONTEXT_PORT_NO_LISTEN;
	info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
	info.protocols = protocols;
	context = lws_create_context(&info);
	if (!context)
		return 1;
	if (argc > 1)
		r = serve(&info);
	else
		by_tables();
	lws_context_destroy(context);

	return r;
}
