/*
 * Logs in every way there is, and prints what arrives at the emitters: of the time stamps the form.
 */
#define _GNU_SOURCE
#include <libwebsockets.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The line with 9 for each digit of a time stamp that it starts with. */
static const char *
formed(const char *line)
{
	static char copy[400];
	size_t n;

	snprintf(copy, sizeof(copy), "%s", line);
	if (copy[0] == '[')
		for (n = 1; copy[n] && copy[n] != ']'; n++)
			if (copy[n] >= '0' && copy[n] <= '9')
				copy[n] = '9';
	return copy;
}

/* The library's own syslog() calls end here: glibc's headers may have made them the checked variant. */
static void
show_syslog(int priority, const char *format, va_list ap)
{
	char text[400];

	vsnprintf(text, sizeof(text), format, ap);
	printf("syslog %d [%s]\n", priority, formed(text));
}

void
syslog(int priority, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	show_syslog(priority, format, ap);
	va_end(ap);
}

void
__syslog_chk(int priority, int flag, const char *format, ...)
{
	va_list ap;

	(void)flag;
	va_start(ap, format);
	show_syslog(priority, format, ap);
	va_end(ap);
}

static void
emit(int level, const char *line)
{
	printf("emit %d (%zu) [%s]\n", level, strlen(line), formed(line));
}

static void
emit_cx(struct lws_log_cx *cx, int level, const char *line, size_t len)
{
	printf("emit_cx %s %d (%zu, %zu) [%s]\n", (const char *)cx->opaque, level, len,
	       strlen(line), formed(line));
}

static void
prepend(struct lws_log_cx *cx, void *obj, char **p, char *e)
{
	*p += lws_snprintf(*p, (size_t)(e - *p), "{%s %s room %d}",
			   cx->opaque ? (const char *)cx->opaque : "process",
			   obj ? (const char *)obj : "-", (int)(e - *p));
}

static void
count(struct lws_log_cx *cx, int change)
{
	printf("count %s %+d is %d\n", (const char *)cx->opaque, change, cx->refcount);
}

static void
log_list(int level, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	_lws_logv(level, format, ap);
	va_end(ap);
}

static void
levels(void)
{
	int bit;

	printf("visible at first:");
	for (bit = 0; bit < 14; bit++)
		printf(" %d", lwsl_visible(1 << bit));
	printf("\nvisible several %d none %d\n", lwsl_visible(0xfff), lwsl_visible(0));

	lws_set_log_level(0xfff, emit);
	for (bit = 0; bit < 13; bit++)
		_lws_log(1 << bit, "level %d", bit);
	_lws_log(LLL_ERR | LLL_WARN, "two levels");
	_lws_log(0, "no level");

	lws_set_log_level(LLL_ERR, NULL);
	lwsl_err("only errors");
	lwsl_warn("not warnings");
	_lws_log(LLL_ERR | LLL_WARN, "one of two levels");
	lws_set_log_level(0xffffff, NULL);
	_lws_log(1 << 12, "beyond the levels");
	lws_set_log_level(0xfff, NULL);
}

static void
texts(void)
{
	char big[1000];
	int n;

	lwsl_err("a %s of %d and %5.2f", "text", 7, 3.14159);
	log_list(LLL_WARN, "by list %s %lu", "x", 18446744073709551615UL);
	lwsl_err("with its newline\n");
	lwsl_err("with two\n\n");
	lwsl_err("inner\nnewline");
	lwsl_err("%s", "");
	errno = ENOENT;
	lwsl_err("the caller's errno: %m");
	printf("errno afterwards: %d\n", errno);

	for (n = 220; n < 228; n++) {
		memset(big, 'x', sizeof(big));
		big[n] = '\0';
		big[n - 1] = '#';
		lwsl_err("%s", big);
		big[n - 1] = '\n';
		lwsl_err("%s", big);
	}
	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	lwsl_err("%s", big);
}

