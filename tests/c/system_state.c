/*
 * system_state: prints every notification of the system state, every callback that is not about a connection, and in
 * which call each came. The first argument says what the notifiers do.
 *
 *   watch      nothing
 *   explicit   nothing; the vhost is made after the context
 *   veto       "first" refuses DHCP twice, and goes on from a timer
 *   once       "second" refuses REGISTERED for good
 *   leave      "second" deregisters itself at AUTH1, "first" adds a third at AUTH2
 *   never      the loop is never run
 *   jump       the program moves the state itself when it is operational
 *   keep       POLICY_INVALID and CONTEXT_DESTROYING are refused
 *   destroy    "first" destroys the context when it is operational
 *   destroy-now "second" destroys the context before it is initialized
 *   fail       the context cannot be created
 *   own        a state machine of the program's own
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libwebsockets.h>

static const char *const names[] = { "UNKNOWN", "CONTEXT_CREATED", "INITIALIZED", "IFACE_COLDPLUG", "DHCP",
	"CPD_PRE_TIME", "TIME_VALID", "CPD_POST_TIME", "POLICY_VALID", "REGISTERED", "AUTH1", "AUTH2", "OPERATIONAL",
	"POLICY_INVALID", "CONTEXT_DESTROYING" };

static const char *mode, *during = "main";
static struct lws_context *context;
static lws_sorted_usec_list_t again;
static int refusals, operational, over;

static int is(const char *what)
{
	return !strcmp(mode, what);
}

static void note(const char *what)
{
	printf("%s: %s\n", during, what);
}

static int third_notify(lws_state_manager_t *mgr, lws_state_notify_link_t *link, int current, int target)
{
	printf("%s: %s %s -> %s\n", during, link->name, names[current], names[target]);
	(void)mgr;
	return 0;
}

static lws_state_notify_link_t third = { { NULL, NULL, NULL }, third_notify, "third" };

static void go_on(lws_sorted_usec_list_t *sul)
{
	int r;

	(void)sul;
	note("go on");
	r = lws_state_transition_steps(lws_system_get_state_manager(context), LWS_SYSTATE_OPERATIONAL);
	printf("%s: gone on %d, %s\n", during, r, names[lws_system_get_state_manager(context)->state]);
}

static int notify(lws_state_manager_t *mgr, lws_state_notify_link_t *link, int current, int target)
{
	int second = !strcmp(link->name, "second");

	printf("%s: %s %s -> %s, is %s\n", during, link->name, names[current], names[target], names[mgr->state]);
	if (lws_system_context_from_system_mgr(mgr) != mgr->context || mgr->parent != mgr->context ||
	    (context && (mgr != lws_system_get_state_manager(context) || mgr->context != context)) ||
	    strcmp(mgr->name, "system"))
		note("the manager is not the context's");

	if (is("veto") && !second && target == LWS_SYSTATE_DHCP && current != target && refusals < 2) {
		refusals++;
		lws_sul_schedule(mgr->context, 0, &again, go_on, LWS_US_PER_MS);
		return 1;
	}
	if (is("once") && second && target == LWS_SYSTATE_REGISTERED && current != target) {
		operational = 1;
		lws_cancel_service(mgr->context);
		return -1;
	}
	if (is("leave") && second && target == LWS_SYSTATE_AUTH1 && current == target)
		lws_state_reg_deregister(link);
	if (is("leave") && !second && target == LWS_SYSTATE_AUTH2 && current != target)
		lws_state_reg_notifier(mgr, &third);
	if (is("keep") && current == LWS_SYSTATE_OPERATIONAL && target != current)
		return 1;
	if (current == LWS_SYSTATE_OPERATIONAL && target == current)
		operational = 1;
	if (operational)
		lws_cancel_service(mgr->context);
	if ((is("destroy") && !second && operational && !over) ||
	    (is("destroy-now") && second && target == LWS_SYSTATE_INITIALIZED && current != target)) {
		over = 1;
		note("destroying");
		lws_context_destroy(context);
		note("destroy returned");
	}

	return 0;
}

static lws_state_notify_link_t
	first = { { NULL, NULL, NULL }, notify, "first" },
	second = { { NULL, NULL, NULL }, notify, "second" };
static lws_state_notify_link_t *const notifiers[] = { &first, &second, NULL };

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	(void)wsi, (void)user, (void)in, (void)len;
	if (reason == LWS_CALLBACK_PROTOCOL_INIT)
		note("PROTOCOL_INIT");
	if (reason == LWS_CALLBACK_PROTOCOL_DESTROY)
		note("PROTOCOL_DESTROY");

	return 0;
}

static const struct lws_protocols protocols[] = {
	{ "http", callback, 0, 0, 0, NULL, 0 },
	{ NULL, NULL, 0, 0, 0, NULL, 0 },
};

static void finalized(struct lws_vhost *vh, void *arg)
{
	(void)vh, (void)arg;
	note("vhost finalized");
}

/* a manager that is not the context's: the functions know nothing of the system */

