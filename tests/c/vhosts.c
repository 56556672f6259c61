/*
 * Makes and destroys vhosts, one after another: what they took is given back,
 * and pointers to those that ended long ago do no harm.
 */

#define _POSIX_C_SOURCE 200809L

#include <libwebsockets.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WARM_UP	1000
#define CYCLES	10000
#define STALE	16

static const struct lws_protocols protocols[] = {
	{ "http", lws_callback_http_dummy, 0, 0, 0, NULL, 0 },
	LWS_PROTOCOL_LIST_TERM
};

static struct lws_http_mount mount = {
	.mountpoint = "/", .origin = ".", .origin_protocol = LWSMPRO_FILE,
	.mountpoint_len = 1
};

static long resident_kib(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	long pages = -1;

	if (!file)
		return -1;
	if (fscanf(file, "%*d %ld", &pages) != 1)
		pages = -1;
	fclose(file);

	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static int use(struct lws_vhost *stale)
{
	const char *name = lws_get_vhost_name(stale);

	/* Nothing, or one that ended later and had its place. */
	if (name && strcmp(name, "passing"))
		return 1;
	lws_vhost_destroy(stale);
	lws_get_vhost_listen_port(stale);
	lws_get_vhost_user(stale);
	lws_vh_tag(stale);

	return 0;
}

int main(void)
{
	struct lws_vhost *stale[STALE], *vhost;
	struct lws_context_creation_info info;
	struct lws_context *context;
	long before = 0, after;
	int n;

	lws_set_log_level(LLL_ERR, NULL);
	memset(&info, 0, sizeof(info));
	info.port = CONTEXT_PORT_NO_LISTEN;
	info.protocols = protocols;
	info.vhost_name = "staying";
	context = lws_create_context(&info);
	if (!context)
		return 1;
	lws_service_tsi(context, -1, 0);

	info.vhost_name = "passing";
	info.mounts = &mount;
	for (n = 0; n < WARM_UP + CYCLES; n++) {
		if (n == WARM_UP)
			before = resident_kib();
		/* some listen, and take a descriptor with them */
		info.port = n % 8 ? CONTEXT_PORT_NO_LISTEN : 0;
		vhost = lws_create_vhost(context, &info);
		if (!vhost) {
			printf("no vhost after %d\n", n);
			return 1;
		}
		if (n < STALE)
			stale[n] = vhost;
		lws_vhost_destroy(vhost);
		if (use(vhost)) {
			printf("one that has just ended is not found\n");
			return 1;
		}
	}
	after = resident_kib();

	for (n = 0; n < STALE; n++)
		if (use(stale[n])) {
			printf("a stale pointer finds the wrong vhost\n");
			return 1;
		}
	if (!lws_get_vhost_by_name(context, "staying") ||
	    lws_get_vhost_by_name(context, "passing")) {
		printf("the wrong vhosts are left\n");
		return 1;
	}
	if (before < 0 || after < 0 || after > before + 1024) {
		printf("from %ld to %ld KiB\n", before, after);
		return 1;
	}

	lws_context_destroy(context);
	for (n = 0; n < STALE; n++)
		if (lws_get_vhost_name(stale[n])) {
			printf("a vhost outlives its context\n");
			return 1;
		}
	printf("flat\n");

	return 0;
}