static void
contexts(void)
{
	lws_log_cx_t top, mid, leaf, plain;
	char name[400];
	int n;

	_lws_log_cx(NULL, NULL, NULL, LLL_ERR, "fun", "process-wide %d", 1);
	_lws_log_cx(NULL, NULL, NULL, LLL_ERR, NULL, "process-wide %d", 2);
	_lws_log_cx(NULL, prepend, "obj", LLL_ERR, "fun", "process-wide %d", 3);

	memset(&top, 0, sizeof(top));
	top.u.emit_cx = emit_cx;
	top.prepend = prepend;
	top.lll_flags = 0xfff | LLLF_LOG_CONTEXT_AWARE;
	mid = leaf = top;
	top.opaque = "top";
	mid.opaque = "mid";
	leaf.opaque = "leaf";
	mid.parent = &top;
	leaf.parent = &mid;

	_lws_log_cx(&leaf, prepend, "obj", LLL_ERR, "fun", "in leaf");
	_lws_log_cx(&mid, prepend, "obj", LLL_ERR, "fun", "in mid");
	_lws_log_cx(&top, prepend, "obj", LLL_ERR, "fun", "in top");
	_lws_log_cx(&top, NULL, "obj", LLL_ERR, "fun", "in top");
	mid.prepend = NULL;
	_lws_log_cx(&leaf, prepend, "obj", LLL_ERR, "fun", "mid has no prefix");
	mid.prepend = prepend;

	top.lll_flags &= ~(uint32_t)LLL_ERR;
	_lws_log_cx(&leaf, prepend, "obj", LLL_ERR, "fun", "parents do not refuse");
	leaf.lll_flags &= ~(uint32_t)LLL_ERR;
	_lws_log_cx(&leaf, prepend, "obj", LLL_ERR, "fun", "refused");
	leaf.lll_flags |= LLL_ERR;
	lws_set_log_level(LLL_WARN, NULL);
	_lws_log_cx(&leaf, prepend, "obj", LLL_ERR, "fun", "nor does the process");
	lws_set_log_level(0xfff, NULL);

	memset(&plain, 0, sizeof(plain));
	plain.opaque = "plain";
	plain.u.emit = emit;
	plain.lll_flags = LLL_ERR;
	_lws_log_cx(&plain, NULL, NULL, LLL_ERR, "fun", "plain emitter");
	for (n = 218; n < 228; n++) {
		memset(name, 'f', sizeof(name));
		name[n] = '\0';
		_lws_log_cx(&plain, NULL, NULL, LLL_ERR, name, "text");
		_lws_log_cx(&plain, NULL, NULL, LLL_ERR, name, "%s", "");
	}
	memset(name, 'f', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	_lws_log_cx(&plain, prepend, "obj", LLL_ERR, name, "text");
	_lws_log_cx(&plain, prepend, name, LLL_ERR, "fun", "text");

	plain.refcount_cb = count;
	lwsl_refcount_cx(NULL, 1);
	lwsl_refcount_cx(&plain, 1);
	lwsl_refcount_cx(&plain, 5);
	lwsl_refcount_cx(&plain, -1);
	lwsl_refcount_cx(&plain, 0);
	printf("others: %d %d\n", top.refcount, mid.refcount);
}

static void
hexdumps(void)
{
	unsigned char bytes[300];
	lws_log_cx_t cx;
	size_t n;

	for (n = 0; n < sizeof(bytes); n++)
		bytes[n] = (unsigned char)n;

	lwsl_hexdump_level(LLL_NOTICE, bytes, 0);
	lwsl_hexdump_level(LLL_NOTICE, bytes, 1);
	lwsl_hexdump_level(LLL_NOTICE, bytes, 9);
	lwsl_hexdump_level(LLL_NOTICE, bytes + 30, 16);
	lwsl_hexdump_level(LLL_NOTICE, bytes, sizeof(bytes));
	lwsl_hexdump_level(LLL_NOTICE, NULL, 10);
	lwsl_hexdump_level(LLL_NOTICE, NULL, 0);
	lwsl_hexdump("hello world", 12);
	lwsl_hexdump_level(LLL_ERR | LLL_WARN, "x", 1);
	lws_set_log_level(LLL_ERR, NULL);
	lwsl_hexdump("hello world", 12);

	memset(&cx, 0, sizeof(cx));
	cx.opaque = "cx";
	cx.u.emit = emit;
	cx.lll_flags = LLL_WARN;
	lwsl_hexdump_level_cx(&cx, prepend, "obj", LLL_WARN, "hello", 5);
	lwsl_hexdump_level_cx(&cx, prepend, "obj", LLL_ERR, "hello", 5);
	lws_set_log_level(0xfff, NULL);
}

static void
timestamps(void)
{
	char stamp[64];
	size_t size;

	for (size = 1; size < 34; size++) {
		memset(stamp, '@', sizeof(stamp));
		printf("%zu: %d", size, lwsl_timestamp(LLL_WARN, stamp, size));
		printf(" [%s] %d\n", formed(stamp), stamp[size] == '@');
	}
	printf("two levels: %d", lwsl_timestamp(LLL_ERR | LLL_WARN, stamp, sizeof(stamp)));
	printf(" [%s]\n", stamp);
	printf("no level: %d", lwsl_timestamp(0, stamp, sizeof(stamp)));
	printf(" [%s]\n", stamp);
	printf("beyond: %d", lwsl_timestamp(1 << LLL_COUNT, stamp, sizeof(stamp)));
	printf(" [%s]\n", stamp);
}

static void
emitters(void)
{
	int bit;

	for (bit = 0; bit < 13; bit++)
		lwsl_emit_syslog(1 << bit, "direct");
	lwsl_emit_syslog(LLL_ERR | LLL_WARN, "direct");
	lws_set_log_level(0xfff, lwsl_emit_syslog);
	lwsl_err("error");
	lwsl_user("user");

	lws_set_log_level(LLL_ERR | LLL_WARN, emit);
	lwsl_err("another emitter");
}

static void
file(const char *path)
{
	lws_log_cx_t cx;

	memset(&cx, 0, sizeof(cx));
	cx.opaque = (void *)path;
	cx.lll_flags = LLL_ERR | LLLF_LOG_CONTEXT_AWARE;
	cx.u.emit_cx = lws_log_emit_cx_file;
	cx.refcount_cb = lws_log_use_cx_file;

	lwsl_refcount_cx(&cx, 1);
	_lws_log_cx(&cx, NULL, NULL, LLL_ERR, "fun", "first");
	lwsl_refcount_cx(&cx, 1);
	_lws_log_cx(&cx, NULL, NULL, LLL_ERR, "fun", "second");
	lwsl_refcount_cx(&cx, -1);
	_lws_log_cx(&cx, NULL, NULL, LLL_ERR, "fun", "third");
	lwsl_refcount_cx(&cx, -1);
	_lws_log_cx(&cx, NULL, NULL, LLL_ERR, "fun", "lost");
}

int
main(int argc, char **argv)
{
	if (argc < 2)
		return 1;

	levels();
	texts();
	contexts();
	hexdumps();
	timestamps();
	emitters();
	file(argv[1]);

	return 0;
}
