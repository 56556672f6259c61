/*
 * Logs to stderr: with the argument "tty", to one that is a terminal, and prints what arrives there.
 */
#define _GNU_SOURCE
#include <libwebsockets.h>

#include <pty.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static void
log_all(void)
{
	int bit;

	lwsl_err("default emitter");
	lws_set_log_level(0xfff, lwsl_emit_stderr);
	lwsl_user("stderr");
	lws_set_log_level(0xfff, lwsl_emit_stderr_notimestamp);
	lwsl_user("stderr again");
	for (bit = 0; bit < 12; bit++)
		lwsl_emit_stderr(1 << bit, "as it is|");
	lwsl_emit_stderr(LLL_ERR | LLL_WARN, "as it is\n");
	lwsl_emit_stderr_notimestamp(LLL_ERR | LLL_THREAD, "as it is\n");
}

int
main(int argc, char **argv)
{
	struct termios raw;
	char seen[4096];
	int terminal, theirs;
	size_t len = 0;
	ssize_t n;

	if (argc < 2 || strcmp(argv[1], "tty")) {
		log_all();
		return 0;
	}

	memset(&raw, 0, sizeof(raw));
	cfmakeraw(&raw);
	if (openpty(&terminal, &theirs, NULL, &raw, NULL) || dup2(theirs, 2) != 2 || close(theirs))
		return 1;
	log_all();
	/* what was written is there at once; the end is when nobody has the other side open */
	if (close(2))
		return 1;
	while (len < sizeof(seen) && (n = read(terminal, seen + len, sizeof(seen) - len)) > 0)
		len += (size_t)n;

	return fwrite(seen, 1, len, stdout) != len;
}
