/*
 * The bodies of the C API's variadic functions: what stable Rust cannot express is taking "...".
 * variadic.rs exports each of them under its API name; nothing here is visible outside of the library.
 */

#define _GNU_SOURCE /* O_TMPFILE */

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define HIDDEN __attribute__((visibility("hidden")))

/* Must be util::log::LINE_MAX: variadic.rs asserts it. */
#define LINE_MAX_BYTES 256

struct lws_log_cx;
typedef void (*prepend_fn)(struct lws_log_cx *cx, void *obj, char **p, char *e);

/* Defined in log.rs. */
HIDDEN int ferrows_log_visible(struct lws_log_cx *cx, int filter);
HIDDEN size_t ferrows_log_begin(struct lws_log_cx *cx, prepend_fn prep, void *obj, int filter,
				const char *fun, char *line);
HIDDEN void ferrows_log_end(struct lws_log_cx *cx, int filter, char *line, size_t begun,
			    size_t wanted);

HIDDEN void ferrows_logv(int filter, const char *format, va_list ap);
HIDDEN void ferrows_log(int filter, const char *format, ...);
HIDDEN void ferrows_log_cx(struct lws_log_cx *cx, prepend_fn prep, void *obj, int filter,
			   const char *fun, const char *format, ...);
HIDDEN int ferrows_snprintf(char *str, size_t size, const char *format, ...);
HIDDEN int ferrows_open(const char *path, int oflag, ...);

static void
log_line(struct lws_log_cx *cx, prepend_fn prep, void *obj, int filter, const char *fun,
	 const char *format, va_list ap)
{
	char line[LINE_MAX_BYTES];
	int saved_errno = errno;
	size_t begun;
	int wanted;

	if (!format || !ferrows_log_visible(cx, filter))
		return;

	begun = ferrows_log_begin(cx, prep, obj, filter, fun, line);
	/* "%m" is the caller's errno, and the caller may look at it again after logging */
	errno = saved_errno;
	wanted = vsnprintf(line + begun, sizeof(line) - 1 - begun, format, ap);
	ferrows_log_end(cx, filter, line, begun, wanted > 0 ? (size_t)wanted : 0);
	errno = saved_errno;
}

void
ferrows_logv(int filter, const char *format, va_list ap)
{
	log_line(NULL, NULL, NULL, filter, NULL, format, ap);
}

void
ferrows_log(int filter, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	log_line(NULL, NULL, NULL, filter, NULL, format, ap);
	va_end(ap);
}

void
ferrows_log_cx(struct lws_log_cx *cx, prepend_fn prep, void *obj, int filter, const char *fun,
	       const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	log_line(cx, prep, obj, filter, fun, format, ap);
	va_end(ap);
}

int
ferrows_snprintf(char *str, size_t size, const char *format, ...)
{
	va_list ap;
	int wanted;

	if (!str || !size)
		return 0;

	if (!format) {
		*str = '\0';
		return 0;
	}

	va_start(ap, format);
	wanted = vsnprintf(str, size, format, ap);
	va_end(ap);

	if (wanted < 0) {
		*str = '\0';
		return wanted;
	}

	return (size_t)wanted > size ? (int)size : wanted;
}

int
ferrows_open(const char *path, int oflag, ...)
{
	mode_t mode = 0;

	if (!path) {
		errno = EFAULT;
		return -1;
	}

	/* the mode is only there to be taken when the flags say so */
	if ((oflag & O_CREAT)
#if defined(O_TMPFILE)
	    || (oflag & O_TMPFILE) == O_TMPFILE
#endif
	) {
		va_list ap;

		va_start(ap, oflag);
		/* mode_t may be narrower than what it is promoted to on the way here */
		mode = (mode_t)va_arg(ap, unsigned int);
		va_end(ap);
	}

	return open(path, oflag | O_CLOEXEC, mode);
}
