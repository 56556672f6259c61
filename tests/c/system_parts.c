/*
 * system_parts: blobs, the system's operations, functions attached to a state from another thread, captive portal
 * detection. Prints what the calls gave.
 */

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <libwebsockets.h>

static struct lws_context *context;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_t service_thread;
static int ready, called, detections, expected;

/* ---- blobs ---- */

static void show(const char *what, lws_system_blob_t *b)
{
	static const size_t at[][2] = { { 0, 64 }, { 0, 4 }, { 2, 64 }, { 5, 3 }, { 6, 2 }, { 11, 64 }, { 12, 64 }, { 100, 1 } };
	const uint8_t *single = NULL;
	size_t n, len;
	char buf[64];
	int r;

	r = lws_system_blob_get_single_ptr(b, &single);
	printf("%s: size %d, single %d%s\n", what, (int)lws_system_blob_get_size(b), r, single ? ", there" : "");
	for (n = 0; n < LWS_ARRAY_SIZE(at); n++) {
		len = at[n][1];
		r = lws_system_blob_get(b, (uint8_t *)buf, &len, at[n][0]);
		printf("\tfrom %d: %d <%.*s>\n", (int)at[n][0], r, (int)len, buf);
	}
}

static void blobs(void)
{
	static const uint8_t direct[] = "program's own";
	lws_system_blob_t *b = lws_system_get_blob(context, LWS_SYSBLOB_TYPE_AUTH, 1);
	const uint8_t *single = NULL;

	printf("auth 1 %s, again %s, auth 0 %s, next %s\n", b ? "there" : "missing",
	       lws_system_get_blob(context, LWS_SYSBLOB_TYPE_AUTH, 1) == b ? "same" : "other",
	       lws_system_get_blob(context, LWS_SYSBLOB_TYPE_AUTH, 0) == b ? "same" : "other",
	       lws_system_get_blob(context, LWS_SYSBLOB_TYPE_CLIENT_CERT_DER, 0) == b ? "same" : "other");
	printf("last %s, -1 %s, far %s\n",
	       lws_system_get_blob(context, LWS_SYSBLOB_TYPE_MQTT_PASSWORD, 0) ? "there" : "missing",
	       lws_system_get_blob(context, LWS_SYSBLOB_TYPE_AUTH, -1) ? "there" : "missing",
	       lws_system_get_blob(context, LWS_SYSBLOB_TYPE_AUTH, 100) ? "there" : "missing");

	show("new", b);
	printf("append %d\n", lws_system_blob_heap_append(b, (const uint8_t *)"one-", 4));
	show("one", b);
	if (!lws_system_blob_get_single_ptr(b, &single))
		printf("at it <%.4s>\n", (const char *)single);
	printf("append %d\n", lws_system_blob_heap_append(b, (const uint8_t *)"two-", 4));
	printf("append %d\n", lws_system_blob_heap_append(b, (const uint8_t *)"three", 4));
	show("three", b);
	lws_system_blob_heap_empty(b);
	show("empty", b);
	lws_system_blob_direct_set(b, direct, sizeof(direct) - 1);
	show("direct", b);
	single = NULL;
	printf("where it was %d\n", !lws_system_blob_get_single_ptr(b, &single) && single == direct);
	/* the context frees what is appended to the others */
	lws_system_blob_heap_append(lws_system_get_blob(context, LWS_SYSBLOB_TYPE_DEVICE_SERIAL, 0), direct, 5);
	lws_system_blob_destroy(lws_system_get_blob(context, LWS_SYSBLOB_TYPE_DEVICE_TYPE, 0));
}

/* ---- attached functions ---- */

static int attach(struct lws_context *cx, int tsi, lws_attach_cb_t cb, lws_system_states_t state, void *opaque,
		  struct lws_attach_item **get)
{
	int r;

	pthread_mutex_lock(&lock);
	r = __lws_system_attach(cx, tsi, cb, state, opaque, get);
	pthread_mutex_unlock(&lock);

	return r;
}