static int own_notify(lws_state_manager_t *mgr, lws_state_notify_link_t *link, int current, int target)
{
	printf("%s: %s %d -> %d, is %d\n", mgr->name, link->name, current, target, mgr->state);
	return target == 4 && current != target && refusals++ < 1;
}

static int own_machine(void)
{
	static const char *states[] = { "a", "b", "c", "d", "e", "f", "g", "h" };
	lws_state_manager_t mgr;
	lws_state_notify_link_t a = { { NULL, NULL, NULL }, own_notify, "a" }, b = { { NULL, NULL, NULL }, own_notify, "b" };
	lws_state_notify_link_t *list[] = { &a, &b, NULL };

	memset(&mgr, 0, sizeof(mgr));
	mgr.name = "own";
	mgr.state_names = states;
	lws_state_reg_notifier_list(&mgr, NULL);
	lws_state_reg_notifier_list(&mgr, list);
	printf("%u registered\n", mgr.notify_list.count);
	printf("transition %d", lws_state_transition(&mgr, 2));
	printf(", %d\n", mgr.state);
	printf("same %d", lws_state_transition(&mgr, 2));
	printf(", %d\n", mgr.state);
	printf("steps %d", lws_state_transition_steps(&mgr, 6));
	printf(", %d\n", mgr.state);
	printf("steps %d", lws_state_transition_steps(&mgr, 6));
	printf(", %d\n", mgr.state);
	printf("steps back %d", lws_state_transition_steps(&mgr, 3));
	printf(", %d\n", mgr.state);
	lws_state_reg_deregister(&b);
	lws_state_reg_deregister(&b);
	printf("back %d", lws_state_transition(&mgr, 1));
	printf(", %d, %u registered\n", mgr.state, mgr.notify_list.count);
	lws_state_reg_deregister(&a);
	printf("steps %d", lws_state_transition_steps(&mgr, 7));
	printf(", %d\n", mgr.state);
	printf("context %s\n", lws_system_context_from_system_mgr(&mgr) ? "some" : "none");

	return 0;
}

int main(int argc, const char **argv)
{
	struct lws_context_creation_info info;
	int n;

	mode = argc > 1 ? argv[1] : "watch";
	setvbuf(stdout, NULL, _IOLBF, 0);
	lws_set_log_level(0, NULL);
	if (is("own"))
		return own_machine();

	memset(&info, 0, sizeof(info));
	info.port = CONTEXT_PORT_NO_LISTEN;
	info.protocols = protocols;
	info.register_notifier_list = notifiers;
	info.pcontext = &context;
	info.finalize = finalized;
	if (is("fail")) {
		info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
		info.port = 0;
		info.ssl_cert_filepath = info.ssl_private_key_filepath = "/nonexistent";
	}
	if (is("explicit"))
		info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
	during = "create";
	context = lws_create_context(&info);
	if (!context) {
		note("no context");
		return !is("fail");
	}
	printf("created: %s\n", names[lws_system_get_state_manager(context)->state]);
	if (is("explicit")) {
		during = "vhost";
		if (!lws_create_vhost(context, &info))
			return 1;
	}

	during = "service";
	for (n = 0; n < 5000 && !operational && !over && !is("never"); n++)
		if (lws_service(context, 0) < 0)
			break;

	if (is("jump")) {
		lws_state_manager_t *mgr = lws_system_get_state_manager(context);

		during = "jump";
		printf("%d\n", lws_state_transition(mgr, LWS_SYSTATE_POLICY_INVALID));
		printf("%d\n", lws_state_transition_steps(mgr, LWS_SYSTATE_OPERATIONAL));
		printf("%d\n", lws_state_transition(mgr, LWS_SYSTATE_AUTH2));
		printf("%d\n", lws_state_transition_steps(mgr, LWS_SYSTATE_OPERATIONAL));
	}
	if (is("keep"))
		operational = 2;

	during = "destroy";
	if (context)
		lws_context_destroy(context);
	printf("%s\n", context ? "still there" : "gone");

	return 0;
}