static void attached(struct lws_context *cx, int tsi, void *opaque)
{
	printf("attached %s: state %d, %s, %s, %d\n", (const char *)opaque, lws_system_get_state_manager(cx)->state,
	       cx == context ? "the context" : "another context",
	       pthread_equal(pthread_self(), service_thread) ? "service thread" : "another thread", tsi);
	called++;
	lws_cancel_service(cx);
}

static void *other_thread(void *arg)
{
	(void)arg;
	printf("from a thread %d\n", attach(context, 0, attached, LWS_SYSTATE_OPERATIONAL, (void *)"from a thread", NULL));
	return NULL;
}

/* ---- captive portal detection ---- */

static int detect(struct lws_context *cx)
{
	/* lws asks by itself, too, when an interface gets an address */
	if (!expected)
		return 0;
	expected = 0;
	printf("detection %d asked for, is %d\n", ++detections, (int)lws_system_cpd_state_get(cx));
	lws_cancel_service(cx);
	return detections == 1 ? 0 : 7;
}

static const lws_system_ops_t ops = {
	.attach = attach,
	.captive_portal_detect_request = detect,
};

static int notify(lws_state_manager_t *mgr, lws_state_notify_link_t *link, int current, int target)
{
	(void)link;
	if (target == LWS_SYSTATE_CPD_POST_TIME && current != target &&
	    lws_system_cpd_state_get(mgr->context) == LWS_CPD_UNKNOWN) {
		expected = 1;
		printf("held %d\n", lws_system_cpd_start(mgr->context));
		return 1;
	}
	if (current == target && target == LWS_SYSTATE_OPERATIONAL) {
		printf("operational\n");
		ready = 1;
		lws_cancel_service(mgr->context);
	}
	return 0;
}

static lws_state_notify_link_t notifier = { { NULL, NULL, NULL }, notify, "notifier" };
static lws_state_notify_link_t *const notifiers[] = { &notifier, NULL };

static void service_until(const int *what, int count)
{
	int n;

	for (n = 0; n < 5000 && *what < count; n++)
		lws_service(context, 0);
}

int main(void)
{
	struct lws_context_creation_info info;
	pthread_t thread;

	setvbuf(stdout, NULL, _IOLBF, 0);
	lws_set_log_level(LLL_ERR, NULL);
	service_thread = pthread_self();
	memset(&info, 0, sizeof(info));
	info.port = CONTEXT_PORT_NO_LISTEN;
	info.system_ops = &ops;
	info.register_notifier_list = notifiers;
	context = lws_create_context(&info);
	if (!context)
		return 1;
	printf("operations %s\n", lws_system_get_ops(context) == &ops ? "as given" : "others");

	blobs();

	printf("early %d\n", attach(context, 0, attached, LWS_SYSTATE_INITIALIZED, (void *)"early", NULL));
	printf("late %d\n", attach(context, 0, attached, LWS_SYSTATE_OPERATIONAL, (void *)"late", NULL));
	printf("never %d\n", attach(context, 0, attached, LWS_SYSTATE_CONTEXT_DESTROYING, (void *)"never", NULL));
	service_until(&detections, 1);
	printf("called %d, portal %d\n", called, (int)lws_system_cpd_state_get(context));
	lws_system_cpd_set(context, LWS_CPD_INTERNET_OK);
	lws_system_cpd_set(context, LWS_CPD_NO_INTERNET);
	printf("ready %d, portal %d\n", ready, (int)lws_system_cpd_state_get(context));
	service_until(&called, 2);
	pthread_create(&thread, NULL, other_thread, NULL);
	pthread_join(thread, NULL);
	service_until(&called, 3);

	expected = 1;
	printf("again %d, portal %d\n", lws_system_cpd_start(context), (int)lws_system_cpd_state_get(context));
	lws_system_cpd_set(context, LWS_CPD_CAPTIVE_PORTAL);
	printf("portal %d\n", (int)lws_system_cpd_state_get(context));
	expected = 1;
	lws_system_cpd_start_defer(context, 3600ll * LWS_US_PER_SEC);
	lws_system_cpd_start_defer(context, LWS_US_PER_MS);
	service_until(&detections, 3);
	printf("portal %d\n", (int)lws_system_cpd_state_get(context));

	lws_context_destroy(context);

	return 0;
}
